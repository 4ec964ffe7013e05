# SPDX-License-Identifier: MIT
"""Process 1 of a lab node: makes the mounts, then starts, watches and
restarts services as a service manager would. Run by node.py inside fresh
mount, pid, uts and ipc namespaces:

    node_init.py DIRECTORY HOSTNAME USR_LOCAL SYSTEM

SYSTEM is the root of another Debian that the node runs in place of this
machine's own, with Agamid's package installed in it; it is read only, and
shared by nodes. USR_LOCAL is then empty. DIRECTORY holds the node's own etc/, var/..., and services.json (a list of
{name, argv, user, groups, env, restart}). Commands come as lines on the
UNIX socket DIRECTORY/control: `start NAME|all`, `stop NAME|all`, `pids`.
The reply is one line of JSON.
"""

import contextlib
import encodings.ascii  # noqa: F401  (after the pivot nothing can be imported)
import encodings.idna  # noqa: F401
import json
import os
import pwd
import grp
import selectors
import signal
import socket
import subprocess
import sys
import time

BINDS = ["etc", "var/spool", "var/lib", "var/log", "var/mail", "home", "tmp"]
RESTART_DELAY = 0.1
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def run(*argv):
    subprocess.run(argv, check=True)


def mounts(directory, hostname, usr_local, system):
    run("hostname", hostname)
    if usr_local:  # first: it may lie below what is covered next
        run("mount", "--bind", usr_local, "/usr/local")
    if system:
        run("mount", "--bind", "-o", "ro", system, system)
        run("mount", "--rbind", "/dev", f"{system}/dev")
    run("mount", "-t", "proc", "proc", f"{system}/proc")
    for path in BINDS:
        run("mount", "--bind", f"{directory}/{path}", f"{system}/{path}")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", f"{system}/run")
    for path, mode in (("run/sshd", 0o755), ("run/lock", 0o1777), ("run/shm", 0o1777)):
        os.mkdir(f"{system}/{path}")
        os.chmod(f"{system}/{path}", mode)
    if system:
        os.chdir(system)
        run("pivot_root", ".", ".")  # the old root lies above the new one then
        run("umount", "-l", ".")
        os.chdir("/")


class Service:
    """One supervised process; wanted says whether it ought to run."""

    def __init__(self, spec):
        self.spec = spec
        self.name = spec["name"]
        self.process = None
        self.wanted = False
        self.not_before = 0.0

    def _become(self):
        user = self.spec.get("user", "root")
        os.setsid()
        if user != "root":
            entry = pwd.getpwnam(user)
            groups = [grp.getgrnam(g).gr_gid for g in self.spec.get("groups", [])]
            os.setgroups(groups)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)

    def start(self):
        log = open(f"/var/log/{self.name}.log", "ab")
        env = {**ENVIRONMENT, **self.spec.get("env", {})}
        self.process = subprocess.Popen(
            self.spec["argv"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=env,
            cwd="/",
            preexec_fn=self._become,
        )
        log.close()

    def tick(self, now):
        if self.process is not None and self.process.poll() is not None:
            with open("/var/log/supervisor.log", "a", encoding="ascii") as log:
                log.write(f"{now:.3f} {self.name} ended with {self.process.returncode}\n")
            self.process = None
            self.not_before = now + RESTART_DELAY
        if self.wanted and self.process is None and now >= self.not_before:
            self.start()

    def stop(self):
        self.wanted = False
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Applier:
    """As the unit agamid-apply.path: `agamid apply` when the flag changes."""

    FLAG = "/var/lib/agamid/state/apply"

    def __init__(self):
        self.process = None
        self.seen = self.changed()

    def changed(self):
        try:
            return os.stat(self.FLAG).st_mtime_ns
        except OSError:
            return None

    def tick(self):
        if self.process is not None and self.process.poll() is not None:
            self.process = None
        now = self.changed()
        if self.process is not None or now == self.seen:
            return
        self.seen = now
        with open("/var/log/agamid-apply.log", "ab") as log:
            self.process = subprocess.Popen(["agamid", "apply", "--quiet"], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=ENVIRONMENT, cwd="/")


class Supervisor:
    def __init__(self, directory):
        """Before the mounts, which may cover the directory."""
        self.directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self.services = {}
        self.applier = None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{directory}/control")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{directory}/control")

    def load(self):
        with open(os.open("services.json", os.O_RDONLY, dir_fd=self.directory), encoding="utf-8") as file:
            for spec in json.load(file):
                if spec["name"] not in self.services:
                    self.services[spec["name"]] = Service(spec)

    def command(self, line):
        verb, _, name = line.strip().partition(" ")
        if verb == "pids":
            return {n: s.process.pid for n, s in self.services.items() if s.process}
        self.load()
        chosen = list(self.services.values()) if name == "all" else [self.services[name]]
        for service in chosen:
            if verb == "start":
                service.wanted = True
                service.tick(time.time())
            elif verb == "stop":
                service.stop()
        return {}

    def reap_adopted(self):
        """Children that are no service's (daemons of daemons)."""
        own = {s.process.pid for s in [*self.services.values(), self.applier] if s.process}
        while True:
            try:
                info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if info is None or info.si_pid in own:
                return
            os.waitpid(info.si_pid, 0)

    def serve(self):
        self.applier = Applier()
        listener = self.listener
        listener.listen(8)
        listener.setblocking(False)
        selector = selectors.DefaultSelector()
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for _ in selector.select(0.05):
                connection, _ = listener.accept()
                connection.setblocking(True)
                with connection, connection.makefile("rw", encoding="utf-8") as stream:
                    try:
                        reply = self.command(stream.readline())
                    except (KeyError, OSError, subprocess.SubprocessError) as error:
                        reply = {"error": repr(error)}
                    stream.write(json.dumps(reply) + "\n")
            for service in self.services.values():
                service.tick(time.time())
            self.applier.tick()
            self.reap_adopted()


def main():
    directory, hostname, usr_local, system = sys.argv[1:5]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    supervisor = Supervisor(directory)
    mounts(directory, hostname, usr_local, system)
    supervisor.serve()


main()
