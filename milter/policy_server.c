/* SPDX-License-Identifier: MIT */
/*
 * policy_server - answers Postfix's RCPT checks; see policy_server.h.
 *
 * A connection is a thread: Postfix keeps one per smtpd process.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "milter/confirmed.h"
#include "milter/decide.h"
#include "milter/gate.h"
#include "milter/listener.h"
#include "milter/policy_server.h"
#include "util/buf.h"
#include "util/log.h"

#define CONNECTIONS_MAX 300
#define READ_SIZE 4096
/* Postfix closes an idle connection after 300 s itself. */
#define IDLE_MS (400 * 1000)
#define WRITE_MS (10 * 1000)

static void
collect_facts(const struct policy_server *p, const struct policy_request *req,
    const struct network *net, const struct target *t, struct facts *f_r)
{
	memset(f_r, 0, sizeof(*f_r));
	f_r->connected = sessions_class(
	    p->sessions, req->client_address, req->client_port, &f_r->now);
	f_r->key_usable = sealer_usable(p->sealer, net, t);
	sealer_room(p->sealer, &f_r->room);
	f_r->size = req->size;
}

static bool
admit(const struct policy_server *p, const struct policy_request *req,
    const struct address *rcpt, const struct target *t)
{
	struct admission a = {.rcpt = *rcpt, .class = t->class};

	strcpy(a.protocol, req->protocol);
	return sessions_admit(
	    p->sessions, req->client_address, req->client_port, &a);
}

static enum answer
judge(const struct policy_server *p, const struct policy_request *req)
{
	struct error error = {""};
	struct address rcpt;
	struct network *net;
	struct target target;
	struct facts facts;
	enum answer a;

	if (policy_parse_recipient(req->recipient, &rcpt) != AG_OK)
		return ANSWER_BAD_RCPT;
	net = network_current(p->source, &error);
	if (net == NULL) {
		log_warn("no network's view error=%s", error.text);
		return ANSWER_TROUBLE;
	}
	a = decide_recipient(net, &rcpt, &target);
	a = confirmed_soften(sealer_conf(p->sealer)->run_dir, net, rcpt.domain,
	    a, (int64_t)time(NULL));
	if (a == ANSWER_OK) {
		collect_facts(p, req, net, &target, &facts);
		a = decide_policy(&target, &facts);
	}
	/* Behind all other reasons to refuse. */
	if (a == ANSWER_OK)
		a = gate_check(sealer_conf(p->sealer)->run_dir, target.home,
		    req->client_address, req->sender, &rcpt);
	if (a == ANSWER_OK && !admit(p, req, &rcpt, &target))
		a = ANSWER_NO_CONNECTION;
	network_unref(&net);
	return a;
}

void
policy_server_answer(const struct policy_server *p,
    const struct policy_request *req, char action[POLICY_ACTION_MAX])
{
	enum answer a;

	if (strcmp(req->request, "smtpd_access_policy") != 0) {
		answer_write(ANSWER_TROUBLE, action, POLICY_ACTION_MAX);
		return;
	}
	/* Asked at VRFY or DATA, too, if the restriction stands there:
	 * nothing is taken by these. */
	if (strcmp(req->state, "RCPT") != 0) {
		strcpy(action, "DUNNO");
		return;
	}
	a = judge(p, req);
	if (a == ANSWER_OK || a == ANSWER_PASS) {
		strcpy(action, "DUNNO");
		return;
	}
	answer_write(a, action, POLICY_ACTION_MAX);
	log_info("refused client=%s rcpt=%s reply=%s", req->client_address,
	    req->recipient, answer_text(a)->code);
}

static int
send_action(int fd, const char *action)
{
	char line[POLICY_ACTION_MAX + 16];
	int n;

	n = snprintf(line, sizeof(line), "action=%s\n\n", action);
	return listener_write(fd, line, n, WRITE_MS);
}

/* All whole requests in the buffer. */
static int
answer_all(const struct policy_server *p, int fd, struct buf *b)
{
	char action[POLICY_ACTION_MAX];
	struct policy_request req;
	struct error error = {""};
	ssize_t n;
	int rc;

	while ((n = policy_parse(b->data, b->len, &req, &error)) > 0) {
		policy_server_answer(p, &req, action);
		if ((rc = send_action(fd, action)) != AG_OK)
			return rc;
		buf_consume(b, n);
	}
	if (n < 0) {
		log_warn("malformed policy request error=%s", error.text);
		answer_write(ANSWER_TROUBLE, action, sizeof(action));
		(void)send_action(fd, action);
	}
	return n;
}

static void
serve(int fd, void *ctx)
{
	const struct policy_server *p = ctx;
	struct buf b;
	size_t want;
	char *room;
	ssize_t n;

	buf_init(&b, POLICY_REQUEST_MAX);
	do {
		want = POLICY_REQUEST_MAX - b.len;
		if (want > READ_SIZE)
			want = READ_SIZE;
		if ((room = buf_reserve(&b, want)) == NULL)
			break;
		n = listener_read(fd, room, want, IDLE_MS);
		if (n <= 0)
			break;
		buf_commit(&b, n);
	} while (answer_all(p, fd, &b) == AG_OK);
	buf_free(&b);
}

int
policy_server_start(
    const struct policy_server *p, const char *path, struct error *error_r)
{
	const struct listener l = {
	    .path = path,
	    .max = CONNECTIONS_MAX,
	    .full = "",
	    .serve = serve,
	    .ctx = (void *)(uintptr_t)p,
	};

	return listener_start(&l, error_r);
}
