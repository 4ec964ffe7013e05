# SPDX-License-Identifier: MIT
"""What the demo and the tests ask about a mail: who took it, who holds
it, and does any file of a node show its text?"""

import email.utils
import hashlib
import os
import pathlib
import re
import time

SENT = re.compile(r"to=<(?P<to>[^>]*)>.* relay=(?P<relay>[^\[]+)\[.* status=(?P<status>\w+) \((?P<reply>.*)\)")


def message(word, recipient, sender="ann@sender.example", body=None, extra=b""):
    """A message as bytes with CRLF, whose text holds `word`. Its
    Message-ID does not: that stands in Postfix's own log."""
    number = hashlib.sha256(word.encode()).hexdigest()[:16]
    now = email.utils.formatdate(time.time())
    head = (
        f"Date: {now}\r\nFrom: Ann <{sender}>\r\nTo: <{recipient}>\r\n"
        f"Subject: about {word}\r\nMessage-ID: <{number}@sender.example>\r\n"
    ).encode() + extra
    if body is None:
        body = f"Dear friend,\r\n\r\nthe word is {word}.\r\n.\r\n..and a line with dots\r\n\r\nAnn\r\n".encode()
    return head + b"\r\n" + body


def deliveries(node, recipient):
    """[(relay, status, reply)] for a recipient from a Postfix log."""
    log = node.directory / "var/log/mail.log"
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    found = [m for m in map(SENT.search, text.splitlines()) if m and m["to"] == recipient]
    return [(m["relay"], m["status"], m["reply"]) for m in found]


def held(node, home=None):
    """The bundle files that a node holds for a home (or for all)."""
    base = node.directory / "var/spool/agamid"
    found = list(base.glob(f"held/{home or '*'}/*")) + list(base.glob("new/*"))
    return sorted(p for p in found if p.is_file())


def spooled(lab):
    """Every bundle file in every spool of the lab, wherever it stands. (What
    a sealing that was killed left in dsn/ is no bundle; relayd sweeps it.)"""
    found = []
    for node in lab.nodes.values():
        base = node.directory / "var/spool/agamid"
        found += [p for p in base.rglob("*") if p.is_file() and p.parent.name != "dsn"]
    return found


def files_with(node, word, leave_out=()):
    """Files of a node (its own disk: /etc, /var, /home, /tmp) that
    contain the word; logs are named apart by the caller."""
    needle = word.encode()
    found = []
    for folder, _, names in os.walk(node.directory):
        for name in names:
            path = pathlib.Path(folder) / name
            inner = str(path.relative_to(node.directory))
            if inner.startswith(leave_out):
                continue
            try:
                if path.is_file() and not path.is_symlink() and needle in path.read_bytes():
                    found.append(inner)
            except OSError:
                continue  # it went away while we looked
    return found
