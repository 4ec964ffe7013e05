/* SPDX-License-Identifier: MIT */
/*
 * compare - what a zone should hold against what it holds. See compare.h.
 */
#include "dns-tools/compare.h"

#include <stdlib.h>
#include <string.h>

#include "dns-tools/zone.h"
#include "manifests/lookup.h"

enum { TAG_NONE, TAG_SPF, TAG_STS, TAG_MARK };

struct comparing {
	const struct records *want, *have;
	struct lookup *marks; /* unit -> the mark's text */
	struct comparison *out;
};

/* SPEC Z-6.3: of TXT only these are ever ours. */
static unsigned
text_tag(const struct record *r)
{
	if (r->type != LDNS_RR_TYPE_TXT)
		return TAG_NONE;
	if (strncmp(r->owner, ZONE_MARK, strlen(ZONE_MARK)) == 0 &&
	    strncmp(r->data, "\"v=agamid1 ", 11) == 0)
		return TAG_MARK;
	if (strncmp(r->owner, "_mta-sts.", 9) == 0 &&
	    strncmp(r->data, "\"v=STSv1;", 9) == 0)
		return TAG_STS;
	if (strncmp(r->data, "\"v=spf1 ", 8) == 0)
		return TAG_SPF;
	return TAG_NONE;
}

/* Is this record of have one of the kind that the set is about? */
static bool
change_covers(const struct change_set *s, const struct record *r)
{
	return r->type != LDNS_RR_TYPE_TXT || text_tag(r) == s->tag;
}

bool
change_is_mark(const struct change_set *s)
{
	return s->tag == TAG_MARK;
}

/* Does the mark's list "owns=A,MX" have this type? */
static bool
mark_has(const char *mark, uint16_t type)
{
	const ldns_rr_descriptor *d = ldns_rr_descript(type);
	const char *list = strstr(mark, " owns=");
	size_t len;

	if (list == NULL || d == NULL || d->_name == NULL)
		return false;
	for (list += 6; *list != '\0' && *list != '"'; list += len) {
		list += *list == ',';
		len = strcspn(list, ",\"");
		if (len == strlen(d->_name) &&
		    strncmp(list, d->_name, len) == 0)
			return true;
	}
	return false;
}

static bool
is_ours(const struct comparing *c, const struct change_set *s)
{
	const char *mark;

	if (s->tag == TAG_MARK)
		return true;
	mark = lookup_get(c->marks, s->unit);
	return mark != NULL && mark_has(mark, s->type);
}

/* ---- one set ---- */

static const struct record *
find_same(const struct record *list, size_t count, const struct record *r)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(list[i].data, r->data) == 0)
			return &list[i];
	}
	return NULL;
}

int
change_each(const struct change_set *s, change_fn *fn, void *ctx)
{
	const struct record *same;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < s->have_count; i++) {
		if (change_covers(s, &s->have[i]) &&
		    find_same(s->want, s->want_count, &s->have[i]) == NULL)
			rc = fn(CHANGE_DELETE, &s->have[i], NULL, ctx);
	}
	for (i = 0; rc == 0 && i < s->want_count; i++) {
		same = find_same(s->have, s->have_count, &s->want[i]);
		if (same == NULL)
			rc = fn(CHANGE_ADD, &s->want[i], NULL, ctx);
		else if (same->ttl != s->want[i].ttl)
			rc = fn(CHANGE_TTL, &s->want[i], same, ctx);
	}
	return rc;
}

static int
differs(enum change what, const struct record *r, const struct record *other,
    void *ctx)
{
	(void)what;
	(void)r;
	(void)other;
	(void)ctx;
	return 1;
}

static int
append(struct comparison *c, const struct change_set *s)
{
	size_t room = c->room > 0 ? 2 * c->room : 64;
	struct change_set *more;

	if (c->count == c->room) {
		more = reallocarray(c->sets, room, sizeof(*more));
		if (more == NULL)
			return AG_ENOMEM;
		c->sets = more;
		c->room = room;
	}
	c->sets[c->count++] = *s;
	return 0;
}

