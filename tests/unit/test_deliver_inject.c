/* SPDX-License-Identifier: MIT */
/*
 * test_deliver_inject - the SMTP client against servers that the real
 * Postfix does not play: one that offers little, refuses XCLIENT, leaves
 * in the middle, speaks out of turn. What it says is compared word for
 * word.
 */
#include "help.h"

#include <sys/socket.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "deliver/inject.h"
#include "util/sock.h"
#include "util/text.h"

#define SECONDS 20

/* A server that says its lines one after the other: each after one line
 * came, or ("." first) after the message's end. With "@" another one comes
 * to stand at its path first, and it is silent for PAUSE_MS, or until it is
 * left. */
#define PAUSE_MS 1200
struct server {
	const char *const *says; /* NULL-ended; "" leaves at once */
	const char *path;
	int listener, successor;
	pthread_t thread;
	char heard[65536];
	size_t len;
};

/* Hear until the end of a line, or of a message; false at the end. */
static bool
server_hear(struct server *s, int fd, const char *until, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t from = s->len;
	ssize_t n;

	while (strstr(s->heard + from, until) == NULL) {
		if (poll(&p, 1, ms) != 1)
			return false;
		n = read(fd, s->heard + s->len, sizeof(s->heard) - 1 - s->len);
		if (n <= 0)
			return false;
		s->len += (size_t)n;
		s->heard[s->len] = '\0';
	}
	return true;
}

static void
server_replace(struct server *s)
{
	struct error error;

	s->successor = sock_listen(s->path, SOCK_STREAM, 0600, &error);
	assert_true(s->successor >= 0);
}

static void *
server_thread(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->listener, NULL, NULL);
	const char *line;
	size_t i;

	for (i = 0; (line = s->says[i]) != NULL && *line != '\0'; i++) {
		if (i > 0 &&
		    !server_hear(s, fd, *line == '.' ? "\r\n.\r\n" : "\r\n",
			SECONDS * 1000))
			break;
		line += *line == '.' ? 1 : 0;
		if (*line == '@') {
			server_replace(s);
			server_hear(s, fd, "never", PAUSE_MS);
			line++;
		}
		if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
			break;
	}
	if (line == NULL)
		server_hear(s, fd, "never", SECONDS * 1000);
	close(fd);
	return NULL;
}

static void
server_start(struct server *s, const char *const *says)
{
	struct error error;

	memset(s, 0, sizeof(*s));
	s->successor = -1;
	s->says = says;
	s->path = help_path("inject.sock");
	s->listener = sock_listen(s->path, SOCK_STREAM, 0600, &error);
	assert_true(s->listener >= 0);
	assert_int_equal(pthread_create(&s->thread, NULL, server_thread, s), 0);
}

static const char *
server_heard(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->listener);
	if (s->successor >= 0)
		close(s->successor);
	return s->heard;
}

/* ---- a mail ---- */

struct mail {
	struct bsmtp_envelope envelope;
	struct rcpt rcpt[3];
	struct rcpts rs;
	struct xclient client;
	struct inject_mail mail;
	struct error error;
};

static void
mail_make(struct mail *m, struct server *s)
{
	static const struct bundle_client from = {
	    .name = "mail.sender.example",
	    .address = "2a01:4f8::7",
	    .helo = "ann",
	};
	static const struct xclient_own own = {.host = "bob.friends.example"};
	static const char *const rcpts[] = {
	    "<a@bob.example>", "<b@bob.example>", "<c@bob.example>"};
	size_t i;

	memset(m, 0, sizeof(*m));
	bsmtp_envelope_init(&m->envelope);
	assert_int_equal(bsmtp_set_mail(&m->envelope, "<ann@sender.example>",
			     "BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x "
			     "SIZE=999999"),
	    0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(bsmtp_add_rcpt(&m->envelope, rcpts[i],
				     i == 0 ? "NOTIFY=NEVER" : ""),
		    0);
		m->rcpt[i].path = rcpts[i];
	}
	m->rcpt[2].state = RCPT_DELIVERED; /* by an earlier attempt */
	m->rs.rcpt = m->rcpt;
	m->rs.count = 3;
	xclient_make(&from, &own, &m->client);
	m->mail.socket = s->path;
	m->mail.host = own.host;
	m->mail.client = &m->client;
	m->mail.envelope = &m->envelope;
	m->mail.size = 100;
	m->mail.headers = "X-Agamid-Via: carol\r\n";
}

