# SPDX-License-Identifier: MIT
"""agamid-deliver against the real Postfix: bundles in, mail in Bob's
mailbox, outcomes and receipts out."""
import base64
import hashlib
import hmac
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from deliver_home import Home
from home_postfix import wait_for

MESSAGE = (b"From: Ann <ann@sender.example>\r\nTo: talktome@bob.example\r\n"
           b"Subject: hello\r\nMessage-ID: <%s@sender.example>\r\n"
           b"\r\nGood morning, Bob.\r\n")


def fresh_message(number=[0]):
    """Unlike any before, so that none is a duplicate of another."""
    number[0] += 1
    return MESSAGE % str(number[0]).encode()


@pytest.fixture(scope="module")
def whole_home():
    base = tempfile.mkdtemp(prefix="dl-", dir="/tmp")
    home = Home(base)
    yield home
    home.close()
    shutil.rmtree(base)


@pytest.fixture
def home(whole_home, request):
    whole_home.reset()
    failed = request.session.testsfailed
    yield whole_home
    if request.session.testsfailed != failed:
        print(whole_home.log())
        print(whole_home.postfix.show())


# ---- mail arrives as it was sent ----

def test_mail_arrives(home):
    """SPEC N-10.6, B-3.12: the client is told to Postfix, our fields are on
    top, the rest is what was sent."""
    message = fresh_message()
    path = home.make(message)
    assert home.deliver(path) == ("done", "")
    mail, = home.new_mails(1)
    assert mail.below_trace() == message
    assert mail.to == "talktome@bob.example"
    assert "Return-Path: <ann@sender.example>" in mail.postfix
    assert ("Received: from mail.sender.example (mail.sender.example "
            "[198.51.100.7])") in mail.postfix
    bundle_id = path.name.split(".")[0]
    once = hmac.new(bytes.fromhex("0123456789abcdef" * 4),
                    bundle_id.encode(), hashlib.sha256).hexdigest()
    assert mail.ours["X-Agamid-Via"] == "carol"
    assert mail.ours["X-Agamid-Id"] == bundle_id
    assert mail.ours["X-Agamid-Once"] == once
    assert int(mail.ours["X-Agamid-Held"]) < 60
    assert home.signed(path) == [bundle_id]


MESSAGES = {
    "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n...\r\n\r\n.\r\n",
    "eight-bit": b"Subject: 8\r\n\r\n\xe4\xf6\xfc \x80\xff\r\n",
    "no-body": b"Subject: only a header\r\n\r\n",
    "folding": b"Subject:no blank\r\nX-A:\r\n\tfolded\r\n  \t twice\r\n"
               b"X-B:\t\r\n\r\n  body \t\r\n\r\n\r\n",
    "long-line": b"Subject: long\r\n\r\n" + b"x" * 100000 + b"\r\n",
    "nul": b"Subject: nul\r\n\r\na\x00b\r\n",
    "many-headers": b"".join(b"X-H%d: v\r\n" % n for n in range(1000))
                    + b"\r\nbody\r\n",
}


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_message_is_unchanged(home, kind):
    assert home.deliver(home.make(MESSAGES[kind])) == ("done", "")
    mail, = home.new_mails(1)
    assert mail.below_trace() == MESSAGES[kind]


@pytest.fixture(params=["rnp", "gpgme"])
def engine(home, request):
    """Both engines in turn; afterwards the default again."""
    home.stop()
    home.configure(request.param)
    home.start()
    yield request.param
    home.stop()
    home.configure("auto")
    home.start()


def test_large_mail_is_unchanged_and_memory_flat(home, engine):
    lines = [random.Random(7).randbytes(36).hex().encode()
             for _ in range(1000)]
    message = (b"Subject: large\r\nMessage-ID: <large@%s.example>\r\n\r\n"
               % engine.encode() + b"\r\n".join(lines * 280) + b"\r\n")
    assert len(message) > 20_000_000

    assert home.deliver(home.make(fresh_message())) == ("done", "")
    home.new_mails(1)

    def peak():
        status = pathlib.Path("/proc/%d/status" % home.pid()).read_text()
        return int(status.split("VmHWM:")[1].split()[0])
    small = peak()
    assert home.deliver(home.make(message)) == ("done", "")
    mail, = home.new_mails(1, 30)
    assert mail.below_trace() == message
    assert peak() - small < 8000  # kB


