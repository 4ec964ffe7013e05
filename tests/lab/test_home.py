# SPDX-License-Identifier: MIT
"""Coming home: how long it takes until the mail that waits can be read.
With AGAMID_SOAK=1 as many mails as the promise says, and its times; else
fewer, whose times are only printed."""

import concurrent.futures
import imaplib
import os
import subprocess
import time

import pytest
from helpers import arrives, empty_spools, fresh_word, stranger_says
from labkit import files, netns, story, wait
from labkit.node import ip
from test_hostile import TOOLS, node_key

SOAK = bool(os.environ.get("AGAMID_SOAK"))
COUNT = 1000 if SOAK else 60
SIZE = 10_000
HOLDERS = ("alice", "carol", "dave")


class Waiting:
    """Sealed mail for Bob, put into the friends' spools as their milters
    would. Without a Message-ID, so that equals are not one."""

    def __init__(self, lab, scratch):
        self.lab = lab
        self.scratch = scratch
        self.keys = [node_key(lab, "bob", kind, scratch) for kind in ("openpgp", "recovery")]
        body = "".join(f"{n:08d} " + "x" * 69 + "\r\n" for n in range(SIZE // 80)).encode()
        self.message = scratch / "message"
        self.message.write_bytes(b"From: Ann <ann@sender.example>\r\nTo: <bob@bob.example>\r\nSubject: waiting\r\n\r\n" + body)

    def put(self, acceptor):
        node = self.lab.nodes[acceptor]
        argv = [TOOLS / "make_bundle", "--out", self.scratch, "--message", self.message, "--acceptor", acceptor,
                "--ticket-seed", node.directory / "var/lib/agamid-key/ticket.seed",
                "--copies", "4", "--mail", "<ann@sender.example>", "--rcpt", "<bob@bob.example>"]
        for key in self.keys:
            argv += ["--key", key]
        made = subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True).stdout.strip()
        os.chown(made, files.USERS["agamid-milter"][0], files.USERS["agamid"][0])
        os.chmod(made, 0o640)
        os.rename(made, node.directory / "var/spool/agamid/new" / os.path.basename(made))

    def fill(self, count):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(self.put, (HOLDERS[n % len(HOLDERS)] for n in range(count))))

        def copies():
            return sum(len(story.held(self.lab.nodes[h], "bob")) for h in HOLDERS)
        wait.until(lambda: copies() >= 3 * count, 60 + count // 10, "the copies")


def imap(lab, name):
    node = lab.nodes[name]
    with netns.inside(node.netns):
        client = imaplib.IMAP4(node.address, 143, timeout=60)
    client.login(name, files.PASSWORD)
    return client


def mails(client):
    _, said = client.status("INBOX", "(MESSAGES)")
    return int(said[0].split()[-1].rstrip(b")"))


def test_first_mail_and_the_rest(lab, tmp_path):
    """SPEC R-8.3: the friends hold mail for Bob, his cable is put in."""
    bob = lab.nodes["bob"]
    bob.cut()
    Waiting(lab, tmp_path).fill(COUNT)
    if SOAK:  # agamid-deliver pauses under load, that of making the mail included
        wait.until(lambda: os.getloadavg()[0] < 4, 600, "a machine with time", every=1)
    client = imap(lab, "bob")
    before = mails(client)
    start = time.monotonic()
    bob.heal()
    wait.until(lambda: mails(client) > before, 60, "the first mail", every=0.01)
    first = time.monotonic() - start
    wait.until(lambda: mails(client) == before + COUNT, 300, "all mail", every=0.05)
    rest = time.monotonic() - start
    print(f"\nfirst mail {first:.2f} s, {COUNT} mails {rest:.2f} s after the network came up")
    assert not SOAK or (first < 2 and rest < 10)
    client.logout()
    empty_spools(lab, 120)
    assert mails(imap(lab, "bob")) == before + COUNT


@pytest.fixture
def moved(lab):
    """Bob's provider gives him another address than his manifest's."""
    bob = lab.nodes["bob"]
    old, new = bob.address, "192.0.2.112"
    for name in HOLDERS:  # sessions of before, which will be dead
        lab.nodes[name].exec("agamid", "flush")

    def move(to):
        ip("-n", bob.netns, "addr", "flush", "dev", "eth0")
        ip("-n", bob.netns, "addr", "add", f"{to}/24", "dev", "eth0")
        bob.address = to

    yield lambda: move(new)
    move(old)


def test_changed_address(lab, moved):
    """SPEC R-8.3: nobody can reach Bob any more, but Bob his friends: what comes to them comes home."""
    words = [fresh_word("moved") for _ in HOLDERS]
    moved()
    for word, name in zip(words, HOLDERS):
        _, data = stranger_says(lab, name, "ann@sender.example", ["bob@bob.example"], story.message(word, "bob@bob.example"))
        assert data[0] == 250, data
    start = time.monotonic()
    for word in words:
        arrives(lab, "bob", word)
    print(f"\nread {time.monotonic() - start:.2f} s after the last 250, with a new address")