/* All of it; the first result that is no success. */
static int
mail_send(struct mail *m, const char *message)
{
	struct inject *i;
	int rc;

	rc = inject_begin(&m->mail, &m->rs, &i, &m->error);
	if (rc == 1)
		rc = inject_write(i, message, strlen(message), &m->error);
	if (rc == 0 && i != NULL)
		rc = inject_end(i, &m->rs, &m->error);
	inject_free(&i);
	return rc;
}

#define XCLIENT                                                        \
	"XCLIENT NAME=mail.sender.example REVERSE_NAME=[UNAVAILABLE] " \
	"ADDR=IPV6:2a01:4f8::7 PORT=[UNAVAILABLE] HELO=ann PROTO=ESMTP\r\n"
#define HIDDEN                                                   \
	"XCLIENT NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE] " \
	"ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE] HELO=ann PROTO=ESMTP\r\n"
#define OFFER                                                               \
	"250-bob\r\n250-XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT\r\n" \
	"250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 0\r\n250 DSN\r\n"

static void
test_all_is_said_anew(void **state)
{
	static const char *const says[] = {"220 bob\r\n", OFFER, "220 bob\r\n",
	    OFFER, "250 ok\r\n", "250 ok\r\n", "450 later\r\n", "354 go\r\n",
	    ".250 queued\r\n", "221 bye\r\n", NULL};
	struct server s;
	struct mail m;

	(void)state;
	server_start(&s, says);
	mail_make(&m, &s);
	assert_int_equal(mail_send(&m, "A: b\r\n\r\n.dot\nend"), 0);
	assert_int_equal(m.rcpt[0].state, RCPT_DELIVERED);
	assert_string_equal(m.rcpt[0].reply, "250 queued");
	assert_true(m.rcpt[0].now);
	assert_int_equal(m.rcpt[1].state, RCPT_WAITING);
	assert_string_equal(m.rcpt[1].reply, "450 later");
	assert_false(m.rcpt[2].now);
	assert_string_equal(server_heard(&s),
	    "EHLO bob.friends.example\r\n" XCLIENT "EHLO ann\r\n"
	    "MAIL FROM:<ann@sender.example> SIZE=100 BODY=8BITMIME SMTPUTF8 "
	    "RET=HDRS ENVID=x\r\n"
	    "RCPT TO:<a@bob.example> NOTIFY=NEVER\r\n"
	    "RCPT TO:<b@bob.example>\r\n"
	    "DATA\r\n"
	    "X-Agamid-Via: carol\r\nA: b\r\n\r\n..dot\r\nend\r\n.\r\n"
	    "QUIT\r\n");
	bsmtp_envelope_free(&m.envelope);
}

/* Parameters only as far as the second EHLO offers them. */
static void
test_small_offer(void **state)
{
	static const char *const says[] = {"220 bob\r\n", OFFER, "220 bob\r\n",
	    "250 bob\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n",
	    "354 go\r\n", ".250 queued\r\n", "221 bye\r\n", NULL};
	struct server s;
	struct mail m;

	(void)state;
	server_start(&s, says);
	mail_make(&m, &s);
	assert_int_equal(mail_send(&m, "A: b\r\n"), 0);
	assert_string_equal(server_heard(&s),
	    "EHLO bob.friends.example\r\n" XCLIENT "EHLO ann\r\n"
	    "MAIL FROM:<ann@sender.example>\r\n"
	    "RCPT TO:<a@bob.example>\r\nRCPT TO:<b@bob.example>\r\nDATA\r\n"
	    "X-Agamid-Via: carol\r\nA: b\r\n.\r\nQUIT\r\n");
	bsmtp_envelope_free(&m.envelope);
}

