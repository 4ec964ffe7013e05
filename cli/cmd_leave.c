/* SPDX-License-Identifier: MIT */
/*
 * agamid leave - out of the network, so that nobody's mail is lost: what
 * is held for others is handed on, our own mail is brought home, then the
 * manifest says that this node holds nothing and that nobody holds for it.
 *
 * The order matters: once the manifest is known, peers take nothing more
 * that this node accepted (doc/spec/relay.md, R-5.5). (SPEC N-19.6)
 */
#include "cli/cli.h"

#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/body.h"
#include "cli/cmd_manifest.h"
#include "cli/known.h"
#include "cli/relay.h"
#include "cli/usage.h"
#include "util/file.h"
#include "util/text.h"

#define WAIT_DEFAULT 600
#define WAIT_MAX (7 * 86400)
#define LOOK_MS 500
#define DRAFT "leave.yaml"

struct leaving {
	const struct cli *cli;
	struct conf *conf;
	bool yes, cancel, now;
	uint64_t wait; /* seconds */
	/* relayd's last answer */
	unsigned long long held, handed, pending, alone, drawn, waiting;
};

static int
parse(int argc, char **argv, struct leaving *l)
{
	static const struct option table[] = {
	    {"yes", no_argument, NULL, 'y'},
	    {"now", no_argument, NULL, 'n'},
	    {"cancel", no_argument, NULL, 'c'},
	    {"wait", required_argument, NULL, 'w'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'y')
			l->yes = true;
		else if (c == 'n')
			l->now = true;
		else if (c == 'c')
			l->cancel = true;
		else if (c != 'w' || text_duration(optarg, &l->wait) < 0 ||
		    l->wait > WAIT_MAX)
			return cli_usage(USAGE_LEAVE);
	}
	if (optind != argc || (l->cancel && (l->yes || l->now)))
		return cli_usage(USAGE_LEAVE);
	return CLI_OK;
}

static int
ask_relayd(struct leaving *l, const char *word)
{
	char *command = xasprintf("leave %s\n", word);
	struct buf answer;
	struct error why;
	const char *a;
	int rc;

	buf_init(&answer, RELAY_ANSWER_MAX);
	rc = relay_order(l->conf, command, &answer, &why) < 0
	    ? cli_error("%s", why.text)
	    : CLI_OK;
	a = buf_str(&answer);
	l->held = relay_number(a, answer.len, "held");
	l->handed = relay_number(a, answer.len, "handed");
	l->pending = relay_number(a, answer.len, "pending");
	l->alone = relay_number(a, answer.len, "alone");
	l->drawn = relay_number(a, answer.len, "drawn");
	l->waiting = relay_number(a, answer.len, "waiting");
	buf_free(&answer);
	free(command);
	return rc;
}

/* ---- the question ---- */

static bool
agrees(const struct leaving *l)
{
	char line[64] = "";

	cli_out("%s leaves the network:\n"
		"  %llu bundles that it holds for others are handed on to "
		"other nodes;\n"
		"  its peers are told, and it takes nothing more for them;\n"
		"  its manifest will say that it holds for nobody, and that "
		"nobody holds for it:\n"
		"  it is nobody's backup MX any more, and has none.\n",
	    l->conf->node, l->held);
	if (l->yes)
		return true;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		cli_error("leave asks; --yes answers");
		return false;
	}
	cli_out("Type the node's name to go on: ");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, l->conf->node) == 0)
		return true;
	cli_error("nothing was done");
	return false;
}

/* ---- handing on ---- */

static void
show_progress(const struct leaving *l)
{
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr,
	    "\r%llu of %llu handed on, %llu copies on their way, %llu of our "
	    "own to come\033[K",
	    l->handed, l->held, l->drawn, l->waiting);
	fflush(stderr);
}

