/* SPDX-License-Identifier: MIT */
/*
 * doctor_mail - a real mail by the injection listener into a mailbox, and
 * out of it again (SPEC N-21.4).
 *
 * The canary is sent only where doveadm knows the mailbox, so that it can
 * be found and removed; one that came late is removed by the next run. It
 * is marked as made by a machine and has the null sender: nothing answers
 * it, nothing bounces.
 */
#include "cli/doctor_mail.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "cli/doctor_talk.h"
#include "cli/run.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/text.h"

#define LISTENER "public/agamid-inject"
#define ANSWER_MS 2000
#define MAILBOXES_MAX 8
#define ARRIVE_MS 5000
#define LOOK_NS 100000000L
#define HEADER "X-Agamid-Canary"

/* The nth address that a canary could go to, malloc'ed; NULL: no more. */
static char *
candidate(const struct doctor *d, size_t n)
{
	const struct manifest *self = d->known.roster.self;
	const char *to;

	if (d->canary != NULL)
		return n == 0 ? xstrdup(d->canary) : NULL;
	if (self->mailbox_count == 0)
		return n == 0 ? xasprintf("postmaster@%s", self->domains[0])
			      : NULL;
	if (n >= self->mailbox_count || n >= MAILBOXES_MAX)
		return NULL;
	to = conf_deliver_to(d->known.conf, self->mailboxes[n].name);
	if (strchr(to, '@') != NULL)
		return xstrdup(to);
	return xasprintf("%s@%s", to, self->domains[0]);
}

char *
mail_canary_address(const struct doctor *d)
{
	return d->canary_to != NULL ? xstrdup(d->canary_to) : candidate(d, 0);
}

/* doveadm COMMAND -u USER ARGS...; its exit status, or negative. */
static int
doveadm(const struct doctor *d, const char *const *argv, struct buf *out)
{
	return run_program(argv, NULL, out, NULL, doctor_seconds(d, 2), NULL);
}

/* The name that doveadm knows that address's mailbox by: the address, or its
 * local part. malloc'ed; NULL: none. */
static char *
find_user(const struct doctor *d, const char *address)
{
	char *local = xasprintf("%.*s", (int)strcspn(address, "@"), address);
	const char *names[] = {address, local};
	char *found = NULL;
	size_t i;

	for (i = 0; i < 2 && found == NULL; i++) {
		const char *argv[] = {"doveadm", "user", names[i], NULL};

		if (doveadm(d, argv, NULL) == 0)
			found = xstrdup(names[i]);
	}
	free(local);
	return found;
}

/* An alias of Postfix's has no mailbox: another address may have one. */
void
mail_choose_canary(struct doctor *d)
{
	char *address;
	size_t i;

	for (i = 0; (address = candidate(d, i)) != NULL; i++) {
		d->canary_user = find_user(d, address);
		if (d->canary_user != NULL)
			break;
		free(address);
	}
	d->canary_to = address;
}

/* The message. Pure; to and host are checked names. */
static void
mail_canary_text(const char *to, const char *host, const char *token,
    int64_t now, struct buf *text)
{
	time_t t = (time_t)now;
	char date[64];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	(void)buf_printf(text,
	    "From: Agamid doctor <postmaster@%s>\r\n"
	    "To: <%s>\r\n"
	    "Subject: A canary of agamid doctor\r\n"
	    "Date: %s\r\n"
	    "Message-ID: <%s.doctor@%s>\r\n"
	    "Auto-Submitted: auto-generated\r\n" HEADER ": %s\r\n"
	    "\r\n"
	    "This mail proves that mail reaches this mailbox.\r\n"
	    "agamid doctor removes it at once.\r\n",
	    strchr(to, '@') == NULL ? host : strchr(to, '@') + 1, to, date,
	    token, host, token);
}

/* ---- the listener ---- */

static int
begin_talk(struct doctor *d, struct talk *t, struct error *error_r)
{
	char *path = file_join(d->known.conf->queue_dir, LISTENER);
	int rc;

	rc = talk_unix(t, path, doctor_wait(d, ANSWER_MS), error_r);
	if (rc == 0 && talk_reply(t) != 220)
		rc = error_set(error_r, AG_EIO, "%s: no greeting", path);
	if (rc == 0 && talk_ask(t, "EHLO doctor.invalid") != 250)
		rc = error_set(error_r, AG_EIO, "%s: no answer to EHLO", path);
	free(path);
	return rc;
}

