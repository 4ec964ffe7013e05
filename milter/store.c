/* SPDX-License-Identifier: MIT */
/*
 * store - a connection to Dovecot's LMTP; see store.h.
 */
#include <sys/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/smtp.h"
#include "mail/smtp_command.h"
#include "milter/store.h"
#include "util/buf.h"
#include "util/sock.h"

#define SECONDS_COMMAND 300
#define SECONDS_DATA 180
/* Postfix waits 600 s for us (lmtp_data_done_timeout): the answer must be
 * ours. */
#define SECONDS_END 570
#define SECONDS_QUIT 5
#define PIECE 16384

struct store {
	struct smtp *smtp;
	struct smtp_offer offer;
	struct bsmtp_stuff stuff;
	struct buf stuffed;
	bool is_open; /* a transaction */
	unsigned waited_for; /* recipients of it without an answer yet */
};

static int
say(struct store *s, const char *command, struct error *error_r)
{
	return smtp_say(s->smtp, SECONDS_COMMAND, command, error_r);
}

static int
greet(struct store *s, const char *host, struct error *error_r)
{
	char command[512];
	int rc;

	rc = smtp_wait(s->smtp, SECONDS_COMMAND, error_r);
	snprintf(command, sizeof(command), "LHLO %s", host);
	if (rc == 0 && smtp_reply_is(smtp_last(s->smtp), 2))
		rc = say(s, command, error_r);
	if (rc == 0 && !smtp_reply_is(smtp_last(s->smtp), 2))
		rc = error_set(error_r, AG_EIO, "it greets with %d",
		    smtp_last(s->smtp)->code);
	if (rc == 0)
		smtp_offer_parse(smtp_last(s->smtp), &s->offer);
	return rc;
}

int
store_open(const char *path, const char *host, struct store **s_r,
    struct error *error_r)
{
	struct store *s;
	int fd, rc;

	*s_r = NULL;
	if ((fd = sock_connect(path, SOCK_STREAM, error_r)) < 0)
		return fd;
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->smtp = smtp_new(fd)) == NULL) {
		free(s);
		return error_set(error_r, AG_ENOMEM, "no memory");
	}
	buf_init(&s->stuffed, 2 * PIECE + 8);
	if ((rc = greet(s, host, error_r)) < 0)
		store_free(&s);
	*s_r = s;
	return rc;
}

void
store_free(struct store **sp)
{
	struct store *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (!s->is_open)
		(void)smtp_say(s->smtp, SECONDS_QUIT, "QUIT", NULL);
	smtp_free(&s->smtp);
	buf_wipe(&s->stuffed);
	free(s);
}

const struct smtp_offer *
store_offer(const struct store *s)
{
	return &s->offer;
}

bool
store_accepts(const struct store *s)
{
	return smtp_reply_is(smtp_last(s->smtp), 2) ||
	    smtp_reply_is(smtp_last(s->smtp), 3);
}

void
store_reply(const struct store *s, char line_r[STORE_LINE_MAX])
{
	const struct smtp_reply *r = smtp_last(s->smtp);

	if (smtp_reply_is(r, 3))
		snprintf(line_r, STORE_LINE_MAX,
		    "451 4.3.0 The mail store is out of step");
	else
		smtp_reply_line(r, line_r, STORE_LINE_MAX - 2);
}

bool
store_is_idle(const struct store *s)
{
	return !s->is_open;
}

int
store_mail(struct store *s, const struct bsmtp_path *mail, uint64_t size,
    struct error *error_r)
{
	struct buf command;
	int rc;

	buf_init(&command, SMTP_LINE_MAX);
	rc = smtp_write_mail(mail, size, &s->offer, &command);
	if (rc < 0)
		error_set(error_r, rc, "the sender is too long");
	else
		rc = say(s, buf_str(&command), error_r);
	buf_free(&command);
	s->is_open = true;
	s->waited_for = 0;
	memset(&s->stuff, 0, sizeof(s->stuff));
	return rc;
}

int
store_rcpt(
    struct store *s, const struct bsmtp_path *rcpt, struct error *error_r)
{
	struct buf command;
	int rc;

	buf_init(&command, SMTP_LINE_MAX);
	rc = smtp_write_rcpt(rcpt, &s->offer, &command);
	if (rc < 0)
		error_set(error_r, rc, "the recipient is too long");
	else
		rc = say(s, buf_str(&command), error_r);
	buf_free(&command);
	if (rc == 0 && smtp_reply_is(smtp_last(s->smtp), 2))
		s->waited_for++;
	return rc;
}

int
store_data(struct store *s, struct error *error_r)
{
	int rc = say(s, "DATA", error_r);

	if (rc == 0 && smtp_reply_is(smtp_last(s->smtp), 2))
		rc = error_set(error_r, AG_EINVAL, "it says 2xx to DATA");
	return rc;
}

int
store_write(
    struct store *s, const void *data, size_t len, struct error *error_r)
{
	const char *p = data;
	size_t n;
	int rc = 0;

	for (; rc == 0 && len > 0; p += n, len -= n) {
		n = len < PIECE ? len : PIECE;
		buf_reset(&s->stuffed);
		rc = bsmtp_write_data(&s->stuff, p, n, &s->stuffed);
		if (rc == 0)
			rc = smtp_send(s->smtp, buf_str(&s->stuffed),
			    s->stuffed.len, SECONDS_DATA, error_r);
	}
	return rc;
}

int
store_end(struct store *s, struct error *error_r)
{
	const char *end = s->stuff.in_line ? "\r\n.\r\n" : ".\r\n";

	return smtp_send(s->smtp, end, strlen(end), SECONDS_DATA, error_r);
}

int
store_next(struct store *s, struct error *error_r)
{
	int rc = smtp_wait(s->smtp, SECONDS_END, error_r);

	if (rc == 0 && s->waited_for > 0 && --s->waited_for == 0)
		s->is_open = false;
	return rc;
}