static int
hand_on(struct leaving *l)
{
	int64_t left = (int64_t)l->wait * 1000;
	int rc;

	rc = ask_relayd(l, "begin");
	while (rc == CLI_OK && left > 0 &&
	    (l->pending > 0 || l->drawn > 0 || l->waiting > 0)) {
		show_progress(l);
		(void)poll(NULL, 0, LOOK_MS);
		left -= LOOK_MS;
		rc = ask_relayd(l, "look");
	}
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	if (rc != CLI_OK)
		return rc;
	cli_out("%llu of %llu bundles are at other nodes", l->handed, l->held);
	if (l->drawn > 0)
		cli_out("; %llu more copies are on their way", l->drawn);
	cli_out(".\n");
	if (l->pending + l->alone == 0 || l->now)
		return CLI_OK;
	return cli_error("%llu bundles are on this node alone: nobody that "
			 "may hold them can be reached. Leave it running, "
			 "and run agamid leave again; --now goes on "
			 "all the same",
	    l->pending + l->alone);
}

/* ---- the manifest ---- */

/* The manifest in force, with nobody allowed. */
static int
write_draft(struct leaving *l, const char *path, bool *same_r)
{
	static const char nobody[] = "{allow: []}";
	struct buf before, half, after;
	struct known k;
	struct error why;
	int rc;

	*same_r = false;
	buf_init(&before, MANIFEST_MAX + 64);
	buf_init(&half, MANIFEST_MAX + 256);
	buf_init(&after, MANIFEST_MAX + 256);
	rc = known_load(l->cli, KNOWN_READ, &k);
	if (rc != CLI_OK)
		goto out;
	*same_r = k.roster.self->stores_allow.count == 0 &&
	    k.roster.self->backups_allow.count == 0;
	if (body_take(k.roster.self->text, k.roster.self->text_len, &before) <
		0 ||
	    body_set(&before, "stores", nobody, &half) < 0 ||
	    body_set(&half, "backups", nobody, &after) < 0)
		rc = cli_error("set stores and backups to %s yourself: "
			       "agamid manifest edit",
		    nobody);
	else if (file_replace(
		     path, after.data, after.len, 0600, "leave", &why) < 0)
		rc = cli_error("%s", why.text);
out:
	known_free(&k);
	buf_free(&after);
	buf_free(&half);
	buf_free(&before);
	return rc;
}

static int
publish(struct leaving *l)
{
	char *path = file_join(l->conf->state_dir, DRAFT);
	char verb[] = "publish", option[] = "--wait", wait[] = "10s";
	char *argv[] = {verb, option, wait, path, NULL};
	bool same;
	int rc;

	rc = write_draft(l, path, &same);
	if (rc == CLI_OK && !same)
		rc = manifest_publish(l->cli, 4, argv);
	(void)unlink(path);
	free(path);
	return rc;
}

static int
leave(struct leaving *l)
{
	int rc;

	rc = ask_relayd(l, "look");
	if (rc != CLI_OK)
		return rc;
	if (!agrees(l))
		return CLI_FAILED;
	rc = hand_on(l);
	if (rc == CLI_OK)
		rc = publish(l);
	/* What came in meanwhile. */
	if (rc == CLI_OK)
		rc = hand_on(l);
	if (rc != CLI_OK)
		return rc;
	cli_out("This node has left. Ask whoever runs the zone to drop its "
		"manifest, and your\nfriends to agamid peer remove %s. Leave "
		"it running as long as you can: what it\nstill holds goes "
		"when its home has it. Then agamid setup --undo takes it out "
		"of\nPostfix. agamid leave --cancel and agamid manifest "
		"publish of the manifest\nbefore bring it back.\n",
	    l->conf->node);
	return CLI_OK;
}

static int
cancel(struct leaving *l)
{
	int rc = ask_relayd(l, "cancel");

	if (rc == CLI_OK)
		cli_out("This node stays. Its manifest is as it was published "
			"last: see agamid manifest\nshow, and publish one "
			"that allows peers again.\n");
	return rc;
}

int
cmd_leave(const struct cli *cli, int argc, char **argv)
{
	struct leaving l = {.cli = cli, .wait = WAIT_DEFAULT};
	int rc;

	rc = parse(argc, argv, &l);
	if (rc != CLI_OK)
		return rc;
	l.conf = cli_conf(cli);
	if (l.conf == NULL)
		return CLI_FAILED;
	rc = l.cancel ? cancel(&l) : leave(&l);
	conf_free(&l.conf);
	return rc;
}
