# SPDX-License-Identifier: MIT
"""What stands on a mail that came through a friend: the friend's word on
what he saw, and the home's own on the DKIM signature, by a real opendkim."""

import base64
import json
import re
import subprocess

import dkim
import pytest
import yaml
from helpers import arrives, empty_spools, fresh_word, stranger_says, wait_for_copies
from labkit import mailbox, story, wait

BOB = "bob@bob.example"
ANN = "ann@sender.example"
PORT = 8891
LISTENER = "agamid-inject/unix/smtpd_milters"
OPENDKIM = f"""\
Mode v
AuthservID bob.friends.example
Socket inet:{PORT}@127.0.0.1
PidFile /run/opendkim.pid
TestPublicKeys /etc/agamid/dkim-keys
RequireSafeKeys no
Syslog no
"""


@pytest.fixture
def signer(lab, tmp_path):
    """The world's key, known to Bob's opendkim; mail with its signature."""
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", str(key), "2048"], check=True, capture_output=True)
    public = subprocess.run(["openssl", "rsa", "-in", str(key), "-pubout", "-outform", "DER"], check=True,
                            capture_output=True).stdout
    bob = lab.nodes["bob"]
    etc = bob.directory / "etc/agamid"
    (etc / "opendkim.conf").write_text(OPENDKIM, encoding="ascii")
    (etc / "dkim-keys").write_text("s._domainkey.sender.example v=DKIM1; k=rsa; p=%s\n" % base64.b64encode(public).decode(),
                                   encoding="ascii")
    bob.exec("postconf", "-P", f"{LISTENER}=inet:127.0.0.1:{PORT}")

    def sign(message):
        return dkim.sign(message, b"s", b"sender.example", key.read_bytes(), canonicalize=(b"relaxed", b"simple"),
                         include_headers=[b"date", b"from", b"to", b"subject", b"message-id"]) + message

    yield sign
    bob.exec("sh", "-c", "kill $(cat /run/opendkim.pid)")
    bob.exec("postconf", "-P", f"{LISTENER}=")
    bob.exec("postfix", "reload")


def home_with_opendkim(lab):
    bob = lab.nodes["bob"]
    bob.boot()
    bob.exec("opendkim", "-x", "/etc/agamid/opendkim.conf")
    wait.until(lambda: bob.path("/run/opendkim.pid").exists(), 60, "opendkim")
    lab.start(bob)


def results_of(mail):
    """{authserv-id: rest} of the Authentication-Results fields."""
    head = mail.partition(b"\r\n\r\n")[0].decode("latin-1")
    head = re.sub(r"\r\n[ \t]+", " ", head)
    fields = re.findall(r"^Authentication-Results: ([^;\s]+)[^;\n]*; ?(.*?)\r?$", head, re.M)
    assert len(fields) == len(dict(fields)), fields
    return dict(fields)


def test_what_was_seen(lab, signer):
    """SPEC N-10.10, N-10.11: the friend's word under the friend's name, the
    home's own about DKIM, and nothing forged under either."""
    lab.nodes["bob"].off()
    words = {"good": fresh_word("dkim"), "bad": fresh_word("dkim")}
    forged = b"".join(b"Authentication-Results: %s;\r\n dkim=pass header.d=bank.example\r\n" % host for host in (
        b"alice.friends.example", b'"carol.friends.example" 1', b"(x) dave.friends.example", b"BOB.friends.example."))
    other = b"Authentication-Results: mx.elsewhere.example; spf=none\r\n"
    for kind, word in words.items():
        message = signer(story.message(word, BOB))
        if kind == "bad":
            message = message.replace(word.encode() + b".\r\n", word.encode() + b"!\r\n")
        mailbox.submit(lab, ANN, [BOB], forged + other + message)
    wait.until(lambda: len(story.held(lab.nodes["alice"], "bob")) == 2, 60, "both to be held")
    wait_for_copies(lab, "bob", 3)
    home_with_opendkim(lab)
    for kind, word in words.items():
        mail = arrives(lab, "bob", word)
        via = re.search(rb"^X-Agamid-Via: (\w+)\r$", mail, re.M)[1].decode()
        seen = results_of(mail)
        assert set(seen) == {f"{via}.friends.example", "bob.friends.example", "mx.elsewhere.example"}, seen
        assert "iprev=pass policy.iprev=192.0.2.1" in seen[f"{via}.friends.example"]
        assert "x-tls=pass smtp.version=TLSv1" in seen[f"{via}.friends.example"]
        assert ("dkim=pass" in seen["bob.friends.example"]) == (kind == "good"), seen
        assert "dkim=fail" in seen["bob.friends.example"] or kind == "good"
    empty_spools(lab)


def test_spf_of_the_friends_postfix(lab):
    """SPEC N-3.8: taken from the field that Postfix prepends, and from no other."""
    alice = lab.nodes["alice"]
    config = alice.directory / "etc/agamid/agamid.yaml"
    before = config.read_text(encoding="utf-8")
    words = {name: fresh_word("spf") for name in ("alice", "carol")}
    lab.nodes["bob"].off()
    try:
        config.write_text(json.dumps({**yaml.safe_load(before), "spf": "header"}), encoding="utf-8")
        alice.exec("postconf", "-e", "smtpd_sender_restrictions=check_sender_access static:{PREPEND Received-SPF: Pass (ok) identity=mailfrom}")
        alice.exec("postfix", "reload")
        alice.stop_services("agamid-milter")
        alice.start_services("agamid-milter")
        lab.ready(alice)
        for name, word in words.items():
            claimed = b"Received-SPF: %s (I say so)\r\n" % (b"Fail" if name == "alice" else b"Pass")
            replies, data = stranger_says(lab, name, ANN, [BOB], claimed + story.message(word, BOB))
            assert data[0] == 250, (replies, data)
    finally:
        config.write_text(before, encoding="utf-8")
        alice.exec("postconf", "-X", "smtpd_sender_restrictions")
        alice.exec("postfix", "reload")
        alice.stop_services("agamid-milter")
        alice.start_services("agamid-milter")
        lab.ready(alice)
    lab.start(lab.nodes["bob"])
    for name, word in words.items():
        seen = results_of(arrives(lab, "bob", word))[f"{name}.friends.example"]
        assert ("spf=pass smtp.mailfrom=\"ann@sender.example\"" in seen) == (name == "alice"), seen
        assert "spf=fail" not in seen
    empty_spools(lab)
