# SPDX-License-Identifier: MIT
"""A network of relayds on one machine, for tests: each node below its own
--root, with the real agamid-relayd, and the real sshd that runs the real
agamid-receive. agamid-deliver is stood in for by relay_tool, which counts
what it is handed. All are in one network namespace, where each node has an
address of its own on one interface.

One user (root) runs everything, so what divides the users is not tested here
but in the lab. Nothing outside the directory given is written.
"""
import hashlib
import itertools
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import time

import yaml

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TOOLS = pathlib.Path(os.environ.get("AGAMID_TOOLS", SOURCE / "build/lab/tests/tools"))
BUILD = TOOLS.parents[1]
NETWORK = "friends.example"
NAMES = ["alice", "bob", "carol", "dave"]
SPOOL = "var/spool/agamid"
STATE = "var/lib/agamid"
SECRETS = "var/lib/agamid-key"
PROGRAMS = ("agamid-relayd", "agamid-receive")
SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\nbm9ib2R5IGNoZWNrcyBpdCBoZXJl\n-----END PGP SIGNATURE-----\n"
PAYLOADS = ("offer", "delivered", "receipt", "manifest", "expired", "census", "these")  # their last word is a length
_numbers = itertools.count(1)


def wait_for(condition, seconds=60, what="condition"):
    """The first true value that condition() gives, before the deadline."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


class Process:
    """A program with a log; killed by its own pid."""

    def __init__(self, argv, log, env=None):
        self.argv, self.log, self.env = [str(a) for a in argv], log, env or {}
        self.p = None

    def start(self):
        with open(self.log, "ab") as log:
            self.p = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      env={**os.environ, **self.env})

    def running(self):
        return self.p is not None and self.p.poll() is None

    def stop(self, sig=signal.SIGTERM):
        if self.running():
            self.p.send_signal(sig)
            try:
                self.p.wait(60)
            except subprocess.TimeoutExpired:
                self.p.kill()
                self.p.wait()
                raise


def pids():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def argv_of(pid):
    """Its arguments; as one of them what a shell is to run."""
    try:
        text = pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return [""]
    return text.replace(" ", "\0").split("\0")


def parent_of(pid):
    """0 if there is no such process, or none that lives."""
    try:
        state, parent = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[:2]
    except OSError:
        return 0
    return int(parent) if state != "Z" else 0


def kill(pid, sig=signal.SIGKILL):
    """True if there was such a process, and it lived."""
    if parent_of(pid) == 0:
        return False
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        return False
    return True


def kill_tree(process):
    """With all below it. They are stopped first: who is stopped forks none
    that would be missed."""
    if not process.running():
        return
    tree = [process.p.pid]
    kill(tree[0], signal.SIGSTOP)
    while more := [pid for pid in pids() if parent_of(pid) in tree and pid not in tree]:
        for pid in more:
            kill(pid, signal.SIGSTOP)
        tree += more
    for pid in tree:
        kill(pid)
    process.p.wait(20)


class Node:
    def __init__(self, net, name, number):
        self.net, self.name, self.number = net, name, number
        self.root = net.base / name
        self.address = f"192.0.2.{number + 1}"
        self.addresses = [self.address]
        self.lists = {}
        self.stores = {}
        self.policy = {}
        self.settings = {"relay": {"retry-min": "1s", "retry-max": "2s", "idle": "1m"},
                         "deliver": {"retry": "1s"}, "reserve": "1M"}
        self.derived = 0
        self.serial = 1
        self.knows = {}  # another's name -> its manifest, as it is in force here
        self.seen = []
        self.archive = {}  # name-serial -> an older manifest
        self._make()

    # ---- files ----

    def path(self, *parts):
        return self.root.joinpath(*parts)

    def _make(self):
        for d in (f"{SPOOL}/tmp/relay", f"{SPOOL}/tmp/milter", f"{SPOOL}/new", f"{SPOOL}/held",
                  f"{SPOOL}/incoming", f"{STATE}/state", SECRETS, "run/agamid/relayd", "run/agamid/deliver",
                  "etc/agamid", "deliver"):
            self.path(d).mkdir(parents=True)
        self.ticket_key = self._seed("ticket")
        self.receipt_key = self._seed("receipt")
        self.host_key = self._ssh_key("ssh-host")
        self.client_key = self._ssh_key("ssh-client")
        log = self.path("log")
        inside = ["ip", "netns", "exec", self.net.netns]
        self.relayd = Process([*inside, BUILD / "relayd/agamid-relayd", "--root", self.root], log,
                              {"AGAMID_FAULTS": str(self.path("faults"))})
        self.sshd = Process([*inside, "/usr/sbin/sshd", "-D", "-e", "-f", self.path("sshd_config")], self.path("sshd.log"))
        self.deliver = Process([TOOLS / "relay_tool", "deliver", self.path(SECRETS, "receipt.seed"), NETWORK,
                                self.name, self.path("run/agamid/deliver/deliver.sock"), self.path("deliver")], log)

    def _seed(self, kind):
        out = subprocess.run([TOOLS / "make_bundle", "--make-seed", self.path(SECRETS, f"{kind}.seed")],
                             check=True, capture_output=True, text=True).stdout
        return re.search(r"ed25519:\S+", out)[0]

    def _ssh_key(self, name):
        path = self.path(SECRETS, name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
        return " ".join(pathlib.Path(f"{path}.pub").read_text().split()[:2])

    def manifest(self):
        sample = self.net.samples[NAMES[self.number % len(NAMES)]]["node"]
        node = {"name": self.name, "network": NETWORK, "host": f"{self.name}.{NETWORK}",
                "site": f"site-{self.name}", "domains": [f"{self.name}.example"],
                "openpgp": sample["openpgp"], "recovery": sample["recovery"],
                "ticket-key": self.ticket_key, "receipt-key": self.receipt_key,
                "ssh": {"port": 2222, "host-keys": [self.host_key], "client-keys": [self.client_key]}}
        if self.addresses:
            node["addresses"] = self.addresses
        if self.lists:
            node["backups"] = self.lists
        if self.stores:
            node["stores"] = self.stores
        if self.policy:
            node["policy"] = self.policy
        return yaml.safe_dump({"version": 1, "serial": self.serial, "node": node}) + "...\n" + SIGNATURE

    def inbox(self):
        return sorted(self.path(STATE, "state/inbox").glob("*.yaml"))

    def apply(self):
        """As agamid-apply would, but that all are taken whose serial grew; the
        names of those that are."""
        taken = []
        for path in self.inbox():
            name, serial, sha, _ = path.name.split(".")
            text = path.read_text()
            assert hashlib.sha256(text.encode()).hexdigest().startswith(sha)
            now = self.knows.get(name) or self.net.nodes[name].manifest()
            if int(serial) > yaml.safe_load(now.split("\n...\n")[0])["serial"]:
                self.knows[name] = text
                taken.append(path.name)
            else:
                self.seen.append(f"{name} {serial} {hashlib.sha256(text.encode()).hexdigest()}\n")
            path.unlink()
        self.write_derived()
        return taken

    def write_derived(self):
        """What `agamid apply` makes, as far as relayd and sshd read it."""
        self.derived += 1
        d = self.path(STATE, f"derived.{self.derived}")
        d.joinpath("manifests").mkdir(parents=True)
        d.joinpath("old").mkdir()
        for name, text in self.archive.items():
            d.joinpath("old", f"{name}.yaml").write_text(text)
        d.joinpath("seen").write_text("".join(self.seen))
        d.joinpath("self").write_text(self.name + "\n")
        lines, keys = [], []
        for n in self.net.nodes.values():
            if n is not self and n.name not in self.net.peers_of(self):
                continue
            d.joinpath("manifests", f"{n.name}.yaml").write_text(self.knows.get(n.name) or n.manifest())
            lines.append(f"{n.name} {n.number:040X} {n.number + 64:040X}\n")
            if n is not self:
                self.path(SPOOL, "incoming", n.name).mkdir(exist_ok=True)
                keys.append(f'restrict,command="exec {BUILD}/relayd/agamid-receive --root {self.root} '
                            f'--peer {n.name}" {n.client_key}\n')
        d.joinpath("fingerprints").write_text("".join(lines))
        self.path("authorized_keys").write_text("".join(keys))
        link = self.path(STATE, "derived.tmp")
        link.symlink_to(d.name)
        link.rename(self.path(STATE, "derived"))

    def write_config(self):
        self.path("etc/agamid/agamid.yaml").write_text(yaml.safe_dump({"node": self.name, **self.settings}))
        # The user's shell would read what stands in his own home, which may take long.
        self.path("sshd_config").write_text(f"""
