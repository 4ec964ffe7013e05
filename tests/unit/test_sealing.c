/* SPDX-License-Identifier: MIT */
/*
 * test_sealing - one mail into one bundle: what is inside is what went in,
 * and whatever goes wrong leaves nothing.
 */
#include "help.h"
#include "net_help.h"
#include "seal_help.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "mail/dsn.h"
#include "milter/sealing.h"
#include "util/file.h"
#include "util/text.h"

#define NOW 1795342496 /* Sun, 22 Nov 2026 10:14:56 */
#define MEGA (1024 * 1024)

static const struct bundle_client client = {
    .name = "mail.sender.example",
    .reverse_name = "mail.sender.example",
    .address = "192.0.2.7",
    .port = "40312",
    .helo = "mail.sender.example",
    .protocol = "ESMTP",
};

static const char message[] = "From: ann@sender.example\r\n"
			      "Subject:no-space\r\n"
			      "X-Fold: a\r\n"
			      "\tb\r\n"
			      "\r\n"
			      ".\r\n"
			      "..two dots\r\n"
			      "b\xf6se 8-bit\r\n";

static void
envelope_for(struct bsmtp_envelope *e, const char *rcpt)
{
	bsmtp_envelope_init(e);
	assert_int_equal(bsmtp_set_mail(e, "<ann@sender.example>",
			     "BODY=8BITMIME RET=HDRS ENVID=QQ1"),
	    AG_OK);
	assert_int_equal(bsmtp_add_rcpt(e, rcpt, "NOTIFY=FAILURE"), AG_OK);
}

static enum answer
begin(struct seal_node *n, const char *home, struct sealing **job_r)
{
	struct bsmtp_envelope e;
	struct sealing_request req = {
	    .net = n->net,
	    .class = {.kind = MAIL_PEER},
	    .envelope = &e,
	    .client = &client,
	    .with = "ESMTP",
	    .received_from = true,
	    .queue_id = "4XyZ12",
	    .now = NOW,
	};
	char rcpt[64];
	enum answer a;

	strcpy(req.class.home, home);
	snprintf(rcpt, sizeof(rcpt), "<%s@%s.example>", home, home);
	envelope_for(&e, rcpt);
	a = sealing_new(n->sealer, &req, job_r);
	bsmtp_envelope_free(&e);
	return a;
}

static enum answer
end(struct sealing *job)
{
	enum answer a = sealing_end(job);

	while (a == ANSWER_OK || a == ANSWER_WAIT) {
		a = sealing_wait(job, 20000);
		if (a == ANSWER_OK)
			break;
	}
	return a;
}

/* Seals a mail; whether its sender was kept, as dsn/ID, and opens. */
static void
check_kept(struct seal_node *n, const char *spf, const char *params, bool own,
    bool kept)
{
	struct bundle_client c = client;
	struct bsmtp_envelope e;
	struct sealing_request req = {.net = n->net,
	    .class = {.kind = MAIL_PEER, .home = "bob"},
	    .envelope = &e,
	    .client = &c,
	    .queue_id = "4XyZ12",
	    .own = own,
	    .now = NOW};
	struct error error = {""};
	const char *dir =
	    help_path("%s/dsn", n->conf->spool_dir + strlen(help_dir()) + 1);
	struct sealing *job;
	struct dsn_record r;
	struct buf plain;
	const char *data;
	char path[512];
	size_t len;

	assert_int_equal(file_mkdirs(dir, 0700, &error), 0);
	strcpy(c.spf, spf);
	bsmtp_envelope_init(&e);
	assert_int_equal(bsmtp_set_mail(&e, "<ann@sender.example>", ""), 0);
	assert_int_equal(bsmtp_add_rcpt(&e, "<bob@bob.example>", params), 0);
	assert_int_equal(sealing_new(n->sealer, &req, &job), ANSWER_OK);
	assert_int_equal(
	    sealing_push(job, message, strlen(message)), ANSWER_OK);
	assert_int_equal(end(job), ANSWER_OK);
	assert_int_equal(help_entries(dir), kept ? 1 : 0);
	if (kept) {
		snprintf(path, sizeof(path), "%s/%s", dir, sealing_id(job));
		data = help_read(path, &len);
		assert_null(memmem(data, len, "ann", 3));
		buf_init(&plain, DSN_MAX);
		seal_open_message(data, len, "bob", &plain);
		assert_int_equal(
		    dsn_parse(plain.data, plain.len, &r, &error), 0);
		assert_string_equal(r.id, sealing_id(job));
		assert_string_equal(r.acceptor, "carol");
		assert_string_equal(
		    r.envelope.mail.path, "<ann@sender.example>");
		bsmtp_envelope_free(&r.envelope);
		buf_free(&plain);
	}
	/* Another answer is given after all. */
	assert_int_equal(sealing_withdraw(job, &error), 0);
	assert_int_equal(help_entries(dir), 0);
	sealing_free(&job);
	bsmtp_envelope_free(&e);
}

