/* SPDX-License-Identifier: MIT */
/*
 * Tests of cli/report*.c and screen.c: relayd's and deliver's words in,
 * a screen, JSON and metrics out. All pure.
 */
#include "help.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "util/text.h"

#define NOW 1795256390

static char star[] = "*", bob_name[] = "bob", carol_name[] = "carol";
static char net_name[] = "friends.example", self_name[] = "alice";
static char host[] = "bob.friends.example", domain[] = "bob.example";
static char *all[] = {star}, *domains[] = {domain};

/* As much of a manifest as a report looks at. */
static struct manifest
node(char *name, char *site)
{
	struct manifest m = {
	    .serial = 2026112201,
	    .name = name,
	    .network = net_name,
	    .host = host,
	    .site = site,
	    .domains = domains,
	    .domain_count = 1,
	    .backups_allow = {all, 1},
	    .stores_allow = {all, 1},
	    .quota = 1024 * 1024,
	    .copies = 4,
	};

	return m;
}

static const char status[] =
    "node=alice network=friends.example day=17 held=12 bytes=524288 "
    "receipts=3 new=1 deliver=up waiting=2 own=9 short=2 below=3 paused=0 "
    "leaving=no room=8000000000\n"
    "peer=bob known=yes session=dialled held=10 bytes=524288 drawn=3 "
    "receipts=0 failures=0 next=0 seen=1795256380 wants=1 short=2 age=4 "
    "away=0 told=yes silent=0 lost=0 unproven=0 ours=3 ours-bytes=524288\n"
    "peer=carol known=yes session=none held=0 bytes=0 drawn=0 receipts=0 "
    "failures=7 next=35 seen=1794900000 wants=0 short=0 age=0 away=0 "
    "told=no silent=5 lost=2 unproven=1 error=\"can't be \\x22reached\\x22\"\n"
    "peer=gone known=no session=none held=2 bytes=10 drawn=0 receipts=0 "
    "failures=0 next=0 seen=0 wants=0 short=0 age=9 away=0 told=yes\n"
    "nodes=2 bundles=2\nnodes=4 bundles=7\nrubbish\n=\n";

static struct manifest manifests[3];

/* A report as report_gather() makes it. */
static void
make(struct report *r, const char *relayd, const char *deliver)
{
	struct buf answer;
	size_t i;

	manifests[0] = node(self_name, NULL);
	manifests[1] = node(bob_name, NULL);
	manifests[2] = node(carol_name, NULL);
	report_init(r);
	r->now = NOW;
	r->self = &manifests[0];
	snprintf(r->derived, sizeof(r->derived), "derived.3");
	r->peers = xcalloc(2, sizeof(*r->peers));
	r->peer_count = 2;
	for (i = 0; i < 2; i++) {
		r->peers[i].m = &manifests[i + 1];
		snprintf(r->peers[i].name, sizeof(r->peers[i].name), "%s",
		    manifests[i + 1].name);
		r->peers[i].holds_ours = r->peers[i].we_hold = true;
	}
	r->may_hold_ours = 2;
	r->reach = 2;
	r->wanted = 4;
	r->sites = 2;
	r->totals[BUNDLE_HELD].count = 12;
	r->totals[BUNDLE_HELD].bytes = 524288;
	r->room = 8000000000;
	r->reserve = 1 << 30;
	r->has_key = true;
	r->runs[REPORT_MILTER] = r->runs[REPORT_SEAL] = true;
	buf_init(&answer, 65536);
	if (relayd != NULL) {
		r->runs[REPORT_RELAYD] = true;
		buf_puts(&answer, relayd);
		report_take_relay(r, &answer);
	}
	buf_reset(&answer);
	if (deliver != NULL) {
		r->runs[REPORT_DELIVER] = true;
		buf_puts(&answer, deliver);
		report_take_totals(r, &answer);
	}
	buf_free(&answer);
	report_judge(r);
}

/* Without the marks of colours. */
static void
text_of(const struct report *r, const struct screen *s, struct buf *out_r)
{
	size_t i, k = 0;

	buf_init(out_r, REPORT_TEXT_MAX);
	report_text(r, s, out_r);
	for (i = 0; i < out_r->len; i++) {
		if (out_r->data[i] > SCREEN_STRONG[0])
			out_r->data[k++] = out_r->data[i];
	}
	out_r->len = k;
	out_r->data[k] = '\0';
}

static const struct screen plain = {.width = 80};

