/* SPDX-License-Identifier: MIT */
/*
 * notice - one mail to the owner, when the password doesn't open the key
 * any more; not one a session. See agamid-dovecot(7).
 *
 * A file beside the key remembers that it was sent, by being empty; it goes
 * when the key opens again. Where the notice could not be saved (no room in
 * the mailbox), the file has a byte for each try, and its time is the last
 * one's.
 */
#include "dovecot-plugin/plugin.h"

#include "istream.h"
#include "mail-namespace.h"
#include "message-date.h"
#include "ioloop.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#define TRIES_MAX 8
#define AGAIN_SECONDS 3600

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

static bool
is_due(const struct stat *st)
{
	if (st->st_size == 0 || st->st_size >= TRIES_MAX)
		return FALSE; /* it was sent, or will never be */
	return ioloop_time < st->st_mtime ||
	    ioloop_time - st->st_mtime >= AGAIN_SECONDS;
}

/* The mark, locked, with this try in it; -1: it is not to be sent now, or
 * nobody could remember that. */
static int
mark_take(const char *path)
{
	int fd, how = O_RDWR | O_APPEND | O_CLOEXEC;
	struct stat st;
	bool fresh;

	fd = open(path, how | O_CREAT | O_EXCL, 0600);
	fresh = fd >= 0;
	if (!fresh && errno == EEXIST)
		fd = open(path, how);
	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
	    (fresh || is_due(&st))) {
		if (write(fd, "x", 1) == 1)
			return fd;
		if (fresh)
			i_unlink(path);
	}
	i_close_fd(&fd);
	return -1;
}

void
notice_locked(struct mail_user *user, struct agamid_user *u)
{
	struct mail_namespace *ns = mail_namespace_find_inbox(user->namespaces);
	struct mailbox *box;
	int fd = mark_take(mark_path(u));

	if (fd < 0)
		return;
	box = mailbox_alloc(ns->list, "INBOX", 0);
	if (save(box, notice_text(u)) < 0)
		e_error(user->event, "agamid: notice not saved: %s",
		    mailbox_get_last_internal_error(box, NULL));
	else if (ftruncate(fd, 0) < 0)
		e_error(user->event, "agamid: %s: %m", mark_path(u));
	mailbox_free(&box);
	i_close_fd(&fd);
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
