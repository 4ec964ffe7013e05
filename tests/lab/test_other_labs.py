# SPDX-License-Identifier: MIT
"""Labs of other shapes: names, domains, numbers and sites of one's own."""

import json
import os
import time

import pytest
from helpers import arrives, empty_spools, fresh_word, stranger_says, wait_for_copies
from labkit import mailbox, story, wait
from labkit.lab import Lab

NEIGHBOURS = """\
network: nachbarn.test
nodes:
  emil:
    domains: [emil.example.org, e-mil.test]
    mailboxes: {info: '(info|kontakt)(\\+\\w+)?', emil: 'emil'}
  frida: {domains: [frida.nachbarn.test]}
  gustav: {options: [--site, hof]}
  hanna: {options: [--site, hof], settings: {openpgp: gpgme}}
  ida: {options: [--site, hof]}
  jutta: {nat: true}
"""


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory):
    nodes = tmp_path_factory.mktemp("lab") / "nodes.yaml"
    nodes.write_text(NEIGHBOURS, encoding="utf-8")
    lab = Lab(f"n{os.getpid()}", nodes_file=nodes, root=os.environ["AGAMID_LAB_ROOT"])
    lab.up()
    yield lab
    lab.down()


def test_a_second_domain(neighbours):
    """The mail for a node's other domain goes the same way."""
    rcpt, word = "kontakt+x@e-mil.test", fresh_word()
    sent = story.message(word, rcpt)
    neighbours.nodes["emil"].off()
    mailbox.submit(neighbours, "ann@sender.example", [rcpt], sent)
    wait_for_copies(neighbours, "emil", 2)
    neighbours.start(neighbours.nodes["emil"])
    assert mailbox.below_trace(arrives(neighbours, "emil", word, user="info")) == sent
    empty_spools(neighbours)


def test_gpgme_node(neighbours):
    """A node without RNP opens what the others sealed."""
    rcpt, word = "hanna@hanna.example", fresh_word()
    sent = story.message(word, rcpt)
    neighbours.nodes["hanna"].off()
    mailbox.submit(neighbours, "ann@sender.example", [rcpt], sent)
    wait_for_copies(neighbours, "hanna", 2)
    neighbours.start(neighbours.nodes["hanna"])
    assert mailbox.below_trace(arrives(neighbours, "hanna", word)) == sent
    empty_spools(neighbours)


def test_one_holder_a_site(neighbours):
    """SPEC N-8.3: of three friends under one roof only one is drawn."""
    emil = "emil@emil.example.org"
    neighbours.nodes["emil"].off()
    words = [fresh_word() for _ in range(12)]
    for word in words:
        _, data = stranger_says(neighbours, "frida", "ann@sender.example", [emil], story.message(word, emil))
        assert data[0] == 250
    frida = neighbours.nodes["frida"]

    def drawn():
        """Bundle -> those under the roof that Frida drew for it."""
        log = (frida.directory / "var/log/agamid-relayd.log").read_text(encoding="utf-8")
        ids = {path.name.split(".")[0] for path in story.held(frida, "emil")}
        return {i: [n for n in ("gustav", "hanna", "ida") if f"drawn id={i} peer={n}" in log] for i in ids}

    wait.until(lambda: len(drawn()) == 12 and all(drawn().values()), 60, "Frida to draw for all twelve")
    assert all(len(peers) == 1 for peers in drawn().values()), drawn()
    assert len({peers[0] for peers in drawn().values()}) > 1, "always the same one of the three"
    neighbours.start(neighbours.nodes["emil"])
    for word in words:
        arrives(neighbours, "emil", word)
    empty_spools(neighbours)


def standing(lab):
    """Those with whom Jutta stands, and has a session now."""
    log = (lab.nodes["jutta"].directory / "var/log/agamid-relayd.log").read_text(encoding="utf-8")
    said = lab.nodes["jutta"].exec("agamid", "status", "--json").stdout
    return [p["name"] for p in json.loads(said)["peers"]
            if p["session"] == "dialled" and f"stands with peer={p['name']}\n" in log]


def pushed(lab, acceptor):
    """A stranger's mail for Jutta; seconds from 250 to where she reads it."""
    word, rcpt = fresh_word("nat"), "jutta@jutta.example"
    _, data = stranger_says(lab, acceptor, "ann@sender.example", [rcpt], story.message(word, rcpt))
    assert data[0] == 250, data
    start = time.monotonic()
    arrives(lab, "jutta", word, seconds=150)
    return time.monotonic() - start


def test_home_that_nobody_can_dial(neighbours):
    """SPEC R-8.6, R-3.3: Jutta's sessions stand, and what comes for her is there at once. One that breaks off is
    dialled anew; in a long run (AGAMID_SOAK) one that a NAT forgets, without a word to anybody, as well."""
    jutta = neighbours.nodes["jutta"]
    zone = (neighbours.dns.directory / "etc/nsd-lab").glob("zone*")
    assert not any("MX" in line and "jutta.nachbarn" in line.split("MX")[1]
                   for z in zone for line in z.read_text(encoding="utf-8").splitlines())
    friends = wait.until(lambda: len(standing(neighbours)) == 3 and standing(neighbours), 60, "Jutta's sessions")
    took = [pushed(neighbours, friend) for friend in friends]
    print("\nto a home that nobody can dial:", " ".join(f"{t:.2f}" for t in took), "s after the 250")
    assert min(took) < 20
    log = jutta.directory / "var/log/agamid-relayd.log"
    up = f"session up peer={friends[0]} by=us\n"
    ups = log.read_text(encoding="utf-8").count(up)
    neighbours.nodes[friends[0]].exec("sh", "-c", "kill $(pgrep -f '[a]gamid-receive.*--peer jutta')")
    wait.until(lambda: log.read_text(encoding="utf-8").count(up) > ups, 60, "a new session")
    if os.environ.get("AGAMID_SOAK"):
        wait.until(lambda: friends[0] in standing(neighbours), 60, "the session")
        ports = jutta.exec("ss", "-tnH", "dport", "=", ":2222").stdout.split("\n")
        ports = ",".join(line.split()[3].rsplit(":", 1)[1] for line in ports if line)
        jutta.filter("add chain inet nat out { type filter hook output priority 0; };"
                     f"add rule inet nat in iifname eth0 tcp dport {{ {ports} }} drop;"
                     f"add rule inet nat out oifname eth0 tcp sport {{ {ports} }} drop")
        print(f"after a NAT forgot its sessions: {pushed(neighbours, friends[0]):.1f} s")
    empty_spools(neighbours)
