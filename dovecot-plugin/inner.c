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

void
inner_close(struct agamid_mail *am)
{
	if (am->inner != NULL)
		mail_free(&am->inner);
	if (am->trans != NULL)
		mailbox_transaction_rollback(&am->trans);
	if (am->box != NULL)
		mailbox_free(&am->box);
	opened_unref(&am->opened);
	am->state = AGAMID_UNKNOWN;
}

/* A mailbox over a descriptor of its own. */
static int
open_box(struct agamid_user *u, struct agamid_mail *am, struct mail *mail)
{
	struct mail_user *user = mail->box->storage->user;
	struct istream *input;
	int fd = fcntl(am->opened->fd, F_DUPFD_CLOEXEC, 3), ret;

	if (fd < 0) {
		e_error(mail_event(mail), "agamid: dup: %m");
		return -1;
	}
	if (u->raw_user == NULL)
		u->raw_user = compat_raw_user(user);
	input = i_stream_create_fd_autoclose(&fd, IO_BLOCK_SIZE);
	i_stream_set_name(input,
	    t_strdup_printf("agamid(%s:%u)", mail->box->vname, mail->uid));
	ret = raw_mailbox_alloc_stream(
	    u->raw_user, input, (time_t)-1, "", &am->box);
	i_stream_unref(&input);
	if (ret < 0)
		e_error(mail_event(mail), "agamid: raw mailbox: %s",
		    mailbox_get_last_internal_error(am->box, NULL));
	return ret;
}

/* Takes opened. False: the mail is shown as it is. */
static bool
open_inner(struct agamid_user *u, struct mail *mail, struct opened *opened)
{
	struct agamid_mail *am = agamid_mail(mail);
	struct mail_private *p = (struct mail_private *)mail;

	am->opened = opened;
	if (opened->fd < 0 || open_box(u, am, mail) < 0) {
		inner_close(am);
		am->state = AGAMID_SEALED;
		return FALSE;
	}
	am->trans = mailbox_transaction_begin(am->box, 0, "agamid");
	am->inner = mail_alloc(am->trans, p->wanted_fields, NULL);
	mail_set_seq(am->inner, 1);
	am->state = AGAMID_OPEN;
	return TRUE;
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
		*inner_r = am->inner;
		ret = 1;
	}
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
