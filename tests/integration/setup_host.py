# SPDX-License-Identifier: MIT
"""A mail host as its operator has it before Agamid comes: real Postfix,
Dovecot and opendkim with their usual paths, in mount, pid and network
namespaces of their own. What is below /etc, /var and /run there is a copy
under one directory; the machine's own files are never written.

It does not test anything itself."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

LAB_ROOT = os.environ.get("AGAMID_LAB_ROOT", "")
AGAMID = "/usr/local/bin/agamid"
LIBEXEC = "/usr/local/libexec/agamid"
USERS = {"agamid": 2951, "agamid-milter": 2952, "agamid-ssh": 2953,
         "agamid-key": 2954, "vmail": 2955, "carol": 2956}
ADDRESS, STRANGER = "192.0.2.3", "198.51.100.9"

# As the package's debconf answer "Internet Site" writes it.
MAIN_CF = """\
# See /usr/share/postfix/main.cf.dist for a commented, more complete version

smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
readme_directory = no
compatibility_level = 3.6

# TLS parameters
smtpd_tls_security_level=may

smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
myhostname = carol.friends.example
alias_maps =
alias_database =
mydestination = $myhostname, carol.example, localhost
relayhost =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = ipv4
maillog_file = /var/log/mail.log
"""

# A virtual domain, delivered by Dovecot's LMTP, signed by opendkim.
VIRTUAL_CF = MAIN_CF.replace(", carol.example", "").replace(
    "smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination\n", "") + """\
virtual_mailbox_domains = carol.example
virtual_mailbox_maps = hash:/etc/postfix/mailboxes
virtual_alias_maps = hash:/etc/postfix/virtual
virtual_transport = lmtp:unix:private/dovecot-lmtp
smtpd_relay_restrictions =
  permit_mynetworks,
  permit_sasl_authenticated,
  reject_unauth_destination
smtpd_recipient_restrictions = reject_non_fqdn_recipient,
  reject_non_fqdn_sender
transport_maps = hash:/etc/postfix/transport
milter_default_action = tempfail
smtpd_milters =
  # signs and verifies
  local:opendkim/opendkim.sock
non_smtpd_milters = $smtpd_milters
"""

SUBMISSION = """\
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_recipient_restrictions=
  -o smtpd_relay_restrictions=permit_mynetworks,reject
"""

DOVECOT_CONF = """\
protocols = imap lmtp
listen = *
ssl = no
log_path = /var/log/dovecot.log
mail_location = maildir:/var/mail/%n
first_valid_uid = 1000
auth_username_format = %Ln
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/var/mail/%n
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    user = postfix
    group = postfix
    mode = 0600
  }
}
"""

OPENDKIM_CONF = """\
Mode sv
Syslog yes
UserID opendkim
Socket local:/var/spool/postfix/opendkim/opendkim.sock
UMask 002
Domain carol.example
Selector test
KeyFile /etc/dkimkeys/test.private
PidFile /run/opendkim.pid
DNSTimeout 1
On-DNSError accept
"""

INIT = """
set -e
mount --make-rprivate /
mount -t proc proc /proc
ip link set lo up
ip address add %s/24 dev lo
ip address add %s/24 dev lo
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /usr/local
for d in /etc /var/log /var/mail /var/spool /var/lib; do mount --bind "$1$d" $d; done
mount --bind "$2/usr/local" /usr/local
touch "$1/up"
while :; do read line || exit 0; done
""" % (ADDRESS, STRANGER)

# A mail over SMTP; prints the replies' codes as JSON.
CLIENT = r"""
import json, smtplib, socket, sys
where, source, sender, data, rcpts = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]
class Unix(smtplib.SMTP):
    def _get_socket(self, host, port, timeout):
        s = socket.socket(socket.AF_UNIX); s.settimeout(timeout); s.connect(where); return s
s = (Unix("x", timeout=60) if where.startswith("/")
     else smtplib.SMTP("192.0.2.3", int(where), timeout=60, source_address=(source, 0)))
