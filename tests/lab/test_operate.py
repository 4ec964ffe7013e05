# SPDX-License-Identifier: MIT
"""What an operator does with a running network: follows a mail, tries a
friend out, goes on holiday, moves out."""

import json
import subprocess

from helpers import arrives, empty_spools, fresh_word, inbox_with, stranger_says, wait_for_copies
from labkit import mailbox, story, wait

BOB = "bob@bob.example"
ANN = "ann@sender.example"


def agamid(node, *args, check=True):
    return node.exec("agamid", *args, check=check)


def as_json(node, *args):
    return json.loads(agamid(node, *args, "--json").stdout)


def status_of(node, peer):
    return next(p for p in as_json(node, "status")["peers"] if p["name"] == peer)


def trace(node, bundle):
    """[(what, who)], and all of it."""
    whole = as_json(node, "trace", bundle)
    return [(e["what"], e["who"]) for e in whole["events"]], whole


def test_trace(lab):
    """SPEC N-19.3: a real mail, as its acceptor, its holders and its home tell of it."""
    word = fresh_word("trace")
    lab.nodes["bob"].off()
    mailbox.submit(lab, ANN, [BOB], story.message(word, BOB))
    wait_for_copies(lab, "bob", 3)
    owners = {}
    for name in ("alice", "carol", "dave"):
        for bundle in as_json(lab.nodes[name], "queue")["bundles"]:
            owners.setdefault(bundle["own"], []).append((name, bundle["id"]))
    ((acceptor, bundle),) = owners[True]
    holders = [name for name, _ in owners[False]]
    assert len(holders) == 2 and {i for _, i in owners[False]} == {bundle}

    def all_said():
        found, _ = trace(lab.nodes[acceptor], bundle[:10])
        return found if all(("stored", h) in found for h in holders) else None
    found = wait.until(all_said, 60, "both holders' words")
    assert found[0] == ("accepted", acceptor)
    accepted = as_json(lab.nodes[acceptor], "status")["accepted"]
    assert accepted["count"] == 1 and accepted["spread"] == [{"nodes": 3, "bundles": 1}]
    lab.start(lab.nodes["bob"])
    arrives(lab, "bob", word)
    empty_spools(lab)
    for name in (acceptor, *holders):
        found, whole = trace(lab.nodes[name], bundle)
        assert ("receipt", "bob") in found and ("removed", name) in found, found
        assert whole["here"] is None and whole["receipt"]["by"] == "bob"
        times = [e["time"] for e in whole["events"]]
        assert times == sorted(times)
    found, whole = trace(lab.nodes["bob"], bundle)
    assert found[0][0] == "brought" and ("outcome", "done") in found
    (recipient,) = whole["delivery"]["recipients"]
    assert recipient["path"] == f"<{BOB}>" and recipient["state"] == "delivered"
    assert "queued as" in recipient["reply"] and whole["delivery"]["acceptor"] == acceptor
    text = agamid(lab.nodes["bob"], "trace", bundle).stdout
    assert "brought it here" in text and "queued as" in text and word not in text
    assert "nothing is known" in agamid(lab.nodes["bob"], "trace", "0" * 64, check=False).stderr


def test_drill(lab):
    """SPEC N-19.5, N-2.1: by way of Carol's port 25, as any stranger, and home; nothing is left."""
    bob = lab.nodes["bob"]
    before = len(mailbox.fetch_all(lab, bob, "bob"))
    result = as_json(bob, "drill", "--wait", "2m", "carol")
    assert result["ok"] and result["version"] == 1, result
    steps = [s["step"] for s in result["steps"]]
    assert steps[0] == "greeting" and steps[-1] == "removed", steps
    assert [s for s in steps if s not in ("deferred", "greeting")] == [
        "rcpt", "accepted", "opened", "brought", "receipt", "removed"], steps
    seconds = [s["seconds"] for s in result["steps"]]
    assert seconds == sorted(seconds)
    found, whole = trace(bob, result["id"])
    assert found[0][0] == "brought" and whole["delivery"]["acceptor"] == "carol"
    assert whole["delivery"]["reason"].startswith("drill ")
    empty_spools(lab)
    assert len(mailbox.fetch_all(lab, bob, "bob")) == before
    assert inbox_with(lab, "bob", "Agamid test mail") == []
    log = (bob.directory / "var/log/mail.log").read_text(errors="replace")
    assert "drill." not in log, "Postfix has heard of it"
    assert "no address of ours" in agamid(bob, "drill", "--to", "x@carol.example", "carol", check=False).stderr
    assert "no peer" in agamid(bob, "drill", "mallory", check=False).stderr


def test_forged_drill_is_mail(lab):
    """SPEC N-19.5: a token that is not ours makes nothing vanish."""
    word = fresh_word("forged")
    forged = b"X-Agamid-Drill: carol 1795256390 " + b"0" * 64 + b"\r\n"
    lab.nodes["bob"].off()
    _, data = stranger_says(lab, "carol", ANN, [BOB], story.message(word, BOB, extra=forged))
    assert data[0] == 250
    lab.start(lab.nodes["bob"])
    got = arrives(lab, "bob", word)
    assert b"X-Agamid-Drill" not in got
    empty_spools(lab)


