/* SPDX-License-Identifier: MIT */
/*
 * callbacks - libmilter's callbacks; see callbacks.h.
 *
 * libmilter runs each connection in a thread of its own and calls back
 * one after the other, so a struct connection needs no lock. Headers are
 * asked for with their leading blanks (SMFIP_HDR_LEADSPC), so that the
 * message goes out byte for byte as it came in and a DKIM signature
 * still verifies.
 */
#include <sys/stat.h>
#include <libmilter/mfapi.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "milter/callbacks.h"
#include "milter/envelope.h"
#include "milter/question.h"
#include "milter/received.h"
#include "milter/sealing.h"
#include "milter/spf.h"
#include "util/fault.h"
#include "util/log.h"
#include "util/text.h"

/* How often Postfix hears that we're still at it. */
#define PROGRESS_MS 3000
#define BACKLOG 100
#define CONN_MAX 512 /* of libmilter's name of a socket */

struct connection {
	struct session *session;
	struct bundle_client client;
	/* The transaction. */
	struct bsmtp_envelope envelope;
	bool sender_ok; /* a bundle can carry it */
	struct mail_class class;
	struct network *net; /* from the first peer's recipient on */
	char queue_id[32];
	struct sealing *job;
};

/* Set once, before libmilter starts; its callbacks have no argument for
 * it. */
static const struct milter *milter;

/* ---- small helpers ---- */

static void
copy(char *out, size_t outsize, const char *value)
{
	snprintf(out, outsize, "%s", value != NULL ? value : "");
}

static const char *
macro(SMFICTX *ctx, const char *name)
{
	char copied[32];

	copy(copied, sizeof(copied), name);
	return smfi_getsymval(ctx, copied);
}

/* Postfix says "unknown" for what it could not find out. */
static void
copy_name(char *out, size_t outsize, const char *value)
{
	if (value != NULL && strcmp(value, "unknown") == 0)
		value = NULL;
	copy(out, outsize, value);
}

static sfsistat
refuse(SMFICTX *ctx, enum answer a)
{
	const struct answer_text *t = answer_text(a);

	smfi_setmlreply(ctx, t->code, t->status, t->text, NULL);
	return answer_is_permanent(a) ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

static void
transaction_over(struct connection *c)
{
	sealing_free(&c->job);
	bsmtp_envelope_free(&c->envelope);
	bsmtp_envelope_init(&c->envelope);
	network_unref(&c->net);
	memset(&c->class, 0, sizeof(c->class));
	c->sender_ok = false;
	c->queue_id[0] = '\0';
	if (c->session != NULL)
		session_reset(c->session);
}

/* A message that has failed is over; nothing of it stays. */
static sfsistat
refuse_message(SMFICTX *ctx, struct connection *c, enum answer a)
{
	log_info("refused client=%s home=%s queue=%s reply=%s",
	    c->client.address, c->class.home, c->queue_id,
	    answer_text(a)->code);
	transaction_over(c);
	return refuse(ctx, a);
}

/* ---- the connection ---- */

/* Macros, at each stage that we need them: no milter_*_macros in main.cf
 * is needed then. */
static bool
ask_for_macros(SMFICTX *ctx)
{
	static const struct {
		int stage;
		const char *names;
	} wanted[] = {
	    {SMFIM_CONNECT,
		"j {client_addr} {client_name} {client_ptr} {client_port}"},
	    {SMFIM_HELO, "{tls_version} {cipher} {cipher_bits}"},
	    {SMFIM_ENVFROM, "i {tls_version} {cipher} {cipher_bits}"},
	    {SMFIM_ENVRCPT, "i"},
	    {SMFIM_DATA, "i"},
	    {SMFIM_EOM, "i"},
	    {SMFIM_EOH, "i"},
	};
	char names[128];
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		copy(names, sizeof(names), wanted[i].names);
		if (smfi_setsymlist(ctx, wanted[i].stage, names) != MI_SUCCESS)
			return false;
	}
	return true;
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long f2, unsigned long f3, unsigned long *actions_r,
    unsigned long *steps_r, unsigned long *f2_r, unsigned long *f3_r)
{
	(void)f2;
	(void)f3;
	*f2_r = *f3_r = 0;
	if (!(actions & SMFIF_SETSYMLIST) || !(steps & SMFIP_HDR_LEADSPC) ||
	    !ask_for_macros(ctx)) {
		log_error("the mail server's milter protocol is too old "
			  "(milter_protocol must be 6)");
		return SMFIS_REJECT;
	}
	*actions_r = SMFIF_SETSYMLIST;
	*steps_r = SMFIP_HDR_LEADSPC | (steps & SMFIP_NOUNKNOWN);
	return SMFIS_CONTINUE;
}

