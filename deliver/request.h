/* SPDX-License-Identifier: MIT */
/*
 * request - what agamid-deliver is asked on its socket, and its answers
 * (agamid-deliver(8)). One SEQPACKET message each, a line of text:
 *
 *	deliver ID\n	with the bundle's descriptor
 *	receipted ID\n	the same, and a receipt for it was signed before
 *	again ID\n	the same for one in refused/ or quarantine/; root's
 *	dsn ID\n		with the descriptor of dsn/ID: tell the sender that
 *			it has expired
 *	confirm HOME\n	send HOME's alert address the token with which it
 *			agrees to be written to
 *	away HOME STAGE SINCE\n	tell it that HOME is away, for the STAGEth
 *			time (1 to 3) since it went (seconds since 1970)
 *	sign ID ID ...\n	a receipt over those that are durable here
 *	list\n		what is refused, quarantined, waiting
 *	totals\n	how many of each
 *	drill MAC\n	the ID of the test mail of this MAC, if it has come
 *	trace ID\n	what became of it and its recipients; root's
 *	mark MAILBOX HASH\n	X-Agamid-Sealed over this sealed part
 *
 * Pure.
 */
#ifndef AGAMID_DELIVER_REQUEST_H
#define AGAMID_DELIVER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "mail/receipt.h"
#include "mail/sealed.h"

enum request_kind {
	REQUEST_DELIVER,
	REQUEST_RECEIPTED,
	REQUEST_AGAIN,
	REQUEST_DSN,
	REQUEST_CONFIRM,
	REQUEST_AWAY,
	REQUEST_SIGN,
	REQUEST_LIST,
	REQUEST_TOTALS,
	REQUEST_TRACE,
	REQUEST_DRILL,
	REQUEST_MARK,
};

/* Is it for this node's own mail (notice.h)? */
bool request_is_notice(enum request_kind kind);

struct request {
	enum request_kind kind;
	size_t count;
	/* Of REQUEST_MARK: the hash, of as many digits; of REQUEST_CONFIRM
	 * and REQUEST_AWAY: the home's name. */
	char ids[RECEIPT_IDS_MAX][BUNDLE_ID_LEN + 1];
	char mailbox[SEALED_MAILBOX_MAX + 1];
	unsigned stage;
	int64_t since;
};

/* 0 or AG_EINVAL. */
int request_parse(const char *data, size_t len, struct request *r_r);

/* How a delivery ended. */
enum outcome {
	OUTCOME_DONE, /* Postfix has it, for every recipient */
	OUTCOME_DUPLICATE, /* was here before; nothing done */
	OUTCOME_REFUSED, /* 5xx for some recipient; kept in refused/ */
	OUTCOME_QUARANTINED, /* can't be opened or isn't sane; kept */
	OUTCOME_RETRY, /* not now */
	OUTCOME_INVALID, /* no good ticket: not kept, not receipted */
};

#define OUTCOME_TEXT_MAX 400

/* "done ID\n", "refused ID TEXT\n", ... Text is cleaned and cut. */
int outcome_write(
    enum outcome o, const char *id, const char *text, struct buf *out);

#endif
