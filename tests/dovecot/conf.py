# SPDX-License-Identifier: MIT
"""The tests' configuration: what both Dovecots read, then each one's own."""

COMMON = """
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
instance_name = agamid-test
protocols = imap pop3 lmtp
ssl = no
auth_mechanisms = plain
auth_verbose = yes
auth_failure_delay = 0
listen = 127.0.0.1
first_valid_uid = {uid}
first_valid_gid = {uid}
mail_uid = {uid}
mail_gid = {uid}
mail_fsync = never
mail_plugin_dir = {dir}/modules
mail_plugins = {everywhere}
lda_mailbox_autocreate = yes
lmtp_save_to_detail_mailbox = yes
recipient_delimiter = +
imap_hibernate_timeout = {hibernate}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
  chroot =
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
  chroot =
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
service pop3 {{
  {wrapped[pop3]}
}}
service imap-hibernate {{
  unix_listener imap-hibernate {{
    mode = 0666
  }}
}}
"""

V23 = """
disable_plaintext_auth = no
auth_debug = yes
mail_debug = yes
mail_home = {dir}/mail/%n
mail_location = {location}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {dir}/passwd
  override_fields = userdb_agamid_pass=%w
}}
userdb {{
  driver = passwd-file
  args = username_format=%n {dir}/passwd
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
namespace other {{
  prefix = Other/
  separator = /
  location = {other}
}}
service imap {{
  {wrapped[imap]}
  unix_listener imap-master {{
    user = $default_internal_user
  }}
  extra_groups = $default_internal_group
}}
plugin {{
  agamid_mode = {mode}
  agamid_sealed_pub = {dir}/sealed.pub
{settings}
}}
protocol imap {{
  mail_plugins = $mail_plugins {loaded}
}}
protocol pop3 {{
  mail_plugins = $mail_plugins {loaded}
}}
{extra}
"""

V24 = """
log_debug = category=mail OR category=storage OR category=mailbox
auth_allow_cleartext = yes
mail_home = {dir}/mail/%{{user | username}}
mail_driver = {driver}
mail_path = {path}
agamid_mode = {mode}
agamid_sealed_pub = {dir}/sealed.pub
{settings}
passdb passwd-file {{
  passwd_file_path = {dir}/passwd
  default_password_scheme = PLAIN
  auth_username_format = %{{user | username}}
  fields {{
    userdb_agamid_pass = %{{password}}
  }}
}}
userdb passwd-file {{
  passwd_file_path = {dir}/passwd
  auth_username_format = %{{user | username}}
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
namespace other {{
  prefix = Other/
  separator = /
  mail_driver = {other_driver}
  mail_path = {other_path}
}}
service imap {{
  {wrapped[imap]}
  unix_listener imap-master {{
    user = $SET:default_internal_user
  }}
  extra_groups = $SET:default_internal_group
}}
protocol imap {{
  mail_plugins {{
    {loaded}
  }}
}}
protocol pop3 {{
  mail_plugins {{
    {loaded}
  }}
}}
{extra}
"""


def render(version, values):
    values = dict(values)
    if not version.startswith("2.4"):
        return (COMMON + V23).format(**values)
    values["driver"], values["path"] = values["location"].split(":")
    values["other_driver"], values["other_path"] = values["other"].split(":")
    values["loaded"] = "\n    ".join(
        f"{name} = yes" for name in values["loaded"].split())
    first = ("dovecot_config_version = 2.4.1\n"
             "dovecot_storage_version = 2.4.1\n")
    return first + (COMMON + V24).format(**values)

# A user's field: ours is not among his plugins.
WITHOUT = {"2.3": "userdb_mail_plugins=zlib",
           "2.4": "userdb_mail_plugins/agamid=no"}

# Other plugins, all that a word in mail_plugins needs beside itself.
PLUGINS = {
    "2.3": {
        "zlib": ("zlib", "  zlib_save = gz\n"),
        "quota": ("quota", "  quota = count:User quota\n"
                  "  quota_vsizes = yes\n  quota_rule = *:storage=1G\n"),
        "crypt": ("mail_crypt", "  mail_crypt_save_version = 2\n"
                  "  mail_crypt_global_private_key = <{keys}/private\n"
                  "  mail_crypt_global_public_key = <{keys}/public\n"),
    },
    "2.4": {
        "zlib": ("mail_compress", "mail_compress_write_method = gz\n"),
        "quota": ("quota", "quota \"User quota\" {{\n"
                  "  storage_size = 1G\n}}\n"),
        "crypt": ("mail_crypt", "crypt_write_algorithm = aes-256-gcm-sha256\n"
                  "crypt_global_public_key_file = {keys}/public\n"
                  "crypt_global_private_key main {{\n"
                  "  crypt_private_key_file = {keys}/private\n}}\n"),
    },
}


def plugins(version, names, keys):
    """{mail_plugins, settings} that load these, in this order."""
    chosen = [PLUGINS[version[:3]][name] for name in names]
    return {"everywhere": " ".join(word for word, _ in chosen),
            "settings": "".join(text for _, text in chosen).format(keys=keys)}