static struct connection *
connection_new(void)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c != NULL)
		bsmtp_envelope_init(&c->envelope);
	return c;
}

static void
connection_free(struct connection *c)
{
	if (c == NULL)
		return;
	transaction_over(c);
	bsmtp_envelope_free(&c->envelope);
	session_close(&c->session);
	free(c);
}

/* Postfix connects anew in the same milter session after XCLIENT. */
static sfsistat
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
	struct connection *c = connection_new();
	const char *address = macro(ctx, "{client_addr}");

	(void)host;
	(void)addr;
	connection_free(smfi_getpriv(ctx));
	smfi_setpriv(ctx, c);
	if (c == NULL)
		return SMFIS_ACCEPT; /* the policy check then says 451 */
	if (address != NULL && strncasecmp(address, "IPv6:", 5) == 0)
		address += 5;
	copy_name(c->client.address, sizeof(c->client.address), address);
	copy_name(c->client.port, sizeof(c->client.port),
	    macro(ctx, "{client_port}"));
	copy_name(c->client.name, sizeof(c->client.name),
	    macro(ctx, "{client_name}"));
	copy_name(c->client.reverse_name, sizeof(c->client.reverse_name),
	    macro(ctx, "{client_ptr}"));
	c->session =
	    session_open(milter->sessions, c->client.address, c->client.port);
	return c->session != NULL ? SMFIS_CONTINUE : SMFIS_ACCEPT;
}

static void
note_tls(SMFICTX *ctx, struct connection *c)
{
	const char *version = macro(ctx, "{tls_version}");
	const char *cipher = macro(ctx, "{cipher}");

	if (version != NULL && version[0] != '\0')
		snprintf(c->client.tls, sizeof(c->client.tls), "%s%s%s",
		    version, cipher != NULL ? " " : "",
		    cipher != NULL ? cipher : "");
}

static sfsistat
on_helo(SMFICTX *ctx, char *helo)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c == NULL)
		return SMFIS_CONTINUE;
	copy(c->client.helo, sizeof(c->client.helo), helo);
	note_tls(ctx, c);
	c->client.spf[0] = '\0';
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	connection_free(smfi_getpriv(ctx));
	smfi_setpriv(ctx, NULL);
	return SMFIS_CONTINUE;
}

/* ---- the envelope ---- */

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c == NULL)
		return SMFIS_CONTINUE;
	transaction_over(c);
	note_tls(ctx, c);
	/* Judged only if a peer's recipient comes. */
	c->sender_ok = envelope_set_mail(&c->envelope, argv) == AG_OK;
	return SMFIS_CONTINUE;
}

/* The recipient that the policy check has admitted joins the envelope. */
static enum answer
add_peer(struct connection *c, char **argv, const struct admission *a)
{
	struct error error = {""};
	int rc;

	if (!c->sender_ok)
		return ANSWER_BAD_SENDER;
	if (c->net == NULL)
		c->net = network_current(milter->source, &error);
	if (c->net == NULL || network_find(c->net, a->class.home) == NULL) {
		log_warn("no network's view home=%s error=%s", a->class.home,
		    error.text);
		return ANSWER_TROUBLE;
	}
	rc = envelope_add_rcpt(&c->envelope, argv);
	if (rc != AG_OK)
		return rc == AG_ETOOBIG ? ANSWER_TOO_MANY : ANSWER_BAD_RCPT;
	copy(c->client.protocol, sizeof(c->client.protocol), a->protocol);
	return ANSWER_OK;
}

