/* SPDX-License-Identifier: MIT */
/*
 * wrap - a message sealed to its mailbox's key, in a file; see wrap.h.
 *
 * The engine's thread writes while it runs, and the caller's before and
 * after (pgpmime.h): never both. The last of them frees it.
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "milter/pgpmime.h"
#include "milter/wrap.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define NAME_SIZE 16 /* bytes of a wrapper's own name */
#define ARMOR "-----BEGIN PGP MESSAGE-----\n"

struct wrap {
	struct sealer *sealer;
	struct pgpmime *pgpmime; /* the caller's */
	atomic_uint refs;
	int fd;
	struct sealed_part part;
};

/* ---- the file ---- */

static int
make_file(const char *dir)
{
	char *path = file_join(dir, "wrap.XXXXXX");
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0 || unlink(path) < 0)
		log_warn("can't make a file dir=%s error=%m", dir);
	free(path);
	return fd;
}

static void
unref(struct wrap *w)
{
	struct sealer *sealer = w->sealer;

	if (atomic_fetch_sub(&w->refs, 1) > 1)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w);
	sealer_leave(sealer);
}

static enum answer
write_out(void *ctx, const void *data, size_t len)
{
	struct wrap *w = ctx;

	if (file_write_all(w->fd, data, len) < 0) {
		log_warn("can't write what was sealed error=%m");
		return ANSWER_TROUBLE;
	}
	return sealed_part_put(&w->part, data, len) < 0 ? ANSWER_TROUBLE
							: ANSWER_OK;
}

static void
release(void *ctx)
{
	unref(ctx);
}

/* ---- the caller's ---- */

static enum answer
start(struct wrap *w, struct network *net, const char *fpr, int64_t now)
{
	uint8_t random[NAME_SIZE];
	char name[2 * NAME_SIZE + 1];
	const struct pgpmime_request req = {
	    .net = net,
	    .fpr = fpr,
	    .name = name,
	    .now = now,
	    .timeout_ms = sealer_conf(w->sealer)->sealing_timeout * 1000,
	    .out = {write_out, release, w},
	};

	randombytes_buf(random, sizeof(random));
	text_hex(random, sizeof(random), name);
	sealed_part_init(&w->part, NULL, NULL);
	atomic_fetch_add(&w->refs, 1);
	w->pgpmime = pgpmime_new(w->sealer, &req);
	return w->pgpmime != NULL ? ANSWER_OK : ANSWER_TROUBLE;
}

enum answer
wrap_new(struct sealer *sealer, struct network *net, const char *fpr,
    int64_t now, struct wrap **w_r)
{
	enum answer a = ANSWER_TROUBLE;
	struct wrap *w;

	*w_r = NULL;
	if (!sealer_enter(sealer))
		return ANSWER_BUSY;
	if ((w = calloc(1, sizeof(*w))) == NULL) {
		sealer_leave(sealer);
		return a;
	}
	w->sealer = sealer;
	atomic_init(&w->refs, 1);
	w->fd = make_file(sealer_tmp_dir(sealer));
	if (w->fd >= 0)
		a = start(w, net, fpr, now);
	if (a == ANSWER_OK)
		*w_r = w;
	else
		wrap_free(&w);
	return a;
}

enum answer
wrap_push(struct wrap *w, const void *data, size_t len)
{
	return pgpmime_push(w->pgpmime, data, len);
}

enum answer
wrap_end(struct wrap *w, uint8_t hash_r[SEALED_HASH_SIZE])
{
	enum answer a = pgpmime_end(w->pgpmime);

	if (a == ANSWER_OK && sealed_part_end(&w->part, hash_r) < 0)
		a = ANSWER_TROUBLE;
	if (a == ANSWER_OK && lseek(w->fd, 0, SEEK_SET) != 0)
		a = ANSWER_TROUBLE;
	return a;
}

ssize_t
wrap_read(struct wrap *w, void *data, size_t len)
{
	ssize_t n = read(w->fd, data, len);

	return n < 0 ? AG_EIO : n;
}

void
wrap_free(struct wrap **wp)
{
	struct wrap *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	pgpmime_free(&w->pgpmime);
	unref(w);
}

/* ---- is it sealed already? ---- */

static int
look_line(void *ctx, const void *data, size_t len)
{
	struct wrap_look *l = ctx;

	if (l->found == AG_EAGAIN && len > 1)
		l->found =
		    len == strlen(ARMOR) && memcmp(data, ARMOR, len) == 0;
	return 0;
}

void
wrap_look_init(struct wrap_look *l)
{
	l->found = AG_EAGAIN;
	sealed_part_init(&l->part, look_line, l);
}

int
wrap_look_put(struct wrap_look *l, const void *data, size_t len)
{
	if (l->found != AG_EAGAIN)
		return l->found;
	if (sealed_part_put(&l->part, data, len) < 0 ||
	    (l->part.state == SEALED_DONE && l->found == AG_EAGAIN))
		l->found = 0;
	return l->found;
}
