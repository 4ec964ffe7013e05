# SPDX-License-Identifier: MIT
"""Mails a second that Carol's Postfix accepts from outside (10 kB, 20
clients, smtp-source), each durable before its 250: with no milter, with a
milter that does nothing, and sealed for Bob, who is away, by each engine.
Then what Agamid's programs need in memory."""

import contextlib
import json
import os
import pathlib
import shutil
import smtplib
import subprocess
import tempfile
import threading

from labkit import files, netns, story, wait
from labkit.lab import Lab
from measure import Result, family, pss_kb, ratios, take_turns, timed

CLIENTS = 20
SIZE = 10240
PLAIN, IDLE = 2601, 2602
NODES = """
network: friends.example
nodes:
  carol: {}
  bob: {options: [--copies, "1", --copies-before-250, "1"]}
"""
MAIN_CF = """
relay_domains = $agamid_relay_domains, sink.example
agamid_relay_domains = texthash:%(derived)s/postfix/relay_domains
transport_maps = inline:{ {sink.example=discard:} }, texthash:%(derived)s/postfix/transport
"""
MASTER_CF = f"""
discard unix - - n - - discard
{PLAIN} inet n - n - - smtpd
  -o smtpd_milters=
{IDLE} inet n - n - - smtpd
  -o smtpd_milters=unix:/tmp/idle.sock
"""
DAEMONS = ("agamid-relayd", "agamid-deliver", "agamid-milter", "agamid-seal")


