# SPDX-License-Identifier: MIT
"""The limits of a session: room, quotas, numbers, and time."""
import pathlib
import re

import pytest

from relay_net import Caller, made, wait_for


@pytest.fixture
def net(make_net):
    """Alice serves; the others are whoever the test says they are."""
    net = make_net("alice", "bob", "carol", "dave")
    net.start("alice")
    for n in net.nodes.values():
        n.path("out").mkdir()
    return net


def id_of(path):
    return path.name.split(".")[0]


def test_offers_without_an_answer(net):
    """SPEC R-4.6: 64 offers at most wait for an answer, 48 bundles for theirs;
    128 in all are not settled."""
    ids = net.alice.bundles("bob", 150, size=1000, copies=1)
    wait_for(lambda: len(net.alice.held("bob")) == 150, what="taken")
    bob = Caller(net.alice, "bob")
    offered = []
    for _ in range(64):
        line = bob.until("offer").split(" ")
        bob.take(int(line[-1]))
        offered.append(line[1])
    bob.say(f"want {'f' * 64}")
    assert bob.line().startswith("refused ")  # and no more offers before it
    assert set(offered) < set(ids)
    for i in offered:
        bob.say(f"want {i}")
    bob.say(f"want {'e' * 64}")
    sent = more = 0
    while not (line := bob.line()).startswith(f"refused {'e' * 64}"):
        word, bundle_id, *size = line.split(" ")
        if word == "bundle":
            bob.take(1024 + int(size[0]))
            sent += 1
        elif word == "offer":
            bob.take(int(size[-1]))
            more += 1
    assert sent == 48 and more == 64
    bob.say(f"stored {offered[0]}")
    assert bob.until("bundle")
    bob.hang_up()


def test_bytes_in_flight(net):
    """SPEC R-4.6: at most 524,288 bytes, but one bundle alone may be larger."""
    net.alice.bundles("bob", 2, size=400000, copies=1)
    net.alice.bundles("bob", 1, size=600000, copies=1)
    wait_for(lambda: len(net.alice.held("bob")) == 3, what="taken")
    bob = Caller(net.alice, "bob")
    offered = []
    for _ in range(3):
        line = bob.until("offer").split(" ")
        bob.take(int(line[-1]))
        offered.append(line[1])
    for i in offered:
        bob.say(f"want {i}")
    for n in range(3):
        words = bob.until("bundle").split(" ")
        bob.take(1024 + int(words[2]))
        bob.say(f"want {'f' * 64}")
        assert bob.line().startswith("refused ")
        bob.say(f"stored {words[1]}")
    bob.hang_up()


def test_too_many_are_awaited(net):
    """SPEC R-4.8"""
    paths = made(net.carol, "bob", count=260, size=1000)
    carol = Caller(net.alice, "carol")
    answers = [carol.offer(p) for p in paths]
    assert [a.split()[0] for a in answers] == ["want"] * 256 + ["refused"] * 4
    assert "too many" in answers[-1]
    carol.hang_up()


def test_who_may_hold(net):
    """SPEC R-5.5: nodes in force, allowed by both sides, no larger than both take."""
    path, = made(net.carol, "bob")
    big, = made(net.carol, "bob", size=2 << 20)
    for changes in ({"bob": {"lists": {"deny": ["alice"]}}}, {"alice": {"stores": {"deny": ["bob"]}}},
                    {"bob": {"lists": {"deny": ["carol"]}}}):
        for name, values in changes.items():
            for key, value in values.items():
                setattr(net.nodes[name], key, value)
        net.alice.write_derived()
        carol = Caller(net.alice, "carol")
        assert carol.offer(path).startswith("refused "), changes
        carol.hang_up()
        for name, values in changes.items():
            for key in values:
                setattr(net.nodes[name], key, {})
    net.bob.stores = {"max-message-size": "1M"}
    net.alice.write_derived()
    carol = Caller(net.alice, "carol")
    assert carol.offer(big).startswith("refused ")
    assert carol.offer(path).startswith("want ")
    carol.hang_up()
    net.bob.stores = {}
    net.unknown = {"alice": ["bob"]}
    net.alice.write_derived()
    carol = Caller(net.alice, "carol")
    assert carol.offer(path).startswith("refused ")
    carol.hang_up()


def test_quota(net):
    """SPEC R-5.6: what is awaited counts; a large one only while half is free."""
    net.alice.stores = {"quota": "12M"}
    net.alice.write_derived()
    callers = {n: Caller(net.alice, n) for n in ("carol", "dave")}
    for n, c in callers.items():
        for p in made(net.nodes[n], "bob", count=3, size=1100000):
            assert c.offer(p).startswith("want ")
    # 6.6 of 12 MB are promised: a large one no more, a small one still.
    large, = made(net.carol, "bob", size=1100000)
    small, = made(net.carol, "bob", size=100000)
    assert callers["carol"].offer(large).startswith("refused ")
    assert callers["carol"].offer(small).startswith("want ")
    for c in callers.values():
        c.hang_up()


