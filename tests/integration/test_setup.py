# SPDX-License-Identifier: MIT
"""agamid setup on hosts that have served mail before: real Postfix (chrooted
as Debian ships it), Dovecot and opendkim. What is promised here: mail of
before still flows, mail for a friend is sealed, and --undo leaves /etc as it
was, to the byte."""

import os
import shutil
import subprocess

import pytest
import setup_host
from setup_host import AGAMID, LAB_ROOT, Host, wait_for

INJECT = "/var/spool/postfix/public/agamid-inject"
ONCE = ("X-Agamid-Once: {}\r\nSubject: held\r\nMessage-ID: <{}@sender.test>\r\n"
        "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nFrom: ann@sender.test\r\n\r\nWord.\r\n")


@pytest.fixture(scope="module")
def friend(tmp_path_factory):
    """Bob's manifest, where every host sees it, and its fingerprint."""
    root = tmp_path_factory.mktemp("bob")

    def bob(*args):
        return subprocess.run([f"{LAB_ROOT}{AGAMID}", "--root", str(root), *args], check=True, timeout=60,
                              capture_output=True, text=True).stdout

    bob("init", "--batch", "--name", "bob", "--network", "friends.example", "--host", "bob.friends.example",
        "--domain", "bob.example", "--recovery-out", str(root / "recovery.asc"))
    manifest, = (root / "var/lib/agamid/manifests/bob").glob("*.yaml")
    return manifest, bob("manifest", "fingerprint").strip()


@pytest.fixture
def host(tmp_path, friend, request):
    made = Host(tmp_path, **getattr(request, "param", {}))
    try:
        made.join(friend)
        yield made
    finally:
        made.close()


VIRTUAL = {"main_cf": setup_host.VIRTUAL_CF, "master_more": setup_host.SUBMISSION,
           "dovecot": setup_host.DOVECOT_CONF, "opendkim": True}


def settings(host):
    return host.run("postconf", "-n").stdout


def mailbox(host, user):
    return sorted(p for d in ("new", "cur") for p in (host.base / "var/mail" / user / d).glob("*"))


def test_default_debian(host):
    """SPEC N-22.1, N-22.3, N-22.6 and N-16.6: as Debian installs it, chroot
    and all."""
    before = host.snapshot()
    assert "+smtpd_milters = { unix:agamid/milter.sock" in host.agamid("setup", "--dry-run").stdout
    assert "nobody to ask" in host.agamid("setup", code=1).stderr
    assert host.snapshot() == before
    said = host.agamid("setup", "--yes").stdout
    assert "+++ /etc/postfix/master.cf" in said and "Postfix reloaded" in said
    assert "systemd does not run here" in said
    made = host.snapshot()
    assert made != before
    assert "\nno change\n" in host.agamid("setup", "--yes").stdout
    assert host.snapshot() == made
    # All of Agamid is stopped: own mail flows, a friend's waits outside.
    assert host.send("carol@carol.example")["data"] == 250
    assert host.send("bob@bob.example")["rcpt"] == [451]
    host.start_daemons()
    assert host.send("bob@bob.example")["data"] == 250
    assert len(host.sealed()) == 1 and "milter triggers DISCARD" in host.log()
    assert host.send("x@sub.bob.example", "x@third.example")["rcpt"] == [554, 454]
    # An own user's goes by the second door.
    assert host.send("bob@bob.example", source="127.0.0.1")["data"] == 250
    wait_for("the second door", lambda: len(host.sealed()) == 2)
    injected = host.send("carol@carol.example", where=INJECT)
    assert injected["data"] == 250 and "XCLIENT NAME" in injected["ehlo"]
    assert host.send("x@third.example", where=INJECT)["rcpt"] == [554]
    host.agamid("setup", "--undo", "--yes")
    assert host.snapshot() == before
    assert host.send("carol@carol.example")["data"] == 250
    assert host.send("bob@bob.example")["rcpt"] == [454]
    assert "nothing to undo" in host.agamid("setup", "--undo", "--yes").stdout


