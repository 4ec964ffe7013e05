/* SPDX-License-Identifier: MIT */
/*
 * xclient - the SMTP client that brought a mail to the acceptor, as it is
 * told to this node's Postfix (XCLIENT, as in Postfix's XCLIENT_README):
 * what its own filters, tables and Sieve then see.
 *
 * Pure. All six attributes are always sent, since Postfix would keep its
 * own idea ("localhost") for one that is left out.
 *
 * SECURITY: these are an acceptor's words. A client must never become one
 * of those that Postfix trusts by address: loopback, private and own
 * addresses, those of conf's networks, and names of our own become
 * [UNAVAILABLE], which is in no table.
 */
#ifndef AGAMID_DELIVER_XCLIENT_H
#define AGAMID_DELIVER_XCLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"
#include "mail/bundle.h"

#define XCLIENT_VALUE_MAX 255 /* of a value as sent; Postfix takes no more */

/* What must not be said to be the client. Borrowed; lists may be empty. */
struct xclient_own {
	const char *host;
	char **domains;
	size_t domain_count;
	char **addresses; /* "address" or "net/bits" */
	size_t address_count;
	char **networks; /* the same */
	size_t network_count;
};

struct xclient { /* each as it is sent: xtext, or [UNAVAILABLE] */
	char name[XCLIENT_VALUE_MAX + 1];
	char reverse_name[XCLIENT_VALUE_MAX + 1];
	char address[XCLIENT_VALUE_MAX + 1];
	char port[XCLIENT_VALUE_MAX + 1];
	char helo[XCLIENT_VALUE_MAX + 1];
	const char *protocol; /* ESMTP or SMTP */
	char ehlo[256]; /* EHLO's argument afterwards: Postfix takes the
			 * HELO name from it */
};

void xclient_make(const struct bundle_client *c, const struct xclient_own *own,
    struct xclient *x_r);
/* Say nothing of the address: for a server that does not know its family.
 * False if nothing was said anyway. */
bool xclient_hide(struct xclient *x);
/* "XCLIENT NAME=..." without its line end. */
int xclient_write(const struct xclient *x, struct buf *out);

#endif
