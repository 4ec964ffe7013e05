# SPDX-License-Identifier: MIT
"""agamid-relayd and agamid-receive over real SSH: copies, carrying home,
receipts, and what remains after each process has died at each step."""
import pathlib
import re
import socket
import subprocess
import tempfile
import time

import pytest

from relay_net import SECRETS, SOURCE, TOOLS, Caller, Net, made, wait_for


def test_home_gets_its_mail(make_net):
    """SPEC R-1.1"""
    net = make_net("alice", "bob")
    net.start()
    ids = net.alice.bundles("bob", 3)
    wait_for(lambda: sorted(net.bob.delivered()) == sorted(ids), what="delivery")
    wait_for(lambda: not net.alice.held() and not net.bob.held(), what="deletion on receipt")


def all_home(net, home, ids, seconds=60):
    """Delivered once each, and held by nobody any more."""
    wait_for(lambda: sorted(net.nodes[home].delivered()) == sorted(ids), seconds, "delivery")
    for n in net.nodes.values():
        wait_for(lambda: not n.held() and not n.lying(), seconds, f"{n.name} to hold nothing")
    assert sorted(net.nodes[home].delivered()) == sorted(ids)


def test_copies_while_home_is_away(make_net):
    net = make_net()
    net.start("alice", "carol", "dave")
    ids = net.alice.bundles("bob", 20)
    for i in ids:
        wait_for(lambda: net.copies(i) == ["alice", "carol", "dave"], what="copies")
    net.start("bob")
    all_home(net, "bob", ids)


def test_as_many_copies_as_wanted(make_net):
    """SPEC R-7.1, R-7.2, N-8.2"""
    net = make_net("alice", "bob", "carol", "dave", "erin", "frank")
    net.start("alice", "carol", "dave", "erin", "frank")
    small = net.alice.bundles("bob", 30, copies=3)
    large = net.alice.bundles("bob", 3, size=2 << 20, copies=4)
    for i in small:
        wait_for(lambda: len(net.copies(i)) == 3, what="three copies")
    for i in large:
        wait_for(lambda: len(net.copies(i)) == 2, what="two copies of a large one")
    # Drawn at random: each of the four was drawn at least once for thirty.
    holders = {name for i in small for name in net.copies(i)}
    assert holders == {"alice", "carol", "dave", "erin", "frank"}
    assert all(len(net.copies(i)) == 3 for i in small)
    net.start("bob")
    all_home(net, "bob", small + large)


def test_home_that_nobody_can_dial(make_net):
    """SPEC R-4.1, R-8.2"""
    net = make_net("alice", "bob", "carol")
    net.bob.addresses = []
    net.configure()
    net.start("alice", "carol")
    ids = net.alice.bundles("bob", 5)
    for i in ids:
        wait_for(lambda: net.copies(i) == ["alice", "carol"], what="copies")
    net.start("bob")
    all_home(net, "bob", ids)
    # The session stays, and new mail is pushed at once.
    more = net.carol.bundles("bob", 1)
    all_home(net, "bob", ids + more, 5)


def test_only_those_whom_both_sides_allow(make_net):
    """SPEC R-7.3, N-8.2"""
    net = make_net()
    net.bob.lists = {"deny": ["carol"]}
    net.dave.stores = {"deny": ["bob"]}
    net.configure()
    net.start("alice", "carol", "dave")
    ids = net.alice.bundles("bob", 3)
    wait_for(lambda: len(net.alice.held("bob")) == 3, what="taken")
    wait_for(lambda: net.alice.peer("dave")["session"] != "none", what="sessions")
    assert all(line["short"] == "yes" for line in net.alice.ask("queue"))
    # The lists change: those who may hold now are drawn.
    net.bob.lists = {}
    net.configure()
    for i in ids:
        wait_for(lambda: net.copies(i) == ["alice", "carol"], what="a copy at carol")


def test_refused_is_drawn_again(make_net):
    """SPEC R-7.3, R-5.9, N-8.4"""
    net = make_net("alice", "bob", "carol", "dave")
    net.carol.stores = {"quota": "1M"}
    net.configure()
    net.start("alice", "carol", "dave")
    for name in ("carol", "dave"):  # one session each, the other closed
        wait_for(lambda: net.alice.peer(name)["session"] in ("dialled", "accepted")
                 and getattr(net, name).peer("alice")["session"] in ("dialled", "accepted"), what="a session")
    ids = net.alice.bundles("bob", 12, copies=2, size=300000)
    for i in ids:
        wait_for(lambda: len(net.copies(i)) == 2, what="two copies")
    # A third of the quota is one bundle.
    assert len(net.carol.held()) == 1
    assert len(net.dave.held()) == 11


