/* SPDX-License-Identifier: MIT */
/*
 * inner - the opened mail. See inner.h.
 *
 * Whether a mail is sealed its own header says: X-Agamid-Sealed, which
 * Dovecot caches, "not there" included, so that ordinary mail costs one
 * look ever. What is cached of a sealed mail is the wrapper's, never the
 * plaintext's: its caching ends before it is opened.
 */
#include "dovecot-plugin/inner.h"

#include "istream.h"
#include "raw-storage.h"

#include <fcntl.h>

#include "dovecot-plugin/opener.h"
#include "mail/sealed.h"

#define PARK_MIN (128U << 10)
#define PARK_USES 1000

struct inner {
	struct mailbox *box;
	struct mailbox_transaction_context *trans;
	struct mail *mail;
	unsigned uses;
	bool asked; /* for a header */
};

static void
inner_free(void *arg)
{
	struct inner *in = arg;

	if (in->mail != NULL)
		mail_free(&in->mail);
	if (in->trans != NULL)
		mailbox_transaction_rollback(&in->trans);
	if (in->box != NULL)
		mailbox_free(&in->box);
	i_free(in);
}

/* A large mail is parsed once, though each FETCH of a part of it closes
 * the mail. A used one's memory has grown with each question. What Dovecot
 * then knows of headers holds for the question that was asked only. */
static void
park(struct opened *opened, struct inner *in)
{
	if (opened->size < PARK_MIN || opened->parked != NULL || in->asked ||
	    ++in->uses > PARK_USES) {
		inner_free(in);
		return;
	}
	opened->parked = in;
	opened->parked_free = inner_free;
}

void
inner_close(struct agamid_mail *am)
{
	if (am->in != NULL)
		park(am->opened, am->in);
	am->in = NULL;
	opened_unref(&am->opened);
	am->state = AGAMID_UNKNOWN;
}

/* A mailbox over a descriptor of its own. */
static int
open_box(struct agamid_user *u, struct mail *mail, struct opened *opened,
    struct mailbox **box_r)
{
	struct mail_user *user = mail->box->storage->user;
	struct istream *input;
	int fd = fcntl(opened->fd, F_DUPFD_CLOEXEC, 3), ret;

	if (fd < 0) {
		e_error(mail_event(mail), "agamid: dup: %m");
		return -1;
	}
	if (u->raw_user == NULL)
		u->raw_user = compat_raw_user(user);
	input = i_stream_create_fd_autoclose(&fd, IO_BLOCK_SIZE);
	i_stream_set_name(input,
	    t_strdup_printf("agamid(%s:%u)", mail->box->vname, mail->uid));
	ret =
	    raw_mailbox_alloc_stream(u->raw_user, input, (time_t)-1, "", box_r);
	i_stream_unref(&input);
	if (ret < 0)
		e_error(mail_event(mail), "agamid: raw mailbox: %s",
		    mailbox_get_last_internal_error(*box_r, NULL));
	return ret;
}

/* NULL after saying why. */
static struct inner *
inner_new(struct agamid_user *u, struct mail *mail, struct opened *opened)
{
	struct mail_private *p = (struct mail_private *)mail;
	struct inner *in = i_new(struct inner, 1);

	if (open_box(u, mail, opened, &in->box) < 0) {
		inner_free(in);
		return NULL;
	}
	in->trans = mailbox_transaction_begin(in->box, 0, "agamid");
	in->mail = mail_alloc(in->trans, p->wanted_fields, NULL);
	mail_set_seq(in->mail, 1);
	return in;
}

/* Takes opened. False: the mail is shown as it is. */
static bool
open_inner(struct agamid_user *u, struct mail *mail, struct opened *opened)
{
	struct agamid_mail *am = agamid_mail(mail);

	am->opened = opened;
	if (opened->parked != NULL) {
		am->in = opened->parked;
		opened->parked = NULL;
	} else if (opened->fd >= 0) {
		am->in = inner_new(u, mail, opened);
	}
	am->state = am->in != NULL ? AGAMID_OPEN : AGAMID_SEALED;
	return am->in != NULL;
}

static struct opened *
remember(struct agamid_user *u, struct mail *mail, int fd, size_t size)
{
	const struct opened_key key = {
	    .box = mail->box->vname,
	    .uidvalidity =
		mail_index_get_header(mail->transaction->view)->uid_validity,
	    .uid = mail->uid,
	};

	return fd == -2 ? opened_find(&u->cache, &key)
			: opened_add(&u->cache, &key, fd, size);
}

/* The mail's own header and stream. 1: it was sealed, and *opened_r tells
 * how opening it went; 0: it is not sealed. */
static int
open_sealed(struct agamid_user *u, struct mail *mail, struct opened **opened_r)
{
	struct agamid_mail *am = agamid_mail(mail);
	struct istream *input;
	const char *value;
	size_t size = 0;
	int ret, fd = -1;

	ret = am->module_ctx.super.get_first_header(
	    mail, SEALED_FIELD, FALSE, &value);
	if (ret <= 0)
		return ret;
	if (mail->lookup_abort != MAIL_LOOKUP_ABORT_NEVER) {
		mail_set_aborted(mail);
		return -1;
	}
	/* Nothing of it may reach dovecot.index.cache from now on. */
	am->module_ctx.super.set_uid_cache_updates(mail, TRUE);
	value = t_strdup(value);
	if (am->module_ctx.super.get_stream(mail, TRUE, NULL, NULL, &input) < 0)
		return -1;
	if (opener_open(u, mail, value, input, &fd, &size) < 0) {
		mail_storage_set_internal_error(mail->box->storage);
		return -1;
	}
	*opened_r = remember(u, mail, fd, size);
	return 1;
}

/* The first question about this mail. */
static int
look(struct agamid_user *u, struct mail *mail)
{
	struct agamid_mail *am = agamid_mail(mail);
	struct opened *opened = remember(u, mail, -2, 0);
	int ret = 1;

	if (opened == NULL) {
		am->busy = TRUE;
		T_BEGIN
		{
			ret = open_sealed(u, mail, &opened);
		}
		T_END;
		am->busy = FALSE;
	} else {
		am->module_ctx.super.set_uid_cache_updates(mail, TRUE);
	}
	if (ret == 0)
		am->state = AGAMID_PLAIN;
	else if (ret > 0 && opened == NULL)
		am->state = AGAMID_SEALED;
	else if (ret > 0)
		ret = open_inner(u, mail, opened) ? 1 : 0;
	return ret;
}

int
inner_get(struct mail *mail, struct mail **inner_r)
{
	struct agamid_mail *am = agamid_mail(mail);
	int ret = 0;

	*inner_r = NULL;
	if (am->bypass || am->busy || mail->saving)
		return 0;
	if (am->state == AGAMID_UNKNOWN)
		ret = look(agamid_user(mail->box->storage->user), mail);
	if (am->state == AGAMID_OPEN) {
		*inner_r = am->in->mail;
		ret = 1;
	}
	return ret;
}

int
inner_get_header(struct mail *mail, struct mail **inner_r)
{
	int ret = inner_get(mail, inner_r);

	if (ret > 0)
		agamid_mail(mail)->in->asked = TRUE;
	return ret;
}

int
inner_done(struct mail *mail, struct mail *inner, int ret)
{
	enum mail_error code;
	const char *text;

	if (ret < 0) {
		text = mailbox_get_last_error(inner->box, &code);
		mail_storage_set_error(mail->box->storage, code, text);
	}
	return ret;
}