/* Who is told if it expires: own users always, strangers where that is
 * asked for and SPF has passed. SPEC N-12.4, N-12.5 */
static void
test_sender_kept(void **state)
{
	static const struct {
		const char *settings, *spf, *params;
		bool own, kept;
	} cases[] = {
	    {"", "pass", "", false, false},
	    {"", "", "", true, true},
	    {"", "", "NOTIFY=NEVER", true, false},
	    {"dsn: all\n", "pass", "", false, true},
	    {"dsn: all\n", "Pass", "NOTIFY=DELAY", false, false},
	    {"dsn: all\n", "softfail", "", false, false},
	    {"dsn: all\n", "none", "", false, false},
	    {"dsn: all\n", "", "", false, false},
	};
	struct seal_node n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		seal_begin(&n, cases[i].settings);
		check_kept(&n, cases[i].spf, cases[i].params, cases[i].own,
		    cases[i].kept);
		seal_end(&n);
	}
}

static void
check_opened(const struct seal_opened *o, const char *home)
{
	assert_string_equal(o->ticket.home, home);
	assert_int_equal(o->ticket.time, NOW);
	assert_int_equal(o->ticket.copies, 4);
	assert_string_equal(o->head.client.name, client.name);
	assert_string_equal(o->head.client.address, client.address);
	assert_string_equal(o->head.client.port, client.port);
	assert_string_equal(o->head.client.protocol, "ESMTP");
	assert_string_equal(o->head.client.tls, "");
	/* A size class, and not less than one. */
	assert_int_equal(bundle_padded(o->plain_len), o->plain_len);
	assert_true(o->plain_len > o->body_len);
}

static void
round_trip(const char *settings)
{
	struct seal_node n;
	struct seal_opened o;
	struct sealing *job;
	const char *const whose[] = {"bob", "bob-recovery"};
	size_t i;

	seal_begin(&n, settings);
	assert_int_equal(begin(&n, "bob", &job), ANSWER_OK);
	for (i = 0; i < strlen(message); i++)
		assert_int_equal(sealing_push(job, message + i, 1), ANSWER_OK);
	assert_int_equal(end(job), ANSWER_OK);
	assert_int_equal(seal_tmp_count(), 0);
	for (i = 0; i < 2; i++) {
		seal_open(&n, sealing_id(job), whose[i], 65536, &o);
		check_opened(&o, "bob");
		assert_int_equal(o.ticket.size, sealing_size(job));
		assert_string_equal(buf_str(&o.envelope),
		    "EHLO carol.friends.example\r\n"
		    "MAIL FROM:<ann@sender.example> "
		    "BODY=8BITMIME RET=HDRS ENVID=QQ1\r\n"
		    "RCPT TO:<bob@bob.example> NOTIFY=FAILURE\r\n"
		    "DATA\r\n");
		assert_string_equal(seal_message(&o), message);
		assert_non_null(strstr(buf_str(&o.body),
		    "by carol.friends.example (Agamid) with ESMTP id 4XyZ12"
		    "\r\n\tfor <bob@bob.example>;\r\n"));
		seal_opened_free(&o);
	}
	sealing_free(&job);
	seal_end(&n);
}