def test_survives_kill_of_everything(make_net):
    """SPEC R-7.4"""
    net = make_net()
    net.start("alice", "carol", "dave")
    ids = net.alice.bundles("bob", 10)
    wait_for(lambda: len(net.alice.held()) == 10, what="taken")
    for n in (net.alice, net.carol, net.dave):
        n.stop(sig=9)
    net.start("alice", "carol", "dave")
    for i in ids:
        wait_for(lambda: net.copies(i) == ["alice", "carol", "dave"], what="copies")
    net.start("bob")
    all_home(net, "bob", ids)


def test_kept_while_it_cannot_be_delivered(make_net):
    net = make_net("alice", "bob")
    net.start()
    net.bob.answer("retry")
    ids = net.alice.bundles("bob", 3)
    # It is at home, so it is receipted; but it stays until it is delivered.
    wait_for(lambda: not net.alice.held(), what="receipts")
    assert sorted(net.bob.held("bob")) == sorted(ids)
    wait_for(lambda: len(net.bob.delivered()) >= 6, what="another attempt")
    net.bob.answer("done")
    wait_for(lambda: not net.bob.held(), what="delivery")


@pytest.mark.parametrize("word", ["refused", "quarantined"])
def test_what_is_kept_at_home_is_receipted(make_net, word):
    net = make_net("alice", "bob")
    net.start()
    net.bob.answer(word)
    ids = net.alice.bundles("bob", 3)
    all_home(net, "bob", ids)


def test_no_receipt_no_deletion(make_net):
    """SPEC R-6.4"""
    net = make_net("alice", "bob")
    net.start()
    net.bob.path("deliver/unsigned").touch()
    ids = net.alice.bundles("bob", 2)
    wait_for(lambda: len(net.bob.delivered()) == 2, what="delivery")
    wait_for(lambda: net.bob.logged("no receipt yet") >= 2, what="the receipt to be missed")
    assert sorted(net.alice.held("bob")) == sorted(ids) == sorted(net.bob.held("bob"))
    net.bob.path("deliver/unsigned").unlink()
    # relayd begins anew: deliver calls it a duplicate, and signs.
    net.bob.stop()
    net.bob.start()
    all_home(net, "bob", ids)


def test_deliver_comes_later(make_net):
    net = make_net("alice", "bob")
    net.start()
    net.bob.deliver.stop(9)
    ids = net.alice.bundles("bob", 3)
    wait_for(lambda: len(net.bob.held("bob")) == 3, what="mail at home")
    net.bob.deliver.start()
    all_home(net, "bob", ids)


def test_one_session_between_two(make_net):
    """SPEC R-8.4: the one that the greater name dialled; where alice was there before bob had begun
    to dial, there is none."""
    net = make_net("alice", "bob")
    net.start()
    net.alice.ask("flush")
    net.bob.ask("flush")

    def one():
        stays = ("accepted", "dialled") if net.bob.logged("session up peer=alice by=us") else ("dialled", "accepted")
        return (net.alice.peer("bob")["session"], net.bob.peer("alice")["session"]) == stays \
            and len(net.alice.children()) == 1 and len(net.bob.children()) == 1
    wait_for(one, what="one session, dialled by the greater name if it dialled")


def test_wrong_host_key_is_refused(make_net):
    """SPEC R-1.3, N-9.3"""
    net = make_net("alice", "bob")
    net.alice.addresses = []  # so that it is she who dials
    net.bob.write_derived()
    net.start("bob")
    key = net.bob.host_key
    net.bob.host_key = net.bob.client_key
    net.alice.write_derived()
    net.bob.host_key = key
    net.alice.start()
    net.alice.bundles("bob", 1)
    wait_for(lambda: net.alice.logged("host key is not one of the manifest's"), what="the refusal")
    assert net.bob.logged("session up") == 0