Port 2222
ListenAddress {self.address}
HostKey {self.path(SECRETS, 'ssh-host')}
AuthorizedKeysFile {self.path('authorized_keys')}
PermitRootLogin yes
StrictModes no
UsePAM no
PasswordAuthentication no
PidFile none
LogLevel INFO
SetEnv HOME={self.root} AGAMID_FAULTS={self.path("faults")} ASAN_OPTIONS={os.environ.get("ASAN_OPTIONS", "")}
""")

    # ---- processes ----

    def start(self, relayd=True):
        os.makedirs("/run/sshd", exist_ok=True)
        if not self.sshd.running():
            log = self.path("sshd.log")
            log.unlink(missing_ok=True)
            self.sshd.start()
            wait_for(lambda: "Server listening" in log.read_text(), 60, f"{self.name}'s sshd")
        if not self.deliver.running():
            self.deliver.start()
        if relayd and not self.relayd.running():
            ready = self.logged("ready node=")
            self.relayd.start()
            wait_for(lambda: self.logged("ready node=") > ready or not self.relayd.running(), 60,
                     f"{self.name}'s relayd")
            assert self.relayd.running(), self.log()

    def children(self):
        """The processes below sshd and relayd that serve sessions."""
        return [pid for pid, argv in self._programs() if "--peer" in argv or "--dial" in argv]

    def _programs(self):
        """All of this node's agamid programs, of whomever they are children."""
        for pid in pids():
            argv = argv_of(pid)
            if str(self.root) in argv and any(os.path.basename(word) in PROGRAMS for word in argv):
                yield pid, argv

    def stop(self, sig=signal.SIGTERM):
        """relayd, sshd and all sessions, also those that were only coming up:
        nothing of this node's says a word when this has returned. deliver
        goes on."""
        self.relayd.stop(sig)
        kill_tree(self.sshd)
        # What relayd had forked, or sshd's children left, before they ended.
        wait_for(lambda: not [kill(pid) for pid, _ in self._programs()], 20, f"{self.name}'s processes to end")

    def stop_all(self):
        self.stop()
        self.deliver.stop()

    def fault(self, *lines):
        """Arm fault points of all of this node's processes, or disarm them."""
        self.path("faults").write_text("".join(line + "\n" for line in lines))

    def revive(self):
        """As a service manager would, but without the fault."""
        if not self.relayd.running():
            self.fault()
            self.start()
            return True
        return False

    # ---- what it did ----

    def log(self):
        path = self.path("log")
        return path.read_text(errors="replace") if path.exists() else ""

    def logged(self, part):
        return self.log().count(part)

    def bundles(self, home, count=1, size=10000, copies=4, acceptor=None, to=f"{SPOOL}/new"):
        """Accept mail: bundles appear in new/. Their IDs."""
        argv = [TOOLS / "relay_tool", "bundles", self.path(SECRETS, "ticket.seed"), NETWORK, acceptor or self.name,
                home, count, size, copies, self.path(SPOOL, "tmp/milter"), self.path(to)]
        out = subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True).stdout
        return out.split()

    def held(self, home=None):
        """IDs in held/."""
        return sorted(p.name.split(".")[0] for p in self.path(SPOOL, "held").glob(f"{home or '*'}/*"))

    def lying(self):
        """Bundles that are anywhere but in held/."""
        return [p for d in ("new", "incoming", "tmp") for p in self.path(SPOOL, d).rglob("*") if p.is_file()]

    def delivered(self):
        path = self.path("deliver/delivered")
        return path.read_text().split() if path.exists() else []

    def answer(self, word):
        self.path("deliver/answer").write_text(word)

    def ask(self, command):
        """A control command's lines, each as a dict."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.settimeout(60)
            s.connect(str(self.path("run/agamid/relayd/relay.sock")))
            s.send(command.encode())
            lines = []
            while True:
                line = s.recv(65536).decode()
                assert line, "the answer has no end"
                if line.strip() == ".":
                    return lines
                lines.append({k: v.strip('"') for k, v in re.findall(r'(\S+?)=("[^"]*"|\S*)', line)})

    def peer(self, name):
        return next(line for line in self.ask("status") if line.get("peer") == name)

    def receipt(self, *ids, home=None):
        """This node's receipt for these, perhaps in another home's name."""
        argv = [TOOLS / "relay_tool", "receipt", self.path(SECRETS, "receipt.seed"), NETWORK, home or self.name, *ids]
        return subprocess.run([str(a) for a in argv], check=True, capture_output=True).stdout


class Clock:
    """The clocks of one node's relayd, as seconds that are added to them, and
    whether its kernel calls them synchronised."""

    def __init__(self, node):
        self.path = node.path("clock")
        self.set(0, 0)
        node.relayd.env.update({"LD_PRELOAD": str(self.library(node.net.base)), "SHIFT_CLOCK": str(self.path)})

    @staticmethod
    def library(base):
        path = base / "shift_clock.so"
        if not path.exists():
            subprocess.run(["cc", "-shared", "-fPIC", "-o", path, SOURCE / "tests/tools/shift_clock.c"], check=True)
        return path

    def set(self, real, boot=0, synchronised=True):
        with open(self.path, "r+b" if self.path.exists() else "wb") as file:
            os.pwrite(file.fileno(), struct.pack("qqq", real, boot, synchronised), 0)


class Net:
    def __init__(self, base, names=NAMES):
        self.base = pathlib.Path(base)
        self.samples = {n: yaml.safe_load(_body(n)) for n in NAMES}
        self.unknown = {}  # name -> names it has not pinned
        self.nodes = {}
        self.netns = f"rl{os.getpid()}x{next(_numbers)}"
        self.ip("netns", "add", self.netns)
        self.ip("-n", self.netns, "link", "set", "lo", "up")
        self.ip("-n", self.netns, "link", "add", "lan", "type", "veth", "peer", "name", "far")
        for link in ("far", "lan"):
            # An address that the kernel makes comes a second later, and all peers are called.
            self.ip("-n", self.netns, "link", "set", link, "addrgenmode", "none")
            self.ip("-n", self.netns, "link", "set", link, "up")
        for i in range(len(names)):
            self.ip("-n", self.netns, "addr", "add", f"192.0.2.{i + 1}/24", "dev", "lan")
        for i, name in enumerate(names):
            self.nodes[name] = Node(self, name, i)
        self.configure()

    @staticmethod
    def ip(*argv):
        subprocess.run(["ip", *argv], check=True)

    def __getattr__(self, name):
        return self.__dict__["nodes"][name]

    def peers_of(self, node):
        return [n for n in self.nodes if n != node.name and n not in self.unknown.get(node.name, ())]

    def configure(self):
        for n in self.nodes.values():
            n.write_config()
            n.write_derived()

    def start(self, *names):
        for name in names or self.nodes:
            self.nodes[name].start()

    def close(self):
        for n in self.nodes.values():
            n.stop_all()
        self.ip("netns", "del", self.netns)
        shutil.rmtree(self.base)

    def show(self):
        for n in self.nodes.values():
            lines = n.log().splitlines(True)[-2000:]
            print(f"==== {n.name}\n{''.join(lines)}")

    def copies(self, bundle_id):
        return sorted(n.name for n in self.nodes.values() if bundle_id in n.held())


def _body(name):
    """An example manifest without what follows its end."""
    text = SOURCE.joinpath("manifests/examples", f"{name}.yaml").read_text()
    return text.split("\n...\n")[0]


class Caller:
    """A peer that says what it likes: agamid-receive's standard input and
    output are ours, as if sshd had let this peer in."""

    def __init__(self, node, peer, hello=True, version=1):
        self.node = node
        self.p = subprocess.Popen([str(BUILD / "relayd/agamid-receive"), "--root", str(node.root), "--peer", peer],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.data = b""
        if hello:  # an old one, unless the test says else: it hears no more than it asks for
            self.say(f"agamid-relay {version} {peer} {NETWORK} {int(time.time())}")
            assert self.line().startswith(f"agamid-relay 3 {node.name} {NETWORK} ")

    def say(self, text, payload=b""):
        self.send(text.encode() + b"\n" + payload)

    def send(self, data):
        self.p.stdin.write(data)

    def _more(self, seconds):
        ready, _, _ = select.select([self.p.stdout], [], [], seconds)
        assert ready, f"no answer; so far {self.data[:200]}"
        data = os.read(self.p.stdout.fileno(), 65536)
        self.data += data
        return data

    def line(self, seconds=60):
        """The next line; None at the end."""
        while b"\n" not in self.data:
            if not self._more(seconds):
                return None
        line, self.data = self.data.split(b"\n", 1)
        return line.decode()

    def take(self, length):
        while len(self.data) < length:
            assert self._more(60), "the session ended"
        data, self.data = self.data[:length], self.data[length:]
        return data

    def until(self, word, seconds=60):
        """The next line that begins with this word; payloads of offers and
        receipts are skipped."""
        while True:
            line = self.line(seconds)
            assert line is not None, f"the session ended before {word}"
            words = line.split(" ")
            if words[0] == word:
                return line
            if words[0] == "ping":
                self.say("pong")
            if words[0] in PAYLOADS:
                self.take(int(words[-1]))

    def offer(self, path):
        """Offer a bundle's file; the answer."""
        bundle_id, size = path.name.split(".")[:2]
        ticket = ticket_of(path)
        self.say(f"offer {bundle_id} {size} {len(ticket)}", ticket)
        return self.answer(bundle_id)

    def answer(self, bundle_id, seconds=60):
        """The next line about this bundle."""
        while True:
            line = self.line(seconds)
            assert line is not None, "the session ended"
            words = line.split(" ")
            if words[0] in PAYLOADS:
                self.take(int(words[-1]))
            if bundle_id in words and words[0] != "offer":
                return line

    def bring(self, path, data=None):
        """Send a bundle's file; the answer."""
        bundle_id, size = path.name.split(".")[:2]
        self.say(f"bundle {bundle_id} {size}", path.read_bytes() if data is None else data)
        return self.answer(bundle_id)

    def end(self):
        """All that still comes, and the exit status."""
        self.p.stdin.close()
        rest = self.data + self.p.stdout.read()
        return rest.decode(errors="replace"), self.p.wait(60)

    def hang_up(self):
        self.p.kill()
        self.p.wait()


