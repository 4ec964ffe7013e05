# SPDX-License-Identifier: MIT
"""Friends look at each other's doors from outside."""
import subprocess
import sys
import threading
import time

import pytest

from relay_net import BUILD, NETWORK, Caller, Process, wait_for

SERVER = r"""
import socket, sys
address, banner, ehlo, starttls = sys.argv[1:5]
s = socket.create_server((address, 25))
print("ready", flush=True)
while True:
    c, _ = s.accept()
    with c, c.makefile("rwb", buffering=0) as f:
        f.write(banner.encode("latin-1").decode("unicode_escape").encode("latin-1"))
        for line in f:
            if line.startswith(b"EHLO alice.friends.example\r\n"):
                f.write(ehlo.encode().decode("unicode_escape").encode())
            elif line == b"STARTTLS\r\n":
                f.write(starttls.encode().decode("unicode_escape").encode())
            else:
                break
"""
BANNER = rf"220 bob.{NETWORK} ESMTP Postfix\r\n"
EHLO = rf"250-bob.{NETWORK}\r\n250-SIZE 1\r\n250-starttls\r\n250 DSN\r\n"
STARTTLS = r"220 2.0.0 Ready to start TLS\r\n"


@pytest.fixture
def net(make_net):
    return make_net("alice", "bob", "carol")


@pytest.fixture
def smtp(net, request):
    """An SMTP server at Bob's address that says what it is told to."""
    servers = []

    def start(banner=BANNER, ehlo=EHLO, starttls=STARTTLS, address=None):
        address = address or net.bob.address
        log = net.base / f"smtp-{address}.log"
        p = Process(["ip", "netns", "exec", net.netns, sys.executable, "-c", SERVER, address, banner, ehlo,
                     starttls], log)
        p.start()
        servers.append(p)
        wait_for(lambda: "ready" in log.read_text(), what="the server")
    yield start
    for p in servers:
        p.stop(9)


def look(net):
    """What alice's child sees of Bob: {check: (ok, text)}, and how long it took."""
    argv = ["ip", "netns", "exec", net.netns, BUILD / "relayd/agamid-relayd", "--probe", "bob", "--root", net.alice.root]
    began = time.monotonic()
    out = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60, check=False).stdout
    seen = {}
    for line in out.splitlines():
        check, result, text = line.split(" ", 2)
        assert result in ("ok", "fail")
        seen[check] = (result == "ok", text)
    return seen, time.monotonic() - began


def test_friend_sees_all_doors(net, smtp):
    """SPEC R-12.1, R-12.3, R-12.4: over a real session; not twice in ten seconds."""
    smtp()
    net.start("alice", "bob")
    wait_for(lambda: net.bob.peer("alice")["session"] in ("dialled", "accepted"), what="a session")
    lines = net.bob.ask("probe alice")
    assert {line.get("check") for line in lines} == {"smtp", "ehlo", "starttls", "ssh"}, lines
    answer = {line["check"]: line for line in lines}
    assert all(line["result"] == "ok" for line in answer.values()), answer
    assert answer["smtp"]["text"] == f"220 bob.{NETWORK} ESMTP Postfix"
    assert {str(line) for line in net.bob.ask("probe alice")} == {str(line) for line in lines}
    assert net.alice.logged("looking at a peer's doors") == 1
    assert net.bob.ask("probe mallory") == [{"error": "there is no such peer"}]
    assert net.bob.ask("probe carol") == [{"error": "there is no session with it now"}]


