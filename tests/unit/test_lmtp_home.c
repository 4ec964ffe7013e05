/* SPDX-License-Identifier: MIT */
/*
 * test_lmtp_home - the door to the own mail store: what is sealed, what
 * passes, whose answers are given; with stand-ins for Dovecot and for
 * agamid-deliver on real sockets.
 */
#include "help.h"
#include "lmtp_help.h"
#include "net_help.h"

#include <sys/socket.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "milter/at_home.h"
#include "milter/lmtp_home.h"
#include "util/error.h"
#include "util/file.h"
#include "util/sock.h"
#include "util/text.h"

#define MARK "1 id=x mailbox=own sig=y"

/* ---- a store: its answers follow the recipients' names ---- */

#define STORED_MAX 8

static struct store_stub {
	pthread_t thread;
	const char *offers; /* further lines of its LHLO reply */
	bool dies; /* after the final dot */
	bool refuses_data;
	int listener;
	pthread_mutex_t lock;
	unsigned count;
	char *mail[STORED_MAX], *rcpt[STORED_MAX], *text[STORED_MAX];
} stub = {.listener = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static const struct {
	const char *name, *at_rcpt, *at_end;
} behaviour[] = {
    {"full", "452 4.2.2 <full> is full", NULL},
    {"gone", "550 5.1.1 Unknown user", NULL},
    {"late", "250 2.1.5 Ok", "451 4.3.0 Later"},
    {"bad", "250 2.1.5 Ok", "550-5.7.1 Not\r\n550 5.7.1 wanted"},
    {"", "250 2.1.5 Ok", "250 2.0.0 Saved"},
};

static size_t
behaves(const char *rcpt)
{
	size_t i = 0;

	while (strstr(rcpt, behaviour[i].name) == NULL)
		i++;
	return i;
}

static void
answer(FILE *f, const char *line)
{
	fprintf(f, "%s\r\n", line);
	fflush(f);
}

/* The message, with its stuffed dots. */
static char *
take_text(FILE *f)
{
	char line[4096], *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	while (
	    fgets(line, sizeof(line), f) != NULL && strcmp(line, ".\r\n") != 0)
		fputs(line, out);
	fclose(out);
	return text;
}

static void
keep(const char *mail, const char *rcpt, char *text)
{
	pthread_mutex_lock(&stub.lock);
	stub.mail[stub.count] = xstrdup(mail);
	stub.rcpt[stub.count] = xstrdup(rcpt);
	stub.text[stub.count++] = text;
	pthread_mutex_unlock(&stub.lock);
}

struct talk_state {
	FILE *f;
	char mail[4096], rcpts[8192];
	size_t said[16], count; /* behaviour of those accepted */
};

static void
stub_data(struct talk_state *t)
{
	char *text;
	size_t i;

	if (stub.refuses_data) {
		answer(t->f, "554 5.5.1 No");
		return;
	}
	answer(t->f, "354 Go on");
	text = take_text(t->f);
	keep(t->mail, t->rcpts, text);
	for (i = 0; i < t->count && !stub.dies; i++)
		answer(t->f, behaviour[t->said[i]].at_end);
	t->count = 0;
	t->rcpts[0] = '\0';
}

static bool
stub_command(struct talk_state *t, char *line)
{
	size_t b;

	line[strcspn(line, "\r\n")] = '\0';
	if (strncmp(line, "LHLO ", 5) == 0) {
		fprintf(t->f, "250-stub\r\n%s250 PIPELINING\r\n", stub.offers);
	} else if (strncmp(line, "MAIL ", 5) == 0) {
		snprintf(t->mail, sizeof(t->mail), "%s", line);
		answer(t->f, "250 2.1.0 Ok");
	} else if (strncmp(line, "RCPT ", 5) == 0) {
		b = behaves(line);
		if (behaviour[b].at_end != NULL) {
			t->said[t->count++] = b;
			strcat(t->rcpts, line);
		}
		answer(t->f, behaviour[b].at_rcpt);
	} else if (strcmp(line, "DATA") == 0) {
		stub_data(t);
		if (stub.dies)
			return false;
	} else {
		answer(t->f, "221 2.0.0 Bye");
		return false;
	}
	return fflush(t->f) == 0;
}

static void *
stub_talk(void *arg)
{
	struct talk_state *t = calloc(1, sizeof(*t));
	char line[4096];

	t->f = fdopen((int)(intptr_t)arg, "r+");
	answer(t->f, "220 stub");
	while (fgets(line, sizeof(line), t->f) != NULL)
		if (!stub_command(t, line))
			break;
	fclose(t->f);
	free(t);
	return NULL;
}

static void *
stub_serve(void *arg)
{
	pthread_t thread;
	int fd;

	(void)arg;
	while ((fd = accept(stub.listener, NULL, NULL)) >= 0) {
		pthread_create(&thread, NULL, stub_talk, (void *)(intptr_t)fd);
		pthread_detach(thread);
	}
	return NULL;
}

/* ---- agamid-deliver ---- */

static struct {
	const char *answer; /* NULL: none */
	int listener;
	pthread_t thread;
	char asked[256];
} deliver = {.listener = -1};

static void *
deliver_serve(void *arg)
{
	int fd, passed;

	(void)arg;
	while ((fd = accept(deliver.listener, NULL, NULL)) >= 0) {
		if (sock_recv(fd, deliver.asked, sizeof(deliver.asked),
			&passed) > 0 &&
		    deliver.answer != NULL)
			sock_send(
			    fd, deliver.answer, strlen(deliver.answer), -1);
		close(fd);
	}
	return NULL;
}

/* ---- a conversation ---- */

static int
listen_at(const char *path, int type)
{
	char *dir = xstrdup(path);
	struct error error = {""};
	int fd;

	*strrchr(dir, '/') = '\0';
	assert_int_equal(file_mkdirs(dir, 0700, &error), 0);
	free(dir);
	fd = sock_listen(path, type, 0600, &error);
	assert_true(fd >= 0);
	return fd;
}

static void
talk_begin(struct talk *t, const char *table)
{
	const char *path;

	seal_begin(&t->node, "");
	path = help_path(
	    "%s/at-home", network_dir(t->node.net) + strlen(help_dir()) + 1);
	help_write(path, table, strlen(table));
	stub.offers = "250-8BITMIME\r\n";
	stub.dies = stub.refuses_data = false;
	stub.count = 0;
	deliver.answer = "mark\n" MARK;
	deliver.asked[0] = '\0';
	stub.listener = listen_at(t->node.conf->lmtp_socket, SOCK_STREAM);
	path = help_path("%s/deliver/deliver.sock",
	    t->node.conf->run_dir + strlen(help_dir()) + 1);
	deliver.listener = listen_at(path, SOCK_SEQPACKET);
	pthread_create(&stub.thread, NULL, stub_serve, NULL);
	pthread_create(&deliver.thread, NULL, deliver_serve, NULL);
	talk_open(t, &lmtp_home);
}

static void
shut(int *fd, pthread_t thread)
{
	shutdown(*fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(*fd);
	*fd = -1;
}

static void
talk_end(struct talk *t)
{
	unsigned i;

	talk_close(t);
	shut(&stub.listener, stub.thread);
	shut(&deliver.listener, deliver.thread);
	for (i = 0; i < stub.count; i++) {
		free(stub.mail[i]);
		free(stub.rcpt[i]);
		free(stub.text[i]);
	}
	seal_end(&t->node);
	assert_int_equal(seal_tmp_count(), 0);
}

static void
open_mail(struct talk *t, const char *rcpt)
{
	char line[256];

	say(t, "LHLO mail.carol.example", "250-");
	say(t, "MAIL FROM:<ann@sender.example> BODY=8BITMIME RET=HDRS", "250 ");
	snprintf(line, sizeof(line), "RCPT TO:%s NOTIFY=NEVER", rcpt);
	say(t, line, "250 2.1.5 Ok");
}

static const char table[] = "secret@carol.example own\n"
			    "full@carol.example own\n"
			    "late@carol.example own\n"
			    "secret own\n"
			    "keyless@carol.example carol\n";

static const char message[] = "Received: by carol.friends.example (Postfix)\r\n"
			      "Subject: zwieback\r\n"
			      "Message-ID: <1@sender.example>\r\n"
			      "\r\n"
			      "zwieback\r\n"
			      ".dot\r\n";

/* ---- the tests ---- */

static void
test_table(void **state)
{
	static const struct {
		const char *path, *mailbox;
	} found[] = {
	    {"<secret@carol.example>", "own"},
	    {"<SECRET@Carol.example>", "own"},
	    {"<secret+x@carol.example>", "own"},
	    {"<secret@localhost.example>", "own"},
	    {"<secret+x@localhost.example>", "own"},
	    {"<keyless@carol.example>", "carol"},
	    {"<keyless@localhost.example>", NULL},
	    {"<secre@carol.example>", NULL},
	    {"<secrets@carol.example>", NULL},
	    {"<+@carol.example>", NULL},
	};
	char mailbox[SEALED_MAILBOX_MAX + 1];
	struct address a;
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, sizeof(table));
	buf_puts(&b, table);
	for (i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		assert_int_equal(address_parse(found[i].path, &a), 0);
		if (at_home_find(&b, &a, mailbox) !=
			(found[i].mailbox != NULL) ||
		    (found[i].mailbox != NULL &&
			strcmp(mailbox, found[i].mailbox) != 0))
			fail_msg("%s", found[i].path);
	}
	buf_free(&b);
}

static void
assert_opens(const char *text, const char *expected)
{
	struct buf plain;

	buf_init(&plain, 65536);
	seal_open_wrapper(text, &plain);
	assert_string_equal(buf_str(&plain), expected);
	buf_free(&plain);
}

/* SPEC D-8.1, D-8.5 */
static void
test_sealed(void **state)
{
	struct talk t;
	const char *text;

	(void)state;
	talk_begin(&t, table);
	open_mail(&t, "<secret+x@carol.example>");
	assert_string_equal(send_mail(&t, message, 7), "250 2.0.0 Saved\r\n");
	text = stub.text[0];
	assert_int_equal(
	    strncmp(text, "X-Agamid-Sealed: " MARK "\r\nDate: ", 47), 0);
	assert_null(strstr(text, "zwieback"));
	assert_null(strstr(text, "X-Agamid-Sealed: 1\r\n"));
	assert_opens(text, message);
	assert_int_equal(strncmp(deliver.asked, "mark own ", 9), 0);
	assert_string_equal(
	    stub.mail[0], "MAIL FROM:<ann@sender.example> BODY=8BITMIME");
	assert_string_equal(stub.rcpt[0], "RCPT TO:<secret+x@carol.example>");
	talk_end(&t);
}

#define SEALED_HEAD(armor)                                   \
	"From: a@b.example\r\n"                              \
	"Content-Type: multipart/encrypted; boundary=x;\r\n" \
	" protocol=\"application/pgp-encrypted\"\r\n"        \
	"\r\n"                                               \
	"--x\r\n"                                            \
	"Content-Type: application/pgp-encrypted\r\n"        \
	"\r\n"                                               \
	"Version: 1\r\n"                                     \
	"--x\r\n"                                            \
	"Content-Type: application/octet-stream\r\n"         \
	"\r\n" armor "\r\n"                                  \
	"--x--\r\n"

/* SPEC D-8.2: PGP/MIME passes; what only looks so is sealed. */
static void
test_sealed_already(void **state)
{
	static const char good[] = SEALED_HEAD("\r\n"
					       "-----BEGIN PGP MESSAGE-----");
	static const char *const bad[] = {SEALED_HEAD("zwieback"),
	    SEALED_HEAD(""), "Content-Type: multipart/encrypted\r\n\r\n", "",
	    "zwieback"};
	struct talk t;
	size_t i;

	(void)state;
	talk_begin(&t, table);
	open_mail(&t, "<secret@carol.example>");
	assert_string_equal(send_mail(&t, good, 5), "250 2.0.0 Saved\r\n");
	assert_string_equal(stub.text[0], good);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		open_mail(&t, "<secret@carol.example>");
		assert_string_equal(
		    send_mail(&t, bad[i], 5), "250 2.0.0 Saved\r\n");
		assert_opens(stub.text[i + 1], bad[i]);
	}
	talk_end(&t);
}

