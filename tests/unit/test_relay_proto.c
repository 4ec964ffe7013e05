/* SPDX-License-Identifier: MIT */
/*
 * test_relay_proto - relayd/proto.c: every message written and parsed
 * back, cut at every byte, and every way to write it that is refused.
 *
 * Bytes are parsed from memory that ends where they end, so that a
 * sanitizer or valgrind sees a read beyond them.
 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayd/proto.h"
#include "util/error.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define N(a) (sizeof(a) / sizeof((a)[0]))

static int
parse(const void *data, size_t len, bool wire, struct proto_msg *m_r,
    size_t *used_r)
{
	void *copy = malloc(len == 0 ? 1 : len);
	int rc;

	assert_non_null(copy);
	memcpy(copy, data, len);
	rc = proto_parse(copy, len, wire, m_r, used_r);
	if (rc == 0 && m_r->payload != NULL) {
		assert_ptr_equal(
		    m_r->payload, (char *)copy + *used_r - m_r->payload_len);
		m_r->payload = (const char *)data + *used_r - m_r->payload_len;
	}
	free(copy);
	return rc;
}

static int
parse_text(const char *text, bool wire, struct proto_msg *m_r)
{
	size_t used;
	int rc = parse(text, strlen(text), wire, m_r, &used);

	assert_int_equal(used, rc == 0 ? strlen(text) : 0);
	return rc;
}

/* ---- what is good ---- */

