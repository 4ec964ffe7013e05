# SPDX-License-Identifier: MIT
"""A mailbox that is sealed always, on a host with real Postfix and Dovecot:
`agamid setup` puts agamid-seal between the two and the plugin into imap, and
takes both out again, to the byte. What is promised: nothing that can be read
in the mailbox on the disk, all of it for who logs in, nothing lost while a
part is away, and no change for mailboxes beside it."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
import setup_host
from setup_host import LAB_ROOT, LIBEXEC, USERS, Host, wait_for

PASSWORD = "carol's 100% pass"
MAIN_CF = setup_host.MAIN_CF + "mailbox_transport = lmtp:unix:private/dovecot-lmtp\n"
DOVECOT_CONF = setup_host.DOVECOT_CONF.replace("""\
  driver = static
  args = nopassword=y
""", """\
  driver = passwd-file
  args = scheme=PLAIN username_format=%n /etc/dovecot/users
""") + """\
mail_plugin_dir = /var/lib/modules
protocol imap {
  mail_plugins = $mail_plugins quota
}
"""
MESSAGE = ("Subject: {0}\r\nMessage-ID: <{0}@sender.test>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
           "From: ann@sender.test\r\n\r\nThe word is {0}.\r\n.a dot\r\n")
ABI = b"2.3.ABI" if b"2.3." in subprocess.run(["/usr/sbin/dovecot", "--version"], capture_output=True,
                                              check=True, timeout=60).stdout else b"2.4.ABI"
LOGIN = """
import imaplib, sys
c = imaplib.IMAP4("127.0.0.1", 143)
c.login("carol", sys.argv[1])
c.select("INBOX", readonly=True)
found = c.search(None, "SUBJECT", '"' + sys.argv[2] + '"')[1][0].split()
assert len(found) == 1 or sys.argv[3:], found
sys.stdout.buffer.write(c.fetch(found[0], "(BODY.PEEK[])")[1][0][1])
c.logout()
"""


class Home(Host):
    def _etc(self, main_cf, master_more, dovecot):
        super()._etc(main_cf, master_more, dovecot)
        (self.base / "etc/dovecot/users").write_text(f"carol:{PASSWORD}\nsales:x\n")

    def _var(self):
        super()._var()
        modules = self.base / "var/lib/modules"
        modules.mkdir()
        for entry in pathlib.Path("/usr/lib/dovecot/modules").iterdir():
            (modules / entry.name).symlink_to(entry)
        plugin, = pathlib.Path(LAB_ROOT).rglob("lib05_agamid_plugin.so")
        (modules / plugin.name).unlink(missing_ok=True)
        shutil.copy(plugin, modules / plugin.name)
        for user in ("carol", "sales"):
            (self.base / "var/mail" / user).mkdir()
            os.chown(self.base / "var/mail" / user, USERS["vmail"], USERS["vmail"])

    def told(self, *args, text):
        done = subprocess.run(self.argv(setup_host.AGAMID, *args), input=text.encode(), capture_output=True, timeout=60)
        assert done.returncode == 0, done
        return done.stdout

    def daemon(self, name, user):
        log = open(self.base / f"{name}.log", "ab")
        self.started.append(subprocess.Popen(self.argv(f"{LIBEXEC}/{name}", user=user), stdout=log, stderr=log))
        return self.started[-1]

    def end(self, daemon, number):
        """nsenter(1) waits for the one that is meant."""
        child = pathlib.Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text()
        os.kill(int(child), number)
        daemon.wait(60)

    def wait_socket(self, path):
        wait_for(path, lambda: self.run("test", "-S", path, code=None).returncode == 0)

    def mails(self, user):
        return [p.read_bytes() for d in ("new", "cur") for p in (self.base / "var/mail" / user / d).glob("*")]

    def read(self, subject, first=False):
        """By a login of hers: the only mail of this subject, or the first."""
        done = subprocess.run(self.argv("/usr/bin/python3", "-c", LOGIN, PASSWORD, subject, *["first"] * first),
                              capture_output=True, timeout=60)
        assert done.returncode == 0, (done.stderr, self.dovecot_log())
        return done.stdout

    def on_disk(self, word):
        """The files in which Dovecot keeps mail, and Agamid anything, that show the word."""
        return [path for top in ("var/mail", "var/lib/agamid", "var/spool/agamid")
                for path in (self.base / top).rglob("*") if path.is_file() and word in path.read_bytes()]

    def dovecot_log(self):
        return (self.base / "var/log/dovecot.log").read_text(errors="replace")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = Home(tmp_path_factory.mktemp("home") / "h", main_cf=MAIN_CF, dovecot=DOVECOT_CONF)
    try:
        made.agamid("init", "--batch", "--name", "carol", "--network", "friends.example", "--host",
                    "carol.friends.example", "--address", "203.0.113.77", "--domain", "carol.example",
                    "--mailbox", "carol=carol|c", "--mailbox", "sales=sales", "--recovery-out",
                    "/var/lib/recovery.asc")
        made.told("key", "new", "carol", "--home", "/var/mail/carol", "--sheet", "/var/lib/sheet",
                  text=PASSWORD + "\n")
        made.agamid("manifest", "publish", "--wait", "0s")
        conf = made.base / "etc/agamid/agamid.yaml"
        conf.write_text(conf.read_text() + "mailboxes:\n  carol: {seal: always}\n")
        made.before = made.snapshot()
        made.agamid("setup", "--yes")
        made.daemon("agamid-milter", "agamid-milter")
        made.seal = made.daemon("agamid-seal", "agamid-milter")
        made.deliver = made.daemon("agamid-deliver", "agamid-key")
        for path in (made.queue / "agamid/milter.sock", made.queue / "agamid/home.sock"):
            wait_for(path.name, path.exists)
        yield made
    finally:
        made.close()


def arrived(home, user, count):
    wait_for(f"mail {count} for {user}", lambda: len(home.mails(user)) == count)
    return home.mails(user)


def test_sealed_always(home):
    """SPEC D-8.1, D-8.2, D-8.4: what arrives directly is sealed; the login opens it."""
    count = len(home.mails("carol"))
    assert home.send("carol@carol.example", text=MESSAGE.format("zwieback"))["data"] == 250
    assert home.send("sales@carol.example", text=MESSAGE.format("zwieback"))["data"] == 250
    sealed, = arrived(home, "carol", count + 1)[count:]
    plain = arrived(home, "sales", 1)[0]
    assert b"\nSubject: Sealed mail\n" in sealed and b"\nX-Agamid-Sealed: 1" in sealed
    opened = home.read("zwieback")
    at = plain.index(b"Subject:")
    assert opened[opened.index(b"Subject:"):] == plain[at:].replace(b"\n", b"\r\n")
    assert opened.startswith(b"Received: ") and b"(Postfix)" in opened
    assert all("/sales/" in str(path) for path in home.on_disk(b"zwieback")), home.on_disk(b"zwieback")


ENCRYPTED = """From: ann@sender.test\r
Message-ID: <pgp@sender.test>\r
Date: Sun, 22 Nov 2026 10:00:00 +0000\r
Subject: in clear\r
MIME-Version: 1.0\r
Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r
\tboundary="b"\r
\r
--b\r
Content-Type: application/pgp-encrypted\r
\r
Version: 1\r
\r
--b\r
Content-Type: application/octet-stream\r
\r
-----BEGIN PGP MESSAGE-----\r
\r
hQEMA0000000000000AQf/\r
-----END PGP MESSAGE-----\r
\r
--b--\r
"""


def test_not_twice(home):
    """SPEC D-8.2: PGP/MIME of a stranger's is stored as it came."""
    count = len(home.mails("carol"))
    assert home.send("c@carol.example", text=ENCRYPTED)["data"] == 250
    stored = [mail for mail in arrived(home, "carol", count + 1) if b"<pgp@sender.test>" in mail]
    assert len(stored) == 1
    assert stored[0].endswith(ENCRYPTED[ENCRYPTED.index("MIME-Version"):].replace("\r\n", "\n").encode())


