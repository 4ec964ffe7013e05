# SPDX-License-Identifier: MIT
"""
Dovecot's own imaptest: its scripts, with their mails plain and sealed, and
its random commands. Debian has no package of it: AGAMID_IMAPTEST is the
folder where it was built (github.com/dovecot/imaptest); without it these
are left out.
"""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

import mails
from dovebox import DEADLINE

pytestmark = pytest.mark.imaptest
SOURCE = pathlib.Path(os.environ.get("AGAMID_IMAPTEST", "/no/such/folder"))


def split(mbox):
    """(the line From, the message) of each; as imaptest reads it."""
    for part in re.split(rb"(?m)^(?=From )", mbox)[1:]:
        first, _, message = part.partition(b"\n")
        yield first, message


def seal_mbox(path, sealer):
    parts = list(split(path.read_bytes()))
    sealed = sealer.seal(*(mails.crlf(m.replace(b"\r", b"")) for _, m in parts))
    path.write_bytes(b"".join(
        first + b"\n" + mail.replace(b"\r\n", b"\n")
        for (first, _), mail in zip(parts, sealed)))


def imaptest(box, *argv):
    done = subprocess.run(
        [SOURCE / "src/imaptest", "host=127.0.0.1", f"port={box.imap_port}",
         "user=frank", f"pass={box.users['frank']}", *argv],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=10 * DEADLINE, check=False,
        env={**os.environ, "LD_LIBRARY_PATH": "/usr/lib/dovecot"})
    return done.stdout.decode(errors="replace")


def errors(output):
    """Which test, what; without times and counters."""
    return [line for line in output.splitlines()
            if re.search(r"(?i)error|fail|\*\*\*|panic", line)]


def test_scripts(dovecot, sealer, tmp_path):
    """The same errors, or none, as with plain mails."""
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    shutil.copytree(SOURCE / "src/tests", plain)
    shutil.copytree(SOURCE / "src/tests", sealed)
    for mbox in sealed.glob("*.mbox"):
        seal_mbox(mbox, sealer)
    found = []
    for tests in (plain, sealed):
        box = dovecot()
        output = imaptest(box, f"test={tests}",
                          f"mbox={tests / 'default.mbox'}")
        print(output[-2000:])
        found.append(errors(output.replace(str(tests), "")))
        assert "agamid" not in "".join(box.complaints())
    assert found[0] == found[1]
    assert box.log().count("agamid: opened") > 50


@pytest.mark.parametrize("kind", ["plain", "sealed"])
def test_random(dovecot, sealer, tmp_path, kind):
    """Ten clients of which each knows what the answers must be."""
    mbox = tmp_path / "mbox"
    shutil.copy(SOURCE / "src/tests/default.mbox", mbox)
    if kind == "sealed":
        seal_mbox(mbox, sealer)
    box = dovecot()
    output = imaptest(box, f"mbox={mbox}", "clients=10", "msgs=30",
                      "secs=20", "seed=22")
    print(output[-1500:])
    assert errors(output) == []
    assert box.complaints() == []
