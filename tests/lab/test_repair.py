# SPDX-License-Identifier: MIT
"""A friend who holds mail is gone for good: another takes his place, and the
mail is read once, whoever comes back."""
import contextlib
import sqlite3

from helpers import arrives, empty_spools, fresh_word, inbox_with, stranger_says, wait_for_copies
from labkit import story, wait

ANN, BOB = "ann@sender.example", "bob@bob.example"
LINE = b"y" * 70 + b"\r\n"


def silent_for(node, lost, days):
    """relayd anew, so many days later, on which all were heard but one."""
    node.stop_services("agamid-relayd")
    with contextlib.closing(sqlite3.connect(node.directory / "var/lib/agamid/state/network.db")) as db, db:
        db.execute("UPDATE meta SET value = value + ? WHERE name = 'days-with-peers'", (days,))
        db.execute("UPDATE heard SET day = day + ? WHERE peer != ?", (days, lost.name))
    node.start_services("agamid-relayd")


def test_lost_holder_is_replaced(lab):
    """SPEC R-7.2, R-16.1, R-16.2, R-16.4: a mail over 1 MB is on two nodes, so that one is left to be drawn."""
    bob, carol = lab.nodes["bob"], lab.nodes["carol"]
    bob.off()
    word = fresh_word("repaired")
    body = f"the word is {word}\r\n".encode() + LINE * (1100000 // len(LINE))
    _, data = stranger_says(lab, "carol", ANN, [BOB], story.message(word, BOB, body=body))
    assert data[0] == 250, data
    first, = set(wait_for_copies(lab, "bob", 2)) - {"carol"}
    lost, spare = lab.nodes[first], lab.nodes[next(n for n in lab.nodes if n not in ("bob", "carol", first))]
    lost.off()
    assert not story.held(spare, "bob")
    silent_for(carol, lost, 3)
    wait.until(lambda: story.held(spare, "bob"), 60, "another holder")
    status = carol.exec("agamid", "status").stdout
    assert "silent for 3 days: what it holds does not count" in status, status
    lab.start(bob)
    assert body in arrives(lab, "bob", word)
    wait.until(lambda: not any(story.held(node, "bob") for node in (carol, spare)), 60, "removal")
    lab.start(lost)  # with a copy of what is long at home
    empty_spools(lab)
    assert len(inbox_with(lab, "bob", word)) == 1
