/* SPDX-License-Identifier: MIT */
/*
 * report_json - `agamid status --json`: version 1, keys as in
 * agamid-status(8). See report.h. Pure.
 *
 * Numbers that may be unknown are null then, never 0.
 */
#include "cli/report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/jsonout.h"

static json_t *
known_if(bool known, uint64_t n)
{
	return known ? json_integer((json_int_t)n) : json_null();
}

static json_t *
json_session(const struct report *r, const struct report_peer *p, json_t *o)
{
	bool known = r->runs[REPORT_RELAYD] && p->session[0] != '\0';

	json_object_set_new(
	    o, "session", known ? jsonout_text(p->session) : json_null());
	json_object_set_new(o, "seen", known_if(known, (uint64_t)p->seen));
	json_object_set_new(o, "next", known_if(known, p->next));
	json_object_set_new(o, "failures", known_if(known, p->failures));
	json_object_set_new(
	    o, "error", known ? jsonout_text(p->error) : json_null());
	json_object_set_new(o, "held",
	    json_pack("{s:o, s:o, s:o}", "count", known_if(known, p->held),
		"bytes", known_if(known, p->held_bytes), "oldest_days",
		known_if(known, p->age)));
	json_object_set_new(o, "short", known_if(known, p->few));
	json_object_set_new(o, "to_send", known_if(known, p->drawn));
	json_object_set_new(o, "to_come", known_if(known, p->wants));
	json_object_set_new(o, "holds_ours",
	    json_pack("{s:o, s:o}", "count",
		known_if(known && p->says_ours, p->ours), "bytes",
		known_if(known && p->says_ours, p->ours_bytes)));
	json_object_set_new(o, "silent_days", known_if(known, p->silent));
	json_object_set_new(o, "lost", known_if(known, p->copies_lost));
	json_object_set_new(o, "unproven", known_if(known, p->copies_unproven));
	json_object_set_new(
	    o, "away_until", known_if(known, (uint64_t)p->away));
	json_object_set_new(
	    o, "told", known ? json_boolean(p->told) : json_null());
	return o;
}

static json_t *
json_peer(const struct report *r, const struct report_peer *p)
{
	json_t *o = json_object(), *domains = json_array();
	size_t i;

	json_object_set_new(o, "name", jsonout_text(p->name));
	json_object_set_new(o, "in_force", json_boolean(p->m != NULL));
	json_object_set_new(o, "may_hold_ours", json_boolean(p->holds_ours));
	json_object_set_new(o, "we_may_hold", json_boolean(p->we_hold));
	for (i = 0; p->m != NULL && i < p->m->domain_count; i++)
		json_array_append_new(domains, jsonout_text(p->m->domains[i]));
	json_object_set_new(o, "domains", domains);
	json_object_set_new(
	    o, "host", p->m != NULL ? jsonout_text(p->m->host) : json_null());
	json_object_set_new(o, "serial",
	    known_if(p->m != NULL, p->m != NULL ? p->m->serial : 0));
	json_object_set_new(o, "fingerprint",
	    p->m != NULL ? jsonout_text(p->m->fpr) : json_null());
	json_object_set_new(o, "lent_bytes",
	    json_integer(p->we_hold ? (json_int_t)r->self->quota : 0));
	json_object_set_new(o, "lends_bytes",
	    json_integer(
		p->m != NULL && p->holds_ours ? (json_int_t)p->m->quota : 0));
	return json_session(r, p, o);
}

static json_t *
json_peers(const struct report *r)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < r->peer_count; i++)
		json_array_append_new(list, json_peer(r, &r->peers[i]));
	return list;
}

static json_t *
json_bundles(const struct report *r)
{
	json_t *o = json_object();
	int i;

	for (i = 0; i <= BUNDLE_MINE; i++)
		json_object_set_new(o, bundle_place_name((enum bundle_place)i),
		    json_pack("{s:I, s:I}", "count",
			(json_int_t)r->totals[i].count, "bytes",
			(json_int_t)r->totals[i].bytes));
	return o;
}

/* What was accepted here: on how many nodes it is. */
static json_t *
json_accepted(const struct report *r)
{
	bool known = r->runs[REPORT_RELAYD];
	json_t *spread = json_array();
	size_t i;

	for (i = 0; i < r->spread_count; i++)
		json_array_append_new(spread,
		    json_pack("{s:I, s:I}", "nodes",
			(json_int_t)r->spreads[i].nodes, "bundles",
			(json_int_t)r->spreads[i].bundles));
	return json_pack("{s:o, s:o, s:o, s:o}", "count",
	    known_if(known, r->own), "short", known_if(known, r->few), "below",
	    known_if(known, r->below), "spread", spread);
}

static json_t *
json_own_mail(const struct report *r)
{
	bool known = r->has_deliveries;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}",
	    "expired", known_if(r->runs[REPORT_RELAYD], r->lost), "waiting",
	    known_if(r->runs[REPORT_RELAYD], r->waiting), "retry",
	    known_if(known, r->retry), "refused", known_if(known, r->refused),
	    "quarantined", known_if(known, r->quarantined), "delivered",
	    known_if(known, r->delivered), "copies_wanted",
	    (json_int_t)r->wanted, "copies_possible", (json_int_t)r->reach,
	    "may_hold", (json_int_t)r->may_hold_ours);
}

static json_t *
json_problems(const struct report *r)
{
	json_t *list = json_array();
	const char *line;
	struct cursor c;
	char *text;
	size_t len;

	cursor_init(&c, buf_str(&r->problems), r->problems.len);
	while (cursor_line(&c, &line, &len)) {
		text = strndup(line, len);
		if (text != NULL)
			json_array_append_new(list, jsonout_text(text));
		free(text);
	}
	return list;
}

void
report_json(const struct report *r, bool compact, struct buf *out)
{
	json_t *o = json_object();

	json_object_set_new(o, "version", json_integer(1));
	json_object_set_new(o, "time", json_integer((json_int_t)r->now));
	json_object_set_new(o, "node", jsonout_text(r->self->name));
	json_object_set_new(o, "network", jsonout_text(r->self->network));
	json_object_set_new(
	    o, "serial", json_integer((json_int_t)r->self->serial));
	json_object_set_new(o, "fingerprint", jsonout_text(r->self->fpr));
	json_object_set_new(o, "derived", jsonout_text(r->derived));
	json_object_set_new(o, "daemons",
	    json_pack("{s:b, s:b, s:b, s:b}", "milter", r->runs[REPORT_MILTER],
		"seal", r->runs[REPORT_SEAL], "relayd", r->runs[REPORT_RELAYD],
		"deliver", r->runs[REPORT_DELIVER]));
	json_object_set_new(
	    o, "paused_until", json_integer((json_int_t)r->paused));
	json_object_set_new(o, "leaving", json_boolean(r->leaving));
	json_object_set_new(o, "peers", json_peers(r));
	json_object_set_new(o, "bundles", json_bundles(r));
	json_object_set_new(o, "accepted", json_accepted(r));
	json_object_set_new(o, "own_mail", json_own_mail(r));
	json_object_set_new(o, "room",
	    json_pack("{s:I, s:I}", "free_bytes", (json_int_t)r->room,
		"reserve_bytes", (json_int_t)r->reserve));
	json_object_set_new(
	    o, "key_expires", known_if(r->has_key, (uint64_t)r->key_expires));
	json_object_set_new(o, "problems", json_problems(r));
	jsonout_write(o, compact, out);
	json_decref(o);
}
