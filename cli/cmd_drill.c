/* SPDX-License-Identifier: MIT */
/*
 * agamid drill - does mail that a friend takes for us come home? With a
 * test mail of our own that ends there.
 */
#include "cli/cli.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/drill.h"
#include "cli/jsonout.h"
#include "cli/known.h"
#include "cli/usage.h"
#include "util/file.h"
#include "util/text.h"

#define WAIT_DEFAULT 600
#define WAIT_MAX 86400

struct options {
	const char *peer, *to;
	uint64_t wait;
	bool json;
};

static int
parse(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
	    {"to", required_argument, NULL, 't'},
	    {"wait", required_argument, NULL, 'w'},
	    {"json", no_argument, NULL, 'j'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 't')
			o->to = optarg;
		else if (c == 'j')
			o->json = true;
		else if (c != 'w' || text_duration(optarg, &o->wait) < 0 ||
		    o->wait > WAIT_MAX)
			return cli_usage(USAGE_DRILL);
	}
	if (argc - optind != 1)
		return cli_usage(USAGE_DRILL);
	o->peer = argv[optind];
	return CLI_OK;
}

static int
read_secret(const struct conf *conf, uint8_t out[DRILL_SECRET_SIZE],
    struct error *error_r)
{
	char *path = file_join(conf->secret_dir, "node.secret");
	struct buf text;
	int rc;

	buf_init(&text, 2 * DRILL_SECRET_SIZE + 2);
	rc = file_read(path, &text, error_r);
	if (rc == 0) {
		if (text.len > 0 && text.data[text.len - 1] == '\n')
			text.data[text.len - 1] = '\0';
		if (text_unhex(buf_str(&text), out, DRILL_SECRET_SIZE) < 0)
			rc = error_set(error_r, AG_EINVAL,
			    "%s is not as it was made", path);
	}
	buf_wipe(&text);
	free(path);
	return rc;
}

/* An address in one of our domains, that can stand in a line. */
static bool
is_ours(const struct manifest *self, const char *address)
{
	const char *at = strrchr(address, '@'), *p;

	if (at == NULL || at == address || !manifest_has_domain(self, at + 1))
		return false;
	for (p = address; *p != '\0'; p++) {
		if (*p <= ' ' || *p > '~' || strchr("<>\"\\(),;:", *p) != NULL)
			return false;
	}
	return true;
}

static int
prepare(const struct known *k, const struct options *o, struct drill *d)
{
	uint8_t secret[DRILL_SECRET_SIZE];
	struct error why;

	d->conf = k->conf;
	d->self = k->roster.self;
	d->peer = roster_peer(&k->roster, o->peer);
	d->seconds = (unsigned)o->wait;
	if (d->peer == NULL)
		return cli_error("there is no peer %s in force", o->peer);
	if (!manifest_may_hold(d->peer, d->self))
		return cli_error("%s may not take our mail: one side's lists "
				 "forbid it",
		    o->peer);
	if (o->to != NULL)
		snprintf(d->to, sizeof(d->to), "%s", o->to);
	else
		snprintf(
		    d->to, sizeof(d->to), "postmaster@%s", d->self->domains[0]);
	if (strlen(d->to) > 254 || !is_ours(d->self, d->to))
		return cli_error("%s is no address of ours", d->to);
	if (read_secret(k->conf, secret, &why) < 0)
		return cli_error("%s", why.text);
	drill_write(secret, d->peer->name, (int64_t)time(NULL), d->value);
	explicit_bzero(secret, sizeof(secret));
	return CLI_OK;
}

/* On a terminal only, on one line that goes when something happens. */
static void
show_waiting(const struct drill *d, const char *for_what)
{
	struct timespec ts;

	if (!isatty(STDERR_FILENO))
		return;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	fprintf(stderr, "\r%6lld s  waiting %s\033[K",
	    (long long)(ts.tv_sec - d->began / 1000), for_what);
	fflush(stderr);
}

static void
show_step(const struct drill *d, const struct drill_step *s)
{
	(void)d;
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	cli_out("%6lld.%03lld s  %-9s %s\n", (long long)(s->ms / 1000),
	    (long long)(s->ms % 1000), s->name, s->text);
	fflush(stdout);
}

static void
print_json(const struct drill *d, int rc, const struct error *why)
{
	json_t *steps = json_array(), *o;
	unsigned i;

	for (i = 0; i < d->step_count; i++)
		json_array_append_new(steps,
		    json_pack("{s:s, s:f, s:o}", "step", d->steps[i].name,
			"seconds", (double)d->steps[i].ms / 1000, "text",
			jsonout_text(d->steps[i].text)));
	o = json_pack("{s:i, s:o, s:o, s:b, s:o, s:o, s:o}", "version", 1,
	    "peer", jsonout_text(d->peer->name), "to", jsonout_text(d->to),
	    "ok", rc == 0, "id",
	    d->id[0] != '\0' ? jsonout_text(d->id) : json_null(), "error",
	    rc == 0 ? json_null() : jsonout_text(why->text), "steps", steps);
	jsonout_print(o);
	json_decref(o);
}

static int
drill(const struct known *k, const struct options *o)
{
	struct drill d = {.conf = NULL};
	struct error why = {""};
	int rc;

	rc = prepare(k, o, &d);
	if (rc != CLI_OK)
		return rc;
	if (!o->json) {
		d.waiting = show_waiting;
		d.stepped = show_step;
	}
	rc = drill_run(&d, &why);
	if (!o->json && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	if (o->json)
		print_json(&d, rc, &why);
	else if (rc == 0)
		cli_out("It came home by way of %s. agamid trace %.12s tells "
			"the rest.\n",
		    d.peer->name, d.id);
	else
		cli_error("%s", why.text);
	return rc == 0 ? CLI_OK : CLI_FAILED;
}

int
cmd_drill(const struct cli *cli, int argc, char **argv)
{
	struct options o = {.wait = WAIT_DEFAULT};
	struct known known;
	int rc;

	rc = parse(argc, argv, &o);
	if (rc != CLI_OK)
		return rc;
	rc = known_load(cli, KNOWN_READ, &known);
	if (rc == CLI_OK)
		rc = drill(&known, &o);
	known_free(&known);
	return rc;
}
