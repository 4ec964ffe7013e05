/* SPDX-License-Identifier: MIT */
/*
 * notice - one mail to the owner, when the password doesn't open the key
 * any more; not one a session. See agamid-dovecot(7).
 *
 * A file beside the key remembers that it was sent; it goes when the key
 * opens again.
 */
#include "dovecot-plugin/plugin.h"

#include "istream.h"
#include "mail-namespace.h"
#include "message-date.h"
#include "ioloop.h"

#include <fcntl.h>
#include <unistd.h>

static const char *
mark_path(const struct agamid_user *u)
{
	return t_strconcat(u->set.key, ".notice", NULL);
}

static const char *
notice_text(const struct agamid_user *u)
{
	return t_strdup_printf(
	    "Date: %s\r\n"
	    "From: Agamid <postmaster@localhost>\r\n"
	    "Subject: Your sealed mail could not be opened\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n"
	    "\r\n"
	    "The password that you logged in with does not open the key of\r\n"
	    "this mailbox (%s), so sealed mail is\r\n"
	    "shown as it is stored. Nothing is lost. If the password was\r\n"
	    "changed, the key needs the new one:\r\n"
	    "\r\n"
	    "\tagamid key passwd MAILBOX\r\n"
	    "\r\n"
	    "This notice comes once.\r\n",
	    message_date_create(ioloop_time), u->set.key);
}

static int
save(struct mailbox *box, const char *text)
{
	struct mailbox_transaction_context *t;
	struct mail_save_context *ctx;
	struct istream *input;
	int ret = -1;

	if (mailbox_open(box) < 0)
		return -1;
	input = i_stream_create_from_data(text, strlen(text));
	t = mailbox_transaction_begin(
	    box, MAILBOX_TRANSACTION_FLAG_EXTERNAL, "agamid notice");
	ctx = mailbox_save_alloc(t);
	if (mailbox_save_begin(&ctx, input) == 0) {
		(void)i_stream_read(input);
		if (mailbox_save_continue(ctx) < 0)
			mailbox_save_cancel(&ctx);
		else
			ret = mailbox_save_finish(&ctx);
	}
	i_stream_unref(&input);
	if (ret < 0)
		mailbox_transaction_rollback(&t);
	else
		ret = mailbox_transaction_commit(&t);
	return ret;
}

void
notice_locked(struct mail_user *user, struct agamid_user *u)
{
	struct mail_namespace *ns = mail_namespace_find_inbox(user->namespaces);
	struct mailbox *box;
	int fd;

	fd = open(mark_path(u), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* it was sent; or nobody could remember that */
	i_close_fd(&fd);
	box = mailbox_alloc(ns->list, "INBOX", 0);
	if (save(box, notice_text(u)) < 0)
		e_error(user->event, "agamid: notice not saved: %s",
		    mailbox_get_last_internal_error(box, NULL));
	mailbox_free(&box);
}

void
notice_unlocked(struct mail_user *user, struct agamid_user *u)
{
	if (u->told_open)
		return;
	u->told_open = TRUE;
	if (unlink(mark_path(u)) < 0 && errno != ENOENT)
		e_debug(user->event, "agamid: %s: %m", mark_path(u));
}
