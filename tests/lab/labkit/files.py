# SPDX-License-Identifier: MIT
"""What is written into a host's directory before its first start: the
host's own /etc, Postfix, Dovecot and Sieve as an operator would have them,
and what Agamid needs in them (doc/spec/node.md)."""

import json
import os
import shutil
import subprocess
import time

from . import topology

PASSWORD = "secret"
LIBEXEC = "/usr/local/libexec/agamid"
PACKAGE_LIBEXEC = "/usr/libexec/agamid"
DERIVED = "/var/lib/agamid/derived"
FAULTS = "/run/agamid-faults"
USERS = {  # name: (uid, further groups)
    "agamid": (2001, []),
    "agamid-milter": (2002, []),
    "agamid-ssh": (2003, []),
    "agamid-key": (2004, ["postdrop"]),
    "vmail": (2010, []),
}

MASTER_CF = """\
smtp      inet  n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

AGAMID_MASTER_CF = """\
agamid-seal unix - - n - - lmtp
  -o lmtp_send_xforward_command=yes
agamid-cleanup unix n - n - 0 cleanup
  -o message_size_limit=0
  -o smtputf8_enable=no
agamid-inject unix n - n - 10 smtpd
  -o syslog_name=postfix/agamid
  -o cleanup_service_name=agamid-cleanup
  -o smtpd_authorized_xclient_hosts=127.0.0.1
  -o mynetworks=
  -o message_size_limit=0
  -o smtputf8_enable=no
  -o smtpd_sasl_auth_enable=no
  -o smtpd_milters=
  -o smtpd_client_restrictions=
  -o smtpd_helo_restrictions=
  -o smtpd_sender_restrictions=
  -o smtpd_relay_restrictions=reject_unauth_destination
  -o smtpd_recipient_restrictions=$agamid_own_recipients
  -o smtpd_client_connection_count_limit=0
  -o smtpd_client_connection_rate_limit=0
  -o smtpd_upstream_proxy_protocol=
"""

MAIN_CF = """\
compatibility_level = 3.6
myhostname = {host}
mydomain = {domain}
myorigin = $mydomain
mydestination =
inet_protocols = ipv4
alias_maps =
alias_database =
maillog_file = /var/log/mail.log
biff = no
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 4s
smtp_connect_timeout = 3s
smtp_helo_timeout = 10s
smtp_tls_security_level = may
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/lab-tls.pem
message_size_limit = 209715200
mailbox_size_limit = 0
smtpd_peername_lookup = yes
"""

NODE_MAIN_CF = """\
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = inline:{{ {users} }}
virtual_transport = lmtp:unix:private/dovecot-lmtp
"""

# What `agamid setup` would do (setup: true in the nodes file has it do it).
AGAMID_MAIN_CF = """\
lmtp_line_length_limit = 0
in_flow_delay = 0
smtpd_milters = {{ unix:agamid/milter.sock, default_action=accept, connect_timeout=5s, content_timeout=300s }}
relay_domains = texthash:{derived}/postfix/relay_domains
transport_maps = texthash:{derived}/postfix/transport
virtual_alias_maps = pcre:{derived}/postfix/own_aliases.pcre
smtpd_restriction_classes = agamid_policy, agamid_own_recipients
agamid_policy = check_policy_service {{ unix:agamid/policy.sock, timeout=10s, {{ default_action = 451 4.3.5 Try again later }} }}
agamid_own_recipients = check_recipient_access pcre:{derived}/postfix/own_recipients.pcre
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, check_recipient_access texthash:{derived}/postfix/peers, $agamid_own_recipients
"""

DOVECOT_CONF = """\
protocols = imap pop3 lmtp
listen = *
ssl = no
disable_plaintext_auth = no
log_path = /var/log/dovecot.log
auth_username_format = %Ln
mail_location = maildir:/var/mail/%n
first_valid_uid = 1000
passdb {
  driver = passwd-file
  args = scheme=plain username_format=%n /etc/dovecot/users
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/home/%n
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    user = postfix
    group = postfix
    mode = 0600
  }
}
namespace inbox {
  inbox = yes
}
protocol lmtp {
  mail_plugins = $mail_plugins sieve
}
"""

DOVECOT_SIEVE = """\
plugin {
  sieve_before = /etc/dovecot/agamid.sieve
  sieve_duplicate_default_period = 7d
  sieve_duplicate_max_period = 90d
}
"""

DOVECOT_24_CONF = """\
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
protocols = imap pop3 lmtp
listen = *
ssl = no
auth_allow_cleartext = yes
log_path = /var/log/dovecot.log
auth_username_format = %{user | username | lower}
mail_driver = maildir
mail_path = /var/mail/%{user | username}
first_valid_uid = 1000
passdb passwd-file {
  default_password_scheme = plain
  auth_username_format = %{user | username}
  passwd_file_path = /etc/dovecot/users
}
userdb static {
  fields {
    uid = vmail
    gid = vmail
    home = /home/%{user | username}
  }
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    user = postfix
    group = postfix
    mode = 0600
  }
}
namespace inbox {
  inbox = yes
}
protocol lmtp {
  mail_plugins {
    sieve = yes
  }
}
"""

DOVECOT_24_SIEVE = """\
sieve_script agamid {
  type = before
  path = /etc/dovecot/agamid.sieve
}
sieve_duplicate_default_period = 7d
sieve_duplicate_max_period = 90d
"""

SIEVE = """\
require ["duplicate", "imap4flags"];
# Mail that came through friends: marked, and never twice.
if exists "X-Agamid-Once" {
  if duplicate :handle "agamid" :header "X-Agamid-Once" :seconds 7776000 {
    discard;
    stop;
  }
  addflag "$Backup";
}
"""

NSD_CONF = """\
server:
  ip-address: {address}
  server-count: 1
  zonesdir: /etc/nsd-lab
  database: ""
  pidfile: /run/nsd.pid
  logfile: /var/log/nsd.log
  zonelistfile: /run/zone.list
  xfrdfile: /run/xfrd.state
  xfrdir: /run
  username: ""
