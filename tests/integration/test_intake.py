# SPDX-License-Identifier: MIT
"""`agamid apply` and the inbox of manifests that came by exchange: what is
taken, what asks, what is refused, and that nothing in the inbox is
followed. Run as test_cli.py is."""

import hashlib
import os
import re

import pytest
from exchanged import apply, gpg_sign, in_force, inbox, post


def status(node):
    return node.run("status", "--json").stdout


# ---- what may change by itself ----


def test_newer_is_taken(pair):
    """SPEC M-9.1: addresses, mailboxes, policy."""
    carol, bob = pair
    bob.sign(lambda t: t.replace("192.0.2.2", "192.0.2.9").replace("copies: 4", "copies: 5"))
    post(carol, "bob", bob.manifest().read_bytes())
    apply(carol)
    assert "192.0.2.9" in in_force(carol, "bob")
    before = carol.snapshot()
    assert apply(carol) == ""
    assert carol.snapshot() == before


def test_known_and_older_are_nothing(pair):
    """SPEC M-9.4"""
    carol, bob = pair
    first = bob.manifest().read_bytes()
    bob.sign(lambda t: t.replace("192.0.2.2", "192.0.2.9"))
    post(carol, "bob", bob.manifest().read_bytes())
    apply(carol)
    before = {k: v for k, v in carol.snapshot().items() if "inbox" not in k}
    post(carol, "bob", bob.manifest().read_bytes())
    post(carol, "bob", first)
    assert apply(carol) == ""
    assert {k: v for k, v in carol.snapshot().items() if "inbox" not in k} == before


def test_one_that_was_missed(pair):
    """SPEC M-9.4: archived for its keys, if the pinned key has signed it; never in force."""
    carol, bob = pair
    bob.sign(lambda t: t.replace("192.0.2.2", "192.0.2.8"))
    missed = bob.manifest().read_text()
    serial = re.search(r"^serial: (\d+)", missed, re.M)[1]
    bob.sign(lambda t: t.replace("192.0.2.8", "192.0.2.9"))
    post(carol, "bob", bob.manifest().read_text())
    apply(carol)
    now = in_force(carol, "bob")
    post(carol, "bob", missed.replace("192.0.2.8", "192.0.2.7"))
    assert "signature" in apply(carol)
    post(carol, "bob", missed)
    assert "an older one" in apply(carol)
    assert in_force(carol, "bob") == now and now != missed
    assert (carol.derived / f"old/bob-{serial}.yaml").read_text() == missed
    post(carol, "bob", missed)
    assert apply(carol) == ""


# ---- what asks ----


@pytest.mark.parametrize("change", [
    (r"name: 'bob'", "name: 'bobby'"), (r"host: \S+", "host: evil.friends.example"),
    (r"domains: \[.*\]", "domains: ['bob.example', 'bank.example']"), (r"network: \S+", "network: other.example"),
    (r"(  host: .*)", r"\1\n  site: 'carol'"),
], ids=["name", "host", "domains", "network", "site"])
def test_pinned_stays(pair, change):
    """SPEC M-9.2"""
    carol, bob = pair
    before = in_force(carol, "bob")
    text = re.sub(change[0], change[1], bob.manifest().read_text(), count=1, flags=re.M)
    text = re.sub(r"^serial: \d+", "serial: 2999010101", text, flags=re.M)
    body = text[: text.index("\n...\n") + 5]
    post(carol, "bob", gpg_sign(bob, body))
    said = apply(carol)
    assert "bob serial 2999010101 came by exchange" in said
    assert in_force(carol, "bob") == before
    # Told for as long as it matters; judged once.
    assert "2999010101" in status(carol)
    again = carol.run("apply", "--quiet").stderr
    assert "2999010101" in again
    assert "2999010101" in (carol.derived / "seen").read_text()


# ---- what is refused ----


def test_equivocation(pair):
    """SPEC M-9.5: the first seen stays, both are kept, it is told."""
    carol, bob = pair
    text = bob.manifest().read_text()
    body = text[: text.index("\n...\n") + 5].replace("192.0.2.2", "192.0.2.66")
    other = gpg_sign(bob, body)
    post(carol, "bob", other)
    assert "another manifest with a serial that is known" in apply(carol)
    assert "192.0.2.66" not in in_force(carol, "bob")
    kept = list((carol.lib / "manifests/bob").glob("*.other-*.yaml"))
    assert [p.read_bytes() for p in kept] == [other]
    assert "signed two manifests" in status(carol)
    assert hashlib.sha256(other).hexdigest() in (carol.derived / "seen").read_text()
    bob.sign(lambda t: t.replace("192.0.2.2", "192.0.2.9"))
    post(carol, "bob", bob.manifest().read_bytes())
    apply(carol)
    assert "signed two manifests" not in status(carol)


