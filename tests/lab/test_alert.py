# SPDX-License-Identifier: MIT
"""Bob's owner is told that Bob is down, at an address elsewhere that said
yes; and nobody is told who did not."""
import contextlib
import re
import sqlite3
import time

from helpers import inbox_with
from labkit import wait

OWNER = "dave@dave.example"  # an address elsewhere
# What a relayd that was taken over could ask for.
AWAY = """
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/agamid/deliver/deliver.sock")
s.send(b"away bob 1 1795342496\\n")
print(s.recv(1000).decode())
"""


def publish(lab, change):
    """Bob's draft, changed; in force at Carol's."""
    bob, carol = lab.nodes["bob"], lab.nodes["carol"]
    draft = bob.path("/etc/agamid/manifest.yaml")
    draft.write_text(change(draft.read_text()))
    bob.exec("agamid", "manifest", "publish")
    serial = re.search(r"(?m)^serial: (\d+)", draft.read_text())[1]
    wait.until(lambda: f"serial: {serial}" in carol.path("/var/lib/agamid/derived/manifests/bob.yaml").read_text(), 60,
               "Bob's manifest at Carol's")


def mails(lab, subject):
    return inbox_with(lab, "dave", f"Subject: {subject}")


def ask(lab):
    lab.nodes["bob"].exec("agamid", "flush", "carol")
    return wait.until(lambda: lab.nodes["bob"].exec("agamid", "alert", "ask", "carol", check=False).returncode == 0, 30,
                      "a session with Carol")


def seen(node, days, stage=None):
    """relayd anew, so many days later; Bob was away at the last one's."""
    node.stop_services("agamid-relayd")
    with contextlib.closing(sqlite3.connect(node.directory / "var/lib/agamid/state/network.db")) as db, db:
        if stage is not None:
            db.execute("INSERT OR REPLACE INTO alerts SELECT 'bob', ?, ?, value FROM meta WHERE name = 'day'",
                       (stage, int(time.time()) - 86400))
        db.execute("UPDATE meta SET value = value + ? WHERE name = 'day'", (days,))
    node.start_services("agamid-relayd")


def log(node):
    """All that relayd has said."""
    return (node.directory / "var/log/agamid-relayd.log").read_text(encoding="utf-8", errors="replace")


def looks(node):
    """Have it look: true if it knows of Bob's absence and hears others."""
    return node.exec("agamid", "flush", check=False).returncode == 0


def test_owner_is_told(lab):
    """SPEC N-24.1, N-24.2, N-24.3, N-24.4, N-24.5, N-24.6"""
    bob, carol = lab.nodes["bob"], lab.nodes["carol"]
    publish(lab, lambda text: text.replace("\nnode:\n", f"\nnode:\n  alert: {OWNER}\n"))
    # Nobody said yes: nothing is told.
    ask(lab)
    question, = wait.until(lambda: mails(lab, "Do you want to be told"), 30, "the question")
    ask(lab)  # once a day is enough
    entry = re.search(rb"agamid alert confirm (carol:[0-9a-f]{32})", question)[1].decode()
    wait.until(lambda: "it was asked today" in log(bob), 30, "Carol's answer")
    assert len(mails(lab, "Do you want to be told")) == 1
    # A token that is not Carol's is none.
    false = entry[:-1] + ("0" if entry[-1] != "0" else "1")
    bob.exec("agamid", "alert", "confirm", false)
    publish(lab, lambda text: text)
    assert "the address is not confirmed" in carol.exec("python3", "-c", AWAY, user="agamid").stdout
    bob.exec("agamid", "alert", "confirm", entry)
    publish(lab, lambda text: text)
    assert "carol" in bob.exec("agamid", "alert").stdout
    # What he announces is not told.
    bob.exec("agamid", "pause", "1h")
    bob.off()
    seen(carol, 2, stage=1)
    wait.until(lambda: looks(carol) and "peer announced its absence, no alarm peer=bob" in log(carol), 60, "no alarm")
    assert "peer is heard again peer=bob" not in log(carol)
    assert not mails(lab, "Your mail server")
    lab.start(bob)
    bob.exec("agamid", "resume")
    wait.until(lambda: looks(carol) and "peer is back peer=bob" in log(carol), 60, "Bob to be back")
    # The second and the third time.
    bob.off()
    for days, stage, count in ((2, 1, 1), (7, None, 2)):
        seen(carol, days, stage)
        wait.until(lambda: looks(carol) and len(mails(lab, "Your mail server")) == count, 60, f"mail {count}")
    for _ in range(3):
        assert looks(carol)
    assert carol.exec("agamid", "trace").returncode == 0  # it answers: nothing was pending
    told = mails(lab, "Your mail server")
    assert len(told) == 2
    assert b"This is mail 2 of at most 3" in told[0] + told[1] and b"This is mail 3 of at most 3" in told[0] + told[1]
    lab.start(bob)
    wait.until(lambda: looks(carol) and "peer is heard again peer=bob" in log(carol), 60, "Bob to be heard")
    publish(lab, lambda text: re.sub(r"(?m)^  alert(-tokens)?: .*\n", "", text))
