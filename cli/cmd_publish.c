/* SPDX-License-Identifier: MIT */
/*
 * agamid manifest sign, publish, edit: this node's next manifest, from a
 * file, from the draft, from an editor.
 *
 * publish is what a script calls: it asks nothing, changes nothing where
 * the draft says nothing new, and ends with who has what.
 */
#include "cli/cmd_manifest.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/apply.h"
#include "cli/body.h"
#include "cli/draft.h"
#include "cli/edit.h"
#include "cli/issue.h"
#include "cli/known.h"
#include "cli/relay.h"
#include "cli/serial.h"
#include "cli/spread.h"
#include "cli/store.h"
#include "cli/usage.h"
#include "util/text.h"

#define ERRORS_MAX 262144

struct publishing {
	struct known known;
	struct issue issue;
	const char *file; /* given, or NULL: the draft */
	char *name; /* of what is read */
	struct buf body, before; /* what is wanted, what is in force */
	struct manifest *made;
	bool force; /* also from a draft that is behind, or the same */
	unsigned wait; /* seconds */
};

/* ---- beginning and end ---- */

/* Our own newest manifest may be bad: then only a file helps. */
static bool
can_begin_without(const struct publishing *p)
{
	return p->file != NULL && p->known.scratch != NULL;
}

static int
begin(const struct cli *cli, struct publishing *p)
{
	int rc;

	buf_init(&p->body, MANIFEST_MAX + 64);
	buf_init(&p->before, MANIFEST_MAX + 64);
	rc = known_load(cli, KNOWN_LOCKED, &p->known);
	if (rc != CLI_OK && !can_begin_without(p))
		return rc;
	p->issue.conf = p->known.conf;
	p->issue.scratch = p->known.scratch;
	p->issue.before = p->known.roster.self;
	p->issue.now = time(NULL);
	p->issue.floor = issue_newest_here(p->known.conf);
	if (p->issue.before != NULL &&
	    body_take(p->issue.before->text, p->issue.before->text_len,
		&p->before) < 0)
		return cli_error("the manifest in force is too long");
	return CLI_OK;
}

static void
end(struct publishing *p)
{
	manifest_free(&p->made);
	buf_free(&p->body);
	buf_free(&p->before);
	free(p->name);
	known_free(&p->known);
}

/* ---- what is to be signed ---- */

/* FILE; else the draft; else what is in force, which becomes the draft. */
static int
read_wanted(struct publishing *p, bool use_draft)
{
	struct error why;
	int rc = AG_ENOENT;

	if (p->file != NULL) {
		p->name = xstrdup(p->file);
		rc = draft_read(p->name, &p->body, &why);
	} else {
		p->name = draft_path(p->known.conf);
		if (use_draft)
			rc = draft_read(p->name, &p->body, &why);
		if (rc == AG_ENOENT) {
			free(p->name);
			p->name = xstrdup("the manifest in force");
			rc = buf_put(
			    &p->body, buf_str(&p->before), p->before.len);
		}
	}
	return rc == 0 ? CLI_OK : cli_error("%s", why.text);
}

static struct manifest *
check(struct publishing *p)
{
	struct buf wrong, notes;
	struct manifest *m;

	buf_init(&wrong, ERRORS_MAX);
	buf_init(&notes, ERRORS_MAX);
	m = issue_check(&p->issue, p->name, &p->body, &wrong, &notes);
	cli_lines(&wrong);
	cli_lines(&notes);
	if (m == NULL)
		cli_error("nothing was signed; what is in force stays");
	buf_free(&notes);
	buf_free(&wrong);
	return m;
}

/* SPEC M-10.3 */
static int
check_base(const struct publishing *p, const struct manifest *draft)
{
	uint64_t newest = p->issue.before != NULL ? p->issue.before->serial : 0;

	if (p->force || p->file != NULL || draft->serial >= newest)
		return CLI_OK;
	return cli_error("%s was made from serial %llu, and %llu is in force: "
			 "agamid manifest diff shows what would be lost; set "
			 "its serial to %llu when it is all in, or give "
			 "--force",
	    p->name, (unsigned long long)draft->serial,
	    (unsigned long long)newest, (unsigned long long)newest);
}

static int
sign_it(struct publishing *p, const struct manifest *draft)
{
	struct error why;
	uint64_t serial = issue_serial(&p->issue, draft->serial);

	p->made = issue_sign(&p->issue, &p->body, serial, &why);
	if (p->made == NULL)
		return cli_error("%s", why.text);
	if (draft_follow(p->known.conf, p->made, &p->before, &why) < 0)
		cli_warn("%s", why.text);
	return CLI_OK;
}

/* ---- sign ---- */

