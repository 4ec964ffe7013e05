/* SPDX-License-Identifier: MIT */
/*
 * control - answers to agamid(8). See control.h, which is the protocol.
 *
 * Never waits: answers are queued. What changes something answers before
 * the change is durable; the CLI looks again.
 */
#include "relayd/control.h"

#include <stdio.h>
#include <string.h>

#include "util/text.h"
#include "relayd/alert.h"
#include "relayd/answer.h"
#include "relayd/away.h"
#include "relayd/broker.h"
#include "relayd/control_parts.h"
#include "relayd/delivery.h"
#include "relayd/dialler.h"
#include "relayd/exchange.h"
#include "relayd/leave.h"
#include "relayd/rescue.h"

#define SERIALS_MAX_BYTES 65536

static void
flush(struct relayd *r, struct client *c, const char *name)
{
	struct peer *p = NULL;
	struct buf line;

	if (name != NULL) {
		p = peers_find(r->peers, name);
		if (p == NULL || !p->known) {
			answer_error(c, "there is no such peer");
			return;
		}
	}
	answer_init(&line);
	buf_printf(&line, "flushed=%u", dialler_call(r, p));
	delivery_flush(r);
	alert_look(r);
	r->kick = true;
	relayd_flush_soon(r);
	answer_send(c, &line);
	buf_free(&line);
}

static void
reload(struct relayd *r, struct client *c)
{
	const struct network *net = relayd_network(r);
	struct buf line;

	if (net == NULL) {
		answer_error(c, "no manifests are in force");
		return;
	}
	answer_init(&line);
	buf_printf(&line, "network=%s peers=%zu", network_self(net)->network,
	    network_peer_count(net));
	answer_send(c, &line);
	buf_free(&line);
}

static void
pause_until(struct relayd *r, struct client *c, const char *until)
{
	struct buf line;
	uint64_t at;

	if (text_uint(until, AWAY_FOREVER - 1, &at) < 0) {
		answer_error(c, "that is no time");
		return;
	}
	if (r->leaving) {
		answer_error(c, "this node is leaving");
		return;
	}
	if (away_pause(r, (int64_t)at) < 0) {
		answer_error(c, "network.db can't be written");
		return;
	}
	answer_init(&line);
	buf_printf(&line, "paused=%lld", (long long)away_until(r));
	answer_send(c, &line);
	buf_free(&line);
}

static void
leave(struct relayd *r, struct client *c, const char *word)
{
	struct leave_count n;
	struct buf line;
	bool begin = strcmp(word, "begin") == 0;

	if (begin || strcmp(word, "cancel") == 0) {
		if (leave_set(r, begin) < 0) {
			answer_error(c, "network.db can't be written");
			return;
		}
	} else if (strcmp(word, "look") != 0) {
		answer_error(c, "leave begin, cancel or look");
		return;
	}
	leave_tally(r, &n);
	answer_init(&line);
	buf_printf(&line,
	    "leaving=%s held=%u handed=%u pending=%u alone=%u drawn=%u "
	    "waiting=%u",
	    r->leaving ? "yes" : "no", n.held, n.handed, n.pending, n.alone,
	    n.drawn, delivery_waiting(r->delivery));
	answer_send(c, &line);
	buf_free(&line);
}

static void
alert(struct relayd *r, struct client *c, const char *name)
{
	const char *why = alert_ask(r, name);
	struct buf line;

	if (why != NULL) {
		answer_error(c, why);
		return;
	}
	answer_init(&line);
	buf_puts(&line, "asked=yes");
	answer_send(c, &line);
	buf_free(&line);
}

static void
serials(struct relayd *r, struct client *c)
{
	struct buf line;
	struct peer *p;
	unsigned i;

	buf_init(&line, SERIALS_MAX_BYTES);
	for (i = 1; (p = peers_at(r->peers, i)) != NULL; i++) {
		if (p == r->self || !p->known)
			continue;
		buf_printf(&line, "peer=%s confirmed=%lld has=\"", p->name,
		    (long long)p->confirmed);
		exchange_put_serials(p, &line);
		buf_putc(&line, '"');
		answer_send(c, &line);
	}
	buf_free(&line);
}

/* Commands with at most one word behind them. */
void
control_command(struct relayd *r, struct client *c, const char *command)
{
	char word[16] = "", arg[BUNDLE_ID_LEN + 1] = "", more[2];
	int n = sscanf(command, "%15s %64s %1s", word, arg, more);

	if (n == 1 && strcmp(word, "queue") == 0) {
		control_queue(r, c);
		return; /* it ends by itself */
	}
	if (n == 1 && strcmp(word, "status") == 0)
		control_status(r, c);
	else if (n == 1 && strcmp(word, "events") == 0)
		control_events(r, c);
	else if (n == 2 && strcmp(word, "alert") == 0)
		alert(r, c, arg);
	else if (n == 1 && strcmp(word, "expired") == 0)
		control_expired(r, c);
	else if (n == 2 && strcmp(word, "trace") == 0)
		control_trace(r, c, arg);
	else if ((n == 1 || n == 2) && strcmp(word, "flush") == 0)
		flush(r, c, n == 2 ? arg : NULL);
	else if (n == 2 && strcmp(word, "pause") == 0)
		pause_until(r, c, arg);
	else if (n == 1 && strcmp(word, "resume") == 0)
		pause_until(r, c, "0");
	else if (n == 2 && strcmp(word, "leave") == 0)
		leave(r, c, arg);
	else if (n == 1 && strcmp(word, "serials") == 0)
		serials(r, c);
	else if (n == 1 && strcmp(word, "reload") == 0)
		reload(r, c);
	else if (n == 1 && strcmp(word, "rescue") == 0 && r->rescue != NULL)
		rescue_answer(r, c);
	else
		answer_error(c, "unknown command");
	answer_end(c);
}
