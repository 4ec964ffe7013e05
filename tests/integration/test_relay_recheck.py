# SPDX-License-Identifier: MIT
"""What relayd does after it could not store something: it looks again, on
the sessions that it has, and nothing stays behind."""

import pytest

from relay_net import Caller, made, wait_for


@pytest.fixture
def alice(make_net):
    """Alice serves; bob and carol are whoever the test says they are."""
    net = make_net("alice", "bob", "carol")
    net.start("alice")
    net.carol.path("out").mkdir()
    return net


def held_from_carol(net):
    """Alice holds what carol brought for bob; the ID, and carol's session."""
    path, = made(net.carol, "bob")
    carol = Caller(net.alice, "carol")
    assert carol.offer(path).startswith("want ")
    assert carol.bring(path).startswith("stored ")
    return path.name.split(".")[0], carol


def until_offered(caller, bundle_id):
    line = caller.until("offer").split(" ")
    caller.take(int(line[-1]))
    assert line[1] == bundle_id


def answer_delivered(net, caller, bundle_id):
    text = net.bob.receipt(bundle_id)
    caller.say(f"delivered {bundle_id} {len(text)}", text)


def test_receipt_that_could_not_be_stored(alice):
    """SPEC R-4.1, R-6.4: the bundle stays, and is offered again in the same session."""
    bundle_id, carol = held_from_carol(alice)
    bob = Caller(alice.alice, "bob")
    until_offered(bob, bundle_id)
    alice.alice.fault("relay.commit error")
    answer_delivered(alice, bob, bundle_id)
    until_offered(bob, bundle_id)
    answer_delivered(alice, bob, bundle_id)
    wait_for(lambda: not alice.alice.held(), 60, "deletion on receipt")
    bob.hang_up()
    carol.hang_up()


def test_answer_that_could_not_be_stored(alice):
    """SPEC R-6.2: a receipt is told until it is known to be noted."""
    bundle_id, carol = held_from_carol(alice)
    bob = Caller(alice.alice, "bob")
    until_offered(bob, bundle_id)
    answer_delivered(alice, bob, bundle_id)
    carol.until("receipt")
    alice.alice.fault("relay.commit error")
    carol.say("noted")
    carol.until("receipt")
    carol.say("noted")
    wait_for(lambda: alice.alice.peer("carol")["receipts"] == "0", 60, "nothing to be told")
    bob.hang_up()
    carol.hang_up()