static bool
has_ours(const struct change_set *s)
{
	size_t i;

	for (i = 0; i < s->have_count; i++) {
		if (change_covers(s, &s->have[i]))
			return true;
	}
	return false;
}

static int
compare_set(struct comparing *c, struct change_set *s)
{
	bool ours = is_ours(c, s);

	if (s->want_count == 0 && !ours)
		return 0;
	if (change_each(s, differs, NULL) == 0)
		return 0;
	s->foreign = !ours && has_ours(s);
	return append(c->out, s);
}

/* A TXT set of which nothing is wanted may still hold several kinds. */
static int
compare_tags(struct comparing *c, struct change_set *s)
{
	unsigned tag;
	int rc = 0;

	if (s->type != LDNS_RR_TYPE_TXT || s->want_count > 0) {
		s->tag = s->want_count > 0 ? text_tag(&s->want[0]) : TAG_NONE;
		return compare_set(c, s);
	}
	for (tag = TAG_SPF; rc == 0 && tag <= TAG_MARK; tag++) {
		s->tag = tag;
		rc = compare_set(c, s);
	}
	return rc;
}

/* ---- the whole ---- */

static int
by_place(const struct record *a, const struct record *b)
{
	int rc = strcmp(a->owner, b->owner);

	return rc != 0 ? rc : (int)a->type - (int)b->type;
}

/* How many from at on are of one owner and type. */
static size_t
run_length(const struct records *rs, size_t at)
{
	size_t n = 0;

	while (at + n < rs->count &&
	    by_place(&rs->list[at], &rs->list[at + n]) == 0)
		n++;
	return n;
}

static bool
has_cname(const struct records *have, const char *owner)
{
	const struct record key = {
	    .owner = (char *)(uintptr_t)owner, .type = LDNS_RR_TYPE_CNAME};
	size_t low = 0, high = have->count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (by_place(&have->list[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < have->count && by_place(&have->list[low], &key) == 0;
}

static int
collect_marks(struct comparing *c)
{
	const struct record *r;
	size_t i;

	if ((c->marks = lookup_new()) == NULL)
		return AG_ENOMEM;
	for (i = 0; i < c->have->count; i++) {
		r = &c->have->list[i];
		if (text_tag(r) == TAG_MARK &&
		    lookup_add(c->marks, r->owner + strlen(ZONE_MARK), r->data,
			NULL) == AG_ENOMEM)
			return AG_ENOMEM;
	}
	return 0;
}

static int
compare_all(struct comparing *c)
{
	const struct records *want = c->want, *have = c->have;
	struct change_set s;
	size_t w = 0, h = 0;
	int order, rc = 0;

	while (rc == 0 && (w < want->count || h < have->count)) {
		order = w == want->count ? 1
		    : h == have->count
		    ? -1
		    : by_place(&want->list[w], &have->list[h]);
		memset(&s, 0, sizeof(s));
		if (order <= 0) {
			s.want = &want->list[w];
			w += s.want_count = run_length(want, w);
		}
		if (order >= 0) {
			s.have = &have->list[h];
			h += s.have_count = run_length(have, h);
		}
		s.owner = order <= 0 ? s.want->owner : s.have->owner;
		s.type = order <= 0 ? s.want->type : s.have->type;
		s.unit = zone_unit(order <= 0 ? s.want : s.have);
		s.alias = s.want_count > 0 && has_cname(have, s.owner);
		rc = compare_tags(c, &s);
	}
	return rc;
}

int
compare_zones(const struct records *want, const struct records *have,
    struct comparison *out)
{
	struct comparing c = {.want = want, .have = have, .out = out};
	int rc;

	memset(out, 0, sizeof(*out));
	rc = collect_marks(&c);
	if (rc == 0)
		rc = compare_all(&c);
	lookup_free(&c.marks);
	if (rc != 0)
		compare_free(out);
	return rc;
}

void
compare_free(struct comparison *c)
{
	free(c->sets);
	memset(c, 0, sizeof(*c));
}
