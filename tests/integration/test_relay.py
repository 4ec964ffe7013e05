# SPDX-License-Identifier: MIT
"""agamid-relayd and agamid-receive over real SSH: copies, carrying home,
receipts, and what remains after each process has died at each step."""
import shutil
import tempfile

import pytest

from relay_net import Net, wait_for


@pytest.fixture
def make_net(request):
    nets = []

    def make(*names):
        base = tempfile.mkdtemp(prefix="rl-", dir="/tmp")
        net = Net(base, *([list(names)] if names else []))
        nets.append(net)
        return net

    failed = request.session.testsfailed
    yield make
    for net in nets:
        if request.session.testsfailed != failed:
            net.show()
        net.close()


def test_home_gets_its_mail(make_net):
    net = make_net("alice", "bob")
    net.start()
    ids = net.alice.bundles("bob", 3)
    wait_for(lambda: sorted(net.bob.delivered()) == sorted(ids), what="delivery")
    wait_for(lambda: not net.alice.held() and not net.bob.held(), what="deletion on receipt")
