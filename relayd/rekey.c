/* SPDX-License-Identifier: MIT */
/*
 * rekey - sessions end when the SSH keys of their peer change. See rekey.h.
 *
 * A session was let in by a client key, or went to a host key, of the
 * manifest that was in force when it began. A key that is in it no more
 * may have been lost: what it opened does not outlive it (SPEC ). A
 * peer that has the new one comes again at once.
 */
#include "relayd/rekey.h"

#include <string.h>

#include "relayd/broker.h"

static bool
are_same(char *const *a, size_t a_count, char *const *b, size_t b_count)
{
	size_t i;

	for (i = 0; i < a_count && i < b_count; i++) {
		if (strcmp(a[i], b[i]) != 0)
			return false;
	}
	return a_count == b_count;
}

static bool
has_same_keys(const struct manifest *a, const struct manifest *b)
{
	return are_same(a->ssh_client_keys, a->ssh_client_key_count,
		   b->ssh_client_keys, b->ssh_client_key_count) &&
	    are_same(a->ssh_host_keys, a->ssh_host_key_count, b->ssh_host_keys,
		b->ssh_host_key_count);
}

void
rekey_view(struct relayd *r)
{
	const struct manifest *now, *before;
	struct link *ln = NULL;

	if (r->net_before == NULL)
		return;
	while ((ln = broker_next(r->broker, ln)) != NULL) {
		now = network_find(r->net, ln->peer->name);
		before = network_find(r->net_before, ln->peer->name);
		if (now != NULL && before != NULL &&
		    !has_same_keys(now, before))
			link_end(ln, "its SSH keys have changed");
	}
}
