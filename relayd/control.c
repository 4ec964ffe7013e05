/* SPDX-License-Identifier: MIT */
/*
 * control - answers to agamid(8). See control.h, which is the protocol.
 *
 * Only looks, but for flush. Never waits: answers are queued.
 */
#include "relayd/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "util/text.h"
#include "relayd/broker.h"
#include "relayd/client.h"
#include "relayd/delivery.h"
#include "relayd/dialler.h"

#define LINE_MAX_BYTES 4096

static void
answer(struct client *c, struct buf *line)
{
	if (line->len > 0 && buf_putc(line, '\n') == 0)
		client_send(c, line->data, line->len, -1);
}

static void
put_quoted(struct buf *line, const char *key, const char *value)
{
	const unsigned char *p;

	buf_printf(line, " %s=\"", key);
	for (p = (const unsigned char *)value; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e || *p == '"' || *p == '\\')
			buf_printf(line, "\\x%02x", *p);
		else
			buf_putc(line, (char)*p);
	}
	buf_putc(line, '"');
}

static void
fail(struct client *c, const char *why)
{
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	put_quoted(&line, "error", why);
	buf_consume(&line, 1);
	answer(c, &line);
	buf_free(&line);
}

/* spool_each_fn */
static int
count_one(const struct spool_name *n, const char *file, void *ctx)
{
	unsigned *count = ctx;

	(void)n;
	(void)file;
	(*count)++;
	return 0;
}

static unsigned
count_new(struct relayd *r)
{
	char *dir = file_join(r->conf->spool_dir, "new");
	unsigned count = 0;

	(void)spool_each(dir, count_one, &count, NULL);
	free(dir);
	return count;
}

static void
status_node(struct relayd *r, struct client *c)
{
	const struct network *net = relayd_network(r);
	uint64_t bytes = 0;
	struct buf line;
	struct peer *p;
	unsigned i;

	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++)
		bytes += p->held_bytes;
	buf_init(&line, LINE_MAX_BYTES);
	buf_printf(&line,
	    "node=%s network=%s day=%u held=%zu bytes=%llu receipts=%u "
	    "new=%u deliver=%s waiting=%u",
	    r->self->name, net == NULL ? "none" : network_self(net)->network,
	    r->day.day, store_count(r->store), (unsigned long long)bytes,
	    state_receipt_count(r->state), count_new(r),
	    delivery_connected(r->delivery) ? "up" : "down",
	    delivery_waiting(r->delivery));
	answer(c, &line);
	buf_free(&line);
}

static const char *
session_of(struct relayd *r, const struct peer *p)
{
	struct link *ln = broker_best(r->broker, p);

	if (ln != NULL)
		return ln->dialled ? "dialled" : "accepted";
	return p->child != 0 ? "dialling" : "none";
}

static void
status_peer(struct relayd *r, struct client *c, const struct peer *p)
{
	int64_t now = relayd_clock();
	long long next = p->pace.next > now ? (p->pace.next - now) / 1000 : 0;
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	buf_printf(&line,
	    "peer=%s known=%s session=%s held=%llu bytes=%llu drawn=%u "
	    "receipts=%u failures=%u next=%lld seen=%lld",
	    p->name, p->known ? "yes" : "no", session_of(r, p),
	    (unsigned long long)p->held_count,
	    (unsigned long long)p->held_bytes, p->drawn, p->tells,
	    p->pace.failures, next, (long long)p->seen);
	if (p->error[0] != '\0')
		put_quoted(&line, "error", p->error);
	answer(c, &line);
	buf_free(&line);
}

static void
status(struct relayd *r, struct client *c)
{
	struct peer *p;
	unsigned i;

	status_node(r, c);
	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (p != r->self && (p->known || p->held_count > 0))
			status_peer(r, c, p);
	}
}

