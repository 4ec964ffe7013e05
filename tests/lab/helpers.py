# SPDX-License-Identifier: MIT
"""What several lab tests do in the same way."""

import itertools
import os
import smtplib

from labkit import mailbox, netns, story, wait

_numbers = itertools.count(1)


def fresh_word(kind="word"):
    """A word that no other mail of this run contains."""
    return f"{kind}{os.getpid()}x{next(_numbers)}q"


def inbox_with(lab, name, word, user=None):
    """The messages in a node's mailbox that contain a word."""
    node = lab.nodes[name]
    return [m for m in mailbox.fetch_all(lab, node, user or name) if word.encode() in m]


def arrives(lab, name, word, seconds=60, user=None):
    """Wait for the mail; then be sure that it is there once."""
    found = wait.until(lambda: inbox_with(lab, name, word, user), seconds, f"{word} in {name}'s mailbox")
    assert len(found) == 1, f"{len(found)} copies of {word}"
    return found[0]


def stranger_says(lab, target, sender, recipients, message=None, patience=60):
    """One SMTP transaction from the outside host to a node's port 25:
    ([(code, text) for each RCPT], (code, text) of DATA or None)."""
    with netns.inside(lab.sender.netns):
        client = smtplib.SMTP(lab.nodes[target].address, 25, local_hostname=lab.sender.host, timeout=patience)
    with client:
        client.ehlo()
        code, text = client.mail(sender)
        assert code == 250, text
        replies = [client.rcpt(r) for r in recipients]
        data = None
        if message is not None and any(code == 250 for code, _ in replies):
            data = client.data(message)
        return replies, data


def send_until_taken(lab, target, recipient, word):
    """As a sender does: again, when told 4xx or cut off."""
    return wait.until(lambda: take_once(lab, target, recipient, word), 60, f"{word} to be taken by {target}", every=0.2)


def take_once(lab, target, recipient, word):
    """One try: did the target say 250?"""
    try:
        _, data = stranger_says(lab, target, "ann@sender.example", [recipient], story.message(word, recipient))
    except (OSError, AssertionError):
        return False
    return data is not None and data[0] == 250


def backups_refuse_or_take(lab, recipient, without=("bob",)):
    """Each other node's answer to a RCPT for this recipient."""
    answers = {}
    for name in lab.nodes:
        if name not in without:
            replies, _ = stranger_says(lab, name, "ann@sender.example", [recipient])
            answers[name] = replies[0]
    return answers


def wait_for_copies(lab, home, count, seconds=60):
    """Until this many nodes hold a bundle for the home."""
    def holders():
        found = [n.name for n in lab.nodes.values() if n.name != home and story.held(n, home)]
        return found if len(found) >= count else None
    return wait.until(holders, seconds, f"{count} holders for {home}")


def empty_spools(lab, seconds=60):
    wait.until(lambda: not story.spooled(lab), seconds, "all spools to be empty")