/* SPEC N-3.1, N-3.3, N-3.4, N-4.1, B-3.13 */
static void
test_round_trip_gpgme(void **state)
{
	(void)state;
	round_trip("openpgp: gpgme\n");
}

/* Where RNP is built; the other engine where it isn't. */
static void
test_round_trip_auto(void **state)
{
	(void)state;
	round_trip("openpgp: auto\n");
}

static const struct {
	const char *text, *expected;
} odd[] = {
    {"", ""},
    {"\r\n", "\r\n"},
    {"Subject: x\r\n\r\n", "Subject: x\r\n\r\n"},
    {"Subject: x\r\n\r\nno end", "Subject: x\r\n\r\nno end\r\n"},
    {"Subject: x\r\n\r\n.", "Subject: x\r\n\r\n.\r\n"},
    {"Subject: x\r\n\r\n\r\n\r\n\r\n", "Subject: x\r\n\r\n\r\n\r\n\r\n"},
};

static void
test_odd_messages(void **state)
{
	struct seal_node n;
	struct seal_opened o;
	struct sealing *job;
	size_t i;

	(void)state;
	seal_begin(&n, "");
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		print_message("%zu\n", i);
		assert_int_equal(begin(&n, "bob", &job), ANSWER_OK);
		assert_int_equal(
		    sealing_push(job, odd[i].text, strlen(odd[i].text)),
		    ANSWER_OK);
		assert_int_equal(end(job), ANSWER_OK);
		seal_open(&n, sealing_id(job), "bob", 65536, &o);
		assert_string_equal(seal_message(&o), odd[i].expected);
		seal_opened_free(&o);
		sealing_free(&job);
	}
	seal_end(&n);
}

/* Equal mails are no equal bundles. SPEC N-4.1 */
static void
test_nonce_is_new(void **state)
{
	char nonces[3][NONCE_LEN + 1];
	struct seal_node n;
	struct seal_opened o;
	struct sealing *job;
	size_t i;

	(void)state;
	seal_begin(&n, "");
	for (i = 0; i < 3; i++) {
		assert_int_equal(begin(&n, "dave", &job), ANSWER_OK);
		assert_int_equal(end(job), ANSWER_OK);
		seal_open(&n, sealing_id(job), "dave", 65536, &o);
		strcpy(nonces[i], o.ticket.nonce);
		seal_opened_free(&o);
		sealing_free(&job);
	}
	assert_int_equal(seal_new_count(), 3);
	assert_string_not_equal(nonces[0], nonces[1]);
	assert_string_not_equal(nonces[1], nonces[2]);
	seal_end(&n);
}

/* SPEC N-1.8: the bytes are counted. */
static void
test_too_big(void **state)
{
	static char block[65536];
	struct seal_node n;
	struct sealing *job;
	unsigned i;

	(void)state;
	memset(block, 'x', sizeof(block));
	seal_begin(&n, "");
	assert_int_equal(begin(&n, "dave", &job), ANSWER_OK);
	for (i = 0; i < 16; i++)
		assert_int_equal(
		    sealing_push(job, block, sizeof(block)), ANSWER_OK);
	assert_int_equal(sealing_push(job, block, 1), ANSWER_TOO_BIG);
	assert_int_equal(sealing_push(job, block, 1), ANSWER_TOO_BIG);
	assert_int_equal(sealing_end(job), ANSWER_TOO_BIG);
	assert_int_equal(sealing_wait(job, 0), ANSWER_TOO_BIG);
	sealing_free(&job);
	seal_end(&n);
	assert_int_equal(seal_new_count(), 0);
	assert_int_equal(seal_tmp_count(), 0);
}

