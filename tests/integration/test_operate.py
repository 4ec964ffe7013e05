# SPDX-License-Identifier: MIT
"""`agamid status`, `queue` and `flush` as programs and people see them: in
a pipe, on a terminal, as JSON, as metrics; with and without relayd. Needs
AGAMID_LAB_ROOT (make install DESTDIR=) or AGAMID."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from relay_net import Process, BUILD, wait_for
from cli_node import Cli, program

PLAIN = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")} | {"TERM": "xterm"}


@pytest.fixture(scope="module")
def carol(tmp_path_factory):
    """A node with one peer; relayd runs, the others don't."""
    base = tmp_path_factory.mktemp("operate")
    node, bob = Cli(base / "carol"), Cli(base / "bob")
    node.init("carol", "--mailbox", "carol=carol")
    bob.init("bob")
    node.add(bob)
    node.run("apply")
    config = node.root / "etc/agamid/agamid.yaml"
    config.write_text(config.read_text() + "relay: {retry-min: 1s, retry-max: 2s}\n")
    log = node.root / "relayd.log"
    node.relayd = Process([BUILD / "relayd/agamid-relayd", "--root", node.root], log)
    node.relayd.start()
    wait_for(lambda: "ready node=" in log.read_text(), 60, "relayd")
    yield node
    node.relayd.stop()


# ---- metrics ----

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|\Z)')
VALUE = re.compile(r"[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf|NaN)\Z")


def parse_metrics(text):
    """Prometheus' text format 0.0.4, strictly: {(name, labels): value}."""
    assert text.endswith("\n") and "\r" not in text
    found, types, helps, finished, current = {}, {}, set(), set(), None
    for line in text[:-1].split("\n"):
        if line.startswith("# "):
            _, kind, name, rest = line.split(" ", 3)
            assert kind in ("HELP", "TYPE") and NAME.match(name), line
            assert name not in finished, f"{name} is scattered"
            if kind == "HELP":
                assert name not in helps and rest, line
                helps.add(name)
            else:
                assert name not in types and rest in ("counter", "gauge", "histogram", "summary", "untyped"), line
                assert not any(n == name for n, _ in found), f"{name}: TYPE behind a sample"
                types[name] = rest
            if current not in (None, name):
                finished.add(current)
            current = name
            continue
        match = re.match(r"([^{ ]+)(?:\{(.*)\})? ([^ ]+)\Z", line)
        assert match, line
        name, labels, value = match[1], match[2], match[3]
        assert NAME.match(name) and name == current and name in types and name in helps, line
        assert VALUE.match(value), line
        pairs, at = [], 0
        while labels is not None and at < len(labels):
            pair = LABEL.match(labels, at)
            assert pair, line
            pairs.append((pair[1], pair[2]))
            at = pair.end()
        assert len(dict(pairs)) == len(pairs), f"a label twice: {line}"
        key = (name, tuple(sorted(pairs)))
        assert key not in found, f"twice: {line}"
        found[key] = float(value)
    return found


BAD_METRICS = [
    "a 1", "# TYPE a gauge\na 1\n", "# HELP a b\n# TYPE a gauge\na 1\na 1\n", "# HELP a b\n# TYPE a gauge\na{x=1} 1\n",
    '# HELP a b\n# TYPE a gauge\na{x="1\n"} 1\n', "# HELP a b\n# TYPE a gauge\na one\n",
    "# HELP a b\n# TYPE a gauge\n# HELP c d\n# TYPE c gauge\nc 1\na 1\n", "# HELP a b\n# TYPE a thing\na 1\n",
]


@pytest.mark.parametrize("text", BAD_METRICS)
def test_parser_is_strict(text):
    with pytest.raises(AssertionError):
        parse_metrics(text)


def test_prometheus(carol):
    """SPEC N-19.4"""
    metrics = parse_metrics(carol.run("status", "--prometheus").stdout)
    assert metrics[("agamid_up", (("daemon", "relayd"),))] == 1
    assert metrics[("agamid_up", (("daemon", "deliver"),))] == 0
    assert metrics[("agamid_peer_session", (("peer", "bob"),))] == 0
    assert metrics[("agamid_bundles", (("place", "held"),))] == 0
    assert metrics[("agamid_problems", ())] >= 3
    assert not any(name == "agamid_own_bundles" for name, _ in metrics)
    documented = open(__file__.replace("tests/integration/test_operate.py", "doc/man/agamid-status.8")).read()
    for name, _ in metrics:
        assert f" {name}\n" in documented, f"{name} is not in agamid-status(8)"


# ---- JSON ----


