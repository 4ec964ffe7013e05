/* SPDX-License-Identifier: MIT */
/*
 * setup_postfix - what setup knows of a Postfix: its settings as postconf
 * tells them, and how each is to be. setup_lookup.c, setup_settings.c and
 * setup_strip.c are pure.
 */
#ifndef AGAMID_SETUP_POSTFIX_H
#define AGAMID_SETUP_POSTFIX_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/setup.h"

/* Ours, as they stand in main.cf. */
#define PF_MILTER                                                        \
	"{ unix:agamid/milter.sock, default_action=accept, protocol=6, " \
	"connect_timeout=5s, content_timeout=300s }"
#define PF_MILTER_SOCKET "unix:agamid/milter.sock"
#define PF_POLICY                                                       \
	"check_policy_service { unix:agamid/policy.sock, timeout=10s, " \
	"{ default_action = 451 4.3.5 Try again later } }"
#define PF_OWN_CHECK "$agamid_own_recipients"
#define PF_SEAL "agamid-seal/unix"
#define PF_CLEANUP "agamid-cleanup/unix"
#define PF_INJECT "agamid-inject/unix"

/* The lists of checks that strangers pass. */
#define PF_RELAY_LIST "smtpd_relay_restrictions"
#define PF_RCPT_LIST "smtpd_recipient_restrictions"

/* A Postfix's settings: lines "NAME = VALUE", and of master.cf. */
struct pf {
	struct buf raw; /* all, as written */
	struct buf full; /* all, expanded */
	struct buf set; /* those that main.cf sets */
	struct buf master; /* an entry a line */
	const char *derived; /* where our tables are */
	bool at_home; /* some mailbox is sealed always */
};

void pf_init(struct pf *pf, const char *derived);
void pf_free(struct pf *pf);

/* ---- setup_lookup.c ---- */

/* NAME's value in lines "NAME = VALUE"; malloc'ed, or NULL. */
char *pf_value(const struct buf *lines, const char *name);
/* As it is written: main.cf's, or the default where that says something;
 * "" else. malloc'ed. */
char *pf_written(const struct pf *pf, const char *name);
/* The entry "SERVICE/TYPE" of master.cf; malloc'ed, or NULL. */
char *pf_entry(const struct pf *pf, const char *name);
/* The n-th entry that lets strangers in: smtpd on port 25 or behind
 * postscreen; malloc'ed, or NULL. */
char *pf_stranger_entry(const struct pf *pf, unsigned n);
/* "smtp/inet" of an entry; malloc'ed. */
char *entry_name(const char *entry);
/* A parameter of that service: its own -o, or main.cf's. malloc'ed. */
char *pf_of_service(const struct pf *pf, const char *entry, const char *name);

/* ---- setup_settings.c ---- */

/* What main.cf and master.cf are to say (edits with was NULL: the caller
 * knows). local: addresses of this machine, a line each. */
void pf_want(const struct pf *pf, const struct manifest *self,
    const char *local, struct setup_edits *main, struct setup_edits *master);

/* ---- setup_strip.c ---- */

/* The value of a parameter, or an entry, without us: e is what we last
 * set, now is what is there. malloc'ed; NULL: nothing is left. */
char *pf_strip_value(
    const char *derived, const struct setup_edit *e, const char *now);
char *pf_strip_entry(
    const char *derived, const struct setup_edit *e, const char *now);

/* ---- setup_promise.c ---- */

/* The settings that would break a promise, as findings. */
void pf_find_promises(struct setup *s, const struct pf *pf);

#endif
