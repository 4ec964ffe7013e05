/* SPDX-License-Identifier: MIT */
/*
 * test_decide - who gets in, as tables.
 *
 * Carol is us. Bob lists mailboxes, one of them with a key of its own;
 * dave takes any address; alice doesn't let us hold for her; eve's pattern
 * runs into its limits.
 */
#include "help.h"
#include "net_help.h"

#include <stdlib.h>
#include <string.h>

#include "milter/decide.h"

#define M (UINT64_C(1024) * 1024)
#define G (1024 * M)

static const struct net_node nodes[] = {
    {.name = "carol", .more = "  stores: {deny: [mallory]}\n"},
    {.name = "bob",
	.domains = "[bob.example, bob.test]",
	.more = "  mailboxes:\n"
		"    bob: {matches: 'bob(\\+\\w+)?'}\n"
		"    own:\n"
		"      matches: 'secret'\n"
		"      openpgp: |\n"
		"        -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
		"\n"
		"        x\n"
		"        -----END PGP PUBLIC KEY BLOCK-----\n"
		"  stores: {max-message-size: 10M}\n"},
    {.name = "dave", .more = "  stores: {max-message-size: 200M}\n"},
    {.name = "alice", .more = "  backups: {deny: [carol]}\n"},
    {.name = "mallory"},
    {.name = "eve",
	.more = "  mailboxes:\n"
		"    x: {matches: '(a+)+'}\n"},
    {.name = "sub", .domains = "[x.bob.example]"},
};

#define NODES (sizeof(nodes) / sizeof(nodes[0]))

static struct network *
view(void)
{
	struct network *net;
	struct error error;

	net_derive("carol", nodes, NODES, NULL, 0);
	net = network_load(net_derived(), &error);
	if (net == NULL)
		fail_msg("%s", error.text);
	return net;
}

static const struct {
	const char *path;
	enum answer answer;
	const char *home;
	bool own_key;
} recipients[] = {
    /* SPEC N-1.4 */
    {"<bob@bob.example>", ANSWER_OK, "bob", false},
    {"<BOB+shop@bob.test>", ANSWER_OK, "bob", false},
    {"<obsolete@bob.example>", ANSWER_NO_MAILBOX, NULL, false},
    {"<bobby@bob.example>", ANSWER_NO_MAILBOX, NULL, false},
    {"<PostMaster@bob.example>", ANSWER_OK, "bob", false},
    {"<abuse@bob.example>", ANSWER_OK, "bob", false},
    {"<anything@dave.example>", ANSWER_OK, "dave", false},
    {"<secret@bob.example>", ANSWER_OK, "bob", true},
    /* SPEC N-1.2 */
    {"<bob@y.bob.example>", ANSWER_NO_DOMAIN, NULL, false},
    {"<bob@x.bob.example>", ANSWER_OK, "sub", false},
    {"<bob@elsewhere.example>", ANSWER_NO_DOMAIN, NULL, false},
    {"<carol@carol.example>", ANSWER_PASS, NULL, false},
    {"<carol@x.carol.example>", ANSWER_NO_DOMAIN, NULL, false},
    /* SPEC N-1.3 */
    {"<alice@alice.example>", ANSWER_NOT_BACKUP, NULL, false},
    {"<m@mallory.example>", ANSWER_NOT_BACKUP, NULL, false},
    /* SPEC N-1.5 */
    {"<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"
     "@eve.example>",
	ANSWER_MATCH_LIMIT, NULL, false},
};

static void
test_recipients(void **state)
{
	struct network *net = view();
	struct address a;
	struct target t;
	char *own = net_fpr("bob", "own");
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(recipients) / sizeof(recipients[0]); i++) {
		print_message("%s\n", recipients[i].path);
		assert_int_equal(address_parse(recipients[i].path, &a), 0);
		assert_int_equal(
		    decide_recipient(net, &a, &t), recipients[i].answer);
		if (recipients[i].home == NULL) {
			assert_null(t.home);
			continue;
		}
		assert_string_equal(t.home->name, recipients[i].home);
		assert_string_equal(t.class.home, recipients[i].home);
		assert_int_equal(t.class.kind, MAIL_PEER);
		assert_string_equal(
		    t.class.key, recipients[i].own_key ? own : "");
	}
	free(own);
	network_unref(&net);
}

static const struct mail_class none = {.kind = MAIL_NONE};
static const struct mail_class other = {.kind = MAIL_OTHER};
static const struct mail_class bob = {.kind = MAIL_PEER, .home = "bob"};
static const struct mail_class bob_own = {
    .kind = MAIL_PEER, .home = "bob", .key = "ABCD"};
static const struct mail_class dave = {.kind = MAIL_PEER, .home = "dave"};

/* SPEC N-1.6: the policy check's half. */
static void
test_join(void **state)
{
	const struct {
		const struct mail_class *now, *wanted;
		enum answer answer;
	} table[] = {
	    {&none, &bob, ANSWER_OK},
	    {&none, &bob_own, ANSWER_OK},
	    {&bob, &bob, ANSWER_OK},
	    {&bob_own, &bob_own, ANSWER_OK},
	    {&bob, &bob_own, ANSWER_MIXED},
	    {&bob_own, &bob, ANSWER_MIXED},
	    {&bob, &dave, ANSWER_MIXED},
	    {&other, &bob, ANSWER_MIXED},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		print_message("%zu\n", i);
		assert_int_equal(decide_join(table[i].now, table[i].wanted),
		    table[i].answer);
	}
}