def test_json_keys(carol):
    """SPEC N-19.4: all keys are documented."""
    status = json.loads(carol.run("status", "--json").stdout)
    assert status["version"] == 1 and status["node"] == "carol"
    assert status["daemons"] == {"milter": False, "seal": False, "relayd": True, "deliver": False}
    assert status["key_expires"] == 0 and status["own_mail"]["refused"] is None
    assert status["own_mail"]["copies_possible"] == 1 and status["own_mail"]["may_hold"] == 1
    assert status["peers"][0]["session"] in ("none", "dialling")
    assert status["paused_until"] == 0 and status["leaving"] is False
    documented = open(__file__.replace("tests/integration/test_operate.py", "doc/man/agamid-status.8")).read()

    def keys(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield key
                yield from keys(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from keys(inner)
    for key in set(keys(status)):
        assert re.search(rf"^\.It .*\b{key}\b", documented, re.M), f"{key} is not in agamid-status(8)"
    assert json.loads(carol.run("queue", "--json").stdout) == {"version": 1, "relayd": True, "bundles": []}


def test_usage(carol):
    for args in (("status", "x"), ("status", "--json", "--prometheus"), ("status", "--prometheus", "--watch"),
                 ("flush", "a", "b"), ("flush", "Bad Name"), ("queue", "again"), ("queue", "refused", "x"),
                 ("queue", "--json", "x")):
        carol.run(*args, code=2)
    assert "does not run" in carol.run("queue", "refused", code=1).stderr
    assert "no ID" in carol.run("queue", "again", "xyz", code=1).stderr
    assert "put aside" in carol.run("queue", "again", "abcdef", code=1).stderr


def test_flush(carol):
    assert carol.run("flush").stdout.startswith("0 peers are called")
    assert carol.run("flush", "bob").stdout.startswith("0 peers are called")
    assert "no such peer" in carol.run("flush", "mallory", code=1).stderr


# ---- terminals and pipes ----


class Terminal:
    """agamid on a terminal of this size."""

    def __init__(self, node, *args, rows=24, columns=80, env=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(program(), [program(), "--root", str(node.root), *args], env or PLAIN)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.text = ""

    def read_until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition(self.text):
            assert time.monotonic() < end, self.text
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    break
                self.text += data.decode()
        return self.text

    def finish(self, seconds=60):
        """Its exit status, when it has ended."""
        self.read_until(lambda t: False, seconds)
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_pipe_has_no_colours_and_80_columns(carol):
    """SPEC N-19.4"""
    out = subprocess.run([program(), "--root", str(carol.root), "status"], capture_output=True, text=True, env=PLAIN,
                         check=True, timeout=60).stdout
    assert "\x1b" not in out
    head = out.split("Problems:")[0].splitlines()
    assert all(len(line) <= 80 for line in head) and len(head) <= 24
    assert "\nbob " in out and "agamid-milter does not run" in out


@pytest.mark.parametrize("extra,coloured", [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_terminal_colours(carol, extra, coloured):
    terminal = Terminal(carol, "status", env=PLAIN | extra)
    assert terminal.finish() == 0
    assert ("\x1b[31m" in terminal.text) == coloured
    assert ("\x1b" in terminal.text) == coloured


def test_watch_on_a_terminal(carol):
    """In place, again after two seconds, until q; the terminal is as before."""
    terminal = Terminal(carol, "status", "--watch", rows=18, columns=60, env=PLAIN)
    before = termios.tcgetattr(terminal.fd)
    terminal.read_until(lambda t: t.count("\x1b[H") >= 2 and t.endswith("\x1b[J"))
    assert terminal.text.count("\x1b[?25l") == 1
    os.write(terminal.fd, b"q")
    assert terminal.finish() == 0
    assert terminal.text.rstrip().endswith("\x1b[?25h")
    assert before[3] & termios.ICANON
    terminal = Terminal(carol, "status", "--watch")
    terminal.read_until(lambda t: "\x1b[J" in t)
    os.write(terminal.fd, b"\x03")
    assert terminal.finish() == 0
    assert "\x1b[?25h" in terminal.text


def test_watch_in_a_pipe(carol):
    argv = [program(), "--root", str(carol.root), "status", "--watch"]
    with subprocess.Popen([*argv, "--json"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as p:
        first, second = json.loads(p.stdout.readline()), json.loads(p.stdout.readline())
        assert second["time"] > first["time"]
        p.send_signal(signal.SIGINT)
        assert p.wait(60) == 0
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as p:
        text = ""
        while text.count("node     carol") < 2:
            text += p.stdout.readline()
        assert "\x1b" not in text
        p.stdout.close()  # the reader goes
        assert p.wait(60) == 0
