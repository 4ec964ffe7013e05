/* SPDX-License-Identifier: MIT */
/*
 * setup_dovecot - what setup writes for Dovecot. Pure; setup_dovecot.c
 * reads the files and asks doveconf(1).
 */
#ifndef AGAMID_SETUP_DOVECOT_H
#define AGAMID_SETUP_DOVECOT_H

#include <stdbool.h>
#include <stddef.h>

#define DOVECOT_MADE "# Made by agamid setup; changes here are lost.\n"

/* Does this dovecot.conf read conf.d/? */
bool dovecot_reads_conf_d(const char *conf);
/* "2.4.1-4 (...)": is it 2.4 or later? */
bool dovecot_is_new(const char *version);
/* The number of the free sieve_before setting of 2.3, or of the one that
 * names script already, in what `doveconf plugin` prints: 1 is the one
 * without a number. */
unsigned dovecot_before_number(const char *plugin, const char *script);

struct dovecot_wants {
	bool is_new; /* 2.4 or later */
	const char *script; /* Sieve before all others; NULL: none */
	unsigned number; /* of its setting, for 2.3 */
	const char *socket; /* of LMTP for agamid-seal; NULL: none */
	bool plugin; /* in imap and pop3 */
	bool hides; /* 2.3 can encrypt a value */
};

/* Our settings but for the passdb; malloc'ed. DOVECOT_MADE alone where
 * nothing is wanted. */
char *dovecot_settings(const struct dovecot_wants *w);

/* What hands the login password to the plugin. It must stand before the
 * passdb that knows the password. */
const char *dovecot_passdb(const struct dovecot_wants *w);
/* Where it must stand: true: in this dovecot.conf, at this byte; false:
 * first in conf.d/ will do. */
bool dovecot_passdb_place(const char *conf, size_t *at_r);

#endif
