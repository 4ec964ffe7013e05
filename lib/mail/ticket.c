/* SPDX-License-Identifier: MIT */
/*
 * ticket - what the acceptor signs about a bundle; format in ticket.h and
 * doc/spec/bundle.md.
 *
 * Pure functions. Whether the key named in a ticket is the acceptor's is
 * for the caller to find out (network_ticket_key()); a ticket tells whom
 * to blame, not that the content is true.
 */
#include <inttypes.h>
#include <string.h>

#include "mail/statement.h"
#include "mail/ticket.h"
#include "util/text.h"

static bool
is_well_formed(const struct ticket *t)
{
	return text_is_domain(t->network) && text_is_node_name(t->acceptor) &&
	    text_is_node_name(t->home) && text_is_hex(t->nonce, NONCE_LEN) &&
	    text_is_hex(t->id, BUNDLE_ID_LEN) && t->size >= 1 &&
	    t->size <= BUNDLE_SIZE_MAX && t->time >= 0 &&
	    t->time <= STATEMENT_TIME_MAX && t->copies >= 1 &&
	    t->copies <= TICKET_COPIES_MAX &&
	    text_is_hex(t->key, KEYS_NAME_SIZE - 1);
}

/* The lines that are signed. SPEC B-6.2, B-6.4 */
static int
write_signed(const struct ticket *t, struct buf *out)
{
	if (!is_well_formed(t))
		return AG_EINVAL;
	return buf_printf(out,
	    "agamid-ticket 1\n"
	    "network %s\n"
	    "acceptor %s\n"
	    "home %s\n"
	    "nonce %s\n"
	    "sha256 %s\n"
	    "size %" PRIu64 "\n"
	    "time %" PRId64 "\n"
	    "copies %u\n"
	    "key %s\n",
	    t->network, t->acceptor, t->home, t->nonce, t->id, t->size, t->time,
	    t->copies, t->key);
}

int
ticket_sign(struct ticket *t, const struct sign_key *key)
{
	struct buf b;
	int rc;

	keys_name(key->public, t->key);
	buf_init(&b, TICKET_MAX);
	rc = write_signed(t, &b);
	if (rc == 0)
		rc = keys_sign(key, b.data, b.len, t->signature);
	buf_free(&b);
	return rc;
}

int
ticket_verify(const struct ticket *t, const struct verify_key *key)
{
	char name[KEYS_NAME_SIZE];
	struct buf b;
	int rc;

	keys_name(key->public, name);
	if (strcmp(name, t->key) != 0)
		return AG_ESIG;
	buf_init(&b, TICKET_MAX);
	rc = write_signed(t, &b);
	if (rc == 0)
		rc = keys_verify(key, b.data, b.len, t->signature);
	buf_free(&b);
	return rc == AG_EINVAL ? AG_ESIG : rc;
}

bool
ticket_is_same(const struct ticket *a, const struct ticket *b)
{
	return strcmp(a->network, b->network) == 0 &&
	    strcmp(a->acceptor, b->acceptor) == 0 &&
	    strcmp(a->home, b->home) == 0 && strcmp(a->nonce, b->nonce) == 0 &&
	    strcmp(a->id, b->id) == 0 && a->size == b->size &&
	    a->time == b->time && a->copies == b->copies &&
	    strcmp(a->key, b->key) == 0 &&
	    memcmp(a->signature, b->signature, sizeof(a->signature)) == 0;
}

int
ticket_write(const struct ticket *t, struct buf *out)
{
	size_t before = out->len;
	int rc;

	rc = write_signed(t, out);
	if (rc == 0)
		rc = statement_put_signature(out, t->signature);
	if (rc < 0)
		statement_undo(out, before);
	return rc;
}

static int
parse_lines(struct cursor *c, struct ticket *t)
{
	uint64_t copies;

	if (!cursor_skip(c, "agamid-ticket 1\n") ||
	    statement_get_text(c, "network ", t->network, sizeof(t->network)) <
		0 ||
	    statement_get_text(
		c, "acceptor ", t->acceptor, sizeof(t->acceptor)) < 0 ||
	    statement_get_text(c, "home ", t->home, sizeof(t->home)) < 0 ||
	    statement_get_text(c, "nonce ", t->nonce, sizeof(t->nonce)) < 0 ||
	    statement_get_text(c, "sha256 ", t->id, sizeof(t->id)) < 0 ||
	    statement_get_uint(c, "size ", BUNDLE_SIZE_MAX, &t->size) < 0 ||
	    statement_get_time(c, &t->time) < 0 ||
	    statement_get_uint(c, "copies ", TICKET_COPIES_MAX, &copies) < 0 ||
	    statement_get_text(c, "key ", t->key, sizeof(t->key)) < 0 ||
	    statement_get_signature(c, t->signature) < 0)
		return AG_EINVAL;
	t->copies = (unsigned)copies;
	return 0;
}

int
ticket_parse(const void *data, size_t len, struct ticket *t_r)
{
	struct cursor c;
	struct buf again;
	int rc;

	memset(t_r, 0, sizeof(*t_r));
	if (len > TICKET_MAX)
		return AG_EINVAL;
	buf_init(&again, TICKET_MAX);
	cursor_init(&c, data, len);
	rc = parse_lines(&c, t_r);
	if (rc == 0)
		rc = ticket_write(t_r, &again);
	if (rc == 0)
		rc = statement_is(&again, data, len);
	buf_free(&again);
	if (rc < 0)
		memset(t_r, 0, sizeof(*t_r));
	return rc;
}
