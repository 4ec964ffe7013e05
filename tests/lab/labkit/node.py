# SPDX-License-Identifier: MIT
"""One host of a lab: its namespaces, power switch and cable."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

from . import wait

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INIT = pathlib.Path(__file__).with_name("node_init.py")


class Node:
    def __init__(self, lab, name, address, host, system=None, build=None):
        self.lab = lab
        self.name = name
        self.address = address
        self.host = host
        self.system = system  # the root of another Debian, or None
        self.usr_local = f"{build}/usr/local" if build else lab.usr_local  # the Agamid that it runs
        self.directory = lab.directory / "nodes" / name
        self.netns = f"ag-{lab.name}-{name}"
        self.veth = f"v-{name}"[:15]

    # ---- network ----

    def make_network(self):
        switch = self.lab.switch
        ip("netns", "add", self.netns)
        ip("-n", switch, "link", "add", self.veth, "type", "veth", "peer", "name", "eth0", "netns", self.netns)
        ip("-n", switch, "link", "set", self.veth, "master", "br0", "up")
        ip("-n", self.netns, "link", "set", "lo", "up")
        ip("-n", self.netns, "addr", "add", f"{self.address}/24", "dev", "eth0")
        ip("-n", self.netns, "link", "set", "eth0", "up")

    def hide(self):
        """From now on nobody can connect to it: as behind a NAT."""
        self.filter("add table inet nat; add chain inet nat in { type filter hook input priority 0; };"
                    "add rule inet nat in iifname eth0 tcp flags & (syn | ack) == syn drop")

    def filter(self, rules):
        subprocess.run(["ip", "netns", "exec", self.netns, "nft", rules], check=True)

    def cut(self):
        ip("-n", self.lab.switch, "link", "set", self.veth, "down")

    def heal(self):
        ip("-n", self.lab.switch, "link", "set", self.veth, "up")

    # ---- power ----

    @property
    def pid(self):
        """Process 1 of the node, seen from outside; None if it is off."""
        try:
            number = int((self.directory / "pid").read_text(encoding="ascii"))
            os.kill(number, 0)
            return number
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None

    def boot(self):
        """Power on: namespaces, mounts and the supervisor; no services."""
        if self.pid is not None:
            return
        (self.directory / "control").unlink(missing_ok=True)
        log = open(self.directory / "boot.log", "ab")
        shim = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.netns}",
             "unshare", "-m", "--propagation", "private", "-u", "-i", "-p", "-f", "--kill-child",
             "/usr/bin/python3", str(INIT), str(self.directory), self.host,
             "" if self.system else self.usr_local or "", self.system or ""],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )
        log.close()
        child = wait.until(lambda: children(shim.pid) or shim.poll(), 60, f"{self.name} to boot")
        if isinstance(child, list):
            (self.directory / "pid").write_text(str(child[0]), encoding="ascii")
        wait.until(lambda: self._answers(shim), 60, f"{self.name}'s supervisor")

    def _answers(self, shim):
        if shim.poll() is not None:
            text = (self.directory / "boot.log").read_text(encoding="utf-8")
            raise RuntimeError(f"{self.name} did not boot:\n{text[-2000:]}")
        try:
            self.command("pids")
            return True
        except OSError:
            return False

    def off(self):
        """The plug is pulled: every process of the node dies at once."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            wait.until(lambda: not alive(pid), 60, f"{self.name} to die")
        (self.directory / "pid").unlink(missing_ok=True)

    # ---- services ----

    def command(self, line):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self.directory / "control"))
            with connection.makefile("rw", encoding="utf-8") as stream:
                stream.write(line + "\n")
                stream.flush()
                reply = json.loads(stream.readline() or "{}")
        if "error" in reply:
            raise RuntimeError(f"{self.name}: {line}: {reply['error']}")
        return reply

    def start_services(self, name="all"):
        self.command(f"start {name}")

    def stop_services(self, name="all"):
        self.command(f"stop {name}")

    def exec(self, *argv, check=True, stdin=None, user=None):
        """Run a command in the node; its CompletedProcess (text)."""
        run = [str(a) for a in argv]
        if user:
            run = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] + run
        result = subprocess.run(
            self.enter_argv() + run, input=stdin, capture_output=True, text=not isinstance(stdin, bytes)
        )
        if check and result.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(run)}: exit {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def enter_argv(self):
        if self.pid is None:
            raise RuntimeError(f"{self.name} is off (lab start {self.name})")
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "--", "/usr/bin/env", f"PATH={PATH}"]

    def path(self, inner):
        """A node's file seen from outside, tmpfs included."""
        return pathlib.Path(f"/proc/{self.pid}/root{inner}")

    def log_text(self):
        """All logs of the node, for a failing test to show."""
        parts = []
        for log in sorted((self.directory / "var/log").glob("*.log")):
            if log.is_file() and log.stat().st_size:
                text = log.read_text(encoding="utf-8", errors="replace")
                parts.append(f"---- {self.name} {log.name}\n{text[-6000:]}")
        return "\n".join(parts)


def ip(*argv):
    result = subprocess.run(["ip", *argv], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"lab: ip {' '.join(argv)}: {result.stderr.strip()}")


def children(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except FileNotFoundError:
        return []
    # nsenter and unshare exec in place: the only child is process 1.
    return [int(p) for p in text.split()]


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"