/* A header that does not end. */
static void
test_large_header(void **state)
{
	char *big = xcalloc(1, 300000);
	struct talk t;

	(void)state;
	memset(big, 'x', 299999);
	talk_begin(&t, table);
	open_mail(&t, "<secret@carol.example>");
	assert_string_equal(send_mail(&t, big, 40000), "250 2.0.0 Saved\r\n");
	assert_non_null(strstr(stub.text[0], "BEGIN PGP MESSAGE"));
	free(big);
	talk_end(&t);
}

/* SPEC D-8.4 */
static void
test_passes(void **state)
{
	static const char raw[] = "Subject: x\r\n\r\n.\xff\r\n..\r\nend\r\n";
	struct talk t;

	(void)state;
	talk_begin(&t, table);
	open_mail(&t, "<other@carol.example>");
	assert_string_equal(send_mail(&t, raw, 1), "250 2.0.0 Saved\r\n");
	assert_string_equal(
	    stub.text[0], "Subject: x\r\n\r\n..\xff\r\n...\r\nend\r\n");
	assert_string_equal(deliver.asked, "");
	open_mail(&t, "<other@carol.example>");
	assert_string_equal(send_mail(&t, "", 1), "250 2.0.0 Saved\r\n");
	assert_string_equal(stub.text[1], "");
	talk_end(&t);
}

