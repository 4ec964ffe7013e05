/* SPDX-License-Identifier: MIT */
/*
 * addresses - where a node is. See addresses.h.
 */
#include "relayd/addresses.h"

#include <sys/socket.h>
#include <netdb.h>
#include <stddef.h>

#include "util/log.h"

#define ADDRESSES_MAX 16 /* of one name */

/* What the dynamic name means now. */
static bool
try_name(const struct manifest *m, address_fn *fn, void *ctx)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *ai;
	char address[NI_MAXHOST];
	bool done = false;
	int rc, n = 0;

	rc = getaddrinfo(m->dynamic, NULL, &hints, &list);
	if (rc != 0) {
		log_info("can't resolve peer=%s name=%s error=\"%s\"", m->name,
		    m->dynamic, gai_strerror(rc));
		return false;
	}
	for (ai = list; ai != NULL && !done && n < ADDRESSES_MAX;
	     ai = ai->ai_next, n++) {
		if (getnameinfo(ai->ai_addr, ai->ai_addrlen, address,
			sizeof(address), NULL, 0, NI_NUMERICHOST) == 0)
			done = fn(address, ctx);
	}
	freeaddrinfo(list);
	return done;
}

bool
addresses_try(const struct manifest *m, address_fn *fn, void *ctx)
{
	size_t i;

	for (i = 0; i < m->address_count; i++) {
		if (fn(m->addresses[i], ctx))
			return true;
	}
	return m->dynamic != NULL && try_name(m, fn, ctx);
}
