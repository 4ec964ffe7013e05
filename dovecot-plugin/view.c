/* SPDX-License-Identifier: MIT */
/*
 * view - the mail that a client sees: what can be read off a mail's bytes
 * comes from the opened one, all else (flags, dates of arrival, GUID, UIDL)
 * from the mail as it is stored. Each function asks inner_get() first.
 */
#include "dovecot-plugin/derived.h"
#include "dovecot-plugin/inner.h"

#include "istream.h"
#include "raw-storage.h"

#define SUPER(mail) (agamid_mail(mail)->module_ctx.super)

static MODULE_CONTEXT_DEFINE_INIT(view_mail_module, &mail_module_register);
static MODULE_CONTEXT_DEFINE_INIT(
    view_box_module, &mail_storage_module_register);

struct agamid_mail *
agamid_mail(struct mail *mail)
{
	struct mail_private *p = (struct mail_private *)mail;

	return (struct agamid_mail *)MODULE_CONTEXT(p, view_mail_module);
}

struct agamid_mailbox *
agamid_mailbox(struct mailbox *box)
{
	return (struct agamid_mailbox *)MODULE_CONTEXT(box, view_box_module);
}

static void
view_close(struct mail *mail)
{
	struct agamid_mail *am = agamid_mail(mail);

	inner_close(am);
	am->module_ctx.super.close(mail);
}

static int
view_get_parts(struct mail *mail, struct message_part **parts_r)
{
	struct mail *inner;
	int ret = inner_get(mail, &inner);

	if (ret > 0)
		return inner_done(mail, inner, mail_get_parts(inner, parts_r));
	return ret < 0 ? ret : SUPER(mail).get_parts(mail, parts_r);
}

static int
view_get_date(struct mail *mail, time_t *date_r, int *zone_r)
{
	struct mail *inner;
	int ret = inner_get_header(mail, &inner);

	if (ret > 0)
		return inner_done(
		    mail, inner, mail_get_date(inner, date_r, zone_r));
	return ret < 0 ? ret : SUPER(mail).get_date(mail, date_r, zone_r);
}

static int
view_get_virtual_size(struct mail *mail, uoff_t *size_r)
{
	struct mail *inner;
	int ret = inner_get(mail, &inner);

	if (ret > 0)
		return inner_done(
		    mail, inner, mail_get_virtual_size(inner, size_r));
	return ret < 0 ? ret : SUPER(mail).get_virtual_size(mail, size_r);
}

static int
view_get_physical_size(struct mail *mail, uoff_t *size_r)
{
	struct mail *inner;
	int ret = inner_get(mail, &inner);

	if (ret > 0)
		return inner_done(
		    mail, inner, mail_get_physical_size(inner, size_r));
	return ret < 0 ? ret : SUPER(mail).get_physical_size(mail, size_r);
}

static int
view_get_first_header(
    struct mail *mail, const char *field, bool utf8, const char **value_r)
{
	struct mail *inner;
	int ret = inner_get_header(mail, &inner);

	if (ret < 0)
		return ret;
	if (ret == 0)
		return SUPER(mail).get_first_header(mail, field, utf8, value_r);
	ret = utf8 ? mail_get_first_header_utf8(inner, field, value_r)
		   : mail_get_first_header(inner, field, value_r);
	return inner_done(mail, inner, ret);
}

static int
view_get_headers(struct mail *mail, const char *field, bool utf8,
    const char *const **value_r)
{
	struct mail *inner;
	int ret = inner_get_header(mail, &inner);

	if (ret < 0)
		return ret;
	if (ret == 0)
		return SUPER(mail).get_headers(mail, field, utf8, value_r);
	ret = utf8 ? mail_get_headers_utf8(inner, field, value_r)
		   : mail_get_headers(inner, field, value_r);
	return inner_done(mail, inner, ret);
}

/* The names, for the inner mail's mailbox. */
static int
view_get_header_stream(struct mail *mail,
    struct mailbox_header_lookup_ctx *headers, struct istream **stream_r)
{
	struct mailbox_header_lookup_ctx *names;
	struct mail *inner;
	int ret = inner_get_header(mail, &inner);

	if (ret < 0)
		return ret;
	if (ret == 0)
		return SUPER(mail).get_header_stream(mail, headers, stream_r);
	names = mailbox_header_lookup_init(inner->box, headers->name);
	ret = mail_get_header_stream(inner, names, stream_r);
	mailbox_header_lookup_unref(&names);
	return inner_done(mail, inner, ret);
}

static int
view_get_stream(struct mail *mail, bool body, struct message_size *hdr_size,
    struct message_size *body_size, struct istream **stream_r)
{
	struct mail *inner;
	int ret = inner_get(mail, &inner);

	if (ret < 0)
		return ret;
	if (ret == 0)
		return SUPER(mail).get_stream(
		    mail, body, hdr_size, body_size, stream_r);
	ret = body ? mail_get_stream(inner, hdr_size, body_size, stream_r)
		   : mail_get_hdr_stream(inner, hdr_size, stream_r);
	/* What is known of the wrapper does not hold for what is in it. */
	mail->has_nuls = inner->has_nuls;
	mail->has_no_nuls = inner->has_no_nuls;
	return inner_done(mail, inner, ret);
}

