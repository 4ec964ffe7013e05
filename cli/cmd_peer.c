/* SPDX-License-Identifier: MIT */
/*
 * agamid peer - whom this node knows. A peer's first manifest, and every
 * change of what is pinned, is agreed to by the operator, who compares
 * the fingerprint with what the friend told him (SPEC N-14).
 *
 * Nothing here comes into force before `agamid apply`.
 */
#include "cli/cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/known.h"
#include "cli/pin.h"
#include "cli/postfix.h"
#include "cli/show.h"
#include "cli/store.h"
#include "cli/usage.h"
#include "cli/world.h"
#include "manifests/sign.h"
#include "util/text.h"

#define TEXT_MAX 65536

struct adding {
	struct known *known;
	struct manifest *m;
	const char *fingerprint; /* as given, or NULL */
	bool accept; /* what is pinned may change */
};

/* ---- whose key is it? ---- */

/* SPEC M-11.1: all that tells a friend from somebody else. */
static void
describe(const struct manifest *m)
{
	struct buf line;
	size_t i;

	cli_out("This is the manifest of %s, at %s", m->name, m->host);
	for (i = 0; i < m->address_count; i++)
		cli_out(" %s", m->addresses[i]);
	cli_out("%s%s.\n\nIt says that it is the home of, and the world's DNS "
		"sends mail to:\n",
	    m->dynamic != NULL ? " " : "",
	    m->dynamic != NULL ? m->dynamic : "");
	buf_init(&line, TEXT_MAX);
	for (i = 0; i < m->domain_count; i++) {
		fflush(stdout);
		buf_reset(&line);
		world_mx(m->domains[i], &line);
		cli_out("  %-30s %s\n", m->domains[i], buf_str(&line));
	}
	cli_out("\nIts SSH host key:\n");
	for (i = 0; i < m->ssh_host_key_count; i++) {
		buf_reset(&line);
		if (show_ssh_fingerprint(m->ssh_host_keys[i], &line) == 0)
			cli_out("  %s\n", buf_str(&line));
	}
	buf_free(&line);
	cli_out("Its OpenPGP fingerprint:\n\n  ");
	show_fingerprint(m->fpr);
}

static int
ask_operator(const struct manifest *m)
{
	char answer[16];

	describe(m);
	cli_out("\nAsk %s by telephone or face to face. Is this what %s says? "
		"(yes or no) ",
	    m->name, m->name);
	fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) != NULL &&
	    strcmp(answer, "yes\n") == 0)
		return CLI_OK;
	return cli_error("not agreed; nothing changed");
}

static int
check_fingerprint(const struct adding *a)
{
	char fpr[41];

	if (a->fingerprint == NULL) {
		if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
			return ask_operator(a->m);
		return cli_error("ask %s for the fingerprint by telephone or "
				 "face to face, and give it with "
				 "--fingerprint",
		    a->m->name);
	}
	if (show_read_fingerprint(a->fingerprint, fpr) < 0)
		return cli_error("--fingerprint %s: expected all 40 digits of "
				 "the key's fingerprint",
		    a->fingerprint);
	if (strcmp(fpr, a->m->fpr) != 0)
		return cli_error("the manifest is signed by %s, and not by "
				 "%s: this is not who you think, or somebody "
				 "changed it on the way",
		    a->m->fpr, fpr);
	return CLI_OK;
}

/* ---- may it come in? ---- */

static int
check_network(const struct adding *a)
{
	const struct manifest *self = a->known->roster.self;

	if (strcmp(a->m->name, self->name) == 0)
		return cli_error("%s is this node's own name; your friend "
				 "needs another",
		    self->name);
	if (strcmp(a->m->network, self->network) != 0)
		return cli_error("%s is in the network %s, and this node in "
				 "%s",
		    a->m->name, a->m->network, self->network);
	return CLI_OK;
}

