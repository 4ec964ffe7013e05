# SPDX-License-Identifier: MIT
"""`agamid peer`: whose manifest is taken, what is pinned, what is refused.
Run as test_cli.py is."""

import re
import subprocess

from cli_node import Cli, program


def test_peer_add_needs_the_fingerprint(nodes):
    """SPEC N-14.2"""
    carol, bob = nodes("carol"), nodes("bob")
    fpr = bob.fingerprint()
    assert "--fingerprint" in carol.run("peer", "add", bob.manifest(), code=1).stderr
    wrong = fpr[:-1] + ("0" if fpr[-1] != "0" else "1")
    assert "not who you think" in carol.run("peer", "add", bob.manifest(), "--fingerprint", wrong, code=1).stderr
    assert "all 40 digits" in carol.run("peer", "add", bob.manifest(), "--fingerprint", fpr[-16:], code=1).stderr
    assert not (carol.lib / "manifests/bob").exists()
    grouped = " ".join(fpr[i : i + 4].lower() for i in range(0, 40, 4))
    carol.run("peer", "add", bob.manifest(), "--fingerprint", grouped)
    assert fpr in carol.run("peer", "list").stdout


def test_peer_add_asks_on_a_terminal(nodes):
    """SPEC N-14.2: shown, and agreed to by a whole yes."""
    carol, bob = nodes("carol"), nodes("bob")
    for answer, code in (("no", 1), ("y", 1), ("yes", 0)):
        argv = f"{program()} --root {carol.root} peer add {bob.manifest()}"
        result = subprocess.run(
            ["script", "-qec", argv, "/dev/null"], input=answer + "\n", capture_output=True, text=True, timeout=60
        )
        assert result.returncode == code, result.stdout
        assert bob.fingerprint() in result.stdout.replace(" ", "")


def test_peer_add_refuses_unsigned_and_changed(nodes):
    """SPEC N-14.1"""
    carol, bob = nodes("carol"), nodes("bob")
    good = bob.manifest().read_text()
    sent = carol.root / "sent.yaml"
    for text in (
        good[: good.index("-----BEGIN PGP SIGNATURE")],
        good.replace("bob.example", "bank.example"),
        good.replace("...\n-----BEGIN", "...\nmore: 1\n-----BEGIN"),
    ):
        sent.write_text(text)
        assert "sent.yaml" in carol.run("peer", "add", sent, "--fingerprint", bob.fingerprint(), code=1).stderr
    sent.write_text(carol.manifest().read_text())
    assert "own name" in carol.run("peer", "add", sent, "--fingerprint", carol.fingerprint(), code=1).stderr


def test_peer_add_refuses_what_is_anothers(nodes, tmp_path):
    """SPEC N-14.4: domain, host, SSH key of another, or of our own."""
    carol, bob = nodes("carol"), nodes("bob")
    carol.add(bob)
    mallory = nodes("mallory")
    ssh = re.search(r"client-keys: (\[.*\])", bob.manifest().read_text())[1]
    for edit, claim in (
        (lambda t: t.replace("'mallory.example'", "'mallory.example', 'bob.example'"), "domain bob.example belongs to bob"),
        (lambda t: t.replace("'mallory.example'", "'carol.example'"), "domain carol.example belongs to carol"),
        (lambda t: t.replace("host: 'mallory.", "host: 'bob."), "domain bob.friends.example belongs to bob"),
        (lambda t: re.sub(r"client-keys: \[.*\]", f"client-keys: {ssh}", t), "belongs to bob"),
    ):
        original = mallory.manifest().read_text()
        mallory.sign(edit)
        assert claim in carol.add(mallory, code=1).stderr
        mallory.sign(lambda t, o=original: o)
    assert not (carol.lib / "manifests/mallory").exists()
    carol.add(mallory)
    carol.run("apply")
    # Keys that are not pinned: neither now, nor smuggled in by a file.
    key = re.search(r"ticket-key: (\S+)", bob.manifest().read_text())[1]
    seed = mallory.secrets / "receipt.seed"
    seed.unlink()
    seed.write_bytes((bob.secrets / "ticket.seed").read_bytes())
    seed.chmod(0o400)
    mallory.sign(lambda t: re.sub(r"receipt-key: \S+", f"receipt-key: {key}", t))
    assert "belongs to bob" in carol.add(mallory, code=1).stderr
    (carol.lib / "manifests/mallory" / mallory.manifest().name).write_bytes(mallory.manifest().read_bytes())
    assert "belongs to bob" in carol.run("apply").stderr
    assert carol.table("relay_domains", "bob.example", "mallory.example") == ["agamid", ""]


def test_peer_add_refuses_another_network(nodes, tmp_path):
    carol = nodes("carol")
    other = Cli(tmp_path / "other")
    other.name = "other"
    other.run("init", "--batch", "--name", "other", "--network", "enemies.example", "--host", "o.enemies.example",
              "--domain", "other.example")
    assert "enemies.example" in carol.add(other, code=1).stderr