@pytest.mark.parametrize("host", [VIRTUAL], indirect=True)
def test_virtual_domain_with_milter(host):
    """SPEC N-22.2, N-22.4 and N-22.8: an operator's own domains, aliases,
    routes, restrictions and milter stay in force."""
    before, own = host.snapshot(), settings(host)
    assert host.send("carol@carol.example")["data"] == 250
    systemd = fake_systemctl(host)
    host.agamid("setup", "--yes", env=systemd)
    assert said_to_systemctl(host) == ["try-reload-or-restart agamid-sshd.service",
                                       "is-enabled agamid.target", "enable agamid.target",
                                       "is-active agamid.target", "start agamid.target"]
    host.start_daemons()
    assert "\nno change\n" in host.agamid("setup", "--yes").stdout
    for rcpt in ("carol@carol.example", "info@carol.example", "sales@carol.example"):
        assert host.send(rcpt)["data"] == 250
    wait_for("own mail", lambda: len(mailbox(host, "carol")) == 3 and len(mailbox(host, "sales")) == 1)
    assert host.send("nobody@carol.example")["rcpt"] == [550]
    assert host.send("x@list.example", source="127.0.0.1", sender="carol@carol.example")["data"] == 250
    wait_for("the operator's route", lambda: "relay=none" in host.log() and "list.example" in host.log())
    assert host.send("x@third.example", where="587")["rcpt"] == [554]
    assert host.send("carol@carol.example", where="587", source="127.0.0.1")["data"] == 250
    assert host.send("bob@bob.example")["data"] == 250 and len(host.sealed()) == 1
    # The home's own filter sees what friends bring; twice is once.
    seen = len(mailbox(host, "sales"))
    for message in ("a", "a", "b"):
        assert host.send("sales@carol.example", where=INJECT, text=ONCE.format(message, message))["data"] == 250
    wait_for("what was held", lambda: len(mailbox(host, "sales")) == seen + 2)
    wait_for("an empty queue", lambda: "empty" in host.run("postqueue", "-p").stdout)
    held = mailbox(host, "sales")
    assert len(held) == seen + 2
    assert sum("X-Agamid-Once" in p.read_text() for p in held) == 2
    # Someone else works on the same files, before one more setup and after.
    main_cf = host.base / "etc/postfix/main.cf"

    def edit(text, *pairs):
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        return text

    first = [("$mail_name (Debian/GNU)", "hello"),
             ("local:opendkim/opendkim.sock", "local:opendkim/opendkim.sock, inet:127.0.0.1:11332")]
    second = [("recipient_delimiter = +", "recipient_delimiter = -"),
              ("hash:/etc/postfix/transport", "hash:/etc/postfix/transport, inline:{x.example=discard:}")]
    main_cf.write_text(edit(main_cf.read_text(), *first))
    said = host.agamid("setup", "--yes", env=systemd).stdout
    assert "/etc/postfix/main.cf was changed by others" in said
    assert "+    -o {smtpd_milters=local:opendkim/opendkim.sock, inet:127.0.0.1:11332}" in said
    main_cf.write_text(edit(main_cf.read_text(), *second))
    said = host.agamid("setup", "--undo", "--yes", env=systemd).stdout
    assert "/etc/postfix/main.cf was changed by others" in said
    assert said_to_systemctl(host)[-1] == "disable --now agamid.target"
    assert settings(host) == edit(own, *first, *second)
    after = host.snapshot()
    assert {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)} == {"postfix/main.cf"}


def fake_systemctl(host):
    """A systemctl that notes what it is told; it knows no enabled unit."""
    fake = host.base / "etc/agamid/systemctl"
    fake.write_text('#!/bin/sh\necho "$@" >>/etc/agamid/told\ncase $1 in is-*) exit 3;; esac\n')
    fake.chmod(0o755)
    host.run("mkdir", "-p", "/run/systemd/system")
    return {"PATH": "/etc/agamid:" + os.environ["PATH"]}


