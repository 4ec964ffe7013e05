# SPDX-License-Identifier: MIT
"""The real `agamid`, with --root in a scratch directory: what it makes,
what it refuses, and what Postfix's and OpenSSH's own programs say to what
it derives. Run with AGAMID_LAB_ROOT (make install DESTDIR=) or AGAMID (the
program itself)."""

import fcntl
import getpass
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

NETWORK = "friends.example"


def program():
    if "AGAMID" in os.environ:
        return os.environ["AGAMID"]
    root = os.environ.get("AGAMID_LAB_ROOT")
    assert root, "AGAMID_LAB_ROOT must name where make install DESTDIR= put Agamid"
    return f"{root}/usr/local/bin/agamid"


class Cli:
    """One node below a directory."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.root.mkdir(parents=True)

    def run(self, *args, code=0, stdin=subprocess.DEVNULL):
        result = subprocess.run(
            [program(), "--root", str(self.root), *map(str, args)],
            capture_output=True, text=True, timeout=120, stdin=stdin,
        )
        assert result.returncode == code, f"{args}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        return result

    def init(self, name, *options, code=0):
        self.name = name
        return self.run(
            "init", "--batch", "--name", name, "--network", NETWORK, "--host", f"{name}.{NETWORK}",
            "--domain", f"{name}.example", "--recovery-out", self.root / "recovery.asc", *options, code=code,
        )

    @property
    def lib(self):
        return self.root / "var/lib/agamid"

    @property
    def derived(self):
        return self.lib / "derived"

    @property
    def secrets(self):
        return self.root / "var/lib/agamid-key"

    def manifest(self, name=None):
        found = (self.lib / "manifests" / (name or self.name)).glob("*.yaml")
        return max(found, key=lambda p: int(p.stem))

    def fingerprint(self):
        return self.run("manifest", "fingerprint").stdout.strip()

    def add(self, other, verb="add", code=0):
        return self.run("peer", verb, other.manifest(), "--fingerprint", other.fingerprint(), code=code)

    def sign(self, edit, code=0):
        """Edit the newest manifest's text, and sign it."""
        text = edit(self.manifest().read_text())
        draft = self.root / "draft.yaml"
        draft.write_text(text)
        return self.run("manifest", "sign", draft, code=code)

    def snapshot(self):
        """Everything below the root: names, modes, times, targets, bytes."""
        seen = {}
        for path in sorted(self.root.rglob("*")):
            st = path.lstat()
            what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            seen[str(path)] = (st.st_ino, st.st_mode, st.st_uid, st.st_mtime_ns, what)
        return seen

    def table(self, name, *keys):
        """postmap -q for each key."""
        kind = "pcre" if name.endswith(".pcre") else "texthash"
        out = []
        for key in keys:
            result = subprocess.run(
                ["/usr/sbin/postmap", "-q", key, f"{kind}:{self.derived}/postfix/{name}"],
                capture_output=True, text=True, timeout=60,
            )
            assert result.stderr == ""
            out.append(result.stdout.strip())
        return out


@pytest.fixture
def nodes(tmp_path):
    def make(name, *options):
        node = Cli(tmp_path / name)
        node.init(name, *options)
        return node

    return make


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


# ---- peers ----


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


# ---- apply ----


def test_apply_again_touches_nothing(nodes):
    """SPEC N-15.3"""
    carol, bob = nodes("carol"), nodes("bob")
    carol.add(bob)
    carol.run("apply")
    before = carol.snapshot()
    assert "no change" in carol.run("apply").stdout
    assert carol.snapshot() == before
    assert os.readlink(carol.derived) == "derived.1"


def test_apply_leaves_others_in_force(nodes):
    """SPEC N-14.6, N-14.2: a bad file, an unsigned one, an unpinned one."""
    carol, bob, dave = nodes("carol"), nodes("bob"), nodes("dave")
    carol.add(bob)
    carol.add(dave)
    carol.run("apply")
    manifests = carol.lib / "manifests"
    good = dave.manifest().read_text()
    (manifests / "dave" / dave.manifest().name).write_text(good[: good.index("-----BEGIN PGP SIGNATURE")])
    (manifests / "eve").mkdir()
    (manifests / "eve/1.yaml").write_text("version: [\n")
    (manifests / "bob/9000000000.yaml").write_text("version: 1\n\tx\n...\n")
    said = carol.run("apply").stderr
    assert "dave: no usable manifest" in said
    assert "eve: not pinned" in said
    assert re.search(r"bob/9000000000.yaml:\d+:\d+:", said)
    assert carol.table("relay_domains", "bob.example", "dave.example") == ["agamid", ""]
    assert "no change" in carol.run("apply").stdout
    problems = json.loads(carol.run("status", "--json").stdout)["problems"]
    assert any("eve" in p for p in problems) and any("dave" in p for p in problems)


