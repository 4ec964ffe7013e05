/* SPDX-License-Identifier: MIT */
/*
 * openpgp - sealing and opening: what is the same for both engines. See
 * openpgp.h and openpgp_engine.h.
 *
 * It trusts no engine's word that all went well: what was sealed must
 * have the form of a sealed message, to the very subkeys that were asked
 * for; what is opened must have that form, too, and must not grow (a
 * sealed message is longer than what is in it, unless it was compressed).
 */
#include "mail/openpgp.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "mail/openpgp_engine.h"
#include "util/file.h"
#include "util/text.h"

#define DRAIN_CHUNK 4096

struct openpgp {
	const struct openpgp_ops *ops;
	void *state;
	struct openpgp_recipient *keys; /* sorted by fpr */
	size_t key_count;
};

static const struct openpgp_ops *
engine_ops(enum openpgp_engine engine)
{
#ifdef HAVE_RNP
	if (engine == OPENPGP_AUTO || engine == OPENPGP_RNP)
		return &openpgp_rnp_ops;
#else
	if (engine == OPENPGP_RNP)
		return NULL;
#endif
	return &openpgp_gpgme_ops;
}

const char *
openpgp_engine_version(enum openpgp_engine engine)
{
	const struct openpgp_ops *ops = engine_ops(engine);

	return ops == NULL ? "not built in" : ops->version();
}

const char *
openpgp_engine_name(const struct openpgp *pgp)
{
	return pgp->ops->name;
}

/* ---- the two ends ---- */

static int
io_fail(struct openpgp_io *io, int err, const char *why)
{
	io->err = err;
	io->why = why;
	return err;
}

ssize_t
openpgp_io_read(struct openpgp_io *io, void *data, size_t len)
{
	ssize_t n;

	if (io->err < 0)
		return io->err;
	if (io->at_end)
		return 0;
	n = io->in->read(io->in->ctx, data, len);
	if (n < 0)
		return io_fail(io, (int)n, NULL);
	io->at_end = n == 0;
	io->in_bytes += (uint64_t)n;
	if (io->check_in == NULL)
		return n;
	if ((n > 0 && openpgp_frame_feed(io->check_in, data, (size_t)n) < 0) ||
	    (n == 0 && openpgp_frame_finish(io->check_in) < 0))
		return io_fail(io, AG_ESIG, io->check_in->why);
	return n;
}

int
openpgp_io_write(struct openpgp_io *io, const void *data, size_t len)
{
	int rc;

	if (io->err < 0)
		return io->err;
	io->out_bytes += len;
	if (io->no_growth && io->out_bytes > io->in_bytes)
		return io_fail(io, AG_ESIG, "more inside than outside");
	if (io->check_out != NULL &&
	    openpgp_frame_feed(io->check_out, data, len) < 0)
		return io_fail(io, AG_ECRYPTO, io->check_out->why);
	rc = io->out->write(io->out->ctx, data, len);
	return rc < 0 ? io_fail(io, rc, NULL) : 0;
}

/* What an operation that the engine answered with rc comes to. */
static int
io_result(const struct openpgp_io *io, int rc, const char *what,
    struct error *error_r)
{
	if (io->err == 0)
		return rc;
	return error_set(error_r, io->err, "%s: %s", what,
	    io->why != NULL ? io->why : error_name(io->err));
}

/* ---- objects ---- */

static int
openpgp_alloc(
    enum openpgp_engine engine, struct openpgp **pgp_r, struct error *error_r)
{
	const struct openpgp_ops *ops = engine_ops(engine);

	*pgp_r = NULL;
	if (ops == NULL)
		return error_set(error_r, AG_ENOENT,
		    "this build has no RNP engine; use gpgme");
	*pgp_r = calloc(1, sizeof(**pgp_r));
	if (*pgp_r == NULL)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	(*pgp_r)->ops = ops;
	return 0;
}

int
openpgp_new_public(enum openpgp_engine engine, const char *keys,
    struct openpgp **pgp_r, struct error *error_r)
{
	struct openpgp *pgp;
	char *dir = NULL;
	int rc;

	if ((rc = openpgp_alloc(engine, pgp_r, error_r)) < 0)
		return rc;
	pgp = *pgp_r;
	/* The name may be switched to newer keys while this object lives;
	 * its list and its certificates must be of one making. */
	dir = realpath(keys, NULL);
	if (dir == NULL)
		rc = error_set_errno(error_r,
		    errno == ENOENT ? AG_ENOENT : AG_EIO, "sealing keys in %s",
		    keys);
	else if ((rc = openpgp_keyring_load(
		      dir, &pgp->keys, &pgp->key_count, error_r)) == 0)
		rc = pgp->ops->new_public(dir, &pgp->state, error_r);
	free(dir);
	if (rc < 0)
		openpgp_free(pgp_r);
	return rc;
}

int
openpgp_new_secrets(enum openpgp_engine engine, const char *secret_path,
    const char *more_path, const char *scratch, struct openpgp **pgp_r,
    struct error *error_r)
{
	struct buf keys;
	int rc;

	if ((rc = openpgp_alloc(engine, pgp_r, error_r)) < 0)
		return rc;
	buf_init(&keys, OPENPGP_SECRETS_MAX);
	rc = file_read(secret_path, &keys, error_r);
	if (rc == 0 && more_path != NULL && access(more_path, F_OK) == 0)
		rc = file_read(more_path, &keys, error_r);
	if (rc == 0)
		rc = (*pgp_r)->ops->new_secret(
		    &keys, secret_path, scratch, &(*pgp_r)->state, error_r);
	buf_wipe(&keys);
	if (rc < 0)
		openpgp_free(pgp_r);
	return rc;
}

