/* SPDX-License-Identifier: MIT */
/*
 * aside - own mail that agamid-deliver has put aside: refused by Postfix,
 * or not to be opened; and what still waits.
 */
#ifndef AGAMID_ASIDE_H
#define AGAMID_ASIDE_H

#include "mail/conf.h"
#include "mail/ticket.h"
#include "util/buf.h"

struct aside_item {
	char state[16]; /* injecting, retry, refused, quarantined */
	char id[BUNDLE_ID_LEN + 1];
	uint64_t size;
	char acceptor[NODE_NAME_MAX + 1];
	char time[21]; /* the ticket's */
	char reason[512];
};

/* One line of agamid-deliver's answer to `list`; false if it is none.
 * Pure. */
bool aside_parse(const char *line, size_t len, struct aside_item *item_r);

/* Print them all; an exit code. */
int aside_list(const struct conf *conf, bool json);
/* Deliver those again (IDs, or the first 6 digits or more). */
int aside_again(const struct conf *conf, int count, char **ids);

#endif
