# SPDX-License-Identifier: MIT
"""
dovebox - a Dovecot of the test's own: base directory, mail, keys, log and
ports below one scratch directory, with the plugin as it was built.

AGAMID_TOOLS is the build's tests/tools; the plugin is found beside it.
AGAMID_UNDER is valgrind, or asan where that build has it: imap and pop3 run
under it, and what it says of the plugin fails the test.
AGAMID_DOVECOT_ROOT is the root of another Debian, with the plugin that is
installed there: then its Dovecot is the one that is tried.
"""
import base64
import contextlib
import os
import pathlib
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time

import conf

TOOLS = pathlib.Path(os.environ["AGAMID_TOOLS"]).resolve()
ROOT = os.environ.get("AGAMID_DOVECOT_ROOT", "")
MODULES = pathlib.Path("/usr/lib/dovecot/modules")
NAME = "lib05_agamid_plugin.so"
PLUGIN = (pathlib.Path(ROOT + str(MODULES)) / NAME if ROOT else
          TOOLS.parents[1] / "dovecot-plugin" / NAME)
UID = 31500
DEADLINE = 60

# In a mount namespace of its own, so that nothing stays mounted; /tmp is
# the same inside, and so are all paths below it.
ENTER = ["unshare", "-m", "--propagation", "private", "bash", "-euc", """
    mount --bind "$0" "$0"
    mount --bind /proc "$0/proc"
    mount --rbind /dev "$0/dev"
    mount --rbind /tmp "$0/tmp"
    mount -t tmpfs -o mode=755 tmpfs "$0/run"
    exec chroot "$0" "$@\"""", ROOT] if ROOT else []

def wait_for(condition, what, seconds=DEADLINE):
    """The condition's value once it is true; there is a deadline."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def run(*argv, **more):
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=DEADLINE, **more)
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
    return done.stdout


VERSION = run(*ENTER, "/usr/sbin/dovecot", "--version").decode()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Key:
    """A mailbox's key, as agamid key makes it; GnuPG has it as well."""

    def __init__(self, where, passphrase):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="agk", dir="/tmp"))
        self.passphrase = passphrase
        self.public, self.secret = where / "key.asc", where / "secret.pgp"
        run(TOOLS / "make_sealed", "--make-key", where, "--pass", passphrase)
        self.gpg("--import", data=self.public.read_bytes())

    def gpg(self, *argv, data=b""):
        return run("gpg", "--homedir", self.home, "--batch", "--quiet", "--yes",
                   "--pinentry-mode", "loopback", "--trust-model", "always",
                   f"--passphrase={self.passphrase}", *argv, input=data)

    def close(self):
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill",
                        "all"], timeout=DEADLINE, check=False)
        shutil.rmtree(self.home, ignore_errors=True)


class Sealer:
    """Seals and marks messages as milter and agamid-deliver do."""

    def __init__(self, where, key):
        self.where, self.key, self.count = where, key, 0
        self.seed = where / "sealed.seed"
        self.public = where / "sealed.pub"
        for path in ("in", "out", "ring"):
            (where / path).mkdir()
        text = run(TOOLS / "make_bundle", "--make-seed", self.seed)
        self.public.write_bytes(text)

    def make(self, messages, *how, mailbox="frank", seed=None):
        names = []
        for message in messages:
            self.count += 1
            path = self.where / "in" / f"{self.count:05}"
            path.write_bytes(message)
            names.append(path)
        run(TOOLS / "make_sealed", "--seed", seed or self.seed, "--mailbox",
            mailbox, "--out", self.where / "out", *how, *names)
        return [(self.where / "out" / n.name).read_bytes() for n in names]

    def seal(self, *messages, key=None, **more):
        return self.make(messages, "--key", (key or self.key).public,
                         "--ring", self.where / "ring", **more)

    def wrap(self, *armors, **more):
        return self.make(armors, "--armor", **more)


UNDER = {
    "valgrind": """#!/bin/sh
exec valgrind --quiet --leak-check=full --show-leak-kinds=definite \\
    --keep-debuginfo=yes --num-callers=30 --log-file={dir}/under.%p \\
    /usr/lib/dovecot/{name} "$@"
""",
    "asan": """#!/bin/sh
export LD_PRELOAD={asan}
export ASAN_OPTIONS=detect_leaks=0:log_path={dir}/under
export UBSAN_OPTIONS=print_stacktrace=1:log_path={dir}/under
exec /usr/lib/dovecot/{name} "$@"
"""}


