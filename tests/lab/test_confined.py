# SPDX-License-Identifier: MIT
"""Every process of a running node is confined. (What that means is tried
in tests/integration/test_sandbox.py.)"""

import pathlib

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
    """SPEC N-13.6: on the side that was dialled one filter, on the other
    the starter's, the dialler's and the session's."""
    word = fresh_word()
    lab.nodes["bob"].off()
    send_until_taken(lab, "carol", "bob@bob.example", word)
    lab.start(lab.nodes["bob"])

    def filters(*words):
        return [status(pid)["Seccomp_filters"] for node in lab.nodes.values() for pid in processes(node, *words)]

    wait.until(lambda: "1" in filters("agamid-receive"), 60, "a session that is served")
    wait.until(lambda: "3" in filters("agamid-relayd", "--dial"), 60, "a session that was dialled")
    arrives(lab, "bob", word)
