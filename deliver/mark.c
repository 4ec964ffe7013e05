/* SPDX-License-Identifier: MIT */
/*
 * mark - signs what stays sealed at home. See mark.h.
 */
#include "deliver/mark.h"

#include <stdio.h>
#include <string.h>

#include "mail/address.h"
#include "mail/sealed.h"
#include "util/error.h"
#include "util/log.h"
#include "util/text.h"

/* The mailbox with a key of its own that this is for, or NULL. All
 * recipients of a bundle have the same key: the first says which. */
static const struct manifest_mailbox *
mark_mailbox(const struct opened *o, const struct manifest *self)
{
	const struct manifest_mailbox *box = NULL;
	struct address a;

	if (o->envelope.rcpt_count == 0 ||
	    address_parse(o->envelope.rcpt[0].path, &a) < 0 ||
	    manifest_match(self, a.local, &box) != MATCH_YES || box == NULL ||
	    box->openpgp == NULL)
		return NULL;
	return box;
}

static bool
mark_is_acceptors(const struct opened *o, const struct ticket *t)
{
	char boundary[SEALED_BOUNDARY_MAX + 1];

	snprintf(boundary, sizeof(boundary), "agamid-%s", t->nonce);
	return strcmp(o->boundary, boundary) == 0;
}

/* Sign, and append the field's value. */
static int
mark_put(const char *id, const char *mailbox, const uint8_t *hash,
    const struct secrets *s, struct buf *out)
{
	struct sealed_mark mark = {{0}, {0}, {0}, {0}};
	char value[SEALED_MARK_MAX];
	int rc;

	snprintf(mark.id, sizeof(mark.id), "%s", id);
	snprintf(mark.mailbox, sizeof(mark.mailbox), "%s", mailbox);
	memcpy(mark.hash, hash, sizeof(mark.hash));
	rc = sealed_mark_sign(&mark, s->sealed.secret);
	if (rc == 0)
		rc = sealed_mark_write(&mark, value, sizeof(value));
	return rc == 0 ? buf_puts(out, value) : rc;
}

int
mark_at_home(const char *mailbox, const char *hash, const struct manifest *self,
    const struct secrets *s, struct buf *out)
{
	const struct manifest_mailbox *box = manifest_mailbox(self, mailbox);
	uint8_t bytes[SEALED_HASH_SIZE];

	if (box == NULL || box->openpgp == NULL || !s->has_sealed)
		return AG_ENOENT;
	if (text_unhex(hash, bytes, sizeof(bytes)) < 0)
		return AG_EINVAL;
	return mark_put(hash, mailbox, bytes, s, out);
}

int
mark_write(const struct opened *o, const struct ticket *t,
    const struct manifest *self, const struct secrets *s, struct buf *out)
{
	const struct manifest_mailbox *box;
	int rc;

	if (!o->is_sealed || !mark_is_acceptors(o, t) ||
	    (box = mark_mailbox(o, self)) == NULL)
		return 0;
	if (!s->has_sealed) {
		log_info("not marked id=%s error=\"no sealed.seed\"", t->id);
		return 0;
	}
	rc = buf_puts(out, SEALED_FIELD ": ");
	if (rc == 0)
		rc = mark_put(t->id, box->name, o->sealed, s, out);
	return rc == 0 ? buf_puts(out, "\r\n") : rc;
}
