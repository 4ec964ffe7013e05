# SPDX-License-Identifier: MIT
"""
A folder of sealed mails answers like a folder of the same mails plain: on
each storage format, on a second connection, over IMAP and POP3.
"""
import re

import pytest

import conf
import mails
from dovebox import VERSION, run, wait_for

FORMATS = {"maildir": "maildir:~/Maildir", "sdbox": "sdbox:~/sdbox",
           "mdbox": "mdbox:~/mdbox"}

FETCHES = [
    "FAST", "ALL", "FULL", "(RFC822.SIZE)", "(ENVELOPE)", "(BODY)",
    "(BODYSTRUCTURE)", "(BODY.PEEK[HEADER])",
    "(BODY.PEEK[HEADER.FIELDS (SUBJECT FROM X-AGAMID-SEALED)])",
    "(BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT FROM)])", "(BODY.PEEK[])",
    "(BODY.PEEK[TEXT])", "(BODY.PEEK[1])", "(BODY.PEEK[1.MIME])",
    "(BODY.PEEK[2])", "(BODY.PEEK[2.MIME])", "(BODY.PEEK[3.HEADER])",
    "(BODY.PEEK[3.TEXT])", "(BODY.PEEK[3.1])", "(BODY.PEEK[4])",
    "(BODY.PEEK[3.HEADER.FIELDS (FROM DATE)])", "(BODY.PEEK[0])",
    "(BODY.PEEK[]<0.100>)", "(BODY.PEEK[]<9999999.9>)",
    "(BODY.PEEK[]<70000.20000>)", "(BODY.PEEK[TEXT]<10.50>)",
    "(BODY.PEEK[HEADER]<3.20>)", "(BODY.PEEK[2]<100.100>)",
    "(RFC822.HEADER)", "(RFC822.TEXT)", "(RFC822)", "(BODY[1])",
    "(BINARY.SIZE[1])", "(BINARY.SIZE[2])", "(BINARY.SIZE[3])",
    "(BINARY.SIZE[])", "(BINARY.PEEK[1])", "(BINARY.PEEK[2])",
    "(BINARY.PEEK[3])", "(BINARY.PEEK[])", "(BINARY.PEEK[2]<5.20>)",
    "(PREVIEW)", "(PREVIEW (LAZY))", "(INTERNALDATE FLAGS)", "(UID MODSEQ)",
    "(BODYSTRUCTURE ENVELOPE RFC822.SIZE BODY.PEEK[HEADER])",
]
if VERSION.startswith("2.3"):  # 2.4.1 panics at it with mail of an mdbox
    FETCHES.append("(BODY.PEEK[]<0.0>)")
SEARCHES = [
    "SUBJECT secretword", "BODY secretword", "TEXT secretword",
    "TEXT nosuchword", "SUBJECT Sealed", "TEXT BEGIN", "FROM ann", "TO frank",
    "CC carol", "BCC x", "HEADER X-Agamid-Sealed \"\"",
    "HEADER Message-ID one", "HEADER Received carol", "HEADER Subject \"\"",
    "LARGER 2000", "SMALLER 300", "SENTSINCE 21-Nov-2026",
    "SENTBEFORE 20-Nov-2026", "SENTON 21-Nov-2026", "SINCE 1-Jan-2020",
    "BEFORE 1-Jan-2020", "ON 22-Nov-2026", "ALL", "UNSEEN", "SEEN",
    "NOT BODY secretword", "OR SUBJECT wide BODY inner", "UID 2:4,7",
    "2:* SMALLER 1000 SUBJECT e", "CHARSET UTF-8 TEXT {6+}\r\nGr\u00fc\u00df",
    "CHARSET UTF-8 SUBJECT {7+}\r\nGr\u00fc\u00dfe",
    "RETURN (MIN MAX COUNT ALL) TEXT secretword",
    "RETURN (COUNT) LARGER 1000", "RETURN (PARTIAL 2:3) BODY secretword",
    "RETURN (SAVE) FROM ann", "$ SUBJECT secretword",
]
OTHERS = [
    "SORT (SUBJECT) UTF-8 ALL", "SORT (DATE) UTF-8 ALL",
    "SORT (FROM) UTF-8 ALL", "SORT (REVERSE SIZE) UTF-8 ALL",
    "SORT (ARRIVAL) UTF-8 ALL", "SORT (TO CC) UTF-8 ALL",
    "SORT (REVERSE SUBJECT DATE) UTF-8 ALL", "SORT (CC SIZE) UTF-8 ALL",
    "SORT (DISPLAYFROM) UTF-8 ALL", "SORT (REVERSE DISPLAYTO) UTF-8 ALL",
    "SORT RETURN (COUNT MIN) (SIZE) UTF-8 BODY secretword",
    "SORT RETURN (PARTIAL 1:3) (SUBJECT) UTF-8 ALL",
    "UID SORT (SUBJECT) UTF-8 SMALLER 2000",
    "THREAD REFERENCES UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 ALL",
    "THREAD REFS UTF-8 ALL", "UID THREAD REFERENCES UTF-8 SUBJECT secretword",
    "UID FETCH 1:* (UID ENVELOPE)", "UID SEARCH TEXT secretword",
    # What is kept of a large mail from one question to the next.
    "SEARCH HEADER Received carol", "SEARCH SENTBEFORE 20-Nov-2026",
    "SEARCH TO frank", "FETCH 1:* (BINARY.SIZE[1])",
    "THREAD REFERENCES UTF-8 ALL",
    "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
]


