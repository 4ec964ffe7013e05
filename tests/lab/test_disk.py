# SPDX-License-Identifier: MIT
"""What reaches the disk, and when: seen by strace on real processes."""

import re
import signal
import subprocess

from helpers import arrives, fresh_word, stranger_says, wait_for_copies
from labkit import story, wait

ANN = "ann@sender.example"
BOB = "bob@bob.example"


class Trace:
    """strace on one daemon of a node, with its children."""

    def __init__(self, node, service, output, calls):
        self.output = output
        pid = node.command("pids")[service]
        argv = ["strace", "-f", "-y", "-s", "200000", "-p", str(pid), "-e", f"trace={calls}", "-o", str(output)]
        self.process = subprocess.Popen(node.enter_argv() + argv, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        assert "attached" in line, line

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        return self.output.read_text(encoding="utf-8", errors="replace")


def test_fsync_before_250_and_no_plaintext(lab):
    """SPEC N-5.1, N-5.3, N-3.1, B-5.7, B-8.5: the file and its directory are fsynced before
    Postfix hears the answer; no write to a file shows the text."""
    word = fresh_word("disk")
    lab.nodes["bob"].off()
    carol = lab.nodes["carol"]
    output = carol.directory / "tmp" / "trace"
    trace = Trace(carol, "agamid-milter", InNode(output), "openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,sendto,writev,sendmsg,sync,syncfs")
    replies, data = stranger_says(lab, "carol", ANN, [BOB], story.message(word, BOB))
    assert replies[0][0] == 250 and data[0] == 250
    text = trace.stop()
    assert any("/tmp/milter/" in path for path, _line in file_writes(text)), "no write to the spool was seen"
    order = [m.group(1) for m in re.finditer(r"\b(fsync|fdatasync|rename|renameat|renameat2)\(", text)]
    assert order[:3] in (["fsync", "rename", "fsync"], ["fsync", "renameat2", "fsync"], ["fsync", "renameat", "fsync"]), order
    assert "sync()" not in text and "syncfs(" not in text
    assert disk_writes_with(text, word) == []
    wait_for_copies(lab, "bob", 2)
    lab.start(lab.nodes["bob"])
    arrives(lab, "bob", word)


class InNode:
    """A path that the node knows as /tmp/NAME and the host reads."""

    def __init__(self, path):
        self.path = path

    def __str__(self):
        return f"/tmp/{self.path.name}"

    def read_text(self, **options):
        wait.until(self.path.exists, 60, "the trace")
        return self.path.read_text(**options)


def file_writes(text):
    """Each write to a file, as (path, line): strace -y names what a
    descriptor stands for, in the call's first half too where another
    thread's line cuts it in two. Sockets, pipes and memory are no files."""
    for line in text.splitlines():
        call = re.search(r"\b(?:write|pwrite64|writev|pwritev2?)\(\d+<(/[^>]*)>", line)
        if call and not call.group(1).startswith(("/memfd:", "/dev/")):
            yield call.group(1), line


def disk_writes_with(text, word):
    return [line[:120] for _path, line in file_writes(text) if word in line]


def test_the_reader_of_traces_sees_a_plain_write():
    text = """\
7 write(5</var/spool/agamid/tmp/milter/a>, "secret", 6 <unfinished ...>
8 write(6<pipe:[1]>, "secret", 6) = 6
7 <... write resumed>) = 6
8 sendto(4<socket:[2]>, "secret", 6, 0, NULL, 0) = 6
8 pwrite64(9</tmp/x (deleted)>, "the secret", 10, 0) = 10
8 write(9</memfd:y (deleted)>, "secret", 6) = 6"""
    assert len(disk_writes_with(text, "secret")) == 2
