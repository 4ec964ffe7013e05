/* SPDX-License-Identifier: MIT */
/*
 * quiet - librnp writes to stdio's stderr of what it dislikes about a
 * message, and has no switch for it; inside Dovecot that becomes an error
 * line a mail, with a stranger's words in it. Between these two calls
 * stderr is a stream that goes nowhere. Dovecot's own log does not use
 * stdio, and a mail process has one thread.
 */
#ifndef AGAMID_PLUGIN_QUIET_H
#define AGAMID_PLUGIN_QUIET_H

#include <stdio.h>

FILE *quiet_begin(void);
void quiet_end(FILE *before);
/* Before the plugin is unloaded. */
void quiet_free(void);

#endif