/* An own address is taken, a foreign one is not. */
static void
talk_over(struct talk *t, const char *to, struct verdict *v)
{
	const char *fix = "agamid setup";
	int code;

	if (strstr(buf_str(&t->reply), "XCLIENT") == NULL)
		verdict_fail(v, fix, "it does not offer XCLIENT");
	if (talk_ask(t, "MAIL FROM:<>") != 250)
		verdict_fail(v, fix, "to MAIL it says: %s", buf_str(&t->reply));
	code = talk_ask(t, "RCPT TO:<%s>", to);
	if (code != 250)
		verdict_fail(v, fix, "to RCPT for %s it says: %s", to,
		    code < 0 ? "nothing" : buf_str(&t->reply));
	code = talk_ask(t, "RCPT TO:<doctor@outside.invalid>");
	if (code < 400)
		verdict_fail(v, fix, "to RCPT for a foreign domain it says: %s",
		    code < 0 ? "nothing" : buf_str(&t->reply));
}

static void
check_injection(struct doctor *d, const char *to)
{
	struct error why = {""};
	struct verdict v;
	struct talk t;

	verdict_begin(&v, "the listener takes %s, and no foreign address", to);
	if (begin_talk(d, &t, &why) < 0)
		verdict_fail(&v, "agamid setup; systemctl restart postfix",
		    "%s", why.text);
	else
		talk_over(&t, to, &v);
	(void)talk_ask(&t, "QUIT");
	talk_close(&t);
	d->injection_up = v.state == DOCTOR_OK;
	doctor_add(d, "mail.injection", NULL, &v);
}

/* ---- the canary ---- */

static int
send_canary(
    struct doctor *d, const char *to, const char *token, struct error *error_r)
{
	struct buf text;
	struct talk t;
	int rc;

	buf_init(&text, 4096);
	mail_canary_text(
	    to, d->known.roster.self->host, token, time(NULL), &text);
	rc = begin_talk(d, &t, error_r);
	if (rc == 0 &&
	    (talk_ask(&t, "MAIL FROM:<>") != 250 ||
		talk_ask(&t, "RCPT TO:<%s>", to) != 250 ||
		talk_ask(&t, "DATA") != 354 ||
		talk_ask(&t, "%s.", buf_str(&text)) != 250))
		rc = error_set(
		    error_r, AG_EIO, "it was not taken: %s", buf_str(&t.reply));
	(void)talk_ask(&t, "QUIT");
	talk_close(&t);
	buf_free(&text);
	return rc;
}

/* Is it in the mailbox? */
static bool
has_arrived(const struct doctor *d, const char *token)
{
	const char *argv[] = {"doveadm", "search", "-u", d->canary_user,
	    "mailbox", "INBOX", "header", HEADER, token, NULL};
	struct buf found;
	bool has;

	buf_init(&found, 4096);
	has = doveadm(d, argv, &found) == 0 && found.len > 0;
	buf_free(&found);
	return has;
}

/* Every canary, those of earlier runs too. */
static bool
remove_canaries(const struct doctor *d)
{
	const char *argv[] = {"doveadm", "expunge", "-u", d->canary_user,
	    "mailbox", "INBOX", "header", HEADER, "", NULL};

	return doveadm(d, argv, NULL) == 0;
}

static bool
wait_for_canary(const struct doctor *d, const char *token)
{
	const struct timespec pause = {0, LOOK_NS};
	int64_t until = clock_ms() + doctor_wait(d, ARRIVE_MS);

	while (!has_arrived(d, token)) {
		if (clock_ms() >= until)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static void
check_canary(struct doctor *d, const char *to)
{
	struct error why = {""};
	uint8_t random[16];
	struct verdict v;
	char token[33];

	verdict_begin(&v,
	    "a mail injected for %s is in its mailbox within "
	    "%d s, and is removed",
	    to, ARRIVE_MS / 1000);
	randombytes_buf(random, sizeof(random));
	text_hex(random, sizeof(random), token);
	if (!d->injection_up || !d->dovecot_up || d->canary_user == NULL)
		verdict_warn(&v,
		    "agamid doctor mail.injection dovecot.lmtp dovecot.user",
		    "not sent: one of these three checks failed");
	else if (send_canary(d, to, token, &why) < 0)
		verdict_fail(
		    &v, "agamid doctor mail.injection", "%s", why.text);
	else if (!wait_for_canary(d, token))
		verdict_fail(&v, "postqueue -p; journalctl -n 50 -u 'postfix*'",
		    "it was taken, and is not there yet");
	else if (!remove_canaries(d))
		verdict_warn(&v,
		    "doveadm expunge -u USER mailbox INBOX "
		    "header " HEADER " ''",
		    "it arrived, but could not be removed");
	doctor_add(d, "mail.canary", NULL, &v);
}

void
doctor_mail(struct doctor *d)
{
	char *to = mail_canary_address(d);

	check_injection(d, to);
	if (doctor_wants(d, "mail.canary"))
		check_canary(d, to);
	free(to);
}