def test_apply_that_fails_changes_nothing(nodes):
    """SPEC N-15.2: what is wrong is said, and what was in force stays."""
    carol = nodes("carol", "--mailbox", "contact=talk")
    carol.run("apply")
    good = carol.manifest()
    kept = good.read_bytes()
    good.write_bytes(kept.replace(b"quota: 1G", b"quota: 8G"))
    assert "newest manifest" in carol.run("apply", code=1).stderr
    good.write_bytes(kept)
    config = carol.root / "etc/agamid/agamid.yaml"
    config.write_text(config.read_text() + "mailboxes:\n  contact: {deliver-to: 'a b'}\n")
    assert "deliver-to" in carol.run("apply", code=1).stderr
    assert os.readlink(carol.derived) == "derived.1"


def test_apply_makes_places(nodes):
    """SPEC N-13.2, N-13.3 (owners: the lab, where the users are real)"""
    carol, bob = nodes("carol"), nodes("bob")
    (carol.root / "var/spool/postfix").mkdir()
    carol.add(bob)
    said = carol.run("apply")
    assert said.stderr.count("owners are left as they are") == 1
    for path, mode in {
        "var/spool/agamid": 0o755, "var/spool/agamid/tmp/milter": 0o2770, "var/spool/agamid/tmp/relay": 0o2770,
        "var/spool/agamid/new": 0o2770, "var/spool/agamid/incoming/bob": 0o2770, "var/spool/agamid/held": 0o750,
        "var/lib/agamid": 0o755, "var/lib/agamid/state": 0o750, "var/lib/agamid-key": 0o711,
        "var/lib/agamid-key/refused": 0o700, "var/lib/agamid-key/quarantine": 0o700, "run/agamid": 0o755,
        "run/agamid/relayd": 0o755, "run/agamid/deliver": 0o755, "run/agamid/deliver/gnupg": 0o700,
        "var/spool/postfix/agamid": 0o2710,
    }.items():
        assert (carol.root / path).stat().st_mode & 0o7777 == mode, path
    (carol.root / "var/spool/agamid/new").chmod(0o777)
    (carol.secrets / "openpgp.asc").chmod(0o444)
    assert "2 director" in carol.run("apply").stdout
    assert (carol.root / "var/spool/agamid/new").stat().st_mode & 0o7777 == 0o2770
    assert (carol.secrets / "openpgp.asc").stat().st_mode & 0o7777 == 0o400


USERS = {"agamid": 2001, "agamid-milter": 2002, "agamid-ssh": 2003, "agamid-key": 2004}

OWNERS = {  # SPEC N-13.2
    "/var/lib/agamid": "root:root 755",
    "/var/lib/agamid/manifests": "root:root 755",
    "/var/lib/agamid/state": "agamid:agamid 750",
    "/var/lib/agamid/derived/postfix/transport": "root:root 644",
    "/var/lib/agamid-key": "agamid-key:agamid-key 711",
    "/var/lib/agamid-key/openpgp.asc": "agamid-key:agamid-key 400",
    "/var/lib/agamid-key/receipt.seed": "agamid-key:agamid-key 400",
    "/var/lib/agamid-key/node.secret": "agamid-key:agamid-key 400",
    "/var/lib/agamid-key/sealed.seed": "agamid-key:agamid-key 400",
    "/var/lib/agamid/sealed.pub": "root:root 644",
    "/var/lib/agamid-key/ticket.seed": "agamid-milter:agamid-milter 400",
    "/var/lib/agamid-key/ssh-client": "agamid:agamid 400",
    "/var/lib/agamid-key/ssh-host": "root:root 600",
    "/var/lib/agamid-key/refused": "agamid-key:agamid-key 700",
    "/var/lib/agamid-key/quarantine": "agamid-key:agamid-key 700",
    "/var/spool/agamid": "root:root 755",
    "/var/spool/agamid/tmp": "root:root 755",
    "/var/spool/agamid/tmp/milter": "agamid-milter:agamid 2770",
    "/var/spool/agamid/tmp/relay": "agamid-ssh:agamid 2770",
    "/var/spool/agamid/new": "agamid-milter:agamid 2770",
    "/var/spool/agamid/incoming": "root:root 755",
    "/var/spool/agamid/incoming/bob": "agamid-ssh:agamid 2770",
    "/var/spool/agamid/held": "agamid:agamid 750",
    "/run/agamid": "root:root 755",
    "/run/agamid/relayd": "agamid:agamid 755",
    "/run/agamid/deliver": "agamid-key:agamid-key 755",
    "/run/agamid/deliver/gnupg": "agamid-key:agamid-key 700",
    "/var/spool/postfix/agamid": "agamid-milter:postfix 2710",
}


