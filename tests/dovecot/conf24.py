# SPDX-License-Identifier: MIT
"""The test's configuration as Dovecot 2.4 wants it (dovebox.CONF is 2.3's)."""

CONF = """
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
log_debug = category=mail OR category=storage OR category=mailbox
instance_name = agamid-test
protocols = imap pop3 lmtp
ssl = no
auth_allow_cleartext = yes
auth_mechanisms = plain
auth_verbose = yes
listen = 127.0.0.1
first_valid_uid = {uid}
first_valid_gid = {uid}
mail_uid = {uid}
mail_gid = {uid}
mail_home = {dir}/mail/%{{user | username}}
mail_driver = {driver}
mail_path = {path}
mail_plugin_dir = {dir}/modules
mail_plugins = {everywhere}
lda_mailbox_autocreate = yes
lmtp_save_to_detail_mailbox = yes
recipient_delimiter = +
imap_hibernate_timeout = {hibernate}
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
service imap {{
  unix_listener imap-master {{
    user = $SET:default_internal_user
  }}
  extra_groups = $SET:default_internal_group
}}
service imap-hibernate {{
  unix_listener imap-hibernate {{
    mode = 0666
  }}
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


def render(values):
    values = dict(values)
    values["driver"], values["path"] = values["location"].split(":")
    values["other_driver"], values["other_path"] = values["other"].split(":")
    values["loaded"] = "\n    ".join(
        f"{name} = yes" for name in values["loaded"].split())
    return CONF.format(**values)