def test_bundle_that_changes_between_the_passes(home, engine):
    """SPEC N-10.5, B-5.6: the second time the engine finds it damaged, or it is
    another one: the connection is cut, and Postfix drops what it has."""
    message = fresh_message() + b"x" * 70 + b"\r\n" * 100000
    path, other = home.make(message), home.make(message)
    good = path.read_bytes()

    def change(request):
        if request["protocol_state"] == "RCPT":
            path.write_bytes(changes.pop())
        return "DUNNO"
    damaged = bytearray(good)
    damaged[-40] ^= 1
    changes = [bytes(damaged), good[:-1000],
               good[:1024] + other.read_bytes()[1024:]]
    home.postfix.policy.answer = change
    for _ in range(3):
        path.write_bytes(good)
        word, text = home.deliver(path)
        assert word == "retry", text
    home.new_mails(0)
    assert home.postfix.log().count("lost connection after DATA") >= 3
    home.postfix.policy.answer = lambda request: "DUNNO"
    path.write_bytes(good)
    assert home.deliver(path) == ("done", "")
    mail, = home.new_mails(1)
    assert mail.below_trace() == message


def test_smtputf8(home):
    message = "Subject: Grüße\r\n\r\nBärbel\r\n".encode()
    path = home.make(message, mail="<bärbel@sender.example> SMTPUTF8 "
                     "BODY=8BITMIME SIZE=99999999999",
                     rcpt=["<jürgen@bob.example>"])
    assert home.deliver(path) == ("done", "")
    mail, = home.new_mails(1)
    assert mail.to == "jürgen@bob.example"
    assert "with UTF8SMTP" in mail.postfix
    assert mail.below_trace() == message


def test_dsn_parameters_reach_postfix(home):
    """A success DSN goes out to who asked for it, by ORCPT and ENVID."""
    path = home.make(
        fresh_message(), mail="<reports@bob.example> RET=HDRS ENVID=QQ314",
        rcpt=["<talktome@bob.example> NOTIFY=SUCCESS "
              "ORCPT=rfc822;Talk@bob.example"])
    assert home.deliver(path) == ("done", "")

    def report():
        found = [path.read_bytes() for path in home.postfix.mails()]
        return [raw for raw in found if b"multipart/report" in raw]
    raw, = wait_for("the report", report)
    assert b"Original-Envelope-Id: QQ314" in raw
    assert b"Original-Recipient: rfc822;Talk@bob.example" in raw


def test_null_sender_and_many_recipients(home):
    rcpt = ["<user%d@bob.example>" % n for n in range(120)]
    assert home.deliver(home.make(fresh_message(), mail="<>", rcpt=rcpt)) \
        == ("done", "")
    mails = home.new_mails(120)
    assert {"<%s>" % mail.to for mail in mails} == set(rcpt)


def test_second_domain(home):
    path = home.make(fresh_message(), rcpt=["<x@bob.second.example>"])
    assert home.deliver(path) == ("done", "")
    home.new_mails(1)


# ---- who the client was ----

CLIENTS = {
    "ipv6": (["address=2001:db9::7", "name=six.example", "port=9"],
             ("2001:db9::7", "six.example")),
    "mapped": (["address=::ffff:198.51.100.9", "name=map.example"],
               ("198.51.100.9", "map.example")),
    "private": (["address=192.168.1.9", "name=printer.example"],
                ("unknown", "unknown")),
    "loopback": (["address=127.0.0.1", "name=localhost"],
                 ("unknown", "unknown")),
    "own-network": (["address=203.0.113.77", "name=near.example"],
                    ("unknown", "unknown")),
    "no-address": (["address=", "name=a.example"], ("unknown", "unknown")),
    "own-name": (["address=198.51.100.7", "name=bob.friends.example"],
                 ("198.51.100.7", "unknown")),
    "strange-name": (["address=198.51.100.7", "name=a..b@c"],
                     ("198.51.100.7", "unknown")),
}


@pytest.mark.parametrize("kind", sorted(CLIENTS))
def test_client_as_postfix_sees_it(home, kind):
    """SPEC N-10.4"""
    fields, (address, name) = CLIENTS[kind]
    path = home.make(fresh_message(), client=fields + ["helo=a+b=c"])
    assert home.deliver(path) == ("done", "")
    seen, = home.transactions()
    assert (seen["client_address"], seen["client_name"]) == (address, name)
    assert seen["helo_name"] == "a+b=c"
    home.new_mails(1)


def test_private_client_does_not_relay(home):
    """XCLIENT with an address of mynetworks opens nothing (it did
    where the listener inherits permit_mynetworks)."""
    path = home.make(fresh_message(), rcpt=["<victim@evil.example>"],
                     client=["address=192.168.1.9"])
    assert home.deliver(path)[0] == "quarantined"
    assert home.transactions() == []


@pytest.mark.parametrize("rcpt", ["<x%evil.example@bob.example>",
                                  "<evil.example!x@bob.example>",
                                  '<"x@evil.example"@bob.example>'])
