# SPDX-License-Identifier: MIT
"""Two sessions with one peer at a time: what was begun in the one that ends
is neither lost nor done twice. The test is the process of each session, and
so says in which order things come."""
import pytest

from relay_net import Session, made, ticket_of, wait_for


@pytest.fixture
def net(make_net):
    """Alice has what is for bob; carol and dave may hold it."""
    return make_net("alice", "bob", "carol", "dave")


def id_of(path):
    return path.name.split(".")[0]


def all_for_carol(net, count=1, size=10000):
    """Bundles of alice's that carol is drawn for, and dave is not."""
    net.dave.stores = {"deny": ["bob"]}
    net.alice.write_derived()
    net.start("alice")
    ids = net.alice.bundles("bob", count, copies=2, size=size)
    wait_for(lambda: len(net.alice.ask("queue")) == count, what="taken")
    return ids


def drawn_for_carol(net):
    """One such bundle; dave may hold it, too, from now on."""
    bundle_id, = all_for_carol(net)
    net.dave.stores = {}
    net.alice.write_derived()
    net.alice.ask("reload")
    return bundle_id


def queued(node, bundle_id):
    return next(line for line in node.ask("queue") if line["id"] == bundle_id)


def test_refused_in_the_one_and_wanted_in_the_other(net):
    """SPEC R-4.9: the session that stays decides; nobody else is drawn."""
    bundle_id = drawn_for_carol(net)
    closing = Session(net.alice, "carol", dialled=True)
    closing.until(f"offer {bundle_id}")
    staying = Session(net.alice, "carol", dialled=False)
    staying.until(f"offer {bundle_id}")
    closing.until("bye")
    closing.say(f"refused {bundle_id} the quota is used up")
    closing.hang_up()
    staying.say(f"want {bundle_id}")
    staying.until(f"bundle {bundle_id}")
    staying.say(f"stored {bundle_id}")
    line = wait_for(lambda: (q := queued(net.alice, bundle_id))["drawn"] == "" and q, what="the copy to count")
    assert line["holders"] == "alice,carol"
    staying.hang_up()


def test_refused_in_both(net):
    """SPEC R-4.9, R-7.3: another is drawn, once."""
    bundle_id = drawn_for_carol(net)
    closing = Session(net.alice, "carol", dialled=True)
    closing.until(f"offer {bundle_id}")
    staying = Session(net.alice, "carol", dialled=False)
    staying.until(f"offer {bundle_id}")
    for s in (closing, staying):
        s.say(f"refused {bundle_id} the quota is used up")
    wait_for(lambda: queued(net.alice, bundle_id)["drawn"] == "dave", what="another to be drawn")
    closing.hang_up()
    staying.hang_up()


def test_kept_after_a_refusal(net):
    """SPEC R-7.1: whoever took it after all has it."""
    bundle_id = drawn_for_carol(net)
    carol = Session(net.alice, "carol", dialled=False)
    carol.until(f"offer {bundle_id}")
    carol.say(f"refused {bundle_id} not now")
    carol.say(f"want {bundle_id}")
    carol.until(f"bundle {bundle_id}")
    carol.say(f"stored {bundle_id}")
    wait_for(lambda: "carol" in queued(net.alice, bundle_id)["holders"], what="the copy to count")
    carol.hang_up()


@pytest.fixture
def taker(net):
    """Carol lends a third of 1 MiB through each peer; alice is the test."""
    net.carol.stores = {"quota": "1M"}
    net.configure()
    net.start("carol")
    net.alice.path("out").mkdir()
    return net


def offer(session, path):
    bundle_id, size = path.name.split(".")[:2]
    ticket = ticket_of(path)
    session.say(f"offer {bundle_id} {size} {len(ticket)}", ticket)
    return session.answer(bundle_id)


def test_what_another_session_owes_counts(taker):
    """SPEC R-5.9: the share is the peer's, not the session's."""
    first, second = made(taker.alice, "bob", count=2, size=300000)
    closing, staying = (Session(taker.carol, "alice", dialled=d) for d in (False, True))
    assert offer(closing, first) == "accept"
    assert offer(staying, second) == "refused"
    assert offer(staying, first) == "wait"
    closing.hang_up()
    assert staying.answer(id_of(first)) == "accept"
    assert offer(staying, second) == "refused"
    staying.hang_up()


def test_what_is_refused_is_not_awaited(taker):
    """SPEC R-4.10: a want that is answered `refused` gives back its room, and the next is asked."""
    first, second = made(taker.alice, "bob", count=2, size=300000)
    alice = Session(taker.carol, "alice", dialled=True)
    dave = Session(taker.carol, "dave", dialled=True)
    assert offer(alice, first) == "accept"
    assert offer(dave, first) == "wait"
    alice.say(f"refused {id_of(first)} not for you")
    assert dave.answer(id_of(first)) == "accept"
    dave.say(f"refused {id_of(first)} not for you")
    assert wait_for(lambda: taker.carol.peer("dave")["wants"] == "0", what="nothing to be awaited")
    assert offer(alice, second) == "accept"
    alice.hang_up()
    dave.hang_up()


def test_wanted_and_at_home_meanwhile(net):
    """SPEC R-4.10: a want for what went home is answered."""
    ids = all_for_carol(net, 2, 500000)
    carol = Session(net.alice, "carol", dialled=False)
    for i in ids:
        carol.until("offer")
    for i in ids:
        carol.say(f"want {i}")
    # Two of them are too much to be on their way at once.
    sent = carol.until("bundle").split(" ")[1]
    waiting, = set(ids) - {sent}
    text = net.bob.receipt(waiting)
    bob = Session(net.alice, "bob", dialled=False)
    bob.say(f"receipt {len(text)}", text)
    carol.until(f"refused {waiting}")
    bob.hang_up()
    carol.hang_up()
