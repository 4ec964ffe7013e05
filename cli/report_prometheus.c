/* SPDX-License-Identifier: MIT */
/*
 * report_prometheus - `agamid status --prometheus`: the text format of
 * Prometheus, version 0.0.4. Metrics as in agamid-status(8). See report.h.
 * Pure.
 *
 * What is not known (its daemon does not run) has no line.
 */
#include "cli/report.h"

#include <string.h>

#define PREFIX "agamid_"

static const char *const daemons[REPORT_DAEMONS] = {
    "milter", "seal", "relayd", "deliver"};

/* All metrics are gauges: they may go down. */
static void
begin(struct buf *out, const char *name, const char *help)
{
	buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s gauge\n",
	    name, help, name);
}

/* A label's value: backslash, quote and newline escaped. */
static void
put_label(struct buf *out, const char *key, const char *value, char sep)
{
	const char *p;

	buf_printf(out, "%c%s=\"", sep, key);
	for (p = value; *p != '\0'; p++) {
		if (*p == '\\' || *p == '"')
			buf_printf(out, "\\%c", *p);
		else if (*p == '\n')
			buf_puts(out, "\\n");
		else
			buf_putc(out, *p);
	}
	buf_putc(out, '"');
}

static void
put(struct buf *out, const char *name, const char *key, const char *value,
    uint64_t n)
{
	buf_printf(out, PREFIX "%s", name);
	if (key != NULL) {
		put_label(out, key, value, '{');
		buf_putc(out, '}');
	}
	buf_printf(out, " %llu\n", (unsigned long long)n);
}

/* A metric of one value. */
static void
single(struct buf *out, const char *name, const char *help, uint64_t n)
{
	begin(out, name, help);
	put(out, name, NULL, NULL, n);
}

static void
put_node(const struct report *r, struct buf *out)
{
	int i;

	begin(out, "info", "The node; always 1.");
	buf_puts(out, PREFIX "info");
	put_label(out, "node", r->self->name, '{');
	put_label(out, "network", r->self->network, ',');
	put_label(out, "version", PACKAGE_VERSION, ',');
	buf_puts(out, "} 1\n");
	begin(out, "up", "Whether a daemon runs.");
	for (i = 0; i < REPORT_DAEMONS; i++)
		put(out, "up", "daemon", daemons[i], r->runs[i]);
	single(out, "manifest_serial", "Serial of the own manifest.",
	    r->self->serial);
	begin(out, "bundles", "Bundles in the spool.");
	for (i = 0; i <= BUNDLE_MINE; i++)
		put(out, "bundles", "place",
		    bundle_place_name((enum bundle_place)i),
		    r->totals[i].count);
	begin(out, "bundle_bytes", "Bytes of bundles in the spool.");
	for (i = 0; i <= BUNDLE_MINE; i++)
		put(out, "bundle_bytes", "place",
		    bundle_place_name((enum bundle_place)i),
		    r->totals[i].bytes);
	single(out, "room_bytes", "Bytes free where the spool is.", r->room);
	single(out, "reserve_bytes", "Bytes that are never used.", r->reserve);
	single(out, "quota_bytes", "Bytes lent to each home.", r->self->quota);
	if (r->has_key && r->key_expires > 0)
		single(out, "key_expiry_timestamp_seconds",
		    "When the own OpenPGP key expires.",
		    (uint64_t)r->key_expires);
}

static void
put_deliveries(const struct report *r, struct buf *out)
{
	if (!r->has_deliveries)
		return;
	begin(out, "own_bundles", "Own bundles by what became of them.");
	put(out, "own_bundles", "state", "retry", r->retry);
	put(out, "own_bundles", "state", "refused", r->refused);
	put(out, "own_bundles", "state", "quarantined", r->quarantined);
	put(out, "own_bundles", "state", "delivered", r->delivered);
}

