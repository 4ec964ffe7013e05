# SPDX-License-Identifier: MIT
"""agamid doctor: no failure on a healthy node; then one thing at a time is
broken, and exactly that is found; it ends in time when nothing answers, and
leaves nothing behind."""

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import time

import pytest
from labkit import mailbox, wait

MAIN_CF = "/etc/postfix/main.cf"
# What a lab's node has not: a backup, a fifth friend; and its recovery key
# is left on it.
ALWAYS = {"keys.recovery-away", "keys.backup", "peers.holders"}


def doctor(node, *argv, **more):
    """Exit status and the checks, as JSON says them."""
    result = node.exec("agamid", "doctor", "--json", *argv, check=False, **more)
    assert result.returncode in (0, 1), result.stderr
    told = json.loads(result.stdout)
    assert told["version"] == 1
    worst = {c["state"] for c in told["checks"]}
    assert told["state"] == next(s for s in ("failure", "warning", "ok") if s in worst | {"ok"})
    assert (result.returncode == 1) == ("failure" in worst)
    for check in told["checks"]:
        assert set(check) >= {"id", "state", "expected", "found", "fix"}
        assert check["expected"] and check["found"]
        assert bool(check["fix"]) == (check["state"] != "ok"), check
    return told["checks"]


def ids(checks, state):
    return {c["id"] for c in checks if c["state"] == state}


def show(checks):
    return "\n".join(f"{c['id']} {c.get('subject', '')}: {c['found']}" for c in checks if c["state"] != "ok")


def queued(node):
    return {json.loads(line)["queue_id"] for line in node.exec("postqueue", "-j").stdout.splitlines()}


@contextlib.contextmanager
def stopped(node, *services):
    for service in services:
        node.stop_services(service)
    try:
        yield
    finally:
        for service in services:
            node.start_services(service)


@contextlib.contextmanager
def main_cf(node, line):
    """Postfix with one more line, and back; postconf reads it at once."""
    path = node.path(MAIN_CF)
    before = path.read_text(encoding="utf-8")
    aged = time.time() - 60  # Postfix rereads, slowly, a .cf younger than 1 s
    path.write_text(before + line + "\n", encoding="utf-8")
    os.utime(path, (aged, aged))
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        os.utime(path, (aged, aged))


@contextlib.contextmanager
def mode(node, inner, changed):
    path = node.path(inner)
    before = path.stat().st_mode & 0o7777
    path.chmod(changed)
    try:
        yield
    finally:
        path.chmod(before)


@contextlib.contextmanager
def with_file(node, inner, data, file_mode):
    """A file with other content, or a new one; same owner."""
    path = node.path(inner)
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(data)
    path.chmod(file_mode)
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)


def test_healthy(lab):
    """SPEC N-21.1, N-21.2, N-21.4: a healthy node has no failure; the
    canary went through the mailbox, and nothing of it is left."""
    carol = lab.nodes["carol"]
    before = queued(carol)
    last = []

    def healthy():  # sessions and what is said in them come a moment after the start
        last[:] = doctor(carol)
        return not ids(last, "failure") and "peers.session" not in ids(last, "warning")

    try:
        wait.until(healthy, 60, "doctor to find no failure")
    except wait.Deadline:
        pytest.fail(show(last))
    checks = last
    found = ids(checks, "ok") | ids(checks, "warning")
    assert ids(checks, "warning") >= ALWAYS, show(checks)
    assert {"mail.canary", "mail.injection", "keys.opening", "sockets.milter", "dns.mx"} <= ids(checks, "ok"), show(checks)
    assert {c["subject"] for c in checks if c["id"] == "peers.session"} == {"alice", "bob", "dave"}
    assert not [m for m in mailbox.fetch_all(lab, carol, "carol") if b"X-Agamid-Canary" in m]
    assert queued(carol) <= before
    listed = {line.split()[0] for line in carol.exec("agamid", "doctor", "--list").stdout.splitlines()}
    assert found <= listed


# All but what is slow, or was proved by the healthy node: real mails, keys.
QUICK = ["node", "keys.manifest", "sockets", "postfix", "dovecot.lmtp", "mail.injection", "peers"]

