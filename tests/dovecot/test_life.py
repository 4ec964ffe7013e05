# SPDX-License-Identifier: MIT
"""Copies, other processes, long sessions, the other mode."""
import base64
import concurrent.futures
import fcntl
import os
import pathlib
import re
import signal
import time

import pytest

import conf
import mails
from dovebox import PLUGIN, UID, VERSION, Dovecot, wait_for
from test_equal import FORMATS, answers, compare, nothing_on_disk

TEXT = mails.crlf(mails.SIMPLE)


def files(box):
    """What of the user's mail is on disk."""
    return b"".join(p.read_bytes() for p in box.home().rglob("*")
                    if p.is_file())


@pytest.mark.both
@pytest.mark.parametrize("extra", ["", "maildir_copy_with_hardlinks = no\n"])
def test_copy_and_move(dovecot, sealer, extra):
    """SPEC D-5.4: within the format and into another, sealed on disk."""
    box = dovecot(extra=extra)
    with box.imap() as client:
        client.append("INBOX", sealer.seal(TEXT)[0])
        for folder in ("Same", "Other/Far"):
            client.ok(f"CREATE {folder}")
        client.ok("SELECT INBOX")
        client.ok("FETCH 1 (ENVELOPE RFC822.SIZE)")
        client.ok("COPY 1 Same")
        client.ok("COPY 1 Other/Far")
        client.ok("MOVE 1 Other/Far")
        assert client.bodies() == {}
        for folder, count in (("Same", 1), ("Other/Far", 2)):
            client.ok(f"SELECT {folder}")
            assert list(client.bodies().values()) == [TEXT] * count
            size = client.ok("FETCH 1:* (RFC822.SIZE)")
            assert b"RFC822.SIZE %d)" % len(TEXT) in size[0]
    assert files(box).count(b"BEGIN PGP MESSAGE") == 3
    nothing_on_disk(box, "Plain")
    assert box.complaints() == []


PASS = {"2.3": "plugin/agamid_pass", "2.4": "agamid_pass"}[VERSION[:3]]


@pytest.mark.both
def test_other_processes(dovecot, sealer):
    """SPEC D-3.1: loaded everywhere, and told the password, it works where
    a person reads, and nowhere else."""
    box = dovecot(everywhere="agamid", loaded="")
    box.lmtp(sealer.seal(TEXT)[0])
    with_pass = ("-o", f"{PASS}=frank's pass")
    with box.imap() as client:
        client.ok("SELECT INBOX")
        assert TEXT in client.bodies().values()
        fetched = box.doveadm(*with_pass, "fetch", "-u", "frank", "text", "ALL")
        assert b"BEGIN PGP MESSAGE" in fetched and mails.WORD not in fetched
        for number, command in enumerate(("backup", "sync", "sync")):
            target = box.dir / f"copy{number % 2}"
            target.mkdir(exist_ok=True)
            os.chown(target, UID, UID)
            box.doveadm(*with_pass, command, "-u", "frank",
                        f"maildir:{target}/b")
            copied = b"".join(p.read_bytes() for p in target.rglob("*")
                              if p.is_file())
            assert copied.count(b"BEGIN PGP MESSAGE") == 1
            assert mails.WORD not in copied
        box.doveadm(*with_pass, "index", "-u", "frank", "INBOX")
    assert "does nothing in lmtp" in box.log()
    nothing_on_disk(box, "Plain")


def test_indexer(dovecot, sealer):
    """SPEC D-3.1: what the indexer has put into the cache is not opened
    mail's, and is not taken for it."""
    box = dovecot(everywhere="agamid", loaded="")
    box.lmtp(sealer.seal(TEXT)[0])
    box.doveadm("index", "-q", "-u", "frank", "INBOX")
    wait_for(lambda: "does nothing in indexer-worker" in box.log(),
             "the indexer to work")
    with box.imap() as client:
        client.ok("SELECT INBOX")
        assert client.ok("SEARCH SUBJECT secretword") == [b"* SEARCH 1\r\n"]
        assert TEXT in client.bodies().values()
    nothing_on_disk(box, "Plain")


