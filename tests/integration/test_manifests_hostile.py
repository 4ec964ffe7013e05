# SPDX-License-Identifier: MIT
"""Several hundred hostile and broken manifests: each is refused with its
place and what was expected, by `agamid manifest check`, and by `agamid
apply` as something that came by exchange; none crashes, hangs or changes
what is derived. Run as test_cli.py is."""

import copy as copying
import json
import re
import subprocess
import time

from cli_node import program
from exchanged import inbox, post

SERIAL = 2026990101
PLACE = re.compile(r":(\d+):(\d+): (.*)")


def block(text, key):
    found = re.search(rf"^  {key}: \|\n((?:    .*\n|\n)+)", text, re.M)
    return re.sub(r"^    ", "", found[1], flags=re.M)


def as_dict(node):
    """The node's manifest, as what JSON (which is YAML) is made of."""
    text = node.manifest().read_text()
    ssh = re.findall(r"ssh-ed25519 [A-Za-z0-9+/=]+", text)
    return {
        "version": 1, "serial": SERIAL,
        "node": {
            "name": node.name, "network": "friends.example", "host": f"{node.name}.friends.example",
            "addresses": ["192.0.2.2"], "site": "lyon", "domains": [f"{node.name}.example"],
            "openpgp": block(text, "openpgp"), "recovery": block(text, "recovery"),
            "ticket-key": re.search(r"ticket-key: (\S+)", text)[1],
            "receipt-key": re.search(r"receipt-key: (\S+)", text)[1],
            "ssh": {"port": 2222, "host-keys": [ssh[0]], "client-keys": [ssh[1]]},
            "mailboxes": {"contact": {"matches": "(a|b)", "openpgp": block(text, "openpgp")}},
            "backups": {"allow": ["*"], "deny": [], "mx": 3},
            "stores": {"allow": ["*"], "deny": [], "quota": "1G", "max-message-size": "25M"},
            "policy": {"copies": 4, "copies-before-250": 2, "within": "10s", "on-failure": "accept", "hold": "60d",
                       "primary-up": "defer"},
            "alert": "bob@elsewhere.example",
        },
    }


def text_of(tree):
    return json.dumps(tree) + "\n...\n"


def paths(tree, before=()):
    for key, value in tree.items():
        yield (*before, key)
        if isinstance(value, dict):
            yield from paths(value, (*before, key))


def changed(tree, path, value):
    tree = copying.deepcopy(tree)
    at = tree
    for key in path[:-1]:
        at = at[key]
    if value is KeyError:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return tree


# ---- wrong types and values for every key ----

LISTS = {("node", "addresses"), ("node", "domains"), ("node", "ssh", "host-keys"), ("node", "ssh", "client-keys"),
         ("node", "backups", "allow"), ("node", "backups", "deny"), ("node", "stores", "allow"),
         ("node", "stores", "deny")}
MAY_BE_EMPTY = {path for path in LISTS if path[-1] in ("allow", "deny", "addresses")}
MAPS_OF_OPTIONS = {("node", "backups"), ("node", "stores"), ("node", "policy"),
                   ("node", "mailboxes", "contact")}  # {} is all defaults
NEEDED = {("version",), ("serial",), ("node",), ("node", "name"), ("node", "network"), ("node", "host"),
          ("node", "domains"), ("node", "openpgp"), ("node", "recovery"), ("node", "ticket-key"),
          ("node", "receipt-key"), ("node", "ssh"), ("node", "ssh", "host-keys"), ("node", "ssh", "client-keys")}


def is_map(tree, path):
    for key in path:
        tree = tree[key]
    return isinstance(tree, dict)