STOPPED = {
    "agamid-milter": {"sockets.milter", "sockets.policy"},
    "agamid-seal": {"sockets.seal"},
    "agamid-relayd": {"sockets.relay"},
    "agamid-deliver": {"sockets.deliver"},
    "agamid-sshd": {"node.sshd"},
    "dovecot": {"dovecot.lmtp"},
    "postfix": {"postfix.running", "postfix.greeting", "mail.injection"},
}

SECRETS = "/var/lib/agamid-key"
OTHER_SEED = b"ed25519-seed:" + b"A" * 43 + b"=\n"
FILES = {
    "open secret": (lambda n: mode(n, f"{SECRETS}/openpgp.asc", 0o444), "node.secrets"),
    "forgotten copy": (lambda n: with_file(n, f"{SECRETS}/seed.bak", b"x", 0o644), "node.secrets"),
    "open held": (lambda n: mode(n, "/var/spool/agamid/held", 0o755), "node.directories"),
    "open socket": (lambda n: mode(n, "/var/spool/postfix/agamid/seal.sock", 0o666), "sockets.seal"),
    "other seed": (lambda n: with_file(n, f"{SECRETS}/receipt.seed", OTHER_SEED, 0o400), "keys.manifest"),
}

SETTINGS = {
    "smtpd_milters =": "postfix.milter-first",
    "smtpd_milters = unix:agamid/milter.sock": "postfix.milter-default-action",
    "smtpd_milters = inet:localhost:1, { unix:agamid/milter.sock, default_action=accept }": "postfix.milter-first",
    "smtpd_restriction_classes = agamid_own_recipients": "postfix.policy-class",
    "relay_domains =": "postfix.relay-domains",
    "transport_maps =": "postfix.transport",
    "always_bcc = a@b.example": "postfix.copies",
    "smtpd_proxy_filter = 127.0.0.1:1": "postfix.proxy-filter",
    "relay_recipient_maps = inline:{a=b}": "postfix.relay-recipient-maps",
}


def only(node, breaking, want, checks):
    """With this broken, these checks fail and no other."""
    with breaking:
        told = doctor(node, *checks)
    assert ids(told, "failure") == want, show(told)


@pytest.mark.parametrize("service", STOPPED)
def test_stopped(lab, service):
    """SPEC N-21.5: a program that does not run is a failure, and nothing
    else is."""
    carol = lab.nodes["carol"]
    only(carol, stopped(carol, service), STOPPED[service], QUICK)


def test_files(lab):
    """SPEC N-21.5: secrets and directories that are open, or others."""
    carol = lab.nodes["carol"]
    for breaking, want in FILES.values():
        only(carol, breaking(carol), {want}, ["node", "keys.manifest", "sockets"])


def test_settings(lab):
    """SPEC N-21.5: one line of main.cf. (Postfix does not reread it: no
    mail suffers.)"""
    carol = lab.nodes["carol"]
    for line, want in SETTINGS.items():
        only(carol, main_cf(carol, line), {want}, ["postfix"])


def test_wrong_host_key(lab):
    """SPEC N-21.5: another machine answers where Bob ought to; and Bob's own
    doctor sees that his key is not the manifest's."""
    carol, bob = lab.nodes["carol"], lab.nodes["bob"]
    bob.exec("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/tmp/other")
    other = bob.path("/tmp/other").read_bytes()
    with with_file(bob, "/var/lib/agamid-key/ssh-host", other, 0o600):
        with stopped(bob, "agamid-sshd"):
            pass
        wait.until(lambda: lab.missing(bob) == [], 60, "Bob's sshd")
        checks = doctor(carol, "peers.host-key")
        assert {c["subject"] for c in checks if c["state"] == "failure"} == {"bob"}, show(checks)
        assert ids(doctor(bob, "keys.manifest"), "failure") == {"keys.manifest"}
    with stopped(bob, "agamid-sshd"):
        pass
    for name in ("other", "other.pub"):
        bob.path(f"/tmp/{name}").unlink()
    wait.until(lambda: ids(doctor(carol, "peers.host-key"), "ok") and not ids(doctor(carol, "peers.host-key"), "failure"),
               30, "Bob's own key to be shown again")


