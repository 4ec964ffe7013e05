/* SPDX-License-Identifier: MIT */
/*
 * agamid status - how this node is: itself, its peers, what it holds, and
 * what is wrong; once, or again and again. The facts are report.h's.
 */
#include "cli/cli.h"

#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/known.h"
#include "cli/report.h"
#include "cli/screen.h"
#include "cli/usage.h"
#include "cli/watch.h"

#define WATCH_SECONDS 2

enum form { FORM_TEXT, FORM_JSON, FORM_PROMETHEUS };

struct status {
	const struct cli *cli;
	enum form form;
	bool watch;
	struct known known;
	bool loaded;
	char view[PATH_MAX]; /* where `derived` led when known was loaded */
	struct report_key key;
};

static int
parse(int argc, char **argv, struct status *s)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0 && s->form == FORM_TEXT)
			s->form = FORM_JSON;
		else if (strcmp(argv[i], "--prometheus") == 0 &&
		    s->form == FORM_TEXT)
			s->form = FORM_PROMETHEUS;
		else if (strcmp(argv[i], "--watch") == 0)
			s->watch = true;
		else
			return cli_usage(USAGE_STATUS);
	}
	if (s->watch && s->form == FORM_PROMETHEUS)
		return cli_usage(USAGE_STATUS);
	return CLI_OK;
}

static void
find_view(const struct status *s, char view[PATH_MAX])
{
	ssize_t n;

	n = readlink(s->known.conf->derived_dir, view, PATH_MAX - 1);
	view[n > 0 ? n : 0] = '\0';
}

/* The manifests, read again only when others are in force. */
static int
load(struct status *s)
{
	char view[PATH_MAX];
	int rc;

	if (s->loaded) {
		find_view(s, view);
		if (strcmp(view, s->view) == 0)
			return CLI_OK;
		known_free(&s->known);
		s->key.known = false;
	}
	s->loaded = true;
	rc = known_load(s->cli, KNOWN_READ, &s->known);
	if (rc == CLI_OK)
		find_view(s, s->view);
	return rc;
}

/* watch_fn */
static int
make(void *ctx, const struct screen *screen, struct buf *out)
{
	struct status *s = ctx;
	struct report r;
	int rc;

	rc = load(s);
	if (rc != CLI_OK)
		return rc;
	report_init(&r);
	report_gather(&s->known, &s->key, (int64_t)time(NULL), &r);
	switch (s->form) {
	case FORM_JSON:
		report_json(&r, s->watch, out);
		break;
	case FORM_PROMETHEUS:
		report_prometheus(&r, out);
		break;
	case FORM_TEXT:
		report_text(&r, screen, out);
		if (s->watch && screen->height == 0)
			buf_putc(out, '\n');
		break;
	}
	report_free(&r);
	return CLI_OK;
}

static int
once(struct status *s)
{
	struct screen screen;
	struct buf out;
	int rc;

	screen_find(&screen);
	screen.height = 0; /* it scrolls */
	buf_init(&out, REPORT_TEXT_MAX);
	rc = make(s, &screen, &out);
	if (s->form == FORM_TEXT)
		screen_put(stdout, &screen, &out, false);
	else
		fwrite(buf_str(&out), 1, out.len, stdout);
	buf_free(&out);
	return rc;
}

int
cmd_status(const struct cli *cli, int argc, char **argv)
{
	struct status s;
	int rc;

	memset(&s, 0, sizeof(s));
	s.cli = cli;
	rc = parse(argc, argv, &s);
	if (rc != CLI_OK)
		return rc;
	rc = s.watch ? watch_run(make, &s, WATCH_SECONDS) : once(&s);
	if (s.loaded)
		known_free(&s.known);
	return rc;
}