def commands():
    yield from (f"FETCH 1:* {what}" for what in FETCHES)
    yield from (f"SEARCH {what}" for what in SEARCHES)
    yield from OTHERS


def answer(client, command):
    """What the server says, without what differs from time to time."""
    # (Whether a part without NUL comes as ~{} depends on what is cached.)
    varies = (rb'~(?=\{)|\(TAG "[a-z0-9]*"\)| ?\\Recent|MODSEQ \(\d+\)|COPYUID \d+|'
              rb"\([0-9.]+ \+ [0-9.]+ .*secs\)")
    replies, end = client(command)
    return [re.sub(varies, b"", r) for r in replies], re.sub(varies, b"", end)


def look_into(client, folder):
    """SELECT, all but the folder's own numbers."""
    return [r for r in client.ok(f"SELECT {folder}")
            if not re.search(b"UIDVALIDITY|MODSEQ|RECENT|CLOSED", r)]


def status(client, folder):
    return [r.replace(folder.encode(), b"") for r in client.ok(
        f"STATUS {folder} (MESSAGES UIDNEXT UNSEEN SIZE)")]


def answers(client, folder):
    """To all commands, without the folder's name."""
    client.ok("ENABLE CONDSTORE")
    found = {"SELECT": (look_into(client, folder), b"")}
    for command in commands():
        found[command] = answer(client, command)
    client.ok("STORE 1:* -FLAGS.SILENT (\\Seen)")
    client.ok("UNSELECT")
    found["STATUS"] = (status(client, folder), b"")
    return found


def compare(plain, sealed):
    for command, want in plain.items():
        got = sealed[command]
        assert len(got[0]) == len(want[0]), (command, got, want)
        for ours, theirs in zip(got[0], want[0]):
            assert ours[:2000] == theirs[:2000], command
            assert ours == theirs, command
        assert got[1] == want[1], command


def compare_folders(box, plain, sealed):
    with box.imap() as client:
        compare(answers(client, plain), answers(client, sealed))


@pytest.fixture(scope="module")
def sealed(sealer):
    return sealer.seal(*mails.ALL)


@pytest.mark.parametrize("name", FORMATS)
def test_imap(dovecot, sealed, name):
    """SPEC D-5.1: every command, on two connections, and of copies."""
    other = {"maildir": "mdbox", "sdbox": "maildir", "mdbox": "sdbox"}[name]
    box = dovecot(location=FORMATS[name], other=f"{other}:~/Other")
    box.create("Plain", "Sealed")
    box.save("Plain", *mails.ALL)
    box.save("Sealed", *sealed)
    for _ in range(2):
        compare_folders(box, "Plain", "Sealed")
    with box.imap() as client:
        for folder in ("Plain", "Sealed"):
            client.ok(f"CREATE Other/{folder}")
            client.ok(f"CREATE {folder}Copy")
            client.ok(f"SELECT {folder}")
            client.ok(f"COPY 1:* {folder}Copy")
            client.ok(f"MOVE 1:* Other/{folder}")
    compare_folders(box, "PlainCopy", "SealedCopy")
    compare_folders(box, "Other/Plain", "Other/Sealed")
    assert box.complaints() == []
    assert "corrupt" not in box.log()
    nothing_on_disk(box, "Plain")


@pytest.fixture(scope="module")
def curve(tmp_path_factory):
    """A key for mail_crypt."""
    where = tmp_path_factory.mktemp("curve")
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
        "ec_paramgen_curve:prime256v1", "-out", where / "private")
    run("openssl", "pkey", "-in", where / "private", "-pubout", "-out",
        where / "public")
    for path in (where, *where.iterdir()):
        path.chmod(0o755)
    for parent in where.parents[:2]:
        parent.chmod(0o755)
    return where


@pytest.mark.parametrize("name, plugins", [
    ("maildir", ["zlib"]), ("sdbox", ["quota"]),
    ("mdbox", ["crypt", "zlib", "quota"])])
def test_with_other_plugins(dovecot, sealer, curve, name, plugins):
    """SPEC D-5.1: the same, with what else changes mail on its way."""
    box = dovecot(location=FORMATS[name],
                  **conf.plugins(VERSION, plugins, curve))
    box.create("Plain", "Sealed")
    box.save("Plain", *mails.SMALL)
    box.save("Sealed", *sealer.seal(*mails.SMALL))
    for _ in range(2):
        compare_folders(box, "Plain", "Sealed")
    assert box.complaints() == []
    nothing_on_disk(box, "Plain")


