# SPDX-License-Identifier: MIT
"""The world around the nodes breaks: disks, databases, bundles, names,
links. What was answered with 250 is home, once, when it is whole again.

Some take long: of these tests/all draws one each day, and AGAMID_SOAK runs all."""

import contextlib
import datetime
import os
import pathlib
import socket
import subprocess

import pytest
from helpers import arrives, empty_spools, fresh_word, send_until_taken, stranger_says, take_once, wait_for_copies
from labkit import netns, story, wait

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SOAK = bool(os.environ.get("AGAMID_SOAK"))
LONG = {}  # name: what takes (lab, tmp_path)
AGAMID = ["agamid-milter", "agamid-seal", "agamid-relayd", "agamid-deliver"]
BOB = "bob@bob.example"
NODES = ["alice", "bob", "carol", "dave"]


def takes_long(scenario):
    LONG[scenario.__name__] = scenario
    return scenario


def send(lab, door, count, home="bob"):
    """Mails by strangers at a door, as senders do: until they are taken."""
    words = [fresh_word("world") for _ in range(count)]
    for word in words:
        send_until_taken(lab, door, f"{home}@{home}.example", word)
    return words


def all_home(lab, words, home="bob"):
    for word in words:
        arrives(lab, home, word, 120)


def restart(node):
    for service in AGAMID:
        node.stop_services(service)
        node.start_services(service)


# ---- disks ----

@contextlib.contextmanager
def slow_disk(node, scratch):
    """Each flush of any program of the node takes 10 ms more."""
    inside = node.directory / "etc/slow_flush.so"  # where every role may read
    subprocess.run(["cc", "-O", "-shared", "-fPIC", "-o", scratch / "slow.so", SOURCE / "tests/tools/slow_flush.c"], check=True)
    inside.write_bytes((scratch / "slow.so").read_bytes())
    preload = node.directory / "etc/ld.so.preload"
    preload.write_text("/etc/slow_flush.so\n", encoding="ascii")
    restart(node)
    mapped = pathlib.Path(f"/proc/{node.pid}/root/proc") / str(node.command("pids")["agamid-relayd"]) / "maps"
    assert "slow_flush" in mapped.read_text(encoding="utf-8")
    yield
    preload.unlink()
    restart(node)


@takes_long
def slow_flushes(lab, tmp_path):
    """SPEC N-5.1, N-7.1: at the acceptor, and then at home."""
    bob, carol = lab.nodes["bob"], lab.nodes["carol"]
    bob.off()
    with slow_disk(carol, tmp_path):
        lab.ready(carol)
        words = send(lab, "carol", 5)
    lab.ready(carol)
    lab.start(bob)
    with slow_disk(bob, tmp_path):
        all_home(lab, words)
        empty_spools(lab)


@contextlib.contextmanager
def small_spool(node, megabytes):
    """The node's spool is a small file system of its own."""
    conf = node.directory / "etc/agamid/agamid.yaml"
    before = conf.read_text(encoding="utf-8")
    for service in AGAMID:
        node.stop_services(service)
    conf.write_text(before.replace('"64M"', '"1"'), encoding="utf-8")
    node.exec("mount", "-t", "tmpfs", "-o", f"size={megabytes}M,mode=755", "tmpfs", "/var/spool/agamid")
    node.exec("agamid", "apply", "--no-reload")
    node.start_services()
    yield
    for service in AGAMID:
        node.stop_services(service)
    node.exec("umount", "/var/spool/agamid")
    conf.write_text(before, encoding="utf-8")
    node.start_services()


@takes_long
def full_and_read_only_disk(lab, _):
    """SPEC N-5.2, N-1.9: while nothing can be stored for a friend the stranger is told
    4xx, own mail flows, and nothing that was taken is lost."""
    bob, carol = lab.nodes["bob"], lab.nodes["carol"]
    bob.off()
    for other in ("alice", "dave"):  # else the copies alone would save it
        lab.nodes[other].cut()
    with small_spool(carol, 2):
        lab.ready(carol)
        words = []
        wait.until(lambda: fill(lab, words), 60, "the disk to be full")
        assert words
        own_mail_flows(lab, carol)
        carol.exec("mount", "-o", "remount,ro", "/var/spool/agamid")
        assert not take_once(lab, "carol", BOB, fresh_word())
        own_mail_flows(lab, carol)
        carol.exec("mount", "-o", "remount,rw", "/var/spool/agamid")
        lab.start(bob)
        all_home(lab, words)
        wait.until(lambda: not list(carol.path("/var/spool/agamid").rglob("*.*")), 60, "the disk to be empty")
        bob.off()
        words += send(lab, "carol", 1)
        lab.start(bob)
        all_home(lab, words[-1:])
    for other in ("alice", "dave"):
        lab.nodes[other].heal()
    lab.ready(carol)
    empty_spools(lab)


def fill(lab, words):
    """One mail of 300 kB more; true when there was no room for it."""
    word = fresh_word("full")
    message = story.message(word, BOB, body=(b"x" * 76 + b"\r\n") * 4000 + word.encode() + b"\r\n")
    replies, data = stranger_says(lab, "carol", "ann@sender.example", [BOB], message)
    if data is not None and data[0] == 250:
        words.append(word)
        return False
    code = data[0] if data is not None else replies[0][0]
    assert 400 <= code < 500, (replies, data)
    return True


def own_mail_flows(lab, node):
    word = fresh_word("own")
    own = f"{node.name}@{node.name}.example"
    _, data = stranger_says(lab, node.name, "ann@sender.example", [own], story.message(word, own))
    assert data[0] == 250
    arrives(lab, node.name, word)


