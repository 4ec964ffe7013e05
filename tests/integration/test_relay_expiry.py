# SPDX-License-Identifier: MIT
"""What is held too long: that it goes, when it does not, and that its home
hears of it. The clocks are moved under agamid-relayd; what counts as a day is
its own."""
import sqlite3
import subprocess

import pytest

from relay_net import NETWORK, SECRETS, STATE, TOOLS, Caller, Clock, wait_for

DAY = 86400
YEAR = 365 * DAY


@pytest.fixture
def net(make_net):
    net = make_net("alice", "bob", "carol")
    net.bob.policy = {"hold": "1d"}
    net.clocks = {n: Clock(n) for n in net.nodes.values()}
    net.configure()
    return net


def again(node, offset, synchronised=True):
    """Start relayd anew, with this clock: it looks at the day then."""
    node.stop()
    node.net.clocks[node].set(offset, synchronised=synchronised)
    node.start()
    return int(node.ask("status")[0]["day"])


def taken(node, ids):
    wait_for(lambda: node.held() == sorted(ids), what="it to be held")


def receipt(net, *ids):
    argv = [TOOLS / "relay_tool", "receipt", net.bob.path(SECRETS, "receipt.seed"), NETWORK, "bob", *ids]
    return subprocess.run(argv, check=True, capture_output=True).stdout


def test_expires_and_the_home_is_told(net):
    """SPEC N-12.1, N-12.2, N-12.3, R-13.1, R-13.4, R-13.5"""
    net.start("alice", "carol")
    ids = net.alice.bundles("bob", 3)
    taken(net.alice, ids)
    taken(net.carol, ids)
    # The last day: peers are asked, and nothing goes.
    for n in (net.alice, net.carol):
        again(n, DAY)
    wait_for(lambda: net.alice.logged("asking for receipts of old bundles count=3"), what="questions")
    wait_for(lambda: net.alice.peer("carol")["session"] != "none", what="a session")
    assert net.alice.held() == net.carol.held() == sorted(ids)
    # Over, but nobody knows what day it is.
    again(net.alice, 2 * DAY, synchronised=False)
    wait_for(lambda: net.alice.logged("nothing expires while the clock is not synchronised"), what="an answer")
    assert net.alice.ask("status")[0]["clock"] == "unsynchronised"
    assert net.alice.held() == sorted(ids)
    for n in (net.carol, net.alice):
        again(n, 2 * DAY)
    for n in (net.alice, net.carol):
        wait_for(lambda: not n.held(), what=f"expiry at {n.name}")
        assert n.ask("status")[0]["untold"] == "3"
    assert net.alice.logged("expired id=") == 3
    # What is dead stays dead.
    net.alice.stop()
    net.alice.start()
    assert net.alice.ask("status")[0]["untold"] == "3"
    net.bob.start()
    for n in (net.alice, net.carol):
        wait_for(lambda: n.ask("status")[0]["untold"] == "0", what=f"bob to hear of it from {n.name}")
    lost = net.bob.ask("expired")
    assert sorted(line["id"] for line in lost) == sorted(ids)
    assert {line["acceptor"] for line in lost} == {"alice"}
    assert net.bob.ask("status")[0]["lost"] == "3"
    assert net.bob.logged("own mail has expired id=") == 3
    trace = net.bob.ask(f"trace {ids[0]}")
    assert {line["who"] for line in trace if line.get("what") == "expired"} == {"alice", "carol"}
    assert not net.bob.delivered()


def test_clocks_that_are_wrong_by_years(net):
    """SPEC N-5.4, N-12.1"""
    net.bob.policy = {"hold": "2d"}
    net.configure()
    net.start("alice", "carol")
    ids = net.alice.bundles("bob", 2)
    taken(net.alice, ids)
    taken(net.carol, ids)
    day = int(net.alice.ask("status")[0]["day"])
    for offset in (YEAR, -20 * YEAR, YEAR, 0):
        assert again(net.alice, offset) <= day + 1
        wait_for(lambda: net.alice.peer("carol")["session"] != "none", what="a session")
    assert net.alice.held() == net.carol.held() == sorted(ids)
    net.bob.start()
    wait_for(lambda: sorted(net.bob.delivered()) == sorted(ids), what="delivery")


