# SPDX-License-Identifier: MIT
"""All hosts of a lab: up and down, the manifests to and fro, the zone."""

import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import threading

from . import files, netns, topology, wait
from .node import Node, ip

STATE = pathlib.Path("/var/tmp/agamid-lab")
_tls_lock = threading.Lock()


class LabError(Exception):
    """What a person is told."""


def saved_nodes(directory):
    return directory / "nodes.yaml"


class Lab:
    """A lab by name. root is where the Agamid under test was installed
    (`make install DESTDIR=root`, prefix /usr/local); system is the root of
    another Debian, with Agamid's package in it, for every node whose own
    `system` the nodes file does not tell."""

    def __init__(self, name="lab", nodes_file=None, root=None, system=None):
        if not (name.isalnum() and len(name) <= 20):
            raise LabError(f"a lab's name is letters and digits, not {name!r}")
        self.name = name
        self.directory = STATE / name
        self.switch = f"ag-{name}-switch"
        saved = saved_nodes(self.directory)
        self.topology = topology.load(nodes_file or (saved if saved.exists() else None))
        root_file = self.directory / "root"
        if root is None and root_file.exists():
            root = root_file.read_text(encoding="utf-8")
        self.root = root
        self.usr_local = f"{self.root}/usr/local" if self.root else None
        for spec in self.topology.nodes:
            given = spec.system or system
            spec.system = str(pathlib.Path(given).resolve()) if given else None
        self.nodes = {s.name: Node(self, s.name, s.address, s.host, s.system, s.build) for s in self.topology.nodes}
        self.specs = {s.name: s for s in self.topology.nodes}
        self.sender = Node(self, "sender", topology.SENDER_ADDRESS, topology.SENDER_HOST)
        self.dns = Node(self, "dns", topology.DNS_ADDRESS, "ns.dns.example")

    def all(self):
        return [self.dns, self.sender, *self.nodes.values()]

    def node(self, name):
        for node in self.all():
            if node.name == name:
                return node
        raise LabError(f"no node {name}; there are {', '.join(n.name for n in self.all())}")

    def is_up(self):
        return (self.directory / "up").exists()

    # ---- up ----

    def up(self):
        if self.directory.exists():
            raise LabError(f"lab {self.name} is there already (lab down --name {self.name})")
        if os.geteuid() != 0:
            raise LabError("the lab needs root (namespaces, other users)")
        self._check_programs()
        self.directory.mkdir(parents=True)
        if self.root:
            (self.directory / "root").write_text(str(self.root), encoding="utf-8")
        topology.save(self.topology, saved_nodes(self.directory))
        try:
            self._network()
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                list(pool.map(self._make, self.all()))
                list(pool.map(self._init, self.nodes.values()))
                self._zone()
                list(pool.map(self._befriend, self.nodes.values()))
                list(pool.map(self.start, self.all()))
        except BaseException:
            if not os.environ.get("LAB_KEEP"):
                self.down()
            raise
        (self.directory / "up").touch()

    def _check_programs(self):
        for spec in self.topology.nodes:
            if spec.system:
                if not os.path.exists(f"{spec.system}/usr/bin/agamid"):
                    raise LabError(f"no Agamid is installed in {spec.system} (tests/debian-packages --keep)")
            elif not os.path.exists(f"{self.nodes[spec.name].usr_local}/bin/agamid"):
                raise LabError("no Agamid to test: make install DESTDIR=DIR, then lab up --root DIR")

    def _network(self):
        ip("netns", "add", self.switch)
        ip("-n", self.switch, "link", "add", "br0", "type", "bridge", "forward_delay", "0")
        ip("-n", self.switch, "link", "set", "br0", "up")
        for node in self.all():
            node.make_network()
            if node.name in self.specs and self.specs[node.name].nat:
                node.hide()

    def _make(self, node):
        with _tls_lock:
            tls = files.tls_pem(self.directory / "tls.pem")
        if node is self.sender:
            files.make_sender(node.directory, tls)
        elif node is self.dns:
            files.make_dns(node.directory, {".": files.root_zone(self.topology.nodes)})
        else:
            files.make_node(node.directory, self.specs[node.name], tls)
        node.boot()

    def _init(self, node):
        """The node's keys and signed manifest, by `agamid init` alone."""
        spec = self.specs[node.name]
        argv = ["agamid", "init", "--batch", "--name", spec.name, "--network", self.topology.network,
                "--host", spec.host]
        if not spec.nat:
            argv += ["--address", spec.address]
        for domain in spec.domains:
            argv += ["--domain", domain]
        for mailbox, pattern in spec.mailboxes.items():
            argv += ["--mailbox", f"{mailbox}={pattern}"]
        argv += ["--recovery-out", "/etc/agamid/recovery.asc"]
        result = node.exec(*argv, *spec.options)
        (node.directory / "init.out").write_text(result.stdout + result.stderr, encoding="utf-8")

    def manifest_of(self, name):
        """The newest manifest file of a node, on that node, from outside."""
        folder = self.nodes[name].directory / "var/lib/agamid/manifests" / name
        found = sorted(folder.glob("*.yaml"), key=lambda p: int(p.stem))
        if not found:
            raise LabError(f"{name} has no manifest in {folder}")
        return found[-1]

    def fingerprint_of(self, name):
        shown = self.nodes[name].exec("agamid", "manifest", "fingerprint").stdout.strip()
        return shown.split()[-1]

    def _befriend(self, node):
        """Each friend's manifest is brought by hand and pinned."""
        for name in self.nodes:
            if name == node.name:
                continue
            shutil.copy(self.manifest_of(name), node.directory / "tmp" / f"{name}.yaml")
            node.exec("agamid", "peer", "add", f"/tmp/{name}.yaml", "--fingerprint", self.fingerprint_of(name))
        node.exec("agamid", "apply", "--no-reload")
        if self.specs[node.name].setup:
            said = node.exec("agamid", "setup", "--yes")
            (node.directory / "setup.out").write_text(said.stdout + said.stderr, encoding="utf-8")
        else:
            node.exec("sievec", "/etc/dovecot/agamid.sieve")

    def _zone(self):
        """The shared zone, and one for each domain outside it, from the
        manifests (agamid-zone), beside the lab's own root zone."""
        zones = {".": files.root_zone(self.topology.nodes)}
        keeper = next(iter(self.nodes.values()))
        manifests = []
        for name in self.nodes:
            manifests.append(f"/tmp/zone-{name}.yaml")
            shutil.copy(self.manifest_of(name), keeper.directory / manifests[-1][1:])
        origins = [self.topology.network]
        for spec in self.topology.nodes:
            origins += [d for d in spec.domains if not d.endswith("." + self.topology.network)]
        for origin in origins:
            result = keeper.exec("agamid-zone", "generate", "--zone", origin, "--ttl", "1",
                                 "--ns", "ns.dns.example", *manifests)
            zones[origin] = result.stdout
        files.write_zones(self.dns.directory, zones)

    # ---- running ----

    def start(self, node):
        node.boot()
        if node.name in self.nodes:
            node.exec("agamid", "apply", "--no-reload")
        node.start_services()
        self.ready(node)

    def ready(self, node):
        """Wait until everything on the node answers."""
        wait.until(lambda: self.missing(node) == [], 60,
                   f"{node.name} to be ready; missing {self.missing(node)}\n{node.log_text()}")

    def missing(self, node):
        """Which of a node's doors do not answer."""
        if node is self.dns:
            return [] if self._tcp(node, 53) else ["53"]
        doors = [] if self._tcp(node, 25, greeting=True) else ["25"]
        if node is self.sender:
            return doors
        doors += [str(p) for p in (143, 110, 2222) if not self._tcp(node, p)]
        stream = ("/var/spool/postfix/agamid/milter.sock", "/var/spool/postfix/agamid/policy.sock",
                  "/var/spool/postfix/agamid/seal.sock", "/var/spool/postfix/private/dovecot-lmtp")
        doors += [p for p in stream if not self._unix(node, p, socket.SOCK_STREAM)]
        packets = ("/run/agamid/relayd/relay.sock", "/run/agamid/deliver/deliver.sock")
        doors += [p for p in packets if not self._unix(node, p, socket.SOCK_SEQPACKET)]
        return doors

    @staticmethod
    def _tcp(node, port, greeting=False):
        try:
            with netns.inside(node.netns), socket.create_connection((node.address, port), 1) as connection:
                connection.settimeout(10)  # smtpd asks DNS first, which a cut node can't reach
                return not greeting or connection.recv(4).startswith(b"220")
        except OSError:
            return False

    @staticmethod
    def _unix(node, path, kind):
        """Somebody listens; a socket's file outlives its server."""
        try:
            with socket.socket(socket.AF_UNIX, kind) as connection:
                connection.settimeout(60)
                connection.connect(str(node.path(path)))
                return True
        except OSError:
            return False

    @contextlib.contextmanager
    def connected(self, node, port):
        """A TCP socket from the node itself to one of its ports."""
        with netns.inside(node.netns):
            connection = socket.create_connection((node.address, port), 10)
        with connection:
            yield connection

    # ---- down ----

    def down(self):
        for node in self.all():
            node.off()
        for name in [n.netns for n in self.all()] + [self.switch]:
            if os.path.exists(f"/run/netns/{name}"):
                ip("netns", "del", name)
        shutil.rmtree(self.directory, ignore_errors=True)
        with contextlib.suppress(OSError):
            STATE.rmdir()