static const struct {
	const char *text;
	bool wire;
	struct proto_msg m;
} good[] = {
    {"agamid-relay 1 alice friends.example 1795334400\n", true,
	{.verb = PROTO_HELLO,
	    .version = 1,
	    .node = "alice",
	    .network = "friends.example",
	    .time = 1795334400}},
    {"agamid-relay 999 a b.c 0\n", true,
	{.verb = PROTO_HELLO, .version = 999, .node = "a", .network = "b.c"}},
    {"agamid-relay 1 a b.c 9223372036854775807\n", true,
	{.verb = PROTO_HELLO,
	    .version = 1,
	    .node = "a",
	    .network = "b.c",
	    .time = INT64_MAX}},
    {"offer " ID " 4096 6\nticket", true,
	{.verb = PROTO_OFFER,
	    .id = ID,
	    .size = 4096,
	    .payload = "ticket",
	    .payload_len = 6}},
    {"offer " ID " 1099511627776 1\n\n", true,
	{.verb = PROTO_OFFER,
	    .id = ID,
	    .size = PROTO_SIZE_MAX,
	    .payload = "\n",
	    .payload_len = 1}},
    {"want " ID "\n", true, {.verb = PROTO_WANT, .id = ID}},
    {"have " ID "\n", true, {.verb = PROTO_HAVE, .id = ID}},
    {"delivered " ID " 8\nreceipt\n", true,
	{.verb = PROTO_DELIVERED,
	    .id = ID,
	    .payload = "receipt\n",
	    .payload_len = 8}},
    {"wait " ID "\n", true, {.verb = PROTO_WAIT, .id = ID}},
    {"refused " ID " over quota\n", true,
	{.verb = PROTO_REFUSED, .id = ID, .text = "over quota"}},
    {"bundle " ID " 1\n", true, {.verb = PROTO_BUNDLE, .id = ID, .size = 1}},
    {"stored " ID "\n", true, {.verb = PROTO_STORED, .id = ID}},
    {"mine\n", true, {.verb = PROTO_MINE}},
    {"receipt 4\nping", true,
	{.verb = PROTO_RECEIPT, .payload = "ping", .payload_len = 4}},
    {"noted\n", true, {.verb = PROTO_NOTED}},
    {"away 0\n", true, {.verb = PROTO_AWAY}},
    {"away 1795256390\n", true, {.verb = PROTO_AWAY, .time = 1795256390}},
    {"deferred bob 00112233445566778899aabbccddeeff\n", true,
	{.verb = PROTO_DEFERRED,
	    .node = "bob",
	    .text = "00112233445566778899aabbccddeeff"}},
    {"ping\n", true, {.verb = PROTO_PING}},
    {"pong\n", true, {.verb = PROTO_PONG}},
    {"bye\n", true, {.verb = PROTO_BYE}},
    {"bye going down\n", true, {.verb = PROTO_BYE, .text = "going down"}},
    {"unknown frobnicate\n", true,
	{.verb = PROTO_UNKNOWN, .word = "frobnicate"}},
    {"session bob dialled\n", false,
	{.verb = PROTO_SESSION, .node = "bob", .word = "dialled"}},
    {"session bob accepted\n", false,
	{.verb = PROTO_SESSION, .node = "bob", .word = "accepted"}},
    {"accept " ID " 7\n", false, {.verb = PROTO_ACCEPT, .id = ID, .size = 7}},
    {"arrived " ID " 7\n", false, {.verb = PROTO_ARRIVED, .id = ID, .size = 7}},
    {"failed " ID " no such ticket\n", false,
	{.verb = PROTO_FAILED, .id = ID, .text = "no such ticket"}},
    {"note info connected\n", false,
	{.verb = PROTO_NOTE, .word = "info", .text = "connected"}},
    {"note warn slow\n", false,
	{.verb = PROTO_NOTE, .word = "warn", .text = "slow"}},
    {"note error gone\n", false,
	{.verb = PROTO_NOTE, .word = "error", .text = "gone"}},
    {"alive\n", false, {.verb = PROTO_ALIVE}},
    {"serial bob 2026112201 0123456789abcdef\n", true,
	{.verb = PROTO_SERIAL,
	    .node = "bob",
	    .serial = 2026112201,
	    .hash = "0123456789abcdef"}},
    {"get bob 9007199254740992 0123456789abcdef\n", true,
	{.verb = PROTO_GET,
	    .node = "bob",
	    .serial = MANIFEST_SERIAL_MAX,
	    .hash = "0123456789abcdef"}},
    {"manifest bob 1 4\n...\n", true,
	{.verb = PROTO_MANIFEST,
	    .node = "bob",
	    .serial = 1,
	    .payload = "...\n",
	    .payload_len = 4}},
    {"probe\n", true, {.verb = PROTO_PROBE}},
    {"check smtp ok 220 bob.example ESMTP\n", true,
	{.verb = PROTO_CHECK,
	    .word = "smtp",
	    .ok = true,
	    .text = "220 bob.example ESMTP"}},
    {"check ssh fail refused\n", true,
	{.verb = PROTO_CHECK, .word = "ssh", .text = "refused"}},
    {"checked\n", true, {.verb = PROTO_CHECKED}},
    {"checked too often\n", true, {.verb = PROTO_CHECKED, .text = "too often"}},
    {"due " ID "\n", true, {.verb = PROTO_DUE, .id = ID}},
    {"no-receipt " ID "\n", true, {.verb = PROTO_NO_RECEIPT, .id = ID}},
    {"expired " ID " 7\nticket\n", true,
	{.verb = PROTO_EXPIRED,
	    .id = ID,
	    .payload = "ticket\n",
	    .payload_len = 7}},
    {"heard " ID "\n", true, {.verb = PROTO_HEARD, .id = ID}},
    {"census bob 0 0 1\n\n", true,
	{.verb = PROTO_CENSUS,
	    .node = "bob",
	    .payload = "\n",
	    .payload_len = 1}},
    {"census bob 1000000000 1152921504606846976 4\nping", true,
	{.verb = PROTO_CENSUS,
	    .node = "bob",
	    .count = PROTO_COUNT_MAX,
	    .size = PROTO_SUM_MAX,
	    .payload = "ping",
	    .payload_len = 4}},
    {"which bob 255 00112233445566778899aabbccddeeff\n", true,
	{.verb = PROTO_WHICH,
	    .node = "bob",
	    .count = 255,
	    .nonce = "00112233445566778899aabbccddeeff"}},
    {"these bob 0 00112233445566778899aabbccddeeff 0\n", true,
	{.verb = PROTO_THESE,
	    .node = "bob",
	    .nonce = "00112233445566778899aabbccddeeff"}},
    {"these bob 7 00112233445566778899aabbccddeeff 8\n12345678", true,
	{.verb = PROTO_THESE,
	    .node = "bob",
	    .count = 7,
	    .nonce = "00112233445566778899aabbccddeeff",
	    .payload = "12345678",
	    .payload_len = 8}},
    {"prove " ID " 00112233445566778899aabbccddeeff\n", true,
	{.verb = PROTO_PROVE,
	    .id = ID,
	    .nonce = "00112233445566778899aabbccddeeff"}},
    {"proof " ID " " ID "\n", true,
	{.verb = PROTO_PROOF, .id = ID, .proof = ID}},
    {"lack " ID "\n", true, {.verb = PROTO_LACK, .id = ID}},
    {"alert-ask\n", true, {.verb = PROTO_ALERT_ASK}},
    {"alert-asked\n", true, {.verb = PROTO_ALERT_ASKED}},
    {"alert-asked too often\n", true,
	{.verb = PROTO_ALERT_ASKED, .text = "too often"}},
    {"adopt 1795252800\n", true, {.verb = PROTO_ADOPT, .time = 1795252800}},
    {"adopted\n", true, {.verb = PROTO_ADOPTED}},
    {"former bob 0123456789abcdef\n", true,
	{.verb = PROTO_FORMER, .node = "bob", .hash = "0123456789abcdef"}},
};

