# SPDX-License-Identifier: MIT
"""Fixtures of the tests of relayd, and of agamid with --root."""
import tempfile

import pytest

from cli_node import Cli
from relay_net import Net


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


@pytest.fixture
def nodes(tmp_path):
    def make(name, *options):
        node = Cli(tmp_path / name)
        node.init(name, *options)
        return node

    return make
