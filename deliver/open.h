/* SPDX-License-Identifier: MIT */
/*
 * open - a bundle is opened twice.
 *
 * The first time everything is looked at and nothing is sent anywhere:
 * integrity, head, agreement with the ticket, exactly one transaction,
 * every recipient in a domain of ours. The second time its message goes to
 * a function of the caller's, piece by piece, because it may be too large
 * to keep; whether it was the same, whole and good again, is known at the
 * end only, and until then nothing final may be done with it.
 */
#ifndef AGAMID_DELIVER_OPEN_H
#define AGAMID_DELIVER_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "deliver/content.h"
#include "deliver/drill.h"
#include "util/error.h"
#include "mail/bsmtp.h"
#include "mail/bundle.h"
#include "mail/openpgp.h"
#include "mail/sealed.h"
#include "mail/ticket.h"
#include "manifests/manifest.h"

struct opened { /* what the first time found */
	struct bundle_head head;
	struct bsmtp_envelope envelope;
	uint64_t body_size;
	bool message_id; /* so content may be compared */
	uint8_t content[CONTENT_SIZE]; /* of DATA */
	char drill[DRILL_VALUE_MAX + 1]; /* a test mail's field, or "" */
	bool is_sealed; /* it is a PGP/MIME message, */
	char boundary[SEALED_BOUNDARY_MAX + 1]; /* with this boundary, */
	uint8_t sealed[SEALED_HASH_SIZE]; /* and its sealed part */
	uint8_t plain[32]; /* SHA-256 of the whole inside */
};

/*
 * 0; AG_EPERM: the ticket's acceptor is not who sealed it; AG_EINVAL: the
 * inside is not what it must be; AG_ESIG, AG_ECRYPTO: it can't be opened;
 * else it could not be read now. Free *o_r after success.
 */
int open_check(struct openpgp *pgp, int fd, const struct ticket *t,
    const struct manifest *self, struct opened *o_r, struct error *error_r);
void opened_free(struct opened *o);

/* body gets message bytes, not stuffed; its own error ends it. 0 only if
 * all was as the first time. */
typedef int open_body_fn(
    void *ctx, const void *data, size_t len, struct error *error_r);
int open_body(struct openpgp *pgp, int fd, const struct ticket *t,
    const struct opened *o, open_body_fn *body, void *ctx,
    struct error *error_r);

#endif
