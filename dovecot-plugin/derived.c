/* SPDX-License-Identifier: MIT */
/*
 * derived - what Dovecot keeps of what it made from mails. See derived.h.
 *
 * Orders and threads. Dovecot numbers a folder's mails in the order of
 * their subjects (and From, To, Cc) once, in dovecot.index, and hashes their
 * message IDs in dovecot.index.thread. Both would be wrong as soon as one
 * session has read opened mail and another one sealed mail. So they belong
 * to those who open it. A mark in the index says so; where it is missing
 * (the folder was in use before there was a key, or a plugin) what is there
 * is thrown away once. A session that opens nothing keeps neither: it sorts
 * without numbers, and its threads are gone with the command.
 *
 * Sizes. What counts for a quota is what is stored: it is the same then for
 * those who deliver and for those who read. To STATUS (SIZE) the sizes of
 * the opened mails are told.
 */
#include "dovecot-plugin/derived.h"

#include "lib-event.h"
#include "mail-search.h"
#include "str.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "mail/sealed.h"

#define MARK_NAME "agamid-opened"
#define MARK_VERSION 1
#define THREAD_REASON "mail_thread_init" /* index-thread.c's */
#define SORT_KEYS_MAX 32

/* index-sort-string.c's names in the index. */
static const char *const orders[] = {
    "sort-c", "sort-f", "sort-s", "sort-t", "sort-df", "sort-dt"};

/* ---- the folder's sealed mails ---- */

/* A mail of the folder, to ask what its stored header says. */
static struct mail *
alloc_mail(struct mailbox_transaction_context *t)
{
	static const char *const names[] = {SEALED_FIELD, NULL};
	struct mailbox_header_lookup_ctx *headers =
	    mailbox_header_lookup_init(t->box, names);
	struct mail *mail = mail_alloc(t, 0, headers);

	mailbox_header_lookup_unref(&headers);
	return mail;
}

static bool
is_sealed(struct mail *mail, uint32_t seq)
{
	struct agamid_mail *am = agamid_mail(mail);
	const char *value;

	mail_set_seq(mail, seq);
	return am->module_ctx.super.get_first_header(
		   mail, SEALED_FIELD, FALSE, &value) > 0;
}

static bool
has_sealed(struct mailbox_transaction_context *t)
{
	struct agamid_mailbox *ab = agamid_mailbox(t->box);
	uint32_t seq, count = mail_index_view_get_messages_count(t->view);
	struct mail *mail;

	if (ab->has_sealed || count == 0)
		return ab->has_sealed;
	mail = alloc_mail(t);
	for (seq = 1; seq <= count && !ab->has_sealed; seq++)
		T_BEGIN
		{
			ab->has_sealed = is_sealed(mail, seq);
		}
	T_END;
	mail_free(&mail);
	return ab->has_sealed;
}

static bool
opens(struct mailbox *box)
{
	struct agamid_user *u = agamid_user(box->storage->user);

	return unlock_try(u->unlock) == UNLOCK_READY;
}

/* ---- orders and threads ---- */

/* To those who read it next it is one of another version; what they have
 * in memory they keep. */
static void
forget_threads(struct mailbox *box)
{
	static const char header[8];
	const char *dir, *path, *temp;
	int fd;

	if (mailbox_get_path_to(box, MAILBOX_LIST_PATH_TYPE_INDEX, &dir) <= 0)
		return;
	path = t_strdup_printf("%s/%s.thread", dir, box->index_prefix);
	temp = t_strdup_printf("%s.%ld", path, (long)getpid());
	if (access(path, F_OK) < 0)
		return;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, header, sizeof(header)) != sizeof(header) ||
	    rename(temp, path) < 0)
		e_error(box->event, "agamid: %s: %m", path);
	i_close_fd(&fd);
}

/* True if there were any: who is in the midst of sorting still sees them. */
static bool
forget_order(struct mailbox_transaction_context *t, const char *name)
{
	uint32_t seq, count = mail_index_view_get_messages_count(t->view);
	static const uint32_t none = 0;
	const void *data;
	bool expunged;
	uint32_t id;

	id = mail_index_ext_register(
	    t->box->index, name, 0, sizeof(uint32_t), sizeof(uint32_t));
	mail_index_lookup_ext(t->view, 1, id, &data, &expunged);
	if (data == NULL)
		return FALSE;
	for (seq = 1; seq <= count; seq++)
		mail_index_update_ext(t->itrans, seq, id, &none, NULL);
	return TRUE;
}

static bool
forget_orders(struct mailbox_transaction_context *t)
{
	bool found = FALSE;
	unsigned i;

	for (i = 0; i < N_ELEMENTS(orders); i++)
		found = forget_order(t, orders[i]) || found;
	return found;
}

/* May what the index has of orders and threads be used? Where it may not,
 * it is thrown away with this transaction if this session opens mail. */
static bool
is_trusted(struct mailbox_transaction_context *t)
{
	static const uint32_t version = MARK_VERSION;
	const void *data;
	uint32_t id;
	size_t size;

	if (!has_sealed(t))
		return TRUE;
	if (!opens(t->box))
		return FALSE;
	id = mail_index_ext_register(
	    t->box->index, MARK_NAME, sizeof(version), 0, 0);
	mail_index_get_header_ext(t->view, id, &data, &size);
	if (size == sizeof(version) && memcmp(data, &version, size) == 0)
		return TRUE;
	mail_index_update_header_ext(
	    t->itrans, id, 0, &version, sizeof(version));
	forget_threads(t->box);
	return !forget_orders(t);
}