def said_to_systemctl(host):
    return (host.base / "etc/agamid/told").read_text().splitlines()


def test_below_a_root(tmp_path):
    """SPEC N-22.3, N-22.6 and N-22.10, and N-13.3: with --root DIR no program of
    this machine is told, and the undo is as exact."""
    def agamid(*args, code=0):
        result = subprocess.run([f"{LAB_ROOT}{AGAMID}", "--root", str(tmp_path), *args], timeout=60,
                                capture_output=True, text=True)
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout

    def look():
        return {p: (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_mode)
                for p in (tmp_path / "etc").rglob("*") if p.is_file() and "agamid.yaml" not in p.name}

    agamid("init", "--batch", "--name", "carol", "--network", "friends.example", "--host", "carol.friends.example",
           "--domain", "carol.example", "--recovery-out", str(tmp_path / "recovery.asc"))
    for name, text in (("postfix/main.cf", "compatibility_level = 3.6\nsmtpd_relay_restrictions = permit_mynetworks,\n"
                        "# a remark\n  permit_sasl_authenticated, reject_unauth_destination"),
                       ("dovecot/dovecot.conf", "protocols = lmtp\nssl = no\n!include conf.d/*.conf\n"),
                       ("dovecot/conf.d/10-x.conf", "plugin {\n  sieve_before = /x\n}\n")):
        path = tmp_path / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1000000000, 1000000000))
    (tmp_path / "etc/postfix/main.cf").chmod(0o640)
    shutil.copy("/usr/share/postfix/master.cf.dist", tmp_path / "etc/postfix/master.cf")
    before = look()
    agamid("setup", "--yes")
    made = look()
    # Neither the last line, which has no end, nor the remark is lost.
    main_cf = made[tmp_path / "etc/postfix/main.cf"][0].decode()
    assert "\n# a remark\n" in main_cf and "reject_unauth_destination\n" in main_cf
    assert "\nin_flow_delay = 0\n" in main_cf and "unix:agamid/milter.sock" in main_cf
    assert made[tmp_path / "etc/postfix/main.cf"][2] == before[tmp_path / "etc/postfix/main.cf"][2]
    assert "no change\n" in agamid("setup", "--yes")
    assert look() == made
    agamid("setup", "--undo", "--yes")
    assert look() == before
    # A queue elsewhere: the units may write there, and no unit is left so.
    units = tmp_path / "etc/systemd/system"
    (units / "agamid-seal.service.d").mkdir(parents=True)
    (units / "agamid-seal.service.d/mine.conf").write_text("[Service]\n")
    config, main_cf = tmp_path / "etc/agamid/agamid.yaml", tmp_path / "etc/postfix/main.cf"
    own = config.read_text(), main_cf.read_bytes()
    config.write_text(own[0] + "postfix: {queue-directory: /srv/queue}\n")
    main_cf.write_bytes(own[1].rstrip(b"\n") + b"\nqueue_directory = /srv/queue\n")
    before = look()
    agamid("setup", "--yes")
    assert {str(p.relative_to(units)): p.read_text().splitlines()[-1] for p in units.rglob("agamid-setup.conf")} == {
        "agamid-milter.service.d/agamid-setup.conf": "ReadWritePaths=-/srv/queue/agamid",
        "agamid-seal.service.d/agamid-setup.conf": "ReadWritePaths=-/srv/queue/agamid",
        "agamid-deliver.service.d/agamid-setup.conf": "ReadWritePaths=-/srv/queue/maildrop"}
    assert "no change\n" in agamid("setup", "--yes")
    agamid("setup", "--undo", "--yes")
    assert look() == before
    assert [p.name for p in units.iterdir()] == ["agamid-seal.service.d"]
    # It moves back.
    agamid("setup", "--yes")
    config.write_text(own[0])
    main_cf.write_bytes(main_cf.read_bytes().replace(b"queue_directory = /srv/queue\n", b""))
    agamid("setup", "--yes")
    assert not list(units.rglob("agamid-setup.conf"))
    # Where the units see nothing.
    config.write_text(own[0] + "postfix: {queue-directory: /home/queue}\n")
    main_cf.write_bytes(own[1].rstrip(b"\n") + b"\nqueue_directory = /home/queue\n")
    assert "refused: Postfix's queue_directory is /home/queue" in agamid("setup", "--yes", code=1)


