# SPDX-License-Identifier: MIT
"""
Random commands, the same ones to a folder of plain mails and to one of the
same mails sealed: every answer is the same. The seed is printed; with
AGAMID_SEED it is taken from there, and AGAMID_SOAK makes it long.
"""
import os
import random

import pytest

import mails
from dovebox import wait_for
from test_equal import FETCHES, OTHERS, SEARCHES, FORMATS, answer, look_into

STEPS = 2000 if "AGAMID_SOAK" in os.environ else 150
# A lazy preview is what happens to be there already.
ITEMS = [item.strip("()") for item in FETCHES
         if item.startswith("(") and "LAZY" not in item]
FLAGS = [r"\Seen", r"\Flagged", r"\Answered", r"\Draft", "$Backup", "word"]
KINDS = {"fetch": 40, "part": 10, "search": 20, "other": 10, "store": 8,
         "append": 6, "copy": 3, "delete": 2, "status": 3, "again": 2}


class Pair:
    """Both folders, each with its connection."""

    def __init__(self, box, sealed, seed):
        self.box, self.sealed, self.random = box, sealed, random.Random(seed)
        box.create("Plain", "Sealed", "PlainCopy", "SealedCopy")
        self.count = 0
        self.connect()
        for number in range(6):
            self.append(number)

    def connect(self):
        self.clients = [self.box.imap(), self.box.imap()]
        self.folders = self.random.choice(
            [("Plain", "Sealed"), ("PlainCopy", "SealedCopy")])
        seen = [look_into(*one) for one in zip(self.clients, self.folders)]
        assert seen[0] == seen[1]
        self.count = next(int(r.split()[1]) for r in seen[0] if b"EXISTS" in r)

    def close(self):
        for client in self.clients:
            client.close()

    def same(self, *commands):
        """One command for both, or one each."""
        plain, sealed = (answer(client, command) for client, command in
                         zip(self.clients, commands * 2))
        assert len(plain[0]) == len(sealed[0]), (commands, plain, sealed)
        for theirs, ours in zip(plain[0], sealed[0]):
            assert theirs == ours, commands
        assert plain[1] == sealed[1], commands

    def append(self, number):
        for client, folder, message in zip(
                self.clients, self.folders,
                (mails.ALL[number], self.sealed[number])):
            client.append(folder, message)
        self.same("NOOP")
        self.count += 1

    def mails(self):
        first, last = sorted(self.random.choices(range(1, self.count + 1), k=2))
        return self.random.choice([f"{first}", f"{first}:{last}", "1:*"])

    def step(self):
        kind, = self.random.choices(list(KINDS), KINDS.values())
        choice, number = self.random.choice, self.random.randrange
        if self.count == 0 or kind == "append":
            self.append(number(len(mails.ALL)))
        elif kind == "fetch":
            items = self.random.choices(ITEMS, k=choice([1, 1, 2, 4]))
            self.same(f"FETCH {self.mails()} ({' '.join(items)})")
        elif kind == "part":
            part = choice(["", "HEADER", "TEXT", "1", "2", "3", "3.1", "1.MIME"])
            self.same(f"FETCH {self.mails()} (BODY.PEEK[{part}]"
                      f"<{number(3000)}.{number(1, 3000)}>)")
        elif kind == "search":
            self.same(f"SEARCH {choice(SEARCHES[:-2])}")
        elif kind == "other":
            self.same(choice(OTHERS))
        elif kind == "store":
            self.same(f"STORE {self.mails()} {choice('+-')}FLAGS "
                      f"({choice(FLAGS)})")
        elif kind == "copy" and "Copy" not in self.folders[0]:
            which, how = self.mails(), choice(["COPY", "MOVE"])
            self.same(f"{how} {which} PlainCopy", f"{how} {which} SealedCopy")
            self.again()
        elif kind == "delete":
            self.same(f"STORE {number(1, self.count + 1)} +FLAGS (\\Deleted)")
            self.same("EXPUNGE")
            self.again()
        elif kind == "status":
            self.same("NOOP")
        else:
            self.again()

    def again(self):
        self.close()
        self.connect()


@pytest.mark.both
def test_random_commands(dovecot, sealer):
    """SPEC D-5.1: whatever comes in whatever order."""
    seed = int(os.environ.get("AGAMID_SEED", random.randrange(1 << 32)))
    name = sorted(FORMATS)[seed % 3]
    print(f"AGAMID_SEED={seed}, {name}, {STEPS} commands")
    box = dovecot(location=FORMATS[name])
    pair = Pair(box, sealer.seal(*mails.ALL), seed)
    for _ in range(STEPS):
        pair.step()
    pair.close()
    wait_for(lambda: "imap" not in box.processes().values(), "sessions to end")
    assert box.complaints() == []