static void
put_names(struct buf *line, const char *key, const struct copy *copies,
    int count, bool drawn)
{
	char sep = '=';
	int i;

	buf_printf(line, " %s", key);
	for (i = 0; i < count; i++) {
		if (copies[i].state == COPY_REFUSED ||
		    (copies[i].state == COPY_DRAWN) != drawn)
			continue;
		buf_printf(line, "%c%s", sep, copies[i].peer);
		sep = ',';
	}
	if (sep == '=')
		buf_putc(line, '=');
}

/* Those that have it; this node does, whatever the database says. */
static unsigned
count_copies(struct relayd *r, const struct copy *copies, int count)
{
	unsigned n = 1;
	int i;

	for (i = 0; i < count; i++) {
		if (copies[i].state != COPY_REFUSED &&
		    copies[i].state != COPY_DRAWN &&
		    strcmp(copies[i].peer, r->self->name) != 0)
			n++;
	}
	return n;
}

static void
queue_held(
    struct relayd *r, struct buf *line, const struct held *h, const char *id)
{
	struct copy copies[STATE_COPIES_MAX];
	struct peer *from = peers_at(r->peers, h->from);
	int count = state_copies(r->state, id, copies, STATE_COPIES_MAX);

	buf_printf(line, " from=%s own=%s short=%s copies=%u",
	    from == NULL ? "" : from->name,
	    (h->flags & INDEX_OWN) != 0 ? "yes" : "no",
	    (h->flags & INDEX_SHORT) != 0 ? "yes" : "no",
	    count_copies(r, copies, count));
	put_names(line, "holders", copies, count, false);
	put_names(line, "drawn", copies, count, true);
}

static void
queue(struct relayd *r, struct client *c)
{
	struct index *ix = store_index(r->store);
	char id[BUNDLE_ID_LEN + 1];
	struct peer *home;
	struct buf line;
	struct held *h;
	size_t slot;

	buf_init(&line, LINE_MAX_BYTES);
	for (slot = 0; (h = index_from(ix, &slot)) != NULL; slot++) {
		buf_reset(&line);
		held_id(h, id);
		home = store_home(r->store, h);
		buf_printf(&line, "id=%s home=%s size=%llu day=%u", id,
		    home->name, (unsigned long long)h->size, h->day);
		if (home == r->self)
			buf_printf(&line, " state=%s",
			    delivery_state(r->delivery, id));
		else
			queue_held(r, &line, h, id);
		answer(c, &line);
	}
	buf_free(&line);
}

static void
flush(struct relayd *r, struct client *c, const char *name)
{
	struct peer *p = NULL;
	struct buf line;

	if (name != NULL) {
		p = peers_find(r->peers, name);
		if (p == NULL || !p->known) {
			fail(c, "there is no such peer");
			return;
		}
	}
	buf_init(&line, LINE_MAX_BYTES);
	buf_printf(&line, "flushed=%u", dialler_call(r, p));
	delivery_flush(r);
	r->kick = true;
	relayd_flush_soon(r);
	answer(c, &line);
	buf_free(&line);
}

static void
reload(struct relayd *r, struct client *c)
{
	const struct network *net = relayd_network(r);
	struct buf line;

	if (net == NULL) {
		fail(c, "no manifests are in force");
		return;
	}
	buf_init(&line, LINE_MAX_BYTES);
	buf_printf(&line, "network=%s peers=%zu", network_self(net)->network,
	    network_peer_count(net));
	answer(c, &line);
	buf_free(&line);
}

void
control_command(struct relayd *r, struct client *c, const char *command)
{
	char word[16] = "", name[NODE_NAME_MAX + 1] = "", more[2];
	int n = sscanf(command, "%15s %32s %1s", word, name, more);

	if (n == 1 && strcmp(word, "status") == 0)
		status(r, c);
	else if (n == 1 && strcmp(word, "queue") == 0)
		queue(r, c);
	else if ((n == 1 || n == 2) && strcmp(word, "flush") == 0)
		flush(r, c, n == 2 ? name : NULL);
	else if (n == 1 && strcmp(word, "reload") == 0)
		reload(r, c);
	else
		fail(c, "unknown command");
	client_send(c, ".\n", 2, -1);
}
