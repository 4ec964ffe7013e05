/* SPDX-License-Identifier: MIT */
/*
 * receipts - the answer to a sign request: a receipt over those of the
 * asked IDs that are durable here.
 */
#ifndef AGAMID_DELIVER_RECEIPTS_H
#define AGAMID_DELIVER_RECEIPTS_H

#include <stdint.h>

#include "deliver/ledger.h"
#include "deliver/request.h"
#include "util/buf.h"
#include "mail/keys.h"
#include "manifests/manifest.h"

enum receipts_over {
	RECEIPTS_DURABLE, /* all that is safe here, delivered or not */
	RECEIPTS_DONE, /* what was delivered to everybody */
	RECEIPTS_NONE,
};

/* "receipt\n<text of receipt.h>" or "none\n". AG_EIO: the ledger could not
 * be read; AG_ECRYPTO. */
int receipts_answer(struct ledger *l, enum receipts_over over,
    const struct manifest *self, const struct sign_key *key,
    const struct request *r, int64_t now, struct buf *out);

#endif
