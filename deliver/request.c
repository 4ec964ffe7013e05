/* SPDX-License-Identifier: MIT */
/*
 * request - what agamid-deliver is asked on its socket, and its answers.
 * See request.h.
 */
#include "deliver/request.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/error.h"
#include "util/text.h"

#define STAGE_MAX 3

/* An ID, and a blank or the end of the line behind it. */
static int
request_id(struct cursor *c, struct request *r)
{
	const char *p;

	if (r->count == RECEIPT_IDS_MAX || !cursor_take(c, BUNDLE_ID_LEN, &p))
		return AG_EINVAL;
	memcpy(r->ids[r->count], p, BUNDLE_ID_LEN);
	r->ids[r->count][BUNDLE_ID_LEN] = '\0';
	if (!text_is_hex(r->ids[r->count], BUNDLE_ID_LEN))
		return AG_EINVAL;
	r->count++;
	return 0;
}

static int
request_ids(struct cursor *c, struct request *r)
{
	int rc;

	do
		rc = request_id(c, r);
	while (rc == 0 && cursor_skip(c, " "));
	return rc;
}

/* A mailbox's name, and the blank behind it. */
static int
request_mailbox(struct cursor *c, struct request *r)
{
	const char *blank = memchr(c->p, ' ', c->left), *p;
	size_t len = blank != NULL ? (size_t)(blank - c->p) : 0;

	if (len == 0 || len > SEALED_MAILBOX_MAX || !cursor_take(c, len, &p))
		return AG_EINVAL;
	memcpy(r->mailbox, p, len);
	r->mailbox[len] = '\0';
	return text_is_mailbox_name(r->mailbox) && cursor_skip(c, " ")
	    ? 0
	    : AG_EINVAL;
}

/* A home's name instead of an ID; behind it, for away, two numbers. */
static int
request_home(struct cursor *c, struct request *r)
{
	uint64_t stage = 0, since = 0;
	const char *p;
	size_t len;

	if (r->kind == REQUEST_CONFIRM) {
		len = c->left;
		if (len == 0 || c->p[len - 1] != '\n' ||
		    !cursor_take(c, len - 1, &p))
			return AG_EINVAL;
		len--;
	} else if (!cursor_until(c, ' ', &p, &len) ||
	    !cursor_uint(c, STAGE_MAX, &stage) || !cursor_skip(c, " ") ||
	    !cursor_uint(c, INT64_MAX, &since) || stage == 0) {
		return AG_EINVAL;
	}
	if (len > NODE_NAME_MAX)
		return AG_EINVAL;
	memcpy(r->ids[0], p, len);
	r->ids[0][len] = '\0';
	r->count = 1;
	r->stage = (unsigned)stage;
	r->since = (int64_t)since;
	return text_is_node_name(r->ids[0]) ? 0 : AG_EINVAL;
}

static bool
request_has_no_id(enum request_kind kind)
{
	return kind == REQUEST_LIST || kind == REQUEST_TOTALS;
}

int
request_parse(const char *data, size_t len, struct request *r_r)
{
	struct cursor c;
	int rc = 0;

	r_r->count = 0;
	cursor_init(&c, data, len);
	if (cursor_skip(&c, "deliver "))
		r_r->kind = REQUEST_DELIVER;
	else if (cursor_skip(&c, "receipted "))
		r_r->kind = REQUEST_RECEIPTED;
	else if (cursor_skip(&c, "again "))
		r_r->kind = REQUEST_AGAIN;
	else if (cursor_skip(&c, "dsn "))
		r_r->kind = REQUEST_DSN;
	else if (cursor_skip(&c, "confirm "))
		r_r->kind = REQUEST_CONFIRM;
	else if (cursor_skip(&c, "away "))
		r_r->kind = REQUEST_AWAY;
	else if (cursor_skip(&c, "sign "))
		r_r->kind = REQUEST_SIGN;
	else if (cursor_skip(&c, "trace "))
		r_r->kind = REQUEST_TRACE;
	else if (cursor_skip(&c, "drill "))
		r_r->kind = REQUEST_DRILL;
	else if (cursor_skip(&c, "mark "))
		r_r->kind = REQUEST_MARK;
	else if (cursor_skip(&c, "list"))
		r_r->kind = REQUEST_LIST;
	else if (cursor_skip(&c, "totals"))
		r_r->kind = REQUEST_TOTALS;
	else
		return AG_EINVAL;
	if (r_r->kind == REQUEST_MARK)
		rc = request_mailbox(&c, r_r);
	if (rc == 0 && r_r->kind == REQUEST_SIGN)
		rc = request_ids(&c, r_r);
	else if (r_r->kind == REQUEST_CONFIRM || r_r->kind == REQUEST_AWAY)
		rc = request_home(&c, r_r);
	else if (rc == 0 && !request_has_no_id(r_r->kind))
		rc = request_id(&c, r_r);
	if (rc < 0 || !cursor_skip(&c, "\n") || c.left > 0)
		return AG_EINVAL;
	return 0;
}

static const char *
outcome_word(enum outcome o)
{
	switch (o) {
	case OUTCOME_DONE:
		return "done";
	case OUTCOME_DUPLICATE:
		return "duplicate";
	case OUTCOME_REFUSED:
		return "refused";
	case OUTCOME_QUARANTINED:
		return "quarantined";
	case OUTCOME_INVALID:
		return "invalid";
	case OUTCOME_RETRY:
		break;
	}
	return "retry";
}

int
outcome_write(enum outcome o, const char *id, const char *text, struct buf *out)
{
	char clean[OUTCOME_TEXT_MAX + 1];
	char *p;

	if (o == OUTCOME_DONE || o == OUTCOME_DUPLICATE)
		return buf_printf(out, "%s %s\n", outcome_word(o), id);
	snprintf(clean, sizeof(clean), "%s",
	    text != NULL && *text != '\0' ? text : "no reason given");
	for (p = clean; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	return buf_printf(out, "%s %s %s\n", outcome_word(o), id, clean);
}