def test_routed_recipient_does_not_relay(home, rcpt):
    """They are in our domain, so Postfix is asked; and says no."""
    path = home.make(fresh_message(), rcpt=[rcpt])
    word, text = home.deliver(path)
    assert (word, "Relay access denied" in text) == ("refused", True)
    home.new_mails(0)


# ---- what Postfix answers ----

def test_4xx_is_tried_again_for_those_recipients(home):
    """SPEC N-10.7, N-11.1"""
    home.postfix.policy.answer = lambda request: (
        "450 4.2.0 later" if request["recipient"].startswith("busy")
        else "DUNNO")
    message = fresh_message()
    path = home.make(message, rcpt=["<a@bob.example>", "<busy@bob.example>"])
    word, text = home.deliver(path)
    assert (word, "450 4.2.0" in text) == ("retry", True)
    assert home.new_mails(1)[0].to == "a@bob.example"
    assert len(home.signed(path)) == 1  # durable at home all the same
    assert path.name.split(".")[0] in home.listed()
    home.postfix.policy.answer = lambda request: "DUNNO"
    home.transactions()
    assert home.deliver(path) == ("done", "")
    assert [r["recipient"] for r in home.transactions()] == [
        "busy@bob.example"]
    mail, = home.new_mails(1)
    assert (mail.to, mail.below_trace()) == ("busy@bob.example", message)
    assert home.deliver(path) == ("duplicate", "")
    home.new_mails(0)


def test_4xx_after_the_message(home):
    home.postfix.policy.answer = lambda request: (
        "451 4.3.0 not now" if request["protocol_state"] == "END-OF-MESSAGE"
        else "DUNNO")
    path = home.make(fresh_message())
    word, text = home.deliver(path)
    assert (word, "451 4.3.0" in text) == ("retry", True)
    home.postfix.policy.answer = lambda request: "DUNNO"
    assert home.deliver(path) == ("done", "")
    home.new_mails(1)


def test_5xx_is_kept_in_refused_and_can_be_delivered_again(home):
    """SPEC N-10.7, N-11.1"""
    home.postfix.policy.answer = lambda request: (
        "550 5.1.1 nobody here" if request["recipient"].startswith("gone")
        else "DUNNO")
    path = home.make(fresh_message(),
                     rcpt=["<a@bob.example>", "<gone@bob.example>"])
    word, text = home.deliver(path)
    assert (word, "550 5.1.1" in text) == ("refused", True)
    assert home.new_mails(1)[0].to == "a@bob.example"
    assert path.name in home.kept("refused")
    kept = home.secret / "refused" / path.name
    assert kept.read_bytes() == path.read_bytes()
    bundle_id = path.name.split(".")[0]
    assert home.listed()[bundle_id] == "refused"
    assert home.signed(path) == [bundle_id]
    assert home.deliver(path) == ("duplicate", "")
    assert home.deliver(kept, "again")[0] == "refused"
    home.postfix.policy.answer = lambda request: "450 4.2.0 later"
    assert home.deliver(kept, "again")[0] == "retry"
    assert path.name in home.kept("refused")
    home.postfix.policy.answer = lambda request: "DUNNO"
    assert home.deliver(kept, "again") == ("done", "")
    assert home.new_mails(1)[0].to == "gone@bob.example"
    assert path.name not in home.kept("refused")
    assert bundle_id not in home.listed()


def test_what_was_signed_for_and_is_not_known(home):
    """SPEC N-11.4: delivery.db was lost, or an old one put back."""
    path = home.make(fresh_message())
    bundle_id = path.name.split(".")[0]
    word, text = home.deliver(path, "receipted")
    assert (word, "before delivery.db was lost" in text) == ("refused", True)
    assert home.new_mails(0) == []
    assert path.name in home.kept("refused") and home.signed(path) == [bundle_id]
    assert home.deliver(path, "receipted") == ("duplicate", "")
    assert home.deliver(home.secret / "refused" / path.name, "again") == ("done", "")
    assert len(home.new_mails(1)) == 1
    # What it knows is what it was: done, or to be tried again.
    assert home.deliver(path, "receipted") == ("duplicate", "")
    home.postfix.policy.answer = lambda request: "450 4.2.0 later"
    path = home.make(fresh_message())
    assert home.deliver(path)[0] == "retry"
    home.postfix.policy.answer = lambda request: "DUNNO"
    assert home.deliver(path, "receipted") == ("done", "")
    assert len(home.new_mails(1)) == 1


def test_sender_refused(home):
    home.postfix.policy.answer = lambda request: (
        "REJECT go away" if request["sender"] == "spam@sender.example"
        else "DUNNO")
    path = home.make(fresh_message(), mail="<spam@sender.example>")
    assert home.deliver(path)[0] == "refused"


