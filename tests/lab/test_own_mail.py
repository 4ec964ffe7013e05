# SPDX-License-Identifier: MIT
"""Mail of a node's own users to a friend who is up: sealed, and over SSH at
once."""
import re
import time

from helpers import arrives, empty_spools, fresh_word
from labkit import story

BOB = "bob@bob.example"


def submit(lab, capsys):
    """From one of Carol's users to Bob's mailbox, as he reads it; and how long
    it took."""
    carol, word = lab.nodes["carol"], fresh_word("own")
    began = time.monotonic()
    carol.exec("/usr/sbin/sendmail", "-f", "carol@carol.example", BOB, stdin=f"Subject: {word}\n\nat once\n")
    mail = arrives(lab, "bob", word, 60)
    took = time.monotonic() - began
    with capsys.disabled():
        print(f"\nown mail took {took:.2f} s from sendmail to IMAP")
    return mail


def test_own_mail_goes_at_once(lab, capsys):
    """SPEC N-18.1, N-18.5: nothing of it waits for a time to come, the gate is
    not asked, and it is not said in clear to anyone."""
    carol = lab.nodes["carol"]
    log = carol.directory / "var/log/agamid-relayd.log"
    submit(lab, capsys)  # there may have been no session
    empty_spools(lab)
    before = len(log.read_text())
    mail = submit(lab, capsys)
    assert re.search(rb"(?m)^X-Agamid-Via: carol\b", mail)
    said = log.read_text()[before:]
    assert len(re.findall(r"sent peer=bob id=", said)) == 1
    assert "will dial again peer=bob" not in said
    assert all("relay=bob" not in line for line in (carol.directory / "var/log/mail.log").read_text().splitlines())
    assert [s for s in story.deliveries(carol, BOB)]
