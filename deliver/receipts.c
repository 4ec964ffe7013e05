/* SPDX-License-Identifier: MIT */
/*
 * receipts - the answer to a sign request. See receipts.h.
 *
 * SECURITY: a receipt makes all holders delete their copies. Nothing is
 * signed on a caller's word: the ledger must know the bundle.
 */
#include "deliver/receipts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/receipt.h"

static int
receipts_may(struct ledger *l, enum receipts_over over, const char *id)
{
	switch (over) {
	case RECEIPTS_DURABLE:
		return ledger_is_durable(l, id);
	case RECEIPTS_DONE:
		return ledger_is_done(l, id);
	case RECEIPTS_NONE:
		break;
	}
	return 0;
}

/* Those of the request that may be signed for; 0 or AG_EIO. */
static int
receipts_collect(struct ledger *l, enum receipts_over over,
    const struct request *q, struct receipt *r)
{
	size_t i;
	int rc;

	for (i = 0; i < q->count; i++) {
		rc = receipts_may(l, over, q->ids[i]);
		if (rc < 0)
			return rc;
		if (rc == 1)
			memcpy(
			    r->ids[r->count++], q->ids[i], sizeof(r->ids[0]));
	}
	return 0;
}

int
receipts_answer(struct ledger *l, enum receipts_over over,
    const struct manifest *self, const struct sign_key *key,
    const struct request *q, int64_t now, struct buf *out)
{
	struct receipt *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return AG_ENOMEM;
	snprintf(r->network, sizeof(r->network), "%s", self->network);
	snprintf(r->home, sizeof(r->home), "%s", self->name);
	r->time = now;
	rc = receipts_collect(l, over, q, r);
	if (rc < 0)
		goto out;
	if (r->count == 0) {
		rc = buf_puts(out, "none\n");
		goto out;
	}
	rc = receipt_sign(r, key);
	if (rc == 0)
		rc = buf_puts(out, "receipt\n");
	if (rc == 0)
		rc = receipt_write(r, out);
out:
	free(r);
	return rc;
}