/* Only a first key that is text has numbers in the index; behind one that
 * is the same for all mails, texts are compared themselves. */
static const enum mail_sort_type *
without_numbers(const enum mail_sort_type *program)
{
	enum mail_sort_type *flat = t_new(enum mail_sort_type, SORT_KEYS_MAX);
	unsigned i;

	flat[0] = MAIL_SORT_RELEVANCY;
	for (i = 0; i < SORT_KEYS_MAX - 2 && program[i] != MAIL_SORT_END; i++)
		flat[i + 1] = program[i];
	flat[i + 1] = MAIL_SORT_END;
	return flat;
}

static bool
is_by_text(const enum mail_sort_type *program)
{
	switch (program[0] & MAIL_SORT_MASK) {
	case MAIL_SORT_CC:
	case MAIL_SORT_FROM:
	case MAIL_SORT_SUBJECT:
	case MAIL_SORT_TO:
	case MAIL_SORT_DISPLAYFROM:
	case MAIL_SORT_DISPLAYTO:
		return TRUE;
	default:
		return FALSE;
	}
}

static struct mail_search_context *
derived_search_init(struct mailbox_transaction_context *t,
    struct mail_search_args *args, const enum mail_sort_type *program,
    enum mail_fetch_field fields, struct mailbox_header_lookup_ctx *headers)
{
	struct agamid_mailbox *ab = agamid_mailbox(t->box);

	if (program != NULL && is_by_text(program) && !is_trusted(t))
		program = without_numbers(program);
	return ab->module_ctx.super.search_init(
	    t, args, program, fields, headers);
}

static bool
is_thread(const struct mailbox_transaction_context *t)
{
	return t->reason != NULL && strcmp(t->reason, THREAD_REASON) == 0;
}

static struct mailbox_transaction_context *
derived_transaction_begin(
    struct mailbox *box, enum mailbox_transaction_flags flags, const char *why)
{
	struct mailbox_transaction_context *t =
	    agamid_mailbox(box)->module_ctx.super.transaction_begin(
		box, flags, why);

	if (strcmp(why, THREAD_REASON) == 0 && !is_trusted(t))
		forget_threads(box);
	return t;
}

static int
derived_transaction_commit(struct mailbox_transaction_context *t,
    struct mail_transaction_commit_changes *changes_r)
{
	struct mailbox *box = t->box;
	struct agamid_mailbox *ab = agamid_mailbox(box);

	if (is_thread(t) && has_sealed(t) && !opens(box))
		forget_threads(box);
	return ab->module_ctx.super.transaction_commit(t, changes_r);
}

/* ---- sizes ---- */

bool
derived_counts_stored(const struct mailbox_transaction_context *t)
{
	static const char *const reasons[] = {
	    "vsize update", "mailbox physical size", "quota", NULL};

	return t->reason != NULL && str_array_find(reasons, t->reason);
}

static bool
is_for_quota(void)
{
	const struct event_field *field;
	const char *reason;

	if (event_get_global() == NULL)
		return FALSE;
	field = event_find_field_recursive(event_get_global(), "reason_code");
	if (field == NULL ||
	    field->value_type != EVENT_FIELD_VALUE_TYPE_STRLIST)
		return FALSE;
	array_foreach_elem(&field->value.strlist,
	    reason) if (strncmp(reason, "quota:", 6) == 0) return TRUE;
	return FALSE;
}

/* What opening it makes a mail smaller by. */
static int
add_difference(struct mail *mail, uint32_t seq, uint64_t *sum)
{
	uoff_t stored, shown;

	if (!is_sealed(mail, seq))
		return 0;
	if (agamid_mail(mail)->module_ctx.super.get_virtual_size(
		mail, &stored) < 0 ||
	    mail_get_virtual_size(mail, &shown) < 0)
		return mail->expunged ? 0 : -1;
	*sum += stored - shown;
	return 0;
}

static int
sum_differences(struct mailbox *box, uint64_t *sum_r)
{
	struct mailbox_transaction_context *t =
	    mailbox_transaction_begin(box, 0, "agamid sizes");
	uint32_t seq, count = mail_index_view_get_messages_count(t->view);
	struct mail *mail = alloc_mail(t);
	int ret = 0;

	*sum_r = 0;
	for (seq = 1; seq <= count && ret == 0; seq++)
		T_BEGIN
		{
			ret = add_difference(mail, seq, sum_r);
		}
	T_END;
	mail_free(&mail);
	if (mailbox_transaction_commit(&t) < 0)
		ret = -1;
	return ret;
}

static int
derived_get_metadata(struct mailbox *box, enum mailbox_metadata_items items,
    struct mailbox_metadata *metadata_r)
{
	struct agamid_mailbox *ab = agamid_mailbox(box);
	uint64_t difference;

	if ((items & MAILBOX_METADATA_VIRTUAL_SIZE) == 0 || is_for_quota())
		return ab->module_ctx.super.get_metadata(
		    box, items, metadata_r);
	if (!box->opened && mailbox_open(box) < 0)
		return -1;
	if (ab->module_ctx.super.get_metadata(box, items, metadata_r) < 0 ||
	    sum_differences(box, &difference) < 0)
		return -1;
	metadata_r->virtual_size -= difference;
	return 0;
}

void
derived_set_vfuncs(struct mailbox_vfuncs *v)
{
	v->search_init = derived_search_init;
	v->transaction_begin = derived_transaction_begin;
	v->transaction_commit = derived_transaction_commit;
	v->get_metadata = derived_get_metadata;
}
