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


@pytest.fixture(scope="session")
def acquainted(tmp_path_factory):
    """carol, who knows bob and dave; mallory, whom nobody knows."""
    base = tmp_path_factory.mktemp("acquainted")
    nodes = {}
    for name in ("carol", "bob", "dave", "mallory"):
        nodes[name] = Cli(base / name)
        nodes[name].init(name, "--address", "192.0.2.2")
    nodes["carol"].add(nodes["bob"])
    nodes["carol"].add(nodes["dave"])
    nodes["carol"].run("apply")
    nodes["bob"].run("apply")
    return nodes


@pytest.fixture
def known(acquainted, tmp_path):
    return lambda name: acquainted[name].copy(tmp_path / name)


@pytest.fixture
def pair(known):
    return known("carol"), known("bob")
