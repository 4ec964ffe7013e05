# SPDX-License-Identifier: MIT
"""A node that is lost: its friends' copies are fetched to a laptop, by an
ordinary user with a backup, where no Postfix and no Agamid is set up."""

import pathlib
import re
import shutil
import subprocess

import pytest
from helpers import arrives, empty_spools, fresh_word, wait_for_copies
from labkit import mailbox, story, wait
from labkit.node import Node

BOB = "bob@bob.example"
ANN = "ann@sender.example"
PARTS = ["etc/agamid", "var/lib/agamid/manifests", "var/lib/agamid-key"]
USER = "nobody"


class Laptop:
    """A host in the lab's network with the programs and no service."""

    def __init__(self, lab, directory):
        self.lab, self.directory = lab, directory
        self.node = Node(lab, "laptop", "192.0.2.77", "laptop.sender.example")
        self.node.make_network()

    def run(self, *argv, check=True):
        """As an ordinary user, with a /usr/local of the build under test."""
        script = 'mount --bind "$1" /usr/local && shift && cd / && exec setpriv --reuid=%s --regid=nogroup --clear-groups "$@"' % USER
        result = subprocess.run(
            ["timeout", "60", "nsenter", f"--net=/run/netns/{self.node.netns}", "unshare", "-m", "--propagation", "private",
             "sh", "-c", script, "sh", self.lab.usr_local, *map(str, argv)],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert result.returncode in ([0] if check else [0, 1]), result.stdout + result.stderr + self.log()
        return result

    def rescue(self, kit, *more, check=True):
        return self.run("/usr/local/bin/agamid", "rescue", "--from", kit, "--to", self.maildir, *more, check=check)

    @property
    def maildir(self):
        return self.directory / "Mail"

    def log(self):
        path = self.directory / "Mail.rescue/log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def mails(self):
        return {p.name: p.read_bytes() for p in (self.maildir / "new").iterdir()}

    def own(self, path):
        subprocess.run(["chown", "-R", f"{USER}:nogroup", str(path)], check=True)


@pytest.fixture
def laptop(lab):
    directory = pathlib.Path(lab.directory) / "laptop"
    directory.mkdir()
    laptop = Laptop(lab, directory)
    laptop.own(directory)
    yield laptop
    subprocess.run(["ip", "netns", "del", laptop.node.netns], check=True)
    subprocess.run(["ip", "-n", lab.switch, "link", "del", laptop.node.veth], check=False, capture_output=True)
    shutil.rmtree(directory)


def backup_of(node, directory):
    for part in PARTS:
        shutil.copytree(node.directory / part, directory / part, symlinks=True,
                        ignore=shutil.ignore_patterns("delivery.db*", "gnupg"))
    return directory


def sent_to(lab, words):
    """Mails that only his friends have."""
    lab.nodes["bob"].off()
    sent = {}
    for word in words:
        body = f"Grüße, {word}\r\n.\r\n..x\r\n".encode("latin-1") + bytes(range(128, 256)) + b"\r\n"
        sent[word] = story.message(word, BOB, body=body, extra=b"X-Agamid-Via: mallory\r\nX-B:\tv\r\n folded\r\n")
        mailbox.submit(lab, ANN, [BOB, "bob+x@bob.example"], sent[word])
    wait.until(lambda: len(held_by_friends(lab)) == 3 * len(sent), 60, "copies with all friends")
    return sent


def held_by_friends(lab):
    return [p for n in lab.nodes.values() if n.name != "bob" for p in story.held(n, "bob")]


def as_sent(mail):
    """Line ends as on the wire, and the trace headers away; what a stranger
    called X-Agamid-* is gone, so it goes from what was sent, too."""
    return mailbox.below_trace(mail.replace(b"\n", b"\r\n"))


def test_rescue(lab, laptop):
    """SPEC N-23.1, N-23.2, N-23.3: readable, unchanged, once; friends keep
    theirs until they are told."""
    words = [fresh_word("rescue") for _ in range(4)]
    sent = sent_to(lab, words)
    before = sorted(p.name for p in held_by_friends(lab))
    kit = backup_of(lab.nodes["bob"], laptop.directory / "kit")
    laptop.own(kit)
    said = laptop.rescue(kit)
    assert re.search(r"^4 mails in \S+/Mail; friends: alice done, carol done, dave done$", said.stdout, re.M), said.stdout
    mails = laptop.mails()
    assert len(mails) == 4
    for word, message in sent.items():
        mail = next(m for m in mails.values() if word.encode() in m)
        assert as_sent(mail) == message.replace(b"X-Agamid-Via: mallory\r\n", b"")
        head = mail[: mail.index(b"Received: ")].decode().splitlines()
        assert head[0] == "Return-Path: <ann@sender.example>"
        assert sorted(head[1:3]) == ["Delivered-To: bob+x@bob.example", "Delivered-To: bob@bob.example"]
        assert {h.partition(":")[0] for h in head[3:] if h[0] != "\t"} == {"Authentication-Results", "X-Agamid-Via", "X-Agamid-Accepted", "X-Agamid-Held", "X-Agamid-Id", "X-Agamid-Once"}
    assert sorted(p.name for p in held_by_friends(lab)) == before
    assert not (laptop.directory / "Mail.rescue").exists()

    # Again, one read meanwhile and a friend away: nothing twice.
    name = next(iter(mails))
    (laptop.maildir / "new" / name).rename(laptop.maildir / "cur" / f"{name}:2,S")
    lab.nodes["dave"].off()
    again = laptop.rescue(kit, "--delete", check=False)
    assert again.returncode == 1 and "dave can't be reached" in again.stdout, again.stdout + again.stderr
    assert "1 of 3 friends could not be asked" in again.stderr
    assert sorted(laptop.mails()) == sorted(set(mails) - {name})
    wait.until(lambda: not story.held(lab.nodes["alice"], "bob") and not story.held(lab.nodes["carol"], "bob"), 60,
               "alice and carol to delete what was signed for")
    assert len(story.held(lab.nodes["dave"], "bob")) == 4

    # What dave held back he hears from the others; his home gets nothing twice.
    lab.start(lab.nodes["dave"])
    lab.start(lab.nodes["bob"])
    word = fresh_word()
    mailbox.submit(lab, ANN, [BOB], story.message(word, BOB))
    arrives(lab, "bob", word)
    empty_spools(lab)


def test_rescue_says_what_is_wrong(lab, laptop):
    """SPEC N-23.1: a kit that is none; another's key."""
    kit = backup_of(lab.nodes["bob"], laptop.directory / "kit")
    (kit / "var/lib/agamid-key/openpgp.asc").unlink()
    laptop.own(kit)
    said = laptop.rescue(kit, check=False)
    assert said.returncode == 1 and "agamid-deliver has ended" in said.stderr, said.stderr
    assert "openpgp.asc" in laptop.log()
    said = laptop.rescue(laptop.directory / "nothing", check=False)
    assert said.returncode == 1 and "can't read" in said.stderr
    said = laptop.rescue(laptop.directory, check=False)
    assert said.returncode == 1 and "expected a backup of" in said.stderr