out = {"ehlo": s.ehlo("client.test")[1].decode(), "rcpt": []}
out["mail"] = s.mail(sender)[0]
for r in rcpts:
    code, text = s.rcpt(r)
    out["rcpt"].append(code); out["text"] = text.decode()
if 250 in out["rcpt"] and data:
    code, text = s.data(data)
    out["data"] = code; out["text"] = text.decode()
s.quit()
print(json.dumps(out))
"""


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


class Host:
    def __init__(self, base, main_cf=MAIN_CF, master_more="", dovecot=None, opendkim=False):
        assert LAB_ROOT, "AGAMID_LAB_ROOT must name where make install DESTDIR= put Agamid"
        self.base = pathlib.Path(base)
        self.opendkim = opendkim
        self.started = []
        self._etc(main_cf, master_more, dovecot)
        self._var()
        self.init = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child",
             "bash", "-c", INIT, "init", str(self.base), LAB_ROOT],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=open(self.base / "boot.log", "wb"))
        wait_for("the namespace", self._is_up)
        self.pid = int(pathlib.Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children").read_text().split()[0])
        self._start(dovecot)

    # --- making it

    def _etc(self, main_cf, master_more, dovecot):
        etc = self.base / "etc"
        self.base.mkdir(parents=True, exist_ok=True)
        self.base.chmod(0o755)
        subprocess.run(["cp", "-a", "/etc", str(self.base)], check=True)
        shutil.rmtree(etc / "agamid", ignore_errors=True)
        with open(etc / "passwd", "a") as passwd, open(etc / "group", "a") as group, open(etc / "shadow", "a") as shadow:
            for name, number in USERS.items():
                passwd.write(f"{name}:x:{number}:{number}::/nonexistent:/bin/sh\n")
                group.write(f"{name}:x:{number}:\n")
                shadow.write(f"{name}:*:19000:0:99999:7:::\n")
        (etc / "resolv.conf").unlink(missing_ok=True)
        (etc / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        postfix = etc / "postfix"
        (postfix / "main.cf").write_text(main_cf)
        (postfix / "master.cf").write_text(pathlib.Path("/usr/share/postfix/master.cf.dist").read_text() + master_more)
        (postfix / "mailboxes").write_text("carol@carol.example carol/\nsales@carol.example sales/\n")
        (postfix / "virtual").write_text("info@carol.example carol@carol.example\n")
        (postfix / "transport").write_text("list.example discard:\n")
        for name in ("mailboxes", "virtual", "transport"):
            subprocess.run(["/usr/sbin/postmap", "-c", str(postfix), f"hash:{postfix / name}"], check=True)
        old = time.time() - 60  # a .cf younger than a second is read slowly
        for path in postfix.glob("*.cf"):
            os.utime(path, (old, old))
        if dovecot is not None:
            (etc / "dovecot" / "dovecot.conf").write_text(dovecot)
        if self.opendkim:
            (etc / "opendkim.conf").write_text(OPENDKIM_CONF)
            keys = etc / "dkimkeys"
            keys.mkdir(exist_ok=True)
            subprocess.run(["/usr/sbin/opendkim-genkey", "-s", "test", "-d", "carol.example", "-D", str(keys)], check=True)
            shutil.chown(keys / "test.private", "opendkim")
            shutil.chown(keys, "opendkim")

    def _var(self):
        for name in ("log", "mail", "spool", "lib"):
            (self.base / "var" / name).mkdir(parents=True)
        for name in ("postfix", "dovecot"):
            (self.base / "var/lib" / name).mkdir()
        shutil.chown(self.base / "var/lib/postfix", "postfix", "postfix")
        os.chown(self.base / "var/mail", USERS["vmail"], 8)
        (self.base / "var/mail").chmod(0o2775)
        self.queue = self.base / "var/spool/postfix"
        self.queue.mkdir()
        for name in "active bounce corrupt defer deferred flush hold incoming private saved trace".split():
            (self.queue / name).mkdir(mode=0o700)
            shutil.chown(self.queue / name, "postfix", "root")
        (self.queue / "pid").mkdir()
        for name, mode in (("maildrop", 0o1730), ("public", 0o2710)):
            (self.queue / name).mkdir()
            shutil.chown(self.queue / name, "postfix", "postdrop")
            (self.queue / name).chmod(mode)
        if self.opendkim:
            (self.queue / "opendkim").mkdir()
            shutil.chown(self.queue / "opendkim", "opendkim", "postfix")
            (self.queue / "opendkim").chmod(0o2750)

    def _is_up(self):
        assert self.init.poll() is None, (self.base / "boot.log").read_text()
        return (self.base / "up").exists()

    def _start(self, dovecot):
        if self.opendkim:
            self._daemon("opendkim", "-x", "/etc/opendkim.conf")
            wait_for("opendkim", (self.queue / "opendkim/opendkim.sock").exists)
        if dovecot is not None:
            self._daemon("dovecot")
            wait_for("Dovecot's LMTP", (self.queue / "private/dovecot-lmtp").exists)
        self.run("/usr/lib/postfix/sbin/master", "-w")

    def _daemon(self, *argv):
        """What goes to the background by itself keeps no pipe of ours."""
        with open(self.base / f"{argv[0]}.log", "wb") as log:
            subprocess.run(self.argv(*argv), check=True, timeout=60, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def close(self):
        for process in self.started:
            process.kill()
            process.wait(60)
        os.kill(self.pid, signal.SIGKILL)
        self.init.wait(60)

    # --- using it

    def argv(self, *argv, user=None, groups=""):
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--net", "--uts", "--ipc", "--"]
        if user is not None:
            enter += ["setpriv", f"--reuid={USERS[user]}", f"--regid={USERS[user]}", "--clear-groups"]
        return enter + [str(a) for a in argv]

    def run(self, *argv, code=0, env=None, stdin=subprocess.DEVNULL):
        result = subprocess.run(self.argv(*argv), capture_output=True, text=True, timeout=120, stdin=stdin,
                                env=dict(os.environ, **(env or {})))
        if code is not None:
            assert result.returncode == code, f"{argv}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        return result

    def agamid(self, *args, code=0, env=None):
        return self.run(AGAMID, *args, code=code, env=env)

    def join(self, friend=None):
        """agamid init; friend: (manifest's path, fingerprint)."""
        self.agamid("init", "--batch", "--name", "carol", "--network", "friends.example", "--host",
                    "carol.friends.example", "--address", "203.0.113.77", "--domain", "carol.example",
                    "--recovery-out", "/var/lib/recovery.asc")
        if friend:
            self.agamid("peer", "add", friend[0], "--fingerprint", friend[1])

    def start_daemons(self):
        for name in ("agamid-milter", "agamid-seal"):
            log = open(self.base / f"{name}.log", "wb")
            self.started.append(subprocess.Popen(
                self.argv(f"{LIBEXEC}/{name}", user="agamid-milter"), stdout=log, stderr=log))
        for name in ("milter", "policy", "seal"):
            wait_for(name, (self.queue / "agamid" / f"{name}.sock").exists)

    def send(self, *rcpts, where="25", source=STRANGER, sender="ann@sender.test",
             text="Subject: hello\r\nMessage-ID: <1@sender.test>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
                  "From: ann@sender.test\r\n\r\nWord.\r\n"):
        return json.loads(self.run(sys.executable, "-c", CLIENT, where, source, sender, text, *rcpts).stdout)

    def sealed(self):
        new = self.base / "var/spool/agamid/new"
        return sorted(new.iterdir()) if new.is_dir() else []

    def log(self):
        path = self.base / "var/log/mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def snapshot(self):
        """All of /etc: names, modes, owners, targets, bytes."""
        seen = {}
        top = self.base / "etc"
        for path in sorted(top.rglob("*")):
            st = path.lstat()
            what = ("link", os.readlink(path)) if path.is_symlink() else None
            if what is None and path.is_file():
                what = (hashlib.sha256(path.read_bytes()).hexdigest(), st.st_mtime_ns)
            seen[str(path.relative_to(top))] = (oct(st.st_mode), st.st_uid, st.st_gid, what)
        return {k: v for k, v in seen.items() if not k.startswith("agamid")}
