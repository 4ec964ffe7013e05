/* SPDX-License-Identifier: MIT */
/*
 * standing - whom to stay connected with. See standing.h.
 *
 * Strangers' mail comes to the backup MX, so these are who has news first.
 * Who they are follows from the manifests (doc/spec/zone.md 3): no DNS is
 * asked, and no peer says so.
 */
#include "relayd/standing.h"

#include <stdlib.h>

#include "util/log.h"
#include "manifests/draw.h"

#define ELIGIBLE_MAX 64

/* The manifests in force, this node's first; NULL when memory is out. */
static const struct manifest **
all_nodes(const struct network *net, size_t *count_r)
{
	size_t i, count = network_peer_count(net);
	const struct manifest **all = calloc(count + 1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all[0] = network_self(net);
	for (i = 0; i < count; i++)
		all[i + 1] = network_peer(net, i);
	*count_r = count + 1;
	return all;
}

static size_t
choose_backups(const struct network *net, const struct manifest **out)
{
	size_t count, found = 0;
	const struct manifest **all = all_nodes(net, &count);
	struct draw *d = all == NULL ? NULL : draw_new(all, count);

	if (d != NULL)
		found = draw_backups(d, network_self(net), out);
	draw_free(&d);
	free(all);
	return found;
}

static size_t
without_undialable(const struct manifest **list, size_t count)
{
	size_t i, kept = 0;

	for (i = 0; i < count; i++) {
		if (peer_may_be_dialled(list[i]))
			list[kept++] = list[i];
	}
	return kept;
}

/*
 * The peers to stand with: the backup MX of self, or, if
 * it has none that can be dialled, others that may hold for it. At most
 * max; the count; 0 as well when memory is out.
 */
static size_t
standing_choose(
    const struct network *net, const struct manifest **out, size_t max)
{
	const struct manifest *found[ELIGIBLE_MAX];
	size_t i, count;

	count = without_undialable(found, choose_backups(net, found));
	if (count == 0) {
		count = network_eligible(
		    net, network_self(net), found, ELIGIBLE_MAX);
		count = without_undialable(found, count);
		if (count > STANDING_OTHERS)
			count = STANDING_OTHERS;
	}
	if (count > max)
		count = max;
	for (i = 0; i < count; i++)
		out[i] = found[i];
	return count;
}

void
standing_view(struct relayd *r)
{
	const struct manifest *with[DRAW_MAX];
	struct peer *p;
	size_t i, count;

	for (i = 1; (p = peers_at(r->peers, (unsigned)i)) != NULL; i++)
		p->standing = false;
	if (r->net == NULL || peer_has_address(network_self(r->net)))
		return;
	count = standing_choose(r->net, with, DRAW_MAX);
	for (i = 0; i < count; i++) {
		p = peers_find(r->peers, with[i]->name);
		if (p == NULL)
			continue;
		p->standing = true;
		log_info("stands with peer=%s", p->name);
	}
	if (count == 0)
		log_warn("this node can't be dialled, and has nobody to stand "
			 "with");
}
