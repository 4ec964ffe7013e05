# SPDX-License-Identifier: MIT
"""Keys change while everything runs."""

from helpers import arrives, empty_spools, fresh_word, stranger_says
from labkit import story, wait

BOB = "bob@bob.example"


def by_way_of(lab, friend, word):
    """A mail for Bob that a friend takes, while Bob's Postfix is down."""
    message = story.message(word, BOB)
    wait.until(lambda: stranger_says(lab, friend, "ann@sender.example", [BOB], message)[1], 60, f"{friend} to take it")


def serials(lab, name):
    """The serial of Bob's manifest that is in force on each node."""
    def serial(node):
        text = node.path(f"/var/lib/agamid/derived/manifests/{name}.yaml").read_text(encoding="utf-8")
        return next(line for line in text.splitlines() if line.startswith("serial:"))
    return {serial(node) for node in lab.nodes.values()}


def test_no_daemon_is_started_anew(lab):
    """SPEC N-15.6: Bob, at home, opens what is sealed to his new subkey and
    signs with his new receipt key; Carol with her new ticket key."""
    bob, carol = lab.nodes["bob"], lab.nodes["carol"]
    pids = {node.name: node.command("pids") for node in (bob, carol)}
    bob.stop_services("postfix")
    first, second = fresh_word("rotate"), fresh_word("rotate")
    by_way_of(lab, "carol", first)
    bob.exec("agamid", "manifest", "rotate", "openpgp", "receipt", "ticket")
    carol.exec("agamid", "manifest", "rotate", "ticket")
    for name in ("bob", "carol"):
        wait.until(lambda name=name: len(serials(lab, name)) == 1, 60, f"{name}'s new manifest everywhere")
    by_way_of(lab, "carol", second)
    bob.start_services("postfix")
    arrives(lab, "bob", first)
    arrives(lab, "bob", second)
    empty_spools(lab)
    assert "the ticket key is a new one" in carol.log_text()
    assert "the receipt key is a new one" in bob.log_text()
    for node in (bob, carol):
        now = node.command("pids")
        assert {n: p for n, p in now.items() if n != "postfix"} == {n: p for n, p in pids[node.name].items() if n != "postfix"}