static void
assert_same(const struct proto_msg *a, const struct proto_msg *b)
{
	assert_int_equal(a->verb, b->verb);
	assert_int_equal(a->version, b->version);
	assert_int_equal(a->count, b->count);
	assert_string_equal(a->nonce, b->nonce);
	assert_string_equal(a->proof, b->proof);
	assert_string_equal(a->node, b->node);
	assert_string_equal(a->network, b->network);
	assert_int_equal(a->time, b->time);
	assert_string_equal(a->id, b->id);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->serial, b->serial);
	assert_string_equal(a->hash, b->hash);
	assert_int_equal(a->ok, b->ok);
	assert_string_equal(a->word, b->word);
	assert_string_equal(a->text, b->text);
	assert_int_equal(a->payload_len, b->payload_len);
	if (b->payload_len == 0)
		assert_null(a->payload);
	else
		assert_memory_equal(a->payload, b->payload, b->payload_len);
}

static void
test_read_and_written(void **state)
{
	struct proto_msg m;
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < N(good); i++) {
		assert_int_equal(parse_text(good[i].text, false, &m), 0);
		assert_same(&m, &good[i].m);
		buf_init(&out, PROTO_MESSAGE_MAX);
		assert_int_equal(proto_write(&m, &out), 0);
		assert_string_equal(buf_str(&out), good[i].text);
		buf_free(&out);
	}
}

/* The table above has them all. */
static void
test_every_verb(void **state)
{
	enum proto_verb v;
	const char *name;
	size_t i;

	(void)state;
	assert_string_equal(proto_verb_name(PROTO_OTHER), "?");
	for (v = PROTO_HELLO; v <= PROTO_ALIVE; v++) {
		name = proto_verb_name(v);
		for (i = 0; i < N(good) && good[i].m.verb != v; i++)
			;
		assert_true(i < N(good));
		assert_memory_equal(good[i].text, name, strlen(name));
	}
}

/* SPEC: relayd's own verbs mean nothing when a peer says them. */
static void
test_wire(void **state)
{
	struct proto_msg m;
	size_t i;

	(void)state;
	for (i = 0; i < N(good); i++) {
		assert_int_equal(parse_text(good[i].text, true, &m), 0);
		if (good[i].wire) {
			assert_same(&m, &good[i].m);
			continue;
		}
		assert_int_equal(m.verb, PROTO_OTHER);
		assert_string_equal(m.word, proto_verb_name(good[i].m.verb));
		assert_string_equal(m.id, "");
		assert_string_equal(m.text, "");
	}
}