def test_no_settings_but_its_own(make_net):
    """SPEC R-1.4: what the machine and its user have set up for ssh(1) sends
    the dialler elsewhere, denies it the host key and has it ask an agent; it
    notices nothing of that."""
    net = make_net("alice", "bob")
    net.alice.addresses = []  # it must be alice who dials
    net.configure()
    setting = net.base / "ssh"
    setting.mkdir()
    wrong = f"{net.bob.address},[{net.bob.address}]:2222 {net.alice.host_key}\n"
    (setting / "ssh_known_hosts").write_text(wrong, encoding="ascii")
    (setting / "known_hosts").write_text(wrong, encoding="ascii")
    # Ciphers that no sshd takes: a setting that none of the dialler's own overrides.
    config = f"Host *\n  Ciphers aes128-cbc\n  HostName 127.0.0.1\n  Port 9\n  User nobody\n  ProxyCommand touch {setting}/asked\n"
    (setting / "ssh_config").write_text(config, encoding="ascii")
    (setting / "config").write_text(config, encoding="ascii")
    agent = socket.socket(socket.AF_UNIX)
    agent.bind(str(setting / "agent"))
    agent.listen()
    agent.setblocking(False)
    relayd = net.alice.relayd
    home = pathlib.Path("~root").expanduser()
    # The network namespace that the program is begun in has mounts of its own.
    hide = f"mount -t tmpfs tmpfs {home}; mkdir {home}/.ssh; cp {setting}/*config {setting}/known* {home}/.ssh; mount --bind {setting} /etc/ssh"
    at = relayd.argv.index(net.netns) + 1
    relayd.argv[at:at] = ["sh", "-ec", f'{hide}; exec "$@"', "sh"]
    relayd.env.update(SSH_AUTH_SOCK=str(setting / "agent"), HOME=str(home))
    net.start()
    all_home(net, "bob", net.alice.bundles("bob", 1))
    assert net.alice.peer("bob")["session"] == "dialled"
    with pytest.raises(BlockingIOError):
        agent.accept()
    agent.close()
    assert not (setting / "asked").exists()


def test_network_comes_up(make_net):
    """SPEC R-8.3"""
    net = make_net("alice", "bob")
    net.alice.settings["relay"] = {"retry-min": "1h", "retry-max": "2h"}
    net.configure()
    net.start("alice")
    ids = net.alice.bundles("bob", 2)
    wait_for(lambda: net.alice.logged("will dial again"), what="a failure")
    net.bob.start()
    net.bob.relayd.stop()  # it must be alice who dials
    net.bob.addresses = []
    net.bob.settings["relay"] = {"retry-min": "1h"}
    net.bob.start()
    net.ip("-n", net.netns, "addr", "add", "192.0.2.77/24", "dev", "lan")
    all_home(net, "bob", ids)


def test_large_and_many(make_net):
    net = make_net("alice", "bob", "carol")
    net.start("alice", "carol")
    ids = net.alice.bundles("bob", 1, size=25 << 20) + net.alice.bundles("bob", 300, size=3000)
    for i in ids:
        wait_for(lambda: net.copies(i) == ["alice", "carol"], 60, "copies")
    net.start("bob")
    all_home(net, "bob", ids, 60)


def test_peer_added_later(make_net):
    """SPEC R-7.3"""
    net = make_net("alice", "bob", "carol")
    net.unknown = {"alice": ["carol"]}
    net.configure()
    net.start("alice", "carol")
    ids = net.alice.bundles("bob", 2)
    wait_for(lambda: len(net.alice.held()) == 2, what="taken")
    net.unknown = {}
    net.configure()
    for i in ids:
        wait_for(lambda: net.copies(i) == ["alice", "carol"], what="a copy at the new peer")


# ---- peers that don't play by the rules ----

@pytest.fixture(scope="module")
def hostile():
    """Alice serves; carol is whoever the test says she is."""
    net = Net(tempfile.mkdtemp(prefix="rl-", dir="/tmp"), ["alice", "bob", "carol"])
    net.start("alice")
    for n in net.nodes.values():
        n.path("out").mkdir()
    yield net
    net.close()


