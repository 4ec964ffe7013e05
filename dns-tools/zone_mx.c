/* SPDX-License-Identifier: MIT */
/*
 * zone_mx - which hosts are the MX of a domain. See zone.h; the rules are
 * doc/spec/manifest.md 8.
 *
 * Backups are drawn by rendezvous hashing: each candidate's hash with the
 * domain, highest first. So the load spreads evenly over the backups, the
 * same manifests always give the same zone, and a node that comes or goes
 * changes only the domains that it wins or had won.
 */
#include "dns-tools/zone.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

#define PREFERENCE_HOME 10
#define PREFERENCE_BACKUP 20

struct candidate {
	const struct manifest *node;
	uint8_t weight[crypto_generichash_BYTES];
};

static void
weigh(struct candidate *c, const char *domain)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof(c->weight));
	/* With its NUL, so that "ab" "c" isn't "a" "bc". */
	crypto_generichash_update(
	    &state, (const uint8_t *)domain, strlen(domain) + 1);
	crypto_generichash_update(
	    &state, (const uint8_t *)c->node->name, strlen(c->node->name));
	crypto_generichash_final(&state, c->weight, sizeof(c->weight));
}

static int
by_weight(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return memcmp(y->weight, x->weight, sizeof(x->weight));
}

static int
by_target(const void *a, const void *b)
{
	const struct zone_mx *x = a, *y = b;

	return strcmp(x->target, y->target);
}

/* Everybody who may be a backup, the first to be drawn first. SPEC M-8.4 */
static size_t
find_candidates(const struct manifest *const *nodes, size_t count,
    const struct manifest *home, const char *domain, struct candidate *out)
{
	size_t i, n = 0;

	for (i = 0; i < count; i++) {
		if (nodes[i] == home || nodes[i]->address_count == 0 ||
		    !manifest_may_hold(nodes[i], home))
			continue;
		out[n].node = nodes[i];
		weigh(&out[n++], domain);
	}
	qsort(out, n, sizeof(*out), by_weight);
	return n;
}

static bool
site_is_new(const struct manifest *home, const struct manifest *const *chosen,
    size_t count, const char *site)
{
	size_t i;

	if (strcmp(site, manifest_site(home)) == 0)
		return false;
	for (i = 0; i < count; i++) {
		if (strcmp(site, manifest_site(chosen[i])) == 0)
			return false;
	}
	return true;
}

/* Sites of their own first (what fells the home, or one backup, must not
 * fell the next one); if that is not enough, the others. SPEC M-8.5 */
static size_t
choose(const struct candidate *c, size_t n, const struct manifest *home,
    const struct manifest *chosen[ZONE_BACKUPS_MAX])
{
	size_t want = home->backups_mx, i, count = 0;
	size_t *later = xcalloc(n, sizeof(*later)), left = 0;

	if (want > ZONE_BACKUPS_MAX)
		want = ZONE_BACKUPS_MAX;
	for (i = 0; i < n && count < want; i++) {
		if (site_is_new(home, chosen, count, manifest_site(c[i].node)))
			chosen[count++] = c[i].node;
		else
			later[left++] = i;
	}
	for (i = 0; i < left && count < want; i++)
		chosen[count++] = c[later[i]].node;
	free(later);
	return count;
}

size_t
zone_mx(const struct manifest *const *nodes, size_t count,
    const struct manifest *home, const char *domain,
    struct zone_mx out[ZONE_MX_MAX])
{
	struct candidate *c = xcalloc(count, sizeof(*c));
	const struct manifest *chosen[ZONE_BACKUPS_MAX];
	size_t i, n, backups, mx = 0;

	/* SPEC M-8.3 */
	if (home->address_count > 0)
		out[mx++] = (struct zone_mx){PREFERENCE_HOME, home->host};
	else if (home->dynamic != NULL)
		out[mx++] = (struct zone_mx){PREFERENCE_HOME, home->dynamic};
	n = find_candidates(nodes, count, home, domain, c);
	backups = choose(c, n, home, chosen);
	for (i = 0; i < backups; i++)
		out[mx + i] =
		    (struct zone_mx){PREFERENCE_BACKUP, chosen[i]->host};
	qsort(out + mx, backups, sizeof(*out), by_target);
	free(c);
	return mx + backups;
}