static void
test_cut_at_every_byte(void **state)
{
	struct proto_msg m;
	size_t i, len, used;

	(void)state;
	for (i = 0; i < N(good); i++) {
		for (len = 0; len < strlen(good[i].text); len++) {
			assert_int_equal(
			    parse(good[i].text, len, false, &m, &used),
			    AG_EAGAIN);
			assert_int_equal(used, 0);
		}
	}
}

/* One behind the other, whatever follows. */
static void
test_stream(void **state)
{
	struct proto_msg m;
	struct buf all;
	size_t i, used, at = 0;

	(void)state;
	buf_init(&all, 65536);
	for (i = 0; i < N(good); i++)
		assert_int_equal(proto_write(&good[i].m, &all), 0);
	for (i = 0; i < N(good); i++) {
		assert_int_equal(
		    parse(all.data + at, all.len - at, false, &m, &used), 0);
		assert_same(&m, &good[i].m);
		at += used;
	}
	assert_int_equal(at, all.len);
	buf_free(&all);
}

/* ---- what is malformed: SPEC R-2.3 ---- */

static const char *const bad[] = {
    /* no verb */
    "\n", " \n", " ping\n", "Ping\n", "PING\n", "ping1\n", "pi_ng\n",
    "ping\r\n", "\tping\n", "\303\244\n", "seventeen-letters\n",
    /* words too few, too many, blanks */
    "ping \n", "ping  \n", "ping now\n", "pong " ID "\n", "mine \n",
    "noted 1\n", "probe x\n", "bye \n", "want\n", "want \n", "want  " ID "\n",
    "want " ID " \n", "want " ID " 1\n", "want " ID "\r\n", "want\t" ID "\n",
    "have\n", "wait\n", "stored\n", "stored " ID "\t\n", "refused " ID "\n",
    "refused " ID " \n", "refused  " ID " text\n", "failed " ID "\n",
    /* IDs */
    "want 0\n", "want " ID "0\n",
    "want 0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\n",
    "want g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
    "want ../../../../../../../../../../../../../../../../../etc/passwd123\n",
    /* sizes */
    "bundle " ID "\n", "bundle " ID " \n", "bundle " ID " 0\n",
    "bundle " ID " 00\n", "bundle " ID " 01\n", "bundle " ID " +1\n",
    "bundle " ID " -1\n", "bundle " ID " 1.0\n", "bundle " ID " 0x10\n",
    "bundle " ID " 1k\n", "bundle " ID "  1\n", "bundle " ID " 1 \n",
    "bundle " ID " 1099511627777\n", "bundle " ID " 18446744073709551615\n",
    "bundle " ID " 18446744073709551617\n",
    "bundle " ID " 99999999999999999999999999999999999999\n",
    "arrived " ID " 0\n", "accept " ID "\n", "accept " ID " 1 1\n",
    /* counts */
    "offer " ID " 1\nx", "offer " ID " 1 \nx", "offer " ID " 1 0\n",
    "offer " ID " 1 01\nx", "offer " ID " 1 1 1\nx", "offer " ID " 1 -1\nx",
    "offer " ID " 1 1001\n", "offer " ID " 1 18446744073709551617\nx",
    "offer " ID " 0 1\nx", "offer " ID " 1  1\nx", "offer " ID " 1 1\r\nx",
    "delivered " ID "\n", "delivered " ID " 0\n", "delivered " ID " 20481\n",
    "delivered 20480\n", "receipt\n", "receipt \n", "receipt 0\n",
    "receipt 20481\n", "receipt 4294967297\n", "receipt 1 1\n",
    "receipt " ID " 1\nx",
    /* the hello */
    "agamid-relay\n", "agamid-relay 1\n", "agamid-relay 1 alice\n",
    "agamid-relay 1 alice b.c\n", "agamid-relay 1 alice b.c \n",
    "agamid-relay 0 alice b.c 1\n", "agamid-relay 1000 alice b.c 1\n",
    "agamid-relay 1.0 alice b.c 1\n", "agamid-relay 1 Alice b.c 1\n",
    "agamid-relay 1 -alice b.c 1\n", "agamid-relay 1 al/ice b.c 1\n",
    "agamid-relay 1 ../etc b.c 1\n", "agamid-relay 1 alice bc 1\n",
    "agamid-relay 1 alice B.c 1\n", "agamid-relay 1 alice b..c 1\n",
    "agamid-relay 1 alice b.c -1\n",
    "agamid-relay 1 alice b.c 9223372036854775808\n",
    "agamid-relay 1 alice b.c 1 more\n",
    "agamid-relay 1 abcdefghijabcdefghijabcdefghijabc b.c 1\n",
    /* text */
    "bye a\tb\n", "bye a\rb\n", "bye bell\a\n", "bye \033[2J\n",
    "bye del\177\n", "bye \303\244\n", "refused " ID " text\r\n", "unknown\n",
    "unknown \n", "unknown Frob\n", "unknown a b\n",
    "unknown seventeen-letters\n",
    /* relayd's socket */
    "session\n", "session bob\n", "session bob dialed\n",
    "session bob accepted \n", "session Bob accepted\n", "note info\n",
    "note debug text\n", "note error \n", "note  error text\n"};

