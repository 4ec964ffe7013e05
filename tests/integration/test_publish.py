# SPDX-License-Identifier: MIT
"""`agamid manifest publish`, `edit` and `diff`: the draft beside
agamid.yaml, signed and put into force, by hand, by an editor, by a script.
Run as test_cli.py is."""

import os
import pty
import re
import select
import subprocess

import pytest
from cli_node import Cli, program
from exchanged import apply, gpg_sign, post


def draft(node):
    return node.root / "etc/agamid/manifest.yaml"


def edit(node, change):
    draft(node).write_text(change(draft(node).read_text()))


def body(text):
    return text[: text.index("\n...\n") + 5]


def test_draft_follows(pair):
    """SPEC M-10.1"""
    _, bob = pair
    assert draft(bob).read_text() == body(bob.manifest().read_text())
    before = bob.snapshot()
    assert "nothing new" in bob.run("manifest", "publish").stdout
    assert bob.snapshot() == before
    bob.sign(lambda t: t.replace("192.0.2.2", "192.0.2.9"))
    assert draft(bob).read_text() == body(bob.manifest().read_text())


def test_publish_by_script(pair):
    """SPEC M-10.2: what a cron job does: rewrite, publish."""
    carol, bob = pair
    first = int(bob.manifest().stem)
    subprocess.run(["sed", "-i", "s/192.0.2.2/192.0.2.77/; s/^node:/# by cron\\nnode:/", draft(bob)], check=True)
    said = bob.run("manifest", "publish").stdout
    assert int(bob.manifest().stem) == first + 1
    assert f"serial {first + 1} is signed" in said
    text = (bob.derived / "manifests/bob.yaml").read_text()
    assert "192.0.2.77" in text and "# by cron" in text
    assert draft(bob).read_text() == body(text)
    bob.run("manifest", "check", bob.manifest())
    post(carol, "bob", bob.manifest().read_bytes())
    assert apply(carol) == "bob serial %d came by exchange\n" % (first + 1)


def test_publish_refuses(pair):
    """SPEC M-10.1, M-10.4: and what is in force stays."""
    _, bob = pair
    good, manifest = draft(bob).read_text(), bob.manifest()
    for change, said in (
        (lambda t: t.replace("copies: 4", "copys: 4"), r"manifest\.yaml:\d+:\d+: .*copys"),
        (lambda t: t.replace("name: 'bob'", "name: 'rob'"), "this node is bob"),
        (lambda t: re.sub(r"ticket-key: \S+", "ticket-key: ed25519:" + "A" * 43 + "=", t), "ticket-key"),
        (lambda t: re.sub(r"serial: \d+", "serial: 4000000000 # far", t), "every peer would refuse it"),
        (lambda t: "#" * 65536 + "\n" + t, "longer than|has .* bytes"),
    ):
        draft(bob).write_text(change(good))
        assert re.search(said, bob.run("manifest", "publish", code=1).stderr)
        assert bob.manifest() == manifest
    draft(bob).write_text(good)


def test_publish_refuses_a_key_that_expires(pair):
    """SPEC M-10.4"""
    _, bob = pair
    home = bob.root / "gnupg2"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "-q"]
    try:
        subprocess.run([*gpg, "--import", bob.secrets / "openpgp.asc"], check=True, capture_output=True, timeout=60)
        keys = {}
        for days in (90, 150):
            subprocess.run([*gpg, "--passphrase", "", "--quick-set-expire", bob.fingerprint(), f"{days}d"], check=True,
                           capture_output=True, timeout=60)
            keys[days] = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True, text=True,
                                        timeout=60).stdout
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True, timeout=60)
    good = draft(bob).read_text()

    def with_key(key):
        lines = "".join(f"    {line}\n" if line else "\n" for line in key.splitlines())
        return re.sub(r"  openpgp: \|\n.*?  recovery:", lambda m: f"  openpgp: |\n{lines}  recovery:", good, flags=re.S)

    draft(bob).write_text(with_key(keys[90]))
    assert "the key expires at" in bob.run("manifest", "publish", code=1).stderr
    draft(bob).write_text(with_key(keys[150]))
    bob.run("manifest", "publish")


