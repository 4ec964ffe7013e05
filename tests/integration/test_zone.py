# SPDX-License-Identifier: MIT
"""agamid-zone against real BIND and Knot: check, diff and update of a live
zone, with others changing it at the same time; signed zones by way of a
validating resolver; and the MX of random networks against an oracle that was
written from the specification alone."""
import hashlib
import random
import resource
import subprocess
import time

import pytest

from zone_net import ZONE, Bind, Knot, Proxy, Unbound, agamid_zone, manifest, program, tool, wait_for, write

ADDRESS = "  addresses: [192.0.2.{}]\n"
FRIENDS = {
    "alice": "  addresses: [192.0.2.1, \"2001:db8::1\"]\n",
    "bob": ADDRESS.format(2) + "  mailboxes:\n    bob:\n",
    "carol": "  dynamic: carol.dyn.example\n",
}


@pytest.fixture(params=[Bind, Knot], ids=["bind", "knot"])
def server(request, tmp_path):
    server = request.param(tmp_path)
    try:
        yield server.start()
    finally:
        server.stop()


def test_update(server, tmp_path):
    """SPEC Z-6.1, Z-6.3, Z-7.1, Z-7.2 and Z-7.3: what is missing comes, what
    is others' stays, what has left goes, and nothing is sent twice."""
    live, folder = server.where(), write(tmp_path / "manifests", FRIENDS)
    assert "missing: alice.friends.example." in agamid_zone("check", *live, folder, code=1).stdout
    assert server.serial() == 7
    agamid_zone("update", "--dry-run", *live, folder)
    assert server.serial() == 7
    agamid_zone("update", *live, folder)
    serial = server.serial()
    assert serial > 7
    agamid_zone("check", *live, folder)
    assert agamid_zone("diff", *live, folder).stdout == ""
    assert server.dig(f"alice.{ZONE}", "A") == ["192.0.2.1"]
    assert server.dig(f"carol.backups.{ZONE}", "A") == ["192.0.2.1", "192.0.2.2"]
    assert "nothing was sent" in agamid_zone("update", *live, folder).stdout
    assert server.serial() == serial

    # Somebody else's, at our names too.
    server.nsupdate(f"add bob.{ZONE}. 60 TXT \"bob's own\"", f"add bob.{ZONE}. 60 HINFO \"Pi\" \"Debian\"",
                    f"add other.{ZONE}. 60 A 192.0.2.77")
    agamid_zone("check", *live, folder)
    assert "nothing was sent" in agamid_zone("update", *live, folder).stdout

    # Alice moves, Bob leaves, Dave comes.
    nodes = {"alice": ADDRESS.format(11), "carol": FRIENDS["carol"], "dave": ADDRESS.format(4)}
    write(folder, nodes)
    diff = agamid_zone("diff", *live, folder, code=1).stdout
    assert f"-bob.{ZONE}.\t300\tIN\tA\t192.0.2.2" in diff
    assert f"-alice.{ZONE}.\t300\tIN\tAAAA\t2001:db8::1" in diff
    assert "own" not in diff.replace("owns=", "")
    agamid_zone("update", *live, folder)
    agamid_zone("check", *live, folder)
    assert server.dig(f"alice.{ZONE}", "A") == ["192.0.2.11"]
    assert server.dig(f"alice.{ZONE}", "AAAA") == []
    assert server.dig(f"bob.{ZONE}", "A") == server.dig(f"bob.{ZONE}", "SSHFP") == []
    assert server.dig(f"_agamid.bob.{ZONE}", "TXT") == []
    assert server.dig(f"bob.{ZONE}", "TXT") == ['"bob\'s own"']
    assert server.dig(f"bob.{ZONE}", "HINFO") == ['"Pi" "Debian"']
    assert server.dig(f"other.{ZONE}", "A") == ["192.0.2.77"]
    assert server.dig(ZONE, "TXT") == ['"others"']

    # Only TTLs.
    assert "TTL, not 120: " in agamid_zone("check", "--host-ttl", 120, *live, folder, code=1).stdout
    agamid_zone("update", "--host-ttl", 120, *live, folder)
    agamid_zone("check", "--host-ttl", 120, *live, folder)
    # SPF and MTA-STS come and go beside others' texts.
    policy = ["--spf", "-all", "--mta-sts", "testing", "--host-ttl", 120]
    agamid_zone("update", *policy, *live, folder)
    agamid_zone("check", *policy, *live, folder)
    assert server.dig(f"dave.{ZONE}", "TXT") == ['"v=spf1 a -all"']
    server.nsupdate(f"add dave.{ZONE}. 3600 TXT \"dave's own\"")
    agamid_zone("update", "--host-ttl", 120, *live, folder)
    assert server.dig(f"dave.{ZONE}", "TXT") == ['"dave\'s own"']


