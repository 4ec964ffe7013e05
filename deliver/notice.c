/* SPDX-License-Identifier: MIT */
/*
 * notice - this node's own mail. See notice.h.
 *
 * A notice is noted in told.db when Postfix has it; sending.h is about a
 * death in between. A sender is rather told twice, under one Message-ID,
 * than not at all; whoever is told that a home is away is not.
 */
#include "deliver/notice.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deliver/alert_text.h"
#include "deliver/dsn_text.h"
#include "deliver/sending.h"
#include "deliver/submit.h"
#include "deliver/told.h"
#include "util/log.h"
#include "util/text.h"
#include "mail/alert.h"

#define UNIQUE_BYTES 16

struct notice {
	struct worker *worker;
	struct job *job;
	struct network *net;
	struct error error;
};

static enum outcome
end(struct notice *n, enum outcome outcome, const char *why)
{
	n->job->outcome = outcome;
	snprintf(n->job->text, sizeof(n->job->text), "%.*s",
	    OUTCOME_TEXT_MAX - 1, why);
	return outcome;
}

/* For Message-IDs: the same for the same thing, and no guess for others. */
static void
unique(const struct secrets *s, const char *kind, const char *about,
    char out[2 * UNIQUE_BYTES + 1])
{
	crypto_auth_hmacsha256_state st;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];

	crypto_auth_hmacsha256_init(&st, s->node, NODE_SECRET_SIZE);
	crypto_auth_hmacsha256_update(
	    &st, (const uint8_t *)kind, strlen(kind) + 1);
	crypto_auth_hmacsha256_update(
	    &st, (const uint8_t *)about, strlen(about));
	crypto_auth_hmacsha256_final(&st, mac);
	text_hex(mac, UNIQUE_BYTES, out);
}

/* Given to Postfix, and noted before and after. */
static enum outcome
send_once(struct notice *n, const char *kind, const char *about,
    const char *rcpt, const struct buf *mail)
{
	const struct home *h = n->worker->home;
	int note, rc;

	note = sending_begin(h->sending, kind, about, &n->error);
	if (note < 0)
		return end(n, OUTCOME_RETRY, n->error.text);
	rc = submit_mail(h->submit, rcpt, mail, note, &n->error);
	if (sending_end(h->sending, note,
		rc == 0		   ? SENDING_DONE
		    : rc == AG_EIO ? SENDING_UNKNOWN
				   : SENDING_NOT,
		kind, about, (int64_t)time(NULL)) < 0)
		return end(n, OUTCOME_RETRY, "told.db can't be written");
	if (rc == 0)
		return end(n, OUTCOME_DONE, "");
	return end(n, rc == AG_EINVAL ? OUTCOME_REFUSED : OUTCOME_RETRY,
	    n->error.text);
}

/* To a sender -------------------------------------------------------------- */

/* openpgp_source */
static ssize_t
fd_read(void *ctx, void *data, size_t len)
{
	const int *fd = ctx;
	ssize_t n = read(*fd, data, len);

	return n < 0 ? AG_EIO : n;
}

/* openpgp_sink */
static int
buf_write(void *ctx, const void *data, size_t len)
{
	return buf_put(ctx, data, len);
}

static int
open_once(struct notice *n, struct buf *plain)
{
	const struct openpgp_source source = {fd_read, &n->job->fd};
	const struct openpgp_sink sink = {buf_write, plain};
	int rc;

	if (lseek(n->job->fd, 0, SEEK_SET) < 0)
		return error_set_errno(&n->error, AG_EIO, "can't read it");
	buf_reset(plain);
	rc = worker_engine(n->worker, &n->error);
	if (rc < 0)
		return AG_EIO;
	return openpgp_open(n->worker->pgp, &source, &sink, &n->error);
}

/* The engine may be what failed: once more with a new one. */
static int
open_record(struct notice *n, struct buf *plain)
{
	int rc = open_once(n, plain);

	if (rc == AG_ECRYPTO || rc == AG_EIO) {
		openpgp_free(&n->worker->pgp);
		rc = open_once(n, plain);
	}
	return rc;
}

