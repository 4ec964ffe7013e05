/* SPDX-License-Identifier: MIT */
/*
 * test_callbacks - the milter's callbacks and the policy check together,
 * as Postfix calls them, with a stand-in for libmilter.
 */
#include "help.h"
#include "seal_help.h"

#include <libmilter/mfapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/callbacks.h"
#include "milter/policy_server.h"

/* ---- the stand-in ---- */

struct smfi_str {
	void *priv;
	char macros[16][2][128];
	size_t macro_count;
	char code[4], status[8]; /* of the last reply set */
};

static struct smfiDesc desc;

int
smfi_register(struct smfiDesc d)
{
	desc = d;
	return MI_SUCCESS;
}

int
smfi_setconn(char *conn)
{
	assert_int_equal(strncmp(conn, "unix:/", 6), 0);
	return MI_SUCCESS;
}

int
smfi_setbacklog(int n)
{
	return n > 0 ? MI_SUCCESS : MI_FAILURE;
}

int
smfi_opensocket(bool remove)
{
	return remove ? MI_SUCCESS : MI_FAILURE;
}

int
smfi_setsymlist(SMFICTX *ctx, int stage, char *names)
{
	(void)ctx;
	return stage >= SMFIM_FIRST && stage <= SMFIM_LAST && names[0] != '\0'
	    ? MI_SUCCESS
	    : MI_FAILURE;
}

char *
smfi_getsymval(SMFICTX *ctx, char *name)
{
	size_t i;

	for (i = 0; i < ctx->macro_count; i++)
		if (strcmp(ctx->macros[i][0], name) == 0)
			return ctx->macros[i][1];
	return NULL;
}

int
smfi_setpriv(SMFICTX *ctx, void *priv)
{
	ctx->priv = priv;
	return MI_SUCCESS;
}

void *
smfi_getpriv(SMFICTX *ctx)
{
	return ctx->priv;
}

int
smfi_progress(SMFICTX *ctx)
{
	(void)ctx;
	return MI_SUCCESS;
}

int
smfi_setmlreply(SMFICTX *ctx, const char *code, const char *status, ...)
{
	snprintf(ctx->code, sizeof(ctx->code), "%s", code);
	snprintf(ctx->status, sizeof(ctx->status), "%s", status);
	return MI_SUCCESS;
}

/* ---- Postfix ---- */

struct postfix {
	struct seal_node node;
	struct milter milter;
	struct policy_server policy;
	struct smfi_str ctx;
	char port[8];
};

static void
set_macro(struct postfix *p, const char *name, const char *value)
{
	size_t i = p->ctx.macro_count++;

	assert_true(i < 16);
	snprintf(p->ctx.macros[i][0], 128, "%s", name);
	snprintf(p->ctx.macros[i][1], 128, "%s", value);
}

static void
connect_client(struct postfix *p, const char *port)
{
	p->ctx.macro_count = 0;
	snprintf(p->port, sizeof(p->port), "%s", port);
	set_macro(p, "{client_addr}", "192.0.2.7");
	set_macro(p, "{client_port}", port);
	set_macro(p, "{client_name}", "unknown");
	set_macro(p, "{client_ptr}", "mail.sender.example");
	assert_int_equal(
	    desc.xxfi_connect(&p->ctx, NULL, NULL), SMFIS_CONTINUE);
	assert_int_equal(
	    desc.xxfi_helo(&p->ctx, (char *)(uintptr_t) "h.example"),
	    SMFIS_CONTINUE);
	set_macro(p, "i", "4XyZ12");
}

static void
postfix_begin(struct postfix *p)
{
	struct error error;

	memset(p, 0, sizeof(*p));
	seal_begin(&p->node, "");
	p->milter.source = p->policy.source = p->node.source;
	p->milter.sealer = p->policy.sealer = p->node.sealer;
	p->milter.sessions = p->policy.sessions = sessions_new();
	assert_int_equal(
	    callbacks_register(&p->milter, help_path("sock"), &error), AG_OK);
	connect_client(p, "4031");
}

static void
postfix_end(struct postfix *p)
{
	desc.xxfi_close(&p->ctx);
	assert_int_equal(sessions_count(p->milter.sessions), 0);
	sessions_free(&p->milter.sessions);
	seal_end(&p->node);
	assert_int_equal(seal_tmp_count(), 0);
}

static sfsistat
mail(struct postfix *p, const char *path, const char *param)
{
	const char *argv[] = {path, param, NULL};

	return desc.xxfi_envfrom(&p->ctx, (char **)(uintptr_t)argv);
}

