# SPDX-License-Identifier: MIT
"""A sender is told that his mail has expired: from the second door to his
own mailbox."""
import contextlib
import email
import os
import pathlib
import signal
import sqlite3
import struct
import subprocess

from helpers import arrives, empty_spools, fresh_word, inbox_with
from labkit import mailbox, story, wait
from labkit.node import children

TOOLS = pathlib.Path(__file__).resolve().parents[1] / "tools"
CAROL, BOB = "carol@carol.example", "bob@bob.example"
SPOOL = "/var/spool/agamid"


def held(node):
    """IDs of what waits there for Bob."""
    return {path.name.split(".")[0] for path in story.held(node, "bob")}


def sendmail(node, word, *options):
    """From one of Carol's own users to Bob, who is away; its bundle's ID."""
    before = held(node)
    node.exec("/usr/sbin/sendmail", "-f", CAROL, *options, BOB, stdin=f"Subject: {word}\n\nsecret {word}\n")
    new, = wait.until(lambda: held(node) - before, 30, "the mail to be held")
    return new


DEATHS = [  # where agamid-deliver dies, and whether its mail has gone then
    ("deliver.submit kill", 0), ("deliver.submit kill-after", 1), ("told.commit kill", 1)]


def told_once(lab, node):
    """SPEC N-12.6: agamid-deliver dies before, in and behind the handing over
    to sendmail(1), which goes on alone; each sender is told once."""
    word = fresh_word()
    for fault, gone in DEATHS:
        bundle_id = sendmail(node, word)
        record = records(node)[bundle_id]
        before = len(inbox_with(lab, node.name, "delivery-status"))
        was = node.command("pids")["agamid-deliver"]
        node.path("/run/agamid-faults").write_text(fault + "\n")
        assert ask(node, bundle_id, record) == ""
        node.path("/run/agamid-faults").unlink()
        wait.until(lambda: node.command("pids").get("agamid-deliver", was) != was, 60, "a new agamid-deliver")
        wait.until(lambda: ask(node, bundle_id, record) == "done", 60, f"an answer after {fault}")
        wait.until(lambda: len(inbox_with(lab, node.name, "delivery-status")) > before, 60, "the notification")
        node.path(f"{SPOOL}/dsn/{bundle_id}").unlink()
        log = (node.directory / "var/log/agamid-deliver.log").read_text()
        assert (f"notice settled event=dsn id={bundle_id}" in log) == bool(gone), fault
    wait.until(lambda: "empty" in node.exec("postqueue", "-p").stdout, 60, "an empty queue")
    return len(DEATHS)


# As relayd asks agamid-deliver; argv: the ID, and a record's file.
ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/agamid/deliver/deliver.sock")
with open(sys.argv[2], "rb") as record:
    socket.send_fds(s, [b"dsn " + sys.argv[1].encode() + b"\\n"], [record.fileno()])
print(s.recv(1000).decode())
"""


def ask(node, bundle_id, record):
    """A request for its notification; the answer's word, if there is one."""
    node.path("/run/record").write_bytes(record)
    return node.exec("python3", "-c", ASK, bundle_id, "/run/record", check=False).stdout.partition(" ")[0].strip()


def records(node):
    return {p.name: p.read_bytes() for p in node.path(f"{SPOOL}/dsn").iterdir()}


