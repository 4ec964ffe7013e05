# SPDX-License-Identifier: MIT
"""Manifests passed on in sessions. What they bring into force is agamid
apply's to say (test_intake.py, tests/lab); here it is stood in for."""
import hashlib
import sqlite3
import time

import pytest
import yaml

from relay_net import SECRETS, SIGNATURE, Caller, wait_for


def publish(node, **changes):
    """A new manifest of a node's own, in force at itself."""
    for n in node.net.nodes.values():
        if n is not node:
            n.knows.setdefault(node.name, node.manifest())
    node.serial += 1
    for key, value in changes.items():
        setattr(node, key, value)
    node.write_derived()


def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def issue(name, text):
    serial = yaml.safe_load(text.split("\n...\n")[0])["serial"]
    return f"{name} {serial} {hash_of(text)}"


def waiting(node, name, text):
    return [p.name for p in node.inbox()] == [issue(name, text).replace(" ", ".") + ".yaml"]


def confirmed(node):
    path = node.path("run/agamid/relayd/confirmed")
    return dict(line.split() for line in path.read_text().splitlines()) if path.exists() else {}


def test_new_manifest_reaches_all(make_net):
    """SPEC R-11.1, R-11.2, R-11.5: on an open session at once, and over a third to who was away;
    its author need not be there."""
    net = make_net("alice", "bob", "carol", "dave")
    net.start("alice", "bob", "carol")
    for a, b in (("alice", "bob"), ("carol", "bob"), ("alice", "carol")):
        wait_for(lambda: net.nodes[a].peer(b)["session"] != "none", what="sessions")
    publish(net.bob, lists={"deny": ["mallory"]})
    new = net.bob.manifest()
    began = time.monotonic()
    for n in (net.alice, net.carol):
        wait_for(lambda: waiting(n, "bob", new), 60, f"{n.name}'s inbox")
        assert n.path("var/lib/agamid/state/inbox").stat().st_mode & 0o777 == 0o750
        assert n.inbox()[0].read_text() == new
        assert n.inbox()[0].stat().st_mode & 0o777 == 0o640
        wait_for(lambda: n.path("var/lib/agamid/state/apply").exists(), 60, "the flag")
        assert n.apply()
    assert time.monotonic() - began < 30
    net.bob.stop()
    net.dave.start()
    wait_for(lambda: waiting(net.dave, "bob", new), what="dave to hear from others")
    net.dave.apply()
    wait_for(lambda: f"bob:{net.bob.serial}" in has(net.alice, "dave"), what="dave to say so")
    assert "alice:1" in has(net.alice, "dave")


def has(node, peer):
    return next((line["has"].split() for line in node.ask("serials") if line["peer"] == peer), [])


@pytest.fixture
def two(make_net):
    """Alice serves; bob and carol are whoever the test says they are."""
    net = make_net("alice", "bob", "carol")
    net.start("alice")
    return net


def newer(node, **changes):
    """A manifest of the node's, newer than what alice has."""
    serial, node.serial = node.serial, node.serial + 1
    old = {key: getattr(node, key) for key in changes}
    for key, value in changes.items():
        setattr(node, key, value)
    text = node.manifest()
    node.serial = serial
    for key, value in old.items():
        setattr(node, key, value)
    return text


def bring(caller, name, text):
    """Say that one has it, and bring it when asked."""
    caller.say(f"serial {issue(name, text)}")
    assert caller.until("get") == f"get {issue(name, text)}"
    give(caller, name, text)


def give(caller, name, text):
    data = text.encode()
    caller.say(f"manifest {name} {issue(name, text).split()[1]} {len(data)}", data)


def settled(caller):
    """What was said before has had its effect on relayd; what it said."""
    lines = []
    for _ in range(2):
        caller.say(f"want {'f' * 64}")
        while not (lines and lines[-1].startswith("refused ")):
            lines.append(caller.line())
        lines.pop()
    return lines


def asked(caller):
    return [line for line in settled(caller) if line.startswith("get ")]


def test_what_is_said_and_sent(two):
    """SPEC R-11.1, R-11.3: everything in force is told, and sent to who asks."""
    carol = Caller(two.alice, "carol", version=2)
    told = {carol.until("serial") for _ in range(3)}
    texts = {n.name: n.manifest() for n in two.nodes.values()}
    assert told == {f"serial {issue(name, text)}" for name, text in texts.items()}
    for name, text in texts.items():
        carol.say(f"get {issue(name, text)}")
        line = carol.until("manifest")
        assert line == f"manifest {name} 1 {len(text)}"
        assert carol.take(len(text)).decode() == text
    # What it has not, it says so.
    carol.say("get bob 7 0123456789abcdef")
    assert carol.until("serial") == f"serial {issue('bob', texts['bob'])}"
    carol.say("get mallory 7 0123456789abcdef")
    settled(carol)
    carol.hang_up()


