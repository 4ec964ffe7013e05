/* SPDX-License-Identifier: MIT */
/*
 * agamid status - how this node is: itself, its peers, what it holds, and
 * what is wrong.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/bundles.h"
#include "cli/init.h"
#include "cli/known.h"
#include "cli/relay.h"
#include "cli/show.h"
#include "util/file.h"
#include "util/sock.h"
#include "util/text.h"

#define USAGE "status [--json]"

enum { DAEMON_MILTER, DAEMON_SEAL, DAEMON_RELAYD, DAEMON_DELIVER, DAEMONS };

static const char *const daemons[] = {
    [DAEMON_MILTER] = "milter",
    [DAEMON_SEAL] = "seal",
    [DAEMON_RELAYD] = "relayd",
    [DAEMON_DELIVER] = "deliver",
};

struct total {
	size_t count;
	uint64_t bytes;
};

struct status {
	struct known known;
	struct total totals[BUNDLE_MINE + 1];
	struct buf relay; /* what relayd answered */
	bool runs[DAEMONS];
	char derived[64]; /* "derived.7", or "" */
	struct buf problems;
};

static void
add_problem(struct status *s, const char *text)
{
	(void)buf_printf(&s->problems, "%s\n", text);
}

static void
count_bundles(struct status *s)
{
	struct bundle_list list;
	struct error why;
	size_t i;

	if (bundles_read(s->known.conf, &list, &why) < 0)
		add_problem(s, why.text);
	for (i = 0; i < list.count; i++) {
		s->totals[list.items[i].place].count++;
		s->totals[list.items[i].place].bytes += list.items[i].size;
	}
	bundles_free(&list);
}

static void
find_derived(struct status *s)
{
	ssize_t n;

	n = readlink(
	    s->known.conf->derived_dir, s->derived, sizeof(s->derived) - 1);
	s->derived[n > 0 ? n : 0] = '\0';
	if (n <= 0)
		add_problem(s, "nothing is in force yet; run agamid apply");
}

/* The line of relayd's answer whose key has this value; NULL: none. */
static const char *
find_line(
    const struct status *s, const char *key, const char *want, size_t *len_r)
{
	struct cursor c;
	const char *line;
	char value[64];

	cursor_init(&c, buf_str(&s->relay), s->relay.len);
	while (cursor_line(&c, &line, len_r)) {
		if (relay_value(line, *len_r, key, value, sizeof(value)) &&
		    (want == NULL || strcmp(value, want) == 0))
			return line;
	}
	return NULL;
}

/* Does somebody listen there? The daemons take a connection that says
 * nothing for what it is. */
