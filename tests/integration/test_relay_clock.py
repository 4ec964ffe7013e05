# SPDX-License-Identifier: MIT
"""Clocks that are wrong, and a machine that has slept."""
import pytest
from relay_net import Clock, wait_for

YEAR = 365 * 86400


@pytest.fixture
def pair(make_net):
    net = make_net("alice", "bob")
    net.alice.policy = net.bob.policy = {"hold": "1d"}
    net.configure()
    net.clock = Clock(net.alice)
    return net


def days(node):
    return int(node.ask("status")[0]["day"])


def test_wrong_by_years(pair):
    """SPEC N-5.4, R-8.7: forward, and back again: nothing expires, no session ends, nobody is dialled."""
    alice = pair.alice
    pair.start("alice")
    ids = alice.bundles("bob", 3)
    wait_for(lambda: sorted(alice.held("bob")) == sorted(ids), what="the bundles")
    first = days(alice)
    for number, (real, boot) in enumerate([(YEAR, 0), (-3 * YEAR, 0), (0, 0)]):
        pair.clock.set(real, boot)
        wait_for(lambda: alice.logged("the clock was set") == number + 1, what="the news of it")
        assert days(alice) <= first + 1
        assert sorted(alice.held("bob")) == sorted(ids)
    assert alice.logged("expired") == 0


def test_session_outlives_a_clock(pair):
    """SPEC R-8.7"""
    pair.bob.addresses = []  # so that it is he who dials, and there is one session
    pair.configure()
    pair.start()
    wait_for(lambda: pair.alice.peer("bob")["session"] == "accepted", what="the session")
    ups = pair.alice.logged("session up")
    pair.clock.set(YEAR, 0)
    wait_for(lambda: pair.alice.logged("the clock was set"), what="the news of it")
    ids = pair.alice.bundles("bob", 2)
    wait_for(lambda: sorted(pair.bob.delivered()) == sorted(ids), what="mail at home")
    assert pair.alice.logged("session up") == ups


def test_sleep(pair):
    """SPEC R-8.3: after it all are dialled, whatever they had to wait for."""
    alice = pair.alice
    alice.settings["relay"] = {"retry-min": "10m", "retry-max": "20m"}
    pair.configure()
    pair.start("alice")
    wait_for(lambda: alice.logged("will dial again"), what="a failure")
    pair.bob.start(relayd=False)  # it must be alice who dials
    log = pair.bob.path("sshd.log")
    alice.bundles("bob", 1)  # wakes relayd, but ends no backoff
    wait_for(lambda: alice.held("bob"), what="the bundle")
    assert "Accepted publickey" not in log.read_text()
    pair.clock.set(300, 300)
    alice.bundles("bob", 1)
    wait_for(lambda: alice.logged("the machine has slept seconds="), what="the news of it")
    wait_for(lambda: "Accepted publickey" in log.read_text(), what="the call")
