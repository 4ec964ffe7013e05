# SPDX-License-Identifier: MIT
"""Every durable step of every program fails once, or the program dies at
it: what was answered with 250 is home all the same, once.

The steps are read from the sources: a new fault point is tried here
without being listed, and a durable call without one is found. All of them
take four minutes (AGAMID_SOAK); else a few are drawn, others on
each day."""

import datetime
import os
import pathlib
import random
import re

from helpers import arrives, empty_spools, fresh_word, send_until_taken, take_once
from labkit import story, wait

SOURCE = pathlib.Path(__file__).resolve().parents[2]
POINT = re.compile(r'fault_(point|after)\("([a-z]+\.[a-z]+)"\)')
BOB = "bob@bob.example"
FEW = 6


def read(*patterns):
    return {path: path.read_text(encoding="utf-8") for p in patterns for path in sorted(SOURCE.glob(p))}


def points(*patterns):
    """{point: the actions that it knows}, of these files."""
    found = {}
    for text in read(*patterns).values():
        for kind, name in POINT.findall(text):
            found.setdefault(name, set()).update({"error", "kill"} if kind == "point" else {"kill-after"})
    return found


ALL = {"error", "kill", "kill-after"}
# What is put together from a name and a step: lib/util/file.c, db.c.
WRITING = {**points("lib/mail/spool_writer.c"), "spool.dirsync": ALL}
DOORS = points("milter/*.c")


def of(family, found):
    return {name: actions for name, actions in found.items() if name.startswith(family + ".")}


# A session leaves the directories to relayd.
SESSION = {**points("relayd/session*.c"), **points("lib/mail/spool_writer.c")}
# Of those in relayd's own files; the first two when it says what is durable, and removes.
RELAYD = {name: actions for name, actions in points("relayd/*.c").items() if name not in SESSION}
LATER = ["relay.answer", "relay.unlink"]
STORES = {**{n: a for n, a in RELAYD.items() if n not in [*LATER, "relay.mkdir"]}, "relay.commit": ALL, "relay.dirsync": ALL}
DELIVERY = ["deliver.dot", "deliver.reply"]

STEPS = {  # (where, program): its points
    ("acceptor", "agamid-milter"): {**of("milter", DOORS), **WRITING},
    ("acceptor", "agamid-relayd"): STORES,
    ("holder", "agamid-relayd"): {**STORES, "relay.answer": RELAYD["relay.answer"]},
    ("holder", "session"): SESSION,
    ("sender", "agamid-seal"): {**of("seal", DOORS), **WRITING},
    ("sender", "agamid-relayd"): {"relay.unlink": RELAYD["relay.unlink"]},
    ("home", "session"): SESSION,
    ("home", "agamid-relayd"): {**STORES, **{n: RELAYD[n] for n in LATER}},
    ("home", "agamid-deliver"): {**{n: a for n, a in points("deliver/*.c").items() if n in DELIVERY}, "deliver.commit": ALL},
}


def cases(*places):
    """[(place, program, point, action)], all or today's few."""
    found = [
        (place, program, point, action)
        for (place, program), steps in STEPS.items() if place in places
        for point, actions in sorted(steps.items()) for action in sorted(actions)
    ]
    if not os.environ.get("AGAMID_SOAK"):
        today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
        found = random.Random(today + places[0]).sample(found, FEW)
    return found


class Fault:
    """One line for some nodes, while it is armed."""

    def __init__(self, nodes, program, point, action):
        # A session is the accepting program, or relayd's dialling child.
        programs = ["agamid-receive", "agamid-relayd"] if program == "session" else [program]
        self.nodes = nodes
        self.lines = "".join(f"{p}/{point} {action}\n" for p in programs)
        self.mark = f"fault point={point} action={action}"
        self.name = f"{program} {point} {action}"
        self.before = self.count()

    def files(self):
        return [n.path("/run/agamid-faults") for n in self.nodes]

    def __enter__(self):
        for path in self.files():
            path.write_text(self.lines, encoding="ascii")
        return self

    def __exit__(self, *_):
        for path in self.files():
            path.unlink(missing_ok=True)

    def count(self):
        logs = [log for n in self.nodes for log in (n.directory / "var/log").glob("agamid-*.log")]
        return sum(log.read_text(encoding="utf-8", errors="replace").count(self.mark) for log in logs)

    def fired(self):
        return self.count() > self.before


