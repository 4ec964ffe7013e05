/* SPDX-License-Identifier: MIT */
/*
 * unlock - the key, and what it opens. See unlock.h.
 */
#include "dovecot-plugin/unlock.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <rnp/rnp.h>
#include <rnp/rnp_err.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dovecot-plugin/quiet.h"
#include "mail/openpgp_rnp_open.h"

struct unlock {
	char *path;
	char *pass; /* sodium_malloc'ed, or NULL */
	rnp_ffi_t ffi;
	enum unlock_state state;
	char error[UNLOCK_ERROR_MAX];
};

/* ---- the key ---- */

struct unlock *
unlock_new(const char *path, const char *pass)
{
	struct unlock *u = calloc(1, sizeof(*u));

	if (u == NULL || sodium_init() < 0 || (u->path = strdup(path)) == NULL)
		goto fail;
	if (pass != NULL && *pass != '\0') {
		u->pass = sodium_malloc(strlen(pass) + 1);
		if (u->pass == NULL)
			goto fail;
		memcpy(u->pass, pass, strlen(pass) + 1);
	}
	return u;
fail:
	unlock_free(&u);
	return NULL;
}

static void
forget_pass(struct unlock *u)
{
	sodium_free(u->pass); /* wipes it */
	u->pass = NULL;
}

void
unlock_free(struct unlock **up)
{
	struct unlock *u = *up;
	FILE *before;

	*up = NULL;
	if (u == NULL)
		return;
	forget_pass(u);
	before = quiet_begin();
	if (u->ffi != NULL)
		rnp_ffi_destroy(u->ffi);
	quiet_end(before);
	free(u->path);
	free(u);
}

const char *
unlock_error(const struct unlock *u)
{
	return u->error;
}

static enum unlock_state
not_ready(struct unlock *u, enum unlock_state state, const char *why)
{
	snprintf(u->error, sizeof(u->error), "%s: %s", u->path, why);
	return state;
}

/* Nobody asks for a passphrase behind our back. */
static bool
no_pass(rnp_ffi_t ffi, void *ctx, rnp_key_handle_t key, const char *what,
    char *buf, size_t len)
{
	(void)ffi;
	(void)ctx;
	(void)key;
	(void)what;
	(void)buf;
	(void)len;
	return false;
}

/* The file, whole; closed to others. NULL with errno. */
static char *
read_key(const char *path, size_t *len_r)
{
	char *data = NULL;
	struct stat st;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (st.st_mode & 077) != 0) {
		errno = EPERM;
	} else if (st.st_size == 0 || st.st_size > UNLOCK_KEY_MAX) {
		errno = EFBIG;
	} else if ((data = malloc((size_t)st.st_size)) != NULL) {
		n = read(fd, data, (size_t)st.st_size);
		*len_r = n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return data;
}

static rnp_result_t
load_key(struct unlock *u, const char *data, size_t len)
{
	rnp_input_t in = NULL;
	rnp_result_t err;

	err = rnp_ffi_create(&u->ffi, "GPG", "GPG");
	if (err == RNP_SUCCESS)
		err = rnp_ffi_set_pass_provider(u->ffi, no_pass, NULL);
	if (err == RNP_SUCCESS)
		err = rnp_input_from_memory(
		    &in, (const uint8_t *)data, len, false);
	if (err == RNP_SUCCESS)
		err = rnp_load_keys(u->ffi, "GPG", in,
		    RNP_LOAD_SAVE_PUBLIC_KEYS | RNP_LOAD_SAVE_SECRET_KEYS);
	rnp_input_destroy(in);
	return err;
}

/* A secret key that decrypts: is it unlocked now? */
static rnp_result_t
unlock_key(struct unlock *u, rnp_key_handle_t key, unsigned *ready)
{
	bool have = false, encrypts = false, locked = false;
	rnp_result_t err = RNP_SUCCESS;

	if (rnp_key_have_secret(key, &have) != RNP_SUCCESS || !have ||
	    rnp_key_allows_usage(key, "encrypt", &encrypts) != RNP_SUCCESS ||
	    !encrypts)
		return RNP_SUCCESS;
	if (rnp_key_is_locked(key, &locked) != RNP_SUCCESS)
		return RNP_SUCCESS;
	if (locked)
		err = u->pass == NULL ? RNP_ERROR_BAD_PASSWORD
				      : rnp_key_unlock(key, u->pass);
	*ready += err == RNP_SUCCESS ? 1 : 0;
	return err;
}

/* All of the file, so that mail to an older key is opened as well; the
 * first that resists ends it, for each try is expensive. */
