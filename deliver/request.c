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

/* What stands behind the word. */
static int
request_rest(struct cursor *c, struct request *r)
{
	int rc;

	switch (r->kind) {
	case REQUEST_LIST:
	case REQUEST_TOTALS:
		return 0;
	case REQUEST_SIGN:
		return request_ids(c, r);
	case REQUEST_CONFIRM:
	case REQUEST_AWAY:
		return request_home(c, r);
	case REQUEST_MARK:
		rc = request_mailbox(c, r);
		return rc < 0 ? rc : request_id(c, r);
	default:
		return request_id(c, r);
	}
}

bool
request_is_notice(enum request_kind kind)
{
	return kind == REQUEST_DSN || kind == REQUEST_CONFIRM ||
	    kind == REQUEST_AWAY;
}

int
request_parse(const char *data, size_t len, struct request *r_r)
{
	static const struct {
		const char *word;
		enum request_kind kind;
	} words[] = {
	    {"deliver ", REQUEST_DELIVER},
	    {"receipted ", REQUEST_RECEIPTED},
	    {"again ", REQUEST_AGAIN},
	    {"dsn ", REQUEST_DSN},
	    {"confirm ", REQUEST_CONFIRM},
	    {"away ", REQUEST_AWAY},
	    {"sign ", REQUEST_SIGN},
	    {"trace ", REQUEST_TRACE},
	    {"drill ", REQUEST_DRILL},
	    {"mark ", REQUEST_MARK},
	    {"list", REQUEST_LIST},
	    {"totals", REQUEST_TOTALS},
	};
	const size_t count = sizeof(words) / sizeof(words[0]);
	struct cursor c;
	size_t i = 0;

	r_r->count = 0;
	cursor_init(&c, data, len);
	while (i < count && !cursor_skip(&c, words[i].word))
		i++;
	if (i == count)
		return AG_EINVAL;
	r_r->kind = words[i].kind;
	if (request_rest(&c, r_r) < 0 || !cursor_skip(&c, "\n") || c.left > 0)
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
