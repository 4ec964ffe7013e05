# SPDX-License-Identifier: MIT
"""The real `agamid`, with --root in a scratch directory: how a node and
its manifest are made, what is refused, and the command line. Needs what
cli_node.py says."""

import fcntl
import json
import os
import pathlib
import re
import shutil

from cli_node import NETWORK, Cli


# ---- init ----


def test_init_makes_a_node(nodes):
    carol = nodes("carol", "--address", "192.0.2.3", "--mailbox", r"contact=^(talktome|c13)(\+\w+)?",
                  "--deliver-to", "contact=carol", "--deny-backup", "mallory", "--quota", "2G")
    modes = {p.name: oct(p.stat().st_mode & 0o7777) for p in carol.secrets.iterdir()}
    for secret in ("openpgp.asc", "receipt.seed", "ticket.seed", "node.secret", "ssh-client"):
        assert modes[secret] == "0o400", secret
    assert modes["ssh-host"] == "0o600"
    assert re.fullmatch(r"[0-9a-f]{64}\n", (carol.secrets / "node.secret").read_text())
    assert (carol.secrets / "ticket.seed").read_text().startswith("ed25519-seed:")
    text = carol.manifest().read_text()
    assert re.search(r"^serial: 20\d\d[01]\d[0-3]\d01$", text, re.M)
    assert "PRIVATE" not in text
    checked = carol.run("manifest", "check", carol.manifest()).stdout
    assert f"signed by {carol.fingerprint()}" in checked
    assert "deliver-to: carol" in carol.run("-T").stdout.replace("'", "")


def test_init_recovery_secret_is_nowhere_else(nodes, tmp_path):
    """SPEC N-13.5"""
    carol = nodes("carol")
    recovery = carol.root / "recovery.asc"
    assert recovery.stat().st_mode & 0o777 == 0o600
    secret = recovery.read_text()
    assert "BEGIN PGP PRIVATE KEY BLOCK" in secret
    line = secret.splitlines()[5]
    for path in carol.root.rglob("*"):
        if path.is_file() and path != recovery:
            assert line not in path.read_text(), path
    # Printed where no file is named.
    bob = Cli(tmp_path / "bob")
    out = bob.run("init", "--batch", "--name", "bob", "--network", NETWORK, "--host", "bob.x.example",
                  "--domain", "bob.example").stdout
    assert "BEGIN PGP PRIVATE KEY BLOCK" in out
    for path in bob.root.rglob("*"):
        if path.is_file() and path.name != "openpgp.asc":
            assert "PRIVATE KEY BLOCK" not in path.read_text()


def test_init_recovery_file_is_not_written_over(tmp_path):
    """SPEC N-13.5: and then there is no manifest that names its key."""
    carol = Cli(tmp_path / "carol")
    (carol.root / "recovery.asc").write_text("mine")
    assert "not written over" in carol.init("carol", code=1).stderr
    assert (carol.root / "recovery.asc").read_text() == "mine"
    assert not list((carol.lib / "manifests").rglob("*.yaml"))
    (carol.root / "recovery.asc").unlink()
    carol.init("carol")
    assert carol.manifest()


def test_init_again_changes_nothing(nodes):
    """SPEC N-13.5"""
    carol = nodes("carol")
    before = carol.snapshot()
    assert "nothing changed" in carol.init("carol", "--quota", "9G").stdout
    assert "nothing changed" in carol.run("init", "--batch").stdout
    assert carol.snapshot() == before
    assert "this node is carol" in carol.init("bob", code=1).stderr


def test_init_finishes_what_was_cut_off(nodes):
    """SPEC N-13.5: what is there stays, what is missing is made."""
    carol = nodes("carol")
    key = (carol.secrets / "openpgp.asc").read_bytes()
    carol.manifest().unlink()
    (carol.secrets / "ticket.seed").unlink()
    (carol.root / "recovery.asc").unlink()
    carol.init("carol")
    assert (carol.secrets / "openpgp.asc").read_bytes() == key
    assert (carol.secrets / "ticket.seed").exists()
    carol.run("manifest", "check", carol.manifest())


def test_init_says_all_that_is_wrong(tmp_path):
    carol = Cli(tmp_path / "carol")
    said = carol.run("init", "--batch", "--name", "Carol", "--domain", "carol", "--mailbox", "x=(", code=2).stderr
    for option in ("--name Carol", "--network is needed", "--host is needed", "--domain carol", "--mailbox x=("):
        assert option in said
    assert list(carol.root.iterdir()) == []
    assert "--batch" in carol.run("init", code=1).stderr