def test_older_version_is_spoken(two):
    """SPEC R-2.7: a peer of version 1 hears no verb that it does not know, and is served."""
    carol = Caller(two.alice, "carol", version=1)
    assert set(settled(carol)) <= {"mine"}
    carol.hang_up()
    # A version that is yet to come is told ours.
    carol = Caller(two.alice, "carol", version=3)
    assert carol.until("serial")
    carol.hang_up()


def test_no_rollback_nor_strangers(two):
    """SPEC R-11.2: what is older, the same, or of who is unknown is not asked for."""
    two.alice.knows["bob"] = newer(two.bob)
    two.alice.write_derived()
    carol = Caller(two.alice, "carol", version=2)
    old = two.bob.manifest()
    carol.say(f"serial {issue('bob', old)}")
    carol.say(f"serial {issue('bob', two.alice.knows['bob'])}")
    carol.say("serial mallory 99 0123456789abcdef")
    assert not asked(carol)
    give(carol, "bob", old)
    settled(carol)
    assert not two.alice.inbox()
    carol.hang_up()


def test_same_serial_other_content(two):
    """SPEC R-11.2, R-11.6: brought once; what apply has judged is not asked for again."""
    two.alice.knows["bob"] = two.bob.manifest()
    other = two.bob.manifest().replace("site-bob", "site-else")
    carol = Caller(two.alice, "carol", version=2)
    bring(carol, "bob", other)
    wait_for(lambda: waiting(two.alice, "bob", other), what="the other one")
    two.alice.apply()
    two.alice.stop()
    two.alice.start()
    carol = Caller(two.alice, "carol", version=2)
    carol.say(f"serial {issue('bob', other)}")
    assert not asked(carol)
    carol.hang_up()


BAD = {
    "no yaml": lambda net: "serial: [\n...\n" + SIGNATURE,
    "unsigned": lambda net: newer(net.bob).replace(SIGNATURE, ""),
    "another's": lambda net: newer(net.carol),
    "another network": lambda net: newer(net.bob).replace("network: friends.example", "network: other.example"),
    "another serial": lambda net: newer(net.bob).replace("serial: 2", "serial: 3"),
    "bomb": lambda net: "a: &a [x]\nb: [" + "*a, " * 8000 + "*a]\n...\n" + SIGNATURE,
    "deep": lambda net: "[" * 30000 + "\n...\n" + SIGNATURE,
    "bytes": lambda net: "\x01" * 65536,
}


@pytest.mark.parametrize("what", BAD)
def test_bad_manifest_harms_nothing(two, what):
    """SPEC R-11.5, R-11.8: neither does it reach the inbox, nor end the session; and who brought it is
    not asked again at once, but others are."""
    text = BAD[what](two)
    data = text.encode()
    carol = Caller(two.alice, "carol", version=2)
    carol.say(f"serial bob 2 {hash_of(text)}")
    assert carol.until("get") == f"get bob 2 {hash_of(text)}"
    carol.say(f"manifest bob 2 {len(data)}", data)
    settled(carol)
    assert not two.alice.inbox()
    assert two.alice.logged("a manifest is not taken") == 1
    good = newer(two.bob)
    carol.say(f"serial {issue('bob', good)}")
    assert not asked(carol)
    bob = Caller(two.alice, "bob", version=2)
    bring(bob, "bob", good)
    wait_for(lambda: waiting(two.alice, "bob", good), what="the good one")
    bob.hang_up()
    carol.hang_up()


def test_endless_manifests(two):
    """SPEC R-2.3, R-11.5: too long ends the session; those that nobody asked for lead to nothing, and
    other bytes than were announced neither."""
    carol = Caller(two.alice, "carol", version=2)
    carol.say("manifest bob 2 65537")
    assert carol.until("bye").startswith("bye malformed line")
    carol = Caller(two.alice, "carol", version=2)
    for _ in range(50):
        give(carol, "bob", newer(two.bob))
    settled(carol)
    carol.say(f"serial bob 2 {'a' * 16}")
    assert carol.until("get") == f"get bob 2 {'a' * 16}"
    give(carol, "bob", newer(two.bob))
    settled(carol)
    assert not two.alice.inbox()
    carol.hang_up()


def test_inbox_is_bounded(two):
    """SPEC R-11.5: four of a node wait at most, whoever brings them."""
    callers = [Caller(two.alice, name, version=2) for name in ("bob", "carol")]
    for serial in range(2, 8):
        two.bob.serial = serial
        text = two.bob.manifest()
        for c in callers:
            c.say(f"serial {issue('bob', text)}")

    def answered(c):
        lines = asked(c)
        for line in lines:
            two.bob.serial = int(line.split()[2])
            give(c, "bob", two.bob.manifest())
        return lines

    # What was asked for before a newer one was told of is not wanted any more:
    # then either is asked for another, at worst when a minute has passed.
    wait_for(lambda: not any([answered(c) for c in callers]) and two.alice.inbox(), 120, "one that is wanted")
    assert len(two.alice.inbox()) <= 4
    for c in callers:
        c.hang_up()