class Carol:
    """Her host, with two more doors beside the usual one."""

    def __init__(self, lab, tools):
        self.lab, self.node = lab, lab.nodes["carol"]
        self.node.stop_services()
        etc = self.node.directory / "etc/postfix"
        for name, text in (("main.cf", MAIN_CF % {"derived": files.DERIVED}), ("master.cf", MASTER_CF)):
            with open(etc / name, "a", encoding="ascii") as file:
                file.write(text)
        shutil.copy(pathlib.Path(tools).parent / "bench/idle_milter", self.node.directory / "tmp/idle_milter")
        services = json.loads((self.node.directory / "services.json").read_text(encoding="utf-8"))
        services.insert(0, files.service("idle-milter", ["/tmp/idle_milter", "/tmp/idle.sock"], "postfix"))
        (self.node.directory / "services.json").write_text(json.dumps(services), encoding="utf-8")
        self.node.start_services()
        lab.ready(self.node)
        wait.until(lambda: (self.node.directory / "tmp/idle.sock").exists(), 20, "the idle milter")

    def pids(self):
        """{daemon: pid, seen from outside}"""
        found = {}
        for pid in family(self.node.pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                found.setdefault(pathlib.Path(argv[0].decode()).name, pid)
        return found

    def use_engine(self, engine):
        path = self.node.directory / "etc/agamid/agamid.yaml"
        settings = json.loads(path.read_text(encoding="utf-8"))
        settings["openpgp"] = engine
        settings["sealing"] = {"max": CLIENTS}
        path.write_text(json.dumps(settings), encoding="utf-8")
        self.node.stop_services("agamid-milter")
        self.node.start_services("agamid-milter")
        self.lab.ready(self.node)
        self.accept(25, "bob@bob.example", CLIENTS)  # what is made once is made

    def accept(self, port, recipient, count):
        """Mails a second."""
        argv = ["ip", "netns", "exec", self.lab.sender.netns, "/usr/sbin/smtp-source", "-4", "-s", CLIENTS,
                "-m", count, "-l", SIZE, "-M", self.lab.sender.host, "-f", "ann@sender.example", "-t", recipient,
                f"{self.node.address}:{port}"]
        argv = [str(a) for a in argv]
        seconds = timed(lambda: subprocess.run(argv, check=True, timeout=600, stdin=subprocess.DEVNULL))
        self.settle()
        return count / seconds

    def settle(self):
        """Postfix's queue and the spool's door are empty again."""
        queue = self.node.directory / "var/spool/postfix"
        new = self.node.directory / "var/spool/agamid/new"
        places = [queue / "incoming", queue / "active", new]
        wait.until(lambda: not any(p.is_file() for place in places for p in place.rglob("*")), 300, "empty queues")

    def sealed(self, engine, count):
        self.use_engine(engine)
        return self.accept(25, "bob@bob.example", count)

    def memory(self):
        """PSS in MB of each daemon and all below it."""
        pids = self.pids()
        return {name: sum(pss_kb(p) for p in family(pids[name])) / 1024 for name in DAEMONS}


class Watch(threading.Thread):
    """The most memory that the milter and all below it have, in MB, and how
    many mails it was sealing then."""

    def __init__(self, carol):
        super().__init__()
        self.pid = carol.pids()["agamid-milter"]
        self.sealing = carol.node.directory / "var/spool/agamid/tmp/milter"
        self.most, self.enough = (0, 0), threading.Event()

    def run(self):
        while not self.enough.wait(0.002):
            mails = len(os.listdir(self.sealing))
            self.most = max(self.most, (sum(pss_kb(p) for p in family(self.pid)) / 1024, mails))


def say_to(carol, size):
    """A client that has said all of a mail but its last dot, at which
    Postfix hands it to the milter."""
    with netns.inside(carol.lab.sender.netns):
        client = smtplib.SMTP(carol.node.address, 25, local_hostname=carol.lab.sender.host, timeout=60)
    client.ehlo()
    assert client.mail("ann@sender.example")[0] == 250 and client.rcpt("bob@bob.example")[0] == 250
    assert client.docmd("DATA")[0] == 354
    line = b"x" * 998 + b"\r\n"
    client.sock.sendall(b"Subject: x\r\n\r\n" + line * (size // len(line)))
    return client


def in_flight(carol, engine, mails=8, size=20 << 20):
    """MB for each of so many mails that are sealed at once."""
    carol.use_engine(engine)
    before = carol.memory()["agamid-milter"]
    clients = [say_to(carol, size) for _ in range(mails)]
    watch = Watch(carol)
    watch.start()
    try:
        for client in clients:
            client.sock.sendall(b".\r\n")
        for client in clients:
            assert client.getreply()[0] == 250
            client.quit()
    finally:
        watch.enough.set()
        watch.join()
    carol.settle()
    most, sealing = watch.most
    return (most - before) / sealing


def run(options, progress):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as nodes:
        nodes.write(NODES)
        nodes.flush()
        lab = Lab(options.lab_name, nodes.name, options.root)
    lab.up()
    try:
        yield from measured(lab, options, progress)
    finally:
        lab.down()


def measured(lab, options, progress):
    lab.nodes["bob"].off()
    carol = Carol(lab, options.tools)
    count = options.count(2000)
    variants = {
        "no milter": lambda: carol.accept(PLAIN, "x@sink.example", count),
        "idle milter": lambda: carol.accept(IDLE, "x@sink.example", count),
        "sealed by RNP": lambda: carol.sealed("rnp", count),
        "sealed by GPGME": lambda: carol.sealed("gpgme", max(count // 4, CLIENTS)),
    }
    figures = take_turns(variants, options.runs, progress)
    for name in variants:
        yield Result("accept", name, "mails/s", figures[name])
    yield Result("accept", "RNP to idle milter", "ratio", ratios(figures, "sealed by RNP", "idle milter"), (">=", 0.7))
    yield Result("accept", "GPGME to idle milter", "ratio", ratios(figures, "sealed by GPGME", "idle milter"))
    assert story.held(carol.node, "bob")
    carol.node.stop_services()
    carol.node.start_services()
    lab.ready(carol.node)
    yield Result("memory", "all daemons, no session", "MB", [sum(carol.memory().values())], ("<=", 32))
    for engine in ("rnp", "gpgme"):
        figures = [in_flight(carol, engine) for _ in range(options.runs)]
        yield Result("memory", f"a mail in flight, {engine}", "MB", figures, ("<=", 4) if engine == "rnp" else None)