int
openpgp_new_secret(enum openpgp_engine engine, const char *secret_path,
    const char *scratch, struct openpgp **pgp_r, struct error *error_r)
{
	return openpgp_new_secrets(
	    engine, secret_path, NULL, scratch, pgp_r, error_r);
}

void
openpgp_free(struct openpgp **pgp)
{
	if (*pgp == NULL)
		return;
	if ((*pgp)->state != NULL)
		(*pgp)->ops->free((*pgp)->state);
	free((*pgp)->keys);
	free(*pgp);
	*pgp = NULL;
}

/* ---- sealing ---- */

static int
compare_recipient(const void *fpr, const void *recipient)
{
	const struct openpgp_recipient *r = recipient;

	return strcasecmp(fpr, r->fpr);
}

static int
find_recipient(const struct openpgp *pgp, const char *fpr,
    const struct openpgp_recipient **r, struct error *error_r)
{
	*r = NULL;
	if (pgp->key_count > 0)
		*r = bsearch(fpr, pgp->keys, pgp->key_count, sizeof(*pgp->keys),
		    compare_recipient);
	if (*r == NULL)
		return error_set(
		    error_r, AG_ECRYPTO, "key %s is not known", fpr);
	if ((*r)->why[0] != '\0')
		return error_set(
		    error_r, AG_ECRYPTO, "key %s: %s", fpr, (*r)->why);
	return 0;
}

int
openpgp_usable(struct openpgp *pgp, const char *fpr, struct error *error_r)
{
	const struct openpgp_recipient *r;

	return find_recipient(pgp, fpr, &r, error_r);
}

/* Is the subkey's ID (the end of its fingerprint) among the frame's? */
static bool
frame_names(const struct openpgp_frame *f, const struct openpgp_recipient *r)
{
	char hex[2 * FRAME_KEYID_SIZE + 1];
	unsigned i;

	for (i = 0; i < f->recipients; i++) {
		text_hex(f->keyid[i], FRAME_KEYID_SIZE, hex);
		if (strcasecmp(hex,
			r->enc_fpr + OPENPGP_FPR_LEN - 2 * FRAME_KEYID_SIZE) ==
		    0)
			return true;
	}
	return false;
}

/* SPEC B-5.1 and B-5.2. After the engine's success: was all of it sealed,
 * to these alone? */
static int
check_sealed(const struct openpgp_io *io,
    const struct openpgp_recipient *const *to, size_t count,
    struct error *error_r)
{
	struct openpgp_frame *f = io->check_out;
	size_t i;

	if (!io->at_end)
		return error_set(
		    error_r, AG_EIO, "the engine ended before the message");
	if (f == NULL)
		return 0;
	if (openpgp_frame_finish(f) < 0)
		return error_set(
		    error_r, AG_EIO, "the engine's output is %s", f->why);
	if (f->recipients != count)
		return error_set(error_r, AG_ECRYPTO,
		    "sealed to %u keys, not %zu", f->recipients, count);
	for (i = 0; i < count; i++)
		if (!frame_names(f, to[i]))
			return error_set(error_r, AG_ECRYPTO,
			    "not sealed to key %s", to[i]->fpr);
	return 0;
}

int
openpgp_seal(struct openpgp *pgp, const char *fpr1, const char *fpr2,
    bool armor, const struct openpgp_source *in, const struct openpgp_sink *out,
    struct error *error_r)
{
	const struct openpgp_recipient *to[2];
	struct openpgp_io io = {.in = in, .out = out};
	struct openpgp_frame frame;
	size_t count = 1;
	int rc;

	if ((rc = find_recipient(pgp, fpr1, &to[0], error_r)) < 0)
		return rc;
	if (fpr2 != NULL) {
		if ((rc = find_recipient(pgp, fpr2, &to[1], error_r)) < 0)
			return rc;
		if (strcmp(to[0]->enc_fpr, to[1]->enc_fpr) != 0)
			count = 2;
	}
	openpgp_frame_init(&frame);
	if (!armor)
		io.check_out = &frame;
	rc = pgp->ops->seal(pgp->state, to, count, armor, &io, error_r);
	rc = io_result(&io, rc, "sealing", error_r);
	return rc < 0 ? rc : check_sealed(&io, to, count, error_r);
}

/* ---- opening ---- */

/* SPEC B-5.5: an engine may stop at the message's end; nothing may follow
 * it. */
static void
drain(struct openpgp_io *io)
{
	char chunk[DRAIN_CHUNK];

	while (openpgp_io_read(io, chunk, sizeof(chunk)) > 0)
		;
}

/* Is it sealed to one of our keys, by what its frame says? */
static bool
frame_is_ours(const struct openpgp *pgp, const struct openpgp_frame *f)
{
	char hex[2 * FRAME_KEYID_SIZE + 1];
	unsigned i;

	for (i = 0; i < f->recipients; i++) {
		text_hex(f->keyid[i], FRAME_KEYID_SIZE, hex);
		if (pgp->ops->owns(pgp->state, hex))
			return true;
	}
	return false;
}

int
openpgp_open(struct openpgp *pgp, const struct openpgp_source *in,
    const struct openpgp_sink *out, struct error *error_r)
{
	struct openpgp_frame frame;
	struct openpgp_io io = {
	    .in = in, .out = out, .check_in = &frame, .no_growth = true};
	int rc;

	openpgp_frame_init(&frame);
	rc = pgp->ops->open(pgp->state, &io, error_r);
	if (rc == 0)
		drain(&io);
	else if (rc == AG_ECRYPTO && frame_is_ours(pgp, &frame))
		rc = error_set(
		    error_r, AG_ESIG, "damaged: the session key for us");
	return io_result(&io, rc, "opening", error_r);
}
