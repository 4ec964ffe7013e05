/* SPDX-License-Identifier: MIT */
/*
 * report - how this node is, as facts: what `agamid status` shows.
 *
 * report_gather() collects it and changes nothing; the others are pure:
 * facts in, text out. Untrusted text (errors, problems, names) is kept as
 * it came and escaped where it is shown.
 */
#ifndef AGAMID_REPORT_H
#define AGAMID_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/bundles.h"
#include "cli/screen.h"
#include "manifests/manifest.h"
#include "util/buf.h"

#define REPORT_SPREADS_MAX 16
#define REPORT_TEXT_MAX (64U << 20)

enum report_daemon {
	REPORT_MILTER,
	REPORT_SEAL,
	REPORT_RELAYD,
	REPORT_DELIVER,
	REPORT_DAEMONS
};

struct report_total {
	size_t count;
	uint64_t bytes;
};

struct report_peer {
	const struct manifest *m; /* borrowed; NULL: no peer any more */
	char name[NODE_NAME_MAX + 1];
	bool holds_ours; /* both sides' lists allow it */
	bool we_hold;
	/* From relayd; session "" where it does not say. */
	char session[16]; /* dialled, accepted, dialling, none */
	int64_t seen; /* seconds since 1970; 0: not since relayd began */
	uint64_t next; /* seconds until it is dialled; 0: now or never */
	uint64_t failures;
	char error[256]; /* of the last attempt */
	uint64_t held, held_bytes; /* for it */
	uint64_t few; /* of these accepted here: lack holders */
	uint64_t age; /* days of the oldest */
	uint64_t drawn; /* bundles that it is still to get */
	uint64_t wants; /* bundles that it is to bring us */
	int64_t away; /* until when it said it is away; 0: it isn't */
	bool told; /* it knows whether we are */
	uint64_t silent; /* days for which it was not heard, but others */
	uint64_t copies_lost; /* it had them, and hasn't any more */
	uint64_t copies_unproven; /* it could not prove that it has them */
	bool says_ours; /* it said what it holds for us: */
	uint64_t ours, ours_bytes;
};

struct report_spread { /* bundles accepted here, by nodes that have them */
	unsigned nodes, bundles;
};

struct report {
	int64_t now;
	const struct manifest *self; /* borrowed */
	char derived[64]; /* "derived.7", or "" */
	bool runs[REPORT_DAEMONS];
	struct report_total totals[BUNDLE_MINE + 1];

	/* From relayd; 0 where it does not run. */
	uint64_t day, waiting, own, few, below, receipts;
	uint64_t room; /* bytes free, asked of the file system */
	uint64_t reserve;
	int64_t paused; /* until when; 0: not */
	bool leaving;
	uint64_t lost; /* own bundles that expired at peers */
	bool clock_holds; /* nothing expires: the clock's state */
	struct report_spread spreads[REPORT_SPREADS_MAX];
	size_t spread_count;

	/* From agamid-deliver. */
	bool has_deliveries;
	uint64_t retry, refused, quarantined, delivered;

	struct report_peer *peers;
	size_t peer_count;
	unsigned may_hold_ours; /* peers */
	unsigned reach; /* nodes that our mail would be on; report_reach() */
	unsigned wanted; /* nodes that it is to be on */
	unsigned sites; /* of those that may hold it */
	bool has_key; /* expires is known */
	int64_t key_expires; /* 0: never */
	struct buf problems; /* a line each */
};

struct known;

/* What is asked of the key is asked once; zeros to begin with. */
struct report_key {
	bool known;
	int64_t expires;
};

void report_init(struct report *r);
void report_free(struct report *r);
/* k stays loaded while the report lives. */
void report_gather(const struct known *k, struct report_key *key, int64_t now,
    struct report *r);
/* Take in what relayd answered to "status", and deliver to "totals". Pure. */
void report_take_relay(struct report *r, const struct buf *answer);
void report_take_totals(struct report *r, const struct buf *answer);
/* What follows from the facts: more lines of problems. Pure. */
void report_judge(struct report *r);
void report_problem(struct report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * On how many nodes a mail for self would be if it came to any of those
 * that may accept it: at least so many, one of each site (SPEC N-8.3), at
 * most as many as wanted. *sites_r: the sites of those that may hold it.
 * Pure.
 */
unsigned report_reach(const struct manifest *self,
    const struct manifest *const *peers, size_t count, unsigned *sites_r);

/* One screen; agamid-status(8). */
void report_text(
    const struct report *r, const struct screen *screen, struct buf *out);
/* One object and "\n", in one line if compact. */
void report_json(const struct report *r, bool compact, struct buf *out);
/* Prometheus' text format, version 0.0.4. */
void report_prometheus(const struct report *r, struct buf *out);

#endif