int
manifest_sign(const struct cli *cli, int argc, char **argv)
{
	struct publishing p = {.file = argc == 2 ? argv[1] : NULL};
	struct manifest *m = NULL;
	char *path;
	int rc;

	if (argc > 2)
		return cli_usage(USAGE_MANIFEST);
	rc = begin(cli, &p);
	if (rc == CLI_OK)
		rc = read_wanted(&p, false);
	if (rc == CLI_OK) {
		m = check(&p);
		rc = m == NULL ? CLI_FAILED : sign_it(&p, m);
	}
	if (rc == CLI_OK) {
		path = store_manifest_path(
		    p.known.conf, p.made->name, p.made->serial);
		cli_out("%s is signed. Run agamid apply here; peers get it by "
			"exchange.\n",
		    path);
		free(path);
	}
	manifest_free(&m);
	end(&p);
	return rc;
}

/* ---- publish ---- */

/* SPEC M-10.2: above the highest that any peer knows. */
static void
ask_peers(struct publishing *p)
{
	struct buf answer;
	uint64_t there;

	buf_init(&answer, RELAY_ANSWER_MAX);
	if (relay_ask(p->known.conf, "serials\n", &answer, NULL) == 0) {
		there = issue_newest_there(&answer, p->known.conf->node);
		if (there > p->issue.floor)
			p->issue.floor = there;
	}
	buf_free(&answer);
}

static int
put_in_force(struct publishing *p)
{
	const struct apply_options quiet = {.quiet = true};

	if (known_reload(&p->known) != CLI_OK)
		return CLI_FAILED;
	return apply_known(&p->known, &quiet);
}

static int
sign_and_apply(struct publishing *p)
{
	struct manifest *m;
	int rc;

	m = check(p);
	if (m == NULL)
		return CLI_FAILED;
	rc = check_base(p, m);
	if (rc == CLI_OK)
		rc = sign_it(p, m);
	manifest_free(&m);
	if (rc != CLI_OK)
		return rc;
	cli_out("serial %llu is signed\n", (unsigned long long)p->made->serial);
	/* The roster goes with it. */
	p->issue.before = NULL;
	return put_in_force(p);
}

static int
publish(struct publishing *p, bool unlocked_wait)
{
	uint64_t serial;
	int rc;

	rc = read_wanted(p, true);
	if (rc != CLI_OK)
		return rc;
	ask_peers(p);
	if (!p->force && body_is_same(&p->body, &p->before)) {
		cli_out("nothing new to publish\n");
		serial = p->issue.before->serial;
	} else {
		rc = sign_and_apply(p);
		serial = p->made != NULL ? p->made->serial : 0;
	}
	if (rc != CLI_OK)
		return rc;
	if (unlocked_wait)
		known_unlock(&p->known);
	spread_show(p->known.conf, &p->known.roster, serial, p->wait);
	return CLI_OK;
}

static int
parse(int argc, char **argv, struct publishing *p)
{
	static const struct option options[] = {
	    {"force", no_argument, NULL, 'f'},
	    {"wait", required_argument, NULL, 'w'},
	    {NULL, 0, NULL, 0},
	};
	uint64_t seconds;
	int c;

	p->wait = isatty(STDOUT_FILENO) ? 10 : 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'f')
			p->force = true;
		else if (c == 'w' && text_duration(optarg, &seconds) == 0 &&
		    seconds <= 3600)
			p->wait = (unsigned)seconds;
		else
			return cli_usage(USAGE_MANIFEST);
	}
	if (argc - optind > 1)
		return cli_usage(USAGE_MANIFEST);
	p->file = optind < argc ? argv[optind] : NULL;
	return CLI_OK;
}

int
manifest_publish(const struct cli *cli, int argc, char **argv)
{
	struct publishing p = {.file = NULL};
	int rc;

	rc = parse(argc, argv, &p);
	if (rc != CLI_OK)
		return rc;
	rc = begin(cli, &p);
	if (rc == CLI_OK)
		rc = publish(&p, true);
	end(&p);
	return rc;
}

/* ---- edit ---- */

/* What the editor left is checked like any draft. */
static bool
is_good(const struct buf *body, void *arg)
{
	struct publishing *p = arg;
	struct manifest *m;
	bool good;

	buf_reset(&p->body);
	if (buf_put(&p->body, buf_str(body), body->len) < 0)
		return false;
	m = check(p);
	good = m != NULL;
	manifest_free(&m);
	return good;
}

int
manifest_edit(const struct cli *cli, int argc, char **argv)
{
	struct publishing p = {.wait = isatty(STDOUT_FILENO) ? 10 : 0};
	struct error why;
	int rc;

	(void)argv;
	if (argc != 1)
		return cli_usage(USAGE_MANIFEST);
	rc = begin(cli, &p);
	if (rc == CLI_OK)
		rc = read_wanted(&p, true);
	if (rc == CLI_OK)
		rc = edit_body(p.known.scratch, &p.body, is_good, &p);
	if (rc == CLI_OK && draft_write(p.known.conf, &p.body, &why) < 0)
		rc = cli_error("%s", why.text);
	if (rc == CLI_OK) {
		free(p.name);
		p.name = NULL;
		buf_reset(&p.body);
		rc = publish(&p, true);
	}
	end(&p);
	return rc;
}