/* SPEC N-19.2 */
static void
test_screen(void **state)
{
	static const char want[] =
	    "node     alice in friends.example, serial 2026112201, in force: "
	    "derived.3\n"
	    "daemons  milter runs, seal runs, relayd runs, deliver runs\n"
	    "our mail none waiting here\n"
	    "         1 to be tried again, 2 refused, 0 in quarantine\n"
	    "held     12 bundles for peers, 512.0 kB\n"
	    "copies   of 9 accepted here: 2 on 2 nodes, 7 on 4 nodes; 3 on too "
	    "few\n"
	    "for us   while away our mail is on 2 nodes (4 wanted, 2 may "
	    "hold)\n"
	    "         and survives any 1 of them\n"
	    "room     7.5 GB free, 1.0 GB of it are never used\n"
	    "key      does not expire\n"
	    "\n"
	    "peer           session  seen       held for it          lends us\n"
	    "bob            dialled  now        10, 512.0 kB (50%)     1.0 MB  "
	    "3 out, 1 in\n"
	    "               holds for us 3, 512.0 kB (50%)\n"
	    "carol          -        4 d 2 h    0, 0 B (0%)            1.0 MB  "
	    "can't be \\x...\n"
	    "               silent for 5 days: what it holds does not count\n"
	    "gone           removed  -          2, 10 B (0%)                -\n"
	    "\n"
	    "Problems:\n"
	    "carol was last seen 4 d 2 h ago: can't be \\x22reached\\x22\n"
	    "carol can't prove that it has 1 that it took; others shall hold "
	    "them\n"
	    "carol has lost 2 that it took; others shall hold them\n"
	    "2 of our own mails were refused by Postfix: agamid queue "
	    "refused\n";
	struct report r;
	struct buf text;
	const char *line;
	struct cursor c;
	size_t len;

	(void)state;
	make(&r, status, "totals\ndone 40\nrefused 2\nretry 1\nnew 7\n");
	text_of(&r, &plain, &text);
	assert_string_equal(buf_str(&text), want);
	cursor_init(&c, want, sizeof(want) - 1);
	while (cursor_line(&c, &line, &len))
		assert_true(len <= 80);
	buf_free(&text);
	report_free(&r);
}

static void
test_screen_without_daemons(void **state)
{
	struct report r;
	struct buf text;

	(void)state;
	make(&r, NULL, NULL);
	r.reach = 0;
	text_of(&r, &plain, &text);
	assert_non_null(strstr(
	    buf_str(&text), "relayd does not run, deliver does not run\n"));
	assert_null(strstr(buf_str(&text), "copies "));
	assert_non_null(strstr(buf_str(&text), "nobody may take our mail"));
	assert_non_null(strstr(
	    buf_str(&text), "bob            ?        -          0, 0 B (0%)"));
	assert_non_null(
	    strstr(buf_str(&text), "\nagamid-deliver does not run\n"));
	buf_free(&text);
	report_free(&r);
}

/* The table is cut to the terminal, problems are not; lines to its width. */
static void
test_screen_small(void **state)
{
	const struct screen small = {.width = 40, .height = 23};
	struct report r;
	struct buf text;
	const char *line;
	struct cursor c;
	size_t len, lines = 0, i;

	(void)state;
	make(&r, status, "totals\n");
	buf_init(&text, 4096);
	for (i = 0; i < 2; i++)
		buf_printf(&text, "peer=more%zu known=no session=none\n", i);
	report_take_relay(&r, &text);
	buf_free(&text);
	text_of(&r, &small, &text);
	cursor_init(&c, buf_str(&text), text.len);
	while (cursor_line(&c, &line, &len)) {
		lines++;
		assert_true(len <= 40 || memcmp(line, "carol ", 6) == 0);
	}
	assert_non_null(strstr(buf_str(&text), "... and 2 more"));
	assert_true(lines <= small.height);
	buf_free(&text);
	report_free(&r);
}