/* The policy check's answer. */
static const char *
ask(struct postfix *p, const char *internal)
{
	static char action[POLICY_ACTION_MAX];
	struct policy_request r = {
	    .request = "smtpd_access_policy",
	    .state = "RCPT",
	    .protocol = "ESMTP",
	    .client_address = "192.0.2.7",
	};

	strcpy(r.client_port, p->port);
	snprintf(r.recipient, sizeof(r.recipient), "%s", internal);
	policy_server_answer(&p->policy, &r, action);
	return action;
}

/* The milter's; NULL: it agrees. */
static const char *
rcpt(struct postfix *p, const char *path)
{
	static char code[16];
	const char *argv[] = {path, NULL};
	sfsistat st = desc.xxfi_envrcpt(&p->ctx, (char **)(uintptr_t)argv);

	if (st == SMFIS_CONTINUE)
		return NULL;
	assert_int_equal(
	    st, p->ctx.code[0] == '5' ? SMFIS_REJECT : SMFIS_TEMPFAIL);
	snprintf(code, sizeof(code), "%s %s", p->ctx.code, p->ctx.status);
	return code;
}

/* A stranger's recipient at a peer's, admitted. */
static void
peer_rcpt(struct postfix *p, const char *internal, const char *path)
{
	assert_string_equal(ask(p, internal), "DUNNO");
	assert_null(rcpt(p, path));
}

static sfsistat
header(struct postfix *p, const char *name, const char *value)
{
	return desc.xxfi_header(
	    &p->ctx, (char *)(uintptr_t)name, (char *)(uintptr_t)value);
}

static sfsistat
body(struct postfix *p, const char *text)
{
	return desc.xxfi_body(
	    &p->ctx, (unsigned char *)(uintptr_t)text, strlen(text));
}

/* DATA to the dot. */
static sfsistat
send_mail(struct postfix *p)
{
	assert_int_equal(desc.xxfi_data(&p->ctx), SMFIS_CONTINUE);
	assert_int_equal(
	    header(p, "From", " ann@sender.example"), SMFIS_CONTINUE);
	assert_int_equal(header(p, "Subject", "no-space"), SMFIS_CONTINUE);
	assert_int_equal(header(p, "X-Fold", " a\n\tb\n \n c"), SMFIS_CONTINUE);
	assert_int_equal(header(p, "X-Empty", ""), SMFIS_CONTINUE);
	assert_int_equal(desc.xxfi_eoh(&p->ctx), SMFIS_CONTINUE);
	assert_int_equal(body(p, "hello\r\n.dot"), SMFIS_CONTINUE);
	assert_int_equal(body(p, "\r\n"), SMFIS_CONTINUE);
	return desc.xxfi_eom(&p->ctx);
}

static const char message[] = "From: ann@sender.example\r\n"
			      "Subject:no-space\r\n"
			      "X-Fold: a\r\n"
			      "\tb\r\n"
			      " \r\n"
			      " c\r\n"
			      "X-Empty:\r\n"
			      "\r\n"
			      "hello\r\n"
			      ".dot\r\n";

/* ---- tests ---- */

static void
test_negotiate(void **state)
{
	unsigned long actions, steps, f2, f3;
	struct postfix p;

	(void)state;
	postfix_begin(&p);
	assert_int_equal(desc.xxfi_negotiate(&p.ctx, 0x1ff, 0x1fffff, 0, 0,
			     &actions, &steps, &f2, &f3),
	    SMFIS_CONTINUE);
	assert_int_equal(actions, SMFIF_SETSYMLIST);
	assert_true(steps & SMFIP_HDR_LEADSPC);
	help_expect_log("milter_protocol must be 6");
	assert_int_equal(
	    desc.xxfi_negotiate(&p.ctx, 0x1ff, 0x1fffff & ~SMFIP_HDR_LEADSPC, 0,
		0, &actions, &steps, &f2, &f3),
	    SMFIS_REJECT);
	postfix_end(&p);
}

/* SPEC N-3.3, N-3.4, N-7.2 */
static void
test_stranger_to_peer(void **state)
{
	static const char received[] =
	    "Received: from h.example (unknown [192.0.2.7])\r\n"
	    "\t(using TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
	    "\tby carol.friends.example (Agamid) with ESMTPS id 4XyZ12;\r\n";
	struct seal_opened o;
	struct postfix p;

	(void)state;
	postfix_begin(&p);
	set_macro(&p, "{tls_version}", "TLSv1.3");
	set_macro(&p, "{cipher}", "TLS_AES_256_GCM_SHA384");
	mail(&p, "<ann@sender.example>", "BODY=8BITMIME");
	peer_rcpt(&p, "bob@bob.example", "<bob@bob.example>");
	peer_rcpt(&p, "bob+x@bob.example", "<bob+x@bob.example>");
	assert_int_equal(send_mail(&p), SMFIS_DISCARD);
	seal_open_for(&p.node, "bob", &o);
	assert_string_equal(buf_str(&o.envelope),
	    "EHLO carol.friends.example\r\n"
	    "MAIL FROM:<ann@sender.example> BODY=8BITMIME\r\n"
	    "RCPT TO:<bob@bob.example>\r\n"
	    "RCPT TO:<bob+x@bob.example>\r\n"
	    "DATA\r\n");
	assert_string_equal(seal_message(&o), message);
	assert_int_equal(
	    strncmp(buf_str(&o.body), received, strlen(received)), 0);
	assert_string_equal(o.head.client.name, "");
	assert_string_equal(o.head.client.reverse_name, "mail.sender.example");
	assert_string_equal(o.head.client.address, "192.0.2.7");
	assert_string_equal(o.head.client.port, "4031");
	assert_string_equal(o.head.client.helo, "h.example");
	assert_string_equal(o.head.client.protocol, "ESMTP");
	seal_opened_free(&o);
	postfix_end(&p);
}

