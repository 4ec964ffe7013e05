# SPDX-License-Identifier: MIT
"""A node whose machine is lost: restored from the paper with its recovery
key, and from a backup; what its friends believe then, and what a thief of
the old key can still do. Run as test_cli.py is."""

import os
import re
import shutil
import subprocess

import pytest
from cli_node import Cli
from exchanged import apply, gpg_sign, in_force, post


@pytest.fixture(scope="module")
def restored(acquainted, tmp_path_factory):
    """bob on a new machine, from the paper."""
    base = tmp_path_factory.mktemp("restored")
    paper = base / "typed.txt"
    paper.write_text("typed by hand:\n\n" + (acquainted["bob"].root / "recovery.asc").read_text() + "\nend of the paper\n")
    bob = Cli(base / "bob")
    bob.name = "bob"
    bob.said = bob.run("init", "--restore", paper, "--manifest", acquainted["bob"].manifest()).stdout
    return bob


def test_restore_from_paper(acquainted, restored):
    """SPEC M-13.1, N-13.5"""
    old, text = acquainted["bob"], restored.manifest().read_text()
    assert restored.fingerprint() != old.fingerprint()
    assert restored.fingerprint() in restored.said.replace(" ", "")
    restored.run("manifest", "check", restored.manifest())
    for key in ("addresses", "domains", "host"):
        line = rf"  {key}: .*"
        assert re.search(line, text)[0] == re.search(line, old.manifest().read_text())[0]
    assert int(restored.manifest().stem) > int(old.manifest().stem)
    secret = (old.root / "recovery.asc").read_text().splitlines()[5]
    for path in restored.root.rglob("*"):
        assert not path.is_file() or secret not in path.read_text()
    assert "set up already" in restored.run("init", "--restore", old.root / "recovery.asc", code=1).stderr


def test_opens_what_was_sealed_before(acquainted, restored, tmp_path):
    """SPEC N-13.9, N-13.5: to the lost keys and the recovery key; for 120 days."""
    home, kept = tmp_path / "gnupg", restored.secrets / "recovery.asc"
    home.mkdir(mode=0o700)
    assert kept.stat().st_mode & 0o777 == 0o400
    text = acquainted["bob"].manifest().read_text()
    public = re.search(r"  recovery: \|\n((?:    .*\n|\n)+)", text)[1]

    def gpg(*argv, data=b""):
        return subprocess.run(["gpg", "--homedir", str(home), "--batch", "-q", "--trust-model", "always", *map(str, argv)],
                              input=data, check=True, capture_output=True, timeout=60).stdout

    try:
        gpg("--import", data="".join(line.strip() + "\n" for line in public.splitlines()).encode())
        uid = re.search(rb"^uid:.*?:.*?:.*?:.*?:.*?:.*?:.*?:.*?:(.*?):", gpg("--with-colons", "-k"), re.M)[1].decode()
        sealed = gpg("-e", "-r", uid, data=b"for bob")
        gpg("--import", kept)
        assert gpg("-d", data=sealed) == b"for bob"
        keys = gpg("--with-colons", "-K").decode()
        own = next(line for line in keys.splitlines() if line.startswith("sec:"))
        assert own.split(":")[14] == "#", "the primary key's secret is not here"
        gpg("--import", acquainted["bob"].root / "recovery.asc")  # the paper itself has it
        own = next(line for line in gpg("--with-colons", "-K").decode().splitlines() if line.startswith("sec:"))
        assert own.split(":")[14] != "#"
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], timeout=60, check=True)
    later = restored.copy(tmp_path / "later")
    later.run("apply")
    assert (later.secrets / "recovery.asc").exists()
    old = kept.stat().st_mtime - 121 * 86400
    os.utime(later.secrets / "recovery.asc", (old, old))
    assert "is needed no more" in later.run("apply").stdout
    assert not (later.secrets / "recovery.asc").exists()