/* What the transaction becomes with this recipient. */
static enum answer
judge_rcpt(struct connection *c, char **argv, struct mail_class *next_r)
{
	struct admission admission = {.class = {.kind = MAIL_NONE}};
	struct address rcpt;
	bool admitted = false;
	enum answer a;

	if (address_parse(argv[0], &rcpt) == AG_OK)
		admitted = session_take(c->session, &rcpt, &admission);
	else if (session_forget(c->session))
		return ANSWER_BAD_RCPT; /* Postfix understood it, we don't */
	a = decide_milter_rcpt(&c->class, admitted, &admission.class, next_r);
	return a == ANSWER_OK ? add_peer(c, argv, &admission) : a;
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	struct connection *c = smfi_getpriv(ctx);
	struct mail_class next;
	enum answer a;

	if (c == NULL)
		return SMFIS_CONTINUE;
	a = judge_rcpt(c, argv, &next);
	if (a != ANSWER_OK && a != ANSWER_PASS) {
		log_info("refused client=%s rcpt=%s reply=%s",
		    c->client.address, argv[0], answer_text(a)->code);
		return refuse(ctx, a);
	}
	c->class = next;
	session_set_class(c->session, &next);
	return SMFIS_CONTINUE;
}

static sfsistat
on_data(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c == NULL || c->class.kind != MAIL_PEER)
		return SMFIS_ACCEPT; /* this message is not our business */
	copy(c->queue_id, sizeof(c->queue_id), macro(ctx, "i"));
	return SMFIS_CONTINUE;
}

/* ---- the message ---- */

/* Sealing begins with the first byte of the message, not at DATA: until
 * then Postfix reads it from the client, at the client's pace. */
static enum answer
need_job(struct connection *c)
{
	struct sealing_request req = {
	    .net = c->net,
	    .class = c->class,
	    .envelope = &c->envelope,
	    .client = &c->client,
	    .received_from = true,
	    .queue_id = c->queue_id,
	    .now = time(NULL),
	};

	if (c->job != NULL)
		return ANSWER_OK;
	req.with = received_with(c->client.protocol, c->client.tls[0] != '\0',
	    envelope_is_smtputf8(&c->envelope));
	return sealing_new(milter->sealer, &req, &c->job);
}

/* name ":" value CRLF; folds come as bare LF and get their CR back. */
static enum answer
push_header(struct connection *c, const char *name, const char *value)
{
	enum answer a;
	size_t len;

	if ((a = sealing_push(c->job, name, strlen(name))) != ANSWER_OK ||
	    (a = sealing_push(c->job, ":", 1)) != ANSWER_OK)
		return a;
	while (*value != '\0') {
		len = strcspn(value, "\n");
		if ((a = sealing_push(c->job, value, len)) != ANSWER_OK)
			return a;
		if (value[len] == '\0')
			break;
		if (len > 0 && value[len - 1] == '\r')
			a = sealing_push(c->job, "\n", 1);
		else
			a = sealing_push(c->job, "\r\n", 2);
		if (a != ANSWER_OK)
			return a;
		value += len + 1;
	}
	return sealing_push(c->job, "\r\n", 2);
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct connection *c = smfi_getpriv(ctx);
	enum answer a;

	if (c == NULL || c->class.kind != MAIL_PEER)
		return SMFIS_ACCEPT;
	/* What Postfix prepends comes before what the client sent. */
	if (c->job == NULL && milter->spf_header)
		(void)spf_result(name, value, network_self(c->net)->host,
		    c->client.spf, sizeof(c->client.spf));
	if ((a = need_job(c)) == ANSWER_OK)
		a = push_header(c, name, value);
	return a == ANSWER_OK ? SMFIS_CONTINUE : refuse_message(ctx, c, a);
}

static sfsistat
on_eoh(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);
	enum answer a;

	if (c == NULL || c->class.kind != MAIL_PEER)
		return SMFIS_ACCEPT;
	if ((a = need_job(c)) == ANSWER_OK)
		a = sealing_push(c->job, "\r\n", 2);
	return a == ANSWER_OK ? SMFIS_CONTINUE : refuse_message(ctx, c, a);
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t len)
{
	struct connection *c = smfi_getpriv(ctx);
	enum answer a;

	if (c == NULL || c->class.kind != MAIL_PEER)
		return SMFIS_ACCEPT;
	if ((a = need_job(c)) == ANSWER_OK)
		a = sealing_push(c->job, data, len);
	return a == ANSWER_OK ? SMFIS_CONTINUE : refuse_message(ctx, c, a);
}

