# SPDX-License-Identifier: MIT
"""Labs of other shapes: names, domains, numbers and sites of one's own."""

import os

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

    wait.until(lambda: len(drawn()) == 12 and all(drawn().values()), 20, "Frida to draw for all twelve")
    assert all(len(peers) == 1 for peers in drawn().values()), drawn()
    assert len({peers[0] for peers in drawn().values()}) > 1, "always the same one of the three"
    neighbours.start(neighbours.nodes["emil"])
    for word in words:
        arrives(neighbours, "emil", word)
    empty_spools(neighbours)
