/* SPDX-License-Identifier: MIT */
/*
 * sign - a manifest's OpenPGP signature, and its keys' fingerprints. See
 * sign.h; the rules are doc/spec/manifest.md 2 and 6.
 *
 * SECURITY: this says that whoever holds the primary key wrote the file,
 * not that the primary key is the right one: that is pinned elsewhere.
 * Expiry is not looked at: whether a key is in force is settled by the
 * manifest, not by a clock.
 */
#include "manifests/sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/openpgp.h"

#define BODY_END "...\n"

/* One of a manifest's keys, which what names; its fingerprint to fpr. */
static int
key_check(const char *what, const char *armored, bool primary, char fpr[41],
    const char *scratch, struct error *error_r)
{
	struct openpgp_keyinfo info;
	struct error why;
	int rc;

	rc = openpgp_key_info(armored, scratch, &info, &why);
	if (rc != 0)
		return error_set(error_r, AG_ECRYPTO, "%s: %s", what, why.text);
	/* SPEC M-6.4: what is revoked is known, and nothing is sealed to. */
	if (!info.revoked && !info.has_encryption &&
	    !openpgp_key_says_revoked(armored))
		return error_set(error_r, AG_ECRYPTO,
		    "%s: the key has no encryption subkey", what);
	if (primary && (!info.can_certify || !info.can_sign))
		return error_set(error_r, AG_ECRYPTO,
		    "%s: the primary key must certify and sign", what);
	memcpy(fpr, info.fpr, 41);
	return 0;
}

static int
mailboxes_check(struct manifest *m, const char *scratch, struct error *error_r)
{
	struct manifest_mailbox *box;
	char what[128];
	size_t i;
	int rc;

	for (i = 0; i < m->mailbox_count; i++) {
		box = &m->mailboxes[i];
		if (box->openpgp == NULL)
			continue;
		snprintf(
		    what, sizeof(what), "node.mailboxes.%s.openpgp", box->name);
		rc = key_check(
		    what, box->openpgp, false, box->fpr, scratch, error_r);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* SPEC M-6.1: by the primary key that the manifest itself holds. */
static int
signature_check(
    const struct manifest *m, const char *scratch, struct error *error_r)
{
	const char *sig = manifest_signature(m);
	char fpr[OPENPGP_FPR_LEN + 1];
	struct error why;
	int rc;

	if (sig == NULL)
		return error_set(error_r, AG_ESIG,
		    "the manifest is not signed (\"agamid manifest sign\" "
		    "does it)");
	rc = openpgp_verify_detached_ever(
	    m->openpgp, scratch, m->text, m->body_len, sig, fpr, &why);
	if (rc == AG_ESIG || (rc == 0 && strcmp(fpr, m->fpr) != 0))
		return error_set(error_r, AG_ESIG,
		    "the signature is not this text's by node.openpgp%s%s",
		    rc != 0 ? ": " : "", rc != 0 ? why.text : "");
	if (rc != 0)
		return error_set(error_r, rc, "%s", why.text);
	return 0;
}

int
sign_verify(struct manifest *m, const char *scratch, struct error *error_r)
{
	int rc;

	if ((rc = key_check("node.openpgp", m->openpgp, true, m->fpr, scratch,
		 error_r)) != 0 ||
	    (rc = signature_check(m, scratch, error_r)) != 0 ||
	    (rc = key_check("node.recovery", m->recovery, true, m->recovery_fpr,
		 scratch, error_r)) != 0)
		goto out;
	if (strcmp(m->fpr, m->recovery_fpr) == 0)
		rc = error_set(error_r, AG_ECRYPTO,
		    "node.recovery: expected another key than node.openpgp");
	else
		rc = mailboxes_check(m, scratch, error_r);
out:
	if (rc != 0)
		m->fpr[0] = m->recovery_fpr[0] = '\0';
	return rc;
}

/* The body as it is signed: with its line "..." */
static int
body_put(struct buf *out, const char *body, size_t len)
{
	const size_t end = strlen(BODY_END);
	int rc = buf_put(out, body, len);

	if (rc == 0 && len > 0 && body[len - 1] != '\n')
		rc = buf_putc(out, '\n');
	if (rc == 0 &&
	    (out->len < end + 1 ||
		memcmp(out->data + out->len - end - 1, "\n" BODY_END,
		    end + 1) != 0))
		rc = buf_puts(out, BODY_END);
	return rc;
}

int
sign_make(const void *body, size_t len, const char *secret_path,
    const char *scratch, struct buf *out, struct error *error_r)
{
	struct buf text, sig;
	int rc;

	buf_init(&text, MANIFEST_MAX);
	buf_init(&sig, MANIFEST_MAX);
	rc = body_put(&text, body, len);
	if (rc == 0)
		rc = openpgp_sign_detached(
		    secret_path, scratch, text.data, text.len, &sig, error_r);
	else
		error_set(error_r, rc, "the manifest is too long");
	if (rc == 0 && text.len + sig.len > MANIFEST_MAX)
		rc = error_set(error_r, AG_ETOOBIG,
		    "with its signature the manifest has %zu bytes; expected "
		    "at most %d",
		    text.len + sig.len, MANIFEST_MAX);
	if (rc == 0 &&
	    (buf_put(out, text.data, text.len) != 0 ||
		buf_put(out, sig.data, sig.len) != 0))
		rc = error_set(error_r, AG_ETOOBIG, "no room for the manifest");
	buf_free(&text);
	buf_free(&sig);
	return rc;
}

/* ---- succession ---- */

static int
compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
sign_succession_text(
    const struct manifest *m, const char *fpr, uint64_t serial, struct buf *out)
{
	char **sorted = calloc(m->ssh_client_key_count + 1, sizeof(*sorted));
	size_t i;
	int rc;

	if (sorted == NULL)
		return AG_ENOMEM;
	rc = buf_printf(out,
	    "agamid-succession 1\nnetwork %s\nname %s\nserial %llu\n"
	    "primary %s\n",
	    m->network, m->name, (unsigned long long)serial, fpr);
	for (i = 0; i < m->ssh_client_key_count; i++)
		sorted[i] = m->ssh_client_keys[i];
	qsort(sorted, i, sizeof(*sorted), compare_text);
	for (i = 0; rc == 0 && i < m->ssh_client_key_count; i++)
		rc = buf_printf(out, "ssh-client %s\n", sorted[i]);
	free(sorted);
	return rc;
}

int
sign_succession_verify(
    const struct manifest *m, const char *scratch, struct error *error_r)
{
	char fpr[OPENPGP_FPR_LEN + 1];
	struct error why;
	struct buf text;
	int rc;

	if (m->succession == NULL)
		return error_set(error_r, AG_ENOENT, "it has no succession");
	buf_init(&text, MANIFEST_MAX);
	rc = sign_succession_text(m, m->fpr, m->succession_serial, &text);
	if (rc == 0)
		rc = openpgp_verify_detached(m->recovery, scratch, text.data,
		    text.len, m->succession, fpr, &why);
	if (rc != 0)
		rc = error_set(error_r, AG_ESIG,
		    "node.succession is not signed by the recovery key for "
		    "these keys: %s",
		    why.text);
	buf_free(&text);
	return rc;
}
