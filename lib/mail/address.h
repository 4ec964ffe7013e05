/* SPDX-License-Identifier: MIT */
/*
 * address - envelope addresses (RFC 5321 section 4.1.2, RFC 6531).
 *
 * Pure functions. A path is what stands after MAIL FROM: or RCPT TO:,
 * with its angle brackets and without ESMTP parameters; it is kept
 * verbatim in a bundle, and looked at only through this module.
 */
#ifndef AGAMID_ADDRESS_H
#define AGAMID_ADDRESS_H

#include <stdbool.h>

#define ADDRESS_MAX 512 /* a path, brackets included */

struct address {
	char local[ADDRESS_MAX]; /* unquoted ("a b", not "\"a b\"") */
	char domain[256]; /* lower case; "" for <> and <postmaster> */
	bool null; /* <>, or the empty string */
};

/*
 * Parse "<local@domain>", with or without brackets, quoted or not, UTF-8
 * allowed. Source routes, address literals, control characters, white
 * space outside quotes are refused. 0, AG_EINVAL, AG_ETOOBIG.
 */
int address_parse(const char *path, struct address *a_r);

#endif
