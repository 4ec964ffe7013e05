/* SPDX-License-Identifier: MIT */
/*
 * opener - opens one sealed mail. See opener.h.
 *
 * The engine pulls armor; this reads the mail's stream for it through
 * sealed_part, which hashes. The hash is compared at the end, together
 * with the engine's own check.
 *
 * SECURITY: a mail that carries no good mark is not even decrypted, so a
 * stranger can't make this process work.
 */
#include "dovecot-plugin/opener.h"

#include "buffer.h"
#include "ioloop.h"
#include "istream.h"
#include "read-full.h"
#include "time-util.h"
#include "write-full.h"

#include <sys/prctl.h>
#include <fcntl.h>
#include <unistd.h>

#include "mail/sealed.h"

#define PLAIN_MAX (256U * 1024 * 1024)
#define KEYS_MAX 4096
#define SEALED_PUB AG_LOCALSTATEDIR "/lib/agamid/sealed.pub"

struct opening {
	struct istream *input;
	struct sealed_part part;
	buffer_t *armor; /* found, not yet pulled */
	int fd;
	size_t size;
};

/* ---- the mark ---- */

static const char *
read_keys(struct mail_user *user, const char *path)
{
	char text[KEYS_MAX];
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		i_close_fd(&fd);
	}
	if (n < 0) {
		e_error(user->event, "agamid: %s: %m: no sealed mail is opened",
		    path);
		n = 0;
	}
	return p_strndup(user->pool, text, (size_t)n);
}

static bool
in_list(const char *list, const char *name)
{
	return *list == '\0' ||
	    str_array_find(t_strsplit_spaces(list, " ,"), name);
}

/* Why this mark is not good, or NULL. */
static const char *
check_mark(struct agamid_user *u, struct mail_user *user, const char *value,
    struct sealed_mark *mark_r)
{
	const char *path =
	    *u->set.sealed_pub != '\0' ? u->set.sealed_pub : SEALED_PUB;

	if (sealed_mark_parse(value, mark_r) < 0)
		return "its " SEALED_FIELD " is none of ours";
	if (u->sealed_keys == NULL)
		u->sealed_keys = read_keys(user, path);
	if (sealed_mark_verify_any(mark_r, u->sealed_keys) < 0)
		return "its " SEALED_FIELD " is not signed by this node";
	if (!in_list(u->set.mailbox, mark_r->mailbox))
		return "it is another mailbox's";
	return NULL;
}

/* ---- in and out ---- */

static int
found_armor(void *ctx, const void *data, size_t len)
{
	struct opening *o = ctx;

	buffer_append(o->armor, data, len);
	return 0;
}

/* More of the mail; 0 at its end. */
static int
read_more(struct opening *o)
{
	const unsigned char *data;
	size_t size;
	int ret = i_stream_read_more(o->input, &data, &size);

	if (ret <= 0)
		return o->input->stream_errno != 0 ? -1 : 0;
	ret = sealed_part_put(&o->part, data, size) < 0 ? -1 : 1;
	i_stream_skip(o->input, size);
	return ret;
}

static ssize_t
pull(void *ctx, void *data, size_t len)
{
	struct opening *o = ctx;
	int ret = 1;

	while (o->armor->used == 0 && ret > 0)
		ret = read_more(o);
	if (ret < 0)
		return -1;
	len = I_MIN(len, o->armor->used);
	memcpy(data, o->armor->data, len);
	buffer_delete(o->armor, 0, len);
	return (ssize_t)len;
}

static int
push(void *ctx, const void *data, size_t len)
{
	struct opening *o = ctx;

	if (len > PLAIN_MAX - o->size || write_full(o->fd, data, len) < 0)
		return -1;
	o->size += len;
	return 0;
}

/* ---- together ---- */

