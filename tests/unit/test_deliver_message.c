/* SPDX-License-Identifier: MIT */
/*
 * test_deliver_message - what a message's bytes become on the way into
 * Postfix (lines.h, headers.h), and by what two are the same (content.h).
 * Each case is tried whole, byte by byte and cut at every place.
 */
#include "help.h"

#include <string.h>
#include <strings.h>

#include "deliver/content.h"
#include "deliver/headers.h"
#include "deliver/lines.h"
#include "deliver/message.h"
#include "deliver/results.h"

#define OUT_MAX 65536

typedef void feed_fn(void *ctx, const char *data, size_t len);

/* Feed text in two pieces, cut at `cut`; past the end: byte by byte. */
static void
feed(const char *text, size_t len, size_t cut, feed_fn *fn, void *ctx)
{
	size_t i;

	if (cut <= len) {
		fn(ctx, text, cut);
		fn(ctx, text + cut, len - cut);
		return;
	}
	for (i = 0; i < len; i++)
		fn(ctx, text + i, 1);
}

static void
assert_text(const struct buf *b, const char *want, size_t len)
{
	assert_int_equal(b->len, len);
	assert_memory_equal(buf_str(b), want, len);
}

/* ---- lines ---- */

struct text {
	const char *in;
	size_t in_len;
	const char *out;
	size_t out_len;
};
#define TEXT(i, o)                                 \
	{                                          \
		i, sizeof(i) - 1, o, sizeof(o) - 1 \
	}

static const struct text line_cases[] = {
    TEXT("", ""),
    TEXT("a\r\nb\r\n", "a\r\nb\r\n"),
    TEXT("a", "a\r\n"),
    TEXT("\r\n", "\r\n"),
    TEXT("\r\n\r\n", "\r\n\r\n"),
    TEXT("a\nb\n", "a\r\nb\r\n"),
    TEXT("\n.\n", "\r\n.\r\n"),
    TEXT("a\rb\r\n", "a b\r\n"),
    TEXT("\rb\r\n", " b\r\n"),
    TEXT("a\r\r\nb", "a\r\nb\r\n"),
    TEXT("\r\n.\r\r\r\n", "\r\n.\r\n"),
    TEXT("a\r", "a\r\n"),
    TEXT("\r", "\r\n"),
    TEXT("a\r\r b\n\r", "a   b\r\n\r\n"),
    TEXT("\0\xff\r\n\0", "\0\xff\r\n\0\r\n"),
};

struct lines_feed {
	struct lines lines;
	struct buf out;
};

static void
feed_lines(void *ctx, const char *data, size_t len)
{
	struct lines_feed *f = ctx;

	assert_int_equal(lines_put(&f->lines, data, len, &f->out), 0);
}

static void
test_lines(void **state)
{
	const struct text *t;
	struct lines_feed f;
	size_t i, cut;

	(void)state;
	for (i = 0; i < sizeof(line_cases) / sizeof(line_cases[0]); i++) {
		t = &line_cases[i];
		for (cut = 0; cut <= t->in_len + 1; cut++) {
			memset(&f, 0, sizeof(f));
			buf_init(&f.out, OUT_MAX);
			feed(t->in, t->in_len, cut, feed_lines, &f);
			assert_int_equal(lines_end(&f.lines, &f.out), 0);
			assert_text(&f.out, t->out, t->out_len);
			buf_free(&f.out);
		}
	}
}

/* A row of CRs stays bounded, and no CR gets out without its LF. */
static void
test_lines_many_crs(void **state)
{
	struct lines l = {0};
	char in[1000];
	struct buf out;

	(void)state;
	memset(in, '\r', sizeof(in));
	buf_init(&out, 2 * sizeof(in) + LINES_CRS_MAX);
	assert_int_equal(lines_put(&l, in, sizeof(in), &out), 0);
	assert_true(l.crs <= LINES_CRS_MAX);
	assert_int_equal(lines_put(&l, "\n", 1, &out), 0);
	assert_int_equal(lines_end(&l, &out), 0);
	assert_int_equal(strspn(buf_str(&out), " "), out.len - 2);
	assert_string_equal(buf_str(&out) + out.len - 2, "\r\n");
	buf_free(&out);
}

static void
test_lines_bounded(void **state)
{
	struct lines l = {0};
	struct buf out;

	(void)state;
	buf_init(&out, 4);
	assert_int_equal(lines_put(&l, "abcdef", 6, &out), AG_ETOOBIG);
	buf_free(&out);
}

/* ---- headers ---- */