def test_home_takes_its_own(net):
    """SPEC R-5.7: no list and no quota keeps a home from its own mail."""
    net.bob.lists = {"deny": ["carol"]}
    net.bob.stores = {"quota": "1M", "deny": ["bob"]}
    net.bob.write_derived()
    net.start("bob")
    path, = made(net.carol, "bob", size=3 << 20)
    carol = Caller(net.bob, "carol")
    assert carol.offer(path).startswith("want ")
    assert carol.bring(path).startswith("stored ")
    carol.hang_up()


def test_reserve(net):
    """SPEC R-5.10, R-5.7: what is to stay free does; for own mail, too."""
    net.alice.settings["reserve"] = "100T"
    net.alice.write_config()
    net.alice.stop()
    net.alice.start()
    carol = Caller(net.alice, "carol")
    for home in ("bob", "alice"):
        path, = made(net.carol, home)
        assert carol.offer(path).startswith("refused "), home
    carol.hang_up()


def test_receipts_are_passed_on(net):
    """SPEC R-6.3: to those who have it; not to the home, nor to who said it; until noted, in the next
    session too."""
    path, = made(net.carol, "bob")
    carol, dave = Caller(net.alice, "carol"), Caller(net.alice, "dave")
    assert carol.offer(path).startswith("want ")
    assert carol.bring(path).startswith("stored ")
    assert dave.offer(path).startswith("have ")
    bob = Caller(net.alice, "bob")
    line = bob.until("offer").split(" ")
    bob.take(int(line[-1]))
    text = net.bob.receipt(id_of(path))
    dave.say(f"receipt {len(text)}", text)
    dave.until("noted")
    assert int(carol.until("receipt").split()[1]) == len(text)
    assert carol.take(len(text)) == text
    carol.hang_up()
    carol = Caller(net.alice, "carol")
    carol.until("receipt")
    carol.say("noted")
    for c in (bob, dave):
        c.say(f"want {'f' * 64}")
        assert c.line().startswith("refused "), "a receipt came"
        c.hang_up()
    wait_for(lambda: net.alice.peer("carol")["receipts"] == "0", what="nothing to be told")
    carol.hang_up()


def test_bye_means_not_sent(net):
    """SPEC R-3.5: what was not acknowledged before bye is offered again."""
    ids = net.alice.bundles("bob", 2, copies=1)
    wait_for(lambda: len(net.alice.held("bob")) == 2, what="taken")
    for _ in range(2):
        bob = Caller(net.alice, "bob")
        for _ in range(2):
            line = bob.until("offer").split(" ")
            bob.take(int(line[-1]))
            bob.say(f"want {line[1]}")
        bob.until("bundle")
        bob.say("bye")
        assert bob.end()[1] == 0
    assert sorted(net.alice.held("bob")) == sorted(ids)


def test_idle_session_is_closed_by_who_dialled(make_net):
    """SPEC R-8.6: but not by one whom nobody can dial."""
    net = make_net("alice", "bob", "carol")
    net.carol.addresses = []
    for n in net.nodes.values():
        n.settings["relay"]["idle"] = "10s"
        n.settings["relay"]["retry-max"] = "1h"
    net.configure()
    net.start()
    ended = 'session ended peer={} error="idle"'
    # relayd looks once a minute, and whenever it is woken.
    wait_for(lambda: [n.ask("flush") for n in (net.alice, net.bob, net.carol)] and
             (net.bob.logged(ended.format("alice")) or net.alice.logged(ended.format("bob"))), 90,
             "the end of an idle session")
    assert not net.carol.logged('error="idle"')
    assert net.carol.peer("alice")["session"] == "dialled"


@pytest.mark.parametrize("mx, least, most", [(0, 3, 3), (1, 1, 1), (2, 2, 2)])
def test_whom_to_stand_with(make_net, mx, least, most):
    """SPEC R-8.6: the backup MX; or, without any, others. Mallory (dave) is not allowed to hold."""
    net = make_net("alice", "bob", "carol", "dave", "erin")
    net.bob.addresses = []
    net.bob.lists = {"allow": ["*"], "deny": ["dave"], "mx": mx}
    net.configure()
    net.start("bob")
    stands = {n for n in net.nodes if net.bob.logged(f"stands with peer={n}\n")}
    assert least <= len(stands) <= most and not stands & {"bob", "dave"}, stands


def test_relayd_has_no_network(net):
    """SPEC R-9.1: no socket of IP in relayd, while its children have some."""
    net.start("bob")
    wait_for(lambda: net.alice.peer("bob")["session"] in ("dialled", "accepted"), what="a session")

    def inodes(pid):
        found = set()
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            match = re.match(r"socket:\[(\d+)\]", str(fd.readlink()))
            if match:
                found.add(match[1])
        return found

    pid = net.alice.relayd.p.pid
    ip = set()
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        lines = pathlib.Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]
        ip |= {line.split()[9] for line in lines}
    assert ip, "nobody has a connection"
    assert inodes(pid) and not inodes(pid) & ip
