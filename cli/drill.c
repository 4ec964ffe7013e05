/* SPDX-License-Identifier: MIT */
/*
 * drill - a test mail by way of a friend. See drill.h.
 */
#include "cli/drill.h"

#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "cli/deliver.h"
#include "cli/doctor_talk.h"
#include "cli/relay.h"
#include "cli/screen.h"
#include "util/clock.h"
#include "util/sock.h"
#include "util/text.h"

#define SMTP_PORT 25
#define SMTP_MS 120000 /* for one transaction; the friend may wait for copies */
#define AGAIN_MS 5000 /* between two visits */
#define LOOK_MS 300
#define ASK_SECONDS 5

static bool
is_over(const struct drill *d)
{
	return clock_boot_ms() - d->began >= (int64_t)d->seconds * 1000;
}

static void __attribute__((format(printf, 3, 4)))
step(struct drill *d, const char *name, const char *fmt, ...)
{
	struct drill_step *s;
	va_list ap;

	if (d->step_count == DRILL_STEPS_MAX)
		return;
	s = &d->steps[d->step_count++];
	s->name = name;
	s->ms = clock_boot_ms() - d->began;
	va_start(ap, fmt);
	vsnprintf(s->text, sizeof(s->text), fmt, ap);
	va_end(ap);
	screen_word(s->text, s->text, sizeof(s->text));
	if (d->stepped != NULL)
		d->stepped(d, s);
}

/* The friend's door ------------------------------------------------------- */

/* The first of its addresses that answers; its host's name where it has
 * none. */
static int
connect_peer(struct drill *d, struct talk *t, struct error *error_r)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *all = NULL, *a;
	char text[64];
	size_t i;
	int rc = AG_EIO;

	for (i = 0; rc < 0 && i < d->peer->address_count; i++) {
		rc = talk_tcp(
		    t, d->peer->addresses[i], SMTP_PORT, SMTP_MS, error_r);
		if (rc < 0)
			talk_close(t);
	}
	if (d->peer->address_count > 0)
		return rc;
	if (getaddrinfo(d->peer->host, NULL, &hints, &all) != 0)
		return error_set(
		    error_r, AG_EIO, "%s has no address now", d->peer->host);
	for (a = all; rc < 0 && a != NULL; a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text),
			NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		rc = talk_tcp(t, text, SMTP_PORT, SMTP_MS, error_r);
		if (rc < 0)
			talk_close(t);
	}
	freeaddrinfo(all);
	return rc;
}

/* AG_EAGAIN for 4xx, AG_EPERM for 5xx, AG_EIO for none. */
static int
judge(
    const struct talk *t, const char *to_what, int code, struct error *error_r)
{
	if (code >= 200 && code < 400)
		return 0;
	if (code < 0)
		return error_set(error_r, AG_EIO, "no reply to %s", to_what);
	return error_set(error_r, code < 500 ? AG_EAGAIN : AG_EPERM, "%s: %s",
	    to_what, buf_str(&t->reply));
}

static int
send_mail(struct drill *d, struct talk *t, struct error *error_r)
{
	struct buf text;
	char date[64];
	time_t now = time(NULL);
	struct tm tm;
	int rc;

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	buf_init(&text, 8192);
	rc = drill_message(d, date, &text);
	if (rc == 0)
		rc = talk_send(t, text.data, text.len);
	buf_free(&text);
	if (rc < 0)
		return error_set(error_r, AG_EIO, "the connection broke off");
	return judge(t, "the mail", talk_reply(t), error_r);
}

/* One visit. AG_EAGAIN: come again. */
static int
visit(struct drill *d, bool first, struct error *error_r)
{
	struct talk t;
	int rc;

	rc = connect_peer(d, &t, error_r);
	if (rc < 0)
		return rc;
	rc = judge(&t, "the greeting", talk_reply(&t), error_r);
	if (rc == 0 && first)
		step(d, "greeting", "%s", buf_str(&t.reply));
	if (rc == 0)
		rc = judge(&t, "EHLO", talk_ask(&t, "EHLO %s", d->self->host),
		    error_r);
	if (rc == 0)
		rc = judge(&t, "MAIL", talk_ask(&t, "MAIL FROM:<>"), error_r);
	if (rc == 0)
		rc = judge(
		    &t, "RCPT", talk_ask(&t, "RCPT TO:<%s>", d->to), error_r);
	if (rc == 0) {
		step(d, "rcpt", "%s", buf_str(&t.reply));
		rc = judge(&t, "DATA", talk_ask(&t, "DATA"), error_r);
	}
	if (rc == 0)
		rc = send_mail(d, &t, error_r);
	if (rc == 0)
		step(d, "accepted", "%s", buf_str(&t.reply));
	(void)talk_say(&t, "QUIT");
	talk_close(&t);
	return rc;
}