static const struct text header_cases[] = {
    TEXT("", ""),
    TEXT("Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n\r\nbody\r\n"),
    TEXT("X-Agamid-Once: 1\r\nA: b\r\n\r\n", "A: b\r\n\r\n"),
    TEXT("A: b\r\nx-aGaMiD-\r\n\r\nX-Agamid-Via: body\r\n",
	"A: b\r\n\r\nX-Agamid-Via: body\r\n"),
    TEXT("X-Agamid-A: 1\r\n 2\r\n\t3\r\n \r\nB: c\r\n 4\r\n\r\n",
	"B: c\r\n 4\r\n\r\n"),
    TEXT("A: b\r\n c\r\nX-Agamid-A : 1\r\n\r\n x\r\n",
	"A: b\r\n c\r\n\r\n x\r\n"),
    TEXT("X-Agami: 1\r\nX-Agamid: 2\r\nX-Agamid",
	"X-Agami: 1\r\n"
	"X-Agamid: 2\r\nX-Agamid"),
    TEXT("X-Agamid-A: 1", ""),
    TEXT("\r\nX-Agamid-A: body\r\n", "\r\nX-Agamid-A: body\r\n"),
    TEXT(" forged\r\nX-Agamid-A: 1\r\n", "\r\n forged\r\nX-Agamid-A: 1\r\n"),
    TEXT("\tforged\r\n", "\r\n\tforged\r\n"),
    /* Below what is no field Postfix sees body; here it is still header. */
    TEXT("no field\r\nX-Agamid-A: 1\r\nB: c\r\n\r\nX-Agamid-B: 2\r\n",
	"no field\r\nB: c\r\n\r\nX-Agamid-B: 2\r\n"),
    TEXT("\0X-Agamid-A: 1\r\n\r\n", "\0X-Agamid-A: 1\r\n\r\n"),
};

struct headers_feed {
	struct headers headers;
	struct buf out;
};

static void
feed_headers(void *ctx, const char *data, size_t len)
{
	struct headers_feed *f = ctx;

	assert_int_equal(headers_put(&f->headers, data, len, &f->out), 0);
}

static void
test_headers(void **state)
{
	const struct text *t;
	struct headers_feed f;
	size_t i, cut;

	(void)state;
	for (i = 0; i < sizeof(header_cases) / sizeof(header_cases[0]); i++) {
		t = &header_cases[i];
		for (cut = 0; cut <= t->in_len + 1; cut++) {
			memset(&f, 0, sizeof(f));
			buf_init(&f.out, OUT_MAX);
			feed(t->in, t->in_len, cut, feed_headers, &f);
			assert_int_equal(headers_end(&f.headers, &f.out), 0);
			assert_text(&f.out, t->out, t->out_len);
			buf_free(&f.out);
		}
	}
}

/* Ours, against a value computed elsewhere (Python's hmac). */
static void
test_headers_write(void **state)
{
	uint8_t secret[NODE_SECRET_SIZE];
	struct ticket t = {.acceptor = "carol", .time = 1795335600};
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	memset(t.id, 'a', BUNDLE_ID_LEN);
	buf_init(&out, OUT_MAX);
	assert_int_equal(headers_write(&t, t.time + 7260, secret, &out), 0);
	assert_string_equal(buf_str(&out),
	    "X-Agamid-Via: carol\r\n"
	    "X-Agamid-Accepted: 2026-11-22T08:20:00Z\r\n"
	    "X-Agamid-Held: 7260\r\n"
	    "X-Agamid-Id: "
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
	    "X-Agamid-Once: "
	    "0b28b35a2636ba2e13226c4f5da305ef"
	    "e29561a71cf2b095c23ff285c0f994ca\r\n");
	/* A clock that went back holds nothing for less than no time. */
	buf_reset(&out);
	assert_int_equal(headers_write(&t, 5, secret, &out), 0);
	assert_non_null(strstr(buf_str(&out), "X-Agamid-Held: 0\r\n"));
	buf_free(&out);
}

/* ---- Authentication-Results ---- */

#define AR "Authentication-Results: "
#define COMMENT64 \
	"(comment comment comment comment comment comment comment commen)"
#define COMMENT256 COMMENT64 COMMENT64 COMMENT64 COMMENT64