def test_foreign_key(pair, known):
    """SPEC M-9.2: signed by its own key, which is not bob's."""
    carol, bob = pair
    mallory = known("mallory")
    text = mallory.manifest().read_text()
    body = text[: text.index("\n...\n") + 5].replace("mallory", "bob")
    body = re.sub(r"^serial: \d+", "serial: 2999010101", body, flags=re.M)
    post(carol, "bob", gpg_sign(mallory, body))
    assert "to which you agreed" in apply(carol)
    assert "2999010101" not in in_force(carol, "bob")
    assert "to which you agreed" in status(carol)


def test_forged_and_far(pair):
    """SPEC M-9.1, M-9.4: a changed text; a serial that leaps."""
    carol, bob = pair
    before = in_force(carol, "bob")
    text = bob.manifest().read_text()
    forged = re.sub(r"^serial: \d+", "serial: 2999010101", text, flags=re.M)
    post(carol, "bob", forged)
    assert "signature" in apply(carol)
    body = text[: text.index("\n...\n") + 5]
    for serial in ("9007199254740992", "9007199254740993", "99999999999999999999"):
        far = re.sub(r"^serial: \d+", f"serial: {serial}", body, flags=re.M)
        post(carol, "bob", gpg_sign(bob, far), serial="4")
        assert "serial" in apply(carol)
    assert in_force(carol, "bob") == before


def test_claims(pair, known):
    """SPEC M-9.3: a key that another has goes to nobody new."""
    carol, bob = pair
    dave = known("dave")
    key = re.search(r"ticket-key: \S+", dave.manifest().read_text())[0]
    text = re.sub(r"ticket-key: \S+", key, bob.manifest().read_text())
    text = re.sub(r"^serial: \d+", "serial: 2999010101", text, flags=re.M)
    post(carol, "bob", gpg_sign(bob, text[: text.index("\n...\n") + 5]))
    said = apply(carol)
    assert "belongs to dave" in said and "2999010101" not in in_force(carol, "bob")


def test_own_by_exchange(pair):
    """SPEC M-9.6: what a restored backup does not know."""
    carol, _ = pair
    old = carol.manifest()
    carol.sign(lambda t: t.replace("quota: 1G", "quota: 7G"))
    new = carol.manifest()
    data = new.read_bytes()
    new.unlink()
    assert carol.manifest() == old
    post(carol, "carol", data)
    apply(carol)
    assert "quota: 7G" in in_force(carol, "carol")


# ---- the inbox is an enemy's ----


def test_inbox_is_not_followed(pair, tmp_path):
    """SPEC M-9.7"""
    carol, bob = pair
    secret = tmp_path / "secret.yaml"
    secret.write_text("version: 1\nsecret: hunter2\n")
    box = inbox(carol)
    name = "bob.2999010101.0123456789abcdef.yaml"
    (box / name).symlink_to(secret)
    said = apply(carol)
    assert "refused" in said and "hunter2" not in said
    assert secret.exists()
    os.link(secret, box / name)
    assert "plain file" in apply(carol)
    os.mkfifo(box / name)
    assert "plain file" in apply(carol)
    (box / name).write_bytes(b"#" * 65537)
    assert "65537 bytes" in apply(carol)
    for junk in ("..yaml", "bob.1.0123456789abcdef.yaml\n", "x" * 200, "bob.0123456789abcdef.yaml",
                 "b" * 33 + ".1.0123456789abcdef.yaml", "bob.1.0123456789ABCDEF.yaml", "-.1.0123456789abcdef.yaml"):
        (box / junk).write_text("x")
    assert apply(carol).count("no manifest's name") == 7
    post(carol, "stranger", bob.manifest().read_bytes())
    assert "no peer" in apply(carol)
    assert not (carol.lib / "manifests/stranger").exists()
    # What relayd is still writing stays.
    (box / (name + ".tmp")).write_text("half")
    carol.run("apply", "--quiet")
    assert (box / (name + ".tmp")).exists()
    # The whole inbox is a link.
    (box / (name + ".tmp")).unlink()
    box.rmdir()
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / "precious").write_text("x")
    box.symlink_to(target)
    assert "inbox" in carol.run("apply", "--quiet", code=1).stderr
    assert (target / "precious").exists()


def test_refusals_are_bounded(pair):
    """SPEC M-9.8"""
    carol, bob = pair
    text = bob.manifest().read_text()
    for n in range(80):
        post(carol, "bob", text.replace("serial: 2", f"serial: 3{n:02}", 1).replace("node:", "node: x\nnode:"))
    apply(carol)
    kept = (carol.lib / "manifests/bob/refused").read_text().splitlines()
    assert len(kept) == 65
