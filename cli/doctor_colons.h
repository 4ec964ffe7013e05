/* SPDX-License-Identifier: MIT */
/*
 * doctor_colons - what gpg --with-colons says of keys (GnuPG's
 * doc/DETAILS). Pure.
 */
#ifndef AGAMID_DOCTOR_COLONS_H
#define AGAMID_DOCTOR_COLONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/doctor.h"

struct colons_key {
	char fpr[41]; /* of the primary key */
	/* The primary key's or the newest encryption subkey's, the earlier; 0:
	 * never. */
	int64_t expires;
};

/* tell is called for each primary key. */
void colons_each(const char *listing,
    void (*tell)(void *ctx, const struct colons_key *key), void *ctx);

struct expiry_sum {
	bool own;
	int64_t now;
	unsigned keys; /* how many there were */
	struct verdict verdict; /* of all of them */
};
/* A tell; ctx: a struct expiry_sum. */
void expiry_add(void *ctx, const struct colons_key *key);

#endif
