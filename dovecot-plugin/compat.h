/* SPDX-License-Identifier: MIT */
/*
 * compat - what differs between Dovecot 2.3 and 2.4, and nothing else.
 * All other files are written for both.
 */
#ifndef AGAMID_PLUGIN_COMPAT_H
#define AGAMID_PLUGIN_COMPAT_H

#include "lib.h"
#include "mail-user.h"
#include "mail-storage-private.h"

#if DOVECOT_VERSION_MINOR >= 4
#define COMPAT_SYNC_WRITE 0 /* every sync writes */
#define COMPAT_BINARY struct mail_binary_properties *bprops_r
#define COMPAT_BINARY_ARGS bprops_r
#else
#define COMPAT_SYNC_WRITE MAILBOX_SYNC_FLAG_FULL_WRITE
#define COMPAT_BINARY uoff_t *size_r, unsigned int *lines_r, bool *binary_r
#define COMPAT_BINARY_ARGS size_r, lines_r, binary_r
#endif

struct compat_settings { /* for the user's life; "" where not set */
	const char *key, *mode, *mailbox, *sealed_pub;
	const char *pass; /* as it came: no % in it was expanded */
};

/* False after saying why not. */
bool compat_get_settings(struct mail_user *user, struct compat_settings *s_r);

/* The copy of it that is ours, if there is one, is wiped. */
void compat_forget_pass(struct compat_settings *s);

/* A user whose mailboxes are single streams (Dovecot's "raw" storage), and
 * whose temporary files reach no disk; mail_user_deinit() it. */
struct mail_user *compat_raw_user(struct mail_user *user);

#endif