def test_steps_while_the_home_is_away(lab):
    """SPEC N-5.1, N-5.2, N-7.1, N-7.3: a stranger's mail, the copies, and what waits
    for them: he is told 4xx and comes again, or it is home, and never both twice."""
    lab.nodes["bob"].off()
    where = {"acceptor": ["carol"], "holder": ["alice", "carol", "dave"]}
    words = []
    for place, program, point, action in cases("acceptor", "holder"):
        with Fault([lab.nodes[n] for n in where[place]], program, point, action) as fault:
            begun = len(words)
            word = wait.until(lambda: send_into(lab, fault, words), 60, fault.name)
        print(f"{fault.name}: {len(words) - begun} taken")
        if word not in words:  # its sender was told 4xx, or nothing
            words.append(word)
            send_until_taken(lab, "carol", BOB, word)
    lab.start(lab.nodes["bob"])
    for word in words:
        arrives(lab, "bob", word, 120)
    empty_spools(lab, 120)


def send_into(lab, fault, words):
    """One mail; its word once the fault has happened."""
    word = fresh_word("step")
    if take_once(lab, "carol", BOB, word):
        words.append(word)
    return word if fault.fired() else None


def test_steps_while_the_home_is_there(lab):
    """SPEC N-10.8, N-11.1, N-12.1: a friend's own mail goes through Postfix's queue
    and the second door straight home, and is receipted."""
    carol, bob = lab.nodes["carol"], lab.nodes["bob"]
    where = {"sender": [carol], "home": [bob]}
    for place, program, point, action in cases("sender", "home"):
        word = fresh_word("step")
        with Fault(where[place], program, point, action) as fault:
            send_own(carol, word)
            wait.until(lambda: fault.fired() or carol.exec("postqueue", "-f").returncode, 60, fault.name)
        print(fault.name)
        wait.until(lambda: carol.exec("postqueue", "-f").returncode == 0 and "is empty" in carol.exec("postqueue", "-p").stdout, 60, "the queue to be empty")
        arrives(lab, "bob", word, 120)
    empty_spools(lab, 120)


def send_own(node, word):
    node.exec("sendmail", "-f", f"{node.name}@{node.name}.example", BOB, stdin=story.message(word, BOB).replace(b"\r\n", b"\n"))


# Durable calls without a fault point before them.
FREE = {
    "lib/util/db.c": ["rename("],  # a damaged database is moved aside
    "relayd/adopt.c": ["a->path_new"],  # need not be durable
}
DURABLE = re.compile(r"(?<![\w.])(fsync|fdatasync|rename|renameat|renameat2|link)\(")


def test_every_durable_call_has_its_point():
    """A step that can't be made to fail would never be tried."""
    bare = []
    sources = read("milter/*.c", "relayd/*.c", "deliver/*.c", "lib/util/file.c", "lib/util/db.c", "lib/mail/spool*.c")
    for path, text in sources.items():
        name = str(path.relative_to(SOURCE))
        lines = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.DOTALL).splitlines()
        for number, line in enumerate(lines):
            if not DURABLE.search(line) or any(free in line for free in FREE.get(name, [])):
                continue
            if not re.search(r"fault_point\(|file_fails\(", "\n".join(lines[max(0, number - 10) : number + 1])):
                bare.append(f"{name}:{number + 1}: {line.strip()}")
    assert bare == []
    assert len(sources) > 50


# Points that are not on a mail's way home, and the tests of what they are in.
ELSEWHERE = {
    "relay.mkdir": "tests/integration/test_relay.py",  # once, in a spool that is new: test_fault
    "deliver.submit": "tests/lab/test_expiry.py",  # a mail to a sender
    "deliver.sending": "tests/unit/test_deliver_sending.c",  # the same
    "deliver.open": "tests/integration/test_deliver.py",  # the engine, not a disk
    "rescue": "tests/lab/test_rescue.py",  # a program that removes nothing
    "home.dot": "tests/unit/test_lmtp_home.c",  # own mail, to Dovecot
}


def test_every_point_is_tried():
    """What the sources hold is what the two runs go through."""
    tried = {point for steps in STEPS.values() for point in steps}
    held = set(points("milter/*.c", "relayd/*.c", "deliver/*.c", "lib/mail/spool_writer.c"))
    left = {p for p in held - tried if p not in ELSEWHERE and p.partition(".")[0] not in ELSEWHERE}
    assert left == set() and len(held) > 12
    assert all((SOURCE / name).exists() for name in ELSEWHERE.values())
