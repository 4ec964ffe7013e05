/* SPDX-License-Identifier: MIT */
/*
 * gate - who is let in. See gate.h.
 *
 * A home is up if a probe of this node's own has just found its mail
 * server and recognised it. What can't be learnt in time counts as down:
 * the mail is taken then, never lost.
 */
#include "relayd/gate.h"

#include <sys/queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "util/log.h"
#include "relayd/broker.h"
#include "relayd/prober.h"
#include "relayd/waiter.h"

#define SETS 4096
#define WAYS 4
#define SHARED_A_MINUTE 60 /* of one peer, so that none can fill the table */
#define UP_SECONDS 60 /* a probe's result is good for so long */
#define UP_SESSION_SECONDS (15 * 60) /* while a session with it is open */

/* The table ------------------------------------------------------------- */

struct slot {
	unsigned char key[GATE_KEY_BYTES];
	uint32_t since; /* seconds + 1; 0: free */
};

struct gate_table {
	struct slot sets[SETS][WAYS];
};

struct gate_table *
gate_table_new(void)
{
	return calloc(1, sizeof(struct gate_table));
}

void
gate_table_free(struct gate_table **t)
{
	free(*t);
	*t = NULL;
}

static bool
is_old(const struct slot *s, int64_t now)
{
	return s->since == 0 || now - (int64_t)(s->since - 1) > GATE_KEEP;
}

/* The key is a hash: its first bytes choose the set. Who comes last to a
 * full set takes the place of the oldest. */
int64_t
gate_table_since(
    struct gate_table *t, const unsigned char key[GATE_KEY_BYTES], int64_t now)
{
	struct slot *set = t->sets[(key[0] | key[1] << 8) % SETS], *place = set;
	unsigned i;

	for (i = 0; i < WAYS; i++) {
		if (!is_old(&set[i], now) &&
		    memcmp(set[i].key, key, GATE_KEY_BYTES) == 0)
			return (int64_t)set[i].since - 1;
		if (is_old(&set[i], now))
			set[i].since = 0;
		if (set[i].since < place->since)
			place = &set[i];
	}
	memcpy(place->key, key, GATE_KEY_BYTES);
	place->since = (uint32_t)(now + 1);
	return now;
}

bool
gate_key_parse(const char *text, unsigned char key_r[GATE_KEY_BYTES])
{
	const char *end;
	size_t len;

	return strlen(text) == GATE_KEY_LEN &&
	    strspn(text, "0123456789abcdef") == GATE_KEY_LEN &&
	    sodium_hex2bin(key_r, GATE_KEY_BYTES, text, GATE_KEY_LEN, NULL,
		&len, &end) == 0 &&
	    len == GATE_KEY_BYTES;
}

/* Those who wait for a probe ---------------------------------------------- */

struct asking {
	struct waiter waiter; /* first */
	LIST_ENTRY(asking) next;
	struct peer *home;
	unsigned char key[GATE_KEY_BYTES];
};

struct gate {
	struct gate_table *table;
	LIST_HEAD(, asking) askings;
};

static int64_t
seconds(void)
{
	return relayd_clock() / 1000;
}

/* The home's other backups let him in then, too (SPEC N-2.7). */
static void
share(struct relayd *r, const struct peer *home, const unsigned char *key)
{
	struct proto_msg m = {.verb = PROTO_DEFERRED};
	struct link *ln;

	snprintf(m.node, sizeof(m.node), "%s", home->name);
	sodium_bin2hex(m.text, sizeof(m.text), key, GATE_KEY_BYTES);
	for (ln = broker_next(r->broker, NULL); ln != NULL;
	     ln = broker_next(r->broker, ln)) {
		if (ln->up && !ln->leaving && ln->peer != home &&
		    broker_best(r->broker, ln->peer) == ln)
			link_send(ln, &m, -1);
	}
}

void
gate_heard(struct link *ln, const struct proto_msg *m)
{
	struct relayd *r = ln->r;
	unsigned char key[GATE_KEY_BYTES];
	const struct peer *home = peers_find(r->peers, m->node);
	int64_t now = seconds();

	if (now - ln->deferred_since >= 60) {
		ln->deferred_since = now;
		ln->deferred = 0;
	}
	if (home == NULL || !home->known || !gate_key_parse(m->text, key) ||
	    ++ln->deferred > SHARED_A_MINUTE)
		return;
	(void)gate_table_since(r->gate->table, key, now);
}

struct verdict {
	bool pass;
	const char *why;
};

#define ANSWER "gate=%s why=%s\n"

static const char *
word(struct verdict v)
{
	return v.pass ? "pass" : "defer";
}