def test_foreign(server, tmp_path):
    """SPEC Z-6.4 and Z-1.4: what others wrote where ours should be."""
    live, folder = server.where(), write(tmp_path / "manifests", FRIENDS)
    server.nsupdate(f"add alice.{ZONE}. 300 A 192.0.2.1", f"add bob.{ZONE}. 300 A 192.0.2.99")
    result = agamid_zone("update", *live, folder, code=2)
    assert f"bob.{ZONE}. has records that were not made from manifests" in result.stderr
    assert server.dig(f"_agamid.alice.{ZONE}", "TXT") == []
    assert server.dig(f"bob.{ZONE}", "A") == ["192.0.2.99"]
    agamid_zone("update", "--adopt", *live, folder)
    assert server.dig(f"bob.{ZONE}", "A") == ["192.0.2.2"]
    agamid_zone("check", *live, folder)
    # An alias can't be helped by adding to it.
    write(folder, {**FRIENDS, "erin": ADDRESS.format(5)})
    server.nsupdate(f"add erin.{ZONE}. 300 CNAME bob.{ZONE}.")
    assert "is an alias" in agamid_zone("update", "--adopt", *live, folder, code=2).stderr
    # A manifest that can't be read has not left.
    write(folder, FRIENDS)
    (folder / "bob.yaml").write_text("nonsense")
    serial = server.serial()
    for verb in "check", "diff", "update":
        agamid_zone(verb, *live, folder, code=2)
    assert server.serial() == serial
    agamid_zone("update", "--lenient", *live, folder)
    assert server.dig(f"bob.{ZONE}", "A") == []


def test_keys(server, tmp_path):
    """SPEC Z-7.1, Z-7.3 and Z-8.3: with the wrong key, and without."""
    live, folder = server.where(), write(tmp_path / "manifests", FRIENDS)
    wrong = server.dir / "wrong.key"
    wrong.write_text(server.key.read_text().replace(server.secret, "d3Jvbmcga2V5IG9mIHNpeHRlZW4="))
    wrong.chmod(0o600)
    open_to_all = server.dir / "open.key"
    open_to_all.write_text(server.key.read_text())
    open_to_all.chmod(0o644)
    plain = [str(a) for a in live if a not in ("--key", server.key)]
    for key in ["--key", wrong], ["-y", "update:d3Jvbmcga2V5IG9mIHNpeHRlZW4="], ["--key", open_to_all], []:
        result = agamid_zone("update", *plain, *key, folder, code=2)
        assert "d3Jvbmcg" not in result.stderr and server.secret not in result.stderr
    assert "everybody may read" in agamid_zone("update", *plain, "--key", open_to_all, folder, code=2).stderr
    assert server.serial() == 7
    agamid_zone("update", *plain, "-y", f"hmac-sha256:update:{server.secret}", folder)
    # No transfer: each record is asked for, and what is too much isn't seen.
    result = agamid_zone("check", *plain, folder)
    assert "what is there too much can't be seen" in result.stderr
    server.nsupdate(f"delete alice.{ZONE}. AAAA", f"add bob.{ZONE}. 300 A 192.0.2.3")
    result = agamid_zone("check", *plain, folder, code=1)
    assert result.stdout == (f"missing: alice.{ZONE}.\t300\tIN\tAAAA\t2001:db8::1\n"
                             f"extra: bob.{ZONE}.\t300\tIN\tA\t192.0.2.3\n")


