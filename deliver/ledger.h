/* SPDX-License-Identifier: MIT */
/*
 * ledger - delivery.db: what became of each bundle that came home, of each
 * of its recipients, and which contents came within the last days.
 *
 * agamid-deliver alone opens it. A call is one commit, on disk when it
 * returns. Losing the database loses no mail; it may deliver one twice,
 * which Sieve's test on X-Agamid-Once then ends.
 *
 *	opening		being opened; nothing is known of it yet
 *	retry		opened and good; some recipients still wait
 *	injecting	given to Postfix, whose answer is not known
 *	done		Postfix has it for every recipient
 *	refused		Postfix said 5xx for some; kept in refused/
 *	quarantined	can't be opened, or isn't sane; kept in quarantine/
 *	duplicate	another bundle of the same acceptor and nonce came
 *			before
 *
 * All but opening are durable at home, and so are receipted.
 * Thread-safe.
 */
#ifndef AGAMID_DELIVER_LEDGER_H
#define AGAMID_DELIVER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deliver/content.h"
#include "util/buf.h"
#include "util/error.h"
#include "mail/ticket.h"

#define LEDGER_REPLY_MAX 256
/* So many starts without an end, and a bundle is taken to be what ends
 * the program. */
#define LEDGER_STARTS_MAX 5
/* So many times, a day with deliver.retry's default, the engine may fail at
 * a bundle without a reason, and at all others. */
#define LEDGER_OPENS_MAX 288

enum rcpt_state {
	RCPT_WAITING,
	RCPT_DELIVERED, /* Postfix took it */
	RCPT_EQUAL, /* had the same mail from another bundle */
	RCPT_REFUSED, /* 5xx */
};

struct rcpt {
	const char *path; /* borrowed from the envelope */
	enum rcpt_state state;
	bool now; /* accepted in the session that runs (inject.h) */
	bool has_content;
	uint8_t content[CONTENT_SIZE];
	char reply[LEDGER_REPLY_MAX]; /* the last one, a line */
};

struct rcpts {
	struct rcpt *rcpt;
	size_t count;
};

struct ledger;

int ledger_open(const char *path, struct ledger **l_r, bool *fresh_r,
    struct error *error_r);
void ledger_close(struct ledger **l);

enum ledger_answer {
	LEDGER_GO, /* begin (again) */
	LEDGER_DUPLICATE, /* nothing to do any more */
	LEDGER_BUSY, /* a bundle of the same nonce is being opened */
	LEDGER_POISON, /* LEDGER_STARTS_MAX times it did not end */
};

/* Begin with a bundle whose ticket and bytes were verified. again: also
 * with one that was refused or quarantined. AG_EIO. */
int ledger_begin(struct ledger *l, const struct ticket *t, bool again,
    int64_t now, enum ledger_answer *answer_r);

/* What is known of the recipients of an earlier attempt; again: those
 * refused wait anew. AG_EINVAL if they are others than then. */
int ledger_recall(
    struct ledger *l, const char *id, bool again, struct rcpts *rs);

/*
 * Say that this bundle goes to Postfix now: recipients that had an equal
 * mail become RCPT_EQUAL, contents are claimed for those waiting. AG_EAGAIN
 * if an equal mail is on its way in another bundle; AG_EIO.
 */
int ledger_injecting(
    struct ledger *l, const char *id, struct rcpts *rs, int64_t now);

/* When it was said last that the bundle goes to Postfix, if no end of that
 * is known; 0 if there is one. AG_EIO. */
int64_t ledger_injecting_since(struct ledger *l, const char *id);

enum ledger_state {
	LEDGER_RETRY,
	LEDGER_DONE,
	LEDGER_REFUSED,
	LEDGER_QUARANTINED,
};

/* How it ended, for now or for good. rs may be NULL (not known). reason: a
 * line, "" for none. */
int ledger_end(struct ledger *l, const char *id, enum ledger_state state,
    const char *reason, const struct rcpts *rs, int64_t now);

/* It did not end, by no fault of its own: begin() counts anew. */
int ledger_pause(struct ledger *l, const char *id);

/*
 * The engine failed at it, and it is not known whose fault that is. 1: it is
 * the bundle's, for LEDGER_STARTS_MAX times it did, and could open others
 * since, or for LEDGER_OPENS_MAX times; 0: not yet to be said; AG_EIO.
 */
int ledger_unopened(struct ledger *l, const char *id, int64_t now);

/* The ticket it came with was not its own: nothing is known of it. */
int ledger_forget(struct ledger *l, const char *id);

/* Is this bundle durable here? 1, 0, AG_EIO. */
int ledger_is_durable(struct ledger *l, const char *id);

/* Was it delivered to everybody? 1, 0, AG_EIO. */
int ledger_is_done(struct ledger *l, const char *id);

/* A line for each that is refused, quarantined or waiting, the newest
 * first, as many as fit: "STATE ID SIZE ACCEPTOR TIME REASON". */
int ledger_list(struct ledger *l, struct buf *out);

/* The bundle that was this drill (its MAC, 64 hex digits), if it has come:
 * "ID\n". Its reason is LEDGER_DRILL and the MAC. */
#define LEDGER_DRILL "drill "
int ledger_drill(struct ledger *l, const char *mac, struct buf *out);

/* "STATE COUNT\n" for each state that there is. */
int ledger_totals(struct ledger *l, struct buf *out);

/*
 * What is known of one bundle: "STATE SIZE ACCEPTOR TIME CHANGED REASON",
 * TIME its ticket's and CHANGED when this state began, and for each
 * recipient "STATE PATH REPLY" (waiting, delivered, equal, refused), as
 * many as fit; nothing if it is not known.
 */
int ledger_trace(struct ledger *l, const char *id, struct buf *out);

#endif
