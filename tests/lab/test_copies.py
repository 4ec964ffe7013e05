# SPDX-License-Identifier: MIT
"""Copies on other nodes before the sender hears 250."""

import time

from helpers import arrives, empty_spools, fresh_word, stranger_says
from labkit import story, wait

ANN = "ann@sender.example"
BOB = "bob@bob.example"


def holders(lab):
    return [n.name for n in lab.nodes.values() if n.name != "bob" and story.held(n, "bob")]


def say(lab, target, word):
    start = time.monotonic()
    replies, data = stranger_says(lab, target, ANN, [BOB], story.message(word, BOB))
    assert replies[0][0] == 250 and data[0] == 250, (replies, data)
    return time.monotonic() - start


def test_two_have_it_when_the_sender_hears_250(lab):
    """SPEC N-6.1: no waiting in this test: what is there at the answer counts."""
    lab.nodes["bob"].off()
    words = [fresh_word("copies") for _ in range(5)]
    for n, word in enumerate(words):
        say(lab, ("alice", "carol", "dave")[n % 3], word)
        assert len(holders(lab)) >= 2
        if n == 0:
            files = [story.held(lab.nodes[h], "bob") for h in holders(lab)]
            assert len(files) >= 2
    lab.start(lab.nodes["bob"])
    for word in words:
        arrives(lab, "bob", word)
    empty_spools(lab)


def signal_relayd(lab, name, signal):
    node = lab.nodes[name]
    node.exec("kill", f"-{signal}", str(node.command("pids")["agamid-relayd"]))


def test_silent_friends_delay_one_mail_not_the_next(lab):
    """SPEC N-6.2, N-6.3: at most `within`, then the mail is taken all the same; who was waited
    for in vain is not waited for again at once."""
    lab.nodes["bob"].off()
    words = [fresh_word("slow"), fresh_word("next")]
    for name in ("alice", "dave"):
        signal_relayd(lab, name, "STOP")
    try:
        assert 9 < say(lab, "carol", words[0]) < 30
        assert say(lab, "carol", words[1]) < 5
        assert "fewer copies before the answer" in lab.nodes["carol"].log_text()
    finally:
        for name in ("alice", "dave"):
            signal_relayd(lab, name, "CONT")
    wait.until(lambda: len(holders(lab)) == 3, 60, "the copies")
    lab.start(lab.nodes["bob"])
    for word in words:
        arrives(lab, "bob", word)
    empty_spools(lab)


def test_relayd_down_is_no_reason_to_refuse(lab):
    """SPEC N-6.4"""
    lab.nodes["bob"].off()
    lab.nodes["carol"].stop_services("agamid-relayd")
    word = fresh_word("alone")
    assert say(lab, "carol", word) < 5
    lab.nodes["carol"].start_services("agamid-relayd")
    lab.start(lab.nodes["bob"])
    arrives(lab, "bob", word)
    empty_spools(lab)