/* Nothing that it claims may be another's, or our own Postfix's. */
static int
check_claims(const struct adding *a, const struct buf *pin)
{
	struct claims *claims = a->known->roster.claims;
	struct buf domains, facts, conflicts;
	struct error why;
	int rc = CLI_OK;
	size_t i;

	buf_init(&domains, TEXT_MAX);
	buf_init(&facts, 2 * PIN_MAX);
	buf_init(&conflicts, TEXT_MAX);
	(void)buf_put(&facts, buf_str(pin), pin->len);
	(void)pin_keys(a->m, &facts);
	for (i = 0; i < a->m->domain_count; i++)
		(void)buf_printf(&domains, "%s\n", a->m->domains[i]);
	if (postfix_claim_domains(
		a->known->conf, buf_str(&domains), claims, &why) < 0) {
		rc = cli_error(
		    "can't ask Postfix which domains are ours: %s", why.text);
	} else if (claims_take(claims, a->m->name, &facts, &conflicts) < 0) {
		rc = cli_error("%s claims what is another's; nothing changed:",
		    a->m->name);
		cli_lines(&conflicts);
	}
	buf_free(&conflicts);
	buf_free(&facts);
	buf_free(&domains);
	return rc;
}

/* ---- keeping it ---- */

static int
keep(const struct adding *a, const struct buf *pin)
{
	struct conf *conf = a->known->conf;
	struct error why;

	if (store_install(conf, a->m, &why) < 0 ||
	    (pin != NULL && pin_write(conf, a->m->name, pin, &why) < 0) ||
	    (pin != NULL && store_clear_removed(conf, a->m->name, &why) < 0) ||
	    (pin != NULL && store_clear_pending(conf, a->m, &why) < 0))
		return cli_error("%s", why.text);
	cli_out("%s, serial %llu, is %s. Run agamid apply when you have "
		"added all.\n",
	    a->m->name, (unsigned long long)a->m->serial,
	    pin == NULL ? "kept" : "pinned");
	return CLI_OK;
}

static int
keep_pinned(const struct adding *a)
{
	struct buf pin;
	int rc = CLI_FAILED;

	buf_init(&pin, PIN_MAX);
	if (pin_make(a->m, time(NULL), &pin) < 0)
		cli_error("too much to pin");
	else if (check_claims(a, &pin) == CLI_OK)
		rc = keep(a, &pin);
	buf_free(&pin);
	return rc;
}

/* SPEC M-13.2: its recovery key says so. */
static bool
is_succession(const struct adding *a, const struct buf *pin)
{
	return pin_may_succeed(pin, a->m) &&
	    sign_succession_verify(a->m, a->known->scratch, NULL) == 0;
}

/* The peer is known: what is pinned stays, unless it is accepted. */
static int
keep_known(const struct adding *a, const struct buf *pin)
{
	uint64_t newest = store_newest(a->known->conf, a->m->name);
	struct buf differences;
	int rc = CLI_OK;
	unsigned n;

	if (a->m->serial < newest)
		return cli_error("serial %llu of %s is older than %llu, which "
				 "is known; ask for the newest file",
		    (unsigned long long)a->m->serial, a->m->name,
		    (unsigned long long)newest);
	buf_init(&differences, PIN_MAX);
	n = pin_differs(pin, a->m, &differences);
	if (n > 0 && !a->accept && !is_succession(a, pin))
		rc = cli_error("%s has changed what you agreed to. Ask why; "
			       "if it is right: agamid peer accept FILE "
			       "--fingerprint FPR",
		    a->m->name);
	if (!a->accept)
		cli_lines(&differences);
	buf_free(&differences);
	if (rc != CLI_OK)
		return rc;
	if (n > 0)
		return keep_pinned(a);
	return check_claims(a, pin) == CLI_OK ? keep(a, NULL) : CLI_FAILED;
}

/* What he agreed to, and what he would agree to. */
static void
show_changes(const struct manifest *m, const struct buf *pin)
{
	struct buf differences;

	buf_init(&differences, PIN_MAX);
	if (pin_differs(pin, m, &differences) == 0)
		cli_out("Nothing that you agreed to changes.\n\n");
	else
		cli_out("%s would change what you agreed to (- was, + would "
			"be):\n\n%s\n",
		    m->name, buf_str(&differences));
	buf_free(&differences);
}

static int
add_manifest(const struct adding *a)
{
	struct error why;
	struct buf pin;
	int rc;

	if (check_network(a) != CLI_OK)
		return CLI_FAILED;
	buf_init(&pin, PIN_MAX);
	rc = pin_read(a->known->conf, a->m->name, &pin, &why);
	if (rc == 0 && a->accept)
		show_changes(a->m, &pin);
	if (check_fingerprint(a) != CLI_OK) {
		buf_free(&pin);
		return CLI_FAILED;
	}
	if (rc == 0)
		rc = keep_known(a, &pin);
	else if (a->accept && rc == AG_ENOENT)
		rc = cli_error("%s is not known; agamid peer add pins a new "
			       "peer",
		    a->m->name);
	else if (rc == AG_ENOENT || a->accept)
		rc = keep_pinned(a);
	else
		rc = cli_error("%s", why.text);
	buf_free(&pin);
	return rc;
}

