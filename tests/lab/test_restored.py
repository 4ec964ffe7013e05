# SPDX-License-Identifier: MIT
"""A home whose state was put back from an old backup: it learns from its
peers what it had signed for, and which manifest is its newest, before it
delivers."""

import contextlib
import shutil
import subprocess

from helpers import arrives, empty_spools, fresh_word, inbox_with, wait_for_copies
from labkit import mailbox, story, wait

BOB = "bob@bob.example"
ANN = "ann@sender.example"
STATE = ["var/lib/agamid", "var/lib/agamid-key"]


def forget_duplicates(node):
    """Sieve would end what comes twice; here it must not come twice."""
    for path in node.directory.rglob("*dupes"):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def save(node, to):
    node.off()
    for part in STATE:
        (to / part).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", str(node.directory / part), str(to / part)], check=True)


def put_back(node, saved):
    node.off()
    forget_duplicates(node)
    for part in STATE:
        shutil.rmtree(node.directory / part)
        subprocess.run(["cp", "-a", str(saved / part), str(node.directory / part)], check=True)


def mail_for_bob(lab, holders=3):
    word = fresh_word("restored")
    mailbox.submit(lab, ANN, [BOB], story.message(word, BOB))
    wait_for_copies(lab, "bob", holders)
    return word


def serial_in_force(lab):
    shown = lab.nodes["bob"].exec("agamid", "manifest", "show").stdout
    return int(next(line.split()[1] for line in shown.splitlines() if line.startswith("serial:")))


def relayd_log(node):
    return (node.directory / "var/log/agamid-relayd.log").read_text(encoding="utf-8")


def test_old_backup(lab, tmp_path):
    """SPEC R-14.1, R-14.2, R-14.3, R-14.4, N-9.4: nothing twice, no serial back, new
    mail comes."""
    bob, dave = lab.nodes["bob"], lab.nodes["dave"]
    save(bob, tmp_path)
    words = []
    for n in range(3):
        words.append(mail_for_bob(lab))
        if n == 2:
            dave.off()  # he does not hear of the last one
        lab.start(bob)
        arrives(lab, "bob", words[-1])
        wait.until(lambda: not story.held(bob) and not story.held(lab.nodes["alice"], "bob"), 60, "the receipt")
        if n < 2:
            empty_spools(lab)
            bob.off()
    bob.exec("agamid", "manifest", "publish", "--force")
    newest = serial_in_force(lab)
    for name in ("alice", "carol"):
        wait.until(lambda node=lab.nodes[name]: f"serial: {newest}" in node.exec("agamid", "manifest", "show", "bob").stdout,
                   60, f"{name} to have bob's newest")
    put_back(bob, tmp_path)
    words.append(mail_for_bob(lab, 2))
    mark = len(relayd_log(bob))
    lab.start(dave)
    lab.start(bob)
    arrives(lab, "bob", words[-1])
    said = relayd_log(bob)[mark:]
    assert "older than the spool" in said and "event=adopted" in said
    empty_spools(lab)
    for word in words:
        assert len(inbox_with(lab, "bob", word)) == 1, word
    wait.until(lambda: serial_in_force(lab) == newest, 60, "bob's own newest to come back")
    bob.exec("agamid", "manifest", "publish", "--force")
    assert serial_in_force(lab) > newest


def test_both_databases_lost(lab):
    """SPEC R-14.3: the same where they are gone, and a peer can't be reached."""
    bob = lab.nodes["bob"]
    word = mail_for_bob_away(lab)
    lab.nodes["dave"].off()
    lab.start(bob)
    arrives(lab, "bob", word)
    wait.until(lambda: not story.held(bob) and not story.held(lab.nodes["alice"], "bob"), 60, "the receipt")
    bob.off()
    forget_duplicates(bob)
    for path in [*bob.directory.glob("var/lib/agamid/state/network.db*"), *bob.directory.glob("var/lib/agamid-key/delivery.db*")]:
        path.unlink()
    lab.start(bob)
    wait.until(lambda: "event=adopted" in relayd_log(bob).rpartition("network.db was made anew")[2], 70, "bob to go on")
    lab.start(lab.nodes["dave"])
    empty_spools(lab)
    assert len(inbox_with(lab, "bob", word)) == 1


def mail_for_bob_away(lab):
    lab.nodes["bob"].off()
    return mail_for_bob(lab)