static enum outcome
send_dsn(struct notice *n, const struct dsn_record *r)
{
	const struct manifest *self = network_self(n->net);
	const struct manifest *home = network_find(n->net, r->home);
	char hex[2 * UNIQUE_BYTES + 1], rcpt[ADDRESS_MAX + 1];
	struct dsn_facts facts = {.record = r,
	    .host = self->host,
	    .home = home != NULL ? home->host : r->home,
	    .unique = hex,
	    .now = (int64_t)time(NULL)};
	enum outcome outcome;
	struct buf mail;

	if (strcmp(r->id, n->job->id) != 0 ||
	    strcmp(r->network, self->network) != 0 ||
	    strcmp(r->acceptor, self->name) != 0)
		return end(n, OUTCOME_REFUSED, "it is not of this bundle");
	unique(n->worker->home->secrets, "dsn", r->id, hex);
	buf_init(&mail, SUBMIT_MAX);
	if (dsn_text_address(r->envelope.mail.path, rcpt, sizeof(rcpt)) < 0 ||
	    dsn_text_write(&facts, &mail) < 0)
		outcome = end(n, OUTCOME_REFUSED, "it can't be written");
	else
		outcome = send_once(n, "dsn", r->id, rcpt, &mail);
	buf_wipe(&mail);
	return outcome;
}

static enum outcome
dsn(struct notice *n)
{
	struct dsn_record record;
	enum outcome outcome;
	struct buf plain;
	int rc;

	rc = told_is(n->worker->home->told, "dsn", n->job->id);
	if (rc != 0)
		return rc < 0 ? end(n, OUTCOME_RETRY, "told.db can't be read")
			      : end(n, OUTCOME_DONE, "");
	buf_init(&plain, DSN_MAX);
	rc = open_record(n, &plain);
	if (rc == AG_EIO || rc == AG_ENOMEM || rc == AG_EAGAIN) {
		outcome = end(n, OUTCOME_RETRY, n->error.text);
	} else if (rc < 0 ||
	    dsn_parse(buf_str(&plain), plain.len, &record, &n->error) < 0) {
		outcome = end(n, OUTCOME_REFUSED, n->error.text);
	} else {
		outcome = send_dsn(n, &record);
		bsmtp_envelope_free(&record.envelope);
	}
	buf_wipe(&plain);
	return outcome;
}

/* To whom a home wants to be told ------------------------------------------ */

#define DAY 86400
#define CONFIRMS_MAX 3 /* for one home in 30 days, whatever the address */
#define AWAYS_MAX 3 /* for one home in 7 days, however often it goes */

/* The home's manifest, with an address; NULL, and the outcome is set. */
static const struct manifest *
find_home(struct notice *n)
{
	const struct manifest *m = network_find(n->net, n->job->id);

	if (m == NULL || m == network_self(n->net)) {
		end(n, OUTCOME_REFUSED, "there is no such peer");
		return NULL;
	}
	if (m->alert == NULL) {
		end(n, OUTCOME_REFUSED, "its manifest has no alert address");
		return NULL;
	}
	return m;
}

static void
token_of(
    struct notice *n, const struct manifest *m, char token[ALERT_TOKEN_LEN + 1])
{
	alert_token(n->worker->home->secrets->node, m->network, m->name,
	    m->alert, token);
}

/* Has the reader of the address said yes to this node? SPEC N-24.3 */
static bool
is_confirmed(struct notice *n, const struct manifest *m)
{
	const char *found = alert_find((const char *const *)m->alert_tokens,
	    m->alert_token_count, network_self(n->net)->name);
	char token[ALERT_TOKEN_LEN + 1];

	token_of(n, m, token);
	return found != NULL &&
	    sodium_memcmp(found, token, ALERT_TOKEN_LEN) == 0;
}

/* True if as many were sent as may be. */
static bool
is_enough(struct notice *n, const char *kind, int max, int days)
{
	char prefix[BUNDLE_ID_LEN + 2];
	int count;

	snprintf(prefix, sizeof(prefix), "%s ", n->job->id);
	count = told_count(n->worker->home->told, kind, prefix,
	    (int64_t)time(NULL) - days * (int64_t)DAY);
	return count < 0 || count >= max;
}