def test_peers_believe_the_recovery_key(pair, restored):
    """SPEC M-13.2, M-13.3: by exchange; the old key is nothing any more."""
    carol, bob = pair
    post(carol, "bob", restored.manifest().read_bytes())
    assert "its recovery key has replaced its keys" in apply(carol)
    assert in_force(carol, "bob") == restored.manifest().read_text()
    client = (restored.secrets / "ssh-client.pub").read_text().split()[1]
    assert client in (carol.derived / "ssh/authorized_keys").read_text()
    # The thief has the old primary key, and the old manifest.
    body = bob.manifest().read_text()
    body = re.sub(r"^serial: \d+", "serial: 2500000000", body[: body.index("\n...\n") + 5], flags=re.M)
    post(carol, "bob", gpg_sign(bob, body))
    assert "to which you agreed" in apply(carol)
    # He has no better luck with the recovery key's word in it.
    word = re.search(r"^  succession: .*\n", restored.manifest().read_text(), re.M)[0]
    forged = body.replace("node:\n", "node:\n" + word).replace("2500000000", "2500000001")
    post(carol, "bob", gpg_sign(bob, forged))
    assert "to which you agreed" in apply(carol)
    raised = forged.replace("{serial: ", "{serial: 9").replace("2500000001", "2500000002")
    post(carol, "bob", gpg_sign(bob, raised))
    assert "not signed by the recovery key" in apply(carol)
    assert in_force(carol, "bob") == restored.manifest().read_text()


def test_who_missed_it_is_convinced_later(pair, restored, tmp_path):
    """SPEC M-13.2: the word stands in every later manifest."""
    carol, _ = pair
    bob = restored.copy(tmp_path / "bob-new")
    bob.sign(lambda t: t.replace("192.0.2.2", "192.0.2.9"))
    post(carol, "bob", bob.manifest().read_bytes())
    assert "its recovery key has replaced its keys" in apply(carol)
    bob.sign(lambda t: t.replace("192.0.2.9", "192.0.2.10"))
    post(carol, "bob", bob.manifest().read_bytes())
    assert apply(carol).rstrip().endswith("came by exchange")
    assert "192.0.2.10" in in_force(carol, "bob")


def test_it_changes_nothing_else(pair, restored, tmp_path):
    """SPEC M-13.2: other pinned facts ask, as ever."""
    carol, _ = pair
    before = in_force(carol, "bob")
    bob = restored.copy(tmp_path / "bob-new")
    bob.sign(lambda t: re.sub(r"domains: \[", "domains: ['bank.example', ", t))
    post(carol, "bob", bob.manifest().read_bytes())
    assert "to which you agreed" in apply(carol)
    assert in_force(carol, "bob") == before


def test_by_hand(pair, restored):
    """SPEC M-13.2: the first friend gets it as a file."""
    carol, _ = pair
    assert "not by" in carol.run("peer", "add", restored.manifest(), "--fingerprint", "0" * 40, code=1).stderr
    carol.add(restored)
    carol.run("apply")
    assert in_force(carol, "bob") == restored.manifest().read_text()


def test_another_recovery_key(acquainted, known, tmp_path):
    """Somebody else's paper is none."""
    bob = Cli(tmp_path / "bob")
    said = bob.run("init", "--restore", acquainted["dave"].root / "recovery.asc", "--manifest", acquainted["bob"].manifest(), code=1)
    assert "not the recovery key that the manifest names" in said.stderr
    assert not list((bob.lib / "manifests").rglob("*.yaml"))
    assert "--manifest" in bob.run("init", "--restore", acquainted["bob"].root / "recovery.asc", code=1).stderr


@pytest.mark.parametrize("kind", ["directory", "tar"])
def test_restore_from_backup(acquainted, known, tmp_path, kind):
    """SPEC N-13.5, M-9.6: and its own newer manifest comes from a peer."""
    carol = known("carol")
    parts = ["etc/agamid", "var/lib/agamid/manifests", "var/lib/agamid-key"]
    backup = tmp_path / "backup"
    if kind == "tar":
        subprocess.run(["tar", "-C", carol.root, "-cf", backup, *parts], check=True, timeout=60)
    else:
        for part in parts:
            shutil.copytree(carol.root / part, backup / part)
    carol.sign(lambda t: t.replace("quota: 1G", "quota: 5G"))
    new = Cli(tmp_path / "new")
    new.name = "carol"
    assert "agamid setup" in new.run("init", "--restore", backup).stdout
    assert new.fingerprint() == carol.fingerprint()
    assert (new.secrets / "openpgp.asc").read_bytes() == (carol.secrets / "openpgp.asc").read_bytes()
    new.run("apply")
    assert "quota: 1G" in in_force(new, "carol")
    post(new, "carol", carol.manifest().read_bytes())
    apply(new)
    assert in_force(new, "carol") == carol.manifest().read_text()
    assert "set up already" in new.run("init", "--restore", backup, code=1).stderr