/* SPEC D-8.3: each recipient's own answer, in their order. */
static void
test_answers(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, table);
	open_mail(&t, "<secret@carol.example>");
	say(&t, "RCPT TO:<full@carol.example>", "452 4.2.2 <full> is full");
	say(&t, "RCPT TO:<bad@carol.example>", "250 ");
	say(&t, "RCPT TO:<gone@carol.example>", "550 5.1.1 Unknown user");
	say(&t, "RCPT TO:<late@carol.example>", "250 ");
	say(&t, "RCPT TO:<other@carol.example>", "250 ");
	assert_string_equal(send_mail(&t, message, 100),
	    "250 2.0.0 Saved\r\n"
	    "550 5.7.1 Not 5.7.1 wanted\r\n"
	    "451 4.3.0 Later\r\n"
	    "250 2.0.0 Saved\r\n");
	assert_int_equal(stub.count, 2);
	say(&t, "RSET", "250 ");
	open_mail(&t, "<other@carol.example>");
	stub.refuses_data = true;
	assert_string_equal(send_mail(&t, message, 100), "554 5.5.1 No\r\n");
	talk_end(&t);
}

/* SPEC D-8.3: what is offered is what the store offers. */
static void
test_offers(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, table);
	say(&t, "LHLO x", "250-");
	assert_non_null(strstr(buf_str(&t.reply), "250-8BITMIME\r\n"));
	assert_non_null(strstr(buf_str(&t.reply), "250-SIZE 0\r\n"));
	assert_null(strstr(buf_str(&t.reply), "DSN"));
	assert_null(strstr(buf_str(&t.reply), "SMTPUTF8"));
	stub.offers = "250-DSN\r\n250-SIZE\r\n250-SMTPUTF8\r\n";
	say(&t, "LHLO x", "250-");
	assert_null(strstr(buf_str(&t.reply), "8BITMIME"));
	assert_non_null(strstr(buf_str(&t.reply), "250-DSN\r\n"));
	assert_non_null(strstr(buf_str(&t.reply), "250-SMTPUTF8\r\n"));
	say(&t, "MAIL FROM:<a@b.example> SIZE=1000 RET=HDRS", "250 ");
	say(&t, "RCPT TO:<other@carol.example> NOTIFY=NEVER", "250 ");
	assert_string_equal(send_mail(&t, message, 100), "250 2.0.0 Saved\r\n");
	assert_string_equal(
	    stub.mail[0], "MAIL FROM:<a@b.example> SIZE=1000 RET=HDRS");
	assert_string_equal(
	    stub.rcpt[0], "RCPT TO:<other@carol.example> NOTIFY=NEVER");
	talk_end(&t);
}