def test_no_postfix(home):
    """SPEC N-10.12: local trouble keeps the bundle waiting; it is receipted,
    since it was opened and is good; and when Postfix is soon back nobody
    hears of it."""
    away = home.postfix.inject.with_name("away")
    path = home.make(fresh_message())
    home.postfix.inject.rename(away)
    try:
        home.request("deliver %s\n" % path.name.split(".")[0], path)
        wait_for("the trouble",
                 lambda: "Postfix takes no mail" in home.log(), 60)
        other = home.connect()
        home.request("sign %s\n" % path.name.split(".")[0], client=other)
        assert home.answer(other).startswith("receipt\n")
        other.close()
    finally:
        away.rename(home.postfix.inject)
    assert home.answer() == "done " + path.name.split(".")[0]
    home.new_mails(1)


def test_what_a_dead_postfix_left(home):
    """SPEC N-10.12: somebody answers the call and then says nothing, as an
    smtpd(8) does whose master(8) was killed; a new Postfix gets the mail at
    once."""
    inject = home.postfix.inject
    away = inject.with_name("away")
    path = home.make(fresh_message())
    inject.rename(away)
    left = socket.socket(socket.AF_UNIX)
    try:
        left.bind(str(inject))
        inject.chmod(0o666)
        left.listen(1)
        left.settimeout(60)
        home.request("deliver %s\n" % path.name.split(".")[0], path)
        hanging, _ = left.accept()
    finally:
        away.rename(inject)
    begun = time.monotonic()
    assert home.answer() == "done " + path.name.split(".")[0]
    assert time.monotonic() - begun < 120  # and not the five minutes of SMTP
    assert hanging.recv(1) == b""
    hanging.close()
    left.close()
    home.new_mails(1)


# ---- delivered once ----

def test_equal_mail_from_another_bundle(home):
    """SPEC N-10.9: the sender's 250 got lost; he sent again, to another
    friend."""
    message = fresh_message()
    first, second = home.make(message), home.make(message, "--client",
                                                  "port=40313")
    both = home.make(message, rcpt=["<talktome@bob.example>",
                                    "<other@bob.example>"])
    assert home.deliver(first) == ("done", "")
    assert home.deliver(second) == ("done", "")
    assert home.deliver(both) == ("done", "")
    assert sorted(mail.to for mail in home.new_mails(2)) == [
        "other@bob.example", "talktome@bob.example"]
    assert len(home.signed(first, second, both)) == 3


def test_equal_mail_without_message_id_is_delivered_twice(home):
    message = b"Subject: ping\r\n\r\nping\r\n"
    assert home.deliver(home.make(message)) == ("done", "")
    assert home.deliver(home.make(message)) == ("done", "")
    home.new_mails(2)


def test_equal_mails_at_the_same_time(home):
    """Two bundles of one mail, both workers busy: one goes in, the other
    one waits, and is done when the first one is."""
    message = fresh_message()
    paths = [home.make(message) for _ in range(2)]
    for path in paths:
        home.request("deliver %s\n" % path.name.split(".")[0], path)
    words = sorted(home.answer().split(" ")[0] for _ in paths)
    assert words in (["done", "done"], ["done", "retry"])
    for path in paths:
        assert home.deliver(path)[0] in ("done", "duplicate")
    home.new_mails(1)


def test_same_nonce_other_bundle(home):
    """SPEC N-10.8, B-9.6"""
    nonce = "ab" * 16
    first = home.make(fresh_message(), "--nonce", nonce)
    second = home.make(fresh_message(), "--nonce", nonce)
    assert home.deliver(first) == ("done", "")
    assert home.deliver(second) == ("duplicate", "")
    home.new_mails(1)
    assert len(home.signed(first, second)) == 2


# ---- what must not get in ----

def test_ticket_that_does_not_verify(home):
    """SPEC N-10.1, B-9.1, B-9.2: answered `invalid`: no copy, no
    receipt; the true bundle of the same ID is delivered afterwards."""
    message = fresh_message()
    cases = {
        "signature is wrong": home.make(message, "--break-signature"),
        "never had the ticket key": home.make(message, seed="stranger"),
        "dave may not hold": home.make(message, acceptor="dave"),
        "mallory is no peer": home.make(message, acceptor="mallory",
                                        seed="stranger"),
        "bob is no peer": home.make(message, acceptor="bob",
                                    seed="stranger"),
        "is for dave": home.make(message, "--home", "dave"),
        "of the network other.example": home.make(
            message, "--network", "other.example"),
        "SHA-256": home.make(message, "--flip-after", "500"),
        "the size": home.make(message, "--ticket-size", "77"),
    }
    for reason, path in cases.items():
        word, text = home.deliver(path)
        assert (word, reason in text) == ("invalid", True), (reason, text)
    assert home.signed(*cases.values()) == []
    good = home.make(message)
    other = "0" * 64
    word, text = home.deliver(good, bundle_id=other)
    assert (word, "another bundle's" in text) == ("invalid", True)
    (home.made / "empty").write_bytes(b"")
    assert home.deliver(home.made / "empty", bundle_id=other)[0] == "invalid"
    assert home.transactions() == []
    assert home.deliver(good) == ("done", "")
    home.new_mails(1)


