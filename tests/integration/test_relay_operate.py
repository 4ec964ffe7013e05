# SPDX-License-Identifier: MIT
"""What the operator asks of relayd and tells it: long queues, traces,
pauses, and leaving, over real SSH."""
import os
import pathlib
import time

import relay_net


def wait_for(condition, seconds=60, what="condition"):
    return relay_net.wait_for(condition, seconds, what)


def events(node, bundle_id):
    """What a node knows of a bundle: [(what, who)], and the first line."""
    first, *rest = node.ask(f"trace {bundle_id}")
    return [(line["what"], line["who"]) for line in rest], first


def test_long_queue(make_net):
    """SPEC N-19.1: an answer of many megabytes comes whole."""
    net = make_net("alice", "bob")
    held = net.alice.path("var/spool/agamid/held/bob")
    held.mkdir(parents=True)
    for i in range(40000):
        (held / f"{i:064x}.1000.1").touch()
    net.alice.start()
    lines = net.alice.ask("queue")
    assert len(lines) == 40000 and len({line["id"] for line in lines}) == 40000
    assert sum(len(" ".join(f"{k}={v}" for k, v in line.items())) for line in lines) > 4 << 20
    status = net.alice.ask("status")
    assert status[0]["held"] == "40000"


def test_trace(make_net):
    """SPEC N-19.3: who had it, who said so, when; on acceptor, holder and home."""
    net = make_net("alice", "bob", "carol")
    net.start("alice", "carol")
    began = int(time.time())
    (bundle,) = net.alice.bundles("bob", 1)
    wait_for(lambda: net.copies(bundle) == ["alice", "carol"], what="copies")
    wait_for(lambda: ("stored", "carol") in events(net.alice, bundle)[0], what="carol's word")
    found, first = events(net.alice, bundle[:12])
    assert found == [("accepted", "alice"), ("drawn", "carol"), ("stored", "carol")]
    assert first["id"] == bundle and first["here"] == "yes" and first["acceptor"] == "alice"
    assert events(net.carol, bundle)[0] == [("brought", "alice")]
    net.bob.start()
    wait_for(lambda: not net.alice.held() and not net.carol.held(), what="the receipt")
    found, first = events(net.alice, bundle)
    assert [f for f in found if f[0] in ("receipt", "removed")] == [("receipt", "bob"), ("removed", "alice")]
    assert first["here"] == "no" and first["receipt"] == "bob"
    assert int(first["receipt-time"]) >= began
    assert ("removed", "carol") in events(net.carol, bundle)[0]
    wait_for(lambda: ("receipt", "bob") in events(net.bob, bundle)[0], what="bob's receipt")
    found, _ = events(net.bob, bundle)
    assert found[0][0] == "brought" and ("outcome", "done") in found
    # It is remembered; and what nobody knows is said so.
    net.alice.stop()
    net.alice.start()
    assert ("receipt", "bob") in events(net.alice, bundle)[0]
    for word, why in (("0" * 64, None), ("zz", "that is no ID"), ("abcde", "that is no ID"), ("0" * 12, "nothing")):
        (line,) = net.alice.ask(f"trace {word}")
        assert line.get("error", "").startswith(why or "") and ("error" in line) == (why is not None)
    assert net.alice.ask("events")[0]["what"] == "accepted"


def test_trace_costs_no_commit(make_net):
    """SPEC N-19.3: nothing is written while nothing happens."""
    net = make_net("alice", "bob")
    net.start()
    ids = net.alice.bundles("bob", 2)
    wait_for(lambda: sorted(net.bob.delivered()) == sorted(ids) and not net.alice.held(), what="delivery")
    wait_for(lambda: all(("removed", "alice") in events(net.alice, i)[0] for i in ids), what="events")
    database = net.alice.path("var/lib/agamid/state/network.db-wal")

    def quiet():
        before = database.stat().st_mtime_ns
        net.alice.ask("status")
        net.alice.ask(f"trace {ids[0]}")
        net.alice.ask("queue")
        return database.stat().st_mtime_ns == before
    wait_for(quiet, what="questions that write nothing")


def files_of(node):
    """Each file below the node's root but its logs: what a write would change."""
    found = {}
    for folder, _, names in os.walk(node.root):
        for path in [pathlib.Path(folder), *(pathlib.Path(folder) / n for n in names)]:
            if path.name not in ("log", "sshd.log"):
                s = path.lstat()
                found[str(path)] = (s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns)
    return found


def test_idle_means_no_write(make_net):
    """SPEC R-8.8: with mail held for one who is away, attempts to reach him, and a session open to another:
    nothing is written, the database's journal included."""
    net = make_net("alice", "bob", "carol")
    net.alice.settings["relay"] = {"retry-min": "1s", "retry-max": "1s", "idle": "1m"}
    net.configure()
    net.start("alice", "carol")
    ids = net.alice.bundles("bob", 3)
    wait_for(lambda: sorted(net.carol.held("bob")) == sorted(ids), what="the copies")
    tried = net.alice.logged("will dial again peer=bob")
    wait_for(lambda: net.alice.logged("will dial again peer=bob") > tried + 1, what="quiet")
    for node in (net.alice, net.carol):
        node.ask("status")
    before = files_of(net.alice), files_of(net.carol)
    tried = net.alice.logged("will dial again peer=bob")
    wait_for(lambda: net.alice.logged("will dial again peer=bob") > tried + 2, what="more attempts")
    assert (files_of(net.alice), files_of(net.carol)) == before
    assert net.alice.peer("carol")["session"] != "none"


