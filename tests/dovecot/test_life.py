# SPDX-License-Identifier: MIT
"""Copies, other processes, long sessions, the other mode."""
import concurrent.futures
import os
import re
import signal
import time

import pytest

import mails
from dovebox import PLUGIN, VERSION, Dovecot, wait_for
from test_equal import FORMATS, nothing_on_disk

TEXT = mails.crlf(mails.SIMPLE)


def files(box):
    """What of the user's mail is on disk."""
    return b"".join(p.read_bytes() for p in box.home().rglob("*")
                    if p.is_file())


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


def test_other_processes(dovecot, sealer):
    """SPEC D-3.1: loaded everywhere, it works where a person reads."""
    box = dovecot(everywhere="agamid", loaded="")
    box.lmtp(sealer.seal(TEXT)[0])
    with box.imap() as client:
        client.ok("SELECT INBOX")
        assert TEXT in client.bodies().values()
        fetched = box.doveadm("-o", "plugin/agamid_pass=frank's pass",
                              "fetch", "-u", "frank", "text", "ALL")
        assert b"BEGIN PGP MESSAGE" in fetched and mails.WORD not in fetched
        target = box.dir / "backup"
        target.mkdir()
        os.chown(target, 31500, 31500)
        box.doveadm("-o", "plugin/agamid_pass=frank's pass", "backup", "-u",
                    "frank", f"maildir:{target}/b")
        copied = b"".join(p.read_bytes() for p in target.rglob("*")
                          if p.is_file())
        assert b"BEGIN PGP MESSAGE" in copied and mails.WORD not in copied
    assert "does nothing in lmtp" in box.log()
    nothing_on_disk(box, "Plain")


def test_nothing_outlives_the_session(dovecot, sealer):
    """SPEC D-5.3: no process with the key once the client is gone."""
    box = dovecot()
    with box.imap() as client:
        client.append("INBOX", sealer.seal(TEXT)[0])
        client.ok("SELECT INBOX")
        assert client.bodies() == {1: TEXT}
        pid = next(p for p, name in box.processes().items() if name == "imap")
        opened = [os.readlink(f"/proc/{pid}/fd/{fd}")
                  for fd in os.listdir(f"/proc/{pid}/fd")]
        assert any("memfd:agamid" in name for name in opened)
    wait_for(lambda: "imap" not in box.processes().values(), "imap ends")
    assert not any("gpg" in name for name in box.processes().values())


def test_hibernation(dovecot, sealer):
    """SPEC D-5.3: opened before and after."""
    box = dovecot(hibernate="1 s")
    with box.imap() as client:
        client.append("INBOX", sealer.seal(TEXT)[0])
        client.ok("SELECT INBOX")
        assert client.bodies() == {1: TEXT}
        client.number += 1
        client.sock.sendall(b"a%d IDLE\r\n" % client.number)
        assert client.file.readline().startswith(b"+")
        wait_for(lambda: "imap" not in box.processes().values(),
                 "the session to be hibernated")
        client.sock.sendall(b"DONE\r\n")
        while not client.read_reply().startswith(b"a%d OK" % client.number):
            pass
        assert client.bodies() == {1: TEXT}
    assert box.complaints() == []


OTHERS = {
    "2.3": [("zlib", "  zlib_save = gz\n"),
            ("quota", "  quota = count:User quota\n  quota_vsizes = yes\n"
             "  quota_rule = *:storage=1G\n")],
    "2.4": [("mail_compress", "mail_compress_write_method = gz\n"),
            ("quota", "quota \"User quota\" {\n  storage_size = 1G\n}\n")],
}


@pytest.mark.parametrize("plugins, settings", OTHERS[VERSION[:3]])
def test_with_other_plugins(dovecot, sealer, plugins, settings):
    box = dovecot(everywhere=plugins, settings=settings)
    sealed = sealer.seal(*mails.ALL[:6])
    box.create("Plain", "Sealed")
    box.save("Plain", *mails.ALL[:6])
    box.save("Sealed", *sealed)
    with box.imap() as client:
        replies = []
        for folder in ("Plain", "Sealed"):
            client.ok(f"SELECT {folder}")
            replies.append(client.ok(
                "FETCH 1:* (RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])"))
    assert replies[0] == replies[1]
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