static void
test_two_mails_one_connection(void **state)
{
	struct seal_opened o;
	struct postfix p;

	(void)state;
	postfix_begin(&p);
	mail(&p, "<ann@sender.example>", NULL);
	peer_rcpt(&p, "bob@bob.example", "<bob@bob.example>");
	assert_int_equal(send_mail(&p), SMFIS_DISCARD);
	mail(&p, "<>", NULL);
	peer_rcpt(&p, "x@dave.example", "<x@dave.example>");
	assert_int_equal(send_mail(&p), SMFIS_DISCARD);
	seal_open_for(&p.node, "dave", &o);
	assert_non_null(strstr(buf_str(&o.envelope), "MAIL FROM:<>\r\n"));
	assert_null(strstr(buf_str(&o.envelope), "bob"));
	seal_opened_free(&o);
	postfix_end(&p);
}

/* SPEC N-1.1: whom the check wasn't asked about passes to the queue. */
static void
test_not_asked(void **state)
{
	struct postfix p;

	(void)state;
	postfix_begin(&p);
	mail(&p, "<carol@carol.example>", NULL);
	assert_null(rcpt(&p, "<bob@bob.example>"));
	assert_null(rcpt(&p, "<carol@carol.example>"));
	assert_int_equal(desc.xxfi_data(&p.ctx), SMFIS_ACCEPT);
	postfix_end(&p);
	assert_int_equal(seal_new_count(), 0);
}

/* SPEC N-1.6 */
static void
test_mixed(void **state)
{
	struct postfix p;

	(void)state;
	postfix_begin(&p);
	mail(&p, "<ann@sender.example>", NULL);
	peer_rcpt(&p, "bob@bob.example", "<bob@bob.example>");
	assert_string_equal(rcpt(&p, "<carol@carol.example>"), "452 4.5.3");
	assert_int_equal(strncmp(ask(&p, "x@dave.example"), "452 ", 4), 0);
	peer_rcpt(&p, "bob+2@bob.example", "<bob+2@bob.example>");
	assert_int_equal(send_mail(&p), SMFIS_DISCARD);
	assert_int_equal(seal_new_count(), 1);
	mail(&p, "<ann@sender.example>", NULL);
	assert_null(rcpt(&p, "<carol@carol.example>"));
	assert_int_equal(strncmp(ask(&p, "x@dave.example"), "452 ", 4), 0);
	assert_int_equal(desc.xxfi_data(&p.ctx), SMFIS_ACCEPT);
	postfix_end(&p);
}

/* What Postfix and we read differently is never taken by mistake. */
static void
test_not_understood(void **state)
{
	struct postfix p;

	(void)state;
	postfix_begin(&p);
	mail(&p, "<ann@sender.example>", NULL);
	assert_string_equal(ask(&p, "bob@bob.example"), "DUNNO");
	assert_string_equal(
	    rcpt(&p, "<@x.example:bob@bob.example>"), "553 5.1.3");
	/* Admitted, then refused by another restriction of Postfix's. */
	assert_string_equal(ask(&p, "bob@bob.example"), "DUNNO");
	assert_null(rcpt(&p, "<carol@carol.example>"));
	mail(&p, "<ann@[192.0.2.1]>", NULL);
	assert_string_equal(ask(&p, "bob@bob.example"), "DUNNO");
	assert_string_equal(rcpt(&p, "<bob@bob.example>"), "451 4.1.7");
	assert_int_equal(desc.xxfi_data(&p.ctx), SMFIS_ACCEPT);
	postfix_end(&p);
}

