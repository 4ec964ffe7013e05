# SPDX-License-Identifier: MIT
"""agamid key: from the login password to mail that the plugin opens."""
import pathlib
import subprocess

import pytest

import mails
from dovebox import TOOLS, UID, Sealer, run

AGAMID = TOOLS.parents[1] / "cli/agamid"
TEXT = mails.crlf(mails.SIMPLE)


class Node:
    """A node below a directory, and its draft."""

    def __init__(self, root):
        self.root = root
        root.mkdir()
        self.agamid("init", "--batch", "--name", "frank", "--network",
                    "friends.example", "--host", "frank.friends.example",
                    "--domain", "frank.example", "--mailbox", "frank=f(rank)?",
                    "--mailbox", "info=info", "--recovery-out", root / "paper")

    def agamid(self, *argv, stdin="", code=0):
        done = subprocess.run(
            [str(AGAMID), "--root", str(self.root), *map(str, argv)],
            input=stdin.encode(), capture_output=True, timeout=60)
        assert done.returncode == code, done
        return done.stdout

    def publish(self):
        self.agamid("manifest", "publish", "--wait", "0s")
        return self.agamid("manifest", "show", "frank").decode()

    def public(self, where):
        """The mailbox's key, as the manifest in force has it."""
        text = self.publish().split("'frank':")[1]
        lines = [line.strip() for line in text.splitlines()]
        start = lines.index("-----BEGIN PGP PUBLIC KEY BLOCK-----")
        end = lines.index("-----END PGP PUBLIC KEY BLOCK-----")
        where.write_text("\n".join(lines[start:end + 1]) + "\n")
        return where


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path / "node")


class Published:
    def __init__(self, public):
        self.public = public


def read(box, password):
    box.users["frank"] = password
    with box.imap() as client:
        client.ok("SELECT INBOX")
        return list(client.bodies("1").values())[0]


def test_key(dovecot, node, tmp_path):
    """SPEC D-7.1, D-7.2, D-7.3: new, passwd, export, remove, import."""
    box = dovecot(with_key=False, users={"frank": "first pass"})
    (box.home() / ".agamid").rmdir()
    home = ("--home", box.home())
    sheet = node.root / "sheet"
    node.agamid("key", "new", "frank", *home, "--sheet", sheet,
                stdin="first pass\n")
    secret = box.home() / ".agamid/secret.pgp"
    assert (secret.stat().st_uid, secret.stat().st_mode & 0o777) == (UID, 0o600)
    assert b"BEGIN PGP PRIVATE KEY" in sheet.read_bytes()
    assert sheet.stat().st_mode & 0o777 == 0o600
    key = Published(node.public(tmp_path / "public.asc"))

    sealer = Sealer(tmp_path, key)
    (box.dir / "sealed.pub").write_bytes(sealer.public.read_bytes())
    sealed = sealer.seal(TEXT)[0]
    with box.imap() as client:
        client.append("INBOX", sealed)
    assert read(box, "first pass") == TEXT

    # The password is changed, and then the key's.
    node.agamid("key", "passwd", "frank", *home, stdin="wrong\nsecond\n",
                code=1)
    node.agamid("key", "passwd", "frank", *home, stdin="first pass\nsecond\n")
    assert node.agamid("key", "export", "frank", *home) == secret.read_bytes()
    box.stop()
    box.users["frank"] = "second"
    box.write_users()
    box.start()
    assert read(box, "second") == TEXT

    # A second key: mail to the first one still opens.
    node.agamid("key", "new", "frank", *home, "--sheet", node.root / "sheet2",
                stdin="first pass\n", code=1)
    node.agamid("key", "new", "frank", *home, "--sheet", node.root / "sheet2",
                stdin="second\n")
    assert read(box, "second") == TEXT
    assert box.complaints() == []

    # Taken out of the manifest; the file stays.
    node.agamid("key", "remove", "frank")
    text = node.publish()
    assert "'info': {matches: 'info'}" in text
    assert "openpgp" not in text.split("mailboxes:")[1].split("backups")[0]
    assert secret.exists()


def test_import(node, tmp_path, key):
    home = tmp_path / "home"
    home.mkdir()
    node.agamid("key", "import", "frank", key.secret, "--home", home,
                stdin="wrong\nnew\n", code=1)
    assert not (home / ".agamid/secret.pgp").exists()
    node.agamid("key", "import", "frank", key.secret, "--home", home,
                stdin=f"{key.passphrase}\nnew\n")
    public = node.public(tmp_path / "public.asc")
    shown = [run("gpg", "--homedir", key.home, "--batch", "--with-colons",
                 "--show-keys", path) for path in (public, key.public)]
    fprs = [[line for line in text.splitlines() if line.startswith(b"fpr")]
            for text in shown]
    assert fprs[0] == fprs[1]
    node.agamid("key", "import", "frank", key.secret, "--home", home,
                stdin=f"{key.passphrase}\nnew\n", code=1)
    # SPEC D-7.4: the password is lost, and the sheet is not.
    secret = home / ".agamid/secret.pgp"
    lost = secret.read_bytes()
    said = node.agamid("key", "import", "frank", key.secret, "--home", home,
                       "--replace", stdin=f"{key.passphrase}\nnewer\n")
    kept = pathlib.Path(said.decode().split("kept as ")[1].splitlines()[0])
    assert kept.read_bytes() == lost and secret.read_bytes() != lost
    assert kept.parent == secret.parent and kept.stat().st_mode & 0o777 == 0o600
    node.agamid("key", "passwd", "frank", "--home", home,
                stdin="newer\nlast\n")


def test_links_are_not_followed_by_root(node, tmp_path):
    """Whoever owns the home has no way to make root write elsewhere."""
    home, target = tmp_path / "home", tmp_path / "target"
    home.mkdir()
    target.mkdir()
    (home / ".agamid").symlink_to(target)
    pathlib.Path(tmp_path).chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    run("chown", "-h", f"{UID}:{UID}", home, home / ".agamid")
    node.agamid("key", "new", "frank", "--home", home, stdin="x\n", code=1)
    assert list(target.iterdir()) == []
