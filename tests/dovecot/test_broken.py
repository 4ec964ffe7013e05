# SPDX-License-Identifier: MIT
"""What can't or mustn't be opened: shown as it is stored, and no harm done."""
import base64
import os
import re
import subprocess

import pytest

import mails
from dovebox import ENTER, Key, Sealer, run, wait_for

GOOD = [b"Subject: good one\n\nfirst\n", b"Subject: good two\n\nsecond\n"]


def armor(data):
    text = base64.encodebytes(data)
    return (b"-----BEGIN PGP MESSAGE-----\n\n" + text
            + b"-----END PGP MESSAGE-----\n")


def aes_cfb(key, iv, data):
    return run("openssl", "enc", "-aes-256-cfb", "-K", key, "-iv", iv.hex(),
               input=data)


def packet(tag, body):
    return bytes([0xc0 | tag, 0xff]) + len(body).to_bytes(4, "big") + body


def read_packets(data):
    """Yield (tag, body) of old- or new-format packets with known lengths."""
    at = 0
    while at < len(data):
        tag, at = data[at], at + 1
        if tag & 0x40:
            first, at = data[at], at + 1
            if first < 192:
                size = first
            elif first < 224:
                size, at = (first - 192 << 8) + data[at] + 192, at + 1
            else:
                size, at = int.from_bytes(data[at:at + 4], "big"), at + 4
            tag &= 0x3f
        else:
            bytes_ = 1 << (tag & 3)
            size, at = int.from_bytes(data[at:at + bytes_], "big"), at + bytes_
            tag = tag >> 2 & 15
        yield tag, data[at:at + size]
        at += size


def without_mdc(key, message):
    """A symmetrically encrypted packet (tag 9) to the key: no integrity."""
    key.gpg("--import", data=key.secret.read_bytes())
    sealed = key.gpg("--encrypt", "--compress-level", "0", "-r",
                     "frank@friends.example", data=b"x")
    shown = subprocess.run(
        ["gpg", "--homedir", str(key.home), "--batch", "--pinentry-mode",
         "loopback", f"--passphrase={key.passphrase}", "--show-session-key",
         "--decrypt"], input=sealed, capture_output=True, timeout=60,
        check=True).stderr.decode()
    session = shown.split("session key: '9:")[1].split("'")[0]
    pkesk = next(body for tag, body in read_packets(sealed) if tag == 1)
    prefix = os.urandom(16)
    head = aes_cfb(session, bytes(16), prefix + prefix[14:])
    literal = packet(11, b"b\0" + bytes(4) + message)
    return armor(packet(1, pkesk)
                 + packet(9, head + aes_cfb(session, head[2:18], literal)))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    where = tmp_path_factory.mktemp("other")
    key = Key(where, "other")
    yield key
    key.close()


def normal(mail):
    """As IMAP shows it."""
    return re.sub(rb"\r?\n", b"\r\n", mail)


def flip(mail):
    at = mail.index(b"\r\n\r\n", mail.index(b"BEGIN PGP")) + 200
    return mail[:at] + (b"B" if mail[at:at + 1] != b"B" else b"C") + mail[at + 1:]


