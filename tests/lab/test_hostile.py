# SPDX-License-Identifier: MIT
"""A hostile friend: forged bundles that stand at Bob's door never get into
or through his Postfix."""

import os
import pathlib
import shutil
import subprocess

import pytest
from helpers import arrives, fresh_word, inbox_with
from labkit import files, story, wait

TOOLS = pathlib.Path(os.environ.get("AGAMID_TOOLS", "build/lab/tests/tools"))


def node_key(lab, name, kind, scratch):
    """The node's (or its recovery) public key out of its manifest."""
    lines = lab.manifest_of(name).read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(f"{kind}: |"))
    end = next(i for i in range(start, len(lines)) if "END PGP PUBLIC KEY" in lines[i])
    path = scratch / f"{name}-{kind}.asc"
    path.write_text("\n".join(line.strip() for line in lines[start + 1 : end + 1]) + "\n", encoding="ascii")
    return path


class Forger:
    """Carol, with her own good keys, makes what she likes."""

    def __init__(self, lab, scratch):
        self.lab = lab
        self.scratch = scratch
        self.keys = [node_key(lab, "bob", kind, scratch) for kind in ("openpgp", "recovery")]

    def make(self, word, *options, rcpt="<bob@bob.example>", acceptor="carol"):
        message = self.scratch / "message"
        message.write_bytes(story.message(word, "bob@bob.example"))
        argv = [TOOLS / "make_bundle", "--out", self.scratch, "--message", message, "--acceptor", acceptor]
        for key in self.keys:
            argv += ["--key", key]
        if "--ticket-seed" not in options:
            argv += ["--ticket-seed", self.lab.nodes["carol"].directory / "var/lib/agamid-key/ticket.seed"]
        if "--batch" not in options:
            argv += ["--mail", "<ann@sender.example>", "--rcpt", rcpt]
        made = subprocess.run([str(a) for a in [*argv, *options]], check=True, capture_output=True, text=True)
        return pathlib.Path(made.stdout.strip())

    def bring(self, path):
        """The file stands in Bob's incoming/carol/, as a session of
        Carol's would leave it; Bob's relayd is told by a restart."""
        bob = self.lab.nodes["bob"]
        there = bob.directory / "var/spool/agamid/incoming/carol" / path.name
        bob.stop_services("agamid-relayd")
        shutil.copy(path, there)
        os.chown(there, files.USERS["agamid-ssh"][0], files.USERS["agamid"][0])
        there.chmod(0o640)
        bob.start_services("agamid-relayd")
        self.lab.ready(bob)
        base = bob.directory / "var/spool/agamid"
        wait.until(lambda: not there.exists() and not list(base.glob("held/bob/*")), 60, "Bob to be done with it")


@pytest.fixture
def forger(lab, tmp_path):
    return Forger(lab, tmp_path)


def test_a_good_one_gets_in(lab, forger):
    """SPEC R-9.3: the forger's ways are right: an honest bundle brought so arrives."""
    word = fresh_word("forge")
    forger.bring(forger.make(word, "--client", "address=198.51.100.7"))
    arrives(lab, "bob", word)


FORGED = {
    "no-good-signature": ["--break-signature"],
    "other-hash": ["--flip-after", "900"],
    "other-size": ["--ticket-size", "99"],
    "other-network": ["--network", "enemies.example"],
    "other-home": ["--home", "dave"],
    "inside-other-home": ["--inside-home", "dave"],
    "inside-other-acceptor": ["--inside-acceptor", "alice"],
    "inside-other-nonce": ["--inside-nonce", "00" * 16],
    "damaged-inside": ["--flip", "900"],
    "cut": ["--truncate", "900"],
    "appended": ["--append", "x"],
}


@pytest.mark.parametrize("kind", sorted(FORGED))
def test_forged_bundle(lab, forger, kind):
    """SPEC N-10.1, B-9.1, B-9.2, B-9.3, B-9.4: ticket and inside are checked before anything is said
    to Postfix."""
    word = fresh_word("forge")
    forger.bring(forger.make(word, *FORGED[kind]))
    assert inbox_with(lab, "bob", word) == []


