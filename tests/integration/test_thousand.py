# SPDX-License-Identifier: MIT
"""A thousand friends: what `agamid apply` needs when nothing has changed,
when a manifest has, and when a key has. Run as test_cli.py is, with
AGAMID_TOOLS (where make_network is)."""

import os
import pathlib
import resource
import shutil
import subprocess

from cli_node import NETWORK, Cli

TOOLS = pathlib.Path(os.environ.get("AGAMID_TOOLS", "build/lab/tests/tools"))
COUNT = 1000
SECONDS = 1.0


def timed(node, *args):
    """What the processor did for it, whatever else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    node.run(*args)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_thousand_manifests(tmp_path):
    """SPEC N-15.3, M-12.1: quick, and nothing is touched without need."""
    carol, alice = Cli(tmp_path / "carol"), Cli(tmp_path / "alice")
    carol.init("carol")
    alice.init("alice")
    made = shutil.which(str(TOOLS / "make_network"))
    assert made, "AGAMID_TOOLS must name where make_network is"
    subprocess.run([made, carol.root, NETWORK, carol.secrets / "openpgp.asc.pub", str(COUNT)], check=True, timeout=120)
    carol.add(alice)
    carol.run("apply", "--quiet")
    assert (carol.derived / "postfix/relay_domains").read_text().count("example") >= 2 * COUNT
    before = carol.snapshot()
    assert timed(carol, "apply", "--quiet") < SECONDS
    assert carol.snapshot() == before

    def certs():
        return {p.name: p.stat().st_ino for p in (carol.derived / "sealing/certs").iterdir()}

    was = certs()
    alice.sign(lambda t: t.replace("copies: 4", "copies: 3"))
    carol.add(alice)
    assert timed(carol, "apply", "--quiet") < SECONDS
    assert "copies: 3" in (carol.derived / "manifests/alice.yaml").read_text()
    assert certs() == was
    # One key less, and one more: GnuPG is not asked about the others.
    carol.run("peer", "remove", "alice")
    assert timed(carol, "apply", "--quiet") < SECONDS
    less = certs()
    assert len(less) == len(was) - 2 and less.items() <= was.items()
    carol.add(alice)
    assert timed(carol, "apply", "--quiet") < SECONDS
    now = certs()
    assert now.keys() == was.keys() and less.items() <= now.items()
