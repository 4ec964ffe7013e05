/* SPDX-License-Identifier: MIT */
/*
 * delivery - relayd's side of agamid-deliver's socket. See delivery.h.
 *
 * A bundle is handed over as a descriptor, and leaves held/SELF/ only when
 * agamid-deliver has said what became of it and signed for it. Whatever
 * dies in between, it is handed over again, and is then a duplicate.
 *
 * One connection: deliveries and one request to sign may be under way.
 */
#include "relayd/delivery_parts.h"

#include <sys/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "util/log.h"
#include "util/sock.h"
#include "util/text.h"
#include "relayd/adopt.h"
#include "relayd/client.h"
#include "relayd/events.h"
#include "relayd/expect.h"

#define CONNECT_MIN_MS 500
#define CONNECT_MAX_MS 30000

static void pump(struct delivery *d);

static void
set_timer(struct delivery *d, int64_t at)
{
	int64_t wait = at - relayd_clock();
	struct timeval tv;

	if (wait < 0)
		wait = 0;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	evtimer_add(d->timer, &tv);
}

/* Delivering --------------------------------------------------------------- */

static void
later(struct delivery *d, struct mine *m)
{
	m->at = relayd_clock() + d->r->conf->deliver_retry * 1000LL;
	mine_set_state(&d->mine, m, MINE_LATER);
}

static void
hand_over(struct delivery *d, struct mine *m)
{
	struct held *h = store_find(d->r->store, m->id);
	struct error error = {""};
	char line[BUNDLE_ID_LEN + 16];
	int fd, len;

	if (h == NULL) {
		mine_drop(&d->mine, m);
		return;
	}
	fd = store_open(d->r->store, h, &error);
	if (fd < 0) {
		log_error(
		    "can't deliver id=%s error=\"%s\"", m->id, error.text);
		later(d, m);
		return;
	}
	/* If agamid-deliver has forgotten it all the same, it was told so by
	 * adopt.c, or has lost its database. */
	len = snprintf(line, sizeof(line), "%s %s\n",
	    state_receipt_find(d->r->state, m->id, NULL) == 1 ? "receipted"
							      : "deliver",
	    m->id);
	mine_set_state(&d->mine, m, MINE_BUSY);
	client_send(d->client, line, (size_t)len, fd);
}

static struct mine *
next_due(struct delivery *d, int64_t now)
{
	struct mine *m = TAILQ_FIRST(&d->mine.by_state[MINE_WAITING]);

	if (m != NULL)
		return m;
	m = TAILQ_FIRST(&d->mine.by_state[MINE_LATER]);
	return m != NULL && now >= m->at ? m : NULL;
}

/* Answers ------------------------------------------------------------------ */

/* Its fate is settled: what lacks is the receipt. */
static void
over(struct delivery *d, struct mine *m)
{
	expect_settled(d->r, m->id);
	if (state_receipt_find(d->r->state, m->id, NULL) == 1) {
		delivery_finish(d, m);
		return;
	}
	mine_set_state(&d->mine, m, MINE_OVER);
	delivery_want_receipt(d, m);
}

static void
retry(struct delivery *d, struct mine *m)
{
	later(d, m);
	/* It may be signed for all the same, if it could be opened. */
	if (state_receipt_find(d->r->state, m->id, NULL) == 0)
		delivery_want_receipt(d, m);
}

/* The ticket isn't of who sealed it: it is not the bundle that it claims
 * to be. No receipt; another peer may have the true one. */
static void
invalid(struct delivery *d, struct mine *m)
{
	struct held *h = store_find(d->r->store, m->id);

	if (h != NULL)
		expect_invalid(d->r, h);
	mine_drop(&d->mine, m);
}

static void
outcome(struct delivery *d, const char *word, const char *id, const char *text)
{
	struct mine *m = mine_find(&d->mine, MINE_BUSY, id);

	if (m == NULL) {
		log_error("answer about what was not asked id=%s", id);
		return;
	}
	if (strcmp(word, "done") == 0 || strcmp(word, "duplicate") == 0)
		log_info("delivered id=%s reply=%s", id, word);
	else
		log_warn("not delivered id=%s reply=%s error=\"%s\"", id, word,
		    text);
	event_note(d->r, id, EVENT_OUTCOME, word, text);
	if (strcmp(word, "retry") == 0)
		retry(d, m);
	else if (strcmp(word, "invalid") == 0)
		invalid(d, m);
	else
		over(d, m);
}

static bool
is_outcome(const char *word)
{
	static const char *const words[] = {
	    "done", "duplicate", "refused", "quarantined", "invalid", "retry"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i]) == 0)
			return true;
	}
	return false;
}

/* "WORD ID[ TEXT]\n" */
static bool
parse_outcome(struct delivery *d, const char *data, size_t len)
{
	char word[16], id[BUNDLE_ID_LEN + 1];
	char text[512] = "";
	int n;

	if (len == 0 || data[len - 1] != '\n')
		return false;
	n = sscanf(data, "%15[a-z] %64[0-9a-f] %511[^\n]", word, id, text);
	if (n < 2 || !text_is_hex(id, BUNDLE_ID_LEN) || !is_outcome(word))
		return false;
	outcome(d, word, id, text);
	return true;
}

static void
on_message(struct client *c, const char *data, size_t len, int fd, void *ctx)
{
	static const char receipt[] = "receipt\n";
	struct delivery *d = ctx;
	const size_t skip = sizeof(receipt) - 1;

	(void)c;
	if (fd >= 0)
		close(fd);
	d->connect_wait = CONNECT_MIN_MS;
	if (strncmp(data, receipt, skip) == 0)
		delivery_take_receipt(d, data + skip, len - skip);
	else if (strcmp(data, "none\n") == 0)
		delivery_signed_for(d);
	else if (!parse_outcome(d, data, len))
		log_error("agamid-deliver said what is not understood "
			  "reply=%s",
		    data);
	pump(d);
}

