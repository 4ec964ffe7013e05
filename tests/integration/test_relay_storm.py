# SPDX-License-Identifier: MIT
"""Twenty peers that come at once, go, and come again: what was to be said is
said once. The peers are the test's, so that it can count."""
from relay_net import Session, wait_for

PEERS = [f"peer{n:02d}" for n in range(20)]
COUNT = 12  # bundles, each on alice and three others
NONCE = "0123456789abcdef" * 2
CHILDREN_MAX = 8  # of relayd/dialler.c


def ids_of(lines, verb):
    return [line.split(" ")[1] for line in lines if line.startswith(verb + " ")]


def heard(session):
    """All that relayd has to say by now: what is asked last is answered last."""
    session.say(f"which bob 0 {NONCE}")
    lines = [session.message()]
    while not lines[-1].startswith("these"):
        lines.append(session.message())
    return lines


def come(net, dialled=False):
    return {name: Session(net.alice, name, dialled) for name in PEERS}


def drawn(net):
    return sum(int(net.alice.peer(name)["drawn"]) for name in PEERS)


def test_twenty_at_once(make_net):
    """SPEC R-4.1, R-7.1, R-8.4, R-16.6"""
    net = make_net("alice", "bob", *PEERS)
    net.alice.settings["relay"] = {"retry-min": "10m", "retry-max": "20m"}
    net.alice.write_config()
    net.start("alice")
    children = []
    ids = net.alice.bundles("bob", COUNT)
    wait_for(lambda: children.append(len(net.alice.children())) or drawn(net) == 3 * COUNT, what="the draws")
    assert max(children) <= CHILDREN_MAX
    # Each is offered what was drawn for it, and nothing else, once.
    sessions = come(net)
    offers = {name: ids_of(heard(session), "offer") for name, session in sessions.items()}
    assert sorted(i for each in offers.values() for i in each) == sorted(3 * ids)
    for name, session in sessions.items():
        for i in offers[name]:
            session.say(f"want {i}")
        for i in offers[name]:
            session.until(f"bundle {i}")
            session.say(f"stored {i}")
    wait_for(lambda: drawn(net) == 0, what="the copies to count")
    # They go and come, all at once, and once with two sessions each.
    for crossing in (False, True, False):
        for session in sessions.values():
            session.hang_up()
        wait_for(lambda: all(net.alice.peer(name)["session"] == "none" for name in PEERS), what="the ends")
        sessions = come(net)
        others = come(net, dialled=True) if crossing else {}
        for session in sessions.values():
            lines = heard(session)
            assert not ids_of(lines, "offer") + ids_of(lines, "bundle")
            assert len(lines) < 2 * len(net.nodes) + 20
        for session in others.values():
            session.until("bye there is another session")
        assert all(net.alice.peer(name)["session"] == "accepted" for name in PEERS)
    assert net.alice.logged("drawn id=") == 3 * COUNT
    assert net.alice.logged("session up") == (1 + 3 + 1) * len(PEERS)
    assert {line["copies"] for line in net.alice.ask("queue")} == {"4"}
    for session in [*sessions.values(), *others.values()]:
        session.hang_up()
