# SPDX-License-Identifier: MIT
"""Who holds what, whether they do, and who takes their place. Days pass
while a node is stopped: its count of them is in network.db."""
import hashlib
import sqlite3

import pytest

from relay_net import Caller, Clock, Session, made, wait_for

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank")


@pytest.fixture
def net(make_net):
    """Bob is away; whoever is started holds his mail."""
    return make_net(*NAMES)


def pass_days(node, days, *silent):
    """So many days on which the peers were heard, but for these."""
    node.stop()
    with sqlite3.connect(node.path("var/lib/agamid/state/network.db")) as db:
        db.execute("UPDATE meta SET value = value + ? WHERE name = 'days-with-peers'", (days,))
        db.execute(f"UPDATE heard SET day = day + ? WHERE peer NOT IN ({','.join('?' * len(silent))})", (days, *silent))
    db.close()
    node.start()


def queued(node, bundle_id):
    return next((line for line in node.ask("queue") if line["id"] == bundle_id), None)


def holders(node, bundle_id):
    line = queued(node, bundle_id)
    return sorted({node.name, *line["holders"].split(",")}) if line else []


def spread(net, count, *names):
    """Bundles for bob on four nodes, all of which know of each other."""
    net.start(*names)
    ids = net.alice.bundles("bob", count)
    for i in ids:
        wait_for(lambda: len(net.copies(i)) == 4, what="four copies")
    for name in names:
        net.nodes[name].stop()
    net.start(*names)
    for i in ids:
        for name in net.copies(i):
            wait_for(lambda: holders(net.nodes[name], i) == net.copies(i), what=f"{name} to know who holds it")
    return ids


def look_from_home(net, ids, names):
    """Bob hears how much each holds for him, and takes nothing yet."""
    net.bob.settings["reserve"] = "100T"
    net.bob.write_config()
    net.start("bob")
    for name in names:
        held = [i for i in ids if name in net.copies(i)]
        if not held:
            continue
        line = wait_for(lambda: (p := net.bob.peer(name)).get("ours") == str(len(held)) and p, what=f"what {name} holds")
        assert line["ours-bytes"] == str(10000 * len(held))
    net.bob.stop()
    net.bob.settings["reserve"] = "1M"
    net.bob.write_config()


def test_silent_holder_is_replaced(net):
    """SPEC R-15.1, R-15.3: every holder knows the others, and the home how much each holds for it.
    SPEC R-16.1, R-16.2, R-16.3, R-16.6: who is silent is replaced by one of those that are left, once; and whoever comes back and goes
    again makes no further copies."""
    names = ("alice", "carol", "dave", "erin", "frank")
    ids = spread(net, 4, *names)
    look_from_home(net, ids, names)
    lost = next(n for n in ("carol", "dave", "erin", "frank") if n in net.copies(ids[0]))
    left = [n for n in names if n != lost]
    theirs = [i for i in ids if lost in net.copies(i)]
    before = {i: net.copies(i) for i in ids}
    net.nodes[lost].stop()
    for name in left:
        pass_days(net.nodes[name], 2, lost)
    for i in ids:
        assert net.copies(i) == before[i], "two days are not enough"
    for name in left:
        pass_days(net.nodes[name], 1, lost)
    for i in theirs:
        wait_for(lambda: len(set(net.copies(i)) - {lost}) == 4, what="four copies without it")
        assert len(net.copies(i)) == 5
    after = {i: net.copies(i) for i in ids}
    for _ in range(2):
        net.nodes[lost].start()
        for name in left:
            wait_for(lambda: net.nodes[name].peer(lost)["silent"] == "0", what=f"{name} to hear it again")
        net.nodes[lost].stop()
        for name in left:
            pass_days(net.nodes[name], 9, lost)
        for name in left:
            for other in left:
                wait_for(lambda: name == other or net.nodes[name].peer(other)["session"] in ("dialled", "accepted"),
                         what="sessions")
            assert net.nodes[name].peer(lost)["silent"] == "9"
            assert net.nodes[name].peer(lost)["drawn"] == "0"
    assert {i: net.copies(i) for i in ids} == after
    # SPEC: at home; nobody raises it again, and the one that was away learns of it.
    net.start("bob")
    wait_for(lambda: sorted(set(net.bob.delivered())) == sorted(ids), what="delivery")
    for i in ids:
        wait_for(lambda: set(net.copies(i)) <= {lost}, what="removal")
    for name in left:
        pass_days(net.nodes[name], 9, lost)
    net.nodes[lost].start()
    wait_for(lambda: not any(net.copies(i) for i in ids), what="removal of the last")
    assert sorted(net.bob.delivered()) == sorted(ids)


# ---- one that says what it likes ----

