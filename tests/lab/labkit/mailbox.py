# SPDX-License-Identifier: MIT
"""Reading a node's mailboxes as a mail client does (IMAP, POP3), and
sending as the outside world does."""

import imaplib
import poplib
import smtplib

from . import files, netns

# Trace headers that delivery adds above a message.
TRACE = (b"return-path:", b"delivered-to:", b"received:", b"x-agamid-", b"authentication-results:")


def fetch_all(lab, node, user, folder="INBOX"):
    """Every message of a mailbox, as raw bytes, by IMAP."""
    with netns.inside(node.netns):
        client = imaplib.IMAP4(node.address, 143, timeout=60)
    with client:
        client.login(user, files.PASSWORD)
        client.select(folder, readonly=True)
        _, found = client.uid("SEARCH", "ALL")
        messages = []
        for uid in found[0].split():
            _, data = client.uid("FETCH", uid, "(BODY.PEEK[])")
            messages.append(data[0][1])
        return messages


def flags_all(lab, node, user):
    """Each message's flags, by IMAP."""
    with netns.inside(node.netns):
        client = imaplib.IMAP4(node.address, 143, timeout=60)
    with client:
        client.login(user, files.PASSWORD)
        client.select("INBOX", readonly=True)
        _, data = client.fetch("1:*", "(FLAGS)")
        return [line.decode() for line in data if line]


def fetch_all_pop3(lab, node, user):
    with netns.inside(node.netns):
        client = poplib.POP3(node.address, 110, timeout=60)
    try:
        client.user(user)
        client.pass_(files.PASSWORD)
        count, _ = client.stat()
        return [b"\r\n".join(client.retr(i + 1)[1]) + b"\r\n" for i in range(count)]
    finally:
        client.quit()


def below_trace(message):
    """The message without the trace headers on top: what was sent."""
    rest = message
    while rest.lower().startswith(TRACE):
        end = rest.index(b"\r\n") + 2
        while rest[end:end + 1] in (b" ", b"\t"):
            end = rest.index(b"\r\n", end) + 2
        rest = rest[end:]
    return rest


def smtp_from(lab, source, target, port=25):
    """An SMTP client on one node towards another's port."""
    with netns.inside(source.netns):
        return smtplib.SMTP(target.address, port, local_hostname=source.host, timeout=60)


def submit(lab, sender_address, recipients, message):
    """Hand a message to the outside sender's own Postfix, which looks up
    the MX and delivers; bytes with CRLF."""
    with smtp_from(lab, lab.sender, lab.sender) as client:
        client.ehlo()
        options = ["SMTPUTF8"] if any(ord(c) > 127 for a in recipients for c in a) else []
        options += ["BODY=8BITMIME"] if any(b > 127 for b in message) else []
        client.sendmail(sender_address, recipients, message, options)
