#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""demo - the main job of Agamid before your eyes (called by tests/demo).

usage: demo.py --root DIR [--name NAME] [--keep]
"""

import argparse
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from labkit import mailbox, story, wait  # noqa: E402
from labkit.lab import Lab, LabError  # noqa: E402

WORD = "chrysanthemum"
BOB = "bob@bob.example"
HERE = pathlib.Path(__file__).resolve().parent


class Teller:
    """Prints the story with the time since it began."""

    def __init__(self):
        self.start = time.monotonic()
        self.number = 0

    def chapter(self, title):
        self.number += 1
        print(f"\n== {self.number}. {title}", flush=True)

    def say(self, text):
        print(f"  [{time.monotonic() - self.start:6.2f} s] {text}", flush=True)

    @staticmethod
    def quote(text):
        for line in text.rstrip("\n").splitlines():
            print(f"      | {line[:100]}", flush=True)


def show_hosts(tell, lab):
    tell.chapter("Four friends, each with a mail server at home")
    begun = time.monotonic()
    lab.up()
    tell.say(f"the lab is up in {time.monotonic() - begun:.1f} s: each host has its own network, files and")
    tell.say("processes, and runs Debian's own Postfix, Dovecot and sshd, with Agamid beside them:")
    for node in lab.nodes.values():
        print(f"      {node.name:8} {node.host:28} {node.address}")
    tell.say("a name server tells the world whose mail goes where (made by agamid-zone from the manifests):")
    for zone in sorted((lab.dns.directory / "etc/nsd-lab").glob("zone*")):
        lines = [line for line in zone.read_text(encoding="ascii").splitlines() if "\tMX\t" in line or " MX " in line]
        tell.quote("\n".join(line for line in lines if line.startswith("bob.example")))
    tell.say("the lowest number is asked first: Bob's own server; any friend comes second")


def bob_leaves(tell, lab):
    tell.chapter("Bob's modem dies while he is on holiday")
    lab.nodes["bob"].off()
    tell.say("bob is off: no process of his runs any more")


def mail_comes(tell, lab):
    tell.chapter("Ann, somewhere in the world, sends Bob a mail")
    sent = story.message(WORD, BOB)
    tell.quote(sent.decode())
    begun = time.monotonic()
    mailbox.submit(lab, "ann@sender.example", [BOB], sent)
    done = wait.until(
        lambda: [d for d in story.deliveries(lab.sender, BOB) if d[1] == "sent"], 60, "a friend to take Ann's mail"
    )
    relay, _, reply = done[0]
    acceptor = next(n for n in lab.nodes.values() if n.host == relay)
    tell.say(f"Ann's server tried Bob, then took the next in the zone; {time.monotonic() - begun:.1f} s after she pressed")
    tell.say(f"Send, {acceptor.name}'s Postfix ({relay}) had accepted it: {reply}")
    return sent, acceptor


def show_copies(tell, lab, acceptor):
    tell.chapter("It is sealed to Bob's key, and copied to other friends")
    friends = [n for n in lab.nodes.values() if n.name != "bob"]
    wait.until(lambda: len([n for n in friends if story.held(n, "bob")]) >= 3, 60, "copies at the other friends")
    for node in friends:
        for path in story.held(node, "bob"):
            role = "accepted it" if node is acceptor else "holds a copy"
            tell.say(f"{node.name} {role}: held/bob/{path.name[:16]}… {path.stat().st_size} bytes")
    path = story.held(acceptor, "bob")[0]
    data = path.read_bytes()
    tell.say("the file begins with a ticket that the friend signed (no sender, no recipient, no subject):")
    tell.quote(data[:1024].decode("ascii").rstrip())
    tell.say("and goes on as an OpenPGP message; what GnuPG can say of it there:")
    packets = subprocess.run(["gpg", "--batch", "--homedir", "/nonexistent", "--list-packets"], input=data[1024:], capture_output=True)
    tell.quote("\n".join(line for line in packets.stdout.decode().splitlines() if line.startswith(":")))
    return path


def nothing_readable(tell, lab):
    tell.chapter("No friend can read it")
    ok = True
    for node in lab.nodes.values():
        if node.name == "bob":
            continue
        found = story.files_with(node, WORD)
        count = sum(1 for p in node.directory.rglob("*") if p.is_file())
        ok = ok and not found
        tell.say(f"{node.name}: {count} files searched for “{WORD}”: " + (f"FOUND in {found}" if found else "in none"))
    return ok


def bob_returns(tell, lab, sent):
    tell.chapter("Bob is back, and reads his mail by IMAP")
    bob = lab.nodes["bob"]
    begun = time.monotonic()
    lab.start(bob)
    up = time.monotonic()
    tell.say(f"bob's server has booted ({up - begun:.1f} s)")

    def arrived():
        return mailbox.fetch_all(lab, bob, "bob")

    messages = wait.until(arrived, 60, "the mail in Bob's INBOX")
    tell.say(f"{max(0.0, time.monotonic() - up):.1f} s later the mail is in his INBOX; this is how it begins:")
    message = messages[0]
    top = message[: len(message) - len(mailbox.below_trace(message))].decode("utf-8", "replace")
    tell.quote(top)
    same = mailbox.below_trace(message) == sent
    tell.say(f"below these trace headers it has {len(sent)} bytes; compared with what Ann sent: " + ("IDENTICAL" if same else "DIFFERENT"))
    tell.say(f"messages in the INBOX: {len(messages)}; flags: {mailbox.flags_all(lab, bob, 'bob')[0]}")
    return same and len(messages) == 1


def copies_go(tell, lab):
    tell.chapter("Bob's receipt lets the friends delete their copies")
    wait.until(lambda: not story.spooled(lab), 60, "the spools to be empty")
    for node in lab.nodes.values():
        tell.say(f"{node.name}: bundles held: {len(story.held(node))}")


def look_around(name):
    option = "" if name == "lab" else f" --name {name}"
    print(
        f"""
