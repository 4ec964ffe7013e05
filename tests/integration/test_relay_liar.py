# SPDX-License-Identifier: MIT
"""A friend's program that lies at random in every way the grammar leaves
room for. The verbs and their words are read from relayd/proto.c, so that a
new one is lied with, too. AGAMID_SEED repeats one run; AGAMID_SOAK makes it
long, from a seed of its own."""

import os
import pathlib
import random
import re
import select
import socket
import tempfile
import threading
import time

import pytest
from relay_net import NETWORK, SOURCE, Caller, Net, made, ticket_of, wait_for

SOAK = bool(os.environ.get("AGAMID_SOAK"))
SHAPE = re.compile(r'\{PROTO_\w+, "([a-z-]+)", "([a-z]*)", (INSIDE|WIRE|CARRIED), (\w+)\}')
MEMORY = 48 << 20


def shapes():
    """[(verb, letters of its words)] of the wire."""
    text = (SOURCE / "relayd/proto.c").read_text(encoding="utf-8")
    found = [(verb, words) for verb, words, reach, _ in SHAPE.findall(text) if reach != "INSIDE"]
    assert len(found) > 30
    return found


class Liar:
    """Knows true things of everybody's, and says them where they don't belong."""

    def __init__(self, net, dice, true_ids):
        self.dice = dice
        self.shapes = [s for s in shapes() if s[0] not in ("agamid-relay", "bye")]
        self.ids = true_ids + [f"{dice.getrandbits(256):064x}" for _ in range(4)]
        self.texts = [ticket_of(p) for n in net.nodes.values() for p in n.path("out").iterdir()]
        # Receipts by everybody but Bob, who is believed whoever brings his.
        self.texts += [n.receipt(i, home=home) for n in net.nodes.values() if n is not net.bob for i in true_ids for home in ("bob", n.name)]
        self.texts += [p.read_bytes()[:65536] for p in net.alice.path("var/lib/agamid/derived/manifests").iterdir()]

    def number(self, most=1 << 53):
        return self.dice.choice([0, 1, 2, 255, 65536, most - 1, most, self.dice.randrange(most)])

    def payload(self):
        text = self.dice.choice([*self.texts, self.dice.randbytes(self.dice.choice([1, 100, 2000]))])
        if self.dice.random() < 0.5:  # nearly true
            at = self.dice.randrange(len(text))
            text = text[:at] + self.dice.randbytes(1) + text[at + 1 :]
        return text

    def word(self, letter):
        d = self.dice
        if letter in "ns" and d.random() < 0.9:
            return d.choice(["alice", "bob", "carol", "dave", "nobody"]) if letter == "n" else str(d.choice([1, 2000, 10000, 1 << 40]))
        words = {
            "i": lambda: d.choice(self.ids), "p": lambda: d.choice(self.ids), "h": lambda: f"{d.getrandbits(64):016x}",
            "j": lambda: f"{d.getrandbits(128):032x}", "u": lambda: d.choice(["smtp", "offer", "x"]), "c": lambda: d.choice(["ok", "fail"]),
            "x": lambda: "all of it is true", "o": lambda: "so", "w": lambda: NETWORK,
        }
        return words.get(letter, lambda: str(self.number()))()

    def line(self):
        verb, letters = self.dice.choice(self.shapes)
        payload = self.payload() if letters[-1:] in ("l", "z") else b""
        words = [verb] + [str(len(payload)) if w in "lz" else self.word(w) for w in letters]
        return " ".join(words).encode() + b"\n" + payload


def lie(net, liar, lines, reads):
    """One session; it may be ended at any time. (Whoever is cut off says
    no more.)"""
    c = Caller(net.alice, "carol", version=3)
    try:
        for _ in range(lines):
            c.send(liar.line())
            if reads and select.select([c.p.stdout], [], [], 0)[0] and not os.read(c.p.stdout.fileno(), 65536):
                break
    except BrokenPipeError:
        pass
    c.hang_up()


def memory(process):
    text = pathlib.Path(f"/proc/{process.p.pid}/statm").read_text(encoding="ascii")
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def flood(caller, data, times):
    """The same words again and again; nothing is read. Whoever is cut off
    says no more."""
    try:
        for _ in range(times):
            caller.send(data * 100)
    except BrokenPipeError:
        pass


