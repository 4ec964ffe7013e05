/* SPDX-License-Identifier: MIT */
/*
 * receipt - the home's signed statement that it has bundles; format in
 * receipt.h and doc/spec/bundle.md.
 *
 * Pure functions. Whether the key named in a receipt is the home's is for
 * the caller to find out (network_receipt_key()).
 *
 * SECURITY: holders delete on a receipt. What does not verify is no
 * receipt at all; there is no partly good one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mail/receipt.h"
#include "mail/statement.h"
#include "util/text.h"

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Hex digits, ascending, no two alike. */
static bool
ids_are_well_formed(const struct receipt *r)
{
	unsigned i;

	for (i = 0; i < r->count; i++) {
		if (!text_is_hex(r->ids[i], BUNDLE_ID_LEN))
			return false;
		if (i > 0 && strcmp(r->ids[i - 1], r->ids[i]) >= 0)
			return false;
	}
	return true;
}

static bool
is_well_formed(const struct receipt *r)
{
	return text_is_domain(r->network) && text_is_node_name(r->home) &&
	    r->time >= 0 && r->time <= STATEMENT_TIME_MAX &&
	    text_is_hex(r->key, KEYS_NAME_SIZE - 1) && r->count >= 1 &&
	    r->count <= RECEIPT_IDS_MAX && ids_are_well_formed(r);
}

/* The lines that are signed. SPEC B-7.2, B-7.3 */
static int
write_signed(const struct receipt *r, struct buf *out)
{
	unsigned i;
	int rc;

	if (!is_well_formed(r))
		return AG_EINVAL;
	rc = buf_printf(out,
	    "agamid-receipt 1\n"
	    "network %s\n"
	    "home %s\n"
	    "time %" PRId64 "\n"
	    "key %s\n",
	    r->network, r->home, r->time, r->key);
	for (i = 0; rc == 0 && i < r->count; i++)
		rc = buf_printf(out, "id %s\n", r->ids[i]);
	return rc;
}

static void
sort_ids(struct receipt *r)
{
	unsigned i, n = 0;

	qsort(r->ids, r->count, sizeof(r->ids[0]), compare_ids);
	for (i = 0; i < r->count; i++) {
		if (n > 0 && strcmp(r->ids[n - 1], r->ids[i]) == 0)
			continue;
		if (n != i)
			memcpy(r->ids[n], r->ids[i], sizeof(r->ids[0]));
		n++;
	}
	r->count = n;
}

int
receipt_sign(struct receipt *r, const struct sign_key *key)
{
	struct buf b;
	int rc;

	if (r->count > RECEIPT_IDS_MAX)
		return AG_EINVAL;
	sort_ids(r);
	keys_name(key->public, r->key);
	buf_init(&b, RECEIPT_MAX);
	rc = write_signed(r, &b);
	if (rc == 0)
		rc = keys_sign(key, b.data, b.len, r->signature);
	buf_free(&b);
	return rc;
}

int
receipt_verify(const struct receipt *r, const struct verify_key *key)
{
	char name[KEYS_NAME_SIZE];
	struct buf b;
	int rc;

	keys_name(key->public, name);
	if (strcmp(name, r->key) != 0)
		return AG_ESIG;
	buf_init(&b, RECEIPT_MAX);
	rc = write_signed(r, &b);
	if (rc == 0)
		rc = keys_verify(key, b.data, b.len, r->signature);
	buf_free(&b);
	return rc == AG_EINVAL ? AG_ESIG : rc;
}

int
receipt_write(const struct receipt *r, struct buf *out)
{
	size_t before = out->len;
	int rc;

	rc = write_signed(r, out);
	if (rc == 0)
		rc = statement_put_signature(out, r->signature);
	if (rc < 0)
		statement_undo(out, before);
	return rc;
}

/* At least one "id" line, at most as many as there is room for. */
static int
parse_ids(struct cursor *c, struct receipt *r)
{
	while (c->left >= 3 && memcmp(c->p, "id ", 3) == 0) {
		if (r->count == RECEIPT_IDS_MAX ||
		    statement_get_text(
			c, "id ", r->ids[r->count], sizeof(r->ids[0])) < 0)
			return AG_EINVAL;
		r->count++;
	}
	return 0;
}

static int
parse_lines(struct cursor *c, struct receipt *r)
{
	if (!cursor_skip(c, "agamid-receipt 1\n") ||
	    statement_get_text(c, "network ", r->network, sizeof(r->network)) <
		0 ||
	    statement_get_text(c, "home ", r->home, sizeof(r->home)) < 0 ||
	    statement_get_time(c, &r->time) < 0 ||
	    statement_get_text(c, "key ", r->key, sizeof(r->key)) < 0 ||
	    parse_ids(c, r) < 0)
		return AG_EINVAL;
	return statement_get_signature(c, r->signature);
}

int
receipt_parse(const void *data, size_t len, struct receipt *r_r)
{
	struct cursor c;
	struct buf again;
	int rc;

	memset(r_r, 0, sizeof(*r_r));
	if (len > RECEIPT_MAX)
		return AG_EINVAL;
	buf_init(&again, RECEIPT_MAX);
	cursor_init(&c, data, len);
	rc = parse_lines(&c, r_r);
	if (rc == 0)
		rc = receipt_write(r_r, &again);
	if (rc == 0)
		rc = statement_is(&again, data, len);
	buf_free(&again);
	if (rc < 0)
		memset(r_r, 0, sizeof(*r_r));
	return rc;
}
