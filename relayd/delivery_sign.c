/* SPDX-License-Identifier: MIT */
/*
 * delivery_sign - receipts for own mail, many at a time. See
 * delivery_parts.h.
 */
#include "relayd/delivery_parts.h"

#include "util/log.h"
#include "relayd/client.h"
#include "relayd/receipts.h"

#define SIGN_WAIT_MS 200 /* for others to sign with */
#define SIGN_RETRY_MS 60000

/* The file goes, too: its receipt is in the database. */
void
delivery_finish(struct delivery *d, struct mine *m)
{
	struct held *h = store_find(d->r->store, m->id);

	if (h != NULL)
		relayd_drop_later(d->r, h);
	mine_drop(&d->mine, m);
}

/* It is at home as soon as agamid-deliver signs for it. */
void
delivery_want_receipt(struct delivery *d, struct mine *m)
{
	if (m->sign == SIGN_NO)
		mine_set_sign(
		    &d->mine, m, SIGN_WANTED, relayd_clock() + SIGN_WAIT_MS);
}

/* Is it time to ask for a receipt? */
bool
delivery_sign_is_due(const struct delivery *d, int64_t now)
{
	const struct mine *m = TAILQ_FIRST(&d->mine.by_sign[SIGN_WANTED]);

	if (m == NULL || !TAILQ_EMPTY(&d->mine.by_sign[SIGN_ASKED]))
		return false;
	if (d->mine.wanted >= RECEIPT_IDS_MAX)
		return true;
	/* Nothing more will come to sign with, or it has waited enough. */
	return now >= m->sign_at - (d->mine.busy == 0 ? SIGN_WAIT_MS : 0);
}

void
delivery_ask_to_sign(struct delivery *d)
{
	struct buf line;
	struct mine *m;
	unsigned count;

	buf_init(&line, 16 + RECEIPT_IDS_MAX * (BUNDLE_ID_LEN + 1));
	buf_puts(&line, "sign");
	for (count = 0; count < RECEIPT_IDS_MAX; count++) {
		m = TAILQ_FIRST(&d->mine.by_sign[SIGN_WANTED]);
		if (m == NULL)
			break;
		buf_printf(&line, " %s", m->id);
		mine_set_sign(&d->mine, m, SIGN_ASKED, 0);
	}
	buf_putc(&line, '\n');
	client_send(d->client, line.data, line.len, -1);
	buf_free(&line);
}

/* The answer to sign: whom does it cover? */
void
delivery_signed_for(struct delivery *d)
{
	struct mine *m;

	while ((m = TAILQ_FIRST(&d->mine.by_sign[SIGN_ASKED])) != NULL) {
		if (state_receipt_find(d->r->state, m->id, NULL) == 1) {
			mine_set_sign(&d->mine, m, SIGN_NO, 0);
			if (m->state == MINE_OVER)
				delivery_finish(d, m);
		} else if (m->state == MINE_OVER) {
			log_warn("no receipt yet id=%s", m->id);
			mine_set_sign(&d->mine, m, SIGN_WANTED,
			    relayd_clock() + SIGN_RETRY_MS);
		} else {
			mine_set_sign(&d->mine, m, SIGN_NO, 0);
		}
	}
}

void
delivery_take_receipt(struct delivery *d, const char *text, size_t len)
{
	int rc = receipts_take(d->r, NULL, text, len);

	if (rc < 0)
		log_error("own receipt is not good error=%s", error_name(rc));
	else
		receipts_announce(d->r, text, len);
	delivery_signed_for(d);
}

void
delivery_sign_lost(struct delivery *d)
{
	struct mine *m;

	while ((m = TAILQ_FIRST(&d->mine.by_sign[SIGN_ASKED])) != NULL)
		mine_set_sign(
		    &d->mine, m, SIGN_WANTED, relayd_clock() + SIGN_WAIT_MS);
}