/* SPEC D-8.1: what can't be sealed, marked or stored now waits. */
static void
test_not_now(void **state)
{
	static const char later[] = "451 4.3.0 Local trouble";
	struct talk t;

	(void)state;
	talk_begin(&t, table);
	say(&t, "LHLO x", "250-");
	say(&t, "MAIL FROM:<a@b.example>", "250 ");
	help_expect_log("key not usable");
	say(&t, "RCPT TO:<keyless@carol.example>", "451 4.7.5");
	say(&t, "DATA", "503 ");
	say(&t, "RSET", "250 ");

	deliver.answer = "later\n";
	help_expect_log("not marked");
	open_mail(&t, "<secret@carol.example>");
	assert_memory_equal(send_mail(&t, message, 9), later, 20);
	deliver.answer = NULL;
	help_expect_log("not marked");
	open_mail(&t, "<secret@carol.example>");
	assert_memory_equal(send_mail(&t, message, 9), later, 20);
	assert_int_equal(stub.count, 0);

	/* A node whose keys are older than marks. */
	deliver.answer = "none\n";
	open_mail(&t, "<secret@carol.example>");
	assert_string_equal(send_mail(&t, message, 9), "250 2.0.0 Saved\r\n");
	assert_null(strstr(stub.text[0], "X-Agamid-Sealed"));
	assert_opens(stub.text[0], message);
	talk_end(&t);
}

