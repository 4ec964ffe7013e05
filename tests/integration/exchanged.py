# SPDX-License-Identifier: MIT
"""Manifests that come by exchange: as relayd leaves them in the inbox of a
node below a directory, and as somebody would sign them who has the key."""

import hashlib
import os
import re
import subprocess


def inbox(node):
    path = node.lib / "state/inbox"
    path.mkdir(parents=True, exist_ok=True)
    return path


def post(node, name, data, serial=None):
    """As relayd writes it."""
    if isinstance(data, str):
        data = data.encode()
    if serial is None:
        found = re.search(rb"^serial: (\d+)", data, re.M)
        serial = found[1].decode() if found else "1"
    path = inbox(node) / f"{name}.{serial}.{hashlib.sha256(data).hexdigest()[:16]}.yaml"
    path.write_bytes(data)
    return path


def in_force(node, name):
    return (node.derived / "manifests" / f"{name}.yaml").read_text()


def apply(node, code=0):
    result = node.run("apply", "--quiet", code=code)
    assert list(inbox(node).iterdir()) == []
    return result.stderr


def gpg_sign(node, body):
    """Signed by the node's key, whatever it says: as an attacker who has
    the key would, without agamid's checks."""
    home = node.root / "gnupg"
    home.mkdir(mode=0o700, exist_ok=True)
    env = dict(os.environ, GNUPGHOME=str(home), LC_ALL="C")
    try:
        subprocess.run(["gpg", "--batch", "-q", "--import", str(node.secrets / "openpgp.asc")], env=env, check=True,
                       capture_output=True, timeout=60)
        sig = subprocess.run(["gpg", "--batch", "-q", "--armor", "--detach-sign", "-u", node.fingerprint() + "!"],
                             env=env, input=body.encode(), check=True, capture_output=True, timeout=60).stdout
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], env=env, timeout=60, check=True)
    return body.encode() + sig
