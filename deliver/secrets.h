/* SPDX-License-Identifier: MIT */
/*
 * secrets - the two small secrets of a home: the seed that signs receipts,
 * and the node's secret behind X-Agamid-Once. In locked memory (as far as
 * the limits allow), for the life of the process. The OpenPGP key is the
 * engine's business.
 */
#ifndef AGAMID_DELIVER_SECRETS_H
#define AGAMID_DELIVER_SECRETS_H

#include <stdint.h>

#include "deliver/headers.h"
#include "util/error.h"
#include "mail/keys.h"

struct secrets {
	struct sign_key receipt;
	uint8_t node[NODE_SECRET_SIZE];
};

/* dir/receipt.seed and dir/node.secret. */
int secrets_load(const char *dir, struct secrets **s_r, struct error *error_r);
void secrets_free(struct secrets **s);

#endif