def test_peer_add_refuses_what_our_postfix_serves(nodes):
    """SPEC N-14.4: by a list, a file and a table."""
    carol = nodes("carol")
    etc = carol.root / "etc/postfix"
    etc.mkdir()
    (etc / "hosted").write_text("x.example\nhosted.example\n")
    (etc / "virtual").write_text("table.example anything\n")
    (etc / "main.cf").write_text(
        "compatibility_level = 3.6\n"
        "mydestination = localhost, listed.example\n"
        f"virtual_mailbox_domains = {etc}/hosted\n"
        f"virtual_alias_domains = inline:{{ {{ braced.example = x }}, other.example=y }} texthash:{etc}/virtual\n"
        f"relay_domains = relayed.example texthash:{carol.derived}/postfix/relay_domains\n"
    )
    (etc / "main.cf").touch()
    bob = nodes("bob")
    original = bob.manifest().read_text()
    for domain in ("listed", "hosted", "braced", "other", "table", "relayed"):
        bob.sign(lambda t, d=domain: t.replace("'bob.example'", f"'bob.example', '{d}.example'"))
        said = carol.add(bob, code=1).stderr
        assert f"domain {domain}.example belongs to this machine's Postfix" in said
        bob.sign(lambda t: original)
    carol.add(bob)
    carol.run("apply")
    # Our own table does not make him a thief when he comes again.
    bob.run("manifest", "sign")
    carol.add(bob)
    # What Postfix takes over later ends it.
    (etc / "hosted").write_text("bob.example\n")
    assert "belongs to this machine's Postfix" in carol.run("apply").stderr
    assert carol.table("relay_domains", "bob.example") == [""]


def test_peer_pins(nodes):
    """SPEC N-14.3: what is pinned changes by accept alone."""
    carol, bob = nodes("carol"), nodes("bob")
    carol.add(bob)
    carol.run("apply")
    bob.sign(lambda t: t.replace("quota: 1G", "quota: 2G"))
    carol.add(bob)
    carol.run("apply")
    assert "quota: 2G" in (carol.derived / "manifests/bob.yaml").read_text()
    assert len(list((carol.derived / "old").glob("bob-*.yaml"))) == 1

    bob.sign(lambda t: t.replace("'bob.example'", "'bob.example', 'bob.org'"))
    said = carol.add(bob, code=1).stderr
    assert "+ domain bob.org" in said and "peer accept" in said
    # Brought there by any other way, it does not come into force either.
    (carol.lib / "manifests/bob" / bob.manifest().name).write_bytes(bob.manifest().read_bytes())
    said = carol.run("apply").stderr
    assert "not what you agreed to" in said and "stays in force" in said
    assert carol.table("relay_domains", "bob.org") == [""]
    carol.add(bob, verb="accept")
    carol.run("apply")
    assert carol.table("relay_domains", "bob.org", "bob.example") == ["agamid", "agamid"]


def test_peer_accept_takes_a_new_primary_key(nodes, tmp_path):
    """SPEC N-14.3; and the old one's manifest is still known (N-14.7)."""
    carol, bob = nodes("carol"), nodes("bob")
    carol.add(bob)
    carol.run("apply")
    again = Cli(tmp_path / "again")
    again.init("bob")
    again.run("manifest", "sign")
    assert "- primary" in carol.add(again, code=1).stderr
    assert "not known" in nodes("dave").add(again, verb="accept", code=1).stderr
    carol.add(again, verb="accept")
    carol.run("apply")
    assert again.fingerprint() in (carol.derived / "fingerprints").read_text()
    assert bob.manifest().read_bytes() in [p.read_bytes() for p in (carol.derived / "old").iterdir()]


def test_peer_serials(nodes):
    """SPEC N-14.5"""
    carol, bob = nodes("carol"), nodes("bob")
    first = bob.manifest()
    bob.run("manifest", "sign")
    carol.add(bob)
    fpr = bob.fingerprint()
    assert "older" in carol.run("peer", "add", first, "--fingerprint", fpr, code=1).stderr
    # The same serial with other content, well signed.
    second = bob.manifest()
    second.rename(bob.root / "second")
    bob.sign(lambda t: t.replace("quota: 1G", "quota: 2G"))
    assert bob.manifest().name == second.name
    assert "the first seen stays" in carol.add(bob, code=1).stderr
    assert (carol.lib / "manifests/bob" / second.name).read_bytes() == (bob.root / "second").read_bytes()


def test_peer_remove(nodes):
    """SPEC N-14.8"""
    carol, bob = nodes("carol"), nodes("bob")
    carol.add(bob)
    carol.run("apply")
    held = carol.root / "var/spool/agamid/held/bob"
    held.mkdir()
    (held / f"{'a' * 64}.5.1").write_text("x")
    assert "ssh-ed25519" in (carol.derived / "ssh/authorized_keys").read_text()
    carol.run("peer", "remove", "bob")
    carol.run("apply")
    assert carol.table("relay_domains", "bob.example") == [""]
    assert "ssh-ed25519" not in (carol.derived / "ssh/authorized_keys").read_text()
    assert [p.name.split("-")[0] for p in (carol.derived / "old").iterdir()] == ["bob"]
    assert (held / f"{'a' * 64}.5.1").exists()
    assert "no peer" in carol.run("peer", "remove", "bob", code=1).stderr
    assert "no peer" in carol.run("peer", "remove", "../carol", code=1).stderr
    carol.add(bob)
    carol.run("apply")
    assert carol.table("relay_domains", "bob.example") == ["agamid"]