def nothing_on_disk(box, but):
    """No file but those of the plain folder has the word."""
    for path in box.dir.rglob("*"):
        if path.is_file() and but not in str(path):
            inside = path.read_bytes()
            if path.name.startswith("m.") and box.home() in path.parents:
                continue  # an mdbox file holds mails of all folders
            assert mails.WORD not in inside, path


@pytest.mark.both
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


POP3 = [("STAT", False), ("LIST", True), ("CAPA", True), ("LAST", False),
        ("NOOP", False), ("LIST 99", False), ("RETR 99", False),
        ("TOP 99 1", False)]


def pop3_answers(client, count):
    yield from ((command, client(command, more)) for command, more in POP3)
    for number in range(1, count + 1):
        yield f"LIST {number}", client(f"LIST {number}")
        for lines in (0, 1, 5, 100000):
            command = f"TOP {number} {lines}"
            yield command, client(command, True)
        yield f"RETR {number}", client(f"RETR {number}", True)


@pytest.mark.parametrize("name, extra", [
    ("maildir", ""), ("sdbox", "pop3_fast_size_lookups = yes\n"),
    ("mdbox", "pop3_save_uidl = yes\n")])
def test_pop3(dovecot, sealed, name, extra):
    """SPEC D-5.1: every command; sizes are those of what is read, and the
    UIDLs those of a session that has no key."""
    users = {"frank": "frank's pass", "locked": "wrong", "ann": "x"}
    box = dovecot(location=FORMATS[name], extra=extra, users=users,
                  alias={"locked": "frank"})
    box.save("INBOX", *sealed)
    box.save("INBOX", *mails.ALL, user="ann")
    (box.home() / ".agamid/secret.pgp.notice").touch()  # as if it was sent
    with box.pop3("locked") as client:
        uidl = client("UIDL", True)
    assert len(set(uidl)) == len(sealed) + 2
    for count in (len(sealed), len(sealed) - 1):
        with box.pop3("ann") as plain, box.pop3("frank") as client:
            assert list(pop3_answers(client, count)) == list(
                pop3_answers(plain, count))
            assert len(client("UIDL", True)) == count + 2
            if count == len(sealed):
                assert client("UIDL", True) == uidl
            for one in (client, plain):
                assert one("DELE 2") + one("RSET") + one("DELE 3") == [
                    b"+OK Marked to be deleted.\r\n", b"+OK\r\n",
                    b"+OK Marked to be deleted.\r\n"]
            assert client("STAT") == plain("STAT")
    assert all("does not open" in line for line in box.complaints())


def test_pushed(dovecot, sealed):
    """SPEC D-5.1: what the server says of itself, and makes of parts."""
    box = dovecot()
    box.create("Plain", "Sealed")
    items = "UID RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[TEXT]"
    found = []
    for folder, messages in (("Plain", mails.ALL), ("Sealed", sealed)):
        with box.imap() as client, box.imap() as other:
            client.ok(f"SELECT {folder}")
            client.ok(f"NOTIFY SET (SELECTED (MessageNew ({items}) "
                      "MessageExpunge FlagChange))")
            client.ok("SEARCH RETURN (UPDATE COUNT) TEXT secretword")
            for message in messages[:4]:
                other.append(folder, message)
            replies = []

            def seen():
                replies.extend(client.ok("NOOP"))
                return sum(b" FETCH (UID" in r for r in replies) == 4
            wait_for(seen, "four new mails")
            uidvalidity = next(
                re.search(rb"UIDVALIDITY (\d+)", r)[1].decode()
                for r in other.ok(f"SELECT {folder}") if b"UIDVALIDITY" in r)
            url = f"/{folder};UIDVALIDITY={uidvalidity}/;UID="
            other.ok(f'APPEND {folder} CATENATE (URL "{url}4/;SECTION=HEADER"'
                     f' URL "{url}1/;SECTION=TEXT" TEXT {{4+}}\r\nmore)')
            replies.append(other.bodies("5"))
            found.append([r for r in replies if isinstance(r, dict)
                          or b" FETCH (UID" in r or b"ESEARCH" in r])
    assert found[0] == found[1]
    assert box.complaints() == []


@pytest.mark.both
def test_locked_sessions(dovecot, sealed):
    """SPEC D-5.2: what a session without plugin or password has noted
    (orders, threads, sizes) is not taken for the opened mail's, nor the
    reverse."""
    users = {"frank": "frank's pass", "locked": "wrong", "bare": "x"}
    box = dovecot(users=users, alias={"locked": "frank", "bare": "frank"})
    box.create("Plain", "Sealed")
    box.save("Plain", *mails.ALL)
    box.save("Sealed", *sealed)
    with box.imap("bare") as bare, box.imap("locked") as locked, \
            box.imap() as client:
        stored = answers(bare, "Sealed")
        for _ in range(2):
            compare(answers(client, "Plain"), answers(client, "Sealed"))
            compare(stored, answers(locked, "Sealed"))
    assert all("does not open" in line for line in box.complaints())