@pytest.fixture
def liar(make_net):
    """Alice has a bundle that carol took; dave may be drawn next. Carol is the test."""
    net = make_net("alice", "bob", "carol", "dave")
    net.clock = Clock(net.alice)
    net.dave.stores = {"deny": ["bob"]}
    net.alice.write_derived()
    net.start("alice")
    bundle_id, = net.alice.bundles("bob", copies=2)
    carol = Session(net.alice, "carol", dialled=False)
    carol.until(f"offer {bundle_id}")
    carol.say(f"want {bundle_id}")
    carol.until(f"bundle {bundle_id}")
    carol.say(f"stored {bundle_id}")
    wait_for(lambda: holders(net.alice, bundle_id) == ["alice", "carol"], what="the copy to count")
    net.dave.stores = {}
    net.alice.write_derived()
    net.alice.ask("reload")
    yield net, carol, bundle_id
    carol.hang_up()


def replaced(net, bundle_id):
    wait_for(lambda: queued(net.alice, bundle_id)["drawn"] == "dave", what="another holder")
    assert holders(net.alice, bundle_id) == ["alice"]


def file_of(node, bundle_id):
    path, = node.path("var/spool/agamid/held").glob(f"*/{bundle_id}.*")
    return path.read_bytes()


def test_cannot_prove(liar):
    """SPEC R-17.1, R-17.3: shown, and replaced; and that it says it has it brings nothing back."""
    net, carol, bundle_id = liar
    words = carol.until(f"prove {bundle_id}").split(" ")
    assert net.alice.ask("status")[0]["below"] == "0"
    carol.say(f"proof {bundle_id} {hashlib.sha256(b'no').hexdigest()}")
    replaced(net, bundle_id)
    assert net.alice.peer("carol")["unproven"] == "1"
    assert net.alice.ask("status")[0]["below"] == "1"
    assert queued(net.alice, bundle_id)["missing"] == "carol"
    # SPEC
    assert [line for line in net.alice.ask("status") if "nodes" in line] == [{"nodes": "1", "bundles": "1"}]
    assert len(words[2]) == 32
    digest = bytearray(2048)
    first = int(bundle_id[:2], 16)
    digest[first * 8:first * 8 + 8] = bytes.fromhex(bundle_id[16:32])
    carol.say("census bob 1 10000 2048", bytes(digest))
    carol.say(f"prove {bundle_id} {words[2]}")
    carol.until(f"proof {bundle_id}")
    assert holders(net.alice, bundle_id) == ["alice"]


def test_lacks_it(liar):
    """SPEC R-17.3"""
    net, carol, bundle_id = liar
    carol.until(f"prove {bundle_id}")
    carol.say(f"lack {bundle_id}")
    replaced(net, bundle_id)


def later(net, seconds):
    """So much later; Alice looks, as always soon after a hello."""
    net.clock.set(0, seconds)
    Session(net.alice, "bob", dialled=False).hang_up()


def test_does_not_answer(liar):
    """SPEC R-17.3: five minutes, on which this node was awake; and who proves it later has it."""
    net, carol, bundle_id = liar
    carol.until(f"prove {bundle_id}")
    later(net, 700)  # asleep for longer than the answer may take, and until the next question
    nonce = carol.until(f"prove {bundle_id}").split(" ")[2]
    assert net.alice.peer("carol")["unproven"] == "0"
    later(net, 1005)
    replaced(net, bundle_id)
    assert net.alice.peer("carol")["unproven"] == "1"
    assert net.alice.logged("a peer can't prove that it has a bundle") == 1
    # An answer to a question that is over is none.
    text = file_of(net.alice, bundle_id)[1024:]
    carol.say(f"proof {bundle_id} {hashlib.sha256(bytes.fromhex(nonce) + text).hexdigest()}")
    later(net, 1020)
    again = carol.until(f"prove {bundle_id}").split(" ")[2]
    assert again != nonce
    carol.say(f"proof {bundle_id} {hashlib.sha256(bytes.fromhex(again) + text).hexdigest()}")
    wait_for(lambda: net.alice.peer("carol")["unproven"] == "0", what="the proof to count")
    assert holders(net.alice, bundle_id) == ["alice", "carol"]


def test_ends_the_session_instead(liar):
    """SPEC R-17.4: asked again when it comes again; and twice is no answer, but three times is one."""
    net, carol, bundle_id = liar
    for unproven in ("0", "0", "1"):
        carol.until(f"prove {bundle_id}")
        carol.hang_up()
        wait_for(lambda: net.alice.peer("carol")["session"] == "none", what="the end")
        assert net.alice.peer("carol")["unproven"] == unproven
        carol = Session(net.alice, "carol", dialled=False)
    replaced(net, bundle_id)
    carol.hang_up()


