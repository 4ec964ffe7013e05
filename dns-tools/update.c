/* SPDX-License-Identifier: MIT */
/*
 * update - differences as update messages. See update.h; the rules are
 * doc/spec/zone.md 7.
 *
 * What belongs to one name stands together, its mark first; where a mark
 * gives types up it stands last. So whenever the sending breaks off, each
 * record of ours in the zone is covered by a mark or is as it should be,
 * and the next update goes on from there.
 */
#include "dns-tools/update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 60000 /* of the 65,535 of TCP */
#define HEAD_SIZE 600 /* header, zone, TSIG */

struct planning {
	struct update_plan *plan;
	const char *origin;
	ldns_rr_list *need, *change; /* of the message in the making */
	size_t size;
	struct error *error_r;
};

/* ---- records of a message ---- */

static int
push(struct planning *p, ldns_rr_list *list, ldns_rr *rr)
{
	if (rr == NULL || !ldns_rr_list_push_rr(list, rr)) {
		ldns_rr_free(rr);
		return error_set(p->error_r, AG_ENOMEM, "no memory");
	}
	p->size += ldns_rr_uncompressed_size(rr);
	return 0;
}

static int
push_record(struct planning *p, ldns_rr_list *list, const struct record *r,
    ldns_rr_class class, uint32_t ttl)
{
	ldns_rr *rr = record_rr(r);

	if (rr != NULL) {
		ldns_rr_set_class(rr, class);
		ldns_rr_set_ttl(rr, ttl);
	}
	return push(p, list, rr);
}

/* RFC 2136 section 2.4.3: there is no such set. */
static int
push_absent(struct planning *p, const struct change_set *s)
{
	char name[300];
	ldns_rr *rr = ldns_rr_new();

	if (rr == NULL)
		return push(p, p->need, NULL);
	snprintf(name, sizeof(name), "%.255s.", s->owner);
	ldns_rr_set_owner(rr, ldns_dname_new_frm_str(name));
	ldns_rr_set_type(rr, (ldns_rr_type)s->type);
	ldns_rr_set_class(rr, LDNS_RR_CLASS_NONE);
	ldns_rr_set_ttl(rr, 0);
	return push(p, p->need, rr);
}

/* RFC 2136 section 2.4.2: the set is exactly this. */
static int
push_needs(struct planning *p, const struct change_set *s)
{
	size_t i;
	int rc = 0;

	if (s->have_count == 0)
		return push_absent(p, s);
	for (i = 0; rc == 0 && i < s->have_count; i++)
		rc = push_record(p, p->need, &s->have[i], LDNS_RR_CLASS_IN, 0);
	return rc;
}

static int
push_change(enum change what, const struct record *r,
    const struct record *other, void *ctx)
{
	struct planning *p = ctx;
	int rc = 0;

	if (what != CHANGE_ADD) {
		rc = push_record(p, p->change, what == CHANGE_TTL ? other : r,
		    LDNS_RR_CLASS_NONE, 0);
		p->plan->deleted++;
	}
	if (rc == 0 && what != CHANGE_DELETE) {
		rc = push_record(p, p->change, r, LDNS_RR_CLASS_IN, r->ttl);
		p->plan->added++;
	}
	return rc;
}

/* ---- messages ---- */

static int
flush(struct planning *p)
{
	struct update_plan *plan = p->plan;
	size_t room = plan->room > 0 ? 2 * plan->room : 16;
	ldns_pkt *message, **more;
	char name[300];
	int rc = 0;

	if (ldns_rr_list_rr_count(p->change) == 0)
		return 0;
	if (plan->count == plan->room) {
		more =
		    reallocarray(plan->messages, room, sizeof(*plan->messages));
		if (more == NULL)
			return AG_ENOMEM;
		plan->messages = more;
		plan->room = room;
	}
	snprintf(name, sizeof(name), "%.255s.", p->origin);
	message = ldns_update_pkt_new(ldns_dname_new_frm_str(name),
	    LDNS_RR_CLASS_IN, p->need, p->change, NULL);
	if (message == NULL)
		rc = error_set(p->error_r, AG_ENOMEM, "no memory");
	else
		plan->messages[plan->count++] = message;
	ldns_rr_list_deep_free(p->need);
	ldns_rr_list_deep_free(p->change);
	p->need = ldns_rr_list_new();
	p->change = ldns_rr_list_new();
	p->size = HEAD_SIZE;
	if (p->need == NULL || p->change == NULL)
		rc = AG_ENOMEM;
	return rc;
}

