# SPDX-License-Identifier: MIT
"""The main job: Bob is away, mail for him is accepted, sealed, copied and
carried home, and he reads it as it was sent."""

import base64
import subprocess

import dkim
import pytest
from helpers import arrives, empty_spools, fresh_word, stranger_says, wait_for_copies
from labkit import mailbox, story, wait

BOB = "bob@bob.example"
ANN = "ann@sender.example"


def away(lab, name="bob"):
    lab.nodes[name].off()


def home(lab, name="bob"):
    lab.start(lab.nodes[name])


def through_friends(lab, sent, word, recipient=BOB, sender=ANN):
    """Send while Bob is away; bring him back; his copy of the mail."""
    away(lab)
    mailbox.submit(lab, sender, [recipient], sent)
    wait_for_copies(lab, "bob", 3 if len(sent) < 500_000 else 2)
    home(lab)
    got = arrives(lab, "bob", word)
    empty_spools(lab)
    return got


def test_whole_way(lab):
    """SPEC N-7.1, N-8.1, N-9.1, N-12.1: accepted by a friend, three hold it, nobody can read it,
    Bob has it once and unchanged, the copies go."""
    word = fresh_word()
    sent = story.message(word, BOB)
    away(lab)
    mailbox.submit(lab, ANN, [BOB], sent)
    wait_for_copies(lab, "bob", 3)
    relay, status, _ = wait.until(lambda: story.deliveries(lab.sender, BOB), 60, "the sender's log")[-1]
    assert status == "sent" and relay != "bob.friends.example"
    for name in ("alice", "carol", "dave"):
        assert story.files_with(lab.nodes[name], word) == []
    home(lab)
    got = arrives(lab, "bob", word)
    assert mailbox.below_trace(got) == sent
    assert b"X-Agamid-Via: " in got
    empty_spools(lab)
    assert "$Backup" in mailbox.flags_all(lab, lab.nodes["bob"], "bob")[-1]
    pop = [m for m in mailbox.fetch_all_pop3(lab, lab.nodes["bob"], "bob") if word.encode() in m]
    assert len(pop) == 1 and mailbox.below_trace(pop[0]) == sent


def body_8bit(word):
    return f"Grüße, {word}\r\n".encode("latin-1") + bytes(range(128, 256)) + b"\r\n"


ODD = {
    "8bit": lambda w: story.message(w, BOB, body=body_8bit(w)),
    "utf8-header": lambda w: story.message(w, BOB, extra="X-Street: grüne Straße\r\n".encode()),
    "no-space-header": lambda w: story.message(w, BOB, extra=b"X-A:v\r\nX-B:\tv\r\nX-C:\r\n folded\r\nX-D:  two \t \r\n"),
    "no-body": lambda w: story.message(w, BOB, body=b""),
    "dots": lambda w: story.message(w, BOB, body=f"{w}\r\n.\r\n..\r\n.x\r\n\r\n\r\n".encode()),
    "looks-like-smtp": lambda w: story.message(w, BOB, body=f"{w}\r\nQUIT\r\nRCPT TO:<x@y.example>\r\n".encode()),
    "long-line": lambda w: story.message(w, BOB, body=w.encode() + b"x" * 200_000 + b"\r\n"),
    "many-headers": lambda w: story.message(w, BOB, extra=b"".join(b"X-N%d: v\r\n" % i for i in range(1500))),
}


def test_odd_messages_unchanged(lab):
    """SPEC N-3.3, B-3.7, B-3.10: what a message looks like does not matter."""
    away(lab)
    words = {}
    for kind, make in ODD.items():
        word = fresh_word("odd")
        words[kind] = (word, make(word))
        replies, data = stranger_says(lab, "alice", ANN, [BOB], words[kind][1])
        assert replies[0][0] == 250 and data[0] == 250, (kind, replies, data)
    home(lab)
    for kind, (word, sent) in words.items():
        got = mailbox.below_trace(arrives(lab, "bob", word))
        assert got == sent, f"{kind}: {len(got)} bytes instead of {len(sent)}"
    empty_spools(lab)


def test_twenty_megabytes(lab):
    word = fresh_word()
    boundary = b"--=_b"
    part = (b"A" * 76 + b"\r\n") * 27_000
    body = b"%s\r\nContent-Type: text/plain\r\n\r\n%s\r\n" % (boundary, word.encode())
    for n in range(10):
        body += b"%s\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a%d\r\nContent-Transfer-Encoding: base64\r\n\r\n%s" % (boundary, n, part)
    body += boundary + b"--\r\n"
    extra = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=_b"\r\n'
    sent = story.message(word, BOB, body=body, extra=extra)
    assert len(sent) > 20_000_000
    assert mailbox.below_trace(through_friends(lab, sent, word)) == sent