static void
put_relayd(const struct report *r, struct buf *out)
{
	char nodes[16];
	size_t i;

	if (!r->runs[REPORT_RELAYD])
		return;
	single(out, "own_waiting", "Own bundles waiting for delivery.",
	    r->waiting);
	single(out, "own_expired_bundles", "Own bundles that expired at peers.",
	    r->lost);
	single(
	    out, "accepted_bundles", "Bundles held that came in here.", r->own);
	single(out, "short_bundles",
	    "Of these, those with fewer holders than wanted.", r->few);
	single(out, "below_bundles",
	    "Of these, those on fewer nodes than wanted.", r->below);
	begin(out, "copies_bundles", "Of these, by nodes that have them.");
	for (i = 0; i < r->spread_count; i++) {
		snprintf(nodes, sizeof(nodes), "%u", r->spreads[i].nodes);
		put(out, "copies_bundles", "nodes", nodes,
		    r->spreads[i].bundles);
	}
	single(out, "paused", "Whether this node said that it is away.",
	    r->paused > r->now);
	single(out, "leaving", "Whether this node leaves.", r->leaving);
}

static uint64_t
has_session(const struct report_peer *p)
{
	return strcmp(p->session, "dialled") == 0 ||
	    strcmp(p->session, "accepted") == 0;
}

static uint64_t
peer_value(const struct report_peer *p, int what, const struct report *r)
{
	switch (what) {
	case 0:
		return has_session(p);
	case 1:
		return p->seen > 0 ? (uint64_t)p->seen : 0;
	case 2:
		return p->failures;
	case 3:
		return p->held;
	case 4:
		return p->held_bytes;
	case 5:
		return p->drawn;
	case 6:
		return p->wants;
	case 7:
		return p->ours;
	case 8:
		return p->ours_bytes;
	case 9:
		return p->m != NULL && p->holds_ours ? p->m->quota : 0;
	case 10:
		return p->silent;
	case 11:
		return p->copies_lost;
	case 12:
		return p->copies_unproven;
	}
	return p->away > r->now;
}

static void
put_peers(const struct report *r, struct buf *out)
{
	static const struct {
		const char *name, *help;
	} metrics[] = {
	    {"peer_session", "Whether there is a session with the peer."},
	    {"peer_seen_timestamp_seconds",
		"Last sign of life, 0 if none since relayd began."},
	    {"peer_failures", "Attempts to reach it since the last success."},
	    {"peer_held_bundles", "Bundles held for it."},
	    {"peer_held_bytes", "Bytes of these."},
	    {"peer_to_send", "Bundles that it is to get."},
	    {"peer_to_come", "Bundles that it is to bring."},
	    {"peer_holds_bundles", "Bundles that it holds for us."},
	    {"peer_holds_bytes", "Bytes of these."},
	    {"peer_quota_bytes", "Bytes that it lends us."},
	    {"peer_silent_days", "Days for which others were heard."},
	    {"peer_lost_bundles", "Bundles that it took and has not."},
	    {"peer_unproven_bundles", "Bundles that it can't prove."},
	    {"peer_away", "Whether it said that it is away."},
	};
	size_t i, k;

	if (!r->runs[REPORT_RELAYD] || r->peer_count == 0)
		return;
	for (k = 0; k < sizeof(metrics) / sizeof(metrics[0]); k++) {
		begin(out, metrics[k].name, metrics[k].help);
		for (i = 0; i < r->peer_count; i++)
			put(out, metrics[k].name, "peer", r->peers[i].name,
			    peer_value(&r->peers[i], (int)k, r));
	}
}

void
report_prometheus(const struct report *r, struct buf *out)
{
	uint64_t problems = 0;
	size_t i;

	for (i = 0; i < r->problems.len; i++)
		problems += r->problems.data[i] == '\n';
	put_node(r, out);
	put_relayd(r, out);
	put_deliveries(r, out);
	put_peers(r, out);
	single(out, "copies_wanted", "Nodes that own mail is to be on.",
	    r->wanted);
	single(out, "copies_possible", "Nodes that it would be on.", r->reach);
	single(out, "problems", "Problems that agamid status shows.", problems);
}