static rnp_result_t
unlock_keys(struct unlock *u, unsigned *ready)
{
	rnp_identifier_iterator_t it = NULL;
	rnp_key_handle_t key;
	const char *fpr;
	rnp_result_t err;

	err = rnp_identifier_iterator_create(u->ffi, &it, "fingerprint");
	while (err == RNP_SUCCESS &&
	    rnp_identifier_iterator_next(it, &fpr) == RNP_SUCCESS &&
	    fpr != NULL) {
		key = NULL;
		if (rnp_locate_key(u->ffi, "fingerprint", fpr, &key) ==
			RNP_SUCCESS &&
		    key != NULL)
			err = unlock_key(u, key, ready);
		rnp_key_handle_destroy(key);
	}
	rnp_identifier_iterator_destroy(it);
	return err;
}

static enum unlock_state
unlock_data(struct unlock *u, const char *data, size_t len)
{
	unsigned ready = 0;
	rnp_result_t err;

	err = load_key(u, data, len);
	if (err != RNP_SUCCESS)
		return not_ready(u, UNLOCK_BAD_KEY, rnp_result_to_string(err));
	err = unlock_keys(u, &ready);
	if (err != RNP_SUCCESS && ready == 0)
		return u->pass == NULL
		    ? not_ready(u, UNLOCK_NO_PASS,
			  "it has a passphrase, and this session has none")
		    : not_ready(u, UNLOCK_WRONG_PASS,
			  "this session's password does not open it");
	if (ready == 0)
		return not_ready(
		    u, UNLOCK_BAD_KEY, "it holds no secret key that decrypts");
	return UNLOCK_READY;
}

static enum unlock_state
unlock_file(struct unlock *u)
{
	enum unlock_state state;
	size_t len = 0;
	char *data = read_key(u->path, &len);
	FILE *before;

	if (data == NULL && (errno == ENOENT || errno == ENOTDIR))
		return not_ready(u, UNLOCK_NO_KEY, strerror(errno));
	if (data == NULL)
		return not_ready(u, UNLOCK_BAD_KEY,
		    errno == EPERM ? "it must be a file that only its owner "
				     "can read (chmod 600)"
				   : strerror(errno));
	before = quiet_begin();
	state = unlock_data(u, data, len);
	quiet_end(before);
	explicit_bzero(data, len);
	free(data);
	return state;
}

enum unlock_state
unlock_try(struct unlock *u)
{
	if (u->state == UNLOCK_UNTRIED) {
		u->state = unlock_file(u);
		forget_pass(u);
	}
	return u->state;
}

/* ---- a mail ---- */

struct pass { /* one mail's way through */
	const struct unlock_io *io;
	uint64_t in, out;
	bool too_much;
};

static bool
pass_read(void *ctx, void *data, size_t len, size_t *read_r)
{
	struct pass *p = ctx;
	ssize_t n = p->io->read(p->io->ctx, data, len);

	*read_r = n > 0 ? (size_t)n : 0;
	p->in += *read_r;
	return n >= 0;
}

static bool
pass_write(void *ctx, const void *data, size_t len)
{
	struct pass *p = ctx;

	p->out += len;
	p->too_much = p->out > p->in;
	return !p->too_much && p->io->write(p->io->ctx, data, len) == 0;
}

static rnp_result_t
run(struct unlock *u, struct pass *p, bool *protected_r)
{
	rnp_op_verify_t op = NULL;
	rnp_output_t out = NULL;
	rnp_input_t in = NULL;
	rnp_result_t err;

	*protected_r = false;
	err = rnp_input_from_callback(&in, pass_read, NULL, p);
	if (err == RNP_SUCCESS)
		err = rnp_output_to_callback(&out, pass_write, NULL, p);
	if (err == RNP_SUCCESS)
		err = openpgp_rnp_begin(u->ffi, in, out, &op);
	if (err == RNP_SUCCESS)
		err = rnp_op_verify_execute(op);
	if (err == RNP_SUCCESS)
		*protected_r = openpgp_rnp_is_protected(op);
	rnp_op_verify_destroy(op);
	rnp_output_destroy(out);
	rnp_input_destroy(in);
	return err;
}

enum unlock_result
unlock_open(struct unlock *u, const struct unlock_io *io,
    char error_r[UNLOCK_ERROR_MAX])
{
	struct pass p = {.io = io};
	bool is_good;
	rnp_result_t err;
	FILE *before;

	error_r[0] = '\0';
	if (unlock_try(u) != UNLOCK_READY)
		return UNLOCK_LOCKED;
	before = quiet_begin();
	err = run(u, &p, &is_good);
	quiet_end(before);
	if (err == RNP_SUCCESS && is_good && p.out > 0)
		return UNLOCK_OPENED;
	snprintf(error_r, UNLOCK_ERROR_MAX, "%s",
	    p.too_much		     ? "more comes out than went in"
		: err != RNP_SUCCESS ? rnp_result_to_string(err)
		: !is_good	     ? "no integrity protection"
				     : "nothing is in it");
	return UNLOCK_FAILED;
}