def test_ticket_under_anothers_name(lab, forger):
    """SPEC N-4.2, B-6.7, R-9.2, R-9.3: Carol signs as Alice."""
    word = fresh_word("forge")
    forger.bring(forger.make(word, acceptor="alice"))
    assert inbox_with(lab, "bob", word) == []


def test_foreign_recipient(lab, forger):
    """SPEC N-10.3, B-9.5: Bob's Postfix does not relay for a friend."""
    word = fresh_word("forge")
    forger.bring(forger.make(word, rcpt="<victim@sender.example>"))
    assert postfix_saw(lab, "victim@sender.example") == []


SMUGGLED = {
    "second-transaction": "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@bob.example>\r\nDATA\r\nS: {0}\r\n\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<victim@sender.example>\r\nDATA\r\n{0}\r\n.\r\nQUIT\r\n",
    "line-in-path": "EHLO c\r\nMAIL FROM:<a@b.example\nRCPT TO:<victim@sender.example>>\r\nRCPT TO:<bob@bob.example>\r\nDATA\r\n{0}\r\n.\r\nQUIT\r\n",
    "xclient": "EHLO c\r\nXCLIENT ADDR=127.0.0.1\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@bob.example>\r\nDATA\r\n{0}\r\n.\r\nQUIT\r\n",
    "unknown-parameter": "EHLO c\r\nMAIL FROM:<a@b.example> AUTH=<root@bob.example>\r\nRCPT TO:<bob@bob.example>\r\nDATA\r\n{0}\r\n.\r\nQUIT\r\n",
    "after-quit": "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@bob.example>\r\nDATA\r\n{0}\r\n.\r\nQUIT\r\nMAIL FROM:<a@b.example>\r\n",
}


@pytest.mark.parametrize("kind", sorted(SMUGGLED))
def test_smuggled_commands(lab, forger, kind, tmp_path):
    """SPEC N-10.2, B-3.1, B-3.12: exactly one transaction of known commands."""
    word = fresh_word("forge")
    batch = tmp_path / "batch"
    batch.write_bytes(SMUGGLED[kind].format(word).encode())
    forger.bring(forger.make(word, "--batch", str(batch)))
    assert inbox_with(lab, "bob", word) == []
    assert postfix_saw(lab, "victim@sender.example") == []


@pytest.mark.parametrize("end", ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r"])
def test_smuggling_by_bare_line_ends(lab, forger, end, tmp_path):
    """SPEC N-10.2, B-3.9: a dot between bare line ends in a body never ends it at home."""
    word = fresh_word("forge")
    batch = tmp_path / "batch"
    inner = f"{end}MAIL FROM:<a@b.example>\r\nRCPT TO:<victim@sender.example>\r\nDATA\r\nx{end}"
    text = f"EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@bob.example>\r\nDATA\r\nSubject: {word}\r\n\r\nbody{inner}\r\n.\r\nQUIT\r\n"
    batch.write_bytes(text.encode())
    forger.bring(forger.make(word, "--batch", str(batch)))
    assert len(inbox_with(lab, "bob", word)) <= 1
    assert postfix_saw(lab, "victim@sender.example") == []


def test_private_client_address_gives_nothing(lab, forger):
    """SPEC N-10.4: a client said to be in Bob's own network is unknown to
    his Postfix, and may not relay."""
    word = fresh_word("forge")
    forger.bring(forger.make(word, "--client", "address=192.168.1.9", "--client", "name=desk.lan"))
    arrives(lab, "bob", word)
    log = (lab.nodes["bob"].directory / "var/log/mail.log").read_text(encoding="utf-8")
    assert "192.168.1.9" not in log


def test_three_copies_one_mail(lab, forger):
    """SPEC N-9.4, B-9.6: a bundle that arrives three times is delivered once."""
    word = fresh_word("forge")
    path = forger.make(word)
    for _ in range(3):
        forger.bring(path)
    arrives(lab, "bob", word)


def postfix_saw(lab, recipient):
    log = lab.nodes["bob"].directory / "var/log/mail.log"
    return [line for line in log.read_text(encoding="utf-8").splitlines() if f"to=<{recipient}>" in line]