def test_nothing_outlives_the_session(dovecot, sealer):
    """SPEC D-5.3: in memory that nobody changes, swaps or dumps; no process
    with the key once the client is gone."""
    box = dovecot()
    with box.imap() as client:
        client.append("INBOX", sealer.seal(TEXT)[0])
        client.ok("SELECT INBOX")
        assert client.bodies() == {1: TEXT}
        pid = next(p for p, name in box.processes().items() if name == "imap")
        where = pathlib.Path(f"/proc/{pid}")
        memfds = [fd for fd in (where / "fd").iterdir()
                  if "memfd:agamid" in os.readlink(fd)]
        assert memfds
        for fd in memfds:
            with open(fd, "rb") as memfd:
                seals = fcntl.fcntl(memfd, fcntl.F_GET_SEALS)
            assert seals == (fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK |
                             fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
        assert re.search(r"VmLck:\s+[1-9]", (where / "status").read_text())
        assert (where / "environ").stat().st_uid == 0  # not dumpable
    wait_for(lambda: "imap" not in box.processes().values(), "imap ends")
    assert not any("gpg" in name for name in box.processes().values())


def attached(data):
    return (b"From: a@b.example\r\nSubject: attached secretword\r\n"
            b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x"
            b"\r\n\r\n--x\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(data).replace(b"\n", b"\r\n")
            + b"--x--\r\n")


@pytest.mark.both
def test_no_temporary_files(dovecot, sealer):
    """SPEC D-5.3: a large part, decoded, reaches no folder on disk."""
    box = dovecot(extra="mail_temp_dir = /no/such/folder\n")
    data = b"secretword\0\n" * 40000
    box.create("Plain", "Sealed")
    box.save("Plain", attached(data))
    box.save("Sealed", *sealer.seal(attached(data)))
    said = []
    for folder in ("Plain", "Sealed"):
        sessions = box.log().count("User session is finished")
        with box.imap() as client:
            client.ok(f"SELECT {folder}")
            assert data in client.ok("FETCH 1 (BINARY.PEEK[1])")[0]
        wait_for(lambda: box.log().count("User session is finished") >
                 sessions, "the log of that session")
        said.append(sum("/no/such/folder" in line for line in box.complaints()))
    assert 0 < said[0] == said[1]  # of the plain mail only


def hibernate(box, client):
    """Until the session's process has given it away; then wake it."""
    client.number += 1
    client.sock.sendall(b"a%d IDLE\r\n" % client.number)
    assert client.file.readline().startswith(b"+")
    wait_for(lambda: "imap" not in box.processes().values(),
             "the session to be hibernated")
    client.sock.sendall(b"DONE\r\n")
    while not client.read_reply().startswith(b"a%d OK" % client.number):
        pass


@pytest.mark.both
def test_hibernation(dovecot, sealer):
    """SPEC D-5.1, D-5.3: every answer is as before."""
    box = dovecot(hibernate="1 s")
    box.create("Plain", "Sealed")
    box.save("Plain", *mails.ALL[:5])
    box.save("Sealed", *sealer.seal(*mails.ALL[:5]))
    with box.imap() as client:
        client.ok("SELECT Sealed")
        before = client.bodies()
        hibernate(box, client)
        assert client.bodies() == before
        compare(answers(client, "Plain"), answers(client, "Sealed"))
    assert box.complaints() == []


def quota(box, how="get"):
    box.doveadm("quota", "recalc", "-u", "frank") if how == "recalc" else None
    return box.doveadm("-f", "tab", "quota", "get", "-u", "frank")


@pytest.mark.both
def test_quota(dovecot, sealer):
    """SPEC D-5.6: whoever counts counts what is stored."""
    box = dovecot(**conf.plugins(VERSION, ["quota"], ""))
    empty = quota(box)
    sealed = sealer.seal(*mails.ALL[:6])
    for mail in sealed[:3]:
        box.lmtp(mail)
    with box.imap() as client:
        client.ok("SELECT INBOX")
        sizes = [len(body) for body in client.bodies().values()]
        said = b"SIZE %d)" % sum(sizes)
        assert said in client.ok("STATUS INBOX (SIZE)")[0]
        for mail in sealed[3:]:
            client.append("INBOX", mail)
        client.bodies()
        client.ok("CREATE There")
        client.ok("COPY 2:3 There")
        client.ok("STORE 1,4 +FLAGS (\\Deleted)")
        client.ok("EXPUNGE")
        assert quota(box) == quota(box, "recalc") != empty
        for folder in ("INBOX", "There"):
            client.ok(f"SELECT {folder}")
            client.ok("STORE 1:* +FLAGS (\\Deleted)")
            client.ok("EXPUNGE")
        assert quota(box) == empty
    assert box.complaints() == []


def test_large_mail_in_parts(dovecot, sealer):
    """SPEC D-5.3: 34 MB in parts of 64 kB, decrypted once."""
    box = dovecot()
    text = b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * (2 << 20)
    with box.imap() as client:
        client.append("INBOX", sealer.seal(text)[0])
        client.ok("SELECT INBOX")
        got, part = [], 64 << 10
        for start in range(0, len(text), part):
            reply, = client.ok(f"UID FETCH 1 (BODY.PEEK[]<{start}.{part}>)")
            got.append(reply[reply.index(b"}\r\n") + 3:-3])
        assert b"".join(got) == text
    assert box.log().count("agamid: opened") == 1
    assert box.complaints() == []


def test_plugin_missing_or_of_another_version(key, sealer):
    """SPEC D-3.3: an error, and nothing shown."""
    box = Dovecot()
    try:
        box.install(key, sealer)
        plugin = box.dir / "modules" / PLUGIN.name
        plugin.unlink()
        box.start()
        with pytest.raises((AssertionError, OSError)):
            box.imap().ok("SELECT INBOX")
        wait_for(lambda: "agamid" in "".join(box.complaints()), "an error")
        data = PLUGIN.read_bytes()
        abi = re.search(rb"[0-9.]+ABIv[^\0]+", data)[0]
        plugin.write_bytes(data.replace(abi, abi.replace(b"ABIv", b"ABIx")))
        with pytest.raises((AssertionError, OSError)):
            box.imap().ok("SELECT INBOX")
        wait_for(lambda: "ABI" in "".join(box.complaints()), "an error")
    finally:
        box.close()


# ---- unseal ----

def state(client):
    """{body: (flags, INTERNALDATE)}"""
    found = {}
    for reply in client.ok("FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])"):
        flags = re.search(rb"FLAGS \(([^)]*)\)", reply)[1].split()
        date = re.search(rb'INTERNALDATE "([^"]*)"', reply)[1]
        body = reply[reply.index(b"}\r\n") + 3:-3]
        found.setdefault(body, []).append(
            (sorted(f for f in flags if f != rb"\Recent"), date))
    return found


@pytest.mark.both
@pytest.mark.parametrize("name", FORMATS)
def test_unseal(dovecot, sealer, name):
    """SPEC D-6.1: plaintext with flags and dates; the rest stays."""
    box = dovecot(location=FORMATS[name], mode="unseal")
    good = sealer.seal(*(mails.crlf(m) for m in (mails.SIMPLE, mails.MULTI)))
    bad = good[0].replace(b"mailbox=frank", b"mailbox=frenk")
    with box.imap() as client:
        client.append("INBOX", good[0], "\\Flagged $Backup \\Seen")
        client.append("INBOX", good[1], "\\Answered",
                      "21-Nov-2026 01:02:03 +0000")
        client.append("INBOX", bad)
    with box.imap() as client:
        client.ok("SELECT INBOX")
        assert state(client) == {
            mails.crlf(mails.SIMPLE): [([b"$Backup", b"\\Flagged", b"\\Seen"],
                                        b"22-Nov-2026 08:00:00 +0000")],
            mails.crlf(mails.MULTI): [([b"\\Answered"],
                                       b"21-Nov-2026 01:02:03 +0000")],
            bad: [([], b"22-Nov-2026 08:00:00 +0000")],
        }
        assert sorted(client.bodies()) == [3, 4, 5]
    fetched = box.doveadm("fetch", "-u", "frank", "text", "ALL")
    assert fetched.count(b"BEGIN PGP MESSAGE") == 1
    assert len(box.complaints()) == 1  # the bad one


@pytest.mark.parametrize("name", FORMATS)
def test_unseal_at_five_logins(dovecot, sealer, name):
    """SPEC D-6.2: one copy of each."""
    box = dovecot(location=FORMATS[name], mode="unseal")
    texts = [b"Subject: %d\r\n\r\nmail\r\n" % n for n in range(100)]
    with box.imap() as client:
        for mail in sealer.seal(*texts):
            client.append("INBOX", mail)

    def login(_):
        with box.imap() as client:
            client.ok("SELECT INBOX")
            return sorted(client.bodies().values())
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        for found in pool.map(login, range(5)):
            assert found == sorted(texts)
    assert box.complaints() == []


def kill_in_the_midst(box):
    """Log in, and kill the mail process a little later each time."""
    for delay in range(0, 40, 4):
        try:
            client = box.imap()
            pid = [p for p, name in box.processes().items() if name == "imap"]
            time.sleep(delay / 1000)
            for p in pid:
                os.kill(p, signal.SIGKILL)
            client.sock.close()
        except (AssertionError, OSError, ProcessLookupError):
            pass


def read_all(box):
    """All mails; None if the last kill hit this session."""
    try:
        with box.imap() as client:
            client.ok("SELECT INBOX")
            return list(client.bodies().values())
    except (AssertionError, OSError):
        return None


@pytest.mark.soak
def test_unseal_killed(dovecot, sealer):
    """SPEC D-6.2: killed in the midst, nothing is lost."""
    box = dovecot(mode="unseal")
    texts = {b"Subject: %d\r\n\r\nmail\r\n" % n for n in range(200)}
    with box.imap() as client:
        for mail in sealer.seal(*texts):
            client.append("INBOX", mail)
    kill_in_the_midst(box)
    found = wait_for(lambda: read_all(box), "a session that is not killed")
    assert set(found) == texts
    assert box.log().count("killed with signal 9") > 0