def test_at_the_same_time(server, tmp_path):
    """SPEC Z-7.3 and Z-7.5: a change in between is not lost unseen, and
    messages are bounded."""
    numbers = iter(range(100, 200))
    folder = write(tmp_path / "manifests", FRIENDS)
    agamid_zone("update", *server.where(), folder)
    write(folder, {**FRIENDS, "alice": ADDRESS.format(11)})

    def meddle():
        if not proxy.often and len(proxy.updates) > 1:
            return
        server.nsupdate(f"add alice.{ZONE}. 300 A 192.0.2.{next(numbers)}")

    proxy = Proxy(server, meddle)
    proxy.often = False
    try:
        agamid_zone("update", *server.where(proxy.port), folder)
        assert len(proxy.updates) == 2 and proxy.transfers == 2
        assert server.dig(f"alice.{ZONE}", "A") == ["192.0.2.11"]
        proxy.often = True
        write(folder, FRIENDS)
        result = agamid_zone("update", *server.where(proxy.port), folder, code=2)
        assert "changed by somebody else" in result.stderr
        assert len(proxy.updates) == 5
        proxy.on_update = lambda: None
        proxy.updates.clear()
        agamid_zone("update", *server.where(proxy.port), write(folder, {
            f"node{i}": f"  addresses: [10.0.{i // 250}.{i % 250 + 1}]\n" for i in range(400)
        }))
        assert len(proxy.updates) > 3 and max(proxy.updates) <= 16384, proxy.updates
        agamid_zone("check", *server.where(), folder)
    finally:
        proxy.close()


def test_serial_of_live_zone(server, tmp_path):
    """SPEC Z-1.7: generate takes the serial from the live zone."""
    live, folder = server.where(), write(tmp_path / "manifests", FRIENDS)
    agamid_zone("update", *live, folder)
    serial = server.serial()

    def made(*options):
        out = agamid_zone("generate", *options, *live, folder).stdout
        return int(next(line for line in out.splitlines() if "\tSOA\t" in line).split()[6])

    assert made() == serial
    assert made("--ttl", 60) == serial + 1
    assert made("--ttl", 60, "--serial", 2026112200) == 2026112200


def key_of(name):
    """An OpenPGP key in base64, as the example manifest has it."""
    from zone_net import KEY
    lines = [line.strip() for line in KEY.splitlines()]
    return "".join(lines[lines.index("") + 1:-2])


@pytest.mark.parametrize("kind", [Bind, Knot], ids=["bind", "knot"])
def test_signed(kind, tmp_path):
    """SPEC Z-1.2, Z-4.3: a validating resolver takes what a signed zone says,
    and signatures are nobody's difference."""
    from zone_net import KEY
    server = kind(tmp_path)
    server.signed = True
    keyed = "  mailboxes:\n    bob:\n      openpgp: |\n" + "".join(
        "    " + line + "\n" for line in KEY.splitlines())
    folder = write(tmp_path / "manifests", {
        "alice": FRIENDS["alice"],
        "bob": manifest("bob", ADDRESS.format(2) + keyed, domains=[f"b.{ZONE}"]),
        "carol": FRIENDS["carol"],
    })
    resolver = None
    try:
        server.start()
        agamid_zone("update", *server.where(), folder)
        # BIND answers before what it signs has what it took.
        wait_for(lambda: server.dig(f"b.{ZONE}", "MX"), "what was sent")
        agamid_zone("check", *server.where(), folder)
        serial = server.serial()
        assert "nothing was sent" in agamid_zone("update", *server.where(), folder).stdout
        end = time.monotonic() + 60
        while not server.dig(ZONE, "DNSKEY") or not server.dig(f"b.{ZONE}", "RRSIG"):
            assert time.monotonic() < end, "the zone is not signed"
            time.sleep(0.1)
        resolver = Unbound(tmp_path, server).start()
        local = hashlib.sha256(b"bob").hexdigest()[:56]
        asked = {(f"alice.{ZONE}", "A"), (f"alice.{ZONE}", "SSHFP"), (f"b.{ZONE}", "MX"),
                 (f"_agamid.bob.{ZONE}", "TXT"), (f"carol.backups.{ZONE}", "AAAA"),
                 (f"{local}._openpgpkey.b.{ZONE}", "OPENPGPKEY")}
        for name, what in sorted(asked):
            out = subprocess.run([tool("dig"), "+dnssec", "-p", str(resolver.port), "@127.0.0.1", name, what],
                                 capture_output=True, text=True, timeout=60).stdout
            assert "status: NOERROR" in out and " ad;" in out.replace(" ad ", " ad;"), out
        (key,) = [line for line in server.dig(f"{local}._openpgpkey.b.{ZONE}", "OPENPGPKEY")]
        assert key.replace(" ", "") == key_of("bob")
        assert serial > 7
    finally:
        if resolver:
            resolver.stop()
        server.stop()