/* SPEC N-19.2, R-10.3: who said that it is away is no problem. */
static void
test_away(void **state)
{
	static const char away[] =
	    "node=alice paused=1795260000 leaving=yes own=0\n"
	    "peer=bob known=yes session=none failures=9 seen=1794000000 "
	    "away=1795260000 error=\"can't be reached\"\n"
	    "peer=carol known=yes session=none failures=9 seen=1794000000 "
	    "away=253402300799 error=\"can't be reached\"\n";
	struct report r;
	struct buf text;

	(void)state;
	make(&r, away, "totals\n");
	assert_string_equal(buf_str(&r.problems), "");
	text_of(&r, &plain, &text);
	assert_non_null(
	    strstr(buf_str(&text), "away     14 d 12 h  0, 0 B (0%)"));
	assert_non_null(strstr(buf_str(&text), "1.0 MB  to 11-21 11:20\n"));
	assert_non_null(
	    strstr(buf_str(&text), "\ncarol          leaving  14 d "));
	assert_non_null(strstr(buf_str(&text), "leaving the network"));
	assert_non_null(
	    strstr(buf_str(&text), "away until 2026-11-21T11:20:00Z"));
	buf_free(&text);
	report_free(&r);
}

static void
test_judge(void **state)
{
	struct report r;

	(void)state;
	make(&r, "node=alice lost=3 clock=unsynchronised\n",
	    "totals\nquarantined 1\n");
	buf_reset(&r.problems);
	r.key_expires = NOW + 29 * 86400;
	r.room = 5;
	r.may_hold_ours = 0;
	report_judge(&r);
	assert_string_equal(buf_str(&r.problems),
	    "this node's OpenPGP key expires in 29 d 0 h\n"
	    "less is free on the spool's disk than the reserve: nothing more "
	    "is taken\n"
	    "1 of our own bundles can't be opened: agamid queue refused\n"
	    "3 of our own bundles expired at friends before they could be "
	    "brought here: agamid queue expired\n"
	    "the clock is not synchronised: what is too old to be held "
	    "stays\n"
	    "no peer may hold our mail\n");
	buf_reset(&r.problems);
	r.key_expires = NOW;
	r.room = 1ULL << 40;
	r.may_hold_ours = 1;
	r.quarantined = 0;
	r.lost = 0;
	r.clock_holds = false;
	report_judge(&r);
	assert_string_equal(
	    buf_str(&r.problems), "this node's OpenPGP key has expired\n");
	report_free(&r);
}

/* SPEC N-19.2: one of each site, none of our own, at most as wanted. */
static void
test_reach(void **state)
{
	static char x[] = "x", y[] = "y", own[] = "own", alice[] = "alice";
	static const struct {
		char *sites[6];
		size_t count;
		unsigned want;
	} rows[] = {
	    {{NULL}, 0, 0},
	    {{x}, 1, 1},
	    {{x, y}, 2, 2},
	    {{x, x, y, x}, 4, 2},
	    {{own, x}, 2, 1},
	    {{own, own}, 2, 1},
	};
	struct manifest self = node(alice, own), peers[6];
	const struct manifest *list[6];
	char names[6][24];
	unsigned sites;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (k = 0; k < rows[i].count; k++) {
			snprintf(names[k], sizeof(names[k]), "p%zu", k);
			peers[k] = node(names[k], rows[i].sites[k]);
			list[k] = &peers[k];
		}
		assert_int_equal(
		    report_reach(&self, list, rows[i].count, &sites),
		    rows[i].want);
	}
	for (k = 0; k < 6; k++) {
		snprintf(names[k], sizeof(names[k]), "p%zu", k);
		peers[k] = node(names[k], NULL);
		list[k] = &peers[k];
	}
	assert_int_equal(report_reach(&self, list, 6, &sites), 4);
	assert_int_equal(sites, 6);
	self.survive = 80; /* SPEC M-3.18 */
	assert_int_equal(report_reach(&self, list, 6, &sites), 5);
	self.survive = 0;
	peers[0].stores_allow.count = 0;
	peers[1].stores_allow.count = 0;
	peers[2].stores_allow.count = 0;
	assert_int_equal(report_reach(&self, list, 6, &sites), 3);
}