def test_own_ticket_on_anothers_bundle(home):
    """SPEC B-9.4: a holder with a good key signs a ticket of its own for
    bytes that carol sealed, and is first. It must not get carol's mail into
    quarantine, nor a receipt for it."""
    good = home.make(fresh_message())
    forged = pathlib.Path(home.tool(
        "--sealed", good, "--acceptor", "alice", "--out", home.made,
        "--ticket-seed", home.seeds["alice"], "--name", "forged"))
    bundle_id = good.name.split(".")[0]
    word, text = home.deliver(forged, bundle_id=bundle_id)
    assert (word, text) == ("invalid", "alice did not seal this")
    assert home.signed(good) == []
    assert home.deliver(good) == ("done", "")
    assert home.deliver(forged, bundle_id=bundle_id) == ("duplicate", "")
    home.new_mails(1)


BATCH = (b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n"
         b"RCPT TO:<talktome@bob.example>\r\nDATA\r\nSubject: x\r\n\r\n"
         b"x\r\n.\r\nQUIT\r\n")

BATCHES = {
    "two-transactions": BATCH.replace(b"QUIT\r\n", b"", 1) + BATCH[16:],
    "after-quit": BATCH + b"MAIL FROM:<a@b.example>\r\n",
    "no-quit": BATCH.replace(b"QUIT\r\n", b""),
    "no-dot": BATCH[:-9],
    "no-rcpt": BATCH.replace(b"RCPT TO:<talktome@bob.example>\r\n", b""),
    "unknown-verb": BATCH.replace(b"MAIL", b"XCLIENT ADDR=127.0.0.1\r\nMAIL"),
    "unknown-parameter": BATCH.replace(b"b.example>", b"b.example> AUTH=<>"),
    "lf-in-path": BATCH.replace(
        b"<a@b.example>", b"<a@b.example\nRCPT TO:<v@evil.example>>"),
    "cr-in-path": BATCH.replace(b"<a@b.example>", b"<a@b.example\r>"),
    "source-route": BATCH.replace(b"<talk", b"<@evil.example:talk"),
    "foreign-rcpt": BATCH.replace(b"@bob.example", b"@evil.example"),
    "subdomain-rcpt": BATCH.replace(b"@bob.example", b"@x.bob.example"),
    "one-foreign-rcpt": BATCH.replace(
        b"DATA", b"RCPT TO:<v@evil.example>\r\nDATA"),
    "no-domain": BATCH.replace(b"talktome@bob.example", b"talktome"),
    "long-line": BATCH.replace(b"a@b.example", b"a" * 3000 + b"@b.example"),
    "empty": b"",
}


@pytest.mark.parametrize("kind", sorted(BATCHES))
def test_inside_that_is_not_one_sane_transaction(home, kind):
    """SPEC N-10.2, N-10.3, B-9.5, B-9.7: quarantined and receipted;
    Postfix never hears of it."""
    batch = home.base / "batch"
    batch.write_bytes(BATCHES[kind])
    path = home.make(b"", "--batch", batch)
    assert home.deliver(path)[0] == "quarantined"
    assert home.transactions() == []
    assert path.name in home.kept("quarantine")
    assert len(home.signed(path)) == 1
    assert home.deliver(path) == ("duplicate", "")


UNOPENABLE = {
    "damaged": ["--flip", "700"],
    "cut": ["--truncate", "600"],
    "appended": ["--append", "more"],
    "inside-home": ["--inside-home", "dave"],
    "inside-nonce": ["--inside-nonce", "00" * 16],
    "inside-time": ["--inside-time", "5"],
    "inside-network": ["--inside-network", "other.example"],
}


@pytest.mark.parametrize("kind", sorted(UNOPENABLE))
def test_bundle_that_cant_be_opened_or_disagrees(home, kind):
    """SPEC N-10.7, B-9.3, B-9.7"""
    path = home.make(fresh_message(), *UNOPENABLE[kind])
    assert home.deliver(path)[0] == "quarantined"
    assert path.name in home.kept("quarantine")
    assert len(home.signed(path)) == 1
    assert home.transactions() == []