def test_proves_it(liar):
    """SPEC R-17.1, R-17.2: the hash of nonce and ciphertext, whoever says it."""
    net, carol, bundle_id = liar
    text = file_of(net.alice, bundle_id)[1024:]
    nonce = carol.until(f"prove {bundle_id}").split(" ")[2]
    carol.say(f"proof {bundle_id} {hashlib.sha256(bytes.fromhex(nonce) + text).hexdigest()}")
    mine = "0123456789abcdef" * 2
    carol.say(f"prove {bundle_id} {mine}")
    line = carol.until(f"proof {bundle_id}")
    assert line.split(" ")[2] == hashlib.sha256(bytes.fromhex(mine) + text).hexdigest()
    carol.say(f"prove {'f' * 64} {mine}")
    carol.until(f"lack {'f' * 64}")
    assert net.alice.peer("carol")["unproven"] == "0"
    assert holders(net.alice, bundle_id) == ["alice", "carol"]


def test_own_mail_needs_no_proof(make_net):
    """SPEC R-17.1, R-17.2: a home asks for none of what has come, and gets one of what is held for it."""
    net = make_net("alice", "bob", "carol")
    net.start("bob")
    net.bob.answer("retry")
    carol = Caller(net.bob, "carol")
    net.carol.path("out").mkdir()
    own = made(net.carol, "bob", count=8)
    other, = made(net.carol, "alice")
    for path in (*own, other):
        assert carol.offer(path).startswith("want ")
        assert carol.bring(path).startswith("stored ")
    carol.hang_up()
    # Of nine that she brought it is the one that is not his own.
    carol = Session(net.bob, "carol", dialled=False)
    assert carol.until("prove").split(" ")[1] == other.name.split(".")[0]
    alice = Session(net.bob, "alice", dialled=False)
    nonce = "0123456789abcdef" * 2
    alice.say(f"prove {other.name.split('.')[0]} {nonce}")
    proof = hashlib.sha256(bytes.fromhex(nonce) + other.read_bytes()[1024:]).hexdigest()
    assert alice.until("proof").split(" ")[2] == proof
    alice.hang_up()
    carol.hang_up()


def test_older_release(make_net):
    """SPEC R-2.7, R-16.8: it holds, and is asked nothing that it would not know."""
    net = make_net("alice", "bob", "carol", "dave")
    net.start("alice")
    bundle_id, = net.alice.bundles("bob", copies=3)
    carol, dave = (Session(net.alice, name, dialled=False, version=v) for name, v in (("carol", 2), ("dave", 3)))
    for session in (carol, dave):
        session.until(f"offer {bundle_id}")
        session.say(f"want {bundle_id}")
        session.until(f"bundle {bundle_id}")
        session.say(f"stored {bundle_id}")
    wait_for(lambda: holders(net.alice, bundle_id) == ["alice", "carol", "dave"], what="the copies to count")
    dave.until(f"prove {bundle_id}")  # whoever else was to be asked was so, too
    carol.say(f"due {bundle_id}")
    while not (line := carol.message()).startswith("no-receipt"):
        assert line.split(" ")[0] not in ("prove", "census", "which", "due", "adopt")
    assert holders(net.alice, bundle_id) == ["alice", "carol", "dave"]
    assert net.alice.ask("status")[0]["below"] == "0"
    carol.hang_up()
    dave.hang_up()


def test_has_lost_it(liar):
    """SPEC R-15.3, R-16.2: whoever holds less than it did is asked which, and replaced."""
    net, carol, bundle_id = liar
    carol.say("census bob 0 0 2048", bytes(2048))
    line = carol.until(f"which bob {int(bundle_id[:2], 16)} ")
    carol.say(f"these {line[6:]} 0")
    replaced(net, bundle_id)
    assert net.alice.peer("carol")["lost"] == "1"


def test_what_is_told_to_whom(liar):
    """SPEC R-15.1, R-15.4: nothing of a home for which the peer may not hold."""
    net, carol, bundle_id = liar
    nonce = "0123456789abcdef" * 2
    bucket = int(bundle_id[:2], 16)
    carol.say(f"which bob {bucket} {nonce}")
    mark = hashlib.sha256(bytes.fromhex(nonce) + bytes.fromhex(bundle_id)).digest()[:8]
    assert carol.payload(f"these bob {bucket} {nonce} 8") == mark
    net.carol.stores = {"deny": ["bob"]}
    net.alice.write_derived()
    net.alice.ask("reload")
    carol.say(f"which bob {bucket} {nonce}")
    assert carol.payload(f"these bob {bucket} {nonce} ") == b""
    carol.say(f"prove {bundle_id} {nonce}")
    carol.until(f"lack {bundle_id}")


def test_receipts_come_first(liar):
    """SPEC R-15.2: who is to hear why something is gone hears that before what is left."""
    net, carol, bundle_id = liar
    net.alice.bundles("bob", copies=1)
    text = net.bob.receipt(bundle_id)
    bob = Session(net.alice, "bob", dialled=False)
    bob.say(f"receipt {len(text)}", text)
    carol.until("receipt")
    again = Session(net.alice, "carol", dialled=False)
    again.until("receipt")
    again.say(f"which bob 0 {'0' * 32}")
    while not (line := again.message()).startswith("these"):
        assert not line.startswith("census")
    again.say("noted")
    again.until("census bob 1 10000 ")
    again.hang_up()
    bob.hang_up()