class Dovecot:
    def __init__(self, location="maildir:~/Maildir", mode="view",
                 loaded="agamid", everywhere="", extra="", settings="",
                 hibernate="0", other="mdbox:~/Other", users=None,
                 alias=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="agd", dir="/tmp"))
        self.dir.chmod(0o755)
        self.imap_port, self.pop3_port = free_port(), free_port()
        self.users = users or {"frank": "frank's pass"}
        # {login name: whose home it has}; "bare" has no plugin of ours.
        self.alias = alias or {}
        for name in ("run", "state", "mail", "modules"):
            (self.dir / name).mkdir()
        os.chown(self.dir / "mail", UID, UID)
        for entry in pathlib.Path(ROOT + str(MODULES)).iterdir():
            if entry.name != NAME:
                (self.dir / "modules" / entry.name).symlink_to(
                    MODULES / entry.name)
        shutil.copy(PLUGIN, self.dir / "modules" / NAME)
        self.write_users()
        self.conf = self.dir / "dovecot.conf"
        wrapped = {name: self.wrap(name) for name in ("imap", "pop3")}
        values = {
            "dir": self.dir, "uid": UID, "location": location, "other": other,
            "mode": mode, "loaded": loaded, "everywhere": everywhere,
            "extra": extra, "settings": settings, "hibernate": hibernate,
            "imap": self.imap_port, "pop3": self.pop3_port,
            "wrapped": wrapped}
        self.conf.write_text(conf.render(VERSION, values))
        self.process = None

    def wrap(self, name):
        """The settings of this service, if it runs under something."""
        if "AGAMID_UNDER" not in os.environ:
            return ""
        path = self.dir / f"wrapped-{name}"
        asan = run("gcc", "-print-file-name=libasan.so").decode().strip()
        path.write_text(UNDER[os.environ["AGAMID_UNDER"]].format(
            dir=self.dir, name=name, asan=asan))
        path.chmod(0o755)
        self.dir.chmod(0o777)  # reports are written by the mail user
        return f"executable = {path}\n  vsz_limit = 0"

    def reports(self):
        """Those in which a function of the plugin's is named."""
        found = []
        for path in self.dir.glob("under.*"):
            text = re.sub(r"(?m)^==\d+== ?", "", path.read_text())
            found += [part for part in text.split("\n\n")
                      if "lib05_agamid" in part or "dovecot-plugin/" in part]
        return found

    def write_users(self):
        (self.dir / "passwd").write_text("".join(
            f"{name}:{password}:{UID}:{UID}::{self.home(name)}::"
            f"{conf.WITHOUT[VERSION[:3]] if name == 'bare' else ''}\n"
            for name, password in self.users.items()))

    def home(self, user="frank"):
        return self.dir / "mail" / self.alias.get(user, user)

    def install(self, key, sealer, user="frank"):
        """The user's key, and the node's public half."""
        where = self.home(user) / ".agamid"
        where.mkdir(parents=True)
        shutil.copy(sealer.public, self.dir / "sealed.pub")
        (self.dir / "sealed.pub").chmod(0o644)
        if key is not None:
            shutil.copy(key.secret, where / "secret.pgp")
            (where / "secret.pgp").chmod(0o600)
        run("chown", "-R", f"{UID}:{UID}", self.home(user))

    def start(self):
        self.process = subprocess.Popen(
            [*ENTER, "/usr/sbin/dovecot", "-F", "-c", str(self.conf)],
            stdin=subprocess.DEVNULL)
        wait_for(self.answers, "Dovecot answers")
        return self

    def answers(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.imap_port)).close()
            socket.create_connection(("127.0.0.1", self.pop3_port)).close()
            return True
        return False

    def stop(self):
        self.end()
        self.gone()

    def end(self):
        """Tell it; its master takes a second, in which others may run."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def gone(self):
        if self.process is not None:
            self.process.wait(timeout=DEADLINE)
        self.process = None

    def close(self):
        self.stop()
        found = self.reports()
        shutil.rmtree(self.dir, ignore_errors=True)
        assert found == [], "\n\n".join(found)

    def log(self):
        path = self.dir / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def complaints(self):
        """Warnings and worse in the log, of all but the authentication."""
        return [line for line in self.log().splitlines()
                if re.search(r"(Warning|Error|Fatal|Panic): ", line)
                and "Time moved" not in line
                and "Killed with signal 15" not in line]

    def doveadm(self, *argv, **more):
        return run(*ENTER, "/usr/bin/doveadm", "-c", self.conf, *argv, **more)

    def save(self, folder, *messages, user="frank"):
        """Exactly these bytes, all of one date; looked at without the plugin."""
        with self.imap(user) as client:
            for message in messages:
                client.append(folder, message)
        self.doveadm("fetch", "-u", user, "size.virtual imap.bodystructure",
                     "mailbox", folder, "ALL")

    def create(self, *folders, user="frank"):
        self.doveadm("mailbox", "create", "-u", user, *folders)

    def lmtp(self, message, to="frank"):
        with smtplib.LMTP(str(self.dir / "run/lmtp")) as client:
            client.sendmail("a@b.example", [f"{to}@friends.example"], message)

    def imap(self, user="frank", password=None):
        return Imap(self.imap_port, user, password or self.users[user])

    def pop3(self, user="frank"):
        return Pop3(self.pop3_port, user, self.users[user])

    def told(self, text):
        """Wait until the log's complaints have it: they come by a pipe."""
        return wait_for(lambda: [line for line in self.complaints()
                                 if text in line], text)

    def processes(self):
        """PIDs and names of this Dovecot's mail processes."""
        found = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text()
                parent = int(stat.rsplit(")", 1)[1].split()[1])
                if parent == self.process.pid:
                    found[int(entry.name)] = stat.split("(")[1].split(")")[0]
        return found