static const struct text results_cases[] = {
    TEXT("", ""),
    TEXT(
	AR "carol.example; spf=pass\r\nA: b\r\n\r\nx\r\n", "A: b\r\n\r\nx\r\n"),
    TEXT("A: b\r\naUTHENTICATION-rESULTS:Carol.Example.;spf=pass\r\n\tx\r\n y"
	 "\r\nC: d\r\n c\r\n\r\n",
	"A: b\r\nC: d\r\n c\r\n\r\n"),
    /* RFC 8601 section 2.2: [CFWS] authserv-id, which may be quoted. */
    TEXT(AR
	"(a (nested \\) one) here)\r\n\t\"carol\\.example\" 1; none\r\n\r\n",
	"\r\n"),
    TEXT("Authentication-Results \t:\r\n carol.example(x)\r\n\r\n", "\r\n"),
    TEXT(AR "carol.example\r\n\r\n", "\r\n"),
    TEXT(AR "carol.example", ""),
    TEXT(AR "\"carol.example\r\nA: b\r\n\r\n", "A: b\r\n\r\n"),
    /* Somebody else's stays as it is. */
    TEXT(AR "carol.example.net; spf=pass\r\n\r\n",
	AR "carol.example.net; spf=pass\r\n\r\n"),
    TEXT(AR "(carol.example) other.example; none\r\n\r\n",
	AR "(carol.example) other.example; none\r\n\r\n"),
    TEXT(AR ";carol.example\r\n\r\n", AR ";carol.example\r\n\r\n"),
    TEXT(AR "\r\nA: b\r\n", AR "\r\nA: b\r\n"),
    TEXT("Authentication-Results-X: carol.example\r\n\r\n",
	"Authentication-Results-X: carol.example\r\n\r\n"),
    TEXT("Authentication", "Authentication"),
    TEXT("A: b\r\n\r\n" AR "carol.example\r\n",
	"A: b\r\n\r\n" AR "carol.example\r\n"),
    /* Nobody honest hides it so well. */
    TEXT(AR COMMENT256 COMMENT256 COMMENT256 COMMENT256
	" other.example; none\r\nA: b\r\n\r\n",
	"A: b\r\n\r\n"),
};

static bool
is_carol(const void *ctx, const char *id)
{
	assert_null(ctx);
	return strcasecmp(id, "carol.example") == 0;
}

struct results_feed {
	struct results results;
	struct buf out;
};

static void
feed_results(void *ctx, const char *data, size_t len)
{
	struct results_feed *f = ctx;

	assert_int_equal(results_put(&f->results, data, len, &f->out), 0);
}

/* SPEC N-10.10 */
static void
test_results(void **state)
{
	struct results_feed f;
	const struct text *t;
	size_t i, cut;

	(void)state;
	for (i = 0; i < sizeof(results_cases) / sizeof(results_cases[0]); i++) {
		t = &results_cases[i];
		for (cut = 0; cut <= t->in_len + 1; cut++) {
			results_init(&f.results, is_carol, NULL);
			buf_init(&f.out, OUT_MAX);
			feed(t->in, t->in_len, cut, feed_results, &f);
			assert_int_equal(results_end(&f.results, &f.out), 0);
			assert_text(&f.out, t->out, t->out_len);
			buf_free(&f.out);
		}
	}
}

static const struct {
	struct bundle_client client;
	const char *mail, *want;
} seen_cases[] = {
    {{.name = ""}, "<a@b.example>", AR "carol.example; none\r\n"},
    {{.name = "mx.b.example",
	 .reverse_name = "mx.b.example",
	 .address = "192.0.2.7",
	 .helo = "mx.b.example",
	 .tls = "TLSv1.3 TLS_AES_256_GCM_SHA384",
	 .spf = "pass"},
	"<a@b.example>",
	AR "carol.example;\r\n\tspf=pass\r\n\tsmtp.mailfrom=\"a@b.example\""
	   "\r\n\tsmtp.helo=mx.b.example;\r\n\tiprev=pass"
	   "\r\n\tpolicy.iprev=192.0.2.7;\r\n\tx-tls=pass"
	   "\r\n\tsmtp.version=TLSv1.3"
	   "\r\n\tsmtp.cipher=TLS_AES_256_GCM_SHA384\r\n"},
    {{.reverse_name = "liar.example", .address = "2001:db8::1"}, "<>",
	AR "carol.example;\r\n\tiprev=fail"
	   "\r\n\tpolicy.iprev=\"2001:db8::1\"\r\n"},
    {{.address = "192.0.2.7", .spf = "perhaps"}, "<>",
	AR "carol.example;\r\n\tiprev=permerror"
	   "\r\n\tpolicy.iprev=192.0.2.7\r\n"},
    /* A stranger chose these. */
    {{.helo = "x\"; dkim=pass \\(", .spf = "fail"}, "<\"a\\\"b\"@c.example>",
	AR "carol.example;\r\n\tspf=fail"
	   "\r\n\tsmtp.mailfrom=\"\\\"a\\\\\\\"b\\\"@c.example\""
	   "\r\n\tsmtp.helo=\"x\\\"; dkim=pass \\\\(\"\r\n"},
};

/* SPEC N-10.11 */
static void
test_results_write(void **state)
{
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(seen_cases) / sizeof(seen_cases[0]); i++) {
		buf_init(&out, OUT_MAX);
		assert_int_equal(results_write(&seen_cases[i].client,
				     "carol.example", seen_cases[i].mail, &out),
		    0);
		assert_string_equal(buf_str(&out), seen_cases[i].want);
		buf_free(&out);
	}
}