def test_pause(make_net):
    """SPEC R-10.1, R-10.2, R-10.3: told, survives restarts, draws nobody away, ends."""
    net = make_net("alice", "bob", "carol", "dave")
    net.start("alice", "carol", "dave")
    until = int(time.time()) + 3600
    (line,) = net.carol.ask(f"pause {until}")
    assert line["paused"] == str(until)
    for name in ("alice", "dave"):
        wait_for(lambda: net.nodes[name].peer("carol")["away"] == str(until), what=f"{name} to hear of it")
        wait_for(lambda: net.carol.peer(name)["told"] == "yes", what="carol to know that")
    net.carol.stop()
    net.alice.stop()
    net.alice.start()
    assert net.alice.peer("carol")["away"] == str(until)
    log = len(net.alice.log())
    (bundle,) = net.alice.bundles("bob", 1, copies=3)
    wait_for(lambda: net.copies(bundle) == ["alice", "dave"], what="a copy at dave")
    wait_for(lambda: int(net.alice.peer("carol")["failures"]) > 1, what="carol to be missed")
    assert "will dial again peer=carol" not in net.alice.log()[log:]
    assert ("drawn", "carol") not in events(net.alice, bundle)[0]
    # Back, but still paused: said again in each session.
    net.carol.start()
    assert net.carol.ask("status")[0]["paused"] == str(until)
    wait_for(lambda: net.carol.peer("alice")["session"] != "none", what="a session")
    wait_for(lambda: net.alice.peer("carol")["away"] == str(until), what="alice to hear of it")
    net.carol.ask("resume")
    wait_for(lambda: net.alice.peer("carol")["away"] == "0", what="alice to hear of the end")
    wait_for(lambda: net.copies(bundle) == ["alice", "carol", "dave"], what="the third copy")
    assert net.carol.ask("pause x") == [{"error": "that is no time"}]


def test_pause_ends_with_a_session(make_net):
    """SPEC R-10.2: a session in which nothing is said of it ends it."""
    net = make_net("alice", "carol")
    net.start()
    net.carol.ask(f"pause {int(time.time()) + 3600}")
    wait_for(lambda: net.alice.peer("carol")["away"] != "0", what="alice to hear of it")
    net.alice.stop()
    net.carol.ask("resume")
    net.alice.start()
    wait_for(lambda: net.alice.peer("carol")["away"] == "0", what="alice to see carol")


def left(node):
    return {k: v if k == "leaving" else int(v) for k, v in node.ask("leave look")[0].items()}


def test_rescue_holds_nothing(make_net):
    """SPEC N-23.4: who fetches a lost node's mail is no holder."""
    net = make_net("alice", "bob", "carol")
    net.carol.relayd.argv.append("--rescue")
    net.start("alice", "carol")
    (mail,) = net.alice.bundles("bob", 1, copies=2)
    wait_for(lambda: "only its own mail is fetched" in net.alice.path("log").read_text(), what="carol to refuse")
    assert net.copies(mail) == ["alice"]
    (line,) = [a for a in net.carol.ask("rescue") if "coming" in a]
    assert line == {"coming": "0", "opening": "0", "failed": "0", "opened": "0", "signed": "0", "untold": "0"}
    assert "error" in net.alice.ask("rescue")[0]


def test_leave(make_net):
    """SPEC R-10.4, R-10.5: what a leaver holds is at others, and comes home without it."""
    net = make_net("alice", "bob", "carol", "dave", "erin")
    net.start("alice", "carol")
    mine = net.carol.bundles("bob", 4)
    hers = net.alice.bundles("bob", 4)
    for i in mine + hers:
        wait_for(lambda: net.copies(i) == ["alice", "carol"], what="copies")
    assert left(net.carol)["leaving"] == "no"
    assert net.carol.ask("leave begin")[0]["leaving"] == "yes"
    wait_for(lambda: net.alice.peer("carol")["away"] == "253402300799", what="alice to hear of it")
    assert left(net.carol)["held"] == 8
    net.start("dave", "erin")
    wait_for(lambda: left(net.carol)["handed"] == 8 and left(net.carol)["drawn"] == 0, what="all to be handed on")
    for i in mine + hers:
        copies = net.copies(i)
        assert "carol" in copies and "alice" in copies and len(copies) >= 3, copies
    # Nothing new is taken to be held, and nobody draws it.
    (new,) = net.alice.bundles("bob", 1, copies=5)
    wait_for(lambda: net.copies(new) == ["alice", "dave", "erin"], what="copies elsewhere")
    # What it accepts itself while it leaves goes to as many others.
    (last,) = net.carol.bundles("bob", 1, copies=2)
    wait_for(lambda: len(net.copies(last)) == 3, what="two others to have the last")
    net.carol.stop()
    net.alice.stop()
    net.bob.start()
    wanted = sorted(mine + hers + [last])
    wait_for(lambda: set(wanted) <= set(net.bob.delivered()), 60, "all but the new one to be home")
    # It was only asked to go: it may stay after all.
    net.carol.start()
    assert net.carol.ask("status")[0]["leaving"] == "yes"
    assert net.carol.ask("pause 1") == [{"error": "this node is leaving"}]
    net.carol.ask("leave cancel")
    assert net.carol.ask("status")[0]["leaving"] == "no"
    assert "error" in net.carol.ask("leave now")[0]


def test_leave_with_nobody_left(make_net):
    """SPEC R-10.5: what nobody else may hold is said to be here alone."""
    net = make_net("alice", "bob")
    net.start("alice")
    ids = net.alice.bundles("bob", 2)
    wait_for(lambda: len(net.alice.held()) == 2, what="taken")
    net.alice.ask("leave begin")
    assert left(net.alice)["alone"] == 2 and left(net.alice)["handed"] == 0
    net.bob.start()
    wait_for(lambda: sorted(net.bob.delivered()) == sorted(ids), what="delivery all the same")
    wait_for(lambda: left(net.alice)["held"] == 0, what="the receipt")
