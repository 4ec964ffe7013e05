# SPDX-License-Identifier: MIT
"""Carrying 10,000 bundles of 10 kB home, from the start of the relayd that
dials to the last one durable on Bob's disk, beside what else copies files
over SSH. Durable are rsync --fsync, and tar with sync(1) of the whole file
system behind it; scp and tar alone make nothing durable. None of them checks
a signature or a hash."""

import os
import shutil
import subprocess
import tempfile

from measure import Result, family, pss_kb, ratios, take_turns, timed
from relay_net import SPOOL, Net, Process, wait_for

SSHD = """
Port 2201
ListenAddress {address}
HostKey {keys}/host
AuthorizedKeysFile {keys}/client.pub
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
"""


class PlainSsh:
    """An sshd of Alice's that lets Bob run any program."""

    def __init__(self, net):
        self.net, self.keys = net, net.base / "plain"
        self.keys.mkdir()
        for name in ("host", "client"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.keys / name], check=True)
        (self.keys / "sshd_config").write_text(SSHD.format(address=net.alice.address, keys=self.keys))
        log = self.keys / "log"
        self.sshd = Process(["ip", "netns", "exec", net.netns, "/usr/sbin/sshd", "-D", "-e", "-f",
                             self.keys / "sshd_config"], log)
        self.sshd.start()
        wait_for(lambda: "Server listening" in log.read_text(), 10, "the plain sshd")
        self.options = (f"-i {self.keys}/client -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
                        "-o LogLevel=ERROR")
        self.source = net.alice.path(SPOOL, "held/bob")
        self.target = net.bob.path("copied")

    def copy(self, command):
        """Seconds for a shell command that fills the target, as Bob."""
        shutil.rmtree(self.target, ignore_errors=True)
        self.target.mkdir()
        os.sync()
        argv = ["ip", "netns", "exec", self.net.netns, "sh", "-c", command.format(
            options=self.options, address=self.net.alice.address, source=self.source, target=self.target)]
        seconds = timed(lambda: subprocess.run(argv, check=True, timeout=600))
        assert len(os.listdir(self.target)) == len(os.listdir(self.source))
        shutil.rmtree(self.target)
        return seconds


def forget(node):
    """What the node was brought, and what it knows of it."""
    shutil.rmtree(node.path(SPOOL, "held/bob"), ignore_errors=True)
    for path in node.path("var/lib/agamid/state").iterdir():
        if path.is_file():
            path.unlink()


def carried(net, count, dials, sessions):
    """Seconds until Bob has all that Alice holds for him, from the start of
    the relayd of the one that dials; the other can't."""
    home, serves = net.bob.path(SPOOL, "held/bob"), net.alice if dials is net.bob else net.bob
    for node in (dials, serves):
        node.stop_all()
        node.addresses = [node.address] if node is serves else []
    net.configure()
    serves.start()
    os.sync()

    def fetch():
        dials.start()
        wait_for(lambda: home.exists() and len(os.listdir(home)) == count, 600, "all bundles at home")

    seconds = timed(fetch)
    if dials is net.bob:
        sessions.append(sum(pss_kb(p) for p in family(net.alice.sshd.p.pid)[1:]) / 1024)
    net.bob.stop_all()
    forget(net.bob)
    return seconds


def run(options, progress):
    base = tempfile.mkdtemp(prefix="agamid-bench-", dir=options.dir)
    net = Net(base, ["alice", "bob"])
    try:
        yield from measured(net, options, progress)
    finally:
        net.close()


def measured(net, options, progress):
    count = options.count(10000)
    net.alice.start()
    net.alice.bundles("bob", count, size=10000, copies=1)
    wait_for(lambda: len(net.alice.held("bob")) == count, 300, "Alice to hold them")
    # agamid-deliver is not there: what is measured is the way, not the delivery.
    for node in (net.alice, net.bob):
        node.deliver.start = lambda: None
    plain = PlainSsh(net)
    sessions = []
    tar = "ssh -p 2201 {options} root@{address} tar -C {source} -cf - . | tar -C {target} -xf -"
    try:
        figures = take_turns({
            "agamid": lambda: carried(net, count, net.bob, sessions),
            "agamid, dialled by the holder": lambda: carried(net, count, net.alice, sessions),
            "rsync --fsync": lambda: plain.copy(
                'rsync -a --fsync -e "ssh -p 2201 {options}" root@{address}:{source}/ {target}/'),
            "tar, then sync": lambda: plain.copy(f"{tar} && sync -f {{target}}"),
            "scp": lambda: plain.copy(
                "scp -q -r -P 2201 {options} root@{address}:{source} {target}/d && "
                "mv {target}/d/* {target}/ && rmdir {target}/d"),
            "tar": lambda: plain.copy(tar),
        }, options.runs, progress)
    finally:
        plain.sshd.stop()
    for name in figures:
        yield Result("carry", f"{name}, {count} bundles", "s", figures[name])
    for name in list(figures)[1:]:
        yield Result("carry", f"agamid to {name}", "ratio", ratios(figures, "agamid", name),
                     None if name.startswith("agamid") else ("<=", 1))
    yield Result("memory", "an open session, its holder's side", "MB", sessions, ("<=", 8))
