# SPDX-License-Identifier: MIT
"""A home's Postfix for tests of agamid-deliver: the real master(8) in its own
mount, pid and network namespace, with the listener `public/agamid-inject` and
mailboxes kept by virtual(8).

It does not test anything itself. Everything lives below one directory and is
bind-mounted over the usual places, so that unmodified programs run with their
usual paths; the host's files are never written. Killing the namespace's first
process ends all of them.
"""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time

SBIN = "/usr/lib/postfix/sbin"
USERS = {"agamid-milter": 2901, "agamid": 2902, "agamid-ssh": 2903,
         "agamid-key": 2904}

MAIN_CF = """
compatibility_level = 3.6
myhostname = bob.friends.example
mydomain = bob.example
myorigin = $mydomain
mydestination =
inet_protocols = all
mynetworks = 127.0.0.0/8 [::1]/128 192.168.1.0/24
mynetworks_style = host
alias_maps =
alias_database =
maillog_file = /var/log/mail.log
biff = no
smtpd_peername_lookup = no
virtual_mailbox_domains = bob.example bob.second.example
virtual_mailbox_maps = static:all/
virtual_mailbox_base = /var/mail
virtual_mailbox_limit = 0
virtual_minimum_uid = 100
virtual_uid_maps = static:2905
virtual_gid_maps = static:2905
virtual_alias_maps = inline:{ {alias@bob.example=talktome@bob.example} }
message_size_limit = 10240000
in_flow_delay = 0
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated,
    reject_unauth_destination
"""

MASTER_CF = """
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
agamid-inject unix n - n - 10 smtpd
    -o smtpd_authorized_xclient_hosts=127.0.0.1
    -o mynetworks=
    -o smtpd_sasl_auth_enable=no
    -o smtpd_relay_restrictions=reject_unauth_destination
    -o { smtpd_recipient_restrictions =
        check_policy_service { unix:private/policy, timeout=20s } }
    -o { smtpd_end_of_data_restrictions =
        check_policy_service { unix:private/policy, timeout=20s } }
    -o smtpd_client_restrictions= -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions= -o smtpd_data_restrictions=
    -o smtpd_milters=
    -o smtpd_client_connection_count_limit=0
    -o smtpd_client_connection_rate_limit=0
    -o smtpd_client_message_rate_limit=0
    -o smtpd_client_recipient_rate_limit=0
    -o smtpd_error_sleep_time=0
    -o message_size_limit=0
    -o smtpd_upstream_proxy_protocol=
    -o smtpd_discard_ehlo_keywords=
    -o smtputf8_enable=yes
    -o cleanup_service_name=agamid-cleanup
agamid-cleanup unix n - n - 0 cleanup
    -o message_size_limit=0
"""

INIT = """
set -e
mount --make-rprivate /
mount -t proc proc /proc
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs /run
for f in passwd group; do mount --bind "$1/$f" /etc/$f; done
mount --bind "$1/log" /var/log
mount --bind "$1/mail" /var/mail
mount --bind "$1/etc-postfix" /etc/postfix
mount --bind "$1/spool" /var/spool/postfix
mount --bind "$1/lib-postfix" /var/lib/postfix
export MAIL_CONFIG=/etc/postfix
postfix check
%s/master -w
read pid rest </proc/self/stat
touch "$1/up"
while :; do read line || exit 0; done
""" % SBIN


