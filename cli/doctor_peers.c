/* SPDX-License-Identifier: MIT */
/*
 * doctor_peers - the peers, both ways: sessions, host keys, who may hold
 * for whom, whether there are enough of them.
 *
 * Host keys are asked for by ssh-keyscan, of all peers at once; nothing is
 * sent to them but what any SSH client sends first.
 */
#include "cli/doctor.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/doctor_judge.h"
#include "cli/relay.h"
#include "cli/run.h"
#include "util/file.h"
#include "util/text.h"

#define SCAN_SECONDS 3
#define SCAN_PEERS_MAX 32
#define SCAN_TEXT_MAX 65536

/* ---- what relayd says ---- */

static bool
find_peer(const struct doctor *d, const char *name, struct peer_facts *f)
{
	struct cursor c;
	const char *line;
	char value[64];
	size_t len;

	cursor_init(&c, buf_str(&d->relay), d->relay.len);
	while (cursor_line(&c, &line, &len)) {
		if (!relay_value(line, len, "peer", value, sizeof(value)) ||
		    strcmp(value, name) != 0)
			continue;
		relay_value(
		    line, len, "session", f->session, sizeof(f->session));
		relay_value(line, len, "error", f->error, sizeof(f->error));
		f->seen = (int64_t)relay_number(line, len, "seen");
		f->away = (int64_t)relay_number(line, len, "away");
		f->has_skew =
		    relay_value(line, len, "skew", value, sizeof(value));
		if (f->has_skew)
			f->skew = strtoll(value, NULL, 10);
		f->silent = relay_number(line, len, "silent");
		f->lost = relay_number(line, len, "lost");
		f->unproven = relay_number(line, len, "unproven");
		return true;
	}
	return false;
}

/* "NAME UNIXTIME" lines, written by relayd. */
static int64_t
find_confirmed(const char *text, const char *name)
{
	size_t len = strlen(name), line;

	for (; *text != '\0'; text += line + (text[line] == '\n')) {
		line = strcspn(text, "\n");
		if (strncmp(text, name, len) == 0 && text[len] == ' ')
			return strtoll(text + len + 1, NULL, 10);
	}
	return 0;
}

static void
check_relations(struct doctor *d)
{
	const struct roster *r = &d->known.roster;
	char *path = file_join(d->known.conf->run_dir, "relayd/confirmed");
	struct peer_facts f;
	struct buf confirmed;
	struct verdict v;
	bool has;
	size_t i;

	buf_init(&confirmed, 1 << 20);
	has = file_read(path, &confirmed, NULL) == 0;
	for (i = 0; i < r->peer_count; i++) {
		memset(&f, 0, sizeof(f));
		f.name = r->peers[i]->name;
		f.relay_up = d->relay.len > 0;
		f.his_for_us = manifest_may_hold(r->peers[i], r->self);
		f.ours_for_him = manifest_may_hold(r->self, r->peers[i]);
		(void)find_peer(d, f.name, &f);
		f.confirmed =
		    has ? find_confirmed(buf_str(&confirmed), f.name) : -1;
		judge_session(&f, time(NULL), &v);
		doctor_add(d, "peers.session", f.name, &v);
		judge_confirmed(&f, time(NULL), &v);
		doctor_add(d, "peers.confirmed", f.name, &v);
		judge_allowed(&f, &v);
		doctor_add(d, "peers.allowed", f.name, &v);
		judge_holding(&f, &v);
		doctor_add(d, "peers.copies", f.name, &v);
	}
	buf_free(&confirmed);
	free(path);
}

/* ---- clocks ---- */

static void
get_skew(const struct doctor *d, size_t i, struct peer_facts *f)
{
	memset(f, 0, sizeof(*f));
	f->name = d->known.roster.peers[i]->name;
	(void)find_peer(d, f->name, f);
}

static void
check_clocks(struct doctor *d)
{
	const struct roster *r = &d->known.roster;
	size_t i, known = 0, differ = 0;
	struct peer_facts f;
	struct verdict v;

	for (i = 0; i < r->peer_count; i++) {
		get_skew(d, i, &f);
		known += f.has_skew;
		differ += judge_differs(&f);
	}
	for (i = 0; i < r->peer_count; i++) {
		get_skew(d, i, &f);
		judge_peer_clock(&f, known > 1 && 2 * differ > known, &v);
		doctor_add(d, "peers.clock", f.name, &v);
	}
}

/* ---- holders ---- */

static bool
site_before(const struct roster *r, size_t i)
{
	size_t k;

	for (k = 0; k < i; k++) {
		if (manifest_may_hold(r->peers[k], r->self) &&
		    strcmp(manifest_site(r->peers[k]),
			manifest_site(r->peers[i])) == 0)
			return true;
	}
	return false;
}

