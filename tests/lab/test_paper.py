# SPDX-License-Identifier: MIT
"""A machine that burnt with its disk and every backup: the guide's lines
for who has nothing but the paper, on a new machine in its place."""

import shutil

from helpers import arrives, empty_spools, fresh_word, inbox_with, send_until_taken, wait_for_copies
from labkit import mailbox, story, wait

BOB = "bob@bob.example"
ANN = "ann@sender.example"
LOST = ["etc/agamid", "var/lib/agamid", "var/lib/agamid-key", "var/spool/agamid"]


def burn(node):
    """A new machine: Postfix and Dovecot are there, and of Agamid nothing but the paper, typed in (and the lab's short waits)."""
    etc = node.directory / "etc/agamid"
    paper, waits = (etc / "recovery.asc").read_text(encoding="ascii"), (etc / "agamid.yaml").read_bytes()
    node.off()
    for part in LOST:
        shutil.rmtree(node.directory / part)
    etc.mkdir()
    (etc / "agamid.yaml").write_bytes(waits)
    (node.directory / "tmp/typed.txt").write_text(f"as on the paper:\n\n{paper}", encoding="ascii")
    node.boot()


def hand(lab, giver, taker, of):
    """A friend's manifest, as the friend's own node shows it, and by whose fingerprint it is known."""
    text = lab.nodes[giver].exec("agamid", "manifest", "show", of).stdout
    (lab.nodes[taker].directory / f"tmp/{of}.yaml").write_text(text, encoding="utf-8")


def befriend(lab, name, friend):
    hand(lab, friend, name, friend)
    lab.nodes[name].exec("agamid", "peer", "add", f"/tmp/{friend}.yaml", "--fingerprint", lab.fingerprint_of(friend))


def known_to(lab, name, fingerprint):
    return fingerprint in lab.nodes[name].exec("agamid", "peer", "list").stdout.replace(" ", "")


def test_nothing_but_the_paper(lab):
    """SPEC N-13.5, N-13.9, M-13.2: what waits at the friends, sealed to the keys that burnt, is read; so is what comes after."""
    bob, carol = lab.nodes["bob"], lab.nodes["carol"]
    before = fresh_word("paper")
    old = lab.fingerprint_of("bob")
    bob.off()
    mailbox.submit(lab, ANN, [BOB], story.message(before, BOB))
    wait_for_copies(lab, "bob", 3)
    burn(bob)
    hand(lab, "carol", "bob", "bob")
    said = bob.exec("agamid", "init", "--restore", "/tmp/typed.txt", "--manifest", "/tmp/bob.yaml").stdout
    new = lab.fingerprint_of("bob")
    assert new != old and new in said.replace(" ", "")
    for friend in ("alice", "carol", "dave"):
        befriend(lab, "bob", friend)
    befriend(lab, "carol", "bob")
    carol.exec("agamid", "apply")
    lab.start(bob)
    arrives(lab, "bob", before)
    for friend in ("alice", "dave"):  # they hear of it from Bob or Carol
        wait.until(lambda name=friend: known_to(lab, name, new), 60, f"{friend} to know the new key")
    empty_spools(lab)
    bob.off()
    after = fresh_word("paper")
    assert send_until_taken(lab, "alice", BOB, after)
    wait_for_copies(lab, "bob", 3)
    lab.start(bob)
    arrives(lab, "bob", after)
    empty_spools(lab)
    for word in (before, after):
        assert len(inbox_with(lab, "bob", word)) == 1, word
