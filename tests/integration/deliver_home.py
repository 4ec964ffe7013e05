# SPDX-License-Identifier: MIT
"""Bob's agamid-deliver beside his Postfix, and everything that it needs:
keys, the derived directory with manifests of bob, alice and carol
(friends), dave (denied). A test speaks to it as relayd does, and looks
into Bob's mailbox.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

from home_postfix import USERS, HomePostfix, wait_for

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TOOLS = pathlib.Path(os.environ.get("AGAMID_TOOLS", "build/lab/tests/tools"))
BUILD = TOOLS.resolve().parents[1]
MAKE_BUNDLE = TOOLS / "make_bundle"
DELIVER = BUILD / "deliver" / "agamid-deliver"

TRACE = 5  # X-Agamid-* fields on top
SEEN = re.compile(rb"Authentication-Results: .*\n(?:[ \t].*\n)*")  # and the acceptor's


def manifest(name, openpgp=None, denied=(), domains=None, **keys):
    """An example manifest with other keys; unsigned, since a derived
    directory holds verified ones only."""
    text = (SOURCE / "manifests" / "examples" / (name + ".yaml")).read_text()
    text = text[:text.index("\n...") + 5]
    for key, value in keys.items():
        text = re.sub("(?m)^  %s-key: .*$" % key,
                      "  %s-key: %s" % (key, value), text)
    if openpgp is not None:
        block = "".join("    %s\n" % line for line in openpgp.splitlines())
        text = re.sub(r"(?m)^  openpgp: \|\n(    .*\n|\n)+",
                      lambda _: "  openpgp: |\n" + block, text)
    if domains is not None:
        text = re.sub("(?m)^  domains: .*$",
                      "  domains: [%s]" % ", ".join(domains), text)
    if denied:
        text = re.sub("(?m)^  backups: .*\n", "", text)
        text = text.replace("\n...", "\n  backups: {deny: [%s]}\n..."
                            % ", ".join(denied))
    return text


class Mail:
    """A delivered mail: Postfix's fields, ours, and the rest."""

    def __init__(self, path):
        self.raw = path.read_bytes()
        head, _, self.message = self.raw.partition(b"X-Agamid-Via: ")
        assert self.message, "no X-Agamid-Via in %r" % self.raw[:500]
        lines = (b"X-Agamid-Via: " + self.message).split(b"\n", TRACE)
        self.ours = dict(line.decode().split(": ", 1)
                         for line in lines[:TRACE])
        seen = SEEN.match(lines[TRACE])
        self.seen = seen[0].decode()
        self.message = lines[TRACE][seen.end():]
        self.postfix = head.decode("utf-8", "surrogateescape")
        self.to = re.search("Delivered-To: (.*)", self.postfix).group(1)

    def below_trace(self):
        """The message below the acceptor's Received line, CRLF."""
        lines = self.message.split(b"\n", 3)
        assert lines[0].startswith(b"Received: from "), lines[0]
        return lines[3].replace(b"\n", b"\r\n")