class Session:
    """A session's process that says what it likes: to relayd on its own
    socket, so that a test decides what is heard in which order. Its peer has
    said hello."""

    def __init__(self, node, peer, dialled, version=3):
        self.data = b""
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.s.settimeout(60)
        self.s.connect(str(node.path("run/agamid/relayd/relay.sock")))
        self.say(f"session {peer} {'dialled' if dialled else 'accepted'}")
        self.say(f"agamid-relay {version} {peer} {NETWORK} {int(time.time())}")

    def say(self, text, payload=b""):
        self.s.send(text.encode() + b"\n" + payload)

    def message(self):
        """The next message's line; its payload is skipped."""
        if not self.data:
            self.data, fds, _, _ = socket.recv_fds(self.s, 131072, 1)
            for fd in fds:
                os.close(fd)
            assert self.data, "relayd ended the session"
        line, self.data = self.data.split(b"\n", 1)
        words = line.decode().split(" ")
        if words[0] in PAYLOADS:
            length = int(words[-1])
            self.behind, self.data = self.data[:length], self.data[length:]
        return line.decode()

    def until(self, beginning):
        """The next line that begins so."""
        while not (line := self.message()).startswith(beginning):
            pass
        return line

    def payload(self, beginning):
        """What stands behind the next line that begins so."""
        self.until(beginning)
        return self.behind

    def answer(self, bundle_id):
        """The first word of the next line about this bundle."""
        while bundle_id not in (words := self.message().split(" ")):
            pass
        return words[0]

    def hang_up(self):
        self.s.close()


def ticket_of(path):
    """The ticket in a bundle's file."""
    return path.read_bytes()[:1024].rstrip() + b"\n"


def made(node, home, **more):
    """Bundles that a node made, as files that were not sent."""
    return [node.path("out", f"{i}.{more.get('size', 10000)}") for i in node.bundles(home, to="out", **more)]
