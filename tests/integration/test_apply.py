# SPDX-License-Identifier: MIT
"""`agamid apply`: what it makes, whose it is, and what Postfix's and OpenSSH's
own programs say to it. Run as test_cli.py is."""

import getpass
import json
import os
import re
import subprocess

from cli_node import program


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
        " for i in $(seq 1200); do grep -q listening /run/sshd.log && break; sleep 0.05; done;"
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
