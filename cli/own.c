/* SPDX-License-Identifier: MIT */
/*
 * own - is this manifest of this node as it is now? See own.h.
 */
#include "cli/own.h"

#include <stdlib.h>
#include <string.h>

#include "cli/layout.h"
#include "mail/keys.h"

/* Is this public key in the manifest the one whose secret we have? */
static int
check_seed(const struct conf *conf, const char *name, const char *key,
    const uint8_t *public, struct error *error_r)
{
	char *path = layout_secret(conf, name);
	char ours[KEYS_TEXT_SIZE];
	struct sign_key secret;
	int rc;

	rc = keys_seed_load(path, &secret, error_r);
	if (rc == 0) {
		keys_public_text(secret.public, ours);
		if (memcmp(secret.public, public, KEYS_PUBLIC_SIZE) != 0)
			rc = error_set(error_r, AG_EPERM,
			    "%s in the manifest is not this node's; expected "
			    "%s",
			    key, ours);
		keys_wipe(&secret);
	}
	free(path);
	return rc;
}

int
own_check_seeds(
    const struct conf *conf, const struct manifest *m, struct error *error_r)
{
	int rc;

	rc = check_seed(
	    conf, SECRET_TICKET, "ticket-key", m->ticket_key.public, error_r);
	if (rc == 0)
		rc = check_seed(conf, SECRET_RECEIPT, "receipt-key",
		    m->receipt_key.public, error_r);
	return rc;
}