def test_sealed_to_another_key(home):
    home.tool("--make-key", home.base / "other")
    path = pathlib.Path(home.tool(
        "--out", home.made, "--key", home.base / "other.pub",
        "--ticket-seed", home.seeds["carol"], "--mail", "<a@b.example>",
        "--rcpt", "<talktome@bob.example>", input=fresh_message()))
    assert home.deliver(path)[0] == "quarantined"


def test_not_openpgp_and_not_a_head(home):
    plain = home.base / "plain"
    plain.write_bytes(b"x" * 20000)
    assert home.deliver(home.make(b"", "--plain", plain))[0] == "quarantined"


@pytest.mark.parametrize("end", [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r\r\n",
    b"\r\n.\r\r\r\r\n", b"\r.\r\n", b"\n.\r", b"\r\n\x00.\r\n",
    b"\n\n.\n\n"])
def test_smuggling_in_a_message(home, end):
    """SPEC B-3.12: bytes that Postfix 3.7 takes for the end of a mail
    (lines.h) stay inside it."""
    message = (b"Subject: one\r\n\r\none" + end
               + b"MAIL FROM:<evil@evil.example>\r\n"
               b"RCPT TO:<talktome@bob.example>\r\nDATA\r\n"
               b"Subject: two\r\n\r\nsmuggled\r\n.\r\nQUIT\r\n")
    word, _ = home.deliver(home.make(message))
    # A lone dot of its own is no message that a milter writes; either
    # way there is one transaction at most.
    assert word in ("done", "quarantined")
    assert len(home.transactions()) == (1 if word == "done" else 0)
    for mail in home.new_mails(1 if word == "done" else 0):
        assert b"smuggled" in mail.message
        assert b"From evil" not in mail.raw


def test_smuggling_unstuffed(home):
    """The same with a batch whose dots are not even stuffed."""
    for end in (b"\n.\r\n", b"\n.\n"):
        batch = home.base / "batch"
        batch.write_bytes(BATCH.replace(
            b"x\r\n.\r\n", b"one" + end + b"MAIL FROM:<evil@evil.example>\r\n"
            b"RCPT TO:<talktome@bob.example>\r\nDATA\r\nsmuggled\r\n.\r\n"))
        assert home.deliver(home.make(b"", "--batch", batch)) == ("done", "")
        assert len(home.transactions()) == 1
        assert b"smuggled" in home.new_mails(1)[0].message


def test_foreign_agamid_fields_are_taken_out(home):
    """SPEC N-10.6"""
    message = (b"X-Agamid-Once: 00\r\nSubject: x\r\nx-aGAMID-via: mallory\r\n"
               b"\tfolded\r\n \r\nX-Agamid-Sealed : 1\r\nX-Other: 1\r\n"
               b"X-Agamid-\r\nTo: b\r\n\r\nX-Agamid-Once: in the body\r\n")
    assert home.deliver(home.make(message)) == ("done", "")
    mail, = home.new_mails(1)
    assert mail.below_trace() == (
        b"Subject: x\r\nX-Other: 1\r\nTo: b\r\n\r\n"
        b"X-Agamid-Once: in the body\r\n")


SEALED = b"""\
Date: Sun, 22 Nov 2026 08:00:00 +0000
Subject: Sealed mail
X-Agamid-Sealed: 1
MIME-Version: 1.0
Content-Type: multipart/encrypted;
\tprotocol="application/pgp-encrypted";
\tboundary="agamid-%(nonce)s"

--agamid-%(nonce)s
Content-Type: application/pgp-encrypted

Version: 1

--agamid-%(nonce)s
Content-Type: application/octet-stream

-----BEGIN PGP MESSAGE-----

abcd
-----END PGP MESSAGE-----

--agamid-%(nonce)s--
"""
ARMOR = b"-----BEGIN PGP MESSAGE-----\n\nabcd\n-----END PGP MESSAGE-----\n\n"


def verify(key, text, signature, scratch):
    """Ed25519, by OpenSSL."""
    der = bytes.fromhex("302a300506032b6570032100") + base64.b64decode(
        key.split(":")[1])
    for name, data in (("key", der), ("text", text), ("sig", signature)):
        (scratch / name).write_bytes(data)
    return subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey",
         scratch / "key", "-rawin", "-in", scratch / "text", "-sigfile",
         scratch / "sig"], capture_output=True, timeout=60).returncode == 0