/* SPEC N-5.2: a sender that goes away in the middle. */
static void
test_given_up(void **state)
{
	struct seal_node n;
	struct sealing *job;

	(void)state;
	seal_begin(&n, "");
	assert_int_equal(begin(&n, "bob", &job), ANSWER_OK);
	assert_int_equal(
	    sealing_push(job, message, strlen(message)), ANSWER_OK);
	sealing_free(&job);
	assert_null(job);
	seal_end(&n);
	assert_int_equal(seal_new_count(), 0);
	assert_int_equal(seal_tmp_count(), 0);
}

/* SPEC N-3.6 */
static void
test_max_sealing(void **state)
{
	struct sealing *jobs[3];
	struct seal_node n;
	int i;

	(void)state;
	seal_begin(&n, "sealing: {max: 2}\n");
	assert_int_equal(begin(&n, "bob", &jobs[0]), ANSWER_OK);
	assert_int_equal(begin(&n, "bob", &jobs[1]), ANSWER_OK);
	assert_int_equal(begin(&n, "bob", &jobs[2]), ANSWER_BUSY);
	assert_null(jobs[2]);
	assert_int_equal(end(jobs[0]), ANSWER_OK);
	sealing_free(&jobs[0]);
	assert_int_equal(begin(&n, "bob", &jobs[2]), ANSWER_OK);
	for (i = 1; i < 3; i++)
		assert_int_equal(end(jobs[i]), ANSWER_OK);
	for (i = 0; i < 3; i++)
		sealing_free(&jobs[i]);
	assert_int_equal(seal_new_count(), 3);
	seal_end(&n);
}

/* SPEC N-3.6: nothing comes any more. */
static void
test_deadline(void **state)
{
	struct seal_node n;
	struct sealing *job;

	(void)state;
	seal_begin(&n, "");
	n.conf->sealing_timeout = 1; /* less than a file may say */
	help_expect_log("sealing failed home=bob reply=451");
	assert_int_equal(begin(&n, "bob", &job), ANSWER_OK);
	assert_int_equal(sealing_wait(job, 20000), ANSWER_LATE);
	assert_int_equal(sealing_push(job, "x", 1), ANSWER_LATE);
	assert_int_equal(sealing_end(job), ANSWER_LATE);
	sealing_free(&job);
	seal_end(&n);
	assert_int_equal(seal_new_count(), 0);
	assert_int_equal(seal_tmp_count(), 0);
}

/* SPEC N-1.7 */
static void
test_no_key(void **state)
{
	static const struct net_node nodes[] = {
	    {.name = "carol"}, {.name = "bob"}};
	struct target t = {.class = {.kind = MAIL_PEER, .home = "bob"}};
	struct seal_node n;
	struct sealing *job;
	enum answer a;

	(void)state;
	seal_begin(&n, "");
	t.home = network_find(n.net, "bob");
	assert_true(sealer_usable(n.sealer, n.net, &t));
	assert_true(sealer_usable(n.sealer, n.net, &t));
	/* A view whose fingerprints belong to no key. */
	network_unref(&n.net);
	net_derive("carol", nodes, 2, NULL, 0);
	n.net = network_current(n.source, NULL);
	t.home = network_find(n.net, "bob");
	help_expect_log("key not usable home=bob");
	assert_false(sealer_usable(n.sealer, n.net, &t));
	help_expect_log("sealing failed home=bob reply=451");
	a = begin(&n, "bob", &job);
	if (a == ANSWER_OK)
		a = end(job);
	assert_true(a == ANSWER_NO_KEY || a == ANSWER_TROUBLE);
	sealing_free(&job);
	seal_end(&n);
	assert_int_equal(seal_new_count(), 0);
	assert_int_equal(seal_tmp_count(), 0);
}

