/* SPDX-License-Identifier: MIT */
/*
 * adopt - own receipts, learnt from peers. See adopt.h.
 *
 * How a home knows that its database is an old one: with every batch of
 * receipts that it signs it counts on, in network.db and in the name that
 * the symbolic link held/.receipts points to. The spool is not part of a
 * backup of the state directory; so if its count is ahead, the database
 * was put back. (It costs no flush of its own: a link that a power failure
 * left behind shows nothing, and nothing is concluded.) A database that
 * was made anew is taken for one that was lost. Where both were put back
 * together, the first peer that knows a newer receipt tells.
 */
#include "relayd/adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "relayd/delivery.h"
#include "relayd/dialler.h"
#include "relayd/rescue.h"
#include "relayd/state_signers.h"

#define COUNT "receipts-signed"
#define COUNT_MAX 999999999999ULL
#define HOLD_MS 60000 /* the longest wait for peers */
#define LOOK_MS 200

struct adopt {
	struct relayd *r;
	struct event *timer;
	char *path, *path_new; /* held/.receipts */
	int64_t until; /* ms: own mail is held back; 0: it isn't */
};

/* The count ---------------------------------------------------------------- */

static int64_t
read_link(const struct adopt *a)
{
	char text[24];
	ssize_t len = readlink(a->path, text, sizeof(text) - 1);
	uint64_t n;

	if (len <= 0)
		return 0;
	text[len] = '\0';
	return text_uint(text, COUNT_MAX, &n) == 0 ? (int64_t)n : 0;
}

static void
write_link(const struct adopt *a, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)n);
	(void)unlink(a->path_new);
	if (symlink(text, a->path_new) < 0 || rename(a->path_new, a->path) < 0)
		log_warn("can't write path=%s", a->path);
}

/* First the spool, then the database: so that of two which belong
 * together the spool is ahead by one at most. */
static void
count_on(struct adopt *a)
{
	int64_t n;

	if (state_number(a->r->state, COUNT, &n) < 0)
		return;
	if (read_link(a) <= n)
		write_link(a, n + 1);
	(void)state_set_number(a->r->state, COUNT, n + 1);
}

/* Why it must be taken for an old one; NULL: it need not. */
static const char *
find_reason(const struct adopt *a)
{
	int64_t n;

	if (a->r->fresh)
		return "network.db was made anew";
	if (state_number(a->r->state, COUNT, &n) == 0 && read_link(a) > n + 1)
		return "network.db is older than the spool";
	return NULL;
}

/* Holding back ------------------------------------------------------------- */

/* Is there something to wait for: has it not yet told, though it may? */
static bool
is_awaited(struct relayd *r, const struct peer *p)
{
	const struct link *ln = broker_best(r->broker, p);

	if (p == r->self || !p->known || p->adopted)
		return false;
	if (ln != NULL)
		return ln->version >= 3;
	return p->dialable && p->pace.failures == 0;
}

static void
release(struct adopt *a)
{
	event_del(a->timer);
	a->until = 0;
	log_info("own mail is delivered now event=adopted");
	delivery_flush(a->r);
}

static void
look(struct adopt *a)
{
	struct relayd *r = a->r;
	bool waits = false;
	struct peer *p;
	unsigned i;

	for (i = 1; !waits && (p = peers_at(r->peers, i)) != NULL; i++)
		waits = is_awaited(r, p);
	if (!waits || relayd_clock() >= a->until)
		release(a);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	look(ctx);
}

static void
hold(struct adopt *a, const char *reason)
{
	static const struct timeval tv = {0, LOOK_MS * 1000};
	struct peer *p;
	unsigned i;

	log_warn(
	    "own mail waits for what peers know of it error=\"%s\"", reason);
	for (i = 1; (p = peers_at(a->r->peers, i)) != NULL; i++)
		p->adopted = false;
	a->until = relayd_clock() + HOLD_MS;
	event_add(a->timer, &tv);
}

bool
adopt_holds(const struct relayd *r)
{
	return r->adopt->until != 0;
}

/* Asking ------------------------------------------------------------------- */

void
adopt_ask(struct link *ln, int64_t since)
{
	struct proto_msg m = {.verb = PROTO_ADOPT, .time = since};

	link_send(ln, &m, -1);
}

void
adopt_link_up(struct link *ln)
{
	struct relayd *r = ln->r;

	if (ln->version < 3 || r->rescue != NULL)
		return;
	adopt_ask(ln,
	    adopt_holds(r) ? 0 : state_signers_newest(r->state, r->self->name));
}

void
adopt_told(struct link *ln)
{
	ln->peer->adopted = true;
	if (ln->r->rescue != NULL)
		rescue_told(ln);
}

void
adopt_own(struct relayd *r, const struct peer *from)
{
	struct link *ln = NULL;

	if (from == NULL) {
		count_on(r->adopt);
		return;
	}
	if (adopt_holds(r))
		return;
	hold(r->adopt, "a peer has newer receipts of this node");
	dialler_call(r, NULL);
	while ((ln = broker_next(r->broker, ln)) != NULL) {
		if (ln->up && !ln->leaving && ln->version >= 3)
			adopt_ask(ln, 0);
	}
}

/* Answering ---------------------------------------------------------------- */

void
adopt_asked(struct link *ln, int64_t since)
{
	ln->adopting = true;
	ln->adopt_since = since;
	ln->adopt_after = 0;
	adopt_tell(ln);
}

void
adopt_tell(struct link *ln)
{
	struct proto_msg m = {.verb = PROTO_RECEIPT};
	struct buf text;
	int64_t n;
	int rc = 1;

	buf_init(&text, RECEIPT_MAX);
	while (ln->adopting && ln->told_count < LINK_TOLD_MAX) {
		rc = state_signers_next(ln->r->state, ln->peer->name,
		    ln->adopt_since, ln->adopt_after, &n, &text);
		if (rc != 1)
			break;
		m.payload = text.data;
		m.payload_len = text.len;
		ln->adopt_after = n;
		ln->told[ln->told_count++] = 0; /* nothing is owed */
		link_send(ln, &m, -1);
		buf_reset(&text);
	}
	buf_free(&text);
	if (rc == 1)
		return;
	ln->adopting = false;
	m = (struct proto_msg){.verb = PROTO_ADOPTED};
	link_send(ln, &m, -1);
}

/* Start and end ------------------------------------------------------------ */

int
adopt_new(struct relayd *r, struct adopt **a_r, struct error *error_r)
{
	struct adopt *a = xcalloc(1, sizeof(*a));
	const char *reason;

	*a_r = a;
	a->r = r;
	a->path = file_join(r->conf->spool_dir, "held/.receipts");
	a->path_new = xasprintf("%s.new", a->path);
	a->timer = event_new(r->base, -1, EV_PERSIST, on_timer, a);
	if (a->timer == NULL)
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	if (state_signers_open(r->state) < 0)
		return error_set(error_r, AG_EIO, "can't read network.db");
	reason = r->rescue != NULL ? NULL : find_reason(a);
	if (reason != NULL)
		hold(a, reason);
	return 0;
}

void
adopt_free(struct adopt **ap)
{
	struct adopt *a = *ap;

	if (a == NULL)
		return;
	if (a->timer != NULL)
		event_free(a->timer);
	free(a->path_new);
	free(a->path);
	free(a);
	*ap = NULL;
}