/* A friend lets a stranger wait while we are up (SPEC N-2.1). */
static int
bring(struct drill *d, struct error *error_r)
{
	bool first = true;
	int rc;

	for (;;) {
		rc = visit(d, first, error_r);
		if (rc != AG_EAGAIN)
			return rc;
		if (first)
			step(d, "deferred", "%s", error_r->text);
		first = false;
		if (is_over(d))
			return rc;
		if (d->waiting != NULL)
			d->waiting(d,
			    "to be let in, as any stranger is "
			    "while we are up");
		(void)poll(NULL, 0, AGAIN_MS);
	}
}

/* Home --------------------------------------------------------------------- */

/* Has it come? */
static int
look_home(struct drill *d, struct error *error_r)
{
	char *request = xasprintf("drill %s\n", strrchr(d->value, ' ') + 1);
	struct buf answer;
	struct cursor c;
	const char *id;
	int rc;

	buf_init(&answer, SOCK_MESSAGE_MAX);
	rc = deliver_ask(d->conf, request, -1, ASK_SECONDS, &answer, error_r);
	cursor_init(&c, buf_str(&answer), answer.len);
	if (rc == 0 && cursor_skip(&c, "drill\n") &&
	    cursor_take(&c, BUNDLE_ID_LEN, &id)) {
		memcpy(d->id, id, BUNDLE_ID_LEN);
		if (!text_is_hex(d->id, BUNDLE_ID_LEN))
			d->id[0] = '\0';
	}
	buf_free(&answer);
	free(request);
	return rc;
}

/* The event of this kind in relayd's answer; who said it. */
static bool
find_event(const struct buf *answer, const char *what, char *who, size_t size)
{
	const char *line;
	struct cursor c;
	char word[16];
	size_t len;

	cursor_init(&c, buf_str(answer), answer->len);
	while (cursor_line(&c, &line, &len)) {
		if (relay_value(line, len, "what", word, sizeof(word)) &&
		    strcmp(word, what) == 0)
			return relay_value(line, len, "who", who, size);
	}
	return false;
}

/* It is opened; now the receipt, and the copy here goes. */
static int
follow(struct drill *d, struct error *error_r)
{
	char *command = xasprintf("trace %s\n", d->id), who[64];
	bool brought = false, signed_for = false, removed = false;
	struct buf answer;
	int rc = 0;

	buf_init(&answer, RELAY_ANSWER_MAX);
	while (rc == 0 && !removed) {
		buf_reset(&answer);
		rc = relay_order(d->conf, command, &answer, error_r);
		if (!brought &&
		    find_event(&answer, "brought", who, sizeof(who))) {
			brought = true;
			step(d, "brought", "%s brought it home", who);
		}
		if (!signed_for &&
		    find_event(&answer, "receipt", who, sizeof(who))) {
			signed_for = true;
			step(d, "receipt",
			    "signed: who holds a copy removes "
			    "it on hearing of this");
		}
		removed = find_event(&answer, "removed", who, sizeof(who));
		if (rc == 0 && !removed && is_over(d))
			rc = error_set(error_r, AG_EAGAIN,
			    "it is home, but the receipt is not there yet");
		if (rc == 0 && !removed)
			(void)poll(NULL, 0, LOOK_MS);
	}
	if (removed)
		step(d, "removed", "nothing of it is left here");
	buf_free(&answer);
	free(command);
	return rc;
}

static int
await(struct drill *d, struct error *error_r)
{
	int rc;

	while (d->id[0] == '\0') {
		rc = look_home(d, error_r);
		if (rc < 0)
			return rc;
		if (d->id[0] != '\0')
			break;
		if (is_over(d))
			return error_set(error_r, AG_EAGAIN,
			    "%s took it, but it has not come home in %u s; "
			    "when it does, it will end there",
			    d->peer->name, d->seconds);
		if (d->waiting != NULL)
			d->waiting(d, "for it to come home");
		(void)poll(NULL, 0, LOOK_MS);
	}
	step(d, "opened", "opened, and known as the test mail");
	return follow(d, error_r);
}

int
drill_message(const struct drill *d, const char *date, struct buf *out)
{
	return buf_printf(out,
	    "From: <%s>\r\nTo: <%s>\r\nDate: %s\r\n"
	    "Subject: Agamid test mail by way of %s\r\n"
	    "Message-ID: <drill.%.32s@%s>\r\n" DRILL_FIELD ": %s\r\n"
	    "Auto-Submitted: auto-generated\r\n\r\n"
	    "This is a test: agamid drill %s. It should never be read.\r\n"
	    ".\r\n",
	    d->to, d->to, date, d->peer->name, strrchr(d->value, ' ') + 1,
	    d->self->host, d->value, d->peer->name);
}

int
drill_run(struct drill *d, struct error *error_r)
{
	int rc;

	d->began = clock_boot_ms();
	rc = bring(d, error_r);
	return rc < 0 ? rc : await(d, error_r);
}
