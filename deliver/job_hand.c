/* SPDX-License-Identifier: MIT */
/*
 * job_hand - a mail that is open and good is handed on: to this node's own
 * Postfix, or, for agamid rescue, into a Maildir. See job_parts.h.
 *
 * Our own fields go on top; the message follows as the second pass opens
 * it, and its end only when all of it was good.
 */
#include "deliver/job_parts.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "deliver/headers.h"
#include "deliver/inject.h"
#include "deliver/maildir.h"
#include "deliver/mark.h"
#include "deliver/own.h"
#include "deliver/results.h"

#define HEADERS_MAX 8192

/* ---- our own fields ---- */

/* results_ours_fn: a node of the network's host */
static bool
job_is_node(const void *ctx, const char *id)
{
	const struct network *net = ctx;
	size_t i;

	if (strcasecmp(id, network_self(net)->host) == 0)
		return true;
	for (i = 0; i < network_peer_count(net); i++) {
		if (strcasecmp(id, network_peer(net, i)->host) == 0)
			return true;
	}
	return false;
}

static int
job_headers(struct delivery *d, struct buf *out)
{
	const struct manifest *acceptor =
	    network_find(d->net, d->ticket.acceptor);
	int rc;

	rc = headers_write(
	    &d->ticket, (int64_t)time(NULL), d->home->secrets->node, out);
	if (rc == 0 && acceptor != NULL)
		rc = results_write(&d->opened.head.client, acceptor->host,
		    d->opened.envelope.mail.path, out);
	if (rc == 0)
		rc = mark_write(&d->opened, &d->ticket, network_self(d->net),
		    d->home->secrets, out);
	return rc;
}

/* ---- into Postfix ---- */

static int
job_send_piece(void *ctx, const void *data, size_t len, struct error *error_r)
{
	return inject_write(ctx, data, len, error_r);
}

/* The message, and the final dot only if all of it was good. */
static int
job_send(struct delivery *d, struct inject *i, bool *sent_r)
{
	int rc;

	rc = open_body(d->worker->pgp, d->job->fd, &d->ticket, &d->opened,
	    job_send_piece, i, &d->error);
	*sent_r = rc == 0;
	if (rc < 0 && inject_is_lost(i))
		d->job->postfix = POSTFIX_AWAY;
	return rc < 0 ? rc : inject_end(i, &d->rcpts, &d->error);
}

static int
job_offer(struct delivery *d, const char *headers, bool *sent_r)
{
	const struct manifest *self = network_self(d->net);
	struct own_addresses addresses;
	struct xclient client;
	struct xclient_own own = {
	    .host = self->host,
	    .domains = self->domains,
	    .domain_count = self->domain_count,
	    .networks = d->home->conf->networks,
	    .network_count = d->home->conf->network_count,
	};
	struct inject_mail mail = {
	    .socket = d->home->socket,
	    .host = self->host,
	    .client = &client,
	    .envelope = &d->opened.envelope,
	    .size = d->opened.body_size + strlen(headers),
	    .headers = headers,
	    .ours = job_is_node,
	    .ours_ctx = d->net,
	};
	struct inject *i;
	int rc;

	own_addresses_get(self, &addresses);
	own.addresses = addresses.list;
	own.address_count = addresses.count;
	xclient_make(&d->opened.head.client, &own, &client);
	own_addresses_free(&addresses);
	rc = inject_begin(&mail, &d->rcpts, &i, &d->error);
	d->job->postfix = rc < 0 ? POSTFIX_AWAY : POSTFIX_THERE;
	if (rc == 1)
		rc = job_send(d, i, sent_r);
	inject_free(&i);
	return rc;
}

/* ---- or into a Maildir ---- */

static int
job_write_piece(void *ctx, const void *data, size_t len, struct error *error_r)
{
	return maildir_write(ctx, data, len, error_r);
}

static int
job_write(struct delivery *d, const char *headers)
{
	const struct maildir_mail mail = {
	    .dir = d->home->maildir,
	    .ticket = &d->ticket,
	    .host = network_self(d->net)->host,
	    .envelope = &d->opened.envelope,
	    .headers = headers,
	    .ours = job_is_node,
	    .ours_ctx = d->net,
	};
	struct maildir *m;
	size_t i;
	int rc;

	rc = maildir_begin(&mail, &m, &d->error);
	if (rc == 1) {
		rc = open_body(d->worker->pgp, d->job->fd, &d->ticket,
		    &d->opened, job_write_piece, m, &d->error);
		if (rc == 0)
			rc = maildir_end(m, &d->error);
		maildir_free(&m);
	}
	for (i = 0; rc == 0 && i < d->rcpts.count; i++) {
		if (d->rcpts.rcpt[i].state != RCPT_WAITING)
			continue;
		d->rcpts.rcpt[i].state = RCPT_DELIVERED;
		d->rcpts.rcpt[i].now = true;
	}
	return rc;
}

int
job_hand(struct delivery *d, bool *sent_r)
{
	struct buf headers;
	int rc;

	buf_init(&headers, HEADERS_MAX);
	rc = job_headers(d, &headers);
	if (rc == 0 && d->home->maildir != NULL)
		rc = job_write(d, buf_str(&headers));
	else if (rc == 0)
		rc = job_offer(d, buf_str(&headers), sent_r);
	buf_wipe(&headers);
	return rc;
}