# ---- what is on them ----

def garbled(path):
    """A database as a bad card leaves it: right at its beginning, then
    anything. Its log is gone."""
    data = bytearray(path.read_bytes())
    data[100:] = os.urandom(len(data) - 100)
    path.write_bytes(data)
    for more in ("-wal", "-shm"):
        path.with_name(path.name + more).unlink(missing_ok=True)


def removed(path):
    for name in (path.name, path.name + "-wal", path.name + "-shm"):
        path.with_name(name).unlink(missing_ok=True)


@pytest.mark.parametrize("spoil", [garbled, removed])
def test_databases_are_lost(lab, spoil):
    """SPEC N-9.4, N-12.1: of a holder and of the home, with mail under way:
    they are made anew from the spool and the friends."""
    bob, carol = lab.nodes["bob"], lab.nodes["carol"]
    bob.off()
    words = send(lab, "carol", 4)
    wait_for_copies(lab, "bob", 3)
    carol.stop_services("agamid-relayd")
    spoil(carol.directory / "var/lib/agamid/state/network.db")
    carol.start_services("agamid-relayd")
    words += send(lab, "carol", 1)
    spoil(bob.directory / "var/lib/agamid/state/network.db")
    spoil(bob.directory / "var/lib/agamid-key/delivery.db")
    lab.start(bob)
    all_home(lab, words)
    empty_spools(lab)


@pytest.mark.parametrize("how", ["flipped", "cut", "empty"])
def test_corrupt_bundle(lab, how):
    """SPEC N-10.1, N-9.4: one holder's copy is damaged on its disk: another's goes home, and no
    half a mail."""
    bob, carol = lab.nodes["bob"], lab.nodes["carol"]
    bob.off()
    (word,) = send(lab, "carol", 1)
    wait_for_copies(lab, "bob", 3)
    (path,) = wait.until(lambda: list(carol.directory.glob("var/spool/agamid/held/bob/*")), 60, "Carol's copy")
    data = bytearray(path.read_bytes())
    data[1500] ^= 1
    damaged = {"flipped": data, "cut": data[:-200], "empty": b""}[how]
    path.write_bytes(damaged)
    lab.start(bob)
    all_home(lab, [word])
    empty_spools(lab, 120)


# ---- names and links ----

@takes_long
def no_dns(lab, _):
    """SPEC N-9.1, N-9.2: friends know each other's addresses from their manifests."""
    bob = lab.nodes["bob"]
    lab.dns.cut()
    bob.off()
    words = send(lab, "carol", 2)
    lab.start(bob)
    all_home(lab, words)
    empty_spools(lab)
    lab.dns.heal()


@takes_long
def half_open(lab, _):
    """SPEC N-9.2: Bob loses his power while his cable is out: his friends'
    sessions know nothing of it when he is back."""
    bob = lab.nodes["bob"]
    bob.cut()
    bob.off()
    words = send(lab, "carol", 2)
    bob.boot()
    bob.exec("agamid", "apply", "--no-reload")
    bob.start_services()
    bob.heal()
    lab.ready(bob)
    all_home(lab, words)
    empty_spools(lab)


def test_slow_loris(lab):
    """SPEC R-3.2, N-9.5: connections that say nothing, or a hello letter by letter,
    keep no friend out."""
    bob = lab.nodes["bob"]
    bob.off()
    words = send(lab, "carol", 1)
    lab.start(bob)
    with contextlib.ExitStack() as stack, netns.inside(lab.sender.netns):
        silent = [stack.enter_context(socket.create_connection((bob.address, 2222), 10)) for _ in range(30)]
        for n, one in enumerate(silent):
            with contextlib.suppress(OSError):  # some are refused at once
                one.sendall(b"SSH-2.0-loris"[: n % 13])
        lab.nodes["dave"].off()  # and has to dial anew
        lab.start(lab.nodes["dave"])
        all_home(lab, words)
    empty_spools(lab)


@contextlib.contextmanager
def parted(lab, side):
    """No packet passes between the two sides; the rest of the world sees all."""
    routes = [(lab.nodes[a], lab.nodes[b].address) for a in NODES for b in NODES if (a in side) != (b in side)]
    for node, address in routes:
        node.exec("ip", "route", "add", "blackhole", f"{address}/32")
    yield
    for node, address in routes:
        node.exec("ip", "route", "del", "blackhole", f"{address}/32")


def split(lab, side):
    """SPEC N-9.2, N-9.4: mail for each home by a door on the other side; both sides think the
    other is down. When they see each other again each mail is home once."""
    other = [n for n in NODES if n not in side]
    with parted(lab, side):
        ways = [(home, other[n % len(other)]) for n, home in enumerate(side)]
        ways += [(home, side[n % len(side)]) for n, home in enumerate(other)]
        sent = [(home, send(lab, door, 1, home)) for home, door in ways]
    for home, words in sent:
        all_home(lab, words, home)
    empty_spools(lab, 120)


def make_splits():
    """Each way to part four nodes in two."""
    for number in range(7):
        side = ["alice"] + [n for bit, n in enumerate(NODES[1:]) if number & 1 << bit]
        LONG["split " + " ".join(side)] = lambda lab, _, side=side: split(lab, side)


# ---- those that take long ----

def drawn():
    make_splits()
    if SOAK:
        return list(LONG)
    return [list(LONG)[datetime.datetime.now(datetime.timezone.utc).toordinal() % len(LONG)]]


@pytest.mark.parametrize("scenario", drawn())
def test_world(lab, tmp_path, scenario):
    LONG[scenario](lab, tmp_path)