#ifdef ENABLE_FAULT_POINTS
/* SPEC N-5.1, N-5.2: each durable step fails once. */
static void
test_faults(void **state)
{
	static const char *const faults[] = {"spool.create error",
	    "spool.write error", "spool.head error", "spool.fsync error",
	    "spool.rename error", "spool.dirsync error"};
	struct seal_node n;
	struct sealing *job;
	enum answer a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		print_message("%s\n", faults[i]);
		seal_begin(&n, "");
		help_expect_log("sealing failed home=bob reply=451");
		help_faults(faults[i]);
		a = begin(&n, "bob", &job);
		if (a == ANSWER_OK)
			a = end(job);
		assert_int_equal(a, ANSWER_TROUBLE);
		sealing_free(&job);
		seal_end(&n);
		assert_int_equal(seal_new_count(), 0);
		assert_int_equal(seal_tmp_count(), 0);
	}
}
#endif

/* Resident memory in kB. */
static long
rss(void)
{
	const char *status = help_read("/proc/self/status", NULL);

	return strtol(strstr(status, "VmRSS:") + 6, NULL, 10);
}

/* A sanitizer or valgrind keeps freed memory for a while. */
#if defined(__SANITIZE_ADDRESS__)
#define SLACK (64L * 1024)
#else
#define SLACK (6L * 1024)
#endif

/* SPEC N-3.2: 30 MB of text in no more memory than 3. */
static void
test_memory_is_flat(void **state)
{
	static char block[65536];
	crypto_hash_sha256_state hash;
	uint8_t sha256[crypto_hash_sha256_BYTES];
	char hex[65];
	struct seal_node n;
	struct seal_opened o;
	struct sealing *job;
	long before = 0;
	unsigned i;

	(void)state;
	seal_begin(&n, "");
	crypto_hash_sha256_init(&hash);
	assert_int_equal(begin(&n, "bob", &job), ANSWER_OK);
	for (i = 0; i < 480; i++) {
		memset(block, 'a' + i % 26, sizeof(block));
		memcpy(block + sizeof(block) - 4, "\r\n.\n", 4);
		assert_int_equal(
		    sealing_push(job, block, sizeof(block)), ANSWER_OK);
		crypto_hash_sha256_update(
		    &hash, (uint8_t *)block, sizeof(block));
		if (i == 48)
			before = rss();
	}
	crypto_hash_sha256_update(&hash, (const uint8_t *)"\r\n", 2);
	assert_int_equal(end(job), ANSWER_OK);
	print_message("%ld kB, then %ld kB\n", before, rss());
	assert_true(rss() - before < SLACK);
	seal_open(&n, NULL, "bob", 65536 * 2, &o);
	assert_true(o.body_len > 30L * MEGA);
	assert_int_equal(o.ticket.copies, 2); /* above 1 MB */
	crypto_hash_sha256_final(&hash, sha256);
	text_hex(sha256, sizeof(sha256), hex);
	assert_string_equal(o.sha256, hex);
	seal_opened_free(&o);
	sealing_free(&job);
	seal_end(&n);
}

static void *
run_client(void *arg)
{
	struct seal_node *n = arg;
	struct sealing *job = NULL;
	enum answer a;
	int i;

	for (i = 0; i < 10; i++) {
		a = begin(n, i % 2 ? "bob" : "dave", &job);
		if (a == ANSWER_OK)
			a = sealing_push(job, message, strlen(message));
		if (a == ANSWER_OK)
			a = end(job);
		sealing_free(&job);
		if (a != ANSWER_OK)
			return arg;
	}
	return NULL;
}

static void
test_many_at_once(void **state)
{
	struct seal_node n;
	pthread_t threads[4];
	void *failed;
	size_t i;

	(void)state;
	seal_begin(&n, "sealing: {max: 4}\n");
	for (i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, run_client, &n), 0);
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(seal_new_count(), 40);
	assert_int_equal(seal_tmp_count(), 0);
	seal_end(&n);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_round_trip_auto),
	    help_test(test_round_trip_gpgme),
	    help_test(test_odd_messages),
	    help_test(test_sender_kept),
	    help_test(test_nonce_is_new),
	    help_test(test_too_big),
	    help_test(test_given_up),
	    help_test(test_max_sealing),
	    help_test(test_deadline),
	    help_test(test_no_key),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_faults),
#endif
	    help_test(test_memory_is_flat),
	    help_test(test_many_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
