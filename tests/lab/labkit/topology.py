# SPDX-License-Identifier: MIT
"""Which nodes a lab has. The file given by --nodes is YAML:

    network: friends.example
    nodes:
      alice: {}
      bob:
        domains: [bob.example, bob.test]
        mailboxes: {bob: 'bob(\\+\\w+)?'}
        deliver-to: {bob: bob}
        options: [--copies, "3"]        # more for `agamid init`
        settings: {openpgp: gpgme}      # more for agamid.yaml
        system: $AGAMID_TRIXIE          # the root of another Debian with
                                        # Agamid's package, that it runs
        setup: true                     # its Postfix and Dovecot know
                                        # nothing of Agamid; `agamid
                                        # setup` tells them
        build: $AGAMID_PREVIOUS         # another Agamid than the lab's:
                                        # where it was installed
        nat: true                       # nobody can connect to it, and its
                                        # manifest tells no address

All but the names may be left out. The two hosts `sender` (the outside
world) and `dns` (the name server) are always there.
"""

import dataclasses
import os
import pathlib

import yaml

SUBNET = "192.0.2."
SENDER_ADDRESS = SUBNET + "1"
DNS_ADDRESS = SUBNET + "2"
SENDER_HOST = "mx.sender.example"
SENDER_DOMAIN = "sender.example"
FIRST_NODE = 11


@dataclasses.dataclass
class NodeSpec:
    """One Agamid node, as the nodes file tells it."""

    name: str
    host: str
    address: str
    domains: list
    mailboxes: dict
    deliver_to: dict
    options: list
    settings: dict
    system: str = None
    build: str = None
    setup: bool = False
    nat: bool = False

    def users(self):
        """Names that can log in: every deliver-to without '@'."""
        names = [self.deliver_to.get(m, m) for m in self.mailboxes]
        return sorted({n for n in names if "@" not in n} | {self.name})


@dataclasses.dataclass
class Topology:
    network: str
    nodes: list

    def names(self):
        return [n.name for n in self.nodes]


def _node(index, name, network, given):
    known = {"domains", "mailboxes", "deliver-to", "options", "settings", "host", "address", "system", "build", "setup", "nat"}
    unknown = set(given) - known
    if unknown:
        raise ValueError(f"node {name}: unknown keys {sorted(unknown)}; known: {sorted(known)}")
    return NodeSpec(
        name=name,
        host=given.get("host", f"{name}.{network}"),
        address=given.get("address", f"{SUBNET}{FIRST_NODE + index}"),
        domains=given.get("domains", [f"{name}.example"]),
        mailboxes=given.get("mailboxes", {name: rf"{name}(\+\w+)?"}),
        deliver_to=given.get("deliver-to", {}),
        options=[str(o) for o in given.get("options", [])],
        settings=given.get("settings", {}),
        system=os.path.expandvars(given["system"]) if "system" in given else None,
        setup=given.get("setup", False),
        nat=given.get("nat", False),
        build=os.path.expandvars(given["build"]) if "build" in given else None,
    )


def save(topology, path):
    """As a nodes file that reads the same from anywhere."""
    nodes = {}
    for spec in topology.nodes:
        nodes[spec.name] = {k.replace("_", "-"): v for k, v in vars(spec).items() if k != "name" and v is not None}
    path.write_text(yaml.safe_dump({"network": topology.network, "nodes": nodes}, sort_keys=False), encoding="utf-8")


def load(path=None):
    """The topology in path, or the four friends of the story."""
    if path is None:
        path = pathlib.Path(__file__).resolve().parent.parent / "friends.yaml"
    with open(path, encoding="utf-8") as file:
        data = yaml.safe_load(file)
    network = data.get("network", "friends.example")
    nodes = data["nodes"]
    if isinstance(nodes, list):
        nodes = {name: {} for name in nodes}
    specs = [_node(i, name, network, given or {}) for i, (name, given) in enumerate(nodes.items())]
    for reserved in ("sender", "dns", "switch"):
        if reserved in nodes:
            raise ValueError(f"a node can't be called {reserved}: the lab has one of its own")
    return Topology(network=network, nodes=specs)
