/* SPDX-License-Identifier: MIT */
/*
 * doctor_dovecot - Dovecot: its settings, LMTP, the Sieve script that ends
 * duplicates, a mailbox, a real login.
 *
 * SECURITY: the password of --login goes to Dovecot over the loopback, or
 * to doveadm's standard input, and nowhere else.
 */
#include "cli/doctor.h"

#include <sys/stat.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor_lmtp.h"
#include "cli/doctor_mail.h"
#include "cli/doctor_talk.h"
#include "cli/run.h"
#include "util/file.h"
#include "util/text.h"

#define ANSWER_MAX (4U << 20)
#define ANSWER_MS 1500
#define START "systemctl start dovecot"

/* ---- settings ---- */

static bool
check_config(struct doctor *d, struct buf *settings)
{
	static const char *const argv[] = {"doveconf", "-n", NULL};
	struct buf said;
	struct error why;
	struct verdict v;
	int rc;

	buf_init(&said, ERROR_TEXT_MAX);
	verdict_begin(&v, "doveconf reads the settings");
	rc = run_program(
	    argv, NULL, settings, &said, doctor_seconds(d, 2), &why);
	if (rc > 0)
		rc = run_complaint("doveconf", &said, &why);
	if (rc < 0)
		verdict_fail(&v, "doveconf -n", "%s", why.text);
	else if (said.len > 0)
		verdict_warn(&v, "doveconf -n", "%s", buf_str(&said));
	doctor_add(d, "dovecot.config", NULL, &v);
	buf_free(&said);
	return rc >= 0;
}

/* ---- the Sieve script ---- */

static bool
is_script(const char *path)
{
	struct buf text;
	bool is;

	buf_init(&text, 1 << 20);
	is = file_read(path, &text, NULL) == 0 &&
	    strstr(buf_str(&text), "X-Agamid-Once") != NULL &&
	    strstr(buf_str(&text), "duplicate") != NULL;
	buf_free(&text);
	return is;
}

/* A script, or a directory of scripts. */
static bool
has_script(const char *path)
{
	struct dirent *e;
	struct stat st;
	bool has = false;
	char *file;
	DIR *dir;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return is_script(path);
	dir = opendir(path);
	while (dir != NULL && !has && (e = readdir(dir)) != NULL) {
		file = file_join(path, e->d_name);
		has = strstr(e->d_name, ".sieve") != NULL && is_script(file);
		free(file);
	}
	if (dir != NULL)
		closedir(dir);
	return has;
}

/* The next path that is a setting's value. */
static bool
next_path(const char **text, char *out, size_t size)
{
	const char *p = *text;
	size_t len;

	/* A value is "= /path" or "= file:/path;active=...". */
	while ((p = strstr(p, "= ")) != NULL) {
		p += 2;
		if (strncmp(p, "file:", 5) == 0)
			p += 5;
		if (*p != '/')
			continue;
		len = strcspn(p, ";\n ");
		snprintf(out, size, "%.*s", (int)len, p);
		*text = p + len;
		return true;
	}
	return false;
}

static void
check_sieve(struct doctor *d, const char *settings)
{
	char path[4096];
	struct verdict v;
	bool has = false;

	verdict_begin(&v,
	    "a Sieve script for all ends duplicates by "
	    "X-Agamid-Once");
	while (!has && next_path(&settings, path, sizeof(path)))
		has = has_script(path);
	if (has)
		verdict_found(&v, "%s", path);
	else
		verdict_warn(&v, "agamid setup",
		    "no script that the settings name looks at it; after a "
		    "crash a mail may come twice");
	doctor_add(d, "dovecot.sieve", NULL, &v);
}

/* ---- LMTP ---- */

static bool
find_target(struct doctor *d, struct lmtp_target *target_r)
{
	static const char *const argv[] = {"postconf", "-hx",
	    "virtual_transport", "mailbox_transport", "local_transport",
	    "mailbox_transport_maps", NULL};
	struct buf all;
	bool found;

	buf_init(&all, 65536);
	(void)run_program(argv, NULL, &all, NULL, doctor_seconds(d, 2), NULL);
	found =
	    lmtp_target_find(buf_str(&all), d->known.conf->queue_dir, target_r);
	buf_free(&all);
	return found;
}

static int
talk_lmtp(
    struct doctor *d, const struct lmtp_target *target, struct error *error_r)
{
	int wait = doctor_wait(d, ANSWER_MS);
	struct talk t;
	int rc;

	rc = target->path[0] != '\0'
	    ? talk_unix(&t, target->path, wait, error_r)
	    : talk_tcp(&t, target->host, target->port, wait, error_r);
	if (rc == 0 &&
	    (talk_reply(&t) != 220 ||
		talk_ask(&t, "LHLO doctor.invalid") != 250))
		rc = error_set(error_r, AG_EIO,
		    "%s%s: it does not answer to LHLO", target->path,
		    target->host);
	else if (rc == 0)
		(void)talk_ask(&t, "QUIT");
	talk_close(&t);
	return rc;
}