/* SPEC D-8.3: no answer is a temporary one. */
static void
test_store_dies(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, table);
	stub.dies = true;
	open_mail(&t, "<secret@carol.example>");
	say(&t, "RCPT TO:<late@carol.example>", "250 ");
	help_expect_log("the mail store fails");
	assert_string_equal(send_mail(&t, message, 9),
	    "451 4.4.1 The mail store does not answer; try again later\r\n"
	    "451 4.4.1 The mail store does not answer; try again later\r\n");
	unlink(t.node.conf->lmtp_socket);
	say(&t, "MAIL FROM:<a@b.example>", "250 ");
	help_expect_log("the mail store does not answer");
	say(&t, "RCPT TO:<secret@carol.example>", "451 4.4.1");
	help_expect_log("the mail store does not answer");
	assert_int_equal(say(&t, "LHLO x", "421 4.3.2"), LMTP_NEXT_CLOSE);
	talk_end(&t);
}

/* Cut off in the middle: nothing is stored. */
static void
test_cut_off(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, table);
	open_mail(&t, "<secret@carol.example>");
	say(&t, "DATA", "354 ");
	lmtp_session_data(t.s, message, strlen(message));
	lmtp_session_free(&t.s);
	assert_int_equal(stub.count, 0);
	talk_end(&t);
}

#ifdef ENABLE_FAULT_POINTS
/* SPEC D-8.3: it was not stored, and is not said to be. */
static void
test_no_dot(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t, table);
	open_mail(&t, "<secret@carol.example>");
	help_faults("home.dot error");
	assert_memory_equal(send_mail(&t, message, 9), "451 4.3.0", 9);
	talk_end(&t);
}
#endif

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_table),
	    help_test(test_sealed),
	    help_test(test_sealed_already),
	    help_test(test_large_header),
	    help_test(test_passes),
	    help_test(test_answers),
	    help_test(test_offers),
	    help_test(test_not_now),
	    help_test(test_store_dies),
	    help_test(test_cut_off),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_no_dot),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