class Home:
    def __init__(self, base):
        self.base = pathlib.Path(base)
        self.postfix = HomePostfix(self.base / "home")
        self.root = self.base / "root"
        self.secret = self.root / "var/lib/agamid-key"
        self.faults = self.base / "faults"
        self.made = self.base / "made"
        self.log_path = self.base / "deliver.log"
        self.log_path.touch()
        self.daemon = None
        self._make_root()
        self._make_keys()
        self._make_derived()
        self.start()

    # --- making it

    def _make_root(self):
        os.chmod(self.base, 0o755)
        for path in ("etc/agamid", "var/lib/agamid/derived.1/manifests",
                     "var/lib/agamid-key", "var/spool", "run/agamid/deliver"):
            (self.root / path).mkdir(parents=True)
        self.made.mkdir()
        self.configure("auto")
        (self.root / "var/lib/agamid/derived").symlink_to("derived.1")
        (self.root / "var/spool/postfix").symlink_to(self.postfix.queue)
        for path in (self.secret, self.root / "run/agamid/deliver"):
            os.chown(path, USERS["agamid-key"], USERS["agamid-key"])
        os.chmod(self.secret, 0o711)

    def configure(self, engine):
        """For the next start."""
        (self.root / "etc/agamid/agamid.yaml").write_text(
            "node: bob\nopenpgp: %s\n"
            "deliver: {parallel: 2, retry: 1m, networks: [203.0.113.0/24]}\n"
            % engine)

    def tool(self, *argv, **options):
        made = subprocess.run([str(MAKE_BUNDLE), *map(str, argv)],
                              check=True, timeout=60, capture_output=True,
                              **options)
        return made.stdout.decode().strip()

    def _make_keys(self):
        secret, key = self.secret, USERS["agamid-key"]
        self.tool("--make-key", self.base / "bob")
        shutil.move(self.base / "bob.sec", secret / "openpgp.asc")
        self.receipt_key = self.tool("--make-seed", secret / "receipt.seed")
        self.sealed_key = self.tool("--make-seed", secret / "sealed.seed")
        (secret / "node.secret").write_text("0123456789abcdef" * 4 + "\n")
        for name in ("openpgp.asc", "receipt.seed", "sealed.seed",
                     "node.secret"):
            os.chown(secret / name, key, key)
            os.chmod(secret / name, 0o400)
        self.seeds = {name: self.base / (name + ".seed")
                      for name in ("alice", "carol", "dave", "stranger")}
        self.publics = {name: self.tool("--make-seed", path)
                        for name, path in self.seeds.items()}

    def _make_derived(self):
        derived = self.root / "var/lib/agamid/derived.1"
        (derived / "self").write_text("bob\n")
        (derived / "fingerprints").write_text("".join(
            "%s %s %s\n" % (name, "A" * 40, "B" * 40)
            for name in ("bob", "alice", "carol", "dave")))
        texts = {
            "bob": manifest("bob", (self.base / "bob.pub").read_text(),
                            denied=["dave"],
                            domains=["bob.example", "bob.second.example"],
                            receipt=self.receipt_key),
        }
        block = "".join("        %s\n" % line for line in
                        (self.base / "bob.pub").read_text().splitlines())
        texts["bob"] = texts["bob"].replace(
            "\n...", "\n  mailboxes:\n    sealed:\n      openpgp: |\n"
            + block + "    plain: {}\n...")
        texts.update((name, manifest(name, ticket=self.publics[name]))
                     for name in ("alice", "carol", "dave"))
        for name, text in texts.items():
            (derived / "manifests" / (name + ".yaml")).write_text(text)

    # --- the daemon

    def start(self):
        self.daemon = subprocess.Popen(
            self.postfix.command(
                DELIVER, "--root", self.root, user="agamid-key",
                groups=("postdrop", "agamid-key")),
            env=dict(os.environ, AGAMID_FAULTS=str(self.faults)),
            stderr=open(self.log_path, "ab"))
        ready = self.log().count("ready socket=")
        wait_for("agamid-deliver to start", lambda: self._is_ready(ready))
        self.client = self.connect()

    def _is_ready(self, before):
        assert self.daemon.poll() is None, self.log()
        return self.log().count("ready socket=") > before

    def pid(self):
        kids = pathlib.Path("/proc/%d/task/%d/children" % (
            self.daemon.pid, self.daemon.pid)).read_text().split()
        return int(kids[0])

    def ended(self):
        """Wait until a kill took it, and take its place."""
        self.daemon.wait(15)
        self.client.close()

    def stop(self):
        os.kill(self.pid(), signal.SIGTERM)
        self.client.close()
        assert self.daemon.wait(15) == 0, self.log()

    def close(self):
        if self.daemon is not None and self.daemon.poll() is None:
            os.kill(self.pid(), signal.SIGKILL)
            self.daemon.wait(15)
        self.postfix.close()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def connect(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.connect(str(self.root / "run/agamid/deliver/deliver.sock"))
        client.settimeout(60)
        return client

    # --- asking it

    def make(self, message, *options, rcpt=("<talktome@bob.example>",),
             mail="<ann@sender.example>", acceptor="carol", seed=None,
             client=("name=mail.sender.example",
                     "reverse-name=mail.sender.example",
                     "address=198.51.100.7", "port=40312",
                     "helo=mail.sender.example", "protocol=ESMTP")):
        """A bundle file; its path."""
        argv = ["--out", self.made, "--key", self.base / "bob.pub",
                "--acceptor", acceptor,
                "--ticket-seed", self.seeds[seed or acceptor]]
        argv += [arg for field in client for arg in ("--client", field)]
        if "--batch" not in options and "--plain" not in options:
            argv += ["--mail", mail]
            argv += [arg for path in rcpt for arg in ("--rcpt", path)]
        return pathlib.Path(self.tool(*argv, *options, input=message))

    def request(self, text, path=None, client=None):
        client = client or self.client
        if path is None:
            client.send(text.encode())
            return
        with open(path, "rb") as bundle:
            socket.send_fds(client, [text.encode()], [bundle.fileno()])

    def answer(self, client=None):
        return (client or self.client).recv(65536).decode(
            "utf-8", "replace").rstrip("\n")

    def deliver(self, path, verb="deliver", bundle_id=None):
        """("done", "") or ("refused", reason), ..."""
        bundle_id = bundle_id or path.name.split(".")[0]
        self.request("%s %s\n" % (verb, bundle_id), path)
        word, got, *text = self.answer().split(" ", 2)
        assert got == bundle_id
        return word, "".join(text)

    def signed(self, *paths):
        """The IDs that a receipt over these was given for."""
        ids = [path.name.split(".")[0] for path in paths]
        self.request("sign %s\n" % " ".join(ids))
        answer = self.answer()
        if answer == "none":
            return []
        assert answer.startswith("receipt\nagamid-receipt 1\n"), answer
        assert "\nhome bob\n" in answer
        return [line[3:] for line in answer.splitlines()
                if line.startswith("id ")]

    def listed(self):
        """{ID: state} of what is refused, quarantined or waiting."""
        self.request("list\n")
        lines = self.answer().splitlines()
        assert lines[0] == "list"
        return {line.split(" ")[1]: line.split(" ")[0] for line in lines[1:]}

    def kept(self, where):
        return sorted(path.name for path in (self.secret / where).iterdir())

    # --- looking at what came

    def new_mails(self, count, seconds=60):
        """Exactly count mails came since the last call."""
        def idle():
            queues = [self.postfix.queue / name
                      for name in ("incoming", "active", "deferred")]
            return not any(files for queue in queues
                           for _, _, files in os.walk(queue))
        wait_for("%d mails" % count,
                 lambda: len(self.postfix.mails()) >= count and idle(),
                 seconds)
        mails = [Mail(path) for path in self.postfix.mails()]
        for path in self.postfix.mails():
            path.unlink()
        assert len(mails) == count, [mail.raw[:2000] for mail in mails]
        return mails

    def transactions(self):
        """RCPTs that Postfix was asked about since the last call."""
        rcpts = [request for request in self.postfix.policy.requests
                 if request["protocol_state"] == "RCPT"]
        self.postfix.policy.requests.clear()
        return rcpts

    def reset(self):
        """Between tests."""
        self.postfix.policy.answer = lambda request: "DUNNO"
        self.faults.unlink(missing_ok=True)
        if self.daemon.poll() is not None:
            self.start()
        for path in self.postfix.mails():
            path.unlink()
        self.postfix.policy.requests.clear()