static void
test_address_is_hidden_where_refused(void **state)
{
	static const char *const says[] = {"220 bob\r\n", OFFER,
	    "501 5.5.4 Bad ADDR syntax\r\n", "220 bob\r\n", OFFER, "550 no\r\n",
	    "221 bye\r\n", NULL};
	struct server s;
	struct mail m;

	(void)state;
	server_start(&s, says);
	mail_make(&m, &s);
	assert_int_equal(mail_send(&m, ""), 0);
	assert_int_equal(m.rcpt[0].state, RCPT_REFUSED);
	assert_int_equal(m.rcpt[1].state, RCPT_REFUSED);
	assert_int_equal(m.rcpt[2].state, RCPT_DELIVERED);
	assert_non_null(strstr(server_heard(&s), XCLIENT HIDDEN "EHLO ann"));
	bsmtp_envelope_free(&m.envelope);
}

/* What leaves every recipient waiting; nothing is said behind it. */
static void
test_sessions_that_fail(void **state)
{
	static const struct {
		const char *const says[12];
		int rc;
		const char *error, *last;
	} cases[] = {
	    {{""}, AG_EIO, "closed", ""},
	    {{"hello\r\n"}, AG_EINVAL, "not an SMTP reply", ""},
	    {{"554 no\r\n"}, AG_EAGAIN, "the connection with: 554 no", ""},
	    {{"220 bob\r\n", "502 no\r\n"}, AG_EAGAIN, "EHLO with: 502",
		"EHLO bob.friends.example\r\n"},
	    {{"220 bob\r\n250 too early\r\n"}, AG_EINVAL, "out of turn", ""},
	    {{"220 bob\r\n", "250-bob\r\n250 8BITMIME\r\n"}, AG_EAGAIN,
		"no XCLIENT", "EHLO bob.friends.example\r\n"},
	    {{"220 bob\r\n", OFFER, "550 5.7.0 insufficient\r\n"}, AG_EAGAIN,
		"XCLIENT with: 550", XCLIENT},
	    {{"220 bob\r\n", OFFER, "501 no\r\n", "501 no\r\n"}, AG_EAGAIN,
		"XCLIENT with: 501", HIDDEN},
	    {{"220 bob\r\n", OFFER, "220 bob\r\n", OFFER, "421 bye\r\n"},
		AG_EAGAIN, "421 bye", "ENVID=x\r\n"},
	    {{"220 bob\r\n", OFFER, "220 bob\r\n", OFFER, "250 ok\r\n",
		 "250 ok\r\n", ""},
		AG_EIO, "", "RCPT TO:<a@bob.example> NOTIFY=NEVER\r\n"},
	};
	const char *heard;
	struct server s;
	struct mail m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		server_start(&s, cases[i].says);
		mail_make(&m, &s);
		assert_int_equal(mail_send(&m, "A: b\r\n"), cases[i].rc);
		assert_non_null(strstr(m.error.text, cases[i].error));
		assert_int_equal(m.rcpt[0].state, RCPT_WAITING);
		assert_int_equal(m.rcpt[1].state, RCPT_WAITING);
		heard = server_heard(&s);
		assert_true(strlen(heard) >= strlen(cases[i].last));
		assert_string_equal(
		    heard + strlen(heard) - strlen(cases[i].last),
		    cases[i].last);
		bsmtp_envelope_free(&m.envelope);
	}
}