MALFORMED = [b"\n", b" \n", b"WANT x\n", b"want\n", b"want 12\n", b"want " + b"A" * 64 + b"\n",
             b"want " + b"a" * 64 + b" \n", b"want  " + b"a" * 64 + b"\n", b"mine now\n", b"ping\r\n",
             b"offer " + b"a" * 64 + b" 100\n", b"offer " + b"a" * 64 + b" -1 10\n",
             b"offer " + b"a" * 64 + b" 0 10\n", b"offer " + b"a" * 64 + b" 10 1001\n",
             b"offer " + b"a" * 64 + b" 10 0\n", b"offer " + b"a" * 64 + b" 010 10\n",
             b"bundle " + b"a" * 64 + b" 99999999999999999999\n", b"receipt 20481\n", b"receipt\n",
             b"refused " + b"a" * 64 + b"\n", b"refused " + b"a" * 64 + b" \xff\n", b"un\0known\n",
             b"x" * 600, b"x" * 600 + b"\n", b"unknown X\n", b"verbverbverbverbverb\n",
             b"agamid-relay 1 carol friends.example 1\n", b"bundle " + b"b" * 64 + b" 100\n"]


@pytest.mark.parametrize("line", MALFORMED)
def test_malformed_line_ends_the_session(hostile, line):
    """SPEC R-2.3, R-2.5, R-5.3, N-9.5"""
    c = Caller(hostile.alice, "carol")
    c.send(line)
    assert c.until("bye").startswith(("bye malformed line", "bye a second hello", "bye bundle was not asked for"))
    assert c.line() is None
    assert hostile.alice.relayd.running()


HELLOS = [b"mine\n", b"agamid-relay 1 dave friends.example 1\n", b"agamid-relay 1 carol other.example 1\n",
          b"agamid-relay 0 carol friends.example 1\n", b"agamid-relay carol\n", b"SSH-2.0-x\r\n", b"\0" * 100 + b"\n"]


@pytest.mark.parametrize("hello", HELLOS)
def test_no_good_hello(hostile, hello):
    """SPEC R-2.1, R-2.2, R-2.5"""
    c = Caller(hostile.alice, "carol", hello=False)
    c.send(hello)
    assert c.line().startswith("agamid-relay 3 alice ")
    assert c.line().startswith("bye ")
    assert c.line() is None


def test_unknown_verb_is_answered(hostile):
    """SPEC R-2.4, R-3.1, R-9.2"""
    c = Caller(hostile.alice, "carol")
    for verb in ("frobnicate", "session", "arrived", "accept", "note", "alive"):
        c.say(f"{verb} some words")
        assert c.until("unknown") == f"unknown {verb}"
    c.say("ping")
    assert c.until("pong")
    c.say("bye")
    assert c.end()[1] == 0


def test_peer_must_be_known(hostile):
    c = Caller(hostile.alice, "mallory", hello=False)
    assert c.end() == ("", 1)
    c = Caller(hostile.alice, "alice", hello=False)
    assert c.end() == ("", 1)


def test_good_offer_is_taken(hostile):
    """SPEC R-4.2"""
    path, = made(hostile.carol, "bob")
    c = Caller(hostile.alice, "carol")
    assert c.offer(path).startswith("want ")
    assert c.bring(path).startswith("stored ")
    assert path.name.split(".")[0] in hostile.alice.held("bob")
    # It is held: a second time it is not wanted.
    assert c.offer(path).startswith("have ")
    c.say("bye")
    c.end()


def forged(path, change):
    """The same bundle under a ticket with some bytes changed."""
    data = path.read_bytes()
    head = change(data[:1024].rstrip().decode())
    bad = path.with_name(path.name)
    bad.write_bytes(head.encode().ljust(1023) + b"\n" + data[1024:])
    return bad


FORGED = {
    "signature": lambda t: t.replace("signature ", "signature A" if "signature A" not in t else "signature B")[:-5]
    + t[-4:],
    "home": lambda t: t.replace("home bob", "home alice"),
    "acceptor": lambda t: t.replace("acceptor carol", "acceptor bob"),
    "network": lambda t: t.replace("network friends.example", "network others.example"),
    "copies": lambda t: t.replace("copies 4", "copies 8"),
    "garbage": lambda t: "agamid-ticket 1\nhello",
}


@pytest.mark.parametrize("what", FORGED)
def test_forged_ticket_is_refused(hostile, what):
    """SPEC R-5.1"""
    path, = made(hostile.carol, "bob")
    path = forged(path, FORGED[what])
    c = Caller(hostile.alice, "carol")
    assert c.offer(path).startswith("refused ")
    assert path.name.split(".")[0] not in hostile.alice.held()
    c.hang_up()


