# SPDX-License-Identifier: MIT
"""A node below a directory: the real `agamid`, with --root. Needs
AGAMID_LAB_ROOT (make install DESTDIR=) or AGAMID (the program itself)."""

import os
import pathlib
import shutil
import subprocess

NETWORK = "friends.example"


def program():
    if "AGAMID" in os.environ:
        return os.environ["AGAMID"]
    root = os.environ.get("AGAMID_LAB_ROOT")
    assert root, "AGAMID_LAB_ROOT must name where make install DESTDIR= put Agamid"
    return f"{root}/usr/local/bin/agamid"


class Cli:
    """One node below a directory."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.root.mkdir(parents=True)

    def run(self, *args, code=0, stdin=subprocess.DEVNULL):
        result = subprocess.run(
            [program(), "--root", str(self.root), *map(str, args)],
            capture_output=True, text=True, timeout=120, stdin=stdin,
        )
        assert result.returncode == code, f"{args}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        return result

    def init(self, name, *options, code=0):
        self.name = name
        return self.run(
            "init", "--batch", "--name", name, "--network", NETWORK, "--host", f"{name}.{NETWORK}",
            "--domain", f"{name}.example", "--recovery-out", self.root / "recovery.asc", *options, code=code,
        )

    def copy(self, root):
        """Another such node: keys take long to make."""
        shutil.copytree(self.root, root, symlinks=True)
        made = Cli.__new__(Cli)
        made.root, made.name = root, self.name
        return made

    @property
    def lib(self):
        return self.root / "var/lib/agamid"

    @property
    def derived(self):
        return self.lib / "derived"

    @property
    def secrets(self):
        return self.root / "var/lib/agamid-key"

    def manifest(self, name=None):
        found = (self.lib / "manifests" / (name or self.name)).glob("*.yaml")
        return max(found, key=lambda p: int(p.stem))

    def fingerprint(self):
        return self.run("manifest", "fingerprint").stdout.strip()

    def add(self, other, verb="add", code=0):
        return self.run("peer", verb, other.manifest(), "--fingerprint", other.fingerprint(), code=code)

    def sign(self, edit, code=0):
        """Edit the newest manifest's text, and sign it."""
        text = edit(self.manifest().read_text())
        draft = self.root / "draft.yaml"
        draft.write_text(text)
        return self.run("manifest", "sign", draft, code=code)

    def snapshot(self):
        """Everything below the root: names, modes, times, targets, bytes."""
        seen = {}
        for path in sorted(self.root.rglob("*")):
            st = path.lstat()
            what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            seen[str(path)] = (st.st_ino, st.st_mode, st.st_uid, st.st_mtime_ns, what)
        return seen

    def table(self, name, *keys):
        """postmap -q for each key."""
        kind = "pcre" if name.endswith(".pcre") else "texthash"
        out = []
        for key in keys:
            result = subprocess.run(
                ["/usr/sbin/postmap", "-q", key, f"{kind}:{self.derived}/postfix/{name}"],
                capture_output=True, text=True, timeout=60,
            )
            assert result.stderr == ""
            out.append(result.stdout.strip())
        return out