def test_smtputf8(lab):
    """SPEC N-3.4, B-3.6: an internationalised sender (RFC 6531) stays one."""
    word = fresh_word()
    sent = story.message(word, BOB, sender="änn@sender.example")
    away(lab)
    with mailbox.smtp_from(lab, lab.sender, lab.sender) as client:
        client.ehlo()
        client.sendmail("änn@sender.example", [BOB], sent, ["SMTPUTF8", "BODY=8BITMIME"])
    wait_for_copies(lab, "bob", 3)
    home(lab)
    got = arrives(lab, "bob", word)
    assert mailbox.below_trace(got) == sent
    log = (lab.nodes["bob"].directory / "var/log/mail.log").read_text(encoding="utf-8")
    assert "from=<änn@sender.example>" in log  # Dovecot 2.3 itself writes Return-Path: <>


def test_three_classes_in_one_transaction(lab):
    """SPEC N-1.6: own, one friend's, another friend's recipient together:
    each gets it once."""
    word = fresh_word()
    away(lab)
    away(lab, "dave")
    sent = story.message(word, BOB)
    recipients = ["carol@carol.example", BOB, "dave@dave.example"]
    replies, _ = stranger_says(lab, "carol", ANN, recipients, sent)
    codes = [code for code, _ in replies]
    assert codes == [250, 452, 452], replies
    with mailbox.smtp_from(lab, lab.sender, lab.sender) as client:
        client.sendmail(ANN, recipients[1:], sent)
    wait_for_copies(lab, "bob", 2)
    wait_for_copies(lab, "dave", 2)
    home(lab)
    home(lab, "dave")
    for name in ("carol", "bob", "dave"):
        assert mailbox.below_trace(arrives(lab, name, word)) == sent
    empty_spools(lab)


def test_client_seen_at_home(lab):
    """SPEC N-10.4, B-2.4: Bob's Postfix sees the true client, not the friend."""
    word = fresh_word()
    got = through_friends(lab, story.message(word, BOB), word)
    assert b"mx.sender.example" in got.split(b"\r\n\r\n")[0]
    log = (lab.nodes["bob"].directory / "var/log/mail.log").read_text(encoding="utf-8")
    assert "client=mx.sender.example[192.0.2.1]" in log


def test_dkim_simple_simple_verifies_at_home(lab, tmp_path):
    """SPEC N-3.3: a DKIM signature (RFC 6376, simple/simple, all headers
    signed) that was made before the sealing verifies at home."""
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", str(key), "2048"], check=True, capture_output=True)
    public = subprocess.run(["openssl", "rsa", "-in", str(key), "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    word = fresh_word()
    plain = story.message(word, BOB, extra=b"X-Odd:no-space\r\nX-Fold:\tone\r\n\ttwo  \r\n", body=body_8bit(word))
    include = [b"date", b"from", b"to", b"subject", b"message-id", b"x-odd", b"x-fold"]
    signature = dkim.sign(plain, b"s", b"sender.example", key.read_bytes(), canonicalize=(b"simple", b"simple"), include_headers=include)
    got = through_friends(lab, signature + plain, word)
    assert dkim.verify(got, dnsfunc=lambda name, timeout=5: record)
    assert not dkim.verify(got.replace(word.encode(), b"forged"), dnsfunc=lambda name, timeout=5: record)


@pytest.mark.parametrize("tool", ["sq", "rnp"])
def test_independent_program_opens_bundle(lab, tool, tmp_path):
    """SPEC B-5.1, B-5.2, B-2.1, B-4.1: any OpenPGP program and Bob's key open a bundle, and find
    the batch SMTP transaction."""
    word = fresh_word()
    sent = story.message(word, BOB)
    away(lab)
    mailbox.submit(lab, ANN, [BOB], sent)
    holders = wait_for_copies(lab, "bob", 3)
    sealed = tmp_path / "sealed.pgp"
    sealed.write_bytes(story.held(lab.nodes[holders[0]], "bob")[0].read_bytes()[1024:])
    key = lab.nodes["bob"].directory / "var/lib/agamid-key/openpgp.asc"
    plain = tmp_path / "plain"
    if tool == "sq":
        subprocess.run(["sq", "decrypt", "--recipient-key", str(key), "-o", str(plain), str(sealed)], check=True, capture_output=True)
    else:
        ring = tmp_path / "rnp"
        ring.mkdir()
        subprocess.run(["rnpkeys", "--homedir", str(ring), "--import-keys", str(key)], check=True, capture_output=True)
        subprocess.run(["rnp", "--homedir", str(ring), "--password", "", "--decrypt", str(sealed), "--output", str(plain)], check=True, capture_output=True)
    text = plain.read_bytes()
    assert text.startswith(b"agamid-bundle 1 friends.example ")
    assert b"\r\nMAIL FROM:<ann@sender.example>" in text
    assert b"\r\nRCPT TO:<bob@bob.example>" in text
    assert b"\r\n.\r\nQUIT\r\n\0" in text
    home(lab)
    arrives(lab, "bob", word)