The lab stays up. To look around (as root):
  {HERE / 'lab'} status{option}
  {HERE / 'lab'} imap{option} bob bob                   # Bob's mailbox; the password is "secret"
  {HERE / 'lab'} exec{option} bob agamid status
  {HERE / 'lab'} stop{option} bob; {HERE / 'lab'} start{option} bob      # the power; cut and heal are the cable
  {HERE / 'lab'} exec{option} sender swaks --server 192.0.2.1 --from ann@sender.example --to {BOB}
  {HERE / 'lab'} exec{option} carol agamid queue
  {HERE / 'lab'} down{option}"""
    )


def run(lab, keep):
    tell = Teller()
    show_hosts(tell, lab)
    bob_leaves(tell, lab)
    sent, acceptor = mail_comes(tell, lab)
    show_copies(tell, lab, acceptor)
    sealed = nothing_readable(tell, lab)
    same = bob_returns(tell, lab, sent)
    copies_go(tell, lab)
    print("\n== Summary")
    for good, text in (
        (True, f"{acceptor.name} accepted Ann's mail while Bob was away; Ann's server was told 250"),
        (True, "two more friends held a sealed copy"),
        (sealed, "no file of any friend showed its text"),
        (same, "Bob read it by IMAP, once, byte for byte as Ann sent it"),
        (True, "the friends deleted their copies on Bob's signed receipt"),
    ):
        print(f"  {'yes' if good else 'NO '}  {text}")
    if keep:
        look_around(lab.name)
    return sealed and same


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--name", default="demo")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    lab = Lab(args.name, root=args.root)
    if lab.directory.exists():
        print(f"(an older lab {lab.name} is taken down first)")
        lab.down()
    good = False
    try:
        good = run(lab, args.keep)
    except (LabError, AssertionError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        for node in lab.all():
            print(node.log_text(), file=sys.stderr)
    finally:
        if not args.keep:
            lab.down()
    sys.exit(0 if good else 1)


main()