/* SPEC N-19.4 */
static void
test_json(void **state)
{
	json_t *o, *peer;
	struct report r;
	struct buf out;

	(void)state;
	make(&r, status, NULL);
	report_problem(&r, "odd \xff\x1b[31m \"words\"");
	buf_init(&out, REPORT_TEXT_MAX);
	report_json(&r, true, &out);
	assert_ptr_equal(strchr(buf_str(&out), '\n'), out.data + out.len - 1);
	o = json_loadb(buf_str(&out), out.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(o);
	assert_int_equal(json_integer_value(json_object_get(o, "version")), 1);
	assert_true(json_is_true(
	    json_object_get(json_object_get(o, "daemons"), "relayd")));
	assert_true(json_is_false(
	    json_object_get(json_object_get(o, "daemons"), "deliver")));
	/* What is not known is null. */
	assert_true(json_is_null(
	    json_object_get(json_object_get(o, "own_mail"), "refused")));
	assert_int_equal(json_integer_value(json_object_get(
			     json_object_get(o, "own_mail"), "waiting")),
	    2);
	assert_int_equal(json_array_size(json_object_get(o, "peers")), 3);
	peer = json_array_get(json_object_get(o, "peers"), 1);
	assert_string_equal(
	    json_string_value(json_object_get(peer, "name")), "carol");
	assert_int_equal(
	    json_integer_value(json_object_get(peer, "failures")), 7);
	peer = json_array_get(json_object_get(o, "peers"), 2);
	assert_true(json_is_false(json_object_get(peer, "in_force")));
	assert_true(json_is_null(json_object_get(peer, "host")));
	assert_int_equal(json_array_size(json_object_get(
			     json_object_get(o, "accepted"), "spread")),
	    2);
	assert_int_equal(json_integer_value(json_object_get(
			     json_object_get(o, "accepted"), "below")),
	    3);
	json_decref(o);
	buf_free(&out);
	report_free(&r);
}

static void
test_prometheus(void **state)
{
	static char odd[] = "a\"b\\c\nd";
	struct report r;
	struct buf out;

	(void)state;
	make(&r, status, "totals\nrefused 2\n");
	manifests[0].network = odd;
	buf_init(&out, REPORT_TEXT_MAX);
	report_prometheus(&r, &out);
	assert_non_null(strstr(buf_str(&out),
	    "agamid_info{node=\"alice\",network=\"a\\\"b\\\\c\\nd\","
	    "version=\"" PACKAGE_VERSION "\"} 1\n"));
	assert_non_null(strstr(buf_str(&out),
	    "# TYPE agamid_peer_held_bytes gauge\n"
	    "agamid_peer_held_bytes{peer=\"bob\"} 524288\n"));
	assert_non_null(
	    strstr(buf_str(&out), "agamid_own_bundles{state=\"refused\"} 2\n"));
	assert_non_null(strstr(buf_str(&out), "\nagamid_problems 4\n"));
	assert_non_null(strstr(buf_str(&out), "\nagamid_below_bundles 3\n"));
	buf_free(&out);
	report_free(&r);
	make(&r, NULL, NULL);
	buf_init(&out, REPORT_TEXT_MAX);
	report_prometheus(&r, &out);
	assert_non_null(
	    strstr(buf_str(&out), "agamid_up{daemon=\"relayd\"} 0\n"));
	assert_null(strstr(buf_str(&out), "agamid_peer"));
	assert_null(strstr(buf_str(&out), "agamid_own"));
	buf_free(&out);
	report_free(&r);
}

/* Nothing of a peer's words steers a terminal. */
static void
test_screen_put(void **state)
{
	struct screen colour = {.width = 12, .colour = true};
	char *text = NULL, word[8];
	struct buf out;
	size_t size;
	FILE *f;

	(void)state;
	screen_word("a\x1b[2J\xc3\xa4", word, sizeof(word));
	assert_string_equal(word, "a?[2J??");
	screen_word("abcdefgh", word, 4);
	assert_string_equal(word, "abc");
	buf_init(&out, 4096);
	screen_line(&out, &colour, "%s", SCREEN_BAD "0123456789" SCREEN_PLAIN);
	screen_line(&out, &colour, "%s", SCREEN_BAD "0123456789abcdef");
	screen_line(&out, &colour, "%s", "0123456789ab");
	screen_line(&out, &colour, "%s", "\x1b[2J   ");
	f = open_memstream(&text, &size);
	assert_non_null(f);
	screen_put(f, &colour, &out, false);
	fclose(f);
	assert_string_equal(text,
	    "\x1b[31m0123456789\x1b[0m\n"
	    "\x1b[31m012345678...\x1b[0m\n"
	    "0123456789ab\n"
	    "\\x1b[2J\n");
	free(text);
	colour.colour = false;
	f = open_memstream(&text, &size);
	assert_non_null(f);
	screen_put(f, &colour, &out, true);
	fclose(f);
	assert_memory_equal(text, "0123456789\x1b[K\n", 14);
	free(text);
	buf_free(&out);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_screen),
	    help_test(test_screen_without_daemons),
	    help_test(test_screen_small),
	    help_test(test_away),
	    help_test(test_judge),
	    help_test(test_reach),
	    help_test(test_json),
	    help_test(test_prometheus),
	    help_test(test_screen_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