class Pop3:
    """Raw POP3: the same."""

    def __init__(self, port, user, password):
        self.sock = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self.file = self.sock.makefile("rb")
        self.file.readline()
        self("USER " + user)
        assert self("PASS " + password)[0].startswith(b"+OK")

    def __call__(self, command, lines=False):
        """The reply's first line, and where there are more, those."""
        self.sock.sendall(command.encode() + b"\r\n")
        found = [self.file.readline()]
        while lines and found[0].startswith(b"+OK") and found[-1] != b".\r\n":
            found.append(self.file.readline())
            assert found[-1].endswith(b"\r\n"), ("connection lost", found)
        return found

    def close(self):
        with contextlib.suppress(OSError):
            self("QUIT")
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Imap:
    """Raw IMAP: what the server said, byte for byte."""

    def __init__(self, port, user, password):
        self.sock = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self.file = self.sock.makefile("rb")
        self.number = 0
        self.file.readline()
        self.ok(b"AUTHENTICATE PLAIN " + base64.b64encode(
            b"\0" + user.encode() + b"\0" + password.encode()))

    def read_reply(self):
        """One reply with its literals."""
        text = b""
        while True:
            line = self.file.readline()
            assert line.endswith(b"\r\n"), ("connection lost", text, line)
            text += line
            literal = re.search(rb"\{(\d+)\}\r\n$", line)
            if not literal:
                return text
            text += self.file.read(int(literal[1]))

    def __call__(self, command):
        """(untagged replies, the tagged one's text)"""
        if isinstance(command, str):
            command = command.encode()
        self.number += 1
        tag = b"a%d " % self.number
        self.sock.sendall(tag + command + b"\r\n")
        replies = []
        while True:
            reply = self.read_reply()
            if reply.startswith(tag):
                return replies, reply[len(tag):]
            replies.append(reply)

    def ok(self, command):
        replies, end = self(command)
        assert end.startswith(b"OK"), (command, replies, end)
        return replies

    def append(self, folder, message, flags="",
               date="22-Nov-2026 08:00:00 +0000"):
        self.ok(f'APPEND {folder} ({flags}) "{date}" {{{len(message)}+}}\r\n'
                .encode() + message)

    def bodies(self, which="1:*"):
        """{UID: whole message}"""
        found = {}
        for reply in self.ok(f"UID FETCH {which} (UID BODY.PEEK[])"):
            match = re.search(rb"UID (\d+) BODY\[\] \{(\d+)\}\r\n", reply)
            if match:
                start = match.end()
                found[int(match[1])] = reply[start:start + int(match[2])]
        return found

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.sendall(b"z LOGOUT\r\n")
            self.file.read()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