def wrong_types(base):
    for path in paths(base):
        name = ".".join(path)
        values = {
            "text with a line break": "a\nkey: b", "control character": "a\u001b[2Jb", "NUL": "a\u0000b",
            "path": "../../etc/passwd", "absolute path": "/etc/passwd", "template": "$(id)%s%n", "blank": "a b",
            "long": "a" * 5000, "bidi": "a\u202eb", "negative": -1, "fraction": 1.5, "huge": 10 ** 30, "list in list": [[]],
            "list of maps": [{"a": 1}], "list of a path": ["../x"], "list with a line break": ["a\nb"],
            "list with NUL": ["\u0000"], "list of nothing": [""],
        }
        if not is_map(base, path) or path in MAPS_OF_OPTIONS:
            values["map of unknown"] = {"../x": 1}
        if path not in MAY_BE_EMPTY:
            values["empty list"] = []
        if path not in MAPS_OF_OPTIONS:
            values["empty map"] = {}
        if path not in LISTS and not is_map(base, path):
            values["empty"] = ""
        for what, value in values.items():
            if path[-1] == "matches" and what in ("negative", "fraction", "huge", "blank"):
                continue  # patterns, if odd ones
            if path[-1] in ("site", "name") and what == "huge":
                continue  # a name of 31 digits
            yield f"{name}: {what}", text_of(changed(base, path, value))
        if path in NEEDED:
            yield f"{name}: missing", text_of(changed(base, path, KeyError))
        if is_map(base, path) and path != ("node", "mailboxes"):
            yield f"{name}: unknown key", text_of(changed(base, (*path, "eval"), "x"))


def hostile_values(base):
    node = ("node",)
    rows = {
        ("version",): [0, 2, "1.0", "one"],
        ("serial",): [0, 2 ** 53 + 1, 2 ** 63, 2 ** 64, 2 ** 64 + 1, "0x10", "1e9", "007", "+1", " 1", "1_000"],
        (*node, "name"): ["-", "-a", "a-", "A", "a" * 33, "a.b", "a/b", "..", ".", "*", "a%", "ä", "con\u00adtact"],
        (*node, "host"): ["localhost", "a..b", ".a.b", "a.b.", "-a.b", "a_b.c", "A.b", "a.b" * 100, "192.0.2.1",
                          "a.1", "*.a.b", "\u0300a.example", "a.b:25", "[a.b]"],
        (*node, "network"): ["x", "a..b", "a b.c"],
        (*node, "site"): ["a/b", "..", "X", "a" * 33],
        (*node, "addresses"): [["127.0.0.1"], ["::1"], ["0.0.0.0"], ["224.0.0.1"], ["fe80::1"], ["::ffff:127.0.0.1"],
                               ["192.0.2.1", "192.0.2.1"], ["192.0.2.256"], ["192.0.2.1/32"], ["a.example"],
                               ["192.0.2.01"], [f"192.0.2.{i}" for i in range(17)], "192.0.2.1"],
        (*node, "domains"): [["a.example"] * 2, [f"d{i}.example" for i in range(257)], ["*.example"], ["example"],
                             ["a.example\nb.example"], ["a.example OK"], ["<a.example>"], ["a.example,b.example"],
                             ["A.example"], "bob.example"],
        (*node, "ticket-key"): ["ed25519:", "ed25519:AAAA", "ed25519:" + "A" * 44, "rsa:" + "A" * 43 + "=",
                                "ed25519:" + "A" * 42 + "B=", base["node"]["receipt-key"]],
        (*node, "openpgp"): ["x", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n",
                             base["node"]["recovery"]],
        (*node, "ssh", "port"): [0, 65536, "ssh", -22],
        (*node, "ssh", "host-keys"): [["ssh-rsa AAAA"], ["ssh-ed25519 AAAA"], ["ssh-ed25519"],
                                      ['command="id" ' + base["node"]["ssh"]["host-keys"][0]],
                                      base["node"]["ssh"]["host-keys"] * 2, base["node"]["ssh"]["host-keys"] * 9],
        (*node, "mailboxes"): [{"../x": {}}, {".x": {}}, {"a b": {}}, {"": {}}, {"a" * 65: {}}, {"a\nb": {}},
                               {"a": []}, {f"m{i}": {} for i in range(257)}, {"ä": {}}],
        (*node, "mailboxes", "contact", "matches"): [
            "(", ")", "a)", "[", "a{513}", "a{1,", "*", "a**", "a++", r"\1", r"(a)\1", "(?=a)", "(?!a)", "(?<=a)",
            "(?R)", "(?1)", "(*ACCEPT)", "(?C1)", "(?i)a", "(?#x)", "(?P<n>a)", "(?>a)", r"\Qa", r"\x41", r"\A", r"\z",
            r"\b", "a^b", "a$b", "a@b", "a/b", "a\nb", "a\tb", "a" * 513, "(" * 17 + "a" + ")" * 17, "[[:x:]]", "[a-",
            "((((a{500}){500}){500}){500})", "a|b\n/x/ OK", "x/ OK\n/.*", "^", "$", "^$", r"\N{U+41}", r"\p{L}", r"\K"],
        (*node, "backups", "allow"): [["..", "x"], ["*a"], ["a", "a"], ["a"] * 1001, "*"],
        (*node, "backups", "mx"): [11, -1, "three"],
        (*node, "stores", "quota"): ["1X", "-1G", "1 G", "0", "1K", "99999999999T", "1.5G", "G"],
        (*node, "policy", "copies"): [0, 101, "4x"],
        (*node, "policy", "copies-before-250"): [0, 5],
        (*node, "policy", "within"): ["0s", "6m", "10", "10 s", "-1s", "9999999999999999999s"],
        (*node, "policy", "hold"): ["1h", "3651d", "60", "d"],
        (*node, "policy", "on-failure"): ["Accept", "reject", "yes"],
        (*node, "alert"): ["bob", "@x.example", "bob@bob.example", "<bob@x.example>", "a@b@c.example",
                           "bob@x.example\r\nBcc: all@x.example", "bob@x.example, eve@x.example"],
    }
    for path, values in rows.items():
        for value in values:
            yield f"{'.'.join(path)}: {value!r:.60}", text_of(changed(base, path, value))
    both = changed(base, ("node", "dynamic"), "bob.dyn.example")
    yield "addresses and dynamic", text_of(both)