static void
check_lmtp(struct doctor *d)
{
	struct lmtp_target target;
	struct error why = {""};
	struct verdict v;
	int rc;

	verdict_begin(&v, "Dovecot answers where Postfix delivers by LMTP");
	d->dovecot_up = true; /* as far as is known */
	if (!find_target(d, &target)) {
		verdict_warn(&v,
		    "postconf -e 'virtual_transport = "
		    "lmtp:unix:private/dovecot-lmtp' && postfix reload",
		    "Postfix delivers by no lmtp: transport");
	} else {
		rc = talk_lmtp(d, &target, &why);
		if (rc == AG_EINVAL)
			verdict_found(&v, "not asked: %s", why.text);
		else if (rc < 0)
			verdict_fail(&v, START, "%s", why.text);
		d->dovecot_up = rc == 0 || rc == AG_EINVAL;
	}
	doctor_add(d, "dovecot.lmtp", NULL, &v);
}

/* ---- a mailbox, and a login ---- */

static void
check_user(struct doctor *d)
{
	struct verdict v;
	char *address;

	if (d->dovecot_up)
		mail_choose_canary(d);
	address = mail_canary_address(d);
	verdict_begin(&v, "doveadm finds the mailbox of %s", address);
	if (!d->dovecot_up)
		verdict_warn(&v, "agamid doctor dovecot.lmtp",
		    "not asked: Dovecot does not answer by LMTP");
	else if (d->canary_user == NULL)
		verdict_warn(&v,
		    "doveadm user ADDRESS; agamid doctor --canary ADDRESS",
		    "it does not; no canary is sent");
	doctor_add(d, "dovecot.user", NULL, &v);
	free(address);
}

/* A quoted string of IMAP (RFC 3501 section 4.3). */
static void
put_quoted(struct buf *b, const char *text)
{
	(void)buf_puts(b, " \"");
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)buf_putc(b, '\\');
		(void)buf_putc(b, *text);
	}
	(void)buf_putc(b, '"');
}

/* By IMAP on the loopback; AG_ENOENT if there is no IMAP without TLS. */
static int
login_imap(struct doctor *d, struct error *error_r)
{
	struct talk t;
	struct buf b;
	int rc;

	buf_init(&b, 4096);
	rc = talk_tcp(&t, "127.0.0.1", 143, doctor_wait(d, 3000), error_r);
	if (rc == 0 && talk_line(&t) < 0)
		rc = error_set(error_r, AG_EIO, "IMAP: no greeting");
	if (rc == 0 && strstr(buf_str(&t.reply), "LOGINDISABLED") != NULL)
		rc = AG_ENOENT;
	if (rc == 0) {
		(void)buf_puts(&b, "d LOGIN");
		put_quoted(&b, d->login.user);
		put_quoted(&b, d->login.password);
		(void)talk_say(&t, "%s", buf_str(&b));
		do
			rc = talk_line(&t);
		while (rc == 0 && buf_str(&t.reply)[0] == '*');
		if (rc < 0 || strncmp(buf_str(&t.reply), "d OK", 4) != 0)
			rc = error_set(error_r, AG_EPERM, "IMAP said: %s",
			    rc < 0 ? "nothing" : buf_str(&t.reply));
		else
			(void)talk_say(&t, "e LOGOUT");
	}
	buf_wipe(&b);
	talk_close(&t);
	return rc;
}

static int
login_doveadm(struct doctor *d, struct error *error_r)
{
	const char *argv[] = {"doveadm", "auth", "test", d->login.user, NULL};
	char *input = xasprintf("%s\n", d->login.password);
	struct buf said;
	int rc;

	buf_init(&said, ERROR_TEXT_MAX);
	rc = run_program(
	    argv, input, NULL, &said, doctor_seconds(d, 3), error_r);
	if (rc > 0)
		rc = run_complaint("doveadm auth test", &said, error_r);
	buf_free(&said);
	explicit_bzero(input, strlen(input));
	free(input);
	return rc;
}

static void
check_login(struct doctor *d)
{
	struct error why = {""};
	struct verdict v;
	int rc;

	if (d->login.user == NULL)
		return;
	verdict_begin(&v, "%s can log in", d->login.user);
	rc = login_imap(d, &why);
	if (rc == AG_ENOENT)
		rc = login_doveadm(d, &why);
	if (rc < 0)
		verdict_fail(&v, "doveadm auth test USER; doveadm log errors",
		    "%s", why.text);
	doctor_add(d, "dovecot.login", d->login.user, &v);
}

void
doctor_dovecot(struct doctor *d)
{
	struct buf settings;

	buf_init(&settings, ANSWER_MAX);
	if (check_config(d, &settings))
		check_sieve(d, buf_str(&settings));
	check_lmtp(d);
	check_user(d);
	check_login(d);
	doctor_sealed(d, buf_str(&settings));
	buf_free(&settings);
}
