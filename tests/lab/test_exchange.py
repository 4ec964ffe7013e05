# SPDX-License-Identifier: MIT
"""A new manifest reaches everybody by itself: relayd passes it on, a service
manager runs agamid apply, and the milter asks what is in force then."""

import contextlib

from helpers import stranger_says
from labkit import wait

OLD = "bob+shop@bob.example"
PATTERN, NARROW = r"'bob(\+\w+)?'", r"'bob(\+home)?'"


def publish(lab, old, new):
    """Bob's manifest with these words replaced: what a script of his does."""
    bob = lab.nodes["bob"]
    body = lab.manifest_of("bob").read_text(encoding="utf-8").split("\n...\n")[0] + "\n"
    assert old in body, body
    bob.path("/tmp/next.yaml").write_text(body.replace(old, new), encoding="utf-8")
    bob.exec("agamid", "manifest", "publish", "/tmp/next.yaml")


@contextlib.contextmanager
def narrow(lab):
    """OLD is no address of Bob's, until the end."""
    publish(lab, PATTERN, NARROW)
    yield
    lab.start(lab.nodes["bob"])
    publish(lab, NARROW, PATTERN)
    for name in ("alice", "carol", "dave"):
        wait.until(lambda: not refused(lab, name), 60, f"{name} to take {OLD} again")


def refused(lab, name):
    replies, _ = stranger_says(lab, name, "ann@sender.example", [OLD])
    return replies[0][0] == 550


def test_obsolete_address_is_refused_everywhere(lab):
    """SPEC R-11.1, R-11.2, M-9.1: by everybody within a minute of contact, and no
    operator did anything; by one who was cut when he is back, though Bob is away."""
    assert not any(refused(lab, name) for name in ("alice", "carol", "dave"))
    lab.nodes["dave"].cut()
    with narrow(lab):
        for name in ("alice", "carol"):
            wait.until(lambda: refused(lab, name), 60, f"{name} to refuse {OLD}")
        lab.nodes["bob"].off()
        lab.nodes["dave"].heal()
        wait.until(lambda: refused(lab, "dave"), 60, f"dave to refuse {OLD}")
