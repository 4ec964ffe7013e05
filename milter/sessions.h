/* SPDX-License-Identifier: MIT */
/*
 * sessions - the SMTP sessions whose milter connection is open, by client
 * address and port: what the policy check and the milter, which Postfix
 * asks over two connections, know of each other.
 *
 * The milter's side holds a struct session; the policy's side finds it by
 * the client's address and port, which Postfix gives to both. All calls
 * are thread-safe and short.
 *
 * SECURITY: the milter takes a recipient as a peer's only where
 * session_take() says that the policy check has just admitted it.
 */
#ifndef AGAMID_MILTER_SESSIONS_H
#define AGAMID_MILTER_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "mail/address.h"
#include "milter/decide.h"

struct sessions;
struct session;

/* What the policy check tells the milter about the recipient that it has
 * just admitted. */
struct admission {
	struct address rcpt;
	struct mail_class class;
	char protocol[16]; /* SMTP or ESMTP */
};

struct sessions *sessions_new(void);
/* Only when no session is open any more. */
void sessions_free(struct sessions **table);
size_t sessions_count(struct sessions *table);

/* ---- the milter's side ---- */

/* A client has connected. NULL when memory is out. A second session with
 * the same address and port hides the first. */
struct session *session_open(
    struct sessions *table, const char *address, const char *port);
void session_close(struct session **s);
/* A transaction begins (MAIL), or is over. */
void session_reset(struct session *s);
void session_set_class(struct session *s, const struct mail_class *class);
/* Was this recipient the last one that the policy check admitted? Forgets
 * the admission either way. */
bool session_take(struct session *s, const struct address *rcpt,
    struct admission *admission_r);
/* Forget it; was there one? */
bool session_forget(struct session *s);

/* ---- the policy check's side ---- */

/* False if no milter connection of that client is open. */
bool sessions_class(struct sessions *table, const char *address,
    const char *port, struct mail_class *class_r);
bool sessions_admit(struct sessions *table, const char *address,
    const char *port, const struct admission *admission);

#endif
