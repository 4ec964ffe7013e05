# SPDX-License-Identifier: MIT
"""From a stranger to a mail client, sealed all the way: the mailbox has a
key of its own, a friend takes the mail while its home is away, and there it
is read through Dovecot's plugin, though no file of that home has its text."""

import os
import pathlib

import pytest
from helpers import arrives, empty_spools, fresh_word
from labkit import files, mailbox, story, wait
from test_rotate import serials

BOB = "bob@bob.example"
ANN = "ann@sender.example"
SO = "lib05_agamid_plugin.so"
DOVECOT = """
mail_plugin_dir = /etc/dovecot/modules
passdb {
  driver = passwd-file
  args = scheme=plain username_format=%n /etc/dovecot/users
  override_fields = userdb_agamid_pass=%w
}
protocol imap {
  mail_plugins = $mail_plugins agamid
}
protocol pop3 {
  mail_plugins = $mail_plugins agamid
}
"""


def load_plugin(node):
    etc = node.directory / "etc/dovecot"
    modules = pathlib.Path("/usr/lib/dovecot/modules")
    (etc / "modules").mkdir()
    for entry in modules.iterdir():
        if entry.name != SO:
            (etc / "modules" / entry.name).symlink_to(entry)
    (etc / "modules" / SO).write_bytes(pathlib.Path(f"{os.environ['AGAMID_LAB_ROOT']}{modules}/{SO}").read_bytes())
    conf = etc / "dovecot.conf"
    text = conf.read_text(encoding="utf-8")
    start = text.index("passdb {")
    conf.write_text(text[:start] + text[text.index("}", start) + 2:] + DOVECOT, encoding="utf-8")
    return lambda: conf.write_text(text, encoding="utf-8")


def known_to_all(lab):
    wait.until(lambda: len(serials(lab, "bob")) == 1, 60, "Bob's new manifest everywhere")


@pytest.fixture
def bob(lab):
    """Bob, whose mailbox has a key now."""
    bob = lab.nodes["bob"]
    bob.exec("mkdir", "-p", "/home/bob")
    bob.exec("chown", "vmail:", "/home/bob")
    bob.exec("agamid", "key", "new", "bob", "--home", "/home/bob", "--sheet", "/home/sheet", stdin=files.PASSWORD + "\n")
    bob.exec("agamid", "manifest", "publish")
    known_to_all(lab)
    unload = load_plugin(bob)
    yield bob
    unload()
    bob.exec("agamid", "key", "remove", "bob")
    bob.exec("agamid", "manifest", "publish")
    known_to_all(lab)
    bob.exec("doveadm", "reload")


def test_read_as_it_was_sent(lab, bob):
    """SPEC D-1.2, D-2.1, D-5.1: by IMAP and by POP3, byte for byte."""
    bob.off()
    word = fresh_word("sealed")
    message = story.message(word, BOB)
    mailbox.submit(lab, ANN, [BOB], message)
    bob.boot()
    lab.start(bob)
    mail = arrives(lab, "bob", word)
    assert mailbox.below_trace(mail) == message
    assert mail in mailbox.fetch_all_pop3(lab, bob, "bob")
    stored = [p.read_bytes() for p in (bob.directory / "var/mail").rglob("*") if p.is_file()]
    assert not any(word.encode() in text for text in stored)
    assert sum(b"\nX-Agamid-Sealed: 1" in text or text.startswith(b"X-Agamid-Sealed: 1") for text in stored) == 1
    empty_spools(lab)
