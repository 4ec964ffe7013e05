/* SPDX-License-Identifier: MIT */
/*
 * plugin - what the parts of lib05_agamid_plugin.so share: a context for
 * each mail user and each mail. agamid-dovecot(7) is its manual.
 *
 *	plugin.c	hooks, settings, who may load it
 *	view.c		the mail that a client sees
 *	derived.c	orders, threads and sizes that Dovecot keeps
 *	inner.c		an opened mail as one of Dovecot's own
 *	opener.c	mark, signature, decryption
 *	unseal.c	the other mode
 *	notice.c	what its owner is told
 *	unlock.c, opened.c, quiet.c	know nothing of Dovecot
 */
#ifndef AGAMID_PLUGIN_H
#define AGAMID_PLUGIN_H

#include "dovecot-plugin/compat.h"
#include "dovecot-plugin/opened.h"
#include "dovecot-plugin/unlock.h"

struct agamid_user {
	union mail_user_module_context module_ctx;
	struct compat_settings set;
	struct unlock *unlock;
	const char *sealed_keys; /* NULL until they are read */
	struct opened_cache cache;
	struct mail_user *raw_user;
	bool unseals; /* the mode */
	bool told; /* that the key can't be used */
	bool told_open; /* that it can */
	bool undumpable;
};

struct agamid_mailbox {
	union mailbox_module_context module_ctx;
	bool has_sealed; /* sealed mail was seen in it */
};

struct agamid_mail {
	union mail_module_context module_ctx;
	enum { AGAMID_UNKNOWN, AGAMID_PLAIN, AGAMID_SEALED, AGAMID_OPEN } state;
	bool busy; /* looking at the sealed mail: no recursion */
	bool bypass; /* it is being copied: sealed, as it is */
	struct opened *opened;
	struct inner *in; /* inner.c's, while it is open */
};

/* NULL where the plugin is not at work. */
struct agamid_user *agamid_user(struct mail_user *user);
struct agamid_mailbox *agamid_mailbox(struct mailbox *box);
struct agamid_mail *agamid_mail(struct mail *mail);

/* view.c */
void view_mail_allocated(struct mail *mail);
void view_mailbox_allocated(struct mailbox *box);

/* unseal.c: the INBOX's sealed mails become plain ones. */
void unseal_inbox(struct mail_user *user, struct agamid_user *u);

/* notice.c: once for a key that the password doesn't open; and that it
 * does again. */
void notice_locked(struct mail_user *user, struct agamid_user *u);
void notice_unlocked(struct mail_user *user, struct agamid_user *u);

#endif