def test_refused_and_again(lab):
    """SPEC N-10.7: what Bob's own Postfix refuses is listed, and delivered again when he has mended it."""
    bob, word = lab.nodes["bob"], fresh_word("refused")
    bob.exec("tee", "/etc/postfix/refuse.pcre", stdin="/^X-Refuse: yes/ REJECT not today\n")
    before = bob.exec("postconf", "-h", "header_checks").stdout.strip()
    bob.exec("postconf", "-e", "header_checks=pcre:/etc/postfix/refuse.pcre")
    bob.off()
    _, data = stranger_says(lab, "carol", ANN, [BOB], story.message(word, BOB, extra=b"X-Refuse: yes\r\n"))
    assert data[0] == 250
    lab.start(bob)

    def refused():
        return [b for b in as_json(bob, "queue", "refused")["bundles"] if b["state"] == "refused"]
    (bundle,) = wait.until(refused, 60, "Postfix to refuse it")
    assert bundle["acceptor"] == "carol" and "not today" in bundle["reason"]
    empty_spools(lab)
    status = as_json(bob, "status")
    assert status["own_mail"]["refused"] == 1 and any("agamid queue refused" in p for p in status["problems"])
    text = agamid(bob, "queue", "refused").stdout
    assert bundle["id"] in text and "not today" in text
    again = agamid(bob, "queue", "again", bundle["id"], check=False)
    assert again.returncode == 1 and "not today" in again.stderr
    bob.exec("postconf", "-e", f"header_checks={before}")
    bob.exec("postfix", "reload")

    def delivered():
        return agamid(bob, "queue", "again", bundle["id"][:8], check=False).returncode == 0
    wait.until(delivered, 60, "Postfix to take it")
    arrives(lab, "bob", word)
    assert refused() == []
    assert as_json(bob, "status")["own_mail"]["refused"] == 0


def test_pause(lab):
    """SPEC R-10.1, R-10.3, N-19.2: Bob says that he will be away; nobody is alarmed."""
    bob, alice = lab.nodes["bob"], lab.nodes["alice"]
    said = agamid(bob, "pause", "2h").stdout
    assert "away until" in said
    for name in ("alice", "carol", "dave"):
        wait.until(lambda: status_of(lab.nodes[name], "bob")["away_until"], 60, f"{name} to be told")
    bob.off()
    wait.until(lambda: status_of(alice, "bob")["failures"] > 1, 60, "Bob to be missed")
    assert not any("bob" in p for p in as_json(alice, "status")["problems"])
    row = next(line for line in agamid(alice, "status").stdout.splitlines() if line.startswith("bob "))
    assert " away " in row and " to " in row
    word = fresh_word("paused")
    mailbox.submit(lab, ANN, [BOB], story.message(word, BOB))
    lab.start(bob)
    arrives(lab, "bob", word, seconds=60)
    assert as_json(bob, "status")["paused_until"] > 0
    assert "is back" in agamid(bob, "resume").stdout
    wait.until(lambda: status_of(alice, "bob")["away_until"] == 0, 60, "Alice to know that he is back")
    empty_spools(lab)


def zone_of(lab, domain):
    return subprocess.run(
        [f"{lab.usr_local}/bin/agamid-zone", "generate", "--zone", domain, "--ns", "ns.dns.example",
         *(str(lab.manifest_of(n)) for n in lab.nodes)], check=True, capture_output=True, text=True).stdout


def test_leave(lab):
    """SPEC N-19.6, R-10.4, R-10.5: Dave leaves; a mail that he alone had is home without him."""
    dave, alice = lab.nodes["dave"], lab.nodes["alice"]
    before = agamid(dave, "manifest", "show").stdout
    serial = as_json(dave, "status")["serial"]
    assert "dave.friends.example." in zone_of(lab, "bob.example")
    for name in ("bob", "alice", "carol"):
        lab.nodes[name].off()
    word = fresh_word("left")
    replies, data = stranger_says(lab, "dave", ANN, [BOB], story.message(word, BOB), patience=120)
    assert data is not None and data[0] == 250, (replies, data)
    wait.until(lambda: story.held(dave, "bob"), 60, "Dave to hold it")
    assert "--yes" in agamid(dave, "leave", check=False).stderr
    alone = agamid(dave, "leave", "--yes", "--wait", "1s", check=False)
    assert alone.returncode == 1 and "on this node alone" in alone.stderr
    assert as_json(dave, "status")["serial"] == serial and as_json(dave, "status")["leaving"]
    lab.start(alice)
    wait.until(lambda: story.held(alice, "bob"), 60, "Alice to get it")
    said = agamid(dave, "leave", "--yes", "--wait", "1s").stdout
    assert "1 of 1 bundles are at other nodes" in said and "has left" in said
    assert "dave.friends.example." not in zone_of(lab, "bob.example").replace("dave.friends.example. 1 IN A", "")
    wait.until(lambda: not status_of(alice, "dave")["may_hold_ours"], 60, "Alice to have his manifest")
    replies, _ = stranger_says(lab, "dave", ANN, [BOB])
    assert replies[0][0] in (450, 554), replies
    dave.off()
    lab.start(lab.nodes["carol"])
    lab.start(lab.nodes["bob"])
    arrives(lab, "bob", word, seconds=60)
    # He comes back, as he was.
    lab.start(dave)
    agamid(dave, "leave", "--cancel")
    dave.exec("tee", "/tmp/before.yaml", stdin=before)
    agamid(dave, "manifest", "publish", "--wait", "30s", "/tmp/before.yaml")
    for name in ("alice", "bob", "carol"):
        wait.until(lambda: status_of(lab.nodes[name], "dave")["may_hold_ours"], 60, f"{name} to have his manifest")
    empty_spools(lab)