def test_sixty_days_seen(net):
    """The default, and a lost database. SPEC N-12.1, R-13.6"""
    net.bob.policy = {}
    net.configure()
    net.start("alice", "carol")
    ids = net.alice.bundles("bob", 1)
    taken(net.alice, ids)
    taken(net.carol, ids)

    def seen(days):
        net.alice.stop()
        with sqlite3.connect(net.alice.path(STATE, "state/network.db")) as db:
            db.execute("UPDATE meta SET value = ? WHERE name = 'day'", (1 + days,))
        net.alice.start()
        wait_for(lambda: net.alice.peer("carol")["session"] != "none", what="a session")

    seen(59)
    assert not net.alice.logged("asking for receipts")
    assert net.alice.held() == ids
    seen(60)
    wait_for(lambda: net.alice.logged("asking for receipts"), what="the question")
    more = net.alice.bundles("bob", 1)
    taken(net.alice, ids + more)
    # The count goes on with what came last.
    net.alice.stop()
    for path in net.alice.path(STATE, "state").glob("network.db*"):
        path.unlink()
    net.alice.start()
    assert net.alice.ask("status")[0]["day"] == "61"
    seen(61)
    wait_for(lambda: net.alice.held() == more, what="expiry")


def test_a_late_copy_does_not_begin_anew(net):
    """SPEC N-12.7: its days are those of its ticket, by a clock that is right."""
    net.bob.policy = {}
    net.configure()
    net.start("carol")
    net.carol.stop()
    net.start("alice")

    def age(days_later, synchronised):
        """Carol comes so many days later: for how many has her copy been held?"""
        before = net.alice.held()
        bundle_id, = net.alice.bundles("bob", 1)
        taken(net.alice, [*before, bundle_id])
        with sqlite3.connect(net.carol.path(STATE, "state/network.db")) as db:
            db.execute("UPDATE meta SET value = ? WHERE name = 'day'", (100 + days_later,))
        today = again(net.carol, days_later * DAY, synchronised)
        wait_for(lambda: bundle_id in net.carol.held(), what="the copy")
        net.carol.stop()
        path, = net.carol.path("var/spool/agamid/held/bob").glob(bundle_id + ".*")
        return today - int(path.name.split(".")[2])

    assert age(20, True) == 20
    assert age(40, False) == 0


def over(net, count=1):
    """Alice alone runs, and holds what is over; carol is ours. The IDs."""
    net.start("alice")
    ids = net.alice.bundles("bob", count)
    taken(net.alice, ids)
    again(net.alice, DAY)
    again(net.alice, 2 * DAY)
    return ids


def test_nothing_goes_while_nobody_answers(net):
    """SPEC R-13.1, R-13.2"""
    ids = over(net, 3)
    assert net.alice.held() == sorted(ids)
    old = Caller(net.alice, "carol", version=2)
    old.say("due " + ids[0])
    assert old.until("no-receipt") == "no-receipt " + ids[0]
    old.say("no-receipt " + ids[0])  # to a question that was not put to it
    old.say("ping")
    said = b""
    while b"pong\n" not in said:
        said += old.take(1)
    assert b"due " not in said and net.alice.held() == sorted(ids)
    old.hang_up()
    carol = Caller(net.alice, "carol", version=3)
    asked = {carol.until("due").split()[1] for _ in ids}
    assert asked == set(ids)
    # Answers to what was not asked, and two for one, count for nothing.
    for i in ("0" * 64, ids[0], "0" * 64):
        carol.say("no-receipt " + i)
    carol.say("ping")
    assert carol.until("pong")
    assert net.alice.held() == sorted(ids)
    for i in ids[1:]:
        carol.say("no-receipt " + i)
    wait_for(lambda: not net.alice.held(), what="expiry")
    carol.end()


