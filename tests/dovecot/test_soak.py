# SPDX-License-Identifier: MIT
"""How fast, and for how long: what takes too much time for every run.

The figures are printed (pytest -s); the limits are those of issue and spec,
with room for a busy machine where they are a time."""
import os
import re

import pytest

from dovebox import UID, run

pytestmark = pytest.mark.soak
BODY = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n"


def text(number, lines=128):
    return b"Subject: mail %d\r\nFrom: a@b.example\r\n\r\n" % number + BODY * lines


def fill(box, folder, messages):
    """Straight into a Maildir."""
    where = box.home() / "Maildir" / ("" if folder == "INBOX" else "." + folder)
    for name in ("cur", "new", "tmp"):
        (where / name).mkdir(parents=True, exist_ok=True)
    for number, message in enumerate(messages):
        (where / "new" / f"{1000000 + number}.M{number}P1.test").write_bytes(
            message)
    run("chown", "-R", f"{UID}:{UID}", box.home())


def imap_pid(box):
    return next(p for p, name in box.processes().items() if name == "imap")


def timed(box, client, command):
    """Seconds that imap computed: others on the machine don't count."""
    path = f"/proc/{imap_pid(box)}/schedstat"
    with open(path) as now:
        start = int(now.read().split()[0])
    client.ok(command)
    with open(path) as now:
        return (int(now.read().split()[0]) - start) / 1e9


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def test_hundred_sealed_mails(dovecot, sealer):
    """100 mails of 8 kB; then again."""
    box = dovecot()
    fill(box, "INBOX", sealer.seal(*(text(n) for n in range(100))))
    with box.imap() as client:
        client.ok("SELECT INBOX")
        first = timed(box, client, "FETCH 1:100 (BODY.PEEK[])")
        again = timed(box, client, "FETCH 1:100 (BODY.PEEK[])")
        print(f"100 sealed mails: {first:.3f} s, again {again:.3f} s, "
              f"RSS {resident(imap_pid(box))} kB")
    assert box.log().count("agamid: opened") == 100
    assert first < 1
    assert again < first


def listing(box):
    times = []
    for _ in range(4):
        with box.imap() as client:
            client.ok("SELECT INBOX")
            times.append(timed(box, client, "FETCH 1:2000 (RFC822.SIZE ENVELOPE)"))
    return times


def test_two_thousand_plain_mails(dovecot):
    """Listing them, with and without the plugin; four sessions each."""
    found = {}
    for loaded in ("", "agamid"):
        box = dovecot(loaded=loaded)
        fill(box, "INBOX", (text(n, 16) for n in range(2000)))
        found[loaded] = listing(box)
        print(f"2000 plain mails, plugins '{loaded}':",
              " ".join(f"{t:.3f}" for t in found[loaded]))
    assert found["agamid"][0] < 5 * max(found[""][0], 0.05)
    assert min(found["agamid"][1:]) < 1.2 * min(found[""][1:]) + 0.02


def test_five_thousand_fetches(dovecot, sealer):
    """Memory and descriptors stay."""
    box = dovecot()
    count = 250
    fill(box, "INBOX", sealer.seal(*(text(n) for n in range(count))))
    with box.imap() as client:
        client.ok("SELECT INBOX")
        pid = imap_pid(box)
        seen = []
        for _ in range(20):
            for number in range(1, count + 1):
                client.ok(f"FETCH {number} (BODY.PEEK[] ENVELOPE)")
            seen.append((resident(pid), len(os.listdir(f"/proc/{pid}/fd"))))
        print("5000 fetches: RSS kB, descriptors:", seen[1], seen[-1])
    assert seen[-1][0] < seen[1][0] * 1.1 + 1000
    assert seen[-1][1] <= seen[1][1]


def test_bomb(dovecot, sealer, key):
    """200 MB in 200 kB: shown as it is, without taking the memory."""
    box = dovecot()
    bomb = sealer.wrap(key.gpg("--armor", "--encrypt", "-z", "1", "-r",
                               "frank@friends.example",
                               data=bytes(200 << 20)))[0]
    fill(box, "INBOX", [bomb])
    with box.imap() as client:
        client.ok("SELECT INBOX")
        assert client.bodies() == {1: re.sub(rb"\r?\n", b"\r\n", bomb)}
        assert resident(imap_pid(box)) < 50000
    assert len(box.told("more comes out")) == 1