/* SPEC N-1.10 */
static void
test_policy_alone(void **state)
{
	static const struct {
		const char *recipient, *answer;
	} table[] = {
	    {"bob@bob.example", "DUNNO"},
	    {"carol@carol.example", "DUNNO"},
	    {"nobody@bob.example", "550 5.1.1 "},
	    {"bob@x.bob.example", "554 5.7.1 "},
	    {"bob", "553 5.1.3 "},
	    {"", "553 5.1.3 "},
	};
	struct policy_request r = {.request = "smtpd_access_policy"};
	char action[POLICY_ACTION_MAX];
	struct postfix p;
	size_t i;

	(void)state;
	postfix_begin(&p);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		print_message("%s\n", table[i].recipient);
		assert_int_equal(strncmp(ask(&p, table[i].recipient),
				     table[i].answer, strlen(table[i].answer)),
		    0);
	}
	strcpy(p.port, "4032");
	assert_int_equal(
	    strncmp(ask(&p, "bob@bob.example"), "451 4.3.0 ", 10), 0);
	strcpy(r.state, "VRFY");
	policy_server_answer(&p.policy, &r, action);
	assert_string_equal(action, "DUNNO");
	r.request[0] = '\0';
	policy_server_answer(&p.policy, &r, action);
	assert_int_equal(strncmp(action, "451 ", 4), 0);
	postfix_end(&p);
}

/* XCLIENT: a second connect callback, with another client. */
static void
test_second_connect(void **state)
{
	struct postfix p;

	(void)state;
	postfix_begin(&p);
	connect_client(&p, "999");
	assert_int_equal(sessions_count(p.milter.sessions), 1);
	strcpy(p.port, "4031");
	assert_int_equal(strncmp(ask(&p, "bob@bob.example"), "451 ", 4), 0);
	strcpy(p.port, "999");
	assert_string_equal(ask(&p, "bob@bob.example"), "DUNNO");
	postfix_end(&p);
}

/* SPEC N-5.2: RSET, or the client is gone. */
static void
test_abort(void **state)
{
	struct postfix p;

	(void)state;
	postfix_begin(&p);
	mail(&p, "<ann@sender.example>", NULL);
	peer_rcpt(&p, "bob@bob.example", "<bob@bob.example>");
	desc.xxfi_data(&p.ctx);
	header(&p, "From", " x");
	desc.xxfi_abort(&p.ctx);
	/* After it an own recipient is no mixture. */
	assert_null(rcpt(&p, "<carol@carol.example>"));
	mail(&p, "<ann@sender.example>", NULL);
	peer_rcpt(&p, "bob@bob.example", "<bob@bob.example>");
	desc.xxfi_data(&p.ctx);
	header(&p, "From", " x");
	postfix_end(&p);
	assert_int_equal(seal_new_count(), 0);
}

/* SPEC N-1.8 */
static void
test_too_big(void **state)
{
	static char block[65536];
	sfsistat st = SMFIS_CONTINUE;
	struct postfix p;
	int i;

	(void)state;
	memset(block, 'x', sizeof(block) - 1);
	postfix_begin(&p);
	mail(&p, "<ann@sender.example>", NULL);
	peer_rcpt(&p, "x@dave.example", "<x@dave.example>");
	desc.xxfi_data(&p.ctx);
	desc.xxfi_eoh(&p.ctx);
	for (i = 0; i < 100 && st == SMFIS_CONTINUE; i++)
		st = body(&p, block);
	assert_int_equal(st, SMFIS_REJECT);
	assert_string_equal(p.ctx.code, "552");
	assert_int_equal(i, 17); /* a megabyte */
	postfix_end(&p);
	assert_int_equal(seal_new_count(), 0);
}

#ifdef ENABLE_FAULT_POINTS
/* SPEC N-5.2, N-7.3 */
static void
test_faults(void **state)
{
	static const char *const faults[] = {
	    "spool.fsync error", "spool.dirsync error", "milter.answer error"};
	struct postfix p;
	size_t i;

	(void)state;
	postfix_begin(&p);
	for (i = 0; i < 3; i++) {
		mail(&p, "<ann@sender.example>", NULL);
		peer_rcpt(&p, "bob@bob.example", "<bob@bob.example>");
		if (i < 2)
			help_expect_log("sealing failed home=bob");
		help_faults(faults[i]);
		assert_int_equal(send_mail(&p), SMFIS_TEMPFAIL);
		assert_string_equal(p.ctx.code, "451");
		assert_int_equal(seal_new_count(), 0);
	}
	help_faults(NULL);
	mail(&p, "<ann@sender.example>", NULL);
	peer_rcpt(&p, "bob@bob.example", "<bob@bob.example>");
	assert_int_equal(send_mail(&p), SMFIS_DISCARD);
	assert_int_equal(seal_new_count(), 1);
	postfix_end(&p);
}
#endif

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_negotiate),
	    help_test(test_stranger_to_peer),
	    help_test(test_two_mails_one_connection),
	    help_test(test_not_asked),
	    help_test(test_mixed),
	    help_test(test_not_understood),
	    help_test(test_policy_alone),
	    help_test(test_second_connect),
	    help_test(test_abort),
	    help_test(test_too_big),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_faults),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