@contextlib.contextmanager
def sixty_one_days_later(node, tmp_path):
    """relayd by hand, on a node that has seen so many days more, and whose
    clock is synchronised."""
    library = tmp_path / "shift_clock.so"
    subprocess.run(["cc", "-O", "-shared", "-fPIC", "-o", library, TOOLS / "shift_clock.c"], check=True)
    node.stop_services("agamid-relayd")
    node.path("/run/shift_clock.so").write_bytes(library.read_bytes())
    node.path("/run/clock").write_bytes(struct.pack("qqq", 0, 0, True))
    database = node.directory / "var/lib/agamid/state/network.db"
    with contextlib.closing(sqlite3.connect(database)) as db, db:
        db.execute("UPDATE meta SET value = value + 61 WHERE name = 'day'")
    log = node.path("/var/log/agamid-relayd.log").open("ab")
    argv = ["setpriv", "--reuid=agamid", "--regid=agamid", "--init-groups", "env", "LD_PRELOAD=/run/shift_clock.so",
            "SHIFT_CLOCK=/run/clock", "/usr/local/libexec/agamid/agamid-relayd"]
    process = subprocess.Popen(node.enter_argv() + argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        for pid in children(process.pid):
            os.kill(pid, signal.SIGTERM)
        process.wait(30)
        log.close()
        node.start_services("agamid-relayd")


def test_own_user_is_told(lab, tmp_path):
    """SPEC N-12.4, N-12.5, N-12.6"""
    carol = lab.nodes["carol"]
    lab.nodes["bob"].off()
    word = fresh_word()
    told = sendmail(carol, word, "-V", "QQ+314", "-N", "failure,delay")
    quiet = sendmail(carol, fresh_word(), "-N", "never")
    kept = records(carol)
    assert list(kept) == [told] and quiet not in kept
    for text in (b"carol.example", b"bob@bob", b"QQ+314", b"\r\nQUIT"):
        assert text not in kept[told]
    # What Postfix does not take now is tried again; another's record is none.
    carol.path("/run/agamid-faults").write_text("deliver.submit error\n")
    assert ask(carol, told, kept[told]) == "retry"
    carol.path("/run/agamid-faults").unlink()
    assert ask(carol, quiet, kept[told]) == "refused"
    assert not inbox_with(lab, "carol", "delivery-status")
    others = told_once(lab, carol)
    assert len(inbox_with(lab, "carol", "delivery-status")) == others
    # A stranger's is not kept: nothing says that he is who he says.
    other = fresh_word()
    mailbox.submit(lab, "ann@sender.example", [BOB], story.message(other, BOB))
    wait.until(lambda: sum(len(held(lab.nodes[n])) for n in ("alice", "carol", "dave")) == 3 * (3 + others), 30, "all copies")
    for node in lab.nodes.values():
        if node.pid is not None:
            assert list(records(node)) == ([told] if node is carol else []), node.name
    with sixty_one_days_later(carol, tmp_path):
        wait.until(lambda: len(inbox_with(lab, "carol", "delivery-status")) > others, 60, "a notification")
        wait.until(lambda: not records(carol), 30, "the record to go")
        wait.until(lambda: not held(carol), 30, "what expired to go")
    found = inbox_with(lab, "carol", "delivery-status")
    assert len(found) == 1 + others
    assert word.encode() not in b"".join(found)
    assert ask(carol, told, kept[told]) == "done"  # it was told
    check_report(email.message_from_bytes(found[-1]))
    # The friends' copies are younger, and go home.
    lab.start(lab.nodes["bob"])
    arrives(lab, "bob", word)
    empty_spools(lab)
    assert len(inbox_with(lab, "carol", "delivery-status")) == 1 + others


def check_report(report):
    """RFC 6522, RFC 3464, RFC 3834"""
    assert report["Return-Path"] == "<>"
    assert report["To"] == f"<{CAROL}>"
    assert report["Auto-Submitted"] == "auto-replied"
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    words, status = report.get_payload()
    assert words.get_content_type() == "text/plain"
    assert BOB in words.get_payload()
    assert status.get_content_type() == "message/delivery-status"
    message, recipient = status.get_payload()
    assert message["Reporting-MTA"] == "dns; carol.friends.example"
    assert message["Original-Envelope-Id"] == "QQ+314"
    assert message["Arrival-Date"]
    assert recipient["Original-Recipient"] == f"rfc822; {BOB}"
    assert recipient["Final-Recipient"] == f"rfc822; {BOB}"
    assert recipient["Action"] == "failed"
    assert recipient["Status"] == "4.4.7"
