# SPDX-License-Identifier: MIT
"""Every process of a running node is confined. (What that means is tried
in tests/integration/test_sandbox.py.)"""

import base64
import pathlib
import re

import pytest
from helpers import arrives, fresh_word, send_until_taken
from labkit import wait

DAEMONS = ["agamid-milter", "agamid-seal", "agamid-relayd", "agamid-deliver"]


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def processes(node, *words):
    """The node's processes whose command line begins so."""
    inside = pathlib.Path(f"/proc/{node.pid}/ns/pid").readlink()
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            argv = (entry / "cmdline").read_bytes().decode().split("\0")
            if (entry / "ns/pid").readlink() == inside and pathlib.Path(argv[0]).name == words[0] and argv[1 : len(words)] == list(words[1:]):
                yield entry.name
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue


def memory(pid):
    """All that the process has written; nothing, if it has ended."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="ascii").splitlines():
            start, end, mode, inode = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)", line).groups()
            if mode[1] == "w" or (mode[0] == "r" and inode == "0" and "[v" not in line):
                mem.seek(int(start, 16))
                found.append(mem.read(int(end, 16) - int(start, 16)) or b"")
    return b"\0".join(found)


def seed(node, name):
    """Its text in the file, and its 32 bytes."""
    text = (node.directory / "var/lib/agamid-key" / name).read_bytes().split(b":")[1].strip()
    return text, base64.b64decode(text)


def ssh_secret(node):
    """A line of the file's text, and the key's 32 secret bytes, which stand
    before the public ones."""
    keys = node.directory / "var/lib/agamid-key"
    lines = (keys / "ssh-client").read_bytes().splitlines()
    public = base64.b64decode((keys / "ssh-client.pub").read_bytes().split()[1])[-32:]
    raw = base64.b64decode(b"".join(lines[1:-1]))
    return lines[2], raw[raw.rindex(public) - 32 : raw.rindex(public)]


def openpgp_secrets(node):
    """The secret numbers of its OpenPGP keys: behind the public point (40), a
    subkey's parameters (03 01), and 00, not encrypted (RFC 4880 §5.5.3)."""
    body = (node.directory / "var/lib/agamid-key/openpgp.asc").read_bytes().split(b"\n\n")[1].split(b"\n=")[0]
    found = re.findall(rb"\x01\x07\x40.{32}(?:\x03\x01..)?\x00..(.{30})", base64.b64decode(body), re.S)
    assert len(found) == 2
    return found


@pytest.mark.parametrize("daemon", DAEMONS)
def test_daemons_are_confined(lab, daemon):
    """SPEC N-13.6: each, and the process that starts others for it, with a
    filter of its own; nobody of the same user may look at it."""
    for node in lab.nodes.values():
        named = {status(pid)["Name"]: pid for pid in processes(node, daemon, "")}
        assert set(named) == {daemon, *({"agamid-starter"} if daemon == "agamid-relayd" else ())}, node.name
        for pid in [*named.values(), *processes(node, daemon, "--submit")]:
            found = status(pid)
            assert (found["NoNewPrivs"], found["Seccomp"], found["Seccomp_filters"]) == ("1", "2", "1"), node.name
            # What isn't dumpable belongs to root.
            assert pathlib.Path(f"/proc/{pid}/mem").stat().st_uid == 0
        assert "no Landlock" not in node.log_text()


def test_sessions_are_confined(lab):
    """SPEC N-13.6, N-13.10: on the side that was dialled one filter, on the other
    the starter's, the dialler's and the session's; and the SSH key is gone."""
    word = fresh_word()
    lab.nodes["bob"].off()
    send_until_taken(lab, "carol", "bob@bob.example", word)
    lab.start(lab.nodes["bob"])

    def filters(*words):
        return [status(pid)["Seccomp_filters"] for node in lab.nodes.values() for pid in processes(node, *words)]

    wait.until(lambda: "1" in filters("agamid-receive"), 60, "a session that is served")
    wait.until(lambda: "3" in filters("agamid-relayd", "--dial"), 60, "a session that was dialled")
    for node in lab.nodes.values():
        line, raw = ssh_secret(node)
        for pid in processes(node, "agamid-relayd", "--dial"):
            found = memory(pid) if status(pid)["Seccomp_filters"] == "3" else b""
            assert line not in found and raw not in found
    arrives(lab, "bob", word)


def test_secrets_stand_where_they_must_alone(lab):
    """SPEC N-13.10: a key is once in the memory of who signs with it, and
    nowhere else; the text that it was read from is nowhere."""
    node = lab.nodes["carol"]
    at = {status(pid)["Name"]: memory(pid) for daemon in DAEMONS for pid in processes(node, daemon, "")}
    at["submit"] = memory(*processes(node, "agamid-deliver", "--submit"))
    for name, owners in (("ticket.seed", ["agamid-milter", "agamid-seal"]), ("receipt.seed", ["agamid-deliver"])):
        text, raw = seed(node, name)
        assert {p for p in at if text in at[p]} == set()
        assert {p: at[p].count(raw) for p in at if raw in at[p]} == {p: 1 for p in owners}, name
    once = (node.directory / "var/lib/agamid-key/node.secret").read_bytes().strip()
    assert {p for p in at if once in at[p]} == set()
    assert {p for p in at if bytes.fromhex(once.decode()) in at[p]} == {"agamid-deliver"}
    line, raw = ssh_secret(node)
    assert {p for p in at if line in at[p] or raw in at[p]} == set()
    bob = lab.nodes["bob"]
    at = {status(pid)["Name"]: memory(pid) for daemon in DAEMONS for pid in processes(bob, daemon, "")}
    for raw in openpgp_secrets(bob):
        assert {p for p in at if raw in at[p]} <= {"agamid-deliver"}