/* All filters together; a last line gets its end. */
static void
test_message(void **state)
{
	static const char in[] =
	    "X-Agamid-Once: 1\nA: b\n" AR "carol.example\n\n\rlast";
	struct message m;
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, OUT_MAX);
	message_init(&m, is_carol, NULL);
	for (i = 0; i < sizeof(in) - 1; i++) {
		assert_int_equal(message_put(&m, in + i, 1, NULL), 0);
		buf_put(&out, buf_str(&m.out), m.out.len);
	}
	assert_int_equal(message_end(&m, NULL), 0);
	buf_put(&out, buf_str(&m.out), m.out.len);
	assert_string_equal(buf_str(&out), "A: b\r\n\r\n last\r\n");
	message_free(&m);
	buf_free(&out);
}

/* ---- contents ---- */

static void
feed_content(void *ctx, const char *data, size_t len)
{
	content_put(ctx, data, len);
}

static bool
content_of(const char *text, size_t cut, uint8_t data_r[CONTENT_SIZE])
{
	struct content c;

	content_init(&c);
	feed(text, strlen(text), cut, feed_content, &c);
	content_end(&c, data_r);
	return c.message_id;
}

static const struct {
	const char *text;
	const char *hashed; /* what of it counts */
	bool message_id;
} content_cases[] = {
    {"", "", false},
    {"Received: from a\r\n\tby b; date\r\nSubject: x\r\n\r\nbody\r\n",
	"Subject: x\r\n\r\nbody\r\n", false},
    {"rEcEiVeD:\r\nA: b\r\n", "A: b\r\n", false},
    {"Received: ours\r\nReceived: theirs\r\n\r\n", "Received: theirs\r\n\r\n",
	false},
    {"A: b\r\nReceived: x\r\n\r\n", "A: b\r\nReceived: x\r\n\r\n", false},
    {"Received: ours\r\n\r\nReceived: body\r\n", "\r\nReceived: body\r\n",
	false},
    {"Receivedx: a\r\n", "Receivedx: a\r\n", false},
    {"Received", "Received", false},
    {" Received: a\r\nb", " Received: a\r\nb", false},
    {"Message-ID: <1@x>\r\n\r\n", "Message-ID: <1@x>\r\n\r\n", true},
    {"Received: a\r\nmessage-id:\r\n <1@x>\r\n\r\n",
	"message-id:\r\n <1@x>\r\n\r\n", true},
    {"Message-ID:  \r\n\r\n<1@x>", "Message-ID:  \r\n\r\n<1@x>", false},
    {"Message-IDs: a\r\n\r\n", "Message-IDs: a\r\n\r\n", false},
    {"A: b\r\n\r\nMessage-ID: <1@x>\r\n", "A: b\r\n\r\nMessage-ID: <1@x>\r\n",
	false},
    {"Received: a\r\n Message-ID: <1@x>\r\nB: c\r\n", "B: c\r\n", false},
};

static void
test_content(void **state)
{
	uint8_t got[CONTENT_SIZE], want[CONTENT_SIZE];
	const char *text;
	size_t i, cut;

	(void)state;
	for (i = 0; i < sizeof(content_cases) / sizeof(content_cases[0]); i++) {
		text = content_cases[i].hashed;
		crypto_hash_sha256(want, (const uint8_t *)text, strlen(text));
		text = content_cases[i].text;
		for (cut = 0; cut <= strlen(text) + 1; cut++) {
			assert_int_equal(content_of(text, cut, got),
			    content_cases[i].message_id);
			assert_memory_equal(got, want, sizeof(want));
		}
	}
}

/* Sender, recipient and data each count, and don't run into each other. */
static void
test_content_key(void **state)
{
	uint8_t data[CONTENT_SIZE] = {1}, other[CONTENT_SIZE] = {2};
	uint8_t a[CONTENT_SIZE], b[CONTENT_SIZE];

	(void)state;
	content_key("<a@x>", "<b@y>", data, a);
	content_key("<a@x>", "<b@y>", data, b);
	assert_memory_equal(a, b, sizeof(a));
	content_key("<a@x>", "<c@y>", data, b);
	assert_memory_not_equal(a, b, sizeof(a));
	content_key("<>", "<b@y>", data, b);
	assert_memory_not_equal(a, b, sizeof(a));
	content_key("<a@x>", "<b@y>", other, b);
	assert_memory_not_equal(a, b, sizeof(a));
	content_key("<a@x><", "b@y>", data, b);
	assert_memory_not_equal(a, b, sizeof(a));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_lines),
	    help_test(test_lines_many_crs),
	    help_test(test_lines_bounded),
	    help_test(test_headers),
	    help_test(test_headers_write),
	    help_test(test_results),
	    help_test(test_results_write),
	    help_test(test_message),
	    help_test(test_content),
	    help_test(test_content_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