remote-control:
  control-enable: no
"""


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def base(directory, host, system=None):
    """What every host has: its own copy of /etc and empty /var."""
    directory.mkdir(parents=True)
    subprocess.run(["cp", "-a", f"{system or ''}/etc", str(directory / "etc")], check=True)
    for path in ("var/spool", "var/lib", "var/log", "var/mail", "home"):
        (directory / path).mkdir(parents=True)
    (directory / "tmp").mkdir()
    (directory / "tmp").chmod(0o1777)
    etc = directory / "etc"
    for name in ("postfix", "dovecot", "agamid"):
        shutil.rmtree(etc / name, ignore_errors=True)
    (etc / "resolv.conf").unlink(missing_ok=True)
    write(etc / "resolv.conf", f"nameserver {topology.DNS_ADDRESS}\noptions timeout:1 attempts:2\n")
    write(etc / "hostname", host + "\n")
    (etc / "aliases").unlink(missing_ok=True)


def number_of(directory, kind, name):
    """A user's or group's number on the host (kind: passwd, group)."""
    for line in (directory / "etc" / kind).read_text(encoding="utf-8").splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return int(fields[2])
    raise LookupError(f"no {name} in {directory}/etc/{kind}")


def own(directory, path, user, group=None):
    number = number_of(directory, "passwd", user)
    os.chown(directory / path, number, number_of(directory, "group", group) if group else -1)


def add_users(directory):
    known = {line.split(":")[0] for line in (directory / "etc/passwd").read_text(encoding="utf-8").splitlines()}
    with open(directory / "etc/passwd", "a", encoding="ascii") as passwd, open(
        directory / "etc/group", "a", encoding="ascii"
    ) as group, open(directory / "etc/shadow", "a", encoding="ascii") as shadow:
        for name, (number, _) in USERS.items():
            if name in known:  # the package has made it
                continue
            passwd.write(f"{name}:x:{number}:{number}::/nonexistent:/bin/sh\n")
            group.write(f"{name}:x:{number}:\n")
            shadow.write(f"{name}:*:19000:0:99999:7:::\n")


def postfix(directory, main_cf, master_cf, system=None):
    etc = directory / "etc/postfix"
    etc.mkdir()
    for name in ("dynamicmaps.cf", "dynamicmaps.cf.d", "postfix-files", "postfix-files.d", "postfix-script", "post-install"):
        source = f"{system or ''}/etc/postfix/{name}"
        if os.path.exists(source):  # 3.10 has fewer of them
            subprocess.run(["cp", "-a", source, str(etc / name)], check=True)
    write(etc / "main.cf", main_cf)
    write(etc / "master.cf", master_cf)
    aged = time.time() - 60  # Postfix rereads, slowly, a .cf younger than 1 s
    for path in etc.glob("*.cf"):
        os.utime(path, (aged, aged))
    queue = directory / "var/spool/postfix"
    for name in ("active bounce corrupt defer deferred flush hold incoming private saved trace").split():
        (queue / name).mkdir(parents=True)
        own(directory, queue / name, "postfix", "root")
        (queue / name).chmod(0o700)
    (queue / "pid").mkdir()
    for name, mode in (("maildrop", 0o1730), ("public", 0o2710)):
        (queue / name).mkdir()
        own(directory, queue / name, "postfix", "postdrop")
        (queue / name).chmod(mode)
    (queue / "quick-start").touch()
    (directory / "var/lib/postfix").mkdir(parents=True)
    own(directory, "var/lib/postfix", "postfix", "postfix")


def dovecot_version(system=None):
    """(2, 3) or (2, 4): their settings differ."""
    argv = ["chroot", system] if system else []
    said = subprocess.run(argv + ["/usr/sbin/dovecot", "--version"], check=True, capture_output=True, text=True)
    return tuple(int(n) for n in said.stdout.split()[0].split(".")[:2])


def dovecot(directory, spec):
    etc = directory / "etc/dovecot"
    new = dovecot_version(spec.system) >= (2, 4)
    conf, sieve = (DOVECOT_24_CONF, DOVECOT_24_SIEVE) if new else (DOVECOT_CONF, DOVECOT_SIEVE)
    if not spec.setup:
        conf += sieve
        write(etc / "agamid.sieve", SIEVE)
    write(etc / "dovecot.conf", conf)
    write(etc / "users", "".join(f"{u}:{{plain}}{PASSWORD}\n" for u in spec.users()), 0o600)
    own(directory, etc / "users", "dovecot")
    (directory / "var/lib/dovecot").mkdir(parents=True)
    for path in ("var/mail", "home"):
        os.chown(directory / path, USERS["vmail"][0], USERS["vmail"][0])


def agamid_settings(spec):
    """agamid.yaml with a lab's short times; `agamid init` keeps it."""
    settings = {
        "node": spec.name,
        "reserve": "64M",
        "relay": {"retry-min": "1s", "retry-max": "4s", "idle": "1m", "gate-wait": "3s"},
        "deliver": {"retry": "2s"},
        "mailboxes": {m: {"deliver-to": to} for m, to in spec.deliver_to.items()},
    }
    settings.update(spec.settings)
    return json.dumps({k: v for k, v in settings.items() if v != {}}, indent=1) + "\n"