def test_resolvers(tmp_path):
    """SPEC Z-7.1: as the world sees it, through resolv.conf, whose TTLs may
    have run down. In a network and a mount namespace of its own."""
    folder = write(tmp_path / "manifests", FRIENDS)
    server = Bind(tmp_path)
    server.port = 53
    argv = server.configure()
    made = agamid_zone("generate", "--no-signatures", "--ns", f"ns.{ZONE}=127.0.0.1", folder).stdout
    (server.dir / "zone").write_text(made)
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    check = f"timeout 60 {program()} check --live --no-signatures --zone {ZONE}"
    script = f"""
        set -e
        ip link set lo up
        mount --bind {tmp_path}/resolv.conf /etc/resolv.conf
        {' '.join(argv)} >{server.dir}/log 2>&1 &
        trap 'kill $!; wait' EXIT
        end=$(($(date +%s) + 60))
        until {tool("dig")} +short +tries=1 +time=1 @127.0.0.1 {ZONE} SOA | grep -q "^[^;]"; do
            [ "$(date +%s)" -lt $end ] || exit 3
        done
        {check} {folder}
        {check} --ttl 7200 --host-ttl 600 {folder}
        ! {check} --host-ttl 20 {folder}
    """
    done = subprocess.run(["unshare", "-n", "-m", "--propagation", "private", "bash", "-c", script],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout, done.stderr, (server.dir / "log").read_text())
    assert "TTL, not 20: alice" in done.stdout and "has no address" not in done.stdout


# ---- an oracle for chapter 3, from the text of the specification ----

def mix(x):
    x = (x ^ x >> 33) * 0xFF51AFD7ED558CCD % 2**64
    x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 % 2**64
    return x ^ x >> 33


class Node:
    def __init__(self, name):
        self.name = name
        h = hashlib.blake2b(name.encode(), digest_size=32).digest()
        self.a, self.b, self.c = (int.from_bytes(h[i:i + 8], "big") for i in (0, 8, 16))
        self.load = 0


def allows(node, side, other):
    """One side's lists, on the other's name."""
    lists = node.lists.get(side, {})

    def on(names):
        return "*" in names or other.name in names

    return on(lists.get("allow", ["*"])) and not on(lists.get("deny", []))