/* What the engine left unread, and whether it was what was signed. */
static const char *
check_hash(struct opening *o, const struct sealed_mark *mark)
{
	uint8_t hash[SEALED_HASH_SIZE];
	int ret;

	do {
		buffer_set_used_size(o->armor, 0);
	} while ((ret = read_more(o)) > 0);
	if (ret < 0 || sealed_part_end(&o->part, hash) < 0)
		return "it is no whole PGP/MIME message";
	if (memcmp(hash, mark->hash, sizeof(hash)) != 0)
		return "it is not what this node signed";
	return NULL;
}

/* NULL: opened. "": the session's key is locked. */
static const char *
open_part(struct agamid_user *u, struct opening *o,
    const struct sealed_mark *mark, char error[UNLOCK_ERROR_MAX])
{
	const struct unlock_io io = {pull, push, o};
	const char *why;

	switch (unlock_open(u->unlock, &io, error)) {
	case UNLOCK_OPENED:
		return check_hash(o, mark);
	case UNLOCK_LOCKED:
		return "";
	case UNLOCK_FAILED:
		break;
	}
	/* A changed mail says more than the engine does. */
	why = check_hash(o, mark);
	return why != NULL ? why : error;
}

static void
tell_locked(struct agamid_user *u, struct mail_user *user)
{
	if (u->told)
		return;
	u->told = TRUE;
	if (unlock_try(u->unlock) == UNLOCK_NO_KEY) {
		e_debug(user->event, "agamid: %s", unlock_error(u->unlock));
		return;
	}
	e_warning(user->event,
	    "agamid: sealed mail stays sealed in this session: %s",
	    unlock_error(u->unlock));
	if (unlock_try(u->unlock) == UNLOCK_WRONG_PASS)
		notice_locked(user, u);
}

/* From now on this process holds what must not reach a core dump. */
static void
forbid_dumps(struct agamid_user *u, struct mail_user *user)
{
	if (u->undumpable)
		return;
	u->undumpable = TRUE;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		e_error(user->event, "agamid: prctl(PR_SET_DUMPABLE): %m");
}

static int
open_into(struct agamid_user *u, struct mail *mail,
    const struct sealed_mark *mark, struct opening *o)
{
	struct mail_user *user = mail->box->storage->user;
	char error[UNLOCK_ERROR_MAX];
	const char *why;

	o->armor = buffer_create_dynamic(default_pool, IO_BLOCK_SIZE);
	sealed_part_init(&o->part, found_armor, o);
	why = open_part(u, o, mark, error);
	buffer_free(&o->armor);
	if (o->input->stream_errno != 0)
		return -1;
	if (why == NULL)
		return 1;
	if (*why == '\0')
		tell_locked(u, user);
	else
		e_warning(mail_event(mail),
		    "agamid: sealed mail shown as it is: %s", why);
	return 0;
}

int
opener_open(struct agamid_user *u, struct mail *mail, const char *value,
    struct istream *input, int *fd_r, size_t *size_r)
{
	struct opening o = {.input = input, .fd = -1};
	struct timeval begin, end;
	struct sealed_mark mark;
	const char *why;
	int ret;

	why = check_mark(u, mail->box->storage->user, value, &mark);
	if (why != NULL) {
		e_warning(mail_event(mail),
		    "agamid: sealed mail shown as it is: %s", why);
		return 0;
	}
	if ((o.fd = opened_memfd()) < 0) {
		e_error(mail_event(mail), "agamid: memfd_create: %m");
		return 0;
	}
	forbid_dumps(u, mail->box->storage->user);
	i_gettimeofday(&begin);
	i_stream_seek(input, 0);
	ret = open_into(u, mail, &mark, &o);
	i_stream_seek(input, 0);
	i_gettimeofday(&end);
	if (ret <= 0) {
		i_close_fd(&o.fd);
		return ret;
	}
	notice_unlocked(mail->box->storage->user, u);
	e_debug(mail_event(mail), "agamid: opened %zu bytes in %lld us", o.size,
	    timeval_diff_usecs(&end, &begin));
	*fd_r = o.fd;
	*size_r = o.size;
	return 1;
}
