# SPDX-License-Identifier: MIT
"""The RCPT decision with 10 and with 10,000 manifests: agamid-milter alone,
asked as Postfix asks it, by a client whose milter connection is open."""

import os
import pathlib
import socket
import statistics
import struct
import subprocess
import tempfile

from cli_node import NETWORK, Cli
from measure import Result, timed
from relay_net import BUILD, TOOLS, Process, wait_for

ADDRESS, PORT = "192.0.2.9", 40009
ASKED = 2000
QUESTION = f"""request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
client_address={ADDRESS}
client_port={PORT}
client_name=unknown
reverse_client_name=unknown
helo_name=mx.sender.example
sender=ann@sender.example
recipient=%s
size=10000
sasl_username=

"""


def packet(command, data=b""):
    return struct.pack(">Ic", len(data) + 1, command) + data


class Node:
    """A node below a directory with so many peers, and its milter."""

    def __init__(self, base, peers):
        self.cli = Cli(base / str(peers))
        self.cli.init("carol")
        argv = [TOOLS / "make_network", self.cli.root, NETWORK, self.cli.secrets / "openpgp.asc.pub", peers]
        subprocess.run([str(a) for a in argv], check=True, timeout=600)
        subprocess.run([os.environ["AGAMID_LAB_ROOT"] + "/usr/local/bin/agamid", "--root", str(self.cli.root),
                        "apply", "--quiet"], check=True, timeout=1800)
        lines = (self.cli.derived / "postfix/relay_domains").read_text(encoding="ascii").splitlines()
        domains = [line.split()[0] for line in lines if line and not line.startswith("#")]
        self.recipient = "postmaster@" + domains[len(domains) // 2]
        self.sockets = self.cli.root / "var/spool/postfix/agamid"
        self.sockets.mkdir(parents=True)
        self.milter = Process([BUILD / "milter/agamid-milter", "--root", self.cli.root], base / f"{peers}.log")
        self.milter.start()
        wait_for(lambda: (self.sockets / "policy.sock").exists() and (self.sockets / "milter.sock").exists(), 60,
                 "the milter's sockets")
        self.session, self.policy = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)

    def open(self):
        """When all nodes are made: the milter hangs up on who says nothing
        for long."""
        self._open_session()
        self.policy.connect(str(self.sockets / "policy.sock"))
        return self.ask()

    def _open_session(self):
        """libmilter's protocol 6, as far as a connection (Postfix's
        milter/milter8.c, sendmail's mfdef.h)."""
        self.session.settimeout(30)
        self.session.connect(str(self.sockets / "milter.sock"))
        self.session.sendall(packet(b"O", struct.pack(">III", 6, 0x1FF, 0x1FFFFF)))
        self._reply()
        macros = b"C" + b"".join(w.encode() + b"\0" for w in ("{client_addr}", ADDRESS, "{client_port}", str(PORT)))
        self.session.sendall(packet(b"D", macros))
        self.session.sendall(packet(b"C", b"unknown\0" + b"4" + struct.pack(">H", PORT) + ADDRESS.encode() + b"\0"))
        self._reply()

    def _reply(self):
        length = struct.unpack(">I", self.session.recv(4, socket.MSG_WAITALL))[0]
        return self.session.recv(length, socket.MSG_WAITALL)

    def ask(self):
        self.policy.sendall((QUESTION % self.recipient).encode())
        answer = b""
        while not answer.endswith(b"\n\n"):
            answer += self.policy.recv(4096)
        return answer.decode().strip()

    def asked(self):
        """Microseconds for a decision."""
        return timed(lambda: [self.ask() for _ in range(ASKED)]) / ASKED * 1e6

    def close(self):
        self.session.close()
        self.policy.close()
        self.milter.stop()


def run(options, progress):
    with tempfile.TemporaryDirectory(prefix="agamid-bench-", dir=options.dir) as base:
        nodes = {}
        try:
            for peers in (10, options.count(10000)):
                nodes[peers] = Node(pathlib.Path(base), peers)
                progress(f"{peers} peers")
            answers = [node.open() for node in nodes.values()]
            assert answers[0] == answers[1], answers
            figures = {peers: [] for peers in nodes}
            for _ in range(options.runs * 5):
                for peers, node in nodes.items():
                    figures[peers].append(node.asked())
        finally:
            for node in nodes.values():
                node.close()
    for peers, runs in figures.items():
        yield Result("rcpt", f"decision with {peers} manifests", "us", runs)
    few, many = (statistics.median(runs) for runs in figures.values())
    yield Result("rcpt", "many to few", "ratio", [many / few], ("<=", 1.1))
