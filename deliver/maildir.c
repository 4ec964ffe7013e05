/* SPDX-License-Identifier: MIT */
/*
 * maildir - one mail into a Maildir. See maildir.h.
 *
 * tmp/NAME, fsync, rename to new/NAME, fsync of new/. Plaintext stands in
 * tmp/ before its integrity is known; it is not a mail before the rename,
 * and that comes when all was verified.
 */
#include "deliver/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliver/message.h"
#include "util/buf.h"
#include "util/fault.h"
#include "util/file.h"
#include "util/text.h"

#define HEAD_MAX (4U << 20) /* a thousand recipients fit */

struct maildir {
	int fd;
	char *tmp, *new, *new_dir;
	struct message message;
};

int
maildir_make(const char *dir, struct error *error_r)
{
	static const char *const subs[] = {"tmp", "new", "cur"};
	char *path;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < sizeof(subs) / sizeof(subs[0]); i++) {
		path = file_join(dir, subs[i]);
		rc = file_mkdirs(path, 0700, error_r);
		free(path);
	}
	return rc;
}

/* "1795252800.carol-000102...0f.bob.friends.example" */
static char *
maildir_name(const struct maildir_mail *m)
{
	const struct ticket *t = m->ticket;

	return xasprintf("%lld.%s-%s.%s", (long long)t->time, t->acceptor,
	    t->nonce, m->host);
}

/* Is it in this folder, with or without ":2,FLAGS"? 1, 0, AG_EIO. */
static int
maildir_has(
    const char *dir, const char *sub, const char *name, struct error *error_r)
{
	char *path = file_join(dir, sub);
	size_t len = strlen(name);
	DIR *d = opendir(path);
	struct dirent *de;
	int rc = 0;

	if (d == NULL)
		rc = error_set_errno(error_r, AG_EIO, "can't read %s", path);
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (strncmp(de->d_name, name, len) == 0 &&
		    (de->d_name[len] == '\0' || de->d_name[len] == ':'))
			rc = 1;
	}
	if (d != NULL)
		closedir(d);
	free(path);
	return rc;
}

static int
maildir_open(struct maildir *d, struct error *error_r)
{
	/* What a process that died left of the same mail. */
	(void)unlink(d->tmp);
	d->fd = open(
	    d->tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (d->fd < 0)
		return error_set_errno(
		    error_r, AG_EIO, "can't make %s", d->tmp);
	return 0;
}

/* Lines end in CRLF here, and no CR is elsewhere (lines.h). */
static int
maildir_put(struct maildir *d, struct buf *b, struct error *error_r)
{
	size_t from, to = 0;

	for (from = 0; from < b->len; from++) {
		if (b->data[from] != '\r')
			b->data[to++] = b->data[from];
	}
	if (fault_point("rescue.write") ||
	    file_write_all(d->fd, b->data, to) < 0)
		return error_set_errno(
		    error_r, AG_EIO, "can't write %s", d->tmp);
	return 0;
}

/* A path without its brackets is what follows Delivered-To. */
static int
maildir_head(
    struct maildir *d, const struct maildir_mail *m, struct error *error_r)
{
	const struct bsmtp_envelope *e = m->envelope;
	struct buf head;
	size_t i;
	int rc;

	buf_init(&head, HEAD_MAX);
	rc = buf_printf(&head, "Return-Path: %s\r\n", e->mail.path);
	for (i = 0; rc == 0 && i < e->rcpt_count; i++)
		rc = buf_printf(&head, "Delivered-To: %.*s\r\n",
		    (int)strlen(e->rcpt[i].path) - 2, e->rcpt[i].path + 1);
	if (rc == 0)
		rc = buf_puts(&head, m->headers);
	if (rc < 0)
		rc = error_set(error_r, rc, "the envelope is too long");
	else
		rc = maildir_put(d, &head, error_r);
	buf_wipe(&head);
	return rc;
}

int
maildir_begin(
    const struct maildir_mail *m, struct maildir **d_r, struct error *error_r)
{
	char *name = maildir_name(m);
	struct maildir *d;
	int rc;

	*d_r = NULL;
	rc = maildir_has(m->dir, "new", name, error_r);
	if (rc == 0)
		rc = maildir_has(m->dir, "cur", name, error_r);
	if (rc != 0) {
		free(name);
		return rc < 0 ? rc : 0;
	}
	d = *d_r = xcalloc(1, sizeof(*d));
	d->new_dir = file_join(m->dir, "new");
	d->new = file_join(d->new_dir, name);
	d->tmp = xasprintf("%s/tmp/%s", m->dir, name);
	free(name);
	message_init(&d->message, m->ours, m->ours_ctx);
	rc = maildir_open(d, error_r);
	if (rc == 0)
		rc = maildir_head(d, m, error_r);
	if (rc < 0)
		maildir_free(d_r);
	return rc < 0 ? rc : 1;
}

int
maildir_write(
    struct maildir *d, const void *data, size_t len, struct error *error_r)
{
	const char *p = data;
	size_t n;
	int rc = 0;

	for (; rc == 0 && len > 0; p += n, len -= n) {
		n = len < MESSAGE_PIECE ? len : MESSAGE_PIECE;
		rc = message_put(&d->message, p, n, error_r);
		if (rc == 0)
			rc = maildir_put(d, &d->message.out, error_r);
	}
	return rc;
}

int
maildir_end(struct maildir *d, struct error *error_r)
{
	int rc;

	rc = message_end(&d->message, error_r);
	if (rc == 0)
		rc = maildir_put(d, &d->message.out, error_r);
	if (rc < 0)
		return rc;
	if (fault_point("rescue.fsync") || fsync(d->fd) < 0)
		return error_set_errno(
		    error_r, AG_EIO, "can't write %s", d->tmp);
	if (fault_point("rescue.rename") || rename(d->tmp, d->new) < 0)
		return error_set_errno(
		    error_r, AG_EIO, "can't make %s", d->new);
	free(d->tmp);
	d->tmp = NULL;
	return file_sync_dir(d->new_dir, "rescue", error_r);
}

void
maildir_free(struct maildir **dp)
{
	struct maildir *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	if (d->fd >= 0)
		close(d->fd);
	if (d->tmp != NULL)
		(void)unlink(d->tmp);
	message_free(&d->message);
	free(d->tmp);
	free(d->new);
	free(d->new_dir);
	free(d);
}