def test_sealed_to_its_mailbox(home, tmp_path):
    """SPEC D-2.1, D-2.3, D-2.4, D-2.5: marked by us, and only then."""
    nonce = "0123456789abcdef" * 2
    message = (SEALED % {b"nonce": nonce.encode()}).replace(b"\n", b"\r\n")
    path = home.make(message, "--nonce", nonce, rcpt=["<sealed@bob.example>"])
    assert home.deliver(path) == ("done", "")
    mail, = home.new_mails(1)
    mark = re.search(rb"X-Agamid-Sealed: 1\n\tid=(\w+)\n\tmailbox=(\w+)\n"
                     rb"\tsha256=(\w+)\n\tsig=(\S+)\n", mail.raw)
    assert mark and mail.raw.count(b"X-Agamid-Sealed") == 1
    digest = hashlib.sha256(ARMOR).hexdigest().encode()
    assert mark.groups()[:3] == (
        path.name.split(".")[0].encode(), b"sealed", digest)
    text = b"agamid-sealed 1\n%s\n%s\n%s\n" % mark.groups()[:3]
    assert verify(home.sealed_key, text, base64.b64decode(mark[4]), tmp_path)


@pytest.mark.parametrize("rcpt, nonce", [
    ("<plain@bob.example>", "11" * 16), ("<sealed@bob.example>", "22" * 16)])
def test_not_sealed_by_the_acceptor(home, rcpt, nonce):
    """SPEC D-2.1: no key of its own; or a stranger's PGP/MIME."""
    inner = nonce if rcpt.startswith("<plain") else "33" * 16
    message = (SEALED % {b"nonce": inner.encode()}).replace(b"\n", b"\r\n")
    path = home.make(message, "--nonce", nonce, rcpt=[rcpt])
    assert home.deliver(path) == ("done", "")
    mail, = home.new_mails(1)
    assert b"X-Agamid-Sealed" not in mail.raw


def test_leading_continuation_does_not_touch_our_fields(home):
    message = b" forged\r\nSubject: x\r\n\r\nbody\r\n"
    assert home.deliver(home.make(message, "--no-received"))[0] == "done"
    mail, = home.new_mails(1)
    assert mail.message == b"\n forged\nSubject: x\n\nbody\n"


# ---- whatever dies, nothing is lost ----

def restart_after_kill(home, path, fault):
    """The daemon is killed at this point of the delivery; a new one is
    asked again. Its answer, and what was known before."""
    home.faults.write_text(fault + "\n")
    home.request("deliver %s\n" % path.name.split(".")[0], path)
    home.ended()
    home.faults.unlink()
    home.start()
    signed = home.signed(path)
    return home.deliver(path)[0], bool(signed)


@pytest.mark.parametrize("fault,mails,durable", [
    ("deliver.commit kill 1", 1, False),
    ("deliver.commit kill-after 1", 1, False),
    ("deliver.commit kill 2", 1, False),
    ("deliver.commit kill-after 2", 1, True),
    ("deliver.dot kill", 1, True),
    ("deliver.dot kill-after", 2, True),  # injecting: Sieve ends it
    ("deliver.commit kill 3", 2, True),
    ("deliver.commit kill-after 3", 1, True),
    ("deliver.reply kill", 1, True),
    ("deliver.reply kill-after", 1, True),
])
def test_killed_in_mid_delivery(home, fault, mails, durable):
    """SPEC N-10.8: and what may be on its way is not handed over at once."""
    path = home.make(fresh_message())
    expect = "duplicate" if "3" in fault and "after" in fault \
        or "reply" in fault else "done"
    begun = time.monotonic()
    assert restart_after_kill(home, path, fault) == (expect, durable)
    if durable and expect == "done":
        assert time.monotonic() - begun >= 3
    came = home.new_mails(mails)
    assert len({mail.ours["X-Agamid-Once"] for mail in came}) == 1


def test_killed_and_the_store_is_slow(home):
    """SPEC N-10.8: what an attempt gave to Postfix before a death stands in
    its queue; the mail is not handed over again until it is out of it."""
    store = home.postfix.base / "mail"
    path = home.make(fresh_message())
    store.chmod(0)
    try:
        home.faults.write_text("deliver.dot kill-after\n")
        home.request("deliver %s\n" % path.name.split(".")[0], path)
        home.ended()
        home.faults.unlink()
        home.start()
        home.request("deliver %s\n" % path.name.split(".")[0], path)
        wait_for("the look into the queue", lambda: home.log().count(
            "Postfix may have it in its queue") > 0, 60)
        assert len(home.transactions()) == 1
    finally:
        store.chmod(0o755)
        shutil.chown(store, 2905, 2905)
    home.postfix.exec("/usr/sbin/postqueue", "-f")
    assert home.answer() == "done " + path.name.split(".")[0]
    first, second = home.new_mails(2)  # no Sieve here
    assert first.ours["X-Agamid-Once"] == second.ours["X-Agamid-Once"]


