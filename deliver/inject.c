/* SPDX-License-Identifier: MIT */
/*
 * inject - one mail into this node's own Postfix. See inject.h.
 *
 * Parse, don't pipe: each command is said anew from the parsed envelope,
 * with known parameters only, as far as the server offers them. A message
 * goes through message.h (no line end but CRLF, no foreign X-Agamid-*), and is
 * dot-stuffed.
 *
 * SECURITY: without XCLIENT Postfix would take the mail for this machine's
 * own; so a server that doesn't offer it, or refuses it, gets no mail.
 */
#include "deliver/inject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "deliver/message.h"
#include "mail/smtp.h"
#include "mail/smtp_command.h"
#include "util/buf.h"
#include "util/fault.h"
#include "util/log.h"
#include "util/sock.h"

/* RFC 5321 section 4.5.3.2, but for the greeting: nobody is far away, and
 * nothing was said that would have to be said again. */
#define SECONDS_GREETING 60
#define SECONDS_COMMAND 300
#define SECONDS_DATA 180
#define SECONDS_END 600
#define SECONDS_QUIT 5

struct inject {
	struct smtp *smtp;
	struct smtp_offer offer;
	struct message message;
	struct bsmtp_stuff stuff;
	struct buf stuffed; /* a piece */
	bool lost; /* the session, not the message, is why it failed */
};

static int
inject_connect(
    const struct inject_mail *m, struct inject **i_r, struct error *error_r)
{
	struct stat was = {0};
	struct inject *i;
	int fd;

	*i_r = NULL;
	(void)stat(m->socket, &was); /* if it fails, so does the next */
	fd = sock_connect(m->socket, SOCK_STREAM, error_r);
	if (fd < 0)
		return fd;
	i = calloc(1, sizeof(*i));
	if (i == NULL)
		return error_set(error_r, AG_ENOMEM, "no memory");
	message_init(&i->message, m->ours, m->ours_ctx);
	buf_init(&i->stuffed, 2 * i->message.out.max + 8);
	i->smtp = smtp_new(fd);
	if (i->smtp == NULL) {
		inject_free(&i);
		return error_set(error_r, AG_ENOMEM, "no memory");
	}
	smtp_watch(i->smtp, m->socket, &was); /* SPEC N-10.12 */
	*i_r = i;
	return 0;
}

void
inject_free(struct inject **ip)
{
	struct inject *i = *ip;

	*ip = NULL;
	if (i == NULL)
		return;
	smtp_free(&i->smtp);
	message_free(&i->message);
	buf_wipe(&i->stuffed);
	free(i);
}

/* ---- the session ---- */

static int
inject_say(struct inject *i, const char *command, struct error *error_r)
{
	return smtp_say(i->smtp, SECONDS_COMMAND, command, error_r);
}

/* The last reply is not of the class that was needed. */
static int
inject_unexpected(struct inject *i, const char *to, struct error *error_r)
{
	char line[LEDGER_REPLY_MAX];

	smtp_reply_line(smtp_last(i->smtp), line, sizeof(line));
	return error_set(
	    error_r, AG_EAGAIN, "Postfix answered %s with: %s", to, line);
}

static int
inject_ehlo(struct inject *i, const char *name, struct error *error_r)
{
	char command[512];
	int rc;

	snprintf(command, sizeof(command), "EHLO %s", name);
	rc = inject_say(i, command, error_r);
	if (rc < 0)
		return rc;
	if (!smtp_reply_is(smtp_last(i->smtp), 2))
		return inject_unexpected(i, "EHLO", error_r);
	smtp_offer_parse(smtp_last(i->smtp), &i->offer);
	return 0;
}

static int
inject_xclient_once(
    struct inject *i, const struct xclient *x, struct error *error_r)
{
	struct buf command;
	int rc;

	buf_init(&command, SMTP_LINE_MAX);
	rc = xclient_write(x, &command);
	if (rc == 0)
		rc = inject_say(i, buf_str(&command), error_r);
	buf_free(&command);
	return rc;
}