def test_publish_goes_above(pair):
    """SPEC M-10.2: above what peers have of us, though we have it not."""
    carol, _ = pair
    text = carol.manifest().read_text()
    lost = body(text).replace("quota: 1G", "quota: 8G")
    lost = re.sub(r"ticket-key: \S+", "ticket-key: ed25519:" + "A" * 43 + "=", lost)
    lost = re.sub(r"^serial: \d+", "serial: 2500000000", lost, flags=re.M)
    post(carol, "carol", gpg_sign(carol, lost))
    assert "not in force" in apply(carol)
    assert "peers have another manifest of this node" in carol.run("status").stdout
    edit(carol, lambda t: t.replace("quota: 1G", "quota: 2G"))
    carol.run("manifest", "publish")
    assert carol.manifest().stem == "2500000001"
    assert "peers have another" not in carol.run("status").stdout


def test_draft_that_is_behind(pair):
    """SPEC M-10.3"""
    _, bob = pair
    mine = draft(bob).read_text().replace("copies: 4", "copies: 3")
    draft(bob).write_text(mine)
    assert "stays as it is" in bob.sign(lambda t: t.replace("192.0.2.2", "192.0.2.9")).stderr
    assert draft(bob).read_text() == mine
    assert "was made from serial" in bob.run("manifest", "publish", code=1).stderr
    assert "192.0.2.9" in (bob.run("manifest", "show")).stdout
    bob.run("manifest", "publish", "--force")
    assert "copies: 3" in bob.run("manifest", "show").stdout


def test_pinned_is_said(pair):
    """SPEC M-10.4: friends will be asked."""
    _, bob = pair
    edit(bob, lambda t: t.replace("domains: ['bob.example']", "domains: ['bob.example', 'b.example']"))
    said = bob.run("manifest", "publish").stderr
    assert "peer accept bob" in said and "+ domain b.example" in said


def test_diff(pair):
    _, bob = pair
    assert bob.run("manifest", "diff").stdout == ""
    edit(bob, lambda t: t.replace("copies: 4", "copies: 3"))
    said = bob.run("manifest", "diff", code=1).stdout
    assert re.search(r"^-.*copies: 4", said, re.M) and re.search(r"^\+.*copies: 3", said, re.M)
    assert "SIGNATURE" not in said
    assert bob.run("manifest", "diff", bob.manifest(), draft(bob), code=1).stdout.count("\n+") == 2
    assert "No such file" in bob.run("manifest", "diff", "/nowhere", code=2).stderr


# ---- the editor ----


def editor(node, script):
    path = node.root / "editor.sh"
    path.write_text(f"#!/bin/sh\nset -e\n{script}\n")
    path.chmod(0o755)
    return dict(os.environ, EDITOR=f"{path} -x", VISUAL=f"{path} -x")


def on_terminal(node, env, *args, answers=()):
    """Its output, and exit status, where standard input is a terminal."""
    parent, child = pty.openpty()
    process = subprocess.Popen([program(), "--root", str(node.root), *args], env=env, stdin=child, stdout=child,
                               stderr=child, start_new_session=True)
    os.close(child)
    said, answers = "", list(answers)
    while select.select([parent], [], [], 60)[0]:
        try:
            data = os.read(parent, 4096)
        except OSError:  # the other end is gone
            break
        said += data.decode().replace("\r\n", "\n")
        if answers and answers[0][0] in said:
            os.write(parent, answers[0][1].encode() + b"\n")
            said = said.replace(answers.pop(0)[0], "(answered)")
    os.close(parent)
    return said, process.wait(timeout=60)


