/* SPDX-License-Identifier: MIT */
/*
 * pace - backoff and the count of days. See pace.h.
 */
#include "relayd/pace.h"

#define MS 1000

/* seconds, a quarter more or less, in milliseconds. */
static int64_t
jitter(unsigned seconds, uint32_t random)
{
	int64_t ms = (int64_t)seconds * MS;

	return ms - ms / 4 + (int64_t)(random % (uint64_t)(ms / 2 + 1));
}

void
pace_failed(
    struct pace *p, int64_t now, unsigned min, unsigned max, uint32_t random)
{
	unsigned wait = min, i;

	for (i = 0; i < p->failures && wait < max; i++)
		wait = wait > max / 2 ? max : wait * 2;
	if (wait > max)
		wait = max;
	p->failures++;
	p->next = now + jitter(wait, random);
}

void
pace_alive(struct pace *p)
{
	p->failures = 0;
	p->next = 0;
}

void
pace_rest(struct pace *p, int64_t now, unsigned max, uint32_t random)
{
	p->failures = 0;
	p->next = now + jitter(max, random);
}

bool
day_advance(struct day_count *d, int64_t now, int64_t ran)
{
	int64_t date = now / 86400;

	if (date == d->date)
		return false;
	/*
	 * The clock went back: it may be wrong now, or have been wrong then.
	 * It is believed when it has stayed there for a day.
	 */
	if (date < d->date && ran < DAY_AGAIN)
		return false;
	d->date = date;
	d->day++;
	return true;
}
