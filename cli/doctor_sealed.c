/* SPDX-License-Identifier: MIT */
/*
 * doctor_sealed - mail that stays sealed at home: can its owners log in
 * with the plugin, and does what is sealed always get through to Dovecot?
 *
 * No password is needed: imap is started as after a login (dovecot.h), and
 * a mail is announced to agamid-seal, but none is sent.
 */
#include "cli/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "cli/derive.h"
#include "cli/doctor_talk.h"
#include "cli/dovecot.h"
#include "util/file.h"
#include "util/text.h"

#define ANSWER_MS 2500

/* ---- the plugin ---- */

static void
check_plugin(struct doctor *d, const struct manifest_mailbox *box)
{
	const char *user = conf_deliver_to(d->known.conf, box->name);
	char *conf = file_join(d->known.conf->root, DOVECOT_CONF);
	struct error why = {""};
	struct verdict v;
	int rc;

	verdict_begin(&v, "imap starts for %s, with the plugin", user);
	rc = dovecot_try_imap(conf, user, NULL, doctor_seconds(d, 3), &why);
	if (rc == AG_EINVAL)
		verdict_fail(&v,
		    "apt update && apt install agamid-dovecot; agamid setup "
		    "--yes (which takes it out where it can't be loaded)",
		    "nobody can log in: %s", why.text);
	else if (rc < 0)
		verdict_warn(&v, "doveadm log errors", "%s", why.text);
	doctor_add(d, "dovecot.plugin", user, &v);
	free(conf);
}

/* ---- sealed always ---- */

static const char *
mend(const struct talk *t, int code)
{
	if (code == 421)
		return "agamid setup";
	if (strstr(buf_str(&t->reply), "4.7.5") != NULL)
		return "agamid key new MAILBOX; agamid manifest publish";
	return "doveadm user ADDRESS; doveadm log errors";
}

static void
ask(struct talk *t, const char *path, const char *address, int wait_ms,
    struct verdict *v)
{
	struct error why = {""};
	int code = 0;

	if (talk_unix(t, path, wait_ms, &why) < 0 || talk_reply(t) != 220) {
		verdict_fail(v, "systemctl start agamid-seal", "%s: %s", path,
		    why.text[0] != '\0' ? why.text : "it does not greet");
		return;
	}
	if ((code = talk_ask(t, "LHLO doctor.invalid")) == 250 &&
	    (code = talk_ask(t, "MAIL FROM:<>")) == 250)
		code = talk_ask(t, "RCPT TO:<%s>", address);
	if (code != 250)
		verdict_fail(v, mend(t, code), "agamid-seal said: %s",
		    code < 0 ? "nothing" : buf_str(&t->reply));
	(void)talk_ask(t, "QUIT");
}

static void
check_always(struct doctor *d, const struct manifest_mailbox *box)
{
	const struct conf *conf = d->known.conf;
	char *path = file_join(conf->queue_dir, "agamid/home.sock"), *address;
	struct error why = {""};
	struct verdict v;
	struct talk t;

	address = derive_target(conf, d->known.roster.self, box, &why);
	verdict_begin(&v, "what comes for %s is sealed and stored", box->name);
	if (address != NULL) {
		ask(&t, path, address, doctor_wait(d, ANSWER_MS), &v);
		talk_close(&t);
	} else {
		verdict_fail(&v, "agamid apply", "%s", why.text);
	}
	doctor_add(d, "dovecot.sealed-always", box->name, &v);
	free(address);
	free(path);
}

void
doctor_sealed(struct doctor *d, const char *settings)
{
	const struct manifest *self = d->known.roster.self;
	bool loads = dovecot_loads_plugin(settings), tried = false;
	const struct manifest_mailbox *box;
	size_t i;

	for (i = 0; i < self->mailbox_count; i++) {
		box = &self->mailboxes[i];
		/* One login tells for all. */
		if (loads && !tried && box->openpgp != NULL) {
			check_plugin(d, box);
			tried = true;
		}
		if (conf_seals_always(d->known.conf, box->name))
			check_always(d, box);
	}
}
