# SPDX-License-Identifier: MIT
"""
A folder of sealed mails answers like a folder of the same mails plain: on
each storage format, on a second connection, over IMAP and POP3.
"""
import poplib
import re

import pytest

import mails
from dovebox import wait_for

poplib._MAXLINE = 200000  # longer than any of ours
FORMATS = {"maildir": "maildir:~/Maildir", "sdbox": "sdbox:~/sdbox",
           "mdbox": "mdbox:~/mdbox"}

FETCHES = [
    "FAST", "ALL", "FULL", "(RFC822.SIZE)", "(ENVELOPE)", "(BODY)",
    "(BODYSTRUCTURE)", "(BODY.PEEK[HEADER])",
    "(BODY.PEEK[HEADER.FIELDS (SUBJECT FROM X-AGAMID-SEALED)])",
    "(BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT FROM)])", "(BODY.PEEK[])",
    "(BODY.PEEK[TEXT])", "(BODY.PEEK[1])", "(BODY.PEEK[1.MIME])",
    "(BODY.PEEK[2])", "(BODY.PEEK[2.MIME])", "(BODY.PEEK[3.HEADER])",
    "(BODY.PEEK[3.TEXT])", "(BODY.PEEK[]<0.100>)",
    "(BODY.PEEK[]<70000.20000>)", "(BODY.PEEK[TEXT]<10.50>)",
    "(RFC822.HEADER)", "(BINARY.SIZE[1])", "(BINARY.PEEK[1])",
    "(BINARY.PEEK[2])", "(BINARY.PEEK[2]<5.20>)", "(PREVIEW)",
    "(PREVIEW (LAZY))", "(INTERNALDATE FLAGS)", "(UID MODSEQ)",
    "(BODYSTRUCTURE ENVELOPE RFC822.SIZE BODY.PEEK[HEADER])",
]
SEARCHES = [
    "SUBJECT secretword", "BODY secretword", "TEXT secretword",
    "TEXT nosuchword", "SUBJECT Sealed", "TEXT BEGIN", "FROM ann", "TO frank",
    "CC carol", "HEADER X-Agamid-Sealed \"\"", "HEADER Message-ID one",
    "LARGER 2000", "SMALLER 300", "SENTSINCE 21-Nov-2026",
    "SENTBEFORE 20-Nov-2026", "SINCE 1-Jan-2020", "ALL", "UNSEEN",
    "NOT BODY secretword", "OR SUBJECT wide BODY inner",
]
OTHERS = [
    "SORT (SUBJECT) UTF-8 ALL", "SORT (DATE) UTF-8 ALL",
    "SORT (FROM) UTF-8 ALL", "SORT (REVERSE SIZE) UTF-8 ALL",
    "SORT (ARRIVAL) UTF-8 ALL", "SORT (TO CC) UTF-8 ALL",
    "THREAD REFERENCES UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 ALL",
    "THREAD REFS UTF-8 ALL",
]


def commands():
    yield from (f"FETCH 1:* {what}" for what in FETCHES)
    yield from (f"SEARCH {what}" for what in SEARCHES)
    yield from OTHERS


def answers(client, folder):
    """What the server says to all commands, without the folder's name."""
    client.ok("ENABLE CONDSTORE")
    select = client.ok(f"SELECT {folder}")
    found = {"SELECT": ([r for r in select if b"UIDVALIDITY" not in r
                         and b"MODSEQ" not in r], b"")}
    for command in commands():
        replies, end = client(command)
        end = re.sub(rb"\([0-9.]+ \+ [0-9.]+ .*secs\)", b"", end)
        found[command] = (replies, end)
    client.ok("UNSELECT")
    status, _ = client(f"STATUS {folder} (MESSAGES UIDNEXT UNSEEN SIZE)")
    found["STATUS"] = ([r.replace(folder.encode(), b"") for r in status], b"")
    return found


def compare(plain, sealed):
    for command, want in plain.items():
        got = sealed[command]
        assert len(got[0]) == len(want[0]), (command, got, want)
        for ours, theirs in zip(got[0], want[0]):
            assert ours[:2000] == theirs[:2000], command
            assert ours == theirs, command
        assert got[1] == want[1], command


@pytest.fixture(scope="module")
def sealed(sealer):
    return sealer.seal(*mails.ALL)


@pytest.mark.parametrize("name", FORMATS)
def test_imap(dovecot, sealed, name):
    """SPEC D-5.1: every command, on two connections."""
    box = dovecot(location=FORMATS[name])
    box.create("Plain", "Sealed")
    box.save("Plain", *mails.ALL)
    box.save("Sealed", *sealed)
    for _ in range(2):
        with box.imap() as client:
            compare(answers(client, "Plain"), answers(client, "Sealed"))
    assert box.complaints() == []
    assert "corrupt" not in box.log()
    nothing_on_disk(box, "Plain")


def nothing_on_disk(box, but):
    """No file but those of the plain folder has the word."""
    for path in box.dir.rglob("*"):
        if path.is_file() and but not in str(path):
            inside = path.read_bytes()
            if path.name.startswith("m.") and box.home() in path.parents:
                continue  # an mdbox file holds mails of all folders
            assert mails.WORD not in inside, path


@pytest.mark.parametrize("name", FORMATS)
def test_lmtp_then_listed(dovecot, sealer, name):
    """SPEC D-5.2: delivered and listed without the plugin, then read."""
    box = dovecot(location=FORMATS[name])
    message = mails.crlf(mails.SIMPLE)
    box.lmtp(sealer.seal(message)[0])
    fields = "size.physical size.virtual hdr.subject imap.envelope body"
    assert b"BEGIN PGP" in box.doveadm("fetch", "-u", "frank", fields, "ALL")
    for _ in range(2):
        with box.imap() as client:
            client.ok("SELECT INBOX")
            reply = client.ok("FETCH 1 (RFC822.SIZE BODYSTRUCTURE BODY.PEEK[])")
            assert b"RFC822.SIZE %d " % len(message) in reply[0]
            assert client.bodies() == {1: message}
    assert b"BEGIN PGP" in box.doveadm("fetch", "-u", "frank", fields, "ALL")
    assert box.complaints() == []
    nothing_on_disk(box, "Plain")


def pop3(box):
    client = poplib.POP3("127.0.0.1", box.pop3_port, timeout=60)
    client.user("frank")
    client.pass_(box.users["frank"])
    return client


@pytest.mark.parametrize("name", FORMATS)
def test_pop3(dovecot, sealed, name):
    """SPEC D-5.1: sizes are those of what is read; UIDL stays."""
    box = dovecot(location=FORMATS[name])
    box.save("INBOX", *sealed)
    before = box.doveadm("fetch", "-u", "frank", "pop3.uidl uid", "ALL")
    client = pop3(box)
    sizes = [int(line.split()[1]) for line in client.list()[1]]
    expected = [m if b"\r\n" in m else mails.crlf(m) for m in mails.ALL]
    assert sizes == [len(m) for m in expected]
    assert client.stat() == (len(expected), sum(sizes))
    for number, message in enumerate(expected, 1):
        got = b"".join(line + b"\r\n" for line in client.retr(number)[1])
        assert got == message + (b"" if message.endswith(b"\n") else b"\r\n")
    top = client.top(1, 1)[1]
    assert top[-1] == b"The first secretword line."
    uidls = [line.split()[1] for line in client.uidl()[1]]
    client.quit()
    assert len(set(uidls)) == len(uidls)
    assert before == box.doveadm("fetch", "-u", "frank", "pop3.uidl uid", "ALL")
    assert box.complaints() == []
