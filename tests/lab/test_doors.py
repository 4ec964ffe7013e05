# SPDX-License-Identifier: MIT
"""Who gets in: recipients, subdomains, own users, aliases, and what
happens while Agamid is stopped."""

from helpers import arrives, backups_refuse_or_take, empty_spools, fresh_word, inbox_with, stranger_says, wait_for_copies
from labkit import mailbox, story, wait

ANN = "ann@sender.example"
BOB = "bob@bob.example"


def test_unknown_address_refused_everywhere(lab):
    """SPEC N-1.4, N-16.3: an address that no pattern names gets 550 at home and at
    every backup; one with an extension is taken."""
    for name, (code, text) in backups_refuse_or_take(lab, "obsolete@bob.example", without=()).items():
        assert code == 550 and b"5.1.1" in text, (name, code, text)
    assert stranger_says(lab, "bob", ANN, ["bob+shop@bob.example"])[0][0][0] == 250
    lab.nodes["bob"].off()
    for name, (code, text) in backups_refuse_or_take(lab, "bob+shop@bob.example").items():
        assert code == 250, (name, code, text)


def test_unknown_address_is_temporary_where_the_list_may_be_old(lab):
    """SPEC N-1.11: Alice has not heard from Bob for eight days."""
    alice = lab.nodes["alice"]
    alice.stop_services("agamid-relayd")
    alice.exec("sh", "-c", "echo bob $(($(date +%s) - 8 * 86400)) >/run/agamid/relayd/confirmed")
    replies, _ = stranger_says(lab, "alice", ANN, ["obsolete@bob.example"])
    assert replies[0][0] == 450, replies
    alice.exec("sh", "-c", "echo bob $(($(date +%s) - 6 * 86400)) >/run/agamid/relayd/confirmed")
    replies, _ = stranger_says(lab, "alice", ANN, ["obsolete@bob.example"])
    assert replies[0][0] == 550, replies


def test_pattern_maps_to_mailbox(lab):
    """SPEC N-16.4, N-16.5: talktome+x@carol.example is Carol's mailbox `contact`."""
    word = fresh_word()
    mailbox.submit(lab, ANN, ["talktome+x@carol.example"], story.message(word, "talktome+x@carol.example"))
    arrives(lab, "carol", word)
    for name, (code, text) in backups_refuse_or_take(lab, "contact0614@carol.example", without=()).items():
        assert code == 550, (name, code, text)


def test_postmaster_always(lab):
    """SPEC N-1.4: RFC 5321 section 4.5.1 asks for it."""
    assert stranger_says(lab, "bob", ANN, ["postmaster@bob.example"])[0][0][0] == 250
    lab.nodes["bob"].off()
    for name, (code, text) in backups_refuse_or_take(lab, "postmaster@bob.example").items():
        assert code == 250, (name, code, text)


def test_subdomain_refused(lab):
    """SPEC N-1.2, N-16.2: Postfix's relay_domains would let it in."""
    for name, (code, text) in backups_refuse_or_take(lab, "bob@x.bob.example").items():
        assert code == 554, (name, code, text)


def test_alias_to_friend_is_sealed(lab):
    """SPEC N-18.1: team@carol.example is an alias for Bob: it leaves Carol
    sealed only."""
    word = fresh_word()
    lab.nodes["bob"].off()
    mailbox.submit(lab, ANN, ["team@carol.example"], story.message(word, "team@carol.example"))
    wait_for_copies(lab, "bob", 2)
    lab.start(lab.nodes["bob"])
    arrives(lab, "bob", word)
    empty_spools(lab)


def test_local_sendmail_to_friend(lab):
    """SPEC N-18.1, N-16.1: mail of Carol's own users and cron goes by the second
    door."""
    word = fresh_word()
    lab.nodes["bob"].off()
    lab.nodes["carol"].exec("/usr/sbin/sendmail", "-f", "carol@carol.example", BOB, stdin=f"Subject: {word}\n\nfrom cron\n")
    wait_for_copies(lab, "bob", 2)
    lab.start(lab.nodes["bob"])
    got = arrives(lab, "bob", word)
    assert b"from cron" in got


def test_two_homes_at_the_second_door(lab):
    """SPEC N-18.3: one local mail for two friends becomes two bundles."""
    word = fresh_word()
    for name in ("bob", "dave"):
        lab.nodes[name].off()
    lab.nodes["carol"].exec("/usr/sbin/sendmail", "-f", "carol@carol.example", BOB, "dave@dave.example", stdin=f"Subject: {word}\n\nboth\n")
    for name in ("bob", "dave"):
        wait_for_copies(lab, name, 2)
    for name in ("bob", "dave"):
        lab.start(lab.nodes[name])
    for name in ("bob", "dave"):
        arrives(lab, name, word)


def test_agamid_stopped(lab):
    """SPEC N-16.6, N-18.2, N-1.10: own mail flows; a peer's mail gets 451; what is in the
    queue for a peer stays there, never bounced, never in clear."""
    carol = lab.nodes["carol"]
    lab.nodes["bob"].off()
    for service in ("agamid-milter", "agamid-seal", "agamid-relayd", "agamid-deliver"):
        carol.stop_services(service)
    own = fresh_word("own")
    replies, data = stranger_says(lab, "carol", ANN, ["carol@carol.example"], story.message(own, "carol@carol.example"))
    assert replies[0][0] == 250 and data[0] == 250
    arrives(lab, "carol", own)
    replies, _ = stranger_says(lab, "carol", ANN, [BOB])
    assert replies[0][0] == 451, replies
    word = fresh_word()
    carol.exec("/usr/sbin/sendmail", "-f", "carol@carol.example", BOB, stdin=f"Subject: {word}\n\nwaits\n")
    wait.until(lambda: any(s == "deferred" for _, s, _ in story_lines(carol, BOB)), 60, "the mail to be deferred")
    assert inbox_with(lab, "carol", word) == []
    carol.start_services()
    lab.ready(carol)
    wait_for_copies(lab, "bob", 2)
    lab.start(lab.nodes["bob"])
    arrives(lab, "bob", word)


def story_lines(node, recipient):
    """Like story.deliveries, for a relay without brackets (LMTP)."""
    found = []
    for line in (node.directory / "var/log/mail.log").read_text(encoding="utf-8").splitlines():
        if f"to=<{recipient}>" in line and " status=" in line:
            status = line.split(" status=")[1].split()[0]
            found.append((None, status, line))
    return found