def test_scratch_of_the_killed_is_removed(nodes):
    """Secret keys of a run that was killed do not stay about; what another
    run is using does."""
    carol = nodes("carol")
    stale, used, young = (pathlib.Path("/dev/shm", f"agamid-test-{os.getpid()}-{n}") for n in "123")
    for directory in (stale, used, young):
        directory.mkdir()
        (directory / "key").write_text("secret")
    for directory in (stale, used):
        os.utime(directory, (1, 1))
    lock = os.open(used, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        carol.run("manifest", "check", carol.manifest())
        assert not stale.exists() and (used / "key").exists() and (young / "key").exists()
    finally:
        os.close(lock)
        shutil.rmtree(used)
        shutil.rmtree(young)


# ---- manifest ----


def test_manifest_check(nodes):
    carol = nodes("carol")
    draft = carol.root / "draft.yaml"
    good = carol.manifest().read_text()
    draft.write_text(good.replace("quota: 1G", "quota: lots").replace("copies: 4", "copys: 4"))
    said = carol.run("manifest", "check", draft, code=1).stderr
    assert re.search(rf"^{draft}:\d+:\d+: .*quota", said, re.M)
    assert re.search(rf"^{draft}:\d+:\d+: .*copys", said, re.M)
    draft.write_text(good[: good.index("-----BEGIN PGP SIGNATURE")])
    assert "unsigned" in carol.run("manifest", "check", draft).stdout
    draft.write_text(good.replace("quota: 1G", "quota: 2G"))
    assert str(draft) in carol.run("manifest", "check", draft, code=1).stderr
    # One bad file does not hide what is said of another.
    both = carol.run("manifest", "check", draft, carol.manifest(), code=1)
    assert "signed by" in both.stdout


def test_manifest_sign(nodes):
    """SPEC N-14.9"""
    carol = nodes("carol")
    first = int(carol.manifest().stem)
    carol.run("manifest", "sign")
    assert int(carol.manifest().stem) == first + 1
    carol.sign(lambda t: t.replace("quota: 1G", "quota: 3G"))
    assert int(carol.manifest().stem) == first + 2
    assert "quota: 3G" in carol.manifest().read_text()
    carol.sign(lambda t: re.sub(r"^serial: \d+", "serial: 3000000000", t, flags=re.M))
    assert carol.manifest().stem == "3000000000"
    carol.sign(lambda t: t)
    assert carol.manifest().stem == "3000000001"
    assert len(list(carol.manifest().parent.glob("*.yaml"))) == 5
    assert carol.run("manifest", "show").stdout == carol.manifest().read_text()


def test_manifest_sign_refuses(nodes):
    carol, bob = nodes("carol"), nodes("bob")
    before = carol.manifest()
    assert "ticket-key" in carol.sign(
        lambda t: re.sub(r"ticket-key: \S+", re.search(r"ticket-key: \S+", bob.manifest().read_text())[0], t), code=1
    ).stderr
    assert "bob" in carol.sign(lambda t: t.replace("name: 'carol'", "name: 'bob'"), code=1).stderr
    assert "draft.yaml:" in carol.sign(lambda t: t.replace("within: 10s", "within: 10"), code=1).stderr
    # Another's primary key: we can't sign for it.
    carol.sign(lambda t: bob.manifest().read_text().replace("bob", "carol"), code=1)
    assert carol.manifest() == before


# ---- status and queue ----


def test_queue_and_status_without_relayd(nodes):
    carol, bob = nodes("carol"), nodes("bob")
    carol.add(bob)
    carol.run("apply")
    spool = carol.root / "var/spool/agamid"
    for home, size in (("bob", 5000), ("carol", 70)):
        (spool / "held" / home).mkdir()
        (spool / "held" / home / f"{'ab' * 32}.{size}.7").write_bytes(b"x" * 10)
    (spool / "new" / f"{'cd' * 32}.9").write_bytes(b"not a bundle")
    (spool / "new" / "junk").write_bytes(b"")
    queue = json.loads(carol.run("queue", "--json").stdout)
    assert queue["relayd"] is False
    found = {(b["place"], b["home"], b["size"]) for b in queue["bundles"]}
    assert found == {("held", "bob", 5000), ("mine", "carol", 70), ("new", "", 9)}
    text = carol.run("queue").stdout
    assert "3 bundles" in text and "4.9 kB" in text
    status = json.loads(carol.run("status", "--json").stdout)
    assert status["node"] == "carol" and status["fingerprint"] == carol.fingerprint()
    assert status["derived"] == "derived.1"
    assert status["daemons"] == {"milter": False, "seal": False, "relayd": False, "deliver": False}
    assert status["bundles"]["held"] == {"count": 1, "bytes": 5000}
    assert status["peers"][0]["name"] == "bob" and status["peers"][0]["may_hold_ours"] is True
    assert any("agamid-relayd does not run" in p for p in status["problems"])
    assert "relayd" in carol.run("status").stdout


# ---- the command line ----


def test_command_line(nodes):
    carol = nodes("carol")
    for args in (("frobnicate",), ("peer",), ("peer", "add"), ("manifest",), ("apply", "--fast"), ("queue", "x"),
                 ("init", "--frobnicate")):
        carol.run(*args, code=2)
    assert carol.run("version").stdout.startswith("agamid ")
    assert "init" in carol.run("--help").stdout
    carol.run("-n")
    (carol.root / "etc/agamid/agamid.yaml").write_text("node: carol\nspeed: 9\n")
    assert re.search(r"agamid.yaml:2:\d+: ", carol.run("apply", code=1).stderr)
    carol.run("-n", code=1)


def test_untrusted_text_is_escaped(nodes):
    """No byte of a file steers the operator's terminal."""
    carol = nodes("carol")
    evil = carol.root / "evil.yaml"
    evil.write_bytes(b'version: 1\n"\\e]0;owned\\a": 1\n\xc2\x9b31m: x\n...\n')
    result = carol.run("manifest", "check", evil, code=1)
    assert "\x1b" not in result.stderr and "\x07" not in result.stderr and "\x9b" not in result.stderr
