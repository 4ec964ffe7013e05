# SPDX-License-Identifier: MIT
"""Name servers for tests of agamid-zone: BIND, Knot and a validating unbound,
each below a directory of its own, on a port of loopback, in the foreground;
and manifests in a few words. Nothing outside the directory is written."""
import base64
import contextlib
import hashlib
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import threading
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ZONE = "friends.example"
WAIT = 60

EMPTY = f"""{ZONE}. 3600 IN SOA ns.{ZONE}. hostmaster.{ZONE}. 7 3600 900 1209600 3600
{ZONE}. 3600 IN NS ns.{ZONE}.
ns.{ZONE}. 3600 IN A 127.0.0.1
www.{ZONE}. 3600 IN A 192.0.2.80
{ZONE}. 3600 IN TXT "others"
"""


def program():
    if "AGAMID_ZONE" in os.environ:
        return os.environ["AGAMID_ZONE"]
    root = os.environ.get("AGAMID_LAB_ROOT")
    assert root, "AGAMID_LAB_ROOT must name where make install DESTDIR= put Agamid"
    return f"{root}/usr/local/bin/agamid-zone"


def agamid_zone(*args, code=0):
    """The program; its result, after its status was as expected."""
    result = subprocess.run([program(), *map(str, args)], capture_output=True, text=True, timeout=120)
    assert result.returncode == code, f"{args}: exit {result.returncode}\n{result.stdout}{result.stderr}"
    return result


def tool(name):
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, f"{name} is not installed (tests/packages)"
    return found


def wait_for(condition, what):
    end = time.monotonic() + WAIT
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {WAIT} s for {what}"
        time.sleep(0.05)
    return value


# ---- manifests ----

def _armor(kind):
    text = (SOURCE / "manifests/examples/carol.yaml").read_text()
    body = text.split(f"  {kind}: |\n")[1].split("    -----END")[0]
    return body + "    -----END PGP PUBLIC KEY BLOCK-----\n"


KEY = _armor("openpgp")
RECOVERY = _armor("recovery")


def _bytes(kind, name):
    return hashlib.sha256(f"{kind} {name}".encode()).digest()


def _key(kind, name):
    return "ed25519:" + base64.b64encode(_bytes(kind, name)).decode()


def _ssh(kind, name):
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + _bytes(kind, name)
    return "ssh-ed25519 " + base64.b64encode(blob).decode()


def manifest(name, more="", serial=1, domains=None):
    """Unsigned: for --no-signatures. more: lines under node, indented by 2."""
    return f"""version: 1
serial: {serial}
node:
  name: {name}
  network: {ZONE}
  host: {name}.{ZONE}
  domains: [{", ".join(domains or [f"{name}.example"])}]
  openpgp: |
{KEY}  recovery: |
{RECOVERY}  ticket-key: {_key("t", name)}
  receipt-key: {_key("r", name)}
  ssh:
    host-keys: ["{_ssh("h", name)}"]
    client-keys: ["{_ssh("c", name)}"]
{more}...
"""


def write(folder, nodes):
    """nodes: {name: more lines, or a whole text of manifest()}. Replaces
    what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, more in nodes.items():
        text = more if more.startswith("version") else manifest(name, more)
        (folder / f"{name}.yaml").write_text(text)
    return folder


# ---- name servers ----

def free_port():
    """Free for TCP and UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port


class Server:
    secret = base64.b64encode(hashlib.sha256(b"update").digest()).decode()
    signed = False

    def __init__(self, path, name=None):
        self.dir = path / (name or self.kind)
        self.dir.mkdir(parents=True)
        self.key = self.dir / "update.key"
        self.key.write_text(f'key "update" {{ algorithm hmac-sha256; secret "{self.secret}"; }};\n')
        self.key.chmod(0o600)
        self.process = None

    def start(self):
        self.port = free_port()
        argv = self.configure()
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir)
        wait_for(lambda: self.alive() and self.answers(), f"{self.kind}")
        return self

    def alive(self):
        assert self.process.poll() is None, f"{self.kind} ended:\n{(self.dir / 'log').read_text()}"
        return True

    def answers(self):
        return self.dig(ZONE, "SOA")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(60)

    def dig(self, name, kind, *more):
        result = subprocess.run(
            [tool("dig"), "+short", "+tries=2", "+time=5", "-p", str(self.port), "@127.0.0.1", name, kind, *more],
            capture_output=True, text=True, timeout=60,
        )
        return sorted(line for line in result.stdout.splitlines() if line and not line.startswith(";"))

    def serial(self):
        return int(self.dig(ZONE, "SOA")[0].split()[2])

    def where(self, port=None):
        return ["--server", "127.0.0.1", "--port", port or self.port, "--key", self.key, "--no-signatures"]

    def nsupdate(self, *lines):
        text = f"server 127.0.0.1 {self.port}\nzone {ZONE}\n" + "\n".join(lines) + "\nsend\n"
        subprocess.run([tool("nsupdate"), "-k", str(self.key)], input=text, text=True, check=True, timeout=60)


