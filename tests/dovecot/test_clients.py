# SPDX-License-Identifier: MIT
"""
Mail programs of Debian read the sealed folder like the plain one: each of
them fetches both users' INBOX, and what it stored is compared.
"""
import imaplib
import mailbox
import os
import poplib
import stat

import pytest

import mails
from dovebox import Dovecot, run

poplib._MAXLINE = 200000  # longer than any of ours
USERS = {"frank": "frank's pass", "ann": "another"}
# What one of them can't store itself is left out: no header, NUL, a line of
# 70,000 letters.
KEPT = [m for m in mails.ALL
        if m not in (mails.NO_HEADER, mails.NUL, mails.LONG_LINE)]


@pytest.fixture(scope="module")
def box(sealer, key, ending):
    """frank's mails are sealed, ann's the same ones plain."""
    box = Dovecot(users=USERS)
    box.install(key, sealer)
    box.start()
    box.save("INBOX", *sealer.seal(*KEPT))
    box.save("INBOX", *KEPT, user="ann")
    yield box
    assert box.complaints() == []
    ending.append(box)


def both(fetch):
    """What it made of the plain and the sealed folder is the same."""
    plain, sealed = fetch("ann"), fetch("frank")
    assert len(plain) == len(KEPT)
    assert plain == sealed


def bodies(folder, drop=()):
    """A Maildir's mails, without lines that a program added."""
    found = []
    for message in mailbox.Maildir(folder, create=False):
        for name in drop:
            del message[name]
        found.append(bytes(message))
    return sorted(found)


def write(path, text):
    path.write_text(text)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return path


def test_mbsync(box, tmp_path):
    def fetch(user):
        there = tmp_path / user
        there.mkdir()
        run("mbsync", "-c", write(tmp_path / f"{user}.rc", f"""
IMAPAccount a
Host 127.0.0.1
Port {box.imap_port}
User {user}
Pass "{USERS[user]}"
SSLType None
AuthMechs LOGIN

IMAPStore far
Account a

MaildirStore near
Path {there}/
Inbox {there}/INBOX

Channel c
Far :far:
Near :near:
Create Near
Sync Pull
SyncState *
"""), "c")
        return bodies(there / "INBOX", ["X-TUID"])
    both(fetch)


def test_getmail(box, tmp_path):
    def fetch(user, kind, port):
        there = tmp_path / f"{user}{kind}"
        there.mkdir()
        mailbox.Maildir(there / "mail", create=True)
        run("chown", "-R", "nobody", there / "mail")
        for parent in (there, *there.parents[:3]):
            parent.chmod(0o755)
        write(there / "getmailrc", f"""
[retriever]
type = Simple{kind}Retriever
server = 127.0.0.1
port = {port}
username = {user}
password = {USERS[user]}
[destination]
type = Maildir
path = {there}/mail/
user = nobody
[options]
delivered_to = false
received = false
message_log = {there}/log
""")
        run("getmail", "--getmaildir", there, "--rcfile", there / "getmailrc")
        return bodies(there / "mail")
    both(lambda user: fetch(user, "IMAP", box.imap_port))
    both(lambda user: fetch(user, "POP3", box.pop3_port))


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_fetchmail(box, tmp_path, protocol):
    port = box.imap_port if protocol == "imap" else box.pop3_port

    def fetch(user):
        there = tmp_path / user
        there.mkdir()
        write(there / "rc", f"""
set no bouncemail
poll 127.0.0.1 protocol {protocol} port {port} auth password
  user "{user}" password "{USERS[user]}" keep fetchall no rewrite
  no mimedecode sslproto '' mda "cat > {there}/$(date +%N).mail"
""")
        run("fetchmail", "-f", there / "rc", "--pidfile", there / "pid",
            "-i", there / "ids", "--nosyslog", "--invisible", "-s",
            env={**os.environ, "HOME": str(there), "FETCHMAILHOME": str(there)})
        return sorted(p.read_bytes() for p in there.glob("*.mail"))
    both(fetch)


def test_mutt(box, tmp_path):
    def fetch(user):
        there = tmp_path / user
        write(tmp_path / f"{user}.rc", f"""
set folder=imap://127.0.0.1:{box.imap_port}/
set spoolfile=imap://127.0.0.1:{box.imap_port}/INBOX
set imap_user="{user}" imap_pass="{USERS[user]}" imap_authenticators=login
set ssl_starttls=no ssl_force_tls=no mbox_type=Maildir
set delete=no quit=yes confirmappend=no confirmcreate=no
set header_cache="" copy=no sleep_time=0
push "<tag-pattern>~A<enter><tag-prefix><copy-message>{there}<enter><quit>"
""")
        run("script", "-qec", f"mutt -n -F {tmp_path}/{user}.rc", "/dev/null",
            env={**os.environ, "TERM": "vt100", "HOME": str(tmp_path)})
        return bodies(there, ["Status", "Lines", "Content-Length"])
    both(fetch)


def test_imaplib(box):
    def fetch(user):
        client = imaplib.IMAP4("127.0.0.1", box.imap_port)
        client.login(user, USERS[user])
        client.select("INBOX", readonly=True)
        _, found = client.fetch("1:*", "(RFC822.SIZE BODY[])")
        _, numbers = client.search(None, "SUBJECT", "secretword")
        client.logout()
        parts = [part for part in found if isinstance(part, tuple)]
        assert numbers[0].split()
        assert all(b"RFC822.SIZE %d " % len(body) in head
                   for head, body in parts)
        return [body for _, body in parts]
    both(fetch)


def test_poplib(box):
    def fetch(user):
        client = poplib.POP3("127.0.0.1", box.pop3_port, timeout=60)
        client.user(user)
        client.pass_(USERS[user])
        sizes = [int(line.split()[1]) for line in client.list()[1]]
        found = [client.retr(n + 1) for n in range(len(sizes))]
        assert client.stat() == (len(sizes), sum(sizes))
        client.quit()
        return [lines for _, lines, _ in found]
    both(fetch)