WRONG = {
    "another name": ({"ehlo": EHLO.replace("bob.", "mail.")}, "ehlo", "it calls itself mail.friends.example"),
    "no STARTTLS": ({"ehlo": r"250 bob.friends.example\r\n"}, "starttls", "not offered"),
    "busy": ({"banner": r"421 4.3.2 too many\r\n"}, "smtp", "421 4.3.2 too many"),
    "no SMTP": ({"banner": r"SSH-2.0-OpenSSH_9.2\r\n"}, "smtp", "no greeting came"),
    "endless": ({"banner": r"220-" + "x" * 70000}, "smtp", "no greeting came"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said(net, smtp, what):
    """SPEC R-12.3"""
    options, check, text = WRONG[what]
    smtp(**options)
    net.bob.start(relayd=False)
    seen, _ = look(net)
    assert set(seen) == {"smtp", "ehlo", "starttls", "ssh"}
    assert not seen[check][0] and text in seen[check][1], seen
    order = ["smtp", "ehlo", "starttls"]
    assert all(seen[c][0] for c in order[:order.index(check)])
    assert all(0x20 <= ord(c) < 0x7F for _, text in seen.values() for c in text)
    assert seen["ssh"] == (True, f"{net.bob.address}: its host key is the manifest's")


def test_each_address_is_tried(net, smtp):
    """SPEC R-12.3: one who only calls himself so at an old address of Bob's is not he."""
    net.bob.addresses = [net.carol.address, net.bob.address]
    net.configure()
    net.bob.start(relayd=False)
    smtp(address=net.carol.address)
    seen, _ = look(net)
    assert seen["ehlo"][0] and not seen["ssh"][0], seen
    smtp()
    seen, _ = look(net)
    assert all(ok for ok, _ in seen.values()), seen
    assert seen["ssh"][1].startswith(net.bob.address)


def test_control_bytes(net, smtp):
    """SPEC R-12.3: nothing that a server says can be more than a line of text."""
    smtp(banner=r"220 bob\x1b[31m\x00\r\n")
    assert look(net)[0]["smtp"][1].startswith("220 bob?[31m")


def test_closed_doors(net):
    """SPEC R-12.3"""
    seen, _ = look(net)
    assert not any(ok for ok, _ in seen.values())
    assert "refused" in seen["smtp"][1] and "refused" in seen["ssh"][1]


def test_another_host_key(net):
    """SPEC R-12.3"""
    net.bob.start(relayd=False)
    net.bob.host_key, key = net.bob.client_key, net.bob.host_key
    net.alice.write_derived()
    net.bob.host_key = key
    seen, _ = look(net)
    assert not seen["ssh"][0] and "host key is not one of the manifest's" in seen["ssh"][1]


def test_who_says_nothing_is_not_waited_for(net, smtp):
    """SPEC R-12.2: ten seconds at most."""
    smtp(banner="")
    seen, seconds = look(net)
    assert seconds < 30
    assert seen["smtp"] == (False, "no greeting came")


def test_house_is_not_read(net, smtp):
    """SPEC R-12.5: what is said at a private address is not passed on."""
    net.ip("-n", net.netns, "addr", "add", "10.9.8.7/24", "dev", "lan")
    net.bob.address = "10.9.8.7"
    net.bob.addresses = ["10.9.8.7"]
    net.alice.write_derived()
    smtp(banner=r"220 secret.printer.lan\r\n", ehlo=r"250 secret.printer.lan\r\n")
    seen, _ = look(net)
    assert seen["smtp"] == (True, "220")
    assert "secret" not in str(seen)


def test_rude_peers(net):
    """SPEC R-12.1, R-12.2, R-12.4: who asks too often, says too much, or leaves, harms nothing."""
    net.start("alice")
    carol = Caller(net.alice, "carol", version=2)
    carol.say("probe")
    seen = [carol.until("check") for _ in range(4)]
    assert {line.split()[1] for line in seen} == {"smtp", "ehlo", "starttls", "ssh"}
    assert all(line.split()[2] == "fail" for line in seen)
    assert carol.until("checked") == "checked"
    for _ in range(20):
        carol.say("probe")
        assert carol.until("checked") == "checked"
    assert net.alice.logged("looking at a peer's doors") == 1
    # Unasked answers.
    carol.say("check smtp ok hello")
    carol.say("checked")
    carol.say(f"want {'f' * 64}")
    carol.until("refused")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(net.alice.ask("probe carol")))
    asking.start()
    carol.until("probe")
    for _ in range(20):
        carol.say('check smtp ok say "hello" \\')
    carol.say("checked")
    asking.join(20)
    assert len(answers[0]) == 8
    assert {line["text"] for line in answers[0]} == {r"say \x22hello\x22 \x5c"}
    asking = threading.Thread(target=lambda: answers.append(net.alice.ask("probe carol")))
    asking.start()
    carol.until("probe")
    carol.hang_up()
    asking.join(20)
    assert answers[1] == [{"error": "the session ended"}]
    carol = Caller(net.alice, "carol", version=1)
    wait_for(lambda: net.alice.peer("carol")["session"] == "accepted", what="the session")
    assert "version" in net.alice.ask("probe carol")[0]["error"]
    carol.hang_up()