# ---- hostile as YAML, and as a file ----


def hostile_yaml(base):
    good = text_of(base)
    name = '"name": "bob"'
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{c}: &{c} [*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n" for p, c in zip("abcdefgh", "bcdefghi"))
    yield "bomb", bomb + "...\n"
    yield "anchor", good.replace(name, '"name": &x "bob"')
    yield "alias", good.replace(name, '"name": *x')
    yield "tag", good.replace(name, '"name": !!binary "Ym9i"')
    yield "object tag", good.replace(name, '"name": !!python/object/apply:os.system ["id"]')
    yield "merge", good.replace('{"version"', '{"<<": {"version": 1}, "version"')
    yield "duplicate", good.replace(name, f"{name}, {name}")
    yield "duplicate at the top", good.replace('"serial"', '"version": 1, "serial"')
    yield "duplicate node", good.replace("\n...", "").rstrip("}") + '}, "node": {}}\n...\n'
    yield "complex key", good.replace('{"version"', '{[1, 2]: 3, "version"')
    yield "null key", good.replace('{"version"', '{~: 3, "version"')
    yield "deep lists", good.replace(name, '"name": ' + "[" * 5000 + "]" * 5000)
    yield "deep maps", good.replace(name, '"name": ' + '{"a": ' * 5000 + "1" + "}" * 5000)
    yield "deep block", "".join(" " * i + "a:\n" for i in range(300)) + "...\n"
    yield "unclosed", good.replace("]", "")
    yield "unclosed quote", good.replace(name, '"name": "bob')
    yield "tab", "version: 1\n\tserial: 1\n...\n"
    yield "tab in a map", "node:\n  name:\tx\n\t host: y\n...\n"
    yield "two documents", "---\n" + good.replace("...\n", "---\nx: 1\n...\n")
    yield "directive", "%YAML 9.9\n---\n" + good
    yield "tag directive", "%TAG ! tag:x,2000:\n---\n" + good
    yield "no end", good.replace("...\n", "")
    yield "end with a blank", good.replace("...\n", "... \n")
    yield "empty", ""
    yield "only the end", "...\n"
    yield "blank", "\n \n...\n"
    yield "a list", "- version\n...\n"
    yield "a word", "version\n...\n"
    yield "null", "~\n...\n"
    yield "CR LF", good.replace("\n", "\r\n")
    yield "CR in a value", good.replace(name, '"name": "bob"\r')
    yield "NUL", good.replace(name, '"name": "b\0b"')
    yield "NUL first", "\0" + good
    yield "byte order mark, UTF-16", good.encode("utf-16")
    yield "UTF-32", good.encode("utf-32")
    yield "invalid UTF-8", good.replace(name, '"name": "XX"').encode().replace(b"XX", b"b\xffb")
    yield "overlong", good.replace(name, '"name": "XX"').encode().replace(b"XX", b"\xc0\xaf")
    yield "surrogate", good.replace(name, '"name": "XX"').encode().replace(b"XX", b"\xed\xa0\x80")
    yield "cut in a character", good.replace(name, '"name": "XX"').encode()[:60] + b"\xe2\x82"
    yield "random", bytes((i * 7919 + i * i) % 256 for i in range(4000))
    yield "escape sequences", "\x1b]0;owned\x07: 1\n...\n"
    yield "65,537 bytes", good.replace("{", "{" + " " * (65537 - len(good)), 1)
    yield "a long line of brackets", "[" * 60000 + "\n...\n"
    yield "many keys", "{" + ", ".join(f'"k{i}": 1' for i in range(6000)) + "}\n...\n"
    yield "many anchors", "".join(f"&a{i} " for i in range(5000)) + "x\n...\n"
    yield "comments alone", "# x\n" * 10000 + "...\n"
    yield "text behind", good + "hello\n"
    yield "a message behind", good + "-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n"
    yield "two signatures", good + 2 * "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"
    yield "a second end", good + "...\n"
    yield "clearsigned", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + good
    for at in range(1, len(good) - 5, max(1, len(good) // 60)):
        yield f"cut at {at}", good[:at]
        yield f"cut at {at}, ended", good[:at] + "\n...\n"


def everything(node):
    base = as_dict(node)
    return base, [*wrong_types(base), *hostile_values(base), *hostile_yaml(base)]


def test_each_is_refused_with_its_place(pair, tmp_path):
    """SPEC M-3.1, M-2.1, M-2.2, M-2.3, M-4.4"""
    _, bob = pair
    base, rows = everything(bob)
    assert len(rows) > 900
    good = tmp_path / "good.yaml"
    good.write_text(text_of(base))
    assert "well-formed" in bob.run("manifest", "check", good).stdout
    files = []
    for n, (_, data) in enumerate(rows):
        path = tmp_path / f"{n}.yaml"
        path.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
        files.append(str(path))
    start = time.monotonic()
    result = subprocess.run([program(), "--root", bob.root, "manifest", "check", *files, good], capture_output=True,
                            timeout=120)
    assert result.returncode == 1
    assert time.monotonic() - start < 60
    said = result.stderr.decode()  # always UTF-8
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", said)
    taken = re.findall(r"/(\d+)\.yaml: .*well-formed", result.stdout.decode())
    assert not taken, [rows[int(n)] for n in taken]
    errors = {}
    for line in said.splitlines():
        for path, rest in re.findall(rf"^(?:agamid: )?({re.escape(str(tmp_path))}/\d+\.yaml)(.*)", line):
            errors.setdefault(path, []).append(rest)
    bad = []
    for (what, _), path in zip(rows, files):
        found = [PLACE.match(rest) for rest in errors.get(path, [])]
        if not found or not all(found) or not all(len(f[3]) > 5 for f in found):
            bad.append((what, errors.get(path)))
    assert not bad, f"{len(bad)} without a place: {bad[:20]}"


def test_none_changes_what_is_derived(pair):
    """SPEC M-9.1, N-14.6: the same, by exchange."""
    carol, bob = pair
    carol.run("apply", "--quiet")
    _, rows = everything(bob)

    def derived():
        return {str(p.relative_to(carol.derived)): p.read_bytes() for p in carol.derived.rglob("*")
                if p.is_file() and p.name not in ("seen", "index")}

    before = derived()
    for n, (_, data) in enumerate(rows):
        post(carol, "bob", data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data, serial=str(SERIAL + n))
    said = carol.run("apply", "--quiet").stderr
    assert list(inbox(carol).iterdir()) == []
    assert derived() == before
    assert said.count("came by exchange, and is refused") >= len(rows) - 5  # some are equal
