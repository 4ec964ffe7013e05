# SPDX-License-Identifier: MIT
"""The gate: a home that is up gets its mail from the sender itself."""

import time

from helpers import arrives, empty_spools, fresh_word, stranger_says
from labkit import story, wait

ANN = "ann@sender.example"
BOB = "bob@bob.example"


def knock(lab, target, sender=ANN, recipient=BOB, message=None):
    replies, data = stranger_says(lab, target, sender, [recipient], message)
    return replies[0], data


def settled(lab, target):
    """Until the node knows that Bob is up: the test before may have made it know the contrary."""
    wait.until(lambda: somebody(lab, target) == 451, 60, f"{target} to know that Bob is up")


def somebody(lab, target="carol"):
    """What a stranger hears who was never here."""
    return knock(lab, target, sender=f"x@{fresh_word('s')}.example")[0][0]


def test_deferred_while_up_then_let_in(lab):
    """SPEC N-2.1, N-2.2: Bob is up: 451; who comes again after the wait (3 s here, 5 minutes
    by default) is let in, and Bob gets it once."""
    word = fresh_word("gate")
    message = story.message(word, BOB)
    settled(lab, "carol")
    (code, text), _ = knock(lab, "carol", message=message)
    assert code == 451 and b"4.7.1" in text, (code, text)
    assert knock(lab, "carol", sender="eve@other.example")[0][0] == 451
    wait.until(lambda: knock(lab, "carol", message=message)[1] is not None, 60, "Carol to let Ann in")
    assert knock(lab, "carol", recipient="bob+late@bob.example")[0][0] == 451, "another recipient has not waited"
    arrives(lab, "bob", word)
    empty_spools(lab)


def test_shared_among_backups(lab):
    """SPEC N-2.7: deferred by Carol, let in by Alice and Dave."""
    lab.nodes["carol"].exec("agamid", "flush")  # sessions with all
    settled(lab, "carol")
    settled(lab, "alice")
    sender = f"ann@{fresh_word('shared')}.example"
    assert knock(lab, "carol", sender=sender)[0][0] == 451
    wait.until(lambda: knock(lab, "carol", sender=sender)[0][0] == 250, 60, "Carol to let him in")
    assert knock(lab, "alice", sender=sender)[0][0] == 250
    assert knock(lab, "dave", sender=sender)[0][0] == 250


def test_bounces_are_told_apart_by_network(lab):
    """SPEC N-2.6: the null sender has no domain."""
    settled(lab, "dave")
    assert knock(lab, "dave", sender="")[0][0] == 451
    wait.until(lambda: knock(lab, "dave", sender="")[0][0] == 250, 60, "the bounce to be let in")


def test_only_a_mail_server_counts(lab):
    """SPEC N-2.2, N-2.5: Bob's node is there, with its sessions, but his Postfix is not."""
    lab.nodes["bob"].stop_services("postfix")
    word = fresh_word("nomta")
    wait.until(lambda: knock(lab, "alice", message=story.message(word, BOB))[1] is not None, 60, "Alice to let it in")
    lab.nodes["bob"].start_services("postfix")
    arrives(lab, "bob", word)
    empty_spools(lab)


def test_known_down_at_once(lab):
    """SPEC N-2.3, N-2.5: what was known ends with the session; then nobody waits."""
    settled(lab, "carol")
    lab.nodes["bob"].off()
    wait.until(lambda: somebody(lab) == 250, 40, "Carol to see that Bob is away")


def test_relayd_down_lets_in(lab):
    """SPEC N-2.5"""
    lab.nodes["carol"].stop_services("agamid-relayd")
    assert knock(lab, "carol", sender="x3@other.example")[0][0] == 250
    assert "can't ask whether a home is up" in lab.nodes["carol"].log_text()


def test_no_answer_in_time_is_down(lab):
    """SPEC N-2.4: Bob's port 25 takes connections and says nothing; nothing is known before."""
    postfix = "killall -{} master smtpd"
    lab.nodes["bob"].exec("sh", "-c", postfix.format("STOP"), check=False)
    try:
        alice = lab.nodes["alice"]
        alice.stop_services("agamid-relayd")
        alice.start_services("agamid-relayd")
        wait.until(lambda: alice.exec("agamid", "flush", check=False).returncode == 0, 60, "Alice's relayd")
        started = time.monotonic()
        assert somebody(lab, "alice") == 250
        assert time.monotonic() - started > 2
    finally:
        lab.nodes["bob"].exec("sh", "-c", postfix.format("CONT"), check=False)