static enum outcome
send_alert(struct notice *n, const struct manifest *m, const char *kind,
    const char *about)
{
	char hex[2 * UNIQUE_BYTES + 1], token[ALERT_TOKEN_LEN + 1];
	struct alert_facts facts = {.self = network_self(n->net),
	    .home = m,
	    .token = token,
	    .unique = hex,
	    .stage = n->job->stage,
	    .since = n->job->since,
	    .now = (int64_t)time(NULL)};
	enum outcome outcome;
	struct buf mail;
	int rc;

	unique(n->worker->home->secrets, kind, about, hex);
	token_of(n, m, token);
	buf_init(&mail, SUBMIT_MAX);
	rc = n->job->kind == REQUEST_CONFIRM ? alert_text_confirm(&facts, &mail)
					     : alert_text_away(&facts, &mail);
	if (rc < 0)
		outcome = end(n, OUTCOME_REFUSED, "it can't be written");
	else
		outcome = send_once(n, kind, about, m->alert, &mail);
	buf_wipe(&mail);
	return outcome;
}

/* SPEC N-24.2 */
static enum outcome
confirm(struct notice *n)
{
	const struct manifest *m = find_home(n);
	char about[NODE_NAME_MAX + 24];

	if (m == NULL)
		return n->job->outcome;
	if (is_confirmed(n, m))
		return end(n, OUTCOME_REFUSED, "the address is confirmed");
	if (is_enough(n, "confirm", 1, 1))
		return end(n, OUTCOME_REFUSED, "it was asked today");
	if (is_enough(n, "confirm", CONFIRMS_MAX, 30))
		return end(n, OUTCOME_REFUSED, "it was asked often enough");
	snprintf(
	    about, sizeof(about), "%s %lld", m->name, (long long)time(NULL));
	return send_alert(n, m, "confirm", about);
}

/* SPEC N-24.4 */
static enum outcome
away(struct notice *n)
{
	const struct manifest *m = find_home(n);
	char about[NODE_NAME_MAX + 32];
	int rc;

	if (m == NULL)
		return n->job->outcome;
	if (!is_confirmed(n, m))
		return end(n, OUTCOME_REFUSED, "the address is not confirmed");
	snprintf(about, sizeof(about), "%s %lld %u", m->name,
	    (long long)n->job->since, n->job->stage);
	rc = told_is(n->worker->home->told, "away", about);
	if (rc != 0)
		return rc < 0 ? end(n, OUTCOME_RETRY, "told.db can't be read")
			      : end(n, OUTCOME_DONE, "");
	if (is_enough(n, "away", AWAYS_MAX, 7))
		return end(n, OUTCOME_REFUSED, "it was told often enough");
	return send_alert(n, m, "away", about);
}

/* All ---------------------------------------------------------------------- */

static enum outcome
run(struct notice *n)
{
	const struct home *h = n->worker->home;

	n->net = network_current(h->networks, &n->error);
	if (n->net == NULL ||
	    sending_settle(h->sending, "dsn", (int64_t)time(NULL), &n->error) <
		0)
		return end(n, OUTCOME_RETRY, n->error.text);
	switch (n->job->kind) {
	case REQUEST_CONFIRM:
		return confirm(n);
	case REQUEST_AWAY:
		return away(n);
	default:
		return dsn(n);
	}
}

void
notice_run(struct worker *w, struct job *j)
{
	struct notice n = {.worker = w, .job = j};
	const char *what = j->kind == REQUEST_DSN ? "dsn"
	    : j->kind == REQUEST_CONFIRM	  ? "confirm"
						  : "away";

	if (run(&n) == OUTCOME_DONE)
		log_info("notice sent event=%s id=%s", what, j->id);
	else
		log_warn("notice not sent event=%s id=%s error=\"%s\"", what,
		    j->id, j->text);
	network_unref(&n.net);
}