def test_other_bytes_are_refused(hostile):
    """SPEC R-5.4"""
    path, other = made(hostile.carol, "bob", count=2)
    c = Caller(hostile.alice, "carol")
    assert c.offer(path).startswith("want ")
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    assert c.bring(path, bytes(data)).startswith("refused ")
    assert c.offer(path).startswith("want ")
    assert c.bring(path, other.read_bytes()).startswith("refused ")
    # The session goes on, and the true bytes are taken.
    assert c.offer(path).startswith("want ")
    assert c.bring(path).startswith("stored ")
    assert not hostile.alice.lying()
    c.hang_up()


def test_more_than_the_quota(hostile):
    """SPEC R-5.9, N-8.4: a peer's share is a third, of what it brought and what it may bring."""
    net = hostile
    net.alice.stores = {"quota": "1M"}
    net.configure()
    c = Caller(net.alice, "carol")
    answers = [c.offer(p) for p in made(net.carol, "bob", count=4, size=150000)]
    assert [a.split()[0] for a in answers] == ["want", "want", "refused", "refused"]
    assert "share of the quota is used up" in answers[-1]
    c.hang_up()
    net.alice.stores = {}
    net.configure()


def test_nobody_gets_what_is_not_his(hostile):
    """SPEC R-4.5"""
    net = hostile
    mine, = net.alice.bundles("bob", 1, copies=1)
    wait_for(lambda: mine in net.alice.held("bob"), what="taken")
    c = Caller(net.alice, "carol")
    c.say(f"want {mine}")
    assert c.answer(mine) == f"refused {mine} not for you"
    unknown = "f" * 64  # in the same words
    c.say(f"want {unknown}")
    assert c.answer(unknown) == f"refused {unknown} not for you"
    c.say("mine")
    c.say("ping")
    assert c.until("pong")
    c.hang_up()


def test_forged_receipt_deletes_nothing(hostile):
    """SPEC R-6.1, R-6.2, N-11.3"""
    net = hostile
    mine, = net.alice.bundles("bob", 1, copies=1)
    wait_for(lambda: mine in net.alice.held("bob"), what="taken")
    c = Caller(net.alice, "carol")
    for node, home in ((net.carol, "bob"), (net.carol, "carol"), (net.alice, "alice")):
        text = node.receipt(mine, home=home)
        c.say(f"receipt {len(text)}", text)
        assert c.until("noted")
        c.say(f"delivered {mine} {len(text)}", text)
    c.say("receipt 5", b"hello")
    assert c.until("noted")
    assert mine in net.alice.held("bob")
    # Bob's own does, whoever brings it.
    text = net.bob.receipt(mine)
    c.say(f"receipt {len(text)}", text)
    assert c.until("noted")
    assert mine not in net.alice.held("bob")
    c.hang_up()


def test_who_does_not_read_is_cut_off(hostile):
    """SPEC R-3.4"""
    path, = made(hostile.carol, "bob")
    c = Caller(hostile.alice, "carol")
    with pytest.raises(BrokenPipeError):
        for _ in range(200000):
            c.send(b"frobnicate\n" * 1000)
    c.hang_up()
    assert hostile.alice.relayd.running()


def test_killed_in_the_middle_of_a_bundle(hostile):
    """SPEC R-3.6"""
    path, = made(hostile.carol, "bob")
    c = Caller(hostile.alice, "carol")
    assert c.offer(path).startswith("want ")
    c.say(f"bundle {path.name.replace('.', ' ')}", path.read_bytes()[:5000])
    c.say("x")
    c.hang_up()
    assert path.name.split(".")[0] not in hostile.alice.held()
    c = Caller(hostile.alice, "carol")
    assert c.offer(path).startswith("want ")
    assert c.bring(path).startswith("stored ")
    c.hang_up()


def test_one_who_stalls_is_not_waited_for(make_net):
    """SPEC R-4.4: two offer own mail; the first never sends it, and goes away."""
    net = make_net("alice", "bob", "carol", "dave")
    net.carol.path("out").mkdir()
    net.start("bob")
    path, = made(net.carol, "bob")
    first, second = Caller(net.bob, "carol"), Caller(net.bob, "dave")
    assert first.offer(path).startswith("want ")
    assert second.offer(path).startswith("wait ")
    first.hang_up()
    assert second.answer(path.name.split(".")[0]).startswith("want ")
    assert second.bring(path).startswith("stored ")
    wait_for(lambda: net.bob.delivered() == [path.name.split(".")[0]], what="delivery")
    second.hang_up()