static int
parse_add(int argc, char **argv, struct adding *a, const char **file_r)
{
	static const struct option options[] = {
	    {"fingerprint", required_argument, NULL, 'f'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'f')
			return cli_usage(USAGE_PEER);
		a->fingerprint = optarg;
	}
	if (optind + 1 != argc)
		return cli_usage(USAGE_PEER);
	*file_r = argv[optind];
	return CLI_OK;
}

/* A peer's name stands for what came of him by exchange, and asks. */
static char *
file_to_read(const struct conf *conf, const char *word, bool accept)
{
	if (accept && text_is_node_name(word) &&
	    store_has(conf, word, STORE_PENDING))
		return store_path(conf, word, STORE_PENDING);
	return xstrdup(word);
}

static int
peer_add(const struct cli *cli, int argc, char **argv, bool accept)
{
	struct adding a = {.accept = accept};
	struct buf problems;
	struct known k;
	const char *word = NULL;
	char *file;
	int rc;

	rc = parse_add(argc, argv, &a, &word);
	if (rc != CLI_OK)
		return rc;
	rc = known_load(cli, KNOWN_LOCKED, &k);
	if (rc == CLI_OK) {
		a.known = &k;
		buf_init(&problems, ROSTER_PROBLEMS_MAX);
		file = file_to_read(k.conf, word, accept);
		a.m = roster_read_file(file, k.verified, k.scratch, &problems);
		free(file);
		cli_lines(&problems);
		rc = a.m == NULL ? CLI_FAILED : add_manifest(&a);
		manifest_free(&a.m);
		buf_free(&problems);
	}
	known_free(&k);
	return rc;
}

/* ---- remove and list ---- */

static int
peer_remove(const struct cli *cli, int argc, char **argv)
{
	struct error why;
	struct known k;
	int rc;

	if (argc != 2)
		return cli_usage(USAGE_PEER);
	rc = known_load(cli, KNOWN_LOCKED, &k);
	if (rc == CLI_OK && strcmp(argv[1], k.conf->node) == 0)
		rc = cli_error("%s is this node", argv[1]);
	else if (rc == CLI_OK &&
	    (!text_is_node_name(argv[1]) ||
		!store_has(k.conf, argv[1], STORE_PINNED)))
		rc = cli_error("there is no peer %s; agamid peer list shows "
			       "them",
		    argv[1]);
	else if (rc == CLI_OK && store_mark_removed(k.conf, argv[1], &why) < 0)
		rc = cli_error("%s", why.text);
	else if (rc == CLI_OK)
		cli_out("%s is removed; what is held for %s stays. Run agamid "
			"apply.\n",
		    argv[1], argv[1]);
	known_free(&k);
	return rc;
}

static void
list_peer(const struct manifest *m)
{
	size_t i;

	cli_out("%s  serial %llu  %s\n  fingerprint %s\n  domains", m->name,
	    (unsigned long long)m->serial, m->host, m->fpr);
	for (i = 0; i < m->domain_count; i++)
		cli_out(" %s", m->domains[i]);
	cli_out("\n");
}

static int
peer_list(const struct cli *cli, int argc)
{
	struct known k;
	size_t i;
	int rc;

	if (argc != 1)
		return cli_usage(USAGE_PEER);
	rc = known_load(cli, KNOWN_READ, &k);
	if (rc == CLI_OK) {
		for (i = 0; i < k.roster.peer_count; i++)
			list_peer(k.roster.peers[i]);
		if (k.roster.peer_count == 0)
			cli_out("no peers yet; agamid peer add FILE\n");
		cli_lines(&k.roster.problems);
	}
	known_free(&k);
	return rc;
}

int
cmd_peer(const struct cli *cli, int argc, char **argv)
{
	if (argc < 2)
		return cli_usage(USAGE_PEER);
	argc--;
	argv++;
	if (strcmp(argv[0], "add") == 0)
		return peer_add(cli, argc, argv, false);
	if (strcmp(argv[0], "accept") == 0)
		return peer_add(cli, argc, argv, true);
	if (strcmp(argv[0], "remove") == 0)
		return peer_remove(cli, argc, argv);
	if (strcmp(argv[0], "list") == 0)
		return peer_list(cli, argc);
	return cli_usage(USAGE_PEER);
}