def test_friends_look(lab):
    """SPEC N-21.5: friends see from outside that port 25 is closed."""
    carol = lab.nodes["carol"]

    def seen(want, state):
        checks = doctor(carol, "outside")
        by = {c["subject"] for c in checks if c["id"] == "outside.smtp" and c["state"] == state}
        return checks if want <= ids(checks, state) and by else None

    wait.until(lambda: seen({"outside.smtp", "outside.ehlo", "outside.starttls", "outside.ssh"}, "ok"), 60,
               "friends to see that all is well")
    with stopped(carol, "postfix"):
        wait.until(lambda: seen({"outside.smtp", "outside.ehlo"}, "failure"), 60, "friends to see that port 25 is closed")


def test_full_disk(lab):
    """SPEC N-21.5: less room than the reserve."""
    carol = lab.nodes["carol"]
    settings = json.loads(carol.path("/etc/agamid/agamid.yaml").read_text(encoding="utf-8"))
    settings["reserve"] = "900T"
    with with_file(carol, "/tmp/full.yaml", json.dumps(settings).encode(), 0o644):
        checks = doctor(carol, "node", "--config", "/tmp/full.yaml")
    assert ids(checks, "failure") == {"node.spool-room"}, show(checks)


def test_login(lab):
    """A real login, with the right password and with a wrong one."""
    carol = lab.nodes["carol"]
    for password, state in (("secret", "ok"), ("wrong", "failure")):
        checks = doctor(carol, "--login", "carol", "dovecot.login", stdin=password + "\n")
        assert [(c["id"], c["state"]) for c in checks] == [("dovecot.login", state)], checks
        assert password not in json.dumps(checks)
    told = doctor(carol, "--config", "/nonexistent")
    assert ids(told, "failure") == {"node.configuration"}
    result = carol.exec("agamid", "doctor", "no.such", check=False)
    assert result.returncode == 2 and "no.such" in result.stderr


def test_nothing_answers(lab):
    """SPEC N-21.3: programs hang, the network is cut, there is no name
    server. (Ten seconds; and what a busy test machine adds.)"""
    carol = lab.nodes["carol"]
    pids = [p for n, p in carol.command("pids").items() if n != "postfix"]
    lab.dns.stop_services()
    carol.cut()
    for pid in pids:
        carol.exec("kill", "-STOP", str(pid))
    try:
        began = time.monotonic()
        checks = doctor(carol)
        took = time.monotonic() - began
    finally:
        for pid in pids:
            carol.exec("kill", "-CONT", str(pid))
        carol.heal()
        lab.dns.start_services()
        wait.until(lambda: lab.missing(lab.dns) == [], 60, "the name server")
    assert took < 30, (took, show(checks))
    assert ids(checks, "failure") >= {
        "sockets.milter", "sockets.policy", "sockets.seal", "sockets.relay", "sockets.deliver", "dns.resolver"}, show(checks)


def on_terminal(node, columns, env):
    """What doctor writes to a terminal of this width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    argv = node.enter_argv() + ["TERM=xterm", *env, "agamid", "doctor", "node", "keys.backup"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=slave)
    os.close(slave)
    text = b""
    with contextlib.suppress(OSError):  # EIO: the other end was closed
        while data := os.read(master, 4096):
            text += data
    os.close(master)
    process.wait(60)
    return text.decode()


def test_terminal(lab):
    """Colour and width are the terminal's; a pipe gets neither."""
    carol = lab.nodes["carol"]
    plain = carol.exec("agamid", "doctor", "node", "keys.backup").stdout
    assert "\033" not in plain and "keys.backup" in plain
    assert "\033[" in on_terminal(carol, 80, [])
    narrow = on_terminal(carol, 60, ["NO_COLOR=1"])
    assert "\033" not in narrow
    lines = [l.rstrip("\r") for l in narrow.splitlines() if "to mend:" not in l]
    assert max(map(len, lines)) <= 60 and len(lines) > len(plain.splitlines())
    quiet = carol.exec("agamid", "doctor", "--quiet", "node.sshd", "sockets.seal").stdout
    assert quiet.splitlines() == ["2 checks: 2 ok, 0 warnings, 0 failures"]