def service(name, argv, user="root", **more):
    groups = [user] + USERS.get(user, (0, []))[1]
    env = {"AGAMID_FAULTS": FAULTS}
    return {"name": name, "argv": argv, "user": user, "groups": groups, "env": env, **more}


def postfix_service():
    return service("postfix", ["/usr/lib/postfix/sbin/master"])


def node_services(spec):
    libexec = PACKAGE_LIBEXEC if spec.system else LIBEXEC
    return [
        service("agamid-relayd", [f"{libexec}/agamid-relayd"], "agamid"),
        service("agamid-deliver", [f"{libexec}/agamid-deliver"], "agamid-key"),
        service("agamid-milter", [f"{libexec}/agamid-milter"], "agamid-milter"),
        service("agamid-seal", [f"{libexec}/agamid-seal"], "agamid-milter"),
        service("agamid-sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", f"{DERIVED}/ssh/sshd_config"]),
        service("dovecot", ["/usr/sbin/dovecot", "-F"]),
        postfix_service(),
    ]


def make_node(directory, spec, tls):
    base(directory, spec.host, spec.system)
    add_users(directory)
    shutil.copy(tls, directory / "etc/lab-tls.pem")
    users = " ".join("{" + f"{u}@{d}={u}" + "}" for d in spec.domains for u in spec.users())
    main = MAIN_CF.format(host=spec.host, domain=spec.domains[0])
    main += NODE_MAIN_CF.format(domains=", ".join(spec.domains), users=users)
    master = MASTER_CF
    if not spec.setup:
        main += AGAMID_MAIN_CF.format(derived=DERIVED)
        master += AGAMID_MASTER_CF
    postfix(directory, main, master, spec.system)
    dovecot(directory, spec)
    write(directory / "etc/agamid/agamid.yaml", agamid_settings(spec))
    write(directory / "services.json", json.dumps(node_services(spec), indent=1))