def test_edit(pair):
    """SPEC M-10.5"""
    _, bob = pair
    env = editor(bob, 'sed -i "s/copies: 4/copies: 5/" "$2"')
    result = subprocess.run([program(), "--root", str(bob.root), "manifest", "edit"], env=env, capture_output=True,
                            text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert result.returncode == 0, result.stderr
    assert "copies: 5" in bob.run("manifest", "show").stdout
    assert "copies: 5" in draft(bob).read_text()


@pytest.mark.parametrize("script, said", [
    ('sed -i "s/copies: 4/copys: 4/" "$2"', "copys"), ("exit 3", "editor failed"), ("true", "as it was"),
], ids=["broken", "fails", "unchanged"])
def test_edit_installs_nothing_bad(pair, script, said):
    """SPEC M-10.5"""
    _, bob = pair
    before, manifest = draft(bob).read_text(), bob.manifest()
    result = subprocess.run([program(), "--root", str(bob.root), "manifest", "edit"], env=editor(bob, script),
                            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert result.returncode == 1 and said in result.stderr
    assert draft(bob).read_text() == before and bob.manifest() == manifest


def test_edit_again(pair):
    """SPEC M-10.5: the second try is good."""
    _, bob = pair
    env = editor(bob, 'if grep -q copys "$2"; then sed -i "s/copys: 4/copies: 6/" "$2"; '
                      'else sed -i "s/copies: 4/copys: 4/" "$2"; fi')
    said, status = on_terminal(bob, env, "manifest", "edit", answers=[("Edit it again? (yes or no) ", "yes")])
    assert status == 0, said
    assert "copies: 6" in bob.run("manifest", "show").stdout


# ---- what asks ----


def test_accept_what_asks(pair):
    """SPEC M-11.2: what came by exchange, shown and agreed to."""
    carol, bob = pair
    edit(bob, lambda t: t.replace("domains: ['bob.example']", "domains: ['bob.example', 'b.example']"))
    bob.run("manifest", "publish")
    post(carol, "bob", bob.manifest().read_bytes())
    assert "agamid peer accept bob" in apply(carol)
    assert "b.example" not in (carol.derived / "postfix/relay_domains").read_text().split()
    said = carol.run("peer", "accept", "bob", code=1)
    assert "+ domain b.example" in said.stdout and "--fingerprint" in said.stderr
    said, status = on_terminal(carol, dict(os.environ), "peer", "accept", "bob", answers=[("(yes or no) ", "no")])
    assert status == 1 and "SHA256:" in said and "- was" in said
    said, status = on_terminal(carol, dict(os.environ), "peer", "accept", "bob", answers=[("(yes or no) ", "yes")])
    assert status == 0, said
    carol.run("apply")
    assert "b.example" in (carol.derived / "postfix/relay_domains").read_text().split()
    assert "peer accept" not in carol.run("status").stdout
    assert carol.run("peer", "accept", "bob", code=1)


def test_add_shows_who_it_is(pair, known):
    """SPEC M-11.1"""
    carol, _ = pair
    mallory = known("mallory")
    said, status = on_terminal(carol, dict(os.environ), "peer", "add", str(mallory.manifest()),
                               answers=[("(yes or no) ", "no")])
    assert status == 1 and "nothing changed" in said
    keygen = subprocess.run(["ssh-keygen", "-lf", mallory.secrets / "ssh-host.pub"], capture_output=True, text=True,
                            check=True, timeout=60).stdout
    assert keygen.split()[1] in said
    assert mallory.fingerprint() in said.replace(" ", "")
    assert re.search(r"mallory\.example +(no such domain|no MX|not known|\d)", said)


# ---- init asks ----


def test_init_asks(tmp_path):
    """SPEC M-11.3: each answer is checked; nothing before the last yes."""
    node = Cli(tmp_path / "erin")
    answers = [("Host", "Erin_1"), ("expected a name in DNS", "erin.friends.example"), ("Name [erin]: ", ""),
               ("Network [friends.example]: ", ""), ("Domains", "erin"), ("expected domains", "erin.example, e.example"),
               ("Addresses", "127.0.0.1"), ("expected IPv4", "192.0.2.5"), ("Make this node? (yes or no) ", "no")]
    said, status = on_terminal(node, dict(os.environ), "init", answers=answers)
    assert status == 1 and "nothing was made" in said, said
    assert list(node.root.iterdir()) == []
    answers = [("Host", "erin.friends.example"), ("Name", ""), ("Network", ""), ("Domains", "erin.example"),
               ("Addresses", "-"), ("Dynamic name", "erin.dyn.example"), ("(yes or no) ", "yes")]
    said, status = on_terminal(node, dict(os.environ), "init", answers=answers)
    assert status == 0, said
    assert "BEGIN PGP PRIVATE KEY BLOCK" in said and "agamid peer add" in said
    node.name = "erin"
    text = node.manifest().read_text()
    assert "dynamic: 'erin.dyn.example'" in text and "domains: ['erin.example']" in text
    before = node.snapshot()
    said, status = on_terminal(node, dict(os.environ), "init")
    assert status == 0 and "nothing changed" in said
    assert node.snapshot() == before