static enum answer
wait_for_job(SMFICTX *ctx, struct connection *c)
{
	enum answer a;

	if ((a = need_job(c)) != ANSWER_OK ||
	    (a = sealing_end(c->job)) != ANSWER_OK)
		return a;
	while ((a = sealing_wait(c->job, PROGRESS_MS)) == ANSWER_WAIT)
		smfi_progress(ctx);
	return a;
}

static void
say_progress(void *ctx)
{
	smfi_progress(ctx);
}

/* Wait for copies on other nodes, as the home wishes. What was not to be
 * had is said in the log; only a home that wants it so has the mail
 * deferred for it. */
static enum answer
wait_for_copies(SMFICTX *ctx, const struct connection *c)
{
	const struct manifest *home = network_find(c->net, c->class.home);
	struct question_copies r;
	struct error error = {""};
	unsigned want;

	if (home == NULL || (want = manifest_copies_before_250(home)) < 2)
		return ANSWER_OK;
	if (question_copies(sealer_conf(milter->sealer)->run_dir,
		sealing_id(c->job), want, manifest_within(home), say_progress,
		ctx, &r, &error) != AG_OK) {
		log_warn("can't wait for copies id=%s error=%s",
		    sealing_id(c->job), error.text);
		r.copies = 1;
	}
	if (r.copies >= want)
		return ANSWER_OK;
	log_info("fewer copies before the answer id=%s copies=%u wanted=%u "
		 "late=%s",
	    sealing_id(c->job), r.copies, want, r.late ? "yes" : "no");
	return home->on_failure == ON_FAILURE_DEFER ? ANSWER_FEW_COPIES
						    : ANSWER_OK;
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);
	enum answer a;

	if (c == NULL || c->class.kind != MAIL_PEER)
		return SMFIS_ACCEPT;
	if ((a = wait_for_job(ctx, c)) != ANSWER_OK)
		return refuse_message(ctx, c, a);
	log_info("sealed home=%s id=%s size=%llu client=%s queue=%s",
	    c->class.home, sealing_id(c->job),
	    (unsigned long long)sealing_size(c->job), c->client.address,
	    c->queue_id);
	/* SPEC N-6: durable here, and nobody has heard 250 yet. */
	if ((a = wait_for_copies(ctx, c)) != ANSWER_OK ||
	    fault_point("milter.answer")) {
		sealing_withdraw(c->job, NULL);
		return refuse_message(
		    ctx, c, a != ANSWER_OK ? a : ANSWER_TROUBLE);
	}
	transaction_over(c);
	return SMFIS_DISCARD;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c != NULL)
		transaction_over(c);
	return SMFIS_CONTINUE;
}

/* ---- registration ---- */

int
callbacks_register(
    const struct milter *m, const char *path, struct error *error_r)
{
	static char name[] = "agamid-milter";
	const struct smfiDesc desc = {
	    .xxfi_name = name,
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_flags = SMFIF_SETSYMLIST,
	    .xxfi_negotiate = on_negotiate,
	    .xxfi_connect = on_connect,
	    .xxfi_helo = on_helo,
	    .xxfi_envfrom = on_mail,
	    .xxfi_envrcpt = on_rcpt,
	    .xxfi_data = on_data,
	    .xxfi_header = on_header,
	    .xxfi_eoh = on_eoh,
	    .xxfi_body = on_body,
	    .xxfi_eom = on_eom,
	    .xxfi_abort = on_abort,
	    .xxfi_close = on_close,
	};
	char conn[CONN_MAX];
	mode_t mask;
	int rc;

	if (snprintf(conn, sizeof(conn), "unix:%s", path) >= (int)sizeof(conn))
		return error_set(error_r, AG_ETOOBIG, "%s: too long", path);
	milter = m;
	if (smfi_register(desc) != MI_SUCCESS ||
	    smfi_setconn(conn) != MI_SUCCESS ||
	    smfi_setbacklog(BACKLOG) != MI_SUCCESS)
		return error_set(error_r, AG_EIO, "libmilter refuses us");
	mask = umask(0117); /* the socket's mode: 0660 */
	rc = smfi_opensocket(true);
	umask(mask);
	if (rc != MI_SUCCESS)
		return error_set(error_r, AG_EIO, "%s: can't listen", path);
	return AG_OK;
}