/* Who the client was; then the session begins anew. */
static int
inject_xclient(struct inject *i, struct xclient *x, struct error *error_r)
{
	int rc;

	if (!i->offer.xclient)
		return error_set(error_r, AG_EAGAIN,
		    "Postfix offers no XCLIENT on agamid-inject; see "
		    "smtpd_authorized_xclient_hosts in agamid-deliver(8)");
	rc = inject_xclient_once(i, x, error_r);
	if (rc == 0 && smtp_last(i->smtp)->code == 501 && xclient_hide(x)) {
		log_info("client is not told event=xclient-refused");
		rc = inject_xclient_once(i, x, error_r);
	}
	if (rc < 0)
		return rc;
	if (!smtp_reply_is(smtp_last(i->smtp), 2))
		return inject_unexpected(i, "XCLIENT", error_r);
	return inject_ehlo(i, x->ehlo, error_r);
}

static int
inject_greet(
    struct inject *i, const struct inject_mail *m, struct error *error_r)
{
	int rc;

	rc = smtp_wait(i->smtp, SECONDS_GREETING, error_r);
	if (rc == 0 && !smtp_reply_is(smtp_last(i->smtp), 2))
		rc = inject_unexpected(i, "the connection", error_r);
	if (rc == 0)
		rc = inject_ehlo(i, m->host, error_r);
	return rc < 0 ? rc : inject_xclient(i, m->client, error_r);
}

/* ---- the envelope ---- */

/* What the last reply means for a recipient. 421 ends the session. */
static int
inject_judge(struct inject *i, struct rcpt *r, struct error *error_r)
{
	const struct smtp_reply *reply = smtp_last(i->smtp);

	if (reply->code == 421)
		return inject_unexpected(i, "a command", error_r);
	smtp_reply_line(reply, r->reply, sizeof(r->reply));
	if (smtp_reply_is(reply, 5))
		r->state = RCPT_REFUSED;
	r->now = false;
	return 0;
}

/* The same for all that wait (or, with now_only, that were accepted). */
static int
inject_judge_all(
    struct inject *i, struct rcpts *rs, bool now_only, struct error *error_r)
{
	size_t n;
	int rc = 0;

	for (n = 0; rc == 0 && n < rs->count; n++) {
		if (rs->rcpt[n].state == RCPT_WAITING &&
		    (!now_only || rs->rcpt[n].now))
			rc = inject_judge(i, &rs->rcpt[n], error_r);
	}
	return rc;
}

/* 1: MAIL was accepted; 0: not, and rs says why. */
static int
inject_sender(struct inject *i, const struct inject_mail *m, struct rcpts *rs,
    struct error *error_r)
{
	struct buf command;
	int rc;

	buf_init(&command, SMTP_LINE_MAX);
	rc = smtp_write_mail(&m->envelope->mail, m->size, &i->offer, &command);
	if (rc == 0)
		rc = inject_say(i, buf_str(&command), error_r);
	buf_free(&command);
	if (rc < 0)
		return rc;
	if (smtp_reply_is(smtp_last(i->smtp), 2))
		return 1;
	return inject_judge_all(i, rs, false, error_r);
}

static int
inject_rcpt(struct inject *i, const struct bsmtp_path *p, struct rcpt *r,
    struct error *error_r)
{
	struct buf command;
	int rc;

	buf_init(&command, SMTP_LINE_MAX);
	rc = smtp_write_rcpt(p, &i->offer, &command);
	if (rc == 0)
		rc = inject_say(i, buf_str(&command), error_r);
	buf_free(&command);
	if (rc < 0)
		return rc;
	if (!smtp_reply_is(smtp_last(i->smtp), 2))
		return inject_judge(i, r, error_r);
	r->now = true;
	return 0;
}

/* How many accept; negative on error. */
static int
inject_recipients(struct inject *i, const struct bsmtp_envelope *e,
    struct rcpts *rs, struct error *error_r)
{
	int accepted = 0, rc;
	size_t n;

	for (n = 0; n < rs->count; n++) {
		rs->rcpt[n].now = false;
		if (rs->rcpt[n].state != RCPT_WAITING)
			continue;
		rc = inject_rcpt(i, &e->rcpt[n], &rs->rcpt[n], error_r);
		if (rc < 0)
			return rc;
		accepted += rs->rcpt[n].now ? 1 : 0;
	}
	return accepted;
}

