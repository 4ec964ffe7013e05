/* SPDX-License-Identifier: MIT */
/*
 * lmtp_help - talks LMTP to a session. See lmtp_help.h.
 */
#include "help.h"
#include "lmtp_help.h"

#include <stdio.h>
#include <string.h>

void
talk_open(struct talk *t, const struct lmtp_door *door)
{
	t->ctx.door = door;
	t->ctx.source = t->node.source;
	t->ctx.sealer = t->node.sealer;
	buf_init(&t->reply, LMTP_REPLY_MAX);
	t->s = lmtp_session_new(&t->ctx, &t->reply);
	assert_int_equal(strncmp(buf_str(&t->reply), "220 ", 4), 0);
}

void
talk_close(struct talk *t)
{
	lmtp_session_free(&t->s);
	buf_free(&t->reply);
}

enum lmtp_next
say(struct talk *t, const char *line, const char *expected)
{
	struct lmtp_command c;
	char whole[LMTP_LINE_MAX];
	enum lmtp_next next;
	size_t skip;

	snprintf(whole, sizeof(whole), "%s\r\n", line);
	buf_reset(&t->reply);
	assert_true(lmtp_parse_command(whole, strlen(whole), &c, &skip) > 0);
	next = lmtp_session_command(t->s, &c, &t->reply);
	if (strncmp(buf_str(&t->reply), expected, strlen(expected)) != 0)
		fail_msg("%s: %s", line, buf_str(&t->reply));
	return next;
}

const char *
send_mail(struct talk *t, const char *message, size_t piece)
{
	size_t len = strlen(message), n, i;

	assert_int_equal(say(t, "DATA", "354 "), LMTP_NEXT_DATA);
	for (i = 0; i < len; i += n) {
		n = len - i < piece ? len - i : piece;
		lmtp_session_data(t->s, message + i, n);
	}
	buf_reset(&t->reply);
	lmtp_session_data_end(t->s, &t->reply);
	return buf_str(&t->reply);
}
