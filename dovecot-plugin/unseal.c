/* SPDX-License-Identifier: MIT */
/*
 * unseal - the mode in which sealed mail of the INBOX becomes ordinary mail
 * when its owner logs in: with the same flags, keywords and INTERNALDATE,
 * under a new UID. Search indexes, backups and every other client then just
 * work; keeping it secret at rest is then another's job (mail_crypt).
 *
 * The sealed mail is expunged only after its plaintext is committed, in a
 * transaction of its own: dying in between leaves both. One login at a
 * time does it. What can't be opened stays, and so does what does not fit
 * into UNSEAL_SECONDS: the next login goes on.
 */
#include "dovecot-plugin/opener.h"

#include "array.h"
#include "file-lock.h"
#include "ioloop.h"
#include "istream.h"
#include "mail-namespace.h"
#include "mail-search-build.h"
#include "mail-search.h"
#include "time-util.h"

#include "mail/sealed.h"

#define LOCK_NAME "agamid-unseal.lock"
#define LOCK_SECONDS 10
#define UNSEAL_SECONDS 2

struct unsealing {
	struct agamid_user *user;
	struct mailbox *box;
	struct mailbox_transaction_context *trans;
	ARRAY_TYPE(uint32_t) done; /* UIDs, to be expunged */
	struct timeval begun;
};

/* Takes fd. 0: saved, in the transaction. */
static int
save_plain(struct unsealing *s, struct mail *mail, int fd)
{
	struct mail_save_context *ctx;
	struct istream *input;
	time_t received;
	int ret = -1;

	if (mail_get_received_date(mail, &received) < 0) {
		i_close_fd(&fd);
		return -1;
	}
	input = i_stream_create_fd_autoclose(&fd, IO_BLOCK_SIZE);
	ctx = mailbox_save_alloc(s->trans);
	mailbox_save_copy_flags(ctx, mail);
	mailbox_save_set_received_date(ctx, received, 0);
	if (mailbox_save_begin(&ctx, input) == 0) {
		do {
			ret = mailbox_save_continue(ctx);
		} while (ret == 0 && i_stream_read(input) > 0);
		if (ret < 0 || input->stream_errno != 0)
			mailbox_save_cancel(&ctx);
		else
			ret = mailbox_save_finish(&ctx);
	}
	i_stream_unref(&input);
	return ret;
}

static void
unseal_one(struct unsealing *s, struct mail *mail)
{
	struct istream *input;
	const char *value;
	size_t size;
	int fd;

	if (mail_get_first_header(mail, SEALED_FIELD, &value) <= 0)
		return;
	value = t_strdup(value);
	if (mail_get_stream(mail, NULL, NULL, &input) < 0 ||
	    opener_open(s->user, mail, value, input, &fd, &size) <= 0)
		return;
	if (save_plain(s, mail, fd) == 0)
		array_push_back(&s->done, &mail->uid);
}

static bool
is_late(const struct unsealing *s)
{
	struct timeval now;

	i_gettimeofday(&now);
	return timeval_diff_msecs(&now, &s->begun) > UNSEAL_SECONDS * 1000;
}

static struct mail_search_args *
sealed_mails(void)
{
	struct mail_search_args *args = mail_search_build_init();
	struct mail_search_arg *arg =
	    mail_search_build_add(args, SEARCH_HEADER);

	arg->hdr_field_name = p_strdup(args->pool, SEALED_FIELD);
	arg->value.str = "";
	return args;
}

static int
save_all(struct unsealing *s)
{
	struct mail_search_args *args = sealed_mails();
	struct mail_search_context *search;
	struct mail *mail;
	bool more = TRUE;

	s->trans = mailbox_transaction_begin(
	    s->box, MAILBOX_TRANSACTION_FLAG_EXTERNAL, "agamid unseal");
	search = mailbox_search_init(s->trans, args, NULL, 0, NULL);
	mail_search_args_unref(&args);
	while (more && mailbox_search_next(search, &mail)) {
		T_BEGIN
		{
			unseal_one(s, mail);
		}
		T_END;
		more = !s->user->told && !is_late(s);
	}
	(void)mailbox_search_deinit(&search);
	if (array_count(&s->done) == 0) {
		mailbox_transaction_rollback(&s->trans);
		return 0;
	}
	return mailbox_transaction_commit(&s->trans);
}

static int
expunge_done(struct unsealing *s)
{
	const uint32_t *uid;
	struct mail *mail;

	s->trans = mailbox_transaction_begin(s->box, 0, "agamid unsealed");
	mail = mail_alloc(s->trans, 0, NULL);
	array_foreach(&s->done, uid)
	{
		if (mail_set_uid(mail, *uid))
			mail_expunge(mail);
	}
	mail_free(&mail);
	return mailbox_transaction_commit(&s->trans);
}

static int
unseal_locked(struct unsealing *s)
{
	if (mailbox_sync(s->box, 0) < 0 || save_all(s) < 0)
		return -1;
	if (array_count(&s->done) == 0)
		return 0;
	if (expunge_done(s) < 0)
		return -1;
	return mailbox_sync(s->box, COMPAT_SYNC_WRITE);
}

static void
unseal_box(struct mail_user *user, struct unsealing *s)
{
	struct file_lock *lock = NULL;
	const char *error = NULL;
	int ret = mailbox_open(s->box);

	if (ret == 0 &&
	    mailbox_lock_file_create(
		s->box, LOCK_NAME, LOCK_SECONDS, &lock, &error) <= 0) {
		e_warning(user->event, "agamid: nothing unsealed: %s",
		    error != NULL ? error : "another login does it");
		return;
	}
	if (ret == 0)
		ret = unseal_locked(s);
	if (ret < 0)
		e_error(user->event, "agamid: unseal: %s",
		    mailbox_get_last_internal_error(s->box, NULL));
	else
		e_debug(user->event, "agamid: unsealed %u mails",
		    array_count(&s->done));
	if (lock != NULL)
		file_lock_free(&lock);
}

void
unseal_inbox(struct mail_user *user, struct agamid_user *u)
{
	struct mail_namespace *ns = mail_namespace_find_inbox(user->namespaces);
	struct unsealing s = {.user = u};

	T_BEGIN
	{
		s.box = mailbox_alloc(ns->list, "INBOX", 0);
		i_gettimeofday(&s.begun);
		i_array_init(&s.done, 64);
		unseal_box(user, &s);
		mailbox_free(&s.box);
		array_free(&s.done);
	}
	T_END;
}