@pytest.mark.parametrize("host", [VIRTUAL], indirect=True)
def test_interrupted_and_refused(host):
    """SPEC N-22.3, N-22.5 and N-22.7."""
    before = host.snapshot()
    faults = host.base / "etc/agamid/faults"

    def fault(line):
        faults.write_text(line + "\n")
        return {"AGAMID_FAULTS": "/etc/agamid/faults"}

    for line in ("setup.install kill 2", "setup.rename kill 6"):
        assert host.agamid("setup", "--yes", code=None, env=fault(line)).returncode not in (0, 1), line
        assert host.snapshot() != before
        host.agamid("setup", "--undo", "--yes")
        assert host.snapshot() == before, line
    # Killed, made good by the next run; the undo killed as well.
    host.agamid("setup", "--yes", code=None, env=fault("setup.install kill 3"))
    host.agamid("setup", "--yes")
    host.agamid("setup", "--undo", "--yes", code=None, env=fault("setup.uninstall kill 2"))
    assert host.snapshot() != before
    host.agamid("setup", "--undo", "--yes")
    assert host.snapshot() == before
    # A disk that fails, and a trial that fails: as before, and said.
    said = host.agamid("setup", "--yes", code=1, env=fault("setup.install error 2"))
    assert "every file is as it was before" in said.stdout and host.snapshot() == before
    fake = host.base / "etc/agamid/sshd"
    fake.write_text("#!/bin/sh\necho no such key >&2\nexit 1\n")
    fake.chmod(0o755)
    said = host.agamid("setup", "--yes", code=1, env={"PATH": "/etc/agamid:" + os.environ["PATH"]})
    assert "no such key" in said.stderr and host.snapshot() == before
    # What would break a promise.
    main_cf = host.base / "etc/postfix/main.cf"
    keep = main_cf.read_bytes()
    for setting, code, word in PROMISES:
        host.run("postconf", "-e", setting)
        os.utime(main_cf, (0, 0))  # Postfix reads a file younger than a second slowly
        said = host.agamid("setup", "--dry-run", code=code)
        assert word in said.stdout + said.stderr, said.stdout + said.stderr
        assert ("refused: " in said.stdout) == (code == 1)
        main_cf.write_bytes(keep)
    host.run("postconf", "-e", "smtpd_proxy_filter=127.0.0.1:10024")
    assert "nothing was changed (--dry-run)" in host.agamid("setup", "--dry-run", "--force").stdout


PROMISES = [
    ("smtpd_proxy_filter=127.0.0.1:10024", 1, "mend: postconf -X smtpd_proxy_filter"),
    ("transport_maps=inline:{{bob.example=smtp:[192.0.2.2]},{agamid-probe@bob.example=smtp:[192.0.2.2]}}", 1,
     "would leave in clear"),
    ("transport_maps=static:smtp:[192.0.2.2]", 1, "would leave in clear"),
    ("virtual_alias_domains=bob.example", 0, "this machine's Postfix"),
    ("parent_domain_matches_subdomains=relay_domains", 1, "smtpd_access_maps"),
    ("always_bcc=archive@carol.example", 0, "mend: postconf -X always_bcc"),
    ("content_filter=smtp:[127.0.0.1]:10024", 0, "warning: content_filter"),
    ("smtpd_recipient_restrictions=permit_mynetworks,reject_unverified_recipient", 0,
     "mend: postconf -e 'smtpd_recipient_restrictions=permit_mynetworks'"),
    ("relay_recipient_maps=inline:{a@relay.example=x}", 0, "derived/postfix/relay_recipients"),
]