/* The home is up: who was told so long enough ago has tried, and comes in. */
static struct verdict
judge_up(struct relayd *r, struct peer *home, const unsigned char *key)
{
	int64_t now = seconds(), since;

	since = gate_table_since(r->gate->table, key, now);
	if (now - since >= (int64_t)r->conf->gate_wait)
		return (struct verdict){true, "waited"};
	if (since == now)
		share(r, home, key);
	log_debug("deferred home=%s seconds=%lld", home->name,
	    (long long)(now - since));
	return (struct verdict){false, "up"};
}

static struct verdict
judge(struct relayd *r, struct peer *home, const unsigned char *key, bool up)
{
	return up ? judge_up(r, home, key) : (struct verdict){true, "down"};
}

void
gate_forget(struct peer *p)
{
	p->probed = 0;
}

/* For how long a probe's result is good. */
static int64_t
good_for(struct relayd *r, const struct peer *home)
{
	if (home->up && broker_best(r->broker, home) != NULL)
		return UP_SESSION_SECONDS;
	return r->conf->gate_wait < UP_SECONDS ? (int64_t)r->conf->gate_wait
					       : UP_SECONDS;
}

/* -1: not known; 0: down; 1: up. */
static int
known_state(struct relayd *r, const struct peer *home)
{
	if (!home->known || !home->dialable)
		return 0;
	if (home->probed == 0 || seconds() - home->probed > good_for(r, home))
		return -1;
	return home->up;
}

static void
asking_free(struct asking *a)
{
	LIST_REMOVE(a, next);
	free(a);
}

static void on_probe(struct relayd *r, struct peer *p,
    const struct probe_report *rep, bool over, void *ctx);

static void
settle(struct asking *a, bool up)
{
	struct relayd *r = a->waiter.r;
	struct verdict v = judge(r, a->home, a->key, up);

	prober_forget(r, on_probe, a);
	waiter_answer(&a->waiter, ANSWER, word(v), v.why);
	asking_free(a);
}

/* prober_fn */
static void
on_probe(struct relayd *r, struct peer *p, const struct probe_report *rep,
    bool over, void *ctx)
{
	int up = probe_report_up(rep);

	(void)r;
	if (up < 0 && !over)
		return;
	p->up = up == 1;
	p->probed = seconds();
	settle(ctx, p->up);
}

/* No answer in time is down. */
static void
on_late(struct waiter *w)
{
	struct asking *a = (struct asking *)w;

	a->home->up = false;
	a->home->probed = seconds();
	settle(a, false);
}

static void
on_gone(struct waiter *w)
{
	struct asking *a = (struct asking *)w;

	prober_forget(w->r, on_probe, a);
	asking_free(a);
}

static void
probe(struct relayd *r, struct client *c, struct peer *home,
    const unsigned char *key)
{
	static const struct waiter_calls calls = {on_late, on_gone};
	struct asking *a = calloc(1, sizeof(*a));
	struct verdict v = judge(r, home, key, false);

	if (a == NULL ||
	    !waiter_begin(&a->waiter, r, c, GATE_PROBE_MS, &calls)) {
		free(a);
		waiter_answer_now(r, c, ANSWER, word(v), v.why);
		return;
	}
	a->home = home;
	memcpy(a->key, key, sizeof(a->key));
	LIST_INSERT_HEAD(&r->gate->askings, a, next);
	prober_ask(r, home, on_probe, a);
}

void
gate_ask(struct relayd *r, struct client *c, const char *home, const char *key)
{
	unsigned char bytes[GATE_KEY_BYTES];
	struct verdict v = {true, "unknown"};
	struct peer *p;
	int up = 0;

	(void)relayd_network(r);
	p = peers_find(r->peers, home);
	if (p != NULL && p != r->self && gate_key_parse(key, bytes)) {
		up = known_state(r, p);
		if (up < 0) {
			probe(r, c, p, bytes);
			return;
		}
		v = judge(r, p, bytes, up == 1);
	}
	waiter_answer_now(r, c, ANSWER, word(v), v.why);
}

struct gate *
gate_new(void)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (g != NULL && (g->table = gate_table_new()) == NULL)
		gate_free(&g);
	return g;
}

void
gate_free(struct gate **gp)
{
	struct gate *g = *gp;
	struct asking *a;

	if (g == NULL)
		return;
	while ((a = LIST_FIRST(&g->askings)) != NULL) {
		waiter_end(&a->waiter);
		asking_free(a);
	}
	gate_table_free(&g->table);
	free(g);
	*gp = NULL;
}