def test_who_does_not_bring_is_not_waited_for(two):
    """SPEC R-11.4: another is asked."""
    text = newer(two.bob)
    carol = Caller(two.alice, "carol", version=2)
    carol.say(f"serial {issue('bob', text)}")
    carol.until("get")
    bob = Caller(two.alice, "bob", version=2)
    bob.say(f"serial {issue('bob', text)}")
    settled(bob)
    carol.hang_up()
    assert bob.until("get") == f"get {issue('bob', text)}"
    bob.hang_up()


def test_confirmed_by_its_own_word(two):
    """SPEC R-11.6: only the node itself confirms its manifest, and only the one in force."""
    path = two.alice.path("run/agamid/relayd/confirmed")
    wait_for(lambda: set(confirmed(two.alice)) == {"bob", "carol"}, what="the file")
    two.alice.stop()
    two.alice.settings["relay"]["retry-max"] = "2s"
    path.unlink()
    with sqlite3.connect(two.alice.path("var/lib/agamid/state/network.db")) as db:
        db.execute("UPDATE confirmed SET time = 1000")
    db.close()
    two.alice.start()
    wait_for(lambda: confirmed(two.alice) == {"bob": "1000", "carol": "1000"}, what="what was stored")
    carol = Caller(two.alice, "carol", version=2)
    carol.say(f"serial {issue('bob', two.bob.manifest())}")
    settled(carol)
    bob = Caller(two.alice, "bob", version=2)
    bob.say(f"serial bob 2 {'b' * 16}")
    settled(bob)
    two.alice.stop()
    with sqlite3.connect(two.alice.path("var/lib/agamid/state/network.db")) as db:
        assert set(db.execute("SELECT time FROM confirmed")) == {(1000,)}
    db.close()
    two.alice.start()
    bob = Caller(two.alice, "bob", version=2)
    bob.say(f"serial {issue('bob', two.bob.manifest())}")
    times = wait_for(lambda: {line["peer"]: line["confirmed"] for line in two.alice.ask("serials")}, what="answers")
    wait_for(lambda: any(line["peer"] == "bob" and int(line["confirmed"]) > 1000 for line in two.alice.ask("serials")),
             what="the confirmation")
    assert times["carol"] == "1000"
    bob.hang_up()


def test_sessions_of_a_removed_peer_end(two):
    """SPEC R-11.7"""
    carol = Caller(two.alice, "carol", version=2)
    settled(carol)
    two.unknown = {"alice": ["carol"]}
    two.alice.write_derived()
    assert carol.until("bye") == "bye not a peer any more"
    carol = Caller(two.alice, "carol", hello=False)
    assert carol.end() == ("", 1)


def test_sessions_end_with_the_keys_that_let_them_in(two):
    """SPEC R-11.7"""
    carol = Caller(two.alice, "carol", version=2)
    settled(carol)
    two.carol.addresses = ["192.0.2.77"]
    two.alice.write_derived()
    two.carol.client_key = two.carol.host_key
    two.alice.write_derived()
    assert carol.until("bye") == "bye its SSH keys have changed"


def rotate_ticket_key(node):
    """A new ticket key and serial; the manifest of before."""
    before = node.manifest()
    node.path(SECRETS, "ticket.seed").unlink()
    node.ticket_key = node._seed("ticket")
    node.serial += 1
    return before


def test_manifest_that_was_missed(make_net):
    """SPEC R-11.9: two rotations while Bob is away; mail that was sealed in between comes home, and Alice is
    not asked for what she has not."""
    net = make_net("alice", "bob")
    net.alice.settings["relay"] = {"retry-min": "10m", "retry-max": "20m"}
    rotate_ticket_key(net.alice)
    net.configure()
    net.start("alice")
    ids = net.alice.bundles("bob", 3)
    wait_for(lambda: sorted(net.alice.held("bob")) == sorted(ids), what="the mail")
    between = rotate_ticket_key(net.alice)
    net.alice.archive["alice-2"] = between
    net.alice.write_derived()
    net.bob.write_derived()
    net.start("bob")
    came = wait_for(net.bob.inbox, what="the manifest that was missed")
    assert [p.name.split(".")[:2] for p in came] == [["alice", "2"]] and came[0].read_text() == between
    assert net.bob.delivered() == []
    came[0].unlink()
    net.bob.archive["alice-2"] = between
    net.bob.write_derived()
    wait_for(lambda: sorted(net.bob.delivered()) == sorted(ids), what="mail at home")
    assert net.bob.logged("asking for an older manifest") == 1


def test_older_ones_are_asked_for_by_key(two):
    """SPEC R-11.9: a key that is nowhere gets no answer; 32 questions in a session do."""
    between = rotate_ticket_key(two.carol)
    two.alice.archive["carol-1"] = between
    two.alice.write_derived()
    wait_for(lambda: two.alice.logged("manifests in force") > 1, what="the view")
    key = hashlib.sha256(b"none").hexdigest()[:16]
    bob = Caller(two.alice, "bob", version=3)
    for node, name in [("carol", key), ("carol-1", key), ("mallory", key)]:
        bob.say(f"former {node} {name}")
    bob.say("ping")
    bob.until("pong")
    bob.say("former carol ../../../../x")
    assert "malformed line" in bob.end()[0]