class Bind(Server):
    kind = "bind"

    def configure(self):
        (self.dir / "zone").write_text(EMPTY)
        policy = "dnssec-policy default; inline-signing yes;" if self.signed else ""
        (self.dir / "named.conf").write_text(f"""
include "{self.key}";
options {{
    directory "{self.dir}"; pid-file none; session-keyfile none; lock-file none;
    listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    recursion no; dnssec-validation no; notify no; key-directory "{self.dir}";
}};
controls {{ }};
zone "{ZONE}" {{
    type primary; file "zone"; {policy}
    allow-update {{ key update; }}; allow-transfer {{ key update; }};
}};
""".replace("lock-file none;", ""))
        return [tool("named"), "-g", "-c", str(self.dir / "named.conf")]


class Knot(Server):
    kind = "knot"

    def configure(self):
        (self.dir / "zone").write_text(EMPTY)
        (self.dir / "knot.conf").write_text(f"""
server:
    rundir: "{self.dir}"
    listen: 127.0.0.1@{self.port}
database:
    storage: "{self.dir}"
key:
  - id: update
    algorithm: hmac-sha256
    secret: {self.secret}
acl:
  - id: update
    key: update
    action: [transfer, update]
policy:
  - id: ours
    algorithm: ecdsap256sha256
zone:
  - domain: {ZONE}
    storage: "{self.dir}"
    file: zone
    acl: update
    journal-content: all
    zonefile-load: difference
    dnssec-signing: {"on" if self.signed else "off"}
    dnssec-policy: ours
""")
        return [tool("knotd"), "-c", str(self.dir / "knot.conf")]


class Unbound(Server):
    """Validates what server, which is signed, says."""
    kind = "unbound"

    def __init__(self, path, server):
        super().__init__(path, f"unbound-{server.kind}")
        self.server = server

    def configure(self):
        keys = [k for k in self.server.dig(ZONE, "DNSKEY") if k.startswith("257 ")]
        (self.dir / "anchor").write_text("".join(f"{ZONE}. IN DNSKEY {k}\n" for k in keys))
        (self.dir / "unbound.conf").write_text(f"""
server:
    directory: "{self.dir}"
    chroot: ""
    username: ""
    pidfile: ""
    interface: 127.0.0.1
    port: {self.port}
    do-daemonize: no
    use-syslog: no
    do-not-query-localhost: no
    trust-anchor-file: "{self.dir}/anchor"
    module-config: "validator iterator"
    val-log-level: 2
remote-control:
    control-enable: no
stub-zone:
    name: "{ZONE}"
    stub-addr: 127.0.0.1@{self.server.port}
""")
        return [tool("unbound"), "-d", "-p", "-c", str(self.dir / "unbound.conf")]


class Proxy:
    """Between agamid-zone and a server: sees each message that is sent, and
    calls on_update() before it hands an update on."""

    def __init__(self, server, on_update=lambda: None):
        self.server, self.on_update = server, on_update
        self.updates, self.transfers = [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                with client:
                    client.settimeout(WAIT)
                    self._one(client)

    def _one(self, client):
        head = client.recv(2, socket.MSG_WAITALL)
        if len(head) < 2:
            return
        message = client.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
        if message[2] >> 3 & 15 == 5:
            self.updates.append(len(message))
            self.on_update()
        else:
            self.transfers += 1
        with socket.create_connection(("127.0.0.1", self.server.port), WAIT) as upstream:
            upstream.sendall(head + message)
            threading.Thread(target=self._until_closed, args=(client, upstream), daemon=True).start()
            with contextlib.suppress(OSError):
                while data := upstream.recv(65536):
                    client.sendall(data)

    @staticmethod
    def _until_closed(client, upstream):
        with contextlib.suppress(OSError):
            client.recv(1)
            upstream.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(WAIT)
