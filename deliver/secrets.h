/* SPDX-License-Identifier: MIT */
/*
 * secrets - the small secrets of a home: the seed that signs receipts, the
 * one that signs X-Agamid-Sealed (a node that was set up before there was
 * any has none), and the node's secret behind X-Agamid-Once. In locked memory (as far as
 * the limits allow), for the life of the process. The OpenPGP key is the
 * engine's business.
 */
#ifndef AGAMID_DELIVER_SECRETS_H
#define AGAMID_DELIVER_SECRETS_H

#include <stdbool.h>
#include <stdint.h>

#include "deliver/headers.h"
#include "util/error.h"
#include "mail/keys.h"

struct secrets {
	struct sign_key receipt, sealed;
	bool has_sealed;
	uint8_t node[NODE_SECRET_SIZE];
};

/* dir/receipt.seed, dir/node.secret and, if it is there, dir/sealed.seed. */
int secrets_load(const char *dir, struct secrets **s_r, struct error *error_r);
/* A receipt key that the manifest names anew is read; nobody else may be
 * signing meanwhile. */
void secrets_follow(
    struct secrets *s, const char *dir, const struct verify_key *named);
void secrets_free(struct secrets **s);

#endif
