/* SPDX-License-Identifier: MIT */
/*
 * dovecot - a login tried without a password: Dovecot's own imap process,
 * started by root for a user, with all that the settings load into it.
 */
#ifndef AGAMID_DOVECOT_H
#define AGAMID_DOVECOT_H

#include <stdbool.h>

#include "util/error.h"

#define DOVECOT_CONF "/etc/dovecot/dovecot.conf"

/*
 * Does imap start for this user by the settings in conf (a file), load its
 * plugins, and greet? setting: "NAME=VALUE" in place of what is there, or
 * NULL. 0; AG_ENOENT: there is no imap here; AG_EINVAL: a plugin can't be
 * loaded; AG_EIO: anything else; with what Dovecot said. Nothing is read or
 * changed in the mailbox.
 */
int dovecot_try_imap(const char *conf, const char *user, const char *setting,
    unsigned seconds, struct error *error_r);

/* Is our plugin among what these settings (of doveconf -n) load? Pure. */
bool dovecot_loads_plugin(const char *settings);

#endif
