# SPDX-License-Identifier: MIT
"""A node's keys change: new ones beside old ones, and revocations, which
freeze sealing at once. Run as test_cli.py is."""

import re
import subprocess

from exchanged import apply, gpg_sign, in_force, post


def recipients(node, fingerprint):
    """What is sealed to for this primary key, at this node."""
    text = (node.derived / "sealing/recipients").read_text()
    return re.search(rf"^{fingerprint} (.*)$", text, re.M)[1]


def pass_on(bob, carol):
    post(carol, "bob", bob.manifest().read_bytes())
    return apply(carol)


def secret_subkeys(node):
    out = subprocess.run(["gpg", "--with-colons", "--show-keys", node.secrets / "openpgp.asc"], capture_output=True,
                         text=True, check=True, timeout=60).stdout
    return [line.split(":")[9] for prev, line in zip(out.splitlines(), out.splitlines()[1:])
            if prev.startswith("ssb") and line.startswith("fpr")]


def test_rotate(pair):
    """SPEC M-14.1, M-9.1: a new subkey is sealed to; the old one still opens."""
    carol, bob = pair
    fingerprint, old = bob.fingerprint(), recipients(carol, bob.fingerprint())
    assert secret_subkeys(bob) == [old]
    text = (bob.root / "etc/agamid/manifest.yaml").read_text()
    bob.run("manifest", "rotate")
    assert bob.fingerprint() == fingerprint
    assert "is refused" not in pass_on(bob, carol)
    new = recipients(carol, fingerprint)
    assert new != old and secret_subkeys(bob) == [old, new]
    assert (bob.root / "etc/agamid/manifest.yaml").read_text() != text
    assert "nothing new" in bob.run("manifest", "publish").stdout
    assert oct((bob.secrets / "openpgp.asc").stat().st_mode & 0o777) == "0o400"


def test_rotate_ticket_and_receipt(pair):
    """SPEC M-14.1: and what older manifests say is kept."""
    carol, bob = pair
    draft = bob.root / "etc/agamid/manifest.yaml"
    draft.write_text(draft.read_text().replace("copies: 4", "copies: 7"))
    seeds = {name: (bob.secrets / name).read_text() for name in ("ticket.seed", "receipt.seed")}
    first = bob.manifest().name
    bob.run("manifest", "rotate", "ticket", "receipt")
    for name, was in seeds.items():
        assert (bob.secrets / name).read_text() != was
        assert not (bob.secrets / (name + ".old")).exists()
    assert "copies: 4" in bob.run("manifest", "show").stdout  # the draft waits
    pass_on(bob, carol)
    assert (carol.derived / "old" / f"bob-{first}").exists()
    keys = re.findall(r"^  (?:ticket|receipt)-key: .*", bob.manifest().read_text(), re.M)
    assert all(key in draft.read_text() for key in keys)
    bob.run("manifest", "publish", "--force")
    assert "copies: 7" in bob.run("manifest", "show").stdout
    assert bob.run("manifest", "rotate", "nonsense", code=2)


def test_revoke_subkeys(pair):
    """SPEC M-6.4: nothing is sealed, until there is another subkey."""
    carol, bob = pair
    fingerprint = bob.fingerprint()
    assert "seal nothing" in bob.run("manifest", "revoke", "subkeys").stdout
    assert "refused" not in pass_on(bob, carol)
    assert recipients(carol, fingerprint).startswith("-")
    # What else he says is taken as before.
    bob.sign(lambda t: t.replace("192.0.2.2", "192.0.2.9"))
    pass_on(bob, carol)
    assert "192.0.2.9" in in_force(carol, "bob")
    bob.run("manifest", "rotate")
    pass_on(bob, carol)
    assert not recipients(carol, fingerprint).startswith("-")


def test_revoke_primary(pair):
    """SPEC M-6.4: for ever, whoever has the key."""
    carol, bob = pair
    fingerprint, good = bob.fingerprint(), bob.manifest().read_text()
    assert "recovery key" in bob.run("manifest", "revoke", "primary").stdout
    assert "refused" not in pass_on(bob, carol)
    assert recipients(carol, fingerprint) == "- it was revoked"
    # The thief takes the revocation out again.
    body = re.sub(r"^serial: \d+", "serial: 2500000000", good[: good.index("\n...\n") + 5], flags=re.M)
    post(carol, "bob", gpg_sign(bob, body))
    assert "was revoked" in apply(carol)
    assert recipients(carol, fingerprint) == "- it was revoked"
    # Nobody can change the revoked one's text.
    post(carol, "bob", re.sub(r"192\.0\.2\.2", "192.0.2.66", re.sub(
        r"^serial: \d+", "serial: 2500000001", bob.manifest().read_text(), flags=re.M)))
    assert "signature" in apply(carol)
    (carol.lib / "verified").unlink()
    carol.run("apply")
    assert recipients(carol, fingerprint) == "- it was revoked"
