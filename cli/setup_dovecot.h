/* SPDX-License-Identifier: MIT */
/*
 * setup_dovecot - what setup writes for Dovecot. Pure; setup_dovecot.c
 * reads the files and asks doveconf(1).
 */
#ifndef AGAMID_SETUP_DOVECOT_H
#define AGAMID_SETUP_DOVECOT_H

#include <stdbool.h>

/* Does this dovecot.conf read conf.d/? */
bool dovecot_reads_conf_d(const char *conf);
/* "2.4.1-4 (...)": is it 2.4 or later? */
bool dovecot_is_new(const char *version);
/* The number of the free sieve_before setting of 2.3, or of the one that
 * names script already, in what `doveconf plugin` prints: 1 is the one
 * without a number. */
unsigned dovecot_before_number(const char *plugin, const char *script);
/* Our settings; malloc'ed. number is for 2.3 only. */
char *dovecot_settings(bool is_new, unsigned number, const char *script);

#endif