static int
view_get_binary_stream(struct mail *mail, const struct message_part *part,
    bool include_hdr, COMPAT_BINARY, struct istream **stream_r)
{
	struct mail *inner;
	int ret = inner_get(mail, &inner);

	if (ret < 0)
		return ret;
	if (ret == 0)
		return SUPER(mail).get_binary_stream(
		    mail, part, include_hdr, COMPAT_BINARY_ARGS, stream_r);
	ret = ((struct mail_private *)inner)
		  ->v.get_binary_stream(
		      inner, part, include_hdr, COMPAT_BINARY_ARGS, stream_r);
	return inner_done(mail, inner, ret);
}

static bool
is_of_bytes(enum mail_fetch_field field)
{
	return field == MAIL_FETCH_IMAP_BODY ||
	    field == MAIL_FETCH_IMAP_BODYSTRUCTURE ||
	    field == MAIL_FETCH_IMAP_ENVELOPE ||
	    field == MAIL_FETCH_BODY_SNIPPET;
}

static int
view_get_special(
    struct mail *mail, enum mail_fetch_field field, const char **value_r)
{
	struct mail *inner;
	int ret = is_of_bytes(field) ? inner_get_header(mail, &inner) : 0;

	if (ret > 0)
		return inner_done(
		    mail, inner, mail_get_special(inner, field, value_r));
	return ret < 0 ? ret : SUPER(mail).get_special(mail, field, value_r);
}

static int
view_precache(struct mail *mail)
{
	struct mail *inner;
	int ret = inner_get_header(mail, &inner);

	if (ret != 0)
		return ret < 0 ? ret : 0;
	return SUPER(mail).precache(mail);
}

static bool
view_prefetch(struct mail *mail)
{
	if (agamid_mail(mail)->state == AGAMID_OPEN)
		return TRUE;
	return SUPER(mail).prefetch(mail);
}

/* Sizes of the wrapper are no corruption. */
static void
view_set_cache_corrupted(
    struct mail *mail, enum mail_fetch_field field, const char *reason)
{
	if (agamid_mail(mail)->state != AGAMID_OPEN)
		SUPER(mail).set_cache_corrupted(mail, field, reason);
}

/* A copy that can't be a hard link reads the mail again: it gets the
 * sealed bytes, so that no plaintext reaches a file. */
static int
view_copy(struct mail_save_context *ctx, struct mail *mail)
{
	struct agamid_mailbox *ab = agamid_mailbox(ctx->transaction->box);
	struct agamid_mail *am = agamid_mail(mail);
	int ret;

	if (am != NULL)
		am->bypass = TRUE;
	ret = ab->module_ctx.super.copy(ctx, mail);
	if (am != NULL)
		am->bypass = FALSE;
	return ret;
}

/* ---- what other plugins do with a mail while this happens (a quota's
 * sizes, a log of subjects) they do with the mail as it is stored ---- */

static void
view_update_flags(
    struct mail *mail, enum modify_type type, enum mail_flags flags)
{
	struct agamid_mail *am = agamid_mail(mail);

	am->bypass = TRUE;
	am->module_ctx.super.update_flags(mail, type, flags);
	am->bypass = FALSE;
}

static void
view_update_keywords(
    struct mail *mail, enum modify_type type, struct mail_keywords *keywords)
{
	struct agamid_mail *am = agamid_mail(mail);

	am->bypass = TRUE;
	am->module_ctx.super.update_keywords(mail, type, keywords);
	am->bypass = FALSE;
}

static void
view_expunge(struct mail *mail)
{
	struct agamid_mail *am = agamid_mail(mail);

	am->bypass = TRUE;
	am->module_ctx.super.expunge(mail);
	am->bypass = FALSE;
}

static bool
is_raw(struct mailbox *box)
{
	return strcmp(box->storage->name, RAW_STORAGE_NAME) == 0;
}

void
view_mailbox_allocated(struct mailbox *box)
{
	struct agamid_user *u = agamid_user(box->storage->user);
	struct mailbox_vfuncs *v = box->vlast;
	struct agamid_mailbox *ab;

	if (u == NULL || u->unseals || is_raw(box))
		return;
	ab = p_new(box->pool, struct agamid_mailbox, 1);
	ab->module_ctx.super = *v;
	box->vlast = &ab->module_ctx.super;
	v->copy = view_copy;
	derived_set_vfuncs(v);
	MODULE_CONTEXT_SET(box, view_box_module, ab);
}

static void
set_vfuncs(struct mail_vfuncs *v)
{
	v->close = view_close;
	v->get_parts = view_get_parts;
	v->get_date = view_get_date;
	v->get_virtual_size = view_get_virtual_size;
	v->get_physical_size = view_get_physical_size;
	v->get_first_header = view_get_first_header;
	v->get_headers = view_get_headers;
	v->get_header_stream = view_get_header_stream;
	v->get_stream = view_get_stream;
	v->get_binary_stream = view_get_binary_stream;
	v->get_special = view_get_special;
	v->precache = view_precache;
	v->prefetch = view_prefetch;
	v->update_flags = view_update_flags;
	v->update_keywords = view_update_keywords;
	v->expunge = view_expunge;
	v->set_cache_corrupted = view_set_cache_corrupted;
}

void
view_mail_allocated(struct mail *mail)
{
	struct agamid_user *u = agamid_user(mail->box->storage->user);
	struct mail_private *p = (struct mail_private *)mail;
	struct mail_vfuncs *v = p->vlast;
	struct agamid_mail *am;

	if (u == NULL || u->unseals || is_raw(mail->box) ||
	    derived_counts_stored(mail->transaction))
		return;
	am = p_new(p->pool, struct agamid_mail, 1);
	am->module_ctx.super = *v;
	p->vlast = &am->module_ctx.super;
	set_vfuncs(v);
	MODULE_CONTEXT_SET(p, view_mail_module, am);
}