class Namespace:
    """Mounts, a network and processes of its own, in which the users exist
    and nothing is set up."""

    def __init__(self, directory):
        self.etc = directory / "etc"
        subprocess.run(["cp", "-a", "/etc", self.etc], check=True)
        subprocess.run(["rm", "-rf", self.etc / "postfix", self.etc / "agamid"], check=True)
        with open(self.etc / "passwd", "a") as passwd, open(self.etc / "group", "a") as group, open(
            self.etc / "shadow", "a"
        ) as shadow:
            for name, uid in USERS.items():
                passwd.write(f"{name}:x:{uid}:{uid}::/:/bin/sh\n")
                group.write(f"{name}:x:{uid}:\n")
                shadow.write(f"{name}:!*:19000::::::\n")

    def run(self, script):
        mounts = f"mount -t proc proc /proc; mount --bind {self.etc} /etc; for d in /var/lib /var/spool /run; do mount -t tmpfs tmpfs $d; done"
        result = subprocess.run(
            ["unshare", "-m", "-n", "-p", "-f", "--kill-child", "--propagation", "private", "sh", "-ec",
             f"{mounts}; mkdir /var/spool/postfix; agamid() {{ {program()} \"$@\"; }}; {script}"],
            capture_output=True, text=True, timeout=120,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result


def test_owners(nodes, tmp_path):
    """SPEC N-13.1, N-13.2: as root, with the users there; and again after
    somebody has changed them."""
    bob = nodes("bob")
    space = Namespace(tmp_path)
    paths = " ".join(OWNERS)
    result = space.run(
        "agamid init --batch --name carol --network friends.example --host c.friends.example"
        " --domain carol.example --recovery-out /run/recovery >/dev/null;"
        f" agamid peer add {bob.manifest()} --fingerprint {bob.fingerprint()} >/dev/null;"
        f" agamid apply >/dev/null; stat -c '%n %U:%G %a' {paths}; echo; agamid apply; echo;"
        " chown nobody /var/spool/agamid/new /var/lib/agamid-key/openpgp.asc;"
        f" agamid apply >/dev/null; stat -c '%n %U:%G %a' {paths}"
    )
    first, again, second = result.stdout.split("\n\n")
    expected = [f"{path} {owner}" for path, owner in OWNERS.items()]
    assert first.splitlines() == expected
    assert again == "no change (derived.1)"
    assert second.splitlines() == expected
    # sshd without PAM lets no locked user in: said, with what to do.
    assert "usermod -p '*' agamid-ssh" in result.stderr
    assert "owners are left" not in result.stderr


def test_apply_follows_no_link(nodes):
    """A secret that is a link is not given to anybody."""
    carol = nodes("carol")
    target = carol.root / "target"
    target.write_text("x")
    target.chmod(0o644)
    (carol.secrets / "node.secret").unlink()
    (carol.secrets / "node.secret").symlink_to(target)
    carol.run("apply", code=1)
    assert target.stat().st_mode & 0o777 == 0o644


class FakePostfix:
    """A postfix(1) that notes what it is told. The rest of Postfix is real."""

    def __init__(self, node, directory, monkeypatch):
        (node.root / "etc/postfix").mkdir()
        (node.root / "etc/postfix/main.cf").write_text("compatibility_level = 3.6\nmydestination =\n")
        self.log = directory / "told"
        self.runs = directory / "runs"
        self.fails = directory / "fails"
        program = directory / "bin/postfix"
        program.parent.mkdir()
        program.write_text(
            f'#!/bin/sh\nshift 2\n[ "$1" = status ] && {{ test -e {self.runs}; exit; }}\n'
            f"echo $1 >>{self.log}\n! test -e {self.fails} || {{ echo broken >&2; exit 1; }}\n"
        )
        program.chmod(0o755)
        self.log.touch()
        self.runs.touch()
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    def told(self):
        text = self.log.read_text().split()
        self.log.write_text("")
        return text


def test_apply_reloads_postfix(nodes, tmp_path, monkeypatch):
    """SPEC N-15.5"""
    carol, bob, dave = nodes("carol"), nodes("bob"), nodes("dave")
    postfix = FakePostfix(carol, tmp_path, monkeypatch)
    assert "Postfix reloaded" in carol.run("apply").stdout
    assert postfix.told() == ["reload"]
    carol.run("apply")
    carol.sign(lambda t: t.replace("quota: 1G", "quota: 2G"))
    carol.run("apply")
    assert postfix.told() == []  # no table has changed
    carol.add(bob)
    carol.run("apply", "--no-reload")
    assert postfix.told() == []
    assert "no change" in carol.run("apply").stdout
    assert postfix.told() == ["reload"]  # made good
    carol.add(dave)
    postfix.fails.touch()
    assert "broken" in carol.run("apply", code=1).stderr
    assert carol.table("relay_domains", "dave.example") == ["agamid"]
    postfix.fails.unlink()
    carol.run("apply")
    assert postfix.told() == ["reload", "reload"]
    carol.run("peer", "remove", "dave")
    postfix.runs.unlink()
    carol.run("apply")  # it reads the tables when it starts
    postfix.runs.touch()
    carol.run("apply")
    assert postfix.told() == []


# ---- what Postfix says to the tables ----


def test_tables_of_peers(nodes):
    """SPEC N-16.1, N-16.2"""
    carol, bob = nodes("carol"), nodes("bob")
    carol.add(bob)
    carol.run("apply")
    assert carol.table("relay_domains", "bob.example", "carol.example", "x.example") == ["agamid", "", ""]
    assert carol.table("transport", "bob.example", "x.bob.example") == ["agamid-seal:unix:agamid/seal.sock", ""]
    assert carol.table("peers", "bob.example", "carol.example") == ["agamid_policy", "DUNNO"]


def test_tables_of_mailboxes(nodes):
    """SPEC N-16.3, N-16.4"""
    carol = nodes(
        "carol", "--domain", "carol.org", "--mailbox", r"contact=^(talktome|contact(0613|0713))(\+\w+)?",
        "--mailbox", "team=team", "--deliver-to", "contact=carol", "--deliver-to", "team=bob@bob.example",
    )
    carol.run("apply")
    contact = ["talktome@carol.example", "talktome+x@carol.example", "TalkToMe+X@CAROL.example", "contact0713@carol.org"]
    no = ["contact@carol.example", "contact0812@carol.example", "talktome+@carol.example", "xtalktome@carol.example",
          "carol@carol.example", "carol@carol.org", "talktome@carol.example@carol.example", "nobody@carol.org"]
    always = ["postmaster@carol.example", "Abuse@carol.org"]
    foreign = ["talktome@example.org", "talktome@xcarol.example", "talktome@carol.example.org", "talktome@carolxexample"]
    refused = "550 5.1.1 There is no such address here"
    assert carol.table("own_recipients.pcre", *contact, *always, "team@carol.example") == ["DUNNO"] * 7
    assert carol.table("own_recipients.pcre", *no) == [refused] * len(no)
    assert carol.table("own_recipients.pcre", *foreign) == [""] * len(foreign)
    assert carol.table("own_aliases.pcre", *contact, *always) == ["carol@carol.example"] * 6
    assert carol.table("own_aliases.pcre", "team@carol.org") == ["bob@bob.example"]
    assert carol.table("own_aliases.pcre", *foreign, "nobody@carol.example") == [""] * 5


def test_tables_end_at_the_target(nodes):
    """SPEC N-16.5: virtual_alias_maps are looked up again with each result;
    it must come to rest at deliver-to, and strangers must not get there."""
    carol = nodes("carol", "--mailbox", "contact=talk", "--mailbox", "rest=r.*", "--deliver-to", "contact=real",
                  "--deliver-to", "rest=carol")
    said = carol.run("apply").stderr
    assert "real@carol.example matches mailbox rest" in said
    for address, end in (("talk@carol.example", "real@carol.example"), ("rx@carol.example", "carol@carol.example")):
        seen = [address]
        while True:
            (found,) = carol.table("own_aliases.pcre", seen[-1])
            if found in ("", seen[-1]):
                break
            seen.append(found)
            assert len(seen) < 3
        assert seen[-1] == end
    assert carol.table("own_recipients.pcre", "carol@carol.example")[0].startswith("550 5.1.1")


def test_tables_without_mailboxes(nodes):
    """SPEC N-16.3: then Postfix's own tables decide."""
    carol = nodes("carol")
    carol.run("apply")
    assert carol.table("own_recipients.pcre", "any@carol.example") == [""]
    assert carol.table("own_aliases.pcre", "any@carol.example") == [""]


# ---- sshd ----


def test_sshd_takes_the_configuration(nodes):
    """SPEC N-17.1, N-17.3"""
    carol, bob = nodes("carol", "--ssh-port", "2022"), nodes("bob")
    carol.add(bob)
    carol.run("apply")
    if getpass.getuser() == "root":
        os.makedirs("/run/sshd", 0o755, exist_ok=True)
    result = subprocess.run(
        ["/usr/sbin/sshd", "-T", "-f", carol.derived / "ssh/sshd_config"], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    settings = set(result.stdout.splitlines())
    assert {"port 2022", "usepam no", "passwordauthentication no", "kbdinteractiveauthentication no",
            "permitrootlogin no", "disableforwarding yes", "permittty no", "permituserrc no",
            "permituserenvironment no", "allowusers agamid-ssh", "authenticationmethods publickey",
            "authorizedkeysfile none", "authorizedkeyscommanduser nobody",
            f"hostkey {carol.secrets}/ssh-host"} <= settings


def test_ssh_keys_name_the_peer(nodes):
    """SPEC N-17.2"""
    carol, bob = nodes("carol"), nodes("bob")
    carol.add(bob)
    carol.run("apply")
    lines = [line for line in (carol.derived / "ssh/authorized_keys").read_text().splitlines() if line[0] != "#"]
    key = (bob.secrets / "ssh-client.pub").read_text().split()[1]
    assert len(lines) == 1
    assert re.fullmatch(
        rf'restrict,command="exec \S*/agamid-receive --root {carol.root} --peer bob" ssh-ed25519 {re.escape(key)}', lines[0]
    )
    result = subprocess.run(["ssh-keygen", "-lf", carol.derived / "ssh/authorized_keys"], capture_output=True, text=True)
    assert result.returncode == 0 and "ED25519" in result.stdout


def test_sshd_lets_in_peers_only(nodes, tmp_path):
    """SPEC N-17.2, N-9.3, R-1.2, with a real sshd: a peer's key gets its one
    command, whatever it asks for; other keys, other users, forwarding get
    nothing."""
    bob, eve = nodes("bob"), nodes("eve")
    space = Namespace(tmp_path)
    for node in (bob, eve):
        (node.root / "key").write_bytes((node.secrets / "ssh-client").read_bytes())
        (node.root / "key").chmod(0o600)
    ssh = "ssh -F none -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    result = space.run(
        "agamid init --batch --name carol --network friends.example --host c.friends.example"
        " --domain carol.example --recovery-out /run/recovery >/dev/null;"
        f" agamid peer add {bob.manifest()} --fingerprint {bob.fingerprint()} >/dev/null;"
        " usermod -p '*' agamid-ssh; agamid apply >/dev/null 2>&1;"
        " ip link set lo up;"
        " /usr/sbin/sshd -D -e -f /var/lib/agamid/derived/ssh/sshd_config 2>/run/sshd.log &"
        " for i in $(seq 200); do grep -q listening /run/sshd.log && break; sleep 0.05; done;"
        f" for k in 'bob agamid-ssh' 'eve agamid-ssh' 'bob root'; do set -- $k; echo \"== $k\";"
        f" {ssh} -i {tmp_path}/$1/key $2@127.0.0.1 'id; echo owned' 2>&1 || echo \"exit $?\"; done;"
        f" echo == forward; {ssh} -i {tmp_path}/bob/key -W 127.0.0.1:2222 agamid-ssh@127.0.0.1 2>&1 </dev/null || echo \"exit $?\""
    )
    parts = dict(p.split("\n", 1) for p in result.stdout.split("== ")[1:])
    receive = re.search(r"exec: (\S+/agamid-receive): not found", parts["bob agamid-ssh"])
    assert receive or "agamid-receive" in parts["bob agamid-ssh"], result.stdout
    assert "Permission denied (publickey)" in parts["eve agamid-ssh"]
    assert "Permission denied (publickey)" in parts["bob root"]
    assert "forwarding failed" in parts["forward"]
    assert "owned" not in result.stdout and "uid=" not in result.stdout and "SSH-2.0" not in result.stdout


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