def test_another_ticket_for_the_same_bytes(make_net):
    """SPEC R-5.8, R-4.3, N-11.2: Mallory (dave) signs for what carol sealed, and is
    first. Only opening it tells; then carol's is asked for."""
    net = make_net("alice", "bob", "carol", "dave")
    for n in (net.carol, net.dave):
        n.path("out").mkdir()
    net.start("alice")
    true, = made(net.carol, "bob")
    argv = [TOOLS / "relay_tool", "resign", net.dave.path(SECRETS, "ticket.seed"), "dave", true,
            net.dave.path("out")]
    subprocess.run([str(a) for a in argv], check=True)
    false = net.dave.path("out", true.name)
    bundle_id = true.name.split(".")[0]
    # A holder keeps what came first, and doesn't pretend to have the other.
    mallory, carol = Caller(net.alice, "dave"), Caller(net.alice, "carol")
    assert mallory.offer(false).startswith("want ")
    assert carol.offer(true).startswith("refused ")
    assert mallory.bring(false).startswith("stored ")
    assert carol.offer(true).startswith("refused ")
    mallory.hang_up()
    carol.hang_up()
    net.alice.stop()
    # The home finds out.
    net.start("bob")
    net.bob.answer("invalid")
    net.bob.deliver.stop(9)
    mallory, carol = Caller(net.bob, "dave"), Caller(net.bob, "carol")
    assert mallory.offer(false).startswith("want ")
    assert carol.offer(true).startswith("wait ")
    assert mallory.bring(false).startswith("stored ")
    net.bob.deliver.start()
    assert carol.answer(bundle_id, 40).startswith("want ")
    net.bob.answer("done")
    assert carol.bring(true).startswith("stored ")
    assert carol.until("receipt")
    assert mallory.offer(false).startswith("delivered ")
    mallory.hang_up()
    carol.hang_up()


# ---- death at every step ----

def fault_points():
    """Every point that relayd's processes pass, from the sources."""
    points = {"relay.dirsync", "relay.commit"}
    for path in [*SOURCE.glob("relayd/*.c"), *SOURCE.glob("lib/mail/spool*.c")]:
        points |= set(re.findall(r'fault_point\("((?:relay|spool)\.[a-z]+)"\)', path.read_text()))
    points.discard("spool.unlink")
    return sorted(points)


@pytest.fixture(scope="module")
def whole_three():
    net = Net(tempfile.mkdtemp(prefix="rl-", dir="/tmp"), ["alice", "bob", "carol"])
    net.start()
    yield net
    net.close()


@pytest.fixture
def three(whole_three, request):
    failed = request.session.testsfailed
    yield whole_three
    if request.session.testsfailed != failed:
        whole_three.show()


@pytest.mark.parametrize("action", ["error", "kill", "kill-after"])
@pytest.mark.parametrize("point", fault_points())
def test_fault(three, point, action):
    """SPEC R-3.6, R-5.2: nothing is lost, and nothing is delivered twice, whichever process of
    whichever node fails or dies at this step."""
    net = three
    before = len(net.bob.delivered())
    for n in net.nodes.values():
        n.fault(f"{point} {action}", f"{point} {action} 5")
    net.bob.stop()  # so that there are copies first
    ids = net.alice.bundles("bob", 6, size=5000)
    wait_for(lambda: [n.revive() for n in (net.alice, net.carol)] and set(ids) <= set(net.alice.held()), what="taken")
    net.bob.start(relayd=False)
    net.bob.relayd.start()

    until = time.monotonic() + 1.5

    def done():
        for n in net.nodes.values():
            n.revive()
            if time.monotonic() > until:
                n.fault()  # or every new session would meet it
        return sorted(net.bob.delivered()[before:]) == sorted(ids) and not any(
            n.held() or n.lying() for n in net.nodes.values())
    wait_for(done, 60, f"the mail to be home in spite of {point}")
    for n in net.nodes.values():
        n.fault()