static void
test_malformed(void **state)
{
	struct proto_msg m;
	size_t i;

	(void)state;
	for (i = 0; i < N(bad); i++) {
		if (parse_text(bad[i], false, &m) != AG_EINVAL)
			fail_msg("taken: %s", bad[i]);
	}
}

/* A NUL or CR in the place of, or before, any byte of a line. */
static void
test_nul_and_cr(void **state)
{
	char line[PROTO_LINE_MAX];
	struct proto_msg m;
	size_t i, at, len, used;

	(void)state;
	for (i = 0; i < N(good); i++) {
		len = strcspn(good[i].text, "\n") + 1;
		for (at = 0; at < len; at++) {
			memcpy(line, good[i].text, at);
			memcpy(line + at + 1, good[i].text + at, len - at);
			line[at] = '\0';
			assert_int_equal(
			    parse(line, len + 1, false, &m, &used), AG_EINVAL);
			line[at] = '\r';
			assert_int_equal(
			    parse(line, len + 1, false, &m, &used), AG_EINVAL);
		}
	}
}

static void
test_long_line(void **state)
{
	char line[PROTO_LINE_MAX + 1];
	struct proto_msg m;
	size_t used;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "frob ", 5);
	assert_int_equal(
	    parse(line, PROTO_LINE_MAX - 1, true, &m, &used), AG_EAGAIN);
	assert_int_equal(
	    parse(line, PROTO_LINE_MAX, true, &m, &used), AG_EINVAL);
	line[PROTO_LINE_MAX] = '\n';
	assert_int_equal(
	    parse(line, PROTO_LINE_MAX + 1, true, &m, &used), AG_EINVAL);
	line[PROTO_LINE_MAX - 1] = '\n';
	assert_int_equal(parse(line, PROTO_LINE_MAX, true, &m, &used), 0);
	assert_int_equal(used, PROTO_LINE_MAX);
	assert_int_equal(m.verb, PROTO_OTHER);
}

static void
test_long_text(void **state)
{
	char line[PROTO_LINE_MAX];
	struct proto_msg m;

	(void)state;
	snprintf(line, sizeof(line), "bye %0*d\n", PROTO_TEXT_MAX, 0);
	assert_int_equal(parse_text(line, true, &m), 0);
	assert_int_equal(strlen(m.text), PROTO_TEXT_MAX);
	snprintf(line, sizeof(line), "bye %0*d\n", PROTO_TEXT_MAX + 1, 0);
	assert_int_equal(parse_text(line, true, &m), AG_EINVAL);
}