static bool
is_listening(const char *dir, const char *name, int type)
{
	char *path = file_join(dir, name);
	int fd = sock_connect(path, type, NULL);

	free(path);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
ask_daemons(struct status *s)
{
	const struct conf *conf = s->known.conf;
	struct error why;
	char *text;
	int i;

	s->runs[DAEMON_MILTER] =
	    is_listening(conf->queue_dir, "agamid/policy.sock", SOCK_STREAM);
	s->runs[DAEMON_SEAL] =
	    is_listening(conf->queue_dir, "agamid/seal.sock", SOCK_STREAM);
	s->runs[DAEMON_DELIVER] =
	    is_listening(conf->run_dir, "deliver/deliver.sock", SOCK_SEQPACKET);
	s->runs[DAEMON_RELAYD] =
	    relay_ask(conf, "status\n", &s->relay, &why) == 0;
	if (!s->runs[DAEMON_RELAYD])
		add_problem(s, why.text);
	for (i = 0; i < DAEMONS; i++) {
		if (s->runs[i] || i == DAEMON_RELAYD)
			continue;
		text = xasprintf("agamid-%s does not run", daemons[i]);
		add_problem(s, text);
		free(text);
	}
}

static void
collect(struct status *s)
{
	(void)buf_puts(&s->problems, buf_str(&s->known.roster.problems));
	if (!init_has_secrets(s->known.conf))
		add_problem(s,
		    "not all secrets are there; bring them back "
		    "from your backup");
	find_derived(s);
	count_bundles(s);
	ask_daemons(s);
}

/* Who may do what for whom, in words. */
static const char *
relation(const struct manifest *self, const struct manifest *peer)
{
	bool his = manifest_may_hold(peer, self);
	bool mine = manifest_may_hold(self, peer);

	if (his && mine)
		return "each holds the other's mail";
	if (his)
		return "may hold our mail";
	return mine ? "we may hold its mail" : "holds nothing, either way";
}

static void
print_session(const struct status *s, const char *peer)
{
	char session[16], error[256], text[32];
	const char *line;
	uint64_t seen;
	size_t len;

	line = find_line(s, "peer", peer, &len);
	if (line == NULL)
		return;
	relay_value(line, len, "session", session, sizeof(session));
	seen = relay_number(line, len, "seen");
	if (strcmp(session, "dialled") == 0 ||
	    strcmp(session, "accepted") == 0) {
		cli_out("          connected (%s)\n", session);
		return;
	}
	cli_out("          %s",
	    strcmp(session, "dialling") == 0 ? "being dialled"
					     : "not connected");
	if (seen > 0) {
		show_age(time(NULL) - (int64_t)seen, text);
		cli_out(", last seen %s ago", text);
	}
	if (relay_number(line, len, "next") > 0) {
		show_age((int64_t)relay_number(line, len, "next"), text);
		cli_out(", next try in %s", text);
	}
	if (relay_value(line, len, "error", error, sizeof(error)))
		cli_out(": %s", error);
	cli_out("\n");
}

static void
print_peers(const struct status *s)
{
	const struct roster *r = &s->known.roster;
	size_t i;

	for (i = 0; i < r->peer_count; i++) {
		cli_out("peer      %s, serial %llu: %s\n", r->peers[i]->name,
		    (unsigned long long)r->peers[i]->serial,
		    relation(r->self, r->peers[i]));
		print_session(s, r->peers[i]->name);
	}
}

static void
print_daemons(const struct status *s)
{
	int i;

	cli_out("daemons   ");
	for (i = 0; i < DAEMONS; i++)
		cli_out("%s%s %s", i > 0 ? ", " : "", daemons[i],
		    s->runs[i] ? "runs" : "does not run");
	cli_out("\n");
}

static void
print_text(const struct status *s)
{
	static const char *const what[] = {
	    [BUNDLE_NEW] = "just sealed here",
	    [BUNDLE_INCOMING] = "arriving from peers",
	    [BUNDLE_HELD] = "held for peers",
	    [BUNDLE_MINE] = "ours, waiting for delivery",
	};
	const struct roster *r = &s->known.roster;
	char size[32];
	size_t i;

	cli_out("node      %s, in the network %s, serial %llu\n", r->self->name,
	    r->self->network, (unsigned long long)r->self->serial);
	cli_out("key       ");
	show_fingerprint(r->self->fpr);
	cli_out("in force  %s\n", *s->derived != '\0' ? s->derived : "nothing");
	print_daemons(s);
	print_peers(s);
	for (i = 0; i <= BUNDLE_MINE; i++) {
		show_size(s->totals[i].bytes, size);
		cli_out("bundles   %zu %s (%s)\n", s->totals[i].count, what[i],
		    size);
	}
	if (s->problems.len > 0)
		cli_out("\nProblems:\n%s", buf_str(&s->problems));
}

static void
json_session(struct json *j, const struct status *s, const char *peer)
{
	char text[256];
	const char *line;
	size_t len;

	line = find_line(s, "peer", peer, &len);
	if (line == NULL)
		return;
	relay_value(line, len, "session", text, sizeof(text));
	json_text(j, "session", text);
	json_number(j, "seen", (int64_t)relay_number(line, len, "seen"));
	json_number(j, "next", (int64_t)relay_number(line, len, "next"));
	json_number(
	    j, "failures", (int64_t)relay_number(line, len, "failures"));
	relay_value(line, len, "error", text, sizeof(text));
	json_text(j, "error", text);
}

static void
json_peers(struct json *j, const struct status *s)
{
	const struct roster *r = &s->known.roster;
	const struct manifest *m;
	size_t i, k;

	json_open(j, "peers", '[');
	for (i = 0; i < r->peer_count; i++) {
		m = r->peers[i];
		json_open(j, NULL, '{');
		json_text(j, "name", m->name);
		json_text(j, "host", m->host);
		json_number(j, "serial", (int64_t)m->serial);
		json_text(j, "fingerprint", m->fpr);
		json_bool(j, "may_hold_ours", manifest_may_hold(m, r->self));
		json_bool(j, "we_may_hold", manifest_may_hold(r->self, m));
		json_session(j, s, m->name);
		json_open(j, "domains", '[');
		for (k = 0; k < m->domain_count; k++)
			json_text(j, NULL, m->domains[k]);
		json_close(j, ']');
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
json_lines(struct json *j, const char *key, const struct buf *lines)
{
	const char *line;
	struct cursor c;
	char *text;
	size_t len;

	json_open(j, key, '[');
	cursor_init(&c, buf_str(lines), lines->len);
	while (cursor_line(&c, &line, &len)) {
		text = strndup(line, len);
		if (text != NULL)
			json_text(j, NULL, text);
		free(text);
	}
	json_close(j, ']');
}

static void
print_json(const struct status *s)
{
	const struct roster *r = &s->known.roster;
	struct json j;
	int i;

	json_init(&j);
	json_open(&j, NULL, '{');
	json_text(&j, "node", r->self->name);
	json_text(&j, "network", r->self->network);
	json_number(&j, "serial", (int64_t)r->self->serial);
	json_text(&j, "fingerprint", r->self->fpr);
	json_text(&j, "derived", s->derived);
	json_open(&j, "daemons", '{');
	for (i = 0; i < DAEMONS; i++)
		json_bool(&j, daemons[i], s->runs[i]);
	json_close(&j, '}');
	json_peers(&j, s);
	json_open(&j, "bundles", '{');
	for (i = 0; i <= BUNDLE_MINE; i++) {
		json_open(&j, bundle_place_name((enum bundle_place)i), '{');
		json_number(&j, "count", (int64_t)s->totals[i].count);
		json_number(&j, "bytes", (int64_t)s->totals[i].bytes);
		json_close(&j, '}');
	}
	json_close(&j, '}');
	json_lines(&j, "problems", &s->problems);
	json_close(&j, '}');
	json_print(&j);
	json_free(&j);
}

int
cmd_status(const struct cli *cli, int argc, char **argv)
{
	struct status s;
	bool json;
	int rc;

	json = argc == 2 && strcmp(argv[1], "--json") == 0;
	if (argc > 1 && !json)
		return cli_usage(USAGE);
	memset(&s, 0, sizeof(s));
	buf_init(&s.relay, RELAY_ANSWER_MAX);
	buf_init(&s.problems, 2 * ROSTER_PROBLEMS_MAX);
	rc = known_load(cli, KNOWN_READ, &s.known);
	if (rc == CLI_OK) {
		collect(&s);
		if (json)
			print_json(&s);
		else
			print_text(&s);
	}
	known_free(&s.known);
	buf_free(&s.problems);
	buf_free(&s.relay);
	return rc;
}