def test_floods():
    """SPEC R-3.4, R-3.7, R-15.4, R-17.2: what may be asked for is asked for without end, over as many
    sessions as there may be, and no answer is read. Others are served meanwhile, and nothing grows."""
    net = Net(tempfile.mkdtemp(prefix="rl-", dir="/tmp"), ["alice", "bob", "carol", "dave"])
    try:
        for n in net.nodes.values():
            n.path("out").mkdir()
        net.start("alice")
        mine = net.alice.bundles("bob", 50, size=2000, copies=1)
        wait_for(lambda: set(mine) <= set(net.alice.held("bob")), what="taken")
        words = [
            b"mine\n", b"adopt 0\n", b"probe\nalert-ask\n", b"get alice 1 " + b"0" * 16 + b"\n", b"due " + mine[0].encode() + b"\n",
            b"prove " + mine[0].encode() + b" " + b"a" * 32 + b"\n", b"which bob 1 " + b"a" * 32 + b"\n",
            b"census bob 1000000000 1152921504606846976 2048\n" + b"\xff" * 2048,
        ]
        floods = [(Caller(net.alice, "carol", version=3), w) for w in words]
        threads = [threading.Thread(target=flood, args=(c, w, 50 if len(w) > 1000 else 500)) for c, w in floods]
        for t in threads:
            t.start()
        for _ in range(10):
            friend = Caller(net.alice, "dave")
            friend.say("ping")
            assert friend.until("pong")
            friend.hang_up()
            assert net.alice.peer("dave")
        for t in threads:
            t.join(60)
        for c, _ in floods:
            c.hang_up()
        assert memory(net.alice.relayd) < MEMORY
        assert sorted(mine) == sorted(net.alice.held("bob"))
    finally:
        net.show()
        net.close()


def test_too_many_sessions():
    """SPEC R-3.7: nobody fills what is there for all, with hello or without."""
    net = Net(tempfile.mkdtemp(prefix="rl-", dir="/tmp"), ["alice", "carol", "dave"])
    try:
        net.start("alice")
        many = [Caller(net.alice, "carol", hello=False) for _ in range(12)]
        wait_for(lambda: sum(c.p.poll() is not None for c in many) == 4, what="four to be too many")
        assert [c.until("bye") for c in many if c.p.poll() is not None] == 4 * ["bye there are too many sessions"]
        friend = Caller(net.alice, "dave")
        friend.say("ping")
        assert friend.until("pong")
        for c in [*many, friend]:
            c.hang_up()
        c = Caller(net.alice, "carol")
        c.say("ping")
        assert c.until("pong")
        c.hang_up()
    finally:
        net.show()
        net.close()


@pytest.mark.parametrize("seed", [int(os.environ.get("AGAMID_SEED", time.time_ns() % (1 << 32)))] if SOAK or "AGAMID_SEED" in os.environ else [1])
def test_liar(seed):
    """SPEC N-9.5, R-2.4, R-2.5, R-4.5, R-5.1, R-6.1, R-11.5, R-15.4: Alice goes on, keeps all that is not
    Carol's, serves others meanwhile, and brings it home; nothing grows."""
    print(f"seed {seed}")
    dice = random.Random(seed)
    net = Net(tempfile.mkdtemp(prefix="rl-", dir="/tmp"), ["alice", "bob", "carol", "dave"])
    try:
        for n in net.nodes.values():
            n.path("out").mkdir()
            made(n, "bob")
        net.start("alice")
        mine = net.alice.bundles("bob", 4, copies=1)
        wait_for(lambda: set(mine) <= set(net.alice.held("bob")), what="taken")
        first = net.alice.relayd.p.pid
        end = time.monotonic() + (600 if SOAK else 3)
        liar, rounds = Liar(net, dice, mine), 0
        while rounds < 20 or time.monotonic() < end:
            lie(net, liar, dice.choice([5, 50, 300]), dice.random() < 0.7)
            rounds += 1
        friend = Caller(net.alice, "dave")
        friend.say("ping")
        assert friend.until("pong")
        friend.hang_up()
        assert net.alice.relayd.running() and net.alice.relayd.p.pid == first
        assert set(mine) <= set(net.alice.held("bob"))
        assert memory(net.alice.relayd) < MEMORY
        net.start("bob")
        wait_for(lambda: set(mine) <= set(net.bob.delivered()), what="the mail to be home")
        assert sorted(net.bob.delivered()) == sorted(set(net.bob.delivered()))
    finally:
        net.show()
        net.close()


def test_crowds_at_the_socket(make_net):
    """SPEC N-13.4: another user's connections take nobody's place; a thousand of the operator's own
    are bounded, and leave nothing behind."""
    net = make_net("alice", "bob")
    net.start("alice")
    path = net.alice.path("run/agamid/relayd/relay.sock")
    for above in [path, *path.parents][: len(path.parts) - len(net.base.parts) + 1]:
        above.chmod(above.stat().st_mode | 0o555)
    ours = os.geteuid(), os.getegid()
    crowd = []
    os.setegid(65534)
    os.seteuid(65534)
    try:
        for _ in range(400):
            crowd.append(connected(path))
    finally:
        os.seteuid(ours[0])
        os.setegid(ours[1])
    assert [c.recv(10) for c in crowd] == 400 * [b""]  # all are gone
    assert net.alice.peer("bob")
    crowd = [connected(path) for _ in range(1000)]
    assert memory(net.alice.relayd) < MEMORY
    for c in crowd:
        c.close()
    wait_for(lambda: len(os.listdir(f"/proc/{net.alice.relayd.p.pid}/fd")) < 64, what="relayd to let go of them")
    assert net.alice.peer("bob")


def connected(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(str(path))  # waits its turn
    s.settimeout(60)
    return s