def make_sender(directory, tls):
    """The outside world: a plain Postfix that sends, and keeps what comes
    back to it in /var/mail/returned."""
    base(directory, topology.SENDER_HOST)
    add_users(directory)
    shutil.copy(tls, directory / "etc/lab-tls.pem")
    main = MAIN_CF.format(host=topology.SENDER_HOST, domain=topology.SENDER_DOMAIN)
    main += (
        f"mynetworks = 127.0.0.0/8 {topology.SENDER_ADDRESS}/32\n"
        f"virtual_mailbox_domains = {topology.SENDER_DOMAIN}\n"
        "virtual_mailbox_base = /var/mail\nvirtual_mailbox_limit = 0\n"
        "virtual_mailbox_maps = static:returned/\n"
        "virtual_uid_maps = static:2010\nvirtual_gid_maps = static:2010\n"
    )
    postfix(directory, main, MASTER_CF)
    os.chown(directory / "var/mail", USERS["vmail"][0], USERS["vmail"][0])
    write(directory / "services.json", json.dumps([postfix_service()], indent=1))


def make_dns(directory, zones):
    """zones: {origin: text}; the root zone is among them, so that an
    unknown name is NXDOMAIN."""
    base(directory, "ns.dns.example")
    write_zones(directory, zones)
    nsd = service("nsd", ["/usr/sbin/nsd", "-d", "-c", "/etc/nsd-lab/nsd.conf"])
    write(directory / "services.json", json.dumps([nsd], indent=1))


def write_zones(directory, zones):
    etc = directory / "etc/nsd-lab"
    conf = NSD_CONF.format(address=topology.DNS_ADDRESS)
    for number, (origin, text) in enumerate(sorted(zones.items())):
        write(etc / f"zone{number}", text)
        conf += f'zone:\n  name: "{origin}"\n  zonefile: zone{number}\n'
    write(etc / "nsd.conf", conf)


def root_zone(spec_list):
    """Everything that is not Agamid's to say: the sender, reverse names."""
    lines = [
        "$TTL 1",
        ". SOA ns.dns.example. root.dns.example. 1 2 2 60 1",
        ". NS ns.dns.example.",
        f"ns.dns.example. A {topology.DNS_ADDRESS}",
        f"{topology.SENDER_HOST}. A {topology.SENDER_ADDRESS}",
        f"{topology.SENDER_DOMAIN}. MX 10 {topology.SENDER_HOST}.",
    ]
    hosts = [(topology.SENDER_HOST, topology.SENDER_ADDRESS)] + [(s.host, s.address) for s in spec_list]
    for host, address in hosts:
        reverse = ".".join(reversed(address.split(".")))
        lines.append(f"{reverse}.in-addr.arpa. PTR {host}.")
    return "\n".join(lines) + "\n"


def tls_pem(path):
    if path.exists():
        return path
    key, cert = path.with_suffix(".key"), path.with_suffix(".crt")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", str(key), "-out", str(cert), "-days", "3650", "-subj", "/CN=lab.example"],
        check=True, capture_output=True,
    )
    path.write_bytes(key.read_bytes() + cert.read_bytes())
    path.chmod(0o600)
    return path