/* The longest of every field in one hello (SPEC) still fits a line. */
static void
test_long_names(void **state)
{
	struct proto_msg m = {.verb = PROTO_HELLO, .version = 999}, back;
	struct buf out;
	size_t i;

	(void)state;
	memset(m.node, 'n', NODE_NAME_MAX);
	for (i = 0; i < NETWORK_NAME_MAX; i++)
		m.network[i] = i % 2 == 0 ? 'a' : '.';
	m.time = INT64_MAX;
	buf_init(&out, PROTO_LINE_MAX);
	assert_int_equal(proto_write(&m, &out), 0);
	assert_int_equal(parse_text(buf_str(&out), true, &back), 0);
	assert_same(&back, &m);
	buf_free(&out);
}

/* SPEC, the parser's half: what stands behind a verb of a later
 * version is not looked at, and the answer can be written. */
static void
test_other_verb(void **state)
{
	static const char *const lines[] = {"frob\n", "frob \n", "a\n", "-\n",
	    "frob  a b\n", "frob \r\n", "frob \001\377\n", "frob " ID " 9999\n",
	    "pings\n", "agamid-relay-two 1\n", "sixteen-letters-\n"};
	struct proto_msg m, answer = {.verb = PROTO_UNKNOWN};
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < N(lines); i++) {
		assert_int_equal(parse_text(lines[i], true, &m), 0);
		assert_int_equal(m.verb, PROTO_OTHER);
		assert_int_equal(strlen(m.word), strcspn(lines[i], " \n"));
		assert_int_equal(m.payload_len, 0);
		memcpy(answer.word, m.word, sizeof(m.word));
		buf_init(&out, PROTO_LINE_MAX);
		assert_int_equal(proto_write(&answer, &out), 0);
		assert_int_equal(parse_text(buf_str(&out), true, &m), 0);
		assert_same(&m, &answer);
		buf_free(&out);
	}
}

/* The largest payloads; one byte more is not written either. */
static void
test_payload_bounds(void **state)
{
	static const struct proto_msg cases[] = {
	    {.verb = PROTO_OFFER, .id = ID, .size = 1, .payload_len = 1000},
	    {.verb = PROTO_DELIVERED, .id = ID, .payload_len = 20480},
	    {.verb = PROTO_RECEIPT, .payload_len = 20480}};
	static char bytes[RECEIPT_MAX + 1];
	struct proto_msg m, back;
	struct buf out;
	size_t i, used;

	(void)state;
	for (i = 0; i < N(cases); i++) {
		m = cases[i];
		m.payload = bytes; /* NULs: a payload is no text */
		buf_init(&out, PROTO_MESSAGE_MAX);
		assert_int_equal(proto_write(&m, &out), 0);
		assert_int_equal(
		    parse(out.data, out.len - 1, true, &back, &used),
		    AG_EAGAIN);
		assert_int_equal(
		    parse(out.data, out.len, true, &back, &used), 0);
		assert_int_equal(used, out.len);
		assert_same(&back, &m);
		buf_reset(&out);
		m.payload_len++;
		assert_int_equal(proto_write(&m, &out), AG_EINVAL);
		assert_int_equal(out.len, 0);
		buf_free(&out);
	}
}

/* ---- writing ---- */

/* What the parser would not take, or would take as something else. */
static const struct proto_msg unwritable[] = {
    {.verb = PROTO_OTHER, .word = "frob"},
    {.verb = PROTO_HELLO},
    {.verb = PROTO_HELLO, .node = "a", .network = "b.c"},
    {.verb = PROTO_HELLO,
	.version = 1,
	.node = "a",
	.network = "b.c",
	.time = -1},
    {.verb = PROTO_HELLO, .version = 1, .node = "a b.c", .time = 1},
    {.verb = PROTO_WANT},
    {.verb = PROTO_WANT, .id = "abc"},
    {.verb = PROTO_WANT, .id = ID, .payload = "x", .payload_len = 1},
    {.verb = PROTO_BUNDLE, .id = ID},
    {.verb = PROTO_BUNDLE, .id = ID, .size = PROTO_SIZE_MAX + 1},
    {.verb = PROTO_OFFER, .id = ID, .size = 1},
    {.verb = PROTO_RECEIPT},
    {.verb = PROTO_REFUSED, .id = ID},
    {.verb = PROTO_REFUSED, .id = ID, .text = "a\nping"},
    {.verb = PROTO_BYE, .text = "a\r"},
    {.verb = PROTO_BYE, .text = "a\nping"},
    {.verb = PROTO_UNKNOWN},
    {.verb = PROTO_UNKNOWN, .word = "a\nping"},
    {.verb = PROTO_SESSION, .node = "bob", .word = "info"},
    {.verb = PROTO_NOTE, .word = "dialled", .text = "a"},
};