def test_local_mail(home):
    """SPEC N-16.7: what cron and others send to her name is sealed as well."""
    count = len(home.mails("carol"))
    text = MESSAGE.format("pumpernickel").replace("\r\n", "\n")
    subprocess.run(home.argv("/usr/sbin/sendmail", "carol@localhost"), input=text.encode(), check=True, timeout=60)
    arrived(home, "carol", count + 1)
    assert b"pumpernickel" in home.read("pumpernickel")
    assert home.on_disk(b"pumpernickel") == []


def deferred(home, word):
    """A mail that waits in Postfix's queue, for the time being."""
    assert home.send("carol@carol.example", text=MESSAGE.format(word))["data"] == 250

    def is_deferred():
        found = re.search(rf"(\w+): message-id=<{word}@sender.test>", home.log())
        return found and re.search(rf"{found[1]}: to=<carol@carol.example>.* status=deferred", home.log())
    wait_for(f"{word} is deferred", is_deferred)
    assert home.on_disk(word.encode()) == []


def test_waits(home):
    """SPEC D-8.1, D-8.3: nothing is lost, nor stored in clear, while a part is away."""
    count = len(home.mails("carol"))
    home.end(home.deliver, signal.SIGTERM)
    deferred(home, "knaecke")
    home.run("doveadm", "stop")
    home.deliver = home.daemon("agamid-deliver", "agamid-key")
    home.wait_socket("/run/agamid/deliver/deliver.sock")
    home.run("postqueue", "-f")
    deferred(home, "vollkorn")
    home.end(home.seal, signal.SIGKILL)
    home._daemon("dovecot")
    home.wait_socket("/run/dovecot/agamid-lmtp")
    deferred(home, "graham")
    assert len(home.mails("carol")) == count
    home.seal = home.daemon("agamid-seal", "agamid-milter")

    def all_here():
        home.run("postqueue", "-f")
        return len(home.mails("carol")) == count + 3
    wait_for("all three", all_here)
    for word in ("knaecke", "vollkorn", "graham"):
        assert word.encode() in home.read(word)
        assert home.on_disk(word.encode()) == []