/* 1: the message may follow; 0: not. */
static int
inject_data(struct inject *i, struct rcpts *rs, struct error *error_r)
{
	int rc;

	rc = inject_say(i, "DATA", error_r);
	if (rc < 0)
		return rc;
	if (smtp_reply_is(smtp_last(i->smtp), 3))
		return 1;
	return inject_judge_all(i, rs, true, error_r);
}

static int
inject_dialogue(struct inject *i, const struct inject_mail *m, struct rcpts *rs,
    struct error *error_r)
{
	int rc;

	rc = inject_greet(i, m, error_r);
	if (rc == 0)
		rc = inject_sender(i, m, rs, error_r);
	if (rc == 1)
		rc = inject_recipients(i, m->envelope, rs, error_r);
	if (rc >= 1)
		rc = inject_data(i, rs, error_r);
	return rc;
}

/* ---- the message ---- */

/* What lines.h or we ourselves made: stuffed and sent. */
static int
inject_send(struct inject *i, const struct buf *b, struct error *error_r)
{
	int rc;

	buf_reset(&i->stuffed);
	rc = bsmtp_write_data(&i->stuff, buf_str(b), b->len, &i->stuffed);
	if (rc < 0)
		return error_set(error_r, rc, "stuffing: %s", error_name(rc));
	rc = smtp_send(i->smtp, buf_str(&i->stuffed), i->stuffed.len,
	    SECONDS_DATA, error_r);
	i->lost = i->lost || rc < 0;
	return rc;
}

bool
inject_is_lost(const struct inject *i)
{
	return i->lost;
}

int
inject_begin(const struct inject_mail *m, struct rcpts *rs, struct inject **i_r,
    struct error *error_r)
{
	struct buf ours;
	int rc;

	rc = inject_connect(m, i_r, error_r);
	if (rc < 0)
		return rc;
	rc = inject_dialogue(*i_r, m, rs, error_r);
	if (rc == 0)
		smtp_say((*i_r)->smtp, SECONDS_QUIT, "QUIT", NULL);
	if (rc == 1) {
		buf_init(&ours, MESSAGE_PIECE);
		if (buf_puts(&ours, m->headers) < 0 ||
		    inject_send(*i_r, &ours, error_r) < 0)
			rc = AG_EIO;
		buf_free(&ours);
	}
	if (rc != 1)
		inject_free(i_r);
	return rc;
}

int
inject_write(
    struct inject *i, const void *data, size_t len, struct error *error_r)
{
	const char *p = data;
	size_t n;
	int rc = 0;

	for (; rc == 0 && len > 0; p += n, len -= n) {
		n = len < MESSAGE_PIECE ? len : MESSAGE_PIECE;
		rc = message_put(&i->message, p, n, error_r);
		if (rc == 0)
			rc = inject_send(i, &i->message.out, error_r);
	}
	return rc;
}

int
inject_end(struct inject *i, struct rcpts *rs, struct error *error_r)
{
	size_t n;
	int rc;

	rc = message_end(&i->message, error_r);
	if (rc == 0)
		rc = inject_send(i, &i->message.out, error_r);
	if (rc == 0 && fault_point("deliver.dot"))
		rc = error_set_errno(error_r, AG_EIO, "can't write");
	/* Who was told the end may take it, whatever becomes of Postfix. */
	smtp_watch(i->smtp, NULL, NULL);
	if (rc == 0)
		rc = smtp_send(i->smtp, ".\r\n", 3, SECONDS_DATA, error_r);
	if (rc == 0)
		rc = smtp_wait(i->smtp, SECONDS_END, error_r);
	if (rc < 0)
		return rc;
	fault_after("deliver.dot");
	if (!smtp_reply_is(smtp_last(i->smtp), 2))
		return inject_judge_all(i, rs, true, error_r);
	for (n = 0; n < rs->count; n++) {
		if (rs->rcpt[n].state != RCPT_WAITING || !rs->rcpt[n].now)
			continue;
		rs->rcpt[n].state = RCPT_DELIVERED;
		smtp_reply_line(smtp_last(i->smtp), rs->rcpt[n].reply,
		    sizeof(rs->rcpt[n].reply));
	}
	smtp_say(i->smtp, SECONDS_QUIT, "QUIT", NULL);
	return 0;
}