def wait_for(what, condition, seconds=60):
    """The condition's value once it is true; fails the test after seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %s s for %s" % (seconds, what))
        time.sleep(0.01)


class Policy:
    """Postfix's policy protocol: answers by the test's own function, and
    keeps every request."""

    def __init__(self, path):
        self.requests = []
        self.answer = lambda request: "DUNNO"
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(path))
        os.chmod(path, 0o666)
        self.sock.listen(20)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,),
                             daemon=True).start()

    def _serve(self, conn):
        request = {}
        with conn, conn.makefile("rwb") as stream:
            for line in stream:
                line = line.rstrip(b"\n").decode("utf-8", "surrogateescape")
                if line:
                    key, _, value = line.partition("=")
                    request[key] = value
                    continue
                self.requests.append(request)
                stream.write(("action=%s\n\n" % self.answer(request)).encode())
                stream.flush()
                request = {}

    def close(self):
        self.sock.close()


class HomePostfix:
    """One Postfix; `home.exec(...)` runs a program beside it."""

    def __init__(self, base):
        self.base = pathlib.Path(base)
        self.queue = self.base / "spool"
        self.inject = self.queue / "public" / "agamid-inject"
        self._write_files()
        self.policy = Policy(self.queue / "private" / "policy")
        self._start()

    # --- making it

    def _write_files(self):
        base = self.base
        for name in ("log", "mail", "etc-postfix", "spool", "lib-postfix"):
            (base / name).mkdir(parents=True)
        os.chmod(base, 0o755)
        self._write_users()
        for name in ("dynamicmaps.cf", "postfix-files", "postfix-script",
                     "post-install"):
            shutil.copy("/etc/postfix/" + name, base / "etc-postfix")
        for name in ("dynamicmaps.cf.d", "postfix-files.d"):
            shutil.copytree("/etc/postfix/" + name,
                            base / "etc-postfix" / name)
        old = time.time() - 60   # a .cf younger than 1 s costs 0.3 s waits
        for name, text in (("main.cf", MAIN_CF), ("master.cf", MASTER_CF)):
            path = base / "etc-postfix" / name
            path.write_text(text)
            os.utime(path, (old, old))
        self._make_queue()
        os.chown(base / "mail", 2905, 2905)
        shutil.chown(base / "lib-postfix", "postfix", "postfix")

    def _write_users(self):
        passwd = pathlib.Path("/etc/passwd").read_text()
        group = pathlib.Path("/etc/group").read_text()
        for name, number in dict(USERS, vmail=2905).items():
            passwd += "%s:x:%d:%d::/nonexistent:/bin/false\n" % (
                name, number, number)
            group += "%s:x:%d:\n" % (name, number)
        (self.base / "passwd").write_text(passwd)
        (self.base / "group").write_text(group)

    def _make_queue(self):
        postfix = pwd.getpwnam("postfix")
        for name in ("active", "bounce", "corrupt", "defer", "deferred",
                     "flush", "hold", "incoming", "private", "saved",
                     "trace"):
            (self.queue / name).mkdir(mode=0o700)
            os.chown(self.queue / name, postfix.pw_uid, 0)
        (self.queue / "pid").mkdir(mode=0o755)
        for name, mode in (("maildrop", 0o1730), ("public", 0o2710)):
            (self.queue / name).mkdir()
            shutil.chown(self.queue / name, "postfix", "postdrop")
            os.chmod(self.queue / name, mode)

    def _start(self):
        self.init = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc",
             "--fork", "--kill-child", "bash", "-c", INIT, "init",
             str(self.base)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=open(self.base / "boot.log", "wb"))
        wait_for("Postfix to start", self._is_up)
        kids = pathlib.Path("/proc/%d/task/%d/children" % (
            self.init.pid, self.init.pid)).read_text().split()
        self.pid = int(kids[0])

    def _is_up(self):
        if self.init.poll() is not None:
            raise AssertionError(self.show())
        return (self.base / "up").exists() and self.inject.exists()

    def close(self):
        self.policy.close()
        os.kill(self.pid, signal.SIGKILL)
        self.init.wait(10)

    # --- using it

    def command(self, *argv, user=None, groups=()):
        """The argument vector that runs argv in this namespace."""
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--pid",
                 "--net", "--uts", "--ipc", "--"]
        if user is not None:
            number = USERS[user]
            enter += ["setpriv", "--reuid=%d" % number,
                      "--regid=%d" % number, "--inh-caps=-all"]
            enter += (["--groups=" + ",".join(groups)] if groups
                      else ["--clear-groups"])
        return enter + [str(arg) for arg in argv]

    def exec(self, *argv, **options):
        return subprocess.run(self.command(*argv), check=True, timeout=60,
                              capture_output=True, **options).stdout

    def mails(self):
        """Paths of all mails that were delivered; Delivered-To says to
        whom (all have one Maildir)."""
        new = self.base / "mail" / "all" / "new"
        return sorted(new.iterdir()) if new.is_dir() else []

    def log(self):
        path = self.base / "log" / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def show(self):
        boot = (self.base / "boot.log").read_text(errors="replace")
        return "--- boot.log\n%s--- mail.log\n%s" % (boot, self.log()[-6000:])
