/* SPDX-License-Identifier: MIT */
/*
 * report_gather - the facts of `agamid status`, collected: from the
 * manifests, the spool's directories, and the daemons. See report.h.
 *
 * Looks only.
 */
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/deliver.h"
#include "cli/init.h"
#include "cli/known.h"
#include "cli/relay.h"
#include "mail/openpgp.h"
#include "mail/spool.h"
#include "util/file.h"
#include "util/sock.h"
#include "util/text.h"

#define DELIVER_SECONDS 5

static void
gather_bundles(struct report *r, const struct conf *conf)
{
	struct bundle_list list;
	struct error why;
	size_t i;

	if (bundles_read(conf, &list, &why) < 0)
		report_problem(r, "%s", why.text);
	for (i = 0; i < list.count; i++) {
		r->totals[list.items[i].place].count++;
		r->totals[list.items[i].place].bytes += list.items[i].size;
	}
	bundles_free(&list);
	r->room = spool_free_bytes(conf->spool_dir);
	r->reserve = conf->reserve;
}

static void
gather_derived(struct report *r, const struct conf *conf)
{
	ssize_t n;

	n = readlink(conf->derived_dir, r->derived, sizeof(r->derived) - 1);
	r->derived[n > 0 ? n : 0] = '\0';
	if (n <= 0)
		report_problem(r, "nothing is in force yet; run agamid apply");
}

static void
gather_peers(struct report *r, const struct roster *roster)
{
	struct report_peer *p;
	size_t i;

	r->peers = xcalloc(roster->peer_count + 1, sizeof(*r->peers));
	r->peer_count = roster->peer_count;
	for (i = 0; i < r->peer_count; i++) {
		p = &r->peers[i];
		p->m = roster->peers[i];
		snprintf(p->name, sizeof(p->name), "%s", p->m->name);
		p->holds_ours = manifest_may_hold(p->m, r->self);
		p->we_hold = manifest_may_hold(r->self, p->m);
		r->may_hold_ours += p->holds_ours;
	}
	r->reach =
	    report_reach(r->self, (const struct manifest *const *)roster->peers,
		roster->peer_count, &r->sites);
	r->wanted = manifest_copies_of(r->self, r->sites);
}

/* Does somebody listen there? The daemons take a connection that says
 * nothing for what it is. */
static bool
is_listening(const char *dir, const char *name)
{
	char *path = file_join(dir, name);
	int fd = sock_connect(path, SOCK_STREAM, NULL);

	free(path);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
gather_daemons(struct report *r, const struct conf *conf)
{
	struct buf answer;
	struct error why;

	r->runs[REPORT_MILTER] =
	    is_listening(conf->queue_dir, "agamid/policy.sock");
	r->runs[REPORT_SEAL] =
	    is_listening(conf->queue_dir, "agamid/seal.sock");
	buf_init(&answer, RELAY_ANSWER_MAX);
	r->runs[REPORT_RELAYD] =
	    relay_ask(conf, "status\n", &answer, &why) == 0;
	if (r->runs[REPORT_RELAYD])
		report_take_relay(r, &answer);
	buf_reset(&answer);
	r->runs[REPORT_DELIVER] = deliver_ask(conf, "totals\n", -1,
				      DELIVER_SECONDS, &answer, &why) == 0;
	if (r->runs[REPORT_DELIVER])
		report_take_totals(r, &answer);
	buf_free(&answer);
}

/* GnuPG is slow to ask: once, and only of our own. */
static void
gather_key(struct report *r, const struct known *k, struct report_key *key)
{
	struct openpgp_keyinfo info;

	if (!key->known &&
	    openpgp_key_info(r->self->openpgp, k->scratch, &info, NULL) == 0) {
		key->known = true;
		key->expires = info.expires;
	}
	r->has_key = key->known;
	r->key_expires = key->expires;
}

void
report_gather(const struct known *k, struct report_key *key, int64_t now,
    struct report *r)
{
	r->now = now;
	r->self = k->roster.self;
	(void)buf_puts(&r->problems, buf_str(&k->roster.problems));
	if (!init_has_secrets(k->conf))
		report_problem(r,
		    "not all secrets are there; bring them back "
		    "from your backup");
	gather_derived(r, k->conf);
	gather_peers(r, &k->roster);
	gather_bundles(r, k->conf);
	gather_daemons(r, k->conf);
	gather_key(r, k, key);
	report_judge(r);
}