def test_a_receipt_is_what_removes_it(net):
    """SPEC R-13.3"""
    ids = over(net, 2)
    carol = Caller(net.alice, "carol", version=3)
    for _ in ids:
        carol.until("due")
    text = receipt(net, ids[0])
    carol.say(f"delivered {ids[0]} {len(text)}", text)
    wait_for(lambda: net.alice.held() == [ids[1]], what="removal")
    carol.say("no-receipt " + ids[1])
    wait_for(lambda: not net.alice.held(), what="expiry")
    assert net.alice.ask("status")[0]["untold"] == "1"
    # Asked in turn, alice has a receipt for one of them.
    for i, word in zip(ids, ("delivered", "no-receipt")):
        carol.say("due " + i)
        line = carol.until(word)
        assert line.split()[1] == i
        if word == "delivered":
            assert carol.take(int(line.split()[2]))
    carol.end()


def test_what_expired_is_not_taken_again(net):
    """SPEC R-13.5"""
    net.start("alice")
    net.carol.path("out").mkdir()
    bundle_id, = net.carol.bundles("bob", 1, to="out")
    path, = net.carol.path("out").glob(bundle_id + ".*")
    carol = Caller(net.alice, "carol", version=3)
    assert carol.offer(path).startswith("want ")
    assert carol.bring(path).startswith("stored ")
    carol.end()
    again(net.alice, DAY)
    again(net.alice, 2 * DAY)
    carol = Caller(net.alice, "carol", version=3)
    carol.until("due")
    carol.say("no-receipt " + bundle_id)
    wait_for(lambda: not net.alice.held(), what="expiry")
    assert carol.offer(path).startswith(f"refused {bundle_id} its time was over here")
    carol.end()


def test_home_believes_no_lie(net):
    """SPEC R-13.4"""
    net.start("alice")
    net.carol.path("out").mkdir()
    mine, = net.carol.bundles("alice", 1, to="out")
    bobs, = net.carol.bundles("bob", 1, to="out")
    paths = {i: next(net.carol.path("out").glob(i + ".*")) for i in (mine, bobs)}
    tickets = {i: p.read_bytes()[:1024].rstrip() + b"\n" for i, p in paths.items()}
    carol = Caller(net.alice, "carol", version=2)
    for i, t in ((bobs, tickets[bobs]), (bobs, tickets[mine]),
                 (mine, tickets[mine].replace(b"copies 4", b"copies 5")), (mine, b"x")):
        carol.say(f"expired {i} {len(t)}", t)
        assert carol.until("heard") == f"heard {i}"
    assert net.alice.ask("expired") == []
    for _ in range(2):
        carol.say(f"expired {mine} {len(tickets[mine])}", tickets[mine])
        assert carol.until("heard") == f"heard {mine}"
    line, = net.alice.ask("expired")
    assert (line["id"], line["peer"], line["acceptor"]) == (mine, "carol", "carol")
    # Another holder has it still: then it was not lost.
    assert carol.offer(paths[mine]).startswith("want ")
    assert carol.bring(paths[mine]).startswith("stored ")
    wait_for(lambda: net.alice.delivered() == [mine], what="delivery")
    wait_for(lambda: net.alice.ask("expired") == [], what="it to be found")
    carol.say(f"expired {mine} {len(tickets[mine])}", tickets[mine])
    line = carol.until("delivered")
    assert line.split()[1] == mine
    carol.take(int(line.split()[2]))
    carol.end()


def test_killed_between_commit_and_removal(net):
    """SPEC R-13.5"""
    ids = over(net, 2)
    net.alice.fault("relay.unlink kill")
    carol = Caller(net.alice, "carol", version=3)
    for _ in ids:
        carol.until("due")
    for i in ids:
        carol.say("no-receipt " + i)
    wait_for(lambda: not net.alice.relayd.running(), what="the kill")
    carol.hang_up()
    assert len(net.alice.held()) == 2
    net.alice.fault()
    net.alice.start()
    wait_for(lambda: not net.alice.held(), what="removal")
    assert net.alice.ask("status")[0]["untold"] == "2"
