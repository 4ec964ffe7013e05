# SPDX-License-Identifier: MIT
"""What --help says and what the manual says: every long option of the one is
in the other. Run as test_cli.py is."""

import os
import pathlib
import re
import subprocess

import pytest
from cli_node import program

SOURCE = pathlib.Path(__file__).parents[2]
MAN = SOURCE / "doc/man"
DAEMONS = {
    "agamid-deliver": "agamid-deliver.8",
    "agamid-milter": "agamid-milter.8",
    "agamid-receive": "agamid-receive.8",
    "agamid-relayd": "agamid-relayd.8",
    "agamid-seal": "agamid-seal.8",
}
AGAMID = ["agamid.8", "agamid-setup.8", "agamid-status.8", "agamid-doctor.8"]
ALWAYS = {"--help", "--version"} # not told by --help itself


def say(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and result.stderr == "", (command, result.stderr)
    assert result.stdout.startswith("usage: "), result.stdout
    return result.stdout


def options_of(help_text):
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", help_text)) - ALWAYS


def documented(*pages):
    found = set()
    for page in pages:
        for line in (MAN / page).read_text(encoding="utf-8").replace("\\-", "-").splitlines():
            if line.startswith("."):
                found |= {f"-{name}" for name in re.findall(r"\bFl (-[a-z][\w-]*)", line)}
    return found - ALWAYS


def agamid_help():
    top = say(program(), "--help")
    commands = re.findall(r"^  ([a-z]+) ", top, re.M)
    assert len(commands) > 15
    return top + "".join(say(program(), name, "--help") for name in commands)


def test_each_command_says_how_it_is_called(tmp_path):
    """Whatever else is typed; and nothing is done."""
    for args in (["init", "--batch", "--help"], ["apply", "--help"], ["pause", "--help"], ["setup", "--yes", "--help"]):
        out = say(program(), "--root", str(tmp_path), *args)
        assert out.startswith(f"usage: agamid {args[0]}")
    assert list(tmp_path.iterdir()) == []


def test_agamid():
    told, written = options_of(agamid_help()), documented(*AGAMID)
    assert told - written == set(), "not in the manual"
    assert written - told == set(), "not in --help"


@pytest.mark.parametrize("name", DAEMONS)
def test_daemon(name):
    libexec = pathlib.Path(program()).parents[1] / "libexec/agamid"
    told = options_of(say(str(libexec / name), "--help"))
    written = documented(DAEMONS[name])
    assert told - written == set(), "not in the manual"
    assert written - told == set(), "not in --help"


def test_zone():
    zone = os.environ.get("AGAMID_ZONE", str(pathlib.Path(program()).with_name("agamid-zone")))
    told, written = options_of(say(zone, "--help")), documented("agamid-zone.1")
    assert told - written == set(), "not in the manual"
    assert written - told == set(), "not in --help"


@pytest.mark.parametrize("page", ["agamid-milter.8", "agamid-relayd.8"])
def test_log_lines(page):
    """What a LOG section tells of is still what a program says."""
    said = ""
    for folder in ("lib", "manifests", "milter", "relayd"):
        for path in sorted((SOURCE / folder).rglob("*.c")):
            said += re.sub(r'"\s+"', "", path.read_text(encoding="utf-8"))
    log = (MAN / page).read_text(encoding="utf-8").split(".Sh LOG\n")[1].split("\n.Sh ")[0]
    lines = [line for item in re.findall(r"^\.It Li (.*)", log, re.M) for line in item.split(" , ")]
    assert len(lines) > 5
    for line in lines:
        words = re.split(r" \w+=| \.\.\.", line)[0]
        assert f'"{words}' in said, f"nobody says {line}"