static size_t
set_size(const struct change_set *s)
{
	size_t i, size = 0;

	/* Text is never shorter than wire, but for base64's 3/4. */
	for (i = 0; i < s->have_count; i++)
		size += 2 * (strlen(s->have[i].data) + strlen(s->owner) + 16);
	for (i = 0; i < s->want_count; i++)
		size += strlen(s->want[i].data) + strlen(s->owner) + 16;
	return size;
}

static int
add_set(struct planning *p, const struct change_set *s)
{
	size_t expected = set_size(s);
	int rc = 0;

	if (p->size > HEAD_SIZE && p->size + expected > UPDATE_SIZE)
		rc = flush(p);
	if (rc == 0 && (rc = push_needs(p, s)) == 0)
		rc = change_each(s, push_change, p);
	if (rc == 0 && p->size > MESSAGE_MAX)
		rc = error_set(p->error_r, AG_ETOOBIG,
		    "%s: more records than one DNS message holds", s->owner);
	return rc;
}

/* ---- order ---- */

static int
by_unit(const void *a, const void *b)
{
	const struct change_set *const *x = a, *const *y = b;
	int rc = strcmp((*x)->unit, (*y)->unit);

	if (rc == 0)
		rc = change_is_mark(*y) - change_is_mark(*x);
	return rc != 0 ? rc : *x < *y ? -1 : *x > *y;
}

/* Has the mark a type that it is to lose? Conservative: any but a new
 * one's, or one that only grows, may. */
static bool
mark_shrinks(const struct change_set *s)
{
	if (s->have_count == 0)
		return false;
	return s->want_count == 0 ||
	    strlen(s->want[0].data) <= strlen(s->have[0].data);
}

static int
add_unit(struct planning *p, const struct change_set **sets, size_t count)
{
	bool mark = change_is_mark(sets[0]);
	bool last = mark && mark_shrinks(sets[0]);
	size_t i;
	int rc = 0;

	if (mark && !last)
		rc = add_set(p, sets[0]);
	for (i = mark ? 1 : 0; rc == 0 && i < count; i++)
		rc = add_set(p, sets[i]);
	if (rc == 0 && last)
		rc = add_set(p, sets[0]);
	return rc;
}

/* ---- the whole ---- */

static int
check_sets(const struct comparison *c, bool adopt, struct error *error_r)
{
	const struct change_set *s;
	size_t i;

	for (i = 0; i < c->count; i++) {
		s = &c->sets[i];
		if (s->alias)
			return error_set(error_r, AG_EPERM,
			    "%s. is an alias (CNAME) in the zone, and can have "
			    "no other records; remove it",
			    s->owner);
		if (s->foreign && !adopt)
			return error_set(error_r, AG_EPERM,
			    "%s. has records that were not made from "
			    "manifests; look at agamid-zone diff, and say "
			    "--adopt to replace them",
			    s->owner);
	}
	return 0;
}

int
update_plan_make(const struct comparison *c, const char *origin, bool adopt,
    struct update_plan *plan, struct error *error_r)
{
	struct planning p = {.plan = plan,
	    .origin = origin,
	    .need = ldns_rr_list_new(),
	    .change = ldns_rr_list_new(),
	    .size = HEAD_SIZE,
	    .error_r = error_r};
	const struct change_set **sets =
	    calloc(c->count + 1, sizeof(const struct change_set *));
	size_t i, n;
	int rc;

	memset(plan, 0, sizeof(*plan));
	rc = check_sets(c, adopt, error_r);
	if (p.need == NULL || p.change == NULL || sets == NULL)
		rc = error_set(error_r, AG_ENOMEM, "no memory");
	for (i = 0; rc == 0 && i < c->count; i++)
		sets[i] = &c->sets[i];
	if (rc == 0)
		qsort(sets, c->count, sizeof(*sets), by_unit);
	for (i = 0; rc == 0 && i < c->count; i += n) {
		for (n = 1; i + n < c->count &&
		     strcmp(sets[i]->unit, sets[i + n]->unit) == 0;
		     n++)
			;
		rc = add_unit(&p, sets + i, n);
	}
	if (rc == 0)
		rc = flush(&p);
	ldns_rr_list_deep_free(p.need);
	ldns_rr_list_deep_free(p.change);
	free(sets);
	if (rc != 0)
		update_plan_free(plan);
	return rc;
}

void
update_plan_free(struct update_plan *plan)
{
	size_t i;

	for (i = 0; i < plan->count; i++)
		ldns_pkt_free(plan->messages[i]);
	free(plan->messages);
	memset(plan, 0, sizeof(*plan));
}
