/* SPDX-License-Identifier: MIT */
/*
 * derive_keys - the keys that mail is sealed to, and who has which.
 *
 * fingerprints: "NAME PRIMARY RECOVERY [MAILBOX=FPR]..." a line for each
 * manifest in force, so that readers need no OpenPGP. keys: which armored
 * keys sealing/ was made of, so that it is made anew when one changes.
 */
#include "cli/derive.h"

#include <sodium.h>
#include <string.h>

#include "util/text.h"

/* One armored key: for the keyring, and its line in the list. */
static int
put_key(struct tree *t, const char *fpr, const char *armored, struct buf *list)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char hex[2 * crypto_hash_sha256_BYTES + 1];

	crypto_hash_sha256(hash, (const uint8_t *)armored, strlen(armored));
	text_hex(hash, sizeof(hash), hex);
	tree_put_key(t, armored);
	return buf_printf(list, "%s %s\n", fpr, hex);
}

static int
put_node(struct tree *t, const struct manifest *m, struct buf *fingerprints,
    struct buf *list)
{
	const struct manifest_mailbox *box;
	size_t i;
	int rc;

	rc = buf_printf(fingerprints, "%s ", m->name);
	if (rc == 0)
		rc = verified_fingerprints(m, fingerprints);
	if (rc == 0)
		rc = buf_putc(fingerprints, '\n');
	if (rc == 0)
		rc = put_key(t, m->fpr, m->openpgp, list);
	if (rc == 0)
		rc = put_key(t, m->recovery_fpr, m->recovery, list);
	for (i = 0; rc == 0 && i < m->mailbox_count; i++) {
		box = &m->mailboxes[i];
		if (box->openpgp != NULL)
			rc = put_key(t, box->fpr, box->openpgp, list);
	}
	return rc;
}

int
derive_keys(const struct roster *r, struct tree *t, struct error *error_r)
{
	struct buf fingerprints, list;
	size_t i;
	int rc;

	buf_init(&fingerprints, TREE_FILE_MAX);
	buf_init(&list, TREE_FILE_MAX);
	/* Another version may write sealing/ in another way. */
	rc = buf_puts(&list, "agamid-keys 1 " PACKAGE_VERSION "\n");
	if (rc == 0)
		rc = put_node(t, r->self, &fingerprints, &list);
	for (i = 0; rc == 0 && i < r->peer_count; i++)
		rc = put_node(t, r->peers[i], &fingerprints, &list);
	if (rc == 0) {
		tree_put_buf(t, "fingerprints", &fingerprints);
		tree_put_buf(t, "keys", &list);
	} else {
		error_set(error_r, rc, "too many manifests");
	}
	buf_free(&fingerprints);
	buf_free(&list);
	return rc;
}