def test_full_disk(home):
    """The ledger or the copy can't be written: retry, and nothing is
    receipted that isn't durable."""
    path = home.make(fresh_message())
    home.faults.write_text("deliver.commit error\n")
    assert home.deliver(path)[0] == "retry"
    home.faults.unlink()
    assert home.signed(path) == []
    bad = home.make(b"", "--flip", "700")
    home.faults.write_text("spool.fsync error\n")
    assert home.deliver(bad)[0] == "retry"
    home.faults.unlink()
    assert home.deliver(bad)[0] == "quarantined"
    assert home.deliver(path) == ("done", "")
    home.new_mails(1)


def test_many_at_once(home):
    """More requests than are read ahead; each is answered, in any order."""
    paths = [home.make(fresh_message()) for _ in range(40)]
    for path in paths:
        home.request("deliver %s\n" % path.name.split(".")[0], path)
    answers = sorted(home.answer() for _ in paths)
    assert answers == sorted(
        "done " + path.name.split(".")[0] for path in paths)
    assert len(home.signed(*paths)) == 40
    home.new_mails(40)


def test_stop_waits_for_what_runs(home):
    path = home.make(fresh_message())
    home.request("deliver %s\n" % path.name.split(".")[0], path)
    wait_for("the mail to be offered", lambda: home.postfix.policy.requests)
    home.stop()
    home.start()
    assert home.deliver(path) == ("duplicate", "")
    home.new_mails(1)


def test_what_ends_the_program_is_put_aside(home):
    """SPEC N-10.13: a bundle that kills the opener five times isn't opened
    again."""
    path = home.make(fresh_message())
    bundle_id = path.name.split(".")[0]
    for _ in range(5):
        home.faults.write_text("deliver.commit kill 2\n")
        home.request("deliver %s\n" % bundle_id, path)
        home.ended()
        home.faults.unlink()
        home.start()
    assert home.deliver(path)[0] == "quarantined"
    kept = home.secret / "quarantine" / path.name
    assert home.deliver(kept, "again") == ("done", "")
    assert path.name not in home.kept("quarantine")
    home.new_mails(1)


def test_what_the_engine_fails_at(home):
    """SPEC N-10.13: gpg dies of a bundle and does not say why, while it opens
    others: put aside after some times, and not before."""
    path = home.make(fresh_message())

    def fails(number):
        home.faults.write_text("deliver.open error%s\n" % (number * " "))
        word, text = home.deliver(path)
        home.faults.unlink()
        assert text == "fault point"
        return word
    begun = int(time.time())
    assert [fails(n) for n in range(1, 8)] == ["retry"] * 7
    assert home.signed(path) == []
    wait_for("the next second", lambda: time.time() >= begun + 2)
    assert home.deliver(home.make(fresh_message())) == ("done", "")
    assert fails(8) == "quarantined"
    kept = home.secret / "quarantine" / path.name
    assert home.deliver(kept, "again") == ("done", "")


# ---- the socket ----

def test_requests_that_are_none(home):
    for text in ("", "deliver\n", "deliver xyz\n", "sign\n", "stop\n",
                 "deliver " + "0" * 64):
        client = home.connect()
        client.send(text.encode() or b"\n")
        assert client.recv(100) == b"", text
        client.close()
    assert home.signed(pathlib.Path("0" * 64)) == []


ASK = """
import socket, sys
client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
client.connect(sys.argv[1])
try:
    socket.send_fds(client, [sys.argv[2].encode() + b"\\n"], [0])
    answered = client.recv(9) != b""
except OSError:
    answered = False
print("answered" if answered else "cut off")
"""


@pytest.mark.parametrize("user,request_text,answer", [
    ("agamid", "list", "answered"),
    ("agamid", "again " + "0" * 64, "cut off"),
    ("agamid-key", "again " + "0" * 64, "answered"),
    ("agamid", "totals", "answered"),
    ("agamid", "trace " + "0" * 64, "cut off"),
    ("agamid-key", "trace " + "0" * 64, "answered"),
    ("agamid-ssh", "list", "cut off"),
    ("agamid-milter", "list", "cut off"),
])
def test_who_may_ask(home, user, request_text, answer):
    """SPEC N-13.4"""
    sock = home.root / "run/agamid/deliver/deliver.sock"
    ran = subprocess.run(home.postfix.command(
        "/usr/bin/python3", "-c", ASK, sock, request_text, user=user),
        check=True, timeout=60, capture_output=True, text=True,
        stdin=open("/dev/null", "rb"))
    assert ran.stdout.strip() == answer


def test_process_is_closed(home):
    """Not dumpable: nobody but root may look into it."""
    proc = pathlib.Path("/proc/%d" % home.pid())
    limits = (proc / "limits").read_text()
    assert "Max core file size        0" in limits
    assert os.stat(proc / "environ").st_uid == 0
    assert "NoNewPrivs:\t1" in (proc / "status").read_text()