def oracle(nodes):
    """{name: set of the names of its backups}"""
    holders = [n for n in nodes if n.dials and n.lists.get("stores", {}).get("allow", ["*"])]
    total = sum(n.mx for n in nodes)
    for n in holders:
        n.room = max(1, (total * 5 * 2**20 // (len(holders) * 4) + (n.c >> 44)) >> 20)
    result = {}
    for home in sorted(nodes, key=lambda n: n.a):
        ranked = sorted((n for n in holders if n is not home and allows(home, "backups", n)
                         and allows(n, "stores", home)), key=lambda n: -mix(home.a ^ n.b))
        chosen = []
        for new_sites in True, False:
            factor = 1
            while True:
                passed_over = False
                for n in ranked:
                    if len(chosen) == home.mx:
                        break
                    if n in chosen or (new_sites and n.site in {home.site, *(c.site for c in chosen)}):
                        continue
                    if n.load >= n.room * factor:
                        passed_over = True
                        continue
                    n.load += 1
                    chosen.append(n)
                if not passed_over:
                    break
                factor *= 2
        result[home.name] = {n.name for n in chosen}
    return result


def random_network(r, size, sites):
    nodes = [Node(f"n{i}") for i in range(size)]
    names = [n.name for n in nodes] + ["stranger"]

    def some():
        return r.sample(names, r.randint(0, min(len(names), 4)))

    for n in nodes:
        n.dials = r.random() < 0.8
        n.mx = r.choice([0, 1, 2, 3, 3, 3, 10])
        n.site = r.choice(sites) if sites else r.choice([n.name, n.name, "s1", "s2"])
        n.lists = {}
        for side in "backups", "stores":
            lists = n.lists[side] = {}
            if r.random() < 0.3:
                lists["allow"] = r.choice([some(), ["*"], [*some(), "*"]])
            if r.random() < 0.4:
                lists["deny"] = r.choice([some(), some(), ["*"] if r.random() < 0.1 else []])
    return nodes


def text_of(n, i):
    def lists(side):
        return ", ".join(f"{k}: [{', '.join(f'{chr(34)}{x}{chr(34)}' for x in v)}]" for k, v in n.lists[side].items())

    more = f"  site: {n.site}\n"
    if n.dials:
        more += f"  addresses: [10.1.{i // 250}.{i % 250 + 1}]\n"
    more += f"  backups: {{mx: {n.mx}{', ' if n.lists['backups'] else ''}{lists('backups')}}}\n"
    more += f"  stores: {{{lists('stores')}}}\n" if n.lists["stores"] else ""
    return manifest(n.name, more, domains=[f"{n.name}.example", f"x.{n.name}.example"])


@pytest.mark.parametrize("size,rounds,sites", [(6, 20, ""), (40, 4, ""), (400, 1, ""), (400, 1, "abc")])
def test_random_networks(size, rounds, sites, tmp_path):
    """SPEC Z-3.1, Z-3.2, Z-3.3, Z-3.4, Z-2.4, Z-1.2, M-5.1: white and black
    lists of both sides."""
    for seed in range(rounds):
        nodes = random_network(random.Random(f"{size} {seed}"), size, sites)
        folder = write(tmp_path / f"{seed}", {n.name: text_of(n, i) for i, n in enumerate(nodes)})
        zone = folder / "zone"
        agamid_zone("generate", "--no-signatures", "--zone", "example", "--ns", "ns.other.net", "--output", zone,
                    folder)
        found = {}
        for line in zone.read_text().splitlines():
            field = line.split("\t")
            if len(field) == 5 and field[3] == "MX":
                preference, target = field[4].split()
                found.setdefault(field[0], {}).setdefault(preference, set()).add(target)
        expected = oracle(nodes)
        for n in nodes:
            want = {}
            if n.dials:
                want["10"] = {f"{n.name}.{ZONE}."}
            if expected[n.name]:
                want["20"] = {f"{b}.{ZONE}." for b in expected[n.name]}
            assert found.get(f"{n.name}.example.", {}) == want, (seed, n.name)
            assert found.get(f"x.{n.name}.example.", {}) == want, (seed, n.name)
        for checker in (["named-checkzone", "-q", "-i", "local", "example"], ["nsd-checkzone", "example"],
                        ["kzonecheck", "-o", "example"]):
            done = subprocess.run([tool(checker[0]), *checker[1:], zone], capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, (checker, done.stdout, done.stderr)


def test_ten_thousand(tmp_path):
    """Ten thousand manifests in about a second (here: of processor time, and
    with room for slow machines)."""
    folder = write(tmp_path / "manifests", {
        f"node{i}": f"  addresses: [10.{i >> 16}.{i >> 8 & 255}.{i & 255}]\n" for i in range(10000)})
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = agamid_zone("generate", "--no-signatures", folder).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert out.count("\tSSHFP\t") == 10000
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5