/* SPEC N-1.1, N-1.6: the milter's half. */
static void
test_milter_rcpt(void **state)
{
	const struct {
		const struct mail_class *now;
		const struct mail_class *admitted; /* NULL: not asked */
		enum answer answer;
		const struct mail_class *next;
	} table[] = {
	    {&none, NULL, ANSWER_PASS, &other},
	    {&other, NULL, ANSWER_PASS, &other},
	    {&none, &bob, ANSWER_OK, &bob},
	    {&bob, &bob, ANSWER_OK, &bob},
	    {&bob, &dave, ANSWER_MIXED, &bob},
	    {&bob, &bob_own, ANSWER_MIXED, &bob},
	    {&bob, NULL, ANSWER_MIXED, &bob},
	    {&other, &bob, ANSWER_MIXED, &other},
	};
	struct mail_class next;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		print_message("%zu\n", i);
		assert_int_equal(
		    decide_milter_rcpt(table[i].now, table[i].admitted != NULL,
			table[i].admitted, &next),
		    table[i].answer);
		assert_true(mail_class_equal(&next, table[i].next));
	}
}

static const struct {
	const char *home;
	struct room room;
	uint64_t size;
	enum answer answer;
} rooms[] = {
    /* SPEC N-1.8: the lesser of the home's limit and ours */
    {"bob", {100 * M, G, 10 * G}, 0, ANSWER_OK},
    {"bob", {100 * M, G, 10 * G}, 10 * M, ANSWER_OK},
    {"bob", {100 * M, G, 10 * G}, 10 * M + 1, ANSWER_TOO_BIG},
    {"dave", {100 * M, G, 10 * G}, 100 * M, ANSWER_OK},
    {"dave", {100 * M, G, 10 * G}, 100 * M + 1, ANSWER_TOO_BIG},
    {"dave", {100 * M, G, 10 * G}, UINT64_MAX, ANSWER_TOO_BIG},
    /* SPEC N-1.9 */
    {"dave", {100 * M, G, G}, 1, ANSWER_NO_ROOM},
    {"dave", {100 * M, G, G + 1024}, 1, ANSWER_OK},
    {"dave", {100 * M, G, 0}, 0, ANSWER_NO_ROOM},
    {"dave", {100 * M, G, G + 40 * M}, 50 * M, ANSWER_NO_ROOM},
    {"dave", {100 * M, 0, 10 * M}, 50 * M, ANSWER_NO_ROOM},
};

static void
test_room(void **state)
{
	struct network *net = view();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		print_message("%zu\n", i);
		assert_int_equal(decide_room(network_find(net, rooms[i].home),
				     &rooms[i].room, rooms[i].size),
		    rooms[i].answer);
	}
	network_unref(&net);
}

static const struct facts good = {
    .connected = true,
    .key_usable = true,
    .room = {100 * M, G, 10 * G},
    .size = 1000,
};

/* SPEC N-1: the first row that fits is the answer. */
static void
test_policy(void **state)
{
	struct network *net = view();
	struct target t = {.home = network_find(net, "bob"), .class = bob};
	struct facts f;

	(void)state;
	f = good;
	assert_int_equal(decide_policy(&t, &f), ANSWER_OK);
	f.now = bob;
	assert_int_equal(decide_policy(&t, &f), ANSWER_OK);
	f.room.free = 0;
	assert_int_equal(decide_policy(&t, &f), ANSWER_NO_ROOM);
	f.size = 11 * M;
	assert_int_equal(decide_policy(&t, &f), ANSWER_TOO_BIG);
	/* SPEC N-1.7 */
	f.key_usable = false;
	assert_int_equal(decide_policy(&t, &f), ANSWER_NO_KEY);
	f.now = dave;
	assert_int_equal(decide_policy(&t, &f), ANSWER_MIXED);
	/* SPEC N-1.10 */
	f.connected = false;
	assert_int_equal(decide_policy(&t, &f), ANSWER_NO_CONNECTION);
	network_unref(&net);
}

/* Every answer has a code, and a status of the same class. */
static void
test_answers(void **state)
{
	char text[256];
	int a;

	(void)state;
	for (a = 0; a < ANSWER_COUNT; a++) {
		const struct answer_text *t = answer_text((enum answer)a);

		answer_write((enum answer)a, text, sizeof(text));
		print_message("%s\n", text);
		assert_int_equal(strlen(t->code), 3);
		assert_int_equal(t->code[0], t->status[0]);
		assert_int_equal(strspn(t->code, "0123456789"), 3);
		/* libmilter formats it, and a policy action is one line. */
		assert_null(strpbrk(t->text, "%\r\n"));
		assert_int_equal(
		    answer_is_permanent((enum answer)a), t->code[0] == '5');
	}
	assert_string_equal(answer_text(ANSWER_COUNT)->code, "451");
}

/* SPEC N-1: what the table of the spec says, to the letter. */
static void
test_answer_codes(void **state)
{
	static const struct {
		enum answer answer;
		const char *text;
	} table[] = {
	    {ANSWER_NO_DOMAIN, "554 5.7.1 "},
	    {ANSWER_NOT_BACKUP, "450 4.7.1 "},
	    {ANSWER_NO_MAILBOX, "550 5.1.1 "},
	    {ANSWER_MATCH_LIMIT, "450 4.3.0 "},
	    {ANSWER_NO_CONNECTION, "451 4.3.0 "},
	    {ANSWER_MIXED, "452 4.5.3 "},
	    {ANSWER_NO_KEY, "451 4.7.5 "},
	    {ANSWER_TOO_BIG, "552 5.3.4 "},
	    {ANSWER_NO_ROOM, "452 4.3.1 "},
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		answer_write(table[i].answer, text, sizeof(text));
		assert_int_equal(strncmp(text, table[i].text, 10), 0);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_recipients),
	    help_test(test_join),
	    help_test(test_milter_rcpt),
	    help_test(test_room),
	    help_test(test_policy),
	    help_test(test_answers),
	    help_test(test_answer_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