/* What the last replies mean for those that were accepted. */
static void
test_after_data(void **state)
{
	static const struct {
		const char *data, *end; /* replies */
		int rc;
		enum rcpt_state state;
	} cases[] = {
	    {"354 go\r\n", ".250 ok\r\n", 0, RCPT_DELIVERED},
	    {"354 go\r\n", ".451 full\r\n", 0, RCPT_WAITING},
	    {"354 go\r\n", ".552 big\r\n", 0, RCPT_REFUSED},
	    {"354 go\r\n", ".421 bye\r\n", AG_EAGAIN, RCPT_WAITING},
	    {"354 go\r\n", ".what\r\n", AG_EINVAL, RCPT_WAITING},
	    {"451 no\r\n", "221 bye\r\n", 0, RCPT_WAITING},
	    {"554 no\r\n", "221 bye\r\n", 0, RCPT_REFUSED},
	};
	const char *says[] = {"220 bob\r\n", OFFER, "220 bob\r\n", OFFER,
	    "250 ok\r\n", "550 no\r\n", "250 ok\r\n", NULL, NULL, "221 .\r\n",
	    NULL};
	struct server s;
	struct mail m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		says[7] = cases[i].data;
		says[8] = cases[i].end;
		server_start(&s, says);
		mail_make(&m, &s);
		assert_int_equal(mail_send(&m, "A: b\r\n"), cases[i].rc);
		assert_int_equal(m.rcpt[0].state, RCPT_REFUSED);
		assert_int_equal(m.rcpt[1].state, cases[i].state);
		server_heard(&s);
		bsmtp_envelope_free(&m.envelope);
	}
}

/* Freed before its end: no dot, whatever the message was. */
static void
test_cut(void **state)
{
	static const char *const says[] = {"220 bob\r\n", OFFER, "220 bob\r\n",
	    OFFER, "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
	    NULL};
	struct inject *i;
	struct server s;
	struct mail m;
	const char *heard;

	(void)state;
	server_start(&s, says);
	mail_make(&m, &s);
	assert_int_equal(inject_begin(&m.mail, &m.rs, &i, &m.error), 1);
	assert_int_equal(
	    inject_write(i, "A: b\r\n\r\n.\r\n.\n.\r\n", 16, &m.error), 0);
	inject_free(&i);
	heard = server_heard(&s);
	assert_null(strstr(heard, "\n.\r\n"));
	assert_null(strstr(heard, "\n.\n"));
	assert_non_null(strstr(heard, "\r\n..\r\n..\r\n..\r\n"));
	bsmtp_envelope_free(&m.envelope);
}

/* SPEC N-10.12: whoever was left over from a Postfix that died is waited for
 * no more, as soon as another one listens; but once he heard the end of the
 * mail, he is. */
static void
test_server_is_replaced(void **state)
{
	static const struct {
		const char *const says[12];
		int rc;
		enum rcpt_state state;
	} cases[] = {
	    {{"@"}, AG_EAGAIN, RCPT_WAITING},
	    {{"220 bob\r\n", "@"}, AG_EAGAIN, RCPT_WAITING},
	    {{"220 bob\r\n", OFFER, "220 bob\r\n", OFFER, "250 ok\r\n", "@"},
		AG_EAGAIN, RCPT_WAITING},
	    {{"220 bob\r\n", OFFER, "220 bob\r\n", OFFER, "250 ok\r\n",
		 "250 ok\r\n", "250 ok\r\n", "354 go\r\n", ".@250 queued\r\n",
		 "221 bye\r\n"},
		0, RCPT_DELIVERED},
	};
	struct server s;
	struct mail m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		server_start(&s, cases[i].says);
		mail_make(&m, &s);
		assert_int_equal(mail_send(&m, "A: b\r\n"), cases[i].rc);
		assert_int_equal(m.rcpt[0].state, cases[i].state);
		if (cases[i].rc < 0)
			assert_string_equal(
			    m.error.text, "the server was started anew");
		server_heard(&s);
		bsmtp_envelope_free(&m.envelope);
	}
}

static void
test_no_server(void **state)
{
	struct server s = {.path = help_path("nothing")};
	struct mail m;

	(void)state;
	mail_make(&m, &s);
	assert_int_equal(mail_send(&m, ""), AG_EIO);
	bsmtp_envelope_free(&m.envelope);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_all_is_said_anew),
	    help_test(test_small_offer),
	    help_test(test_address_is_hidden_where_refused),
	    help_test(test_sessions_that_fail),
	    help_test(test_after_data),
	    help_test(test_cut),
	    help_test(test_server_is_replaced),
	    help_test(test_no_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