/* The connection ------------------------------------------------------------ */

static void
wait_to_connect(struct delivery *d)
{
	d->connect_at = relayd_clock() + d->connect_wait;
	d->connect_wait *= 2;
	if (d->connect_wait > CONNECT_MAX_MS)
		d->connect_wait = CONNECT_MAX_MS;
}

static void
on_gone(struct client *c, void *ctx)
{
	struct delivery *d = ctx;
	struct mine *m;

	(void)c;
	log_warn("agamid-deliver has gone");
	d->client = NULL;
	delivery_sign_lost(d);
	while ((m = TAILQ_FIRST(&d->mine.by_state[MINE_BUSY])) != NULL)
		mine_set_state(&d->mine, m, MINE_WAITING);
	wait_to_connect(d);
	pump(d);
}

static const struct client_calls calls = {on_message, on_gone};

static void
connect_deliver(struct delivery *d)
{
	char *path = xasprintf("%s/deliver/deliver.sock", d->r->conf->run_dir);
	struct error error = {""};
	int fd = sock_connect(path, SOCK_SEQPACKET, &error);

	free(path);
	if (fd >= 0)
		d->client = client_new(d->r->base, fd, &calls, d);
	if (d->client == NULL) {
		if (d->connect_wait == CONNECT_MIN_MS)
			log_warn("can't reach agamid-deliver error=\"%s\"",
			    error.text);
		wait_to_connect(d);
	}
}

/* The queue ------------------------------------------------------------------ */

/* When something will be due that is not yet. */
static int64_t
next_time(const struct delivery *d)
{
	const struct mine *m = TAILQ_FIRST(&d->mine.by_state[MINE_LATER]);
	int64_t at = INT64_MAX;

	if (m != NULL && d->mine.busy < d->r->conf->deliver_parallel)
		at = m->at;
	m = TAILQ_FIRST(&d->mine.by_sign[SIGN_WANTED]);
	if (m != NULL && TAILQ_EMPTY(&d->mine.by_sign[SIGN_ASKED]) &&
	    m->sign_at < at)
		at = m->sign_at;
	return at;
}

static void
pump(struct delivery *d)
{
	int64_t now = relayd_clock(), at;
	struct mine *m;

	if (d->mine.count == 0 || adopt_holds(d->r))
		return;
	if (d->client == NULL && now >= d->connect_at)
		connect_deliver(d);
	if (d->client == NULL) {
		set_timer(d, d->connect_at);
		return;
	}
	while (d->mine.busy < d->r->conf->deliver_parallel &&
	    (m = next_due(d, now)) != NULL)
		hand_over(d, m);
	if (delivery_sign_is_due(d, now))
		delivery_ask_to_sign(d);
	at = next_time(d);
	if (at != INT64_MAX)
		set_timer(d, at);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	pump(ctx);
}

void
delivery_add(struct relayd *r, const char *id)
{
	struct delivery *d = r->delivery;

	if (mine_add(&d->mine, id) == NULL)
		log_error("can't queue own mail id=%s", id);
	else if (d->mine.busy < r->conf->deliver_parallel)
		set_timer(d, 0);
}

void
delivery_load(struct relayd *r)
{
	struct index *ix = store_index(r->store);
	char id[BUNDLE_ID_LEN + 1];
	struct held *h;
	size_t slot;

	for (slot = 0; (h = index_from(ix, &slot)) != NULL; slot++) {
		if (h->home != r->self->number)
			continue;
		held_id(h, id);
		delivery_add(r, id);
	}
}

void
delivery_flush(struct relayd *r)
{
	struct delivery *d = r->delivery;
	struct mine *m;

	TAILQ_FOREACH (m, &d->mine.by_state[MINE_LATER], next) {
		m->at = 0;
	}
	d->connect_at = 0;
	d->connect_wait = CONNECT_MIN_MS;
	pump(d);
}

bool
delivery_connected(const struct delivery *d)
{
	return d->client != NULL;
}

unsigned
delivery_waiting(const struct delivery *d)
{
	return d->mine.count;
}

void
delivery_tally(const struct delivery *d, struct delivery_count *n_r)
{
	n_r->open = mine_count(&d->mine, MINE_WAITING) +
	    mine_count(&d->mine, MINE_BUSY);
	n_r->later = mine_count(&d->mine, MINE_LATER);
	n_r->over = mine_count(&d->mine, MINE_OVER);
}

const char *
delivery_state(const struct delivery *d, const char *id)
{
	static const char *const names[MINE_STATES] = {
	    "waiting", "delivering", "retry", "delivered"};
	int state;

	for (state = MINE_BUSY; state < MINE_STATES; state++) {
		if (mine_find(&d->mine, (enum mine_state)state, id) != NULL)
			return names[state];
	}
	return names[MINE_WAITING];
}

int
delivery_new(struct relayd *r, struct delivery **d_r, struct error *error_r)
{
	struct delivery *d = xcalloc(1, sizeof(*d));

	*d_r = NULL;
	d->r = r;
	d->connect_wait = CONNECT_MIN_MS;
	mine_init(&d->mine);
	d->timer = evtimer_new(r->base, on_timer, d);
	if (d->timer == NULL) {
		free(d);
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	}
	*d_r = d;
	return 0;
}

void
delivery_free(struct delivery **dp)
{
	struct delivery *d = *dp;

	if (d == NULL)
		return;
	mine_forget(&d->mine);
	client_free(&d->client);
	event_free(d->timer);
	free(d);
	*dp = NULL;
}