@pytest.fixture(scope="module")
def broken(key, sealer, other, tmp_path_factory):
    """{what: (the stored mail, what its warning says, or None)}"""
    text = mails.crlf(mails.SIMPLE)
    encrypt = ("--armor", "--encrypt", "-r", "frank@friends.example")
    good = sealer.seal(text)[0]
    stranger = Sealer(tmp_path_factory.mktemp("stranger"), key)
    outside = key.gpg(*encrypt, data=text)
    bomb = key.gpg(*encrypt, "-z", "1", data=bytes(20 << 20))
    unsigned = good[good.index(b"Date: "):]
    return {
        "flipped": (flip(good), "not what this node signed"),
        "cut": (good[:len(good) * 2 // 3], "no whole PGP/MIME"),
        "signed damage": (sealer.wrap(outside[:200] + b"A" + outside[201:])[0],
                          "shown as it is"),
        "foreign key": (sealer.seal(text, key=other)[0], "shown as it is"),
        "no mdc": (sealer.wrap(without_mdc(key, text))[0],
                   "shown as it is"),
        "bomb": (sealer.wrap(bomb)[0], "more comes out"),
        "no armor": (sealer.wrap(b"not armored\n")[0], "shown as it is"),
        "empty": (sealer.seal(b"")[0], "nothing is in it"),
        "other signer": (stranger.seal(text)[0], "not signed by this node"),
        "forged": (b"X-Agamid-Sealed: 1\r\n" + text, "none of ours"),
        "unsigned": (b"X-Agamid-Sealed: 1\r\n" + unsigned, "none of ours"),
        "marked plain": (good[:good.index(b"Date: ")] + text,
                         "no whole PGP/MIME"),
        "PGP/MIME from outside": (unsigned, None),
    }


@pytest.mark.both
def test_broken(dovecot, sealer, broken):
    """SPEC D-3.2, D-4.1, D-4.2: each between two good mails, one FETCH."""
    box = dovecot()
    stored, expected = [], []
    good = sealer.seal(*GOOD)
    for mail, _ in broken.values():
        stored += [good[0], mail, good[1]]
        expected += [GOOD[0], mail, GOOD[1]]
    with box.imap() as client:
        for mail in stored:
            client.append("INBOX", mail)
        client.ok("SELECT INBOX")
        for _ in range(2):
            assert list(client.bodies().values()) == list(map(normal, expected))
        sizes = client.ok("FETCH 1:* (RFC822.SIZE)")
        assert [int(s.split()[4].rstrip(b")")) for s in sizes] == [
            len(normal(m)) for m in expected]
    log = box.complaints()
    assert len(log) == sum(w is not None for _, w in broken.values()), log
    for line, (what, (_, warning)) in zip(log, [
            item for item in broken.items() if item[1][1]]):
        assert warning in line, (what, line)
    assert "Panic" not in box.log() and "Fatal" not in box.log()


def test_nested(dovecot, sealer):
    """SPEC D-4.5: opened once."""
    box = dovecot()
    inner = sealer.seal(mails.crlf(mails.SIMPLE))[0]
    with box.imap() as client:
        client.append("INBOX", sealer.seal(inner)[0])
        client.ok("SELECT INBOX")
        assert client.bodies() == {1: inner}
    assert box.complaints() == []


def test_other_mailbox(dovecot, sealer):
    """A mark for a mailbox that is not the user's."""
    box = dovecot(settings="  agamid_mailbox = frank info\n")
    good = sealer.seal(GOOD[0])[0]
    foreign = sealer.seal(GOOD[0], mailbox="ann")[0]
    with box.imap() as client:
        for mail in (good, foreign):
            client.append("INBOX", mail)
        client.ok("SELECT INBOX")
        assert client.bodies() == {1: mails.crlf(GOOD[0]), 2: foreign}
    assert ["another mailbox" in line for line in box.complaints()] == [True]


def test_no_key(dovecot, sealer, key):
    """SPEC D-4.3: without a key nothing is said, and nothing is changed."""
    box = dovecot(with_key=False)
    good = sealer.seal(mails.crlf(mails.SIMPLE))[0]
    with box.imap() as client:
        client.append("INBOX", good)
        client.ok("SELECT INBOX")
        assert client.bodies() == {1: good}
    assert box.complaints() == []
    start = good.index(b"-----BEGIN PGP")
    key.gpg("--import", data=key.secret.read_bytes())
    assert key.gpg("--decrypt", data=good[start:]) == mails.crlf(mails.SIMPLE)


def logs_in(box):
    try:
        box.imap().close()
    except AssertionError:
        return False
    return True


def test_wrong_passphrase(dovecot, sealer):
    """SPEC D-4.3: 100 mails, one try; one warning and one notice mail."""
    box = dovecot(users={"frank": "changed"})
    good = sealer.seal(GOOD[0])[0]
    with box.imap() as client:
        for _ in range(100):
            client.append("INBOX", good)
    for _ in range(3):
        with box.imap() as client:
            client.ok("SELECT INBOX")
            bodies = client.bodies("1:100")
            assert set(bodies.values()) == {good}
            assert len(bodies) == 100
    with box.imap() as client:
        client.ok("SELECT INBOX")
        client.ok("STORE 1:100 +FLAGS.SILENT (\\Deleted)")
        client.ok("EXPUNGE")
        left = client.bodies()
        assert len(left) == 1
        assert b"does not open the key" in left.popitem()[1]
    warnings = box.complaints()
    assert len(warnings) == 3, warnings
    assert all("password does not open" in w for w in warnings)
    assert "changed" not in "".join(
        line for line in box.log().splitlines() if "agamid" in line)
    # The password fits again: the next change is told again.
    box.users["frank"] = "frank's pass"
    box.write_users()
    wait_for(lambda: logs_in(box), "the new password to be known")
    with box.imap() as client:
        client.append("INBOX", good)
        client.ok("SELECT INBOX")
        assert mails.crlf(GOOD[0]) in client.bodies().values()
    assert not (box.home() / ".agamid/secret.pgp.notice").exists()


def test_notice_that_can_not_be_saved(dovecot, sealer):
    """SPEC D-4.3: it is tried again when an hour has passed, not at each
    login."""
    box = dovecot(users={"frank": "changed"})
    box.save("INBOX", sealer.seal(GOOD[0])[0])
    mark, tmp = box.home() / ".agamid/secret.pgp.notice", box.home() / "Maildir/tmp"

    def look():
        with box.imap() as client:
            client.ok("SELECT INBOX")
            return len(client.bodies())

    def failures():
        return sum("notice not saved" in line for line in box.complaints())
    tmp.chmod(0o500)
    assert [look(), look()] == [1, 1]
    assert failures() == 1
    an_hour_ago = mark.stat().st_mtime - 3601
    os.utime(mark, (an_hour_ago, an_hour_ago))
    assert [look(), look()] == [1, 1]
    assert failures() == 2
    tmp.chmod(0o700)
    os.utime(mark, (an_hour_ago, an_hour_ago))
    look()
    assert [look(), look()] == [2, 2]
    os.utime(mark, (an_hour_ago, an_hour_ago))
    assert [look(), look()] == [2, 2] and failures() == 2


def test_key_of_others(dovecot, sealer):
    """A key file that others can read is not used."""
    box = dovecot()
    (box.home() / ".agamid/secret.pgp").chmod(0o644)
    good = sealer.seal(GOOD[0])[0]
    with box.imap() as client:
        client.append("INBOX", good)
        client.ok("SELECT INBOX")
        assert client.bodies() == {1: good}
    assert len(box.told("chmod 600")) == 1


# All that somebody may have thought of at once.
PASSWORD = "100%u%%w%{user}  two blanks, quo\"te's\\ gr\u00fc\u00df \u2603 "


@pytest.mark.both
def test_password(dovecot, tmp_path):
    """SPEC D-4.4: taken as it is, and in no log."""
    key = Key(tmp_path, PASSWORD)
    try:
        sealer = Sealer(tmp_path, key)
        box = dovecot(with_key=False, users={"frank": PASSWORD})
        box.home().joinpath(".agamid").rename(box.home() / "old")
        box.install(key, sealer)
        with box.imap() as client:
            client.append("INBOX", sealer.seal(GOOD[0])[0])
            client.ok("SELECT INBOX")
            assert client.bodies() == {1: mails.crlf(GOOD[0])}
        assert box.complaints() == []
        conf = run(*ENTER, "/usr/bin/doveconf", "-n", "-c", box.conf).decode()
        assert PASSWORD not in conf
        lines = [line for line in box.log().splitlines() if PASSWORD in line]
        assert not [line for line in lines if "agamid_pass=" + PASSWORD in line]
    finally:
        key.close()