/* What was in the buffer before stays. */
static void
test_unwritable(void **state)
{
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, PROTO_MESSAGE_MAX);
	for (i = 0; i < N(unwritable); i++) {
		if (proto_write(&unwritable[i], &out) != AG_EINVAL)
			fail_msg("%zu was written: %s", i, buf_str(&out));
		assert_int_equal(out.len, 0);
	}
	assert_int_equal(proto_put(&out, PROTO_PING), 0);
	for (i = 0; i < N(unwritable); i++) {
		assert_int_equal(proto_write(&unwritable[i], &out), AG_EINVAL);
		assert_string_equal(buf_str(&out), "ping\n");
	}
	buf_free(&out);
}

static void
test_no_room(void **state)
{
	struct proto_msg m = good[3].m; /* with a payload */
	size_t len = strlen(good[3].text), max;
	struct buf out;

	(void)state;
	for (max = 5; max < 5 + len; max++) {
		buf_init(&out, max);
		assert_int_equal(buf_puts(&out, "pong\n"), 0);
		assert_int_equal(proto_write(&m, &out), AG_ETOOBIG);
		assert_string_equal(buf_str(&out), "pong\n");
		buf_free(&out);
	}
	buf_init(&out, 5 + len);
	assert_int_equal(buf_puts(&out, "pong\n"), 0);
	assert_int_equal(proto_write(&m, &out), 0);
	buf_free(&out);
}

static void
test_short_forms(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(proto_put(&out, PROTO_MINE), 0);
	assert_int_equal(proto_put_id(&out, PROTO_WANT, ID), 0);
	assert_int_equal(proto_put_text(&out, PROTO_BYE, NULL, ""), 0);
	assert_int_equal(proto_put_text(&out, PROTO_BYE, NULL, "so\nlong"), 0);
	assert_int_equal(
	    proto_put_text(&out, PROTO_REFUSED, ID, "\303\244\r\177"), 0);
	assert_string_equal(buf_str(&out),
	    "mine\nwant " ID "\nbye\nbye so?long\nrefused " ID " ????\n");
	buf_reset(&out);
	assert_int_equal(proto_put_id(&out, PROTO_WANT, ID "0"), AG_EINVAL);
	assert_int_equal(proto_put_id(&out, PROTO_WANT, ""), AG_EINVAL);
	assert_int_equal(
	    proto_put_text(&out, PROTO_REFUSED, ID "0", "a"), AG_EINVAL);
	assert_int_equal(proto_put(&out, PROTO_WANT), AG_EINVAL);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

/* Text is cut, never refused. */
static void
test_text_cut(void **state)
{
	char text[PROTO_TEXT_MAX * 3];
	struct proto_msg m;
	struct buf out;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buf_init(&out, PROTO_LINE_MAX);
	assert_int_equal(proto_put_text(&out, PROTO_FAILED, ID, text), 0);
	assert_int_equal(parse_text(buf_str(&out), false, &m), 0);
	assert_int_equal(strlen(m.text), PROTO_TEXT_MAX);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_read_and_written),
	    help_test(test_every_verb),
	    help_test(test_wire),
	    help_test(test_cut_at_every_byte),
	    help_test(test_stream),
	    help_test(test_malformed),
	    help_test(test_nul_and_cr),
	    help_test(test_long_line),
	    help_test(test_long_text),
	    help_test(test_long_names),
	    help_test(test_other_verb),
	    help_test(test_payload_bounds),
	    help_test(test_unwritable),
	    help_test(test_no_room),
	    help_test(test_short_forms),
	    help_test(test_text_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
