/* SPDX-License-Identifier: MIT */
/*
 * place - the draw of holders. See place.h.
 *
 * Who may be drawn is settled before (manifests/network.h); what becomes
 * of a draw is remembered by state.c.
 */
#include "relayd/place.h"

#include <stdbool.h>

#include <sodium.h>

unsigned
place_copies(const struct ticket *t)
{
	unsigned copies = t->copies;

	/* SPEC */
	if (copies > PLACE_COPIES_MAX)
		copies = PLACE_COPIES_MAX;
	if (t->size > PLACE_BIG && copies > 2)
		copies = 2;
	return copies == 0 ? 1 : copies;
}

static bool
is_in(const size_t *list, size_t count, size_t what)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (list[i] == what)
			return true;
	}
	return false;
}

/* Floyd's draw of a set: one random number each, no copy of the n. */
size_t
place_draw(size_t n, size_t need, place_random_fn *rnd, void *ctx, size_t *out)
{
	size_t j, pick, count = 0;

	if (need > n)
		need = n;
	for (j = n - need; j < n; j++) {
		pick = rnd((uint32_t)(j + 1), ctx);
		if (is_in(out, count, pick))
			pick = j;
		out[count++] = pick;
	}
	return count;
}

uint32_t
place_random(uint32_t below, void *ctx)
{
	(void)ctx;
	return randombytes_uniform(below);
}