def doctor(home, *names):
    said = json.loads(home.agamid("doctor", "--json", *names, code=None).stdout)
    return {check["id"]: check for check in said["checks"]}


def test_plugin_of_another_dovecot(home):
    """SPEC D-3.3, N-22.9: after an update of Dovecot doctor says that nobody can log in,
    without a password, and setup takes the plugin out until there is a good one."""
    names = ("dovecot.plugin", "dovecot.sealed-always")
    checks = doctor(home, *names)
    assert {name: c["state"] for name, c in checks.items()} == dict.fromkeys(names, "ok"), checks
    plugin = home.base / "var/lib/modules/lib05_agamid_plugin.so"
    good = plugin.read_bytes()
    plugin.write_bytes(good.replace(b"\0" + ABI, b"\0" + b"9" + ABI[1:]))
    check = doctor(home, *names)["dovecot.plugin"]
    assert check["state"] == "failure" and "agamid setup" in check["fix"], check
    assert "it is left out" in home.agamid("setup", "--yes").stdout
    assert b"BEGIN PGP MESSAGE" in home.read("Sealed mail", first=True)
    plugin.write_bytes(good)
    home.agamid("setup", "--yes")
    assert b"zwieback" in home.read("zwieback")


def test_undo(home):
    """SPEC N-22.3, N-22.6, N-22.9: a second setup changes nothing; the undo restores all, to the byte."""
    conf_d = home.base / "etc/dovecot/dovecot.conf"
    assert "lib05_agamid" not in conf_d.read_text() and "agamid_hidden_pass" in conf_d.read_text()
    assert "no change" in home.agamid("setup", "--yes").stdout
    home.agamid("setup", "--undo", "--yes")
    assert home.snapshot() == home.before
    count = len(home.mails("carol"))
    home.run("postfix", "reload")
    assert home.send("carol@carol.example", text=MESSAGE.format("plain"))["data"] == 250
    assert any(b"Subject: plain" in mail for mail in arrived(home, "carol", count + 1))