static void
check_holders(struct doctor *d)
{
	const struct roster *r = &d->known.roster;
	unsigned sites = 0;
	struct verdict v;
	size_t i;

	for (i = 0; i < r->peer_count; i++) {
		if (manifest_may_hold(r->peers[i], r->self) &&
		    strcmp(manifest_site(r->peers[i]),
			manifest_site(r->self)) != 0 &&
		    !site_before(r, i))
			sites++;
	}
	judge_holders(
	    r->peer_count, sites, manifest_copies_of(r->self, sites), &v);
	doctor_add(d, "peers.holders", NULL, &v);
}

/* relayd's line about this node. */
static void
check_below(struct doctor *d)
{
	uint64_t accepted = 0, below = 0;
	const char *line;
	struct verdict v;
	struct cursor c;
	char node[64];
	size_t len;

	cursor_init(&c, buf_str(&d->relay), d->relay.len);
	while (cursor_line(&c, &line, &len)) {
		if (!relay_value(line, len, "node", node, sizeof(node)))
			continue;
		accepted = relay_number(line, len, "own");
		below = relay_number(line, len, "below");
	}
	judge_below(d->relay.len > 0, accepted, below, &v);
	doctor_add(d, "peers.below", NULL, &v);
}

/* ---- host keys ---- */

static const char *
dial_name(const struct manifest *m)
{
	if (m->address_count > 0)
		return m->addresses[0];
	return m->dynamic;
}

/* One ssh-keyscan for all peers with this port. */
static void
scan_port(struct doctor *d, unsigned port, struct buf *shown)
{
	const struct roster *r = &d->known.roster;
	const char *argv[8 + SCAN_PEERS_MAX + 1], *name;
	char number[16];
	size_t n = 0, i;

	snprintf(number, sizeof(number), "%u", port);
	argv[n++] = "ssh-keyscan";
	argv[n++] = "-T";
	argv[n++] = "2";
	argv[n++] = "-t";
	argv[n++] = "ed25519";
	argv[n++] = "-p";
	argv[n++] = number;
	for (i = 0; i < r->peer_count && n < 7 + SCAN_PEERS_MAX; i++) {
		name = dial_name(r->peers[i]);
		if (name != NULL && r->peers[i]->ssh_port == port)
			argv[n++] = name;
	}
	argv[n] = NULL;
	(void)run_program(
	    argv, NULL, shown, NULL, doctor_seconds(d, SCAN_SECONDS), NULL);
}

/* "[192.0.2.1]:2222 ssh-ed25519 AAAA", or without "[]:2222" on port 22. */
static void
find_shown(const char *all, const struct manifest *m, char *out, size_t size)
{
	char *head;
	size_t len, skip;

	if (m->ssh_port == 22)
		head = xasprintf("%s ", dial_name(m));
	else
		head = xasprintf("[%s]:%u ", dial_name(m), m->ssh_port);
	skip = strlen(head);
	out[0] = '\0';
	for (; *all != '\0'; all += len + (all[len] == '\n')) {
		len = strcspn(all, "\n");
		if (len > skip && strncmp(all, head, skip) == 0)
			snprintf(
			    out, size, "%.*s", (int)(len - skip), all + skip);
	}
	free(head);
}

static bool
port_before(const struct roster *r, size_t i)
{
	size_t k;

	for (k = 0; k < i; k++) {
		if (dial_name(r->peers[k]) != NULL &&
		    r->peers[k]->ssh_port == r->peers[i]->ssh_port)
			return true;
	}
	return false;
}

static void
check_host_keys(struct doctor *d)
{
	const struct roster *r = &d->known.roster;
	const struct manifest *m;
	struct buf all;
	struct verdict v;
	char shown[512];
	size_t i;

	buf_init(&all, SCAN_TEXT_MAX);
	for (i = 0; i < r->peer_count; i++) {
		if (dial_name(r->peers[i]) != NULL && !port_before(r, i))
			scan_port(d, r->peers[i]->ssh_port, &all);
	}
	for (i = 0; i < r->peer_count; i++) {
		m = r->peers[i];
		if (dial_name(m) == NULL)
			continue; /* nobody dials it */
		find_shown(buf_str(&all), m, shown, sizeof(shown));
		judge_host_key(m->name, dial_name(m), m->ssh_port, shown,
		    m->ssh_host_keys, m->ssh_host_key_count, &v);
		doctor_add(d, "peers.host-key", m->name, &v);
	}
	buf_free(&all);
}

void
doctor_peers(struct doctor *d)
{
	check_relations(d);
	check_clocks(d);
	check_holders(d);
	check_below(d);
	if (doctor_wants(d, "peers.host-key"))
		check_host_keys(d);
}
