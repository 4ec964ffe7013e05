/* SPDX-License-Identifier: MIT */
/*
 * openpgp_rnp - the engine that seals and opens in this process, with
 * librnp. See openpgp_engine.h.
 *
 * An FFI object a struct openpgp, so that threads share nothing. Keys to
 * seal to are loaded when they are first needed.
 *
 * SECURITY: nothing without integrity protection is opened
 * (openpgp_rnp_open.h). librnp's own messages, which may quote what a peer
 * sent, are kept from the log.
 */
#include "mail/openpgp_engine.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <rnp/rnp.h>
#include <rnp/rnp_err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/openpgp_rnp_open.h"
#include "util/buf.h"
#include "util/file.h"

#define LOADED_MAX 64 /* keys to seal to, of 60 kB each */

struct rnp_state {
	rnp_ffi_t ffi;
	char *certs; /* directory; NULL if it opens */
	unsigned loaded;
};

static pthread_once_t quiet_once = PTHREAD_ONCE_INIT;

/* "[function() ./src/file.cpp:123] what librnp wants to say\n" */
static ssize_t
stderr_write(void *ctx, const char *line, size_t len)
{
	size_t left = len;
	ssize_t n;

	(void)ctx;
	if (len > 0 && line[0] == '[' && memmem(line, len, ".cpp:", 5) != NULL)
		return (ssize_t)len;
	while (left > 0 && (n = write(STDERR_FILENO, line, left)) > 0) {
		line += n;
		left -= (size_t)n;
	}
	return (ssize_t)len;
}

/*
 * Debian's librnp writes to stdio's stderr of what it dislikes about a
 * message, and has no switch for it. glibc lets stderr be replaced: by one
 * that passes on all lines but those. (log.c does not use stdio.)
 */
static void
quiet(void)
{
	cookie_io_functions_t io = {.write = stderr_write};
	FILE *f = fopencookie(NULL, "w", io);

	if (f == NULL)
		return;
	setvbuf(f, NULL, _IOLBF, 0);
	stderr = f;
}

static const char *
engine_version(void)
{
	static char text[96];

	snprintf(text, sizeof(text), "librnp %s, %s %s", rnp_version_string(),
	    rnp_backend_string(), rnp_backend_version());
	return text;
}

static int
rnp_fail(struct error *error_r, int code, rnp_result_t err, const char *what)
{
	if (err == RNP_ERROR_OUT_OF_MEMORY)
		code = AG_ENOMEM;
	return error_set(
	    error_r, code, "%s: %s", what, rnp_result_to_string(err));
}

static void
engine_free(void *arg)
{
	struct rnp_state *st = arg;

	if (st->ffi != NULL)
		rnp_ffi_destroy(st->ffi);
	free(st->certs);
	free(st);
}

/* No key here has a passphrase. */
static bool
no_passphrase(rnp_ffi_t ffi, void *ctx, rnp_key_handle_t key,
    const char *context, char *buf, size_t len)
{
	(void)ffi;
	(void)ctx;
	(void)key;
	(void)context;
	(void)buf;
	(void)len;
	return false;
}

static int
state_new(struct rnp_state **st_r, struct error *error_r)
{
	struct rnp_state *st = calloc(1, sizeof(*st));
	int null;

	*st_r = NULL;
	if (st == NULL)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	/* First: an FFI object closes what is not stderr any more. */
	pthread_once(&quiet_once, quiet);
	if (rnp_ffi_create(&st->ffi, "GPG", "GPG") != RNP_SUCCESS ||
	    rnp_ffi_set_pass_provider(st->ffi, no_passphrase, NULL) !=
		RNP_SUCCESS) {
		engine_free(st);
		return error_set(error_r, AG_ENOMEM, "librnp can't start");
	}
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null >= 0 && rnp_ffi_set_log_fd(st->ffi, null) != RNP_SUCCESS)
		close(null);
	*st_r = st;
	return 0;
}

static int
engine_new_public(const char *dir, void **state_r, struct error *error_r)
{
	struct rnp_state *st;
	int rc;

	*state_r = NULL;
	if ((rc = state_new(&st, error_r)) < 0)
		return rc;
	/* The keys' creation may lie ahead of a clock that is wrong. */
	rnp_set_timestamp(st->ffi, UINT32_MAX);
	st->certs = file_join(dir, KEYRING_CERTS);
	*state_r = st;
	return 0;
}

static rnp_result_t
load_keys(rnp_ffi_t ffi, const struct buf *b, uint32_t what)
{
	rnp_input_t in = NULL;
	rnp_result_t err;

	err = rnp_input_from_memory(
	    &in, (const uint8_t *)buf_str(b), b->len, false);
	if (err == RNP_SUCCESS)
		err = rnp_load_keys(ffi, "GPG", in, what);
	rnp_input_destroy(in);
	return err;
}

/* Is there a secret key that needs a passphrase? Counts them, too. */
static rnp_result_t
look_at_secrets(rnp_ffi_t ffi, size_t *count_r, bool *locked_r)
{
	rnp_identifier_iterator_t it = NULL;
	rnp_key_handle_t key;
	const char *fpr;
	rnp_result_t err;
	bool have, locked;

	*count_r = 0;
	*locked_r = false;
	err = rnp_identifier_iterator_create(ffi, &it, "fingerprint");
	while (err == RNP_SUCCESS &&
	    (err = rnp_identifier_iterator_next(it, &fpr)) == RNP_SUCCESS &&
	    fpr != NULL) {
		key = NULL;
		have = locked = false;
		if (rnp_locate_key(ffi, "fingerprint", fpr, &key) ==
			RNP_SUCCESS &&
		    key != NULL &&
		    rnp_key_have_secret(key, &have) == RNP_SUCCESS && have &&
		    rnp_key_is_protected(key, &locked) == RNP_SUCCESS) {
			(*count_r)++;
			*locked_r = *locked_r || locked;
		}
		rnp_key_handle_destroy(key);
	}
	rnp_identifier_iterator_destroy(it);
	return err;
}

static int
check_secrets(rnp_ffi_t ffi, const char *path, struct error *error_r)
{
	rnp_result_t err;
	size_t count;
	bool locked;

	err = look_at_secrets(ffi, &count, &locked);
	if (err != RNP_SUCCESS)
		return rnp_fail(error_r, AG_ECRYPTO, err, path);
	if (count == 0)
		return error_set(
		    error_r, AG_EINVAL, "%s holds no OpenPGP secret key", path);
	if (locked)
		return error_set(error_r, AG_ECRYPTO,
		    "%s: this key has a passphrase; nobody would be there to "
		    "type it. Take it off first",
		    path);
	return 0;
}

static int
engine_new_secret(const struct buf *keys, const char *what, const char *scratch,
    void **state_r, struct error *error_r)
{
	struct rnp_state *st;
	rnp_result_t err;
	int rc;

	(void)scratch;
	*state_r = NULL;
	if ((rc = state_new(&st, error_r)) < 0)
		return rc;
	err = load_keys(st->ffi, keys,
	    RNP_LOAD_SAVE_SECRET_KEYS | RNP_LOAD_SAVE_PUBLIC_KEYS);
	if (err != RNP_SUCCESS)
		rc = rnp_fail(error_r, AG_EINVAL, err, what);
	else
		rc = check_secrets(st->ffi, what, error_r);
	if (rc < 0)
		engine_free(st);
	else
		*state_r = st;
	return rc;
}

/* ---- the two ends ---- */

static bool
input_read(void *io, void *data, size_t len, size_t *read_r)
{
	ssize_t n = openpgp_io_read(io, data, len);

	*read_r = n > 0 ? (size_t)n : 0;
	return n >= 0;
}

static bool
output_write(void *io, const void *data, size_t len)
{
	return openpgp_io_write(io, data, len) == 0;
}

static rnp_result_t
ends_new(struct openpgp_io *io, rnp_input_t *in_r, rnp_output_t *out_r)
{
	rnp_result_t err;

	*in_r = NULL;
	*out_r = NULL;
	err = rnp_input_from_callback(in_r, input_read, NULL, io);
	if (err != RNP_SUCCESS)
		return err;
	return rnp_output_to_callback(out_r, output_write, NULL, io);
}

/* ---- sealing ---- */

static int
load_cert(struct rnp_state *st, const char *enc_fpr, struct error *error_r)
{
	char name[OPENPGP_FPR_LEN + 8];
	rnp_result_t err;
	struct buf b;
	char *path;
	int rc;

	snprintf(name, sizeof(name), "%s.pgp", enc_fpr);
	path = file_join(st->certs, name);
	buf_init(&b, OPENPGP_KEY_MAX);
	if ((rc = file_read(path, &b, error_r)) == 0) {
		err = load_keys(st->ffi, &b, RNP_LOAD_SAVE_PUBLIC_KEYS);
		if (err != RNP_SUCCESS)
			rc = rnp_fail(error_r, AG_ECRYPTO, err, path);
		else
			st->loaded++;
	}
	buf_free(&b);
	free(path);
	return rc;
}

static int
add_recipient(struct rnp_state *st, rnp_op_encrypt_t op,
    const struct openpgp_recipient *to, struct error *error_r)
{
	rnp_key_handle_t key = NULL;
	bool valid = false;
	rnp_result_t err;
	int rc = 0;

	rnp_locate_key(st->ffi, "fingerprint", to->enc_fpr, &key);
	if (key == NULL) {
		if ((rc = load_cert(st, to->enc_fpr, error_r)) < 0)
			return rc;
		rnp_locate_key(st->ffi, "fingerprint", to->enc_fpr, &key);
	}
	if (key == NULL || rnp_key_is_valid(key, &valid) != RNP_SUCCESS ||
	    !valid)
		rc = error_set(error_r, AG_ECRYPTO,
		    "key %s: librnp can't use subkey %s", to->fpr, to->enc_fpr);
	else if ((err = rnp_op_encrypt_add_recipient(op, key)) != RNP_SUCCESS)
		rc = rnp_fail(error_r, AG_ECRYPTO, err, to->fpr);
	rnp_key_handle_destroy(key);
	return rc;
}

static rnp_result_t
set_format(rnp_op_encrypt_t op, bool armor)
{
	rnp_result_t err;

	if ((err = rnp_op_encrypt_set_cipher(op, "AES256")) != RNP_SUCCESS ||
	    (err = rnp_op_encrypt_set_aead(op, "None")) != RNP_SUCCESS ||
	    (err = rnp_op_encrypt_set_compression(op, "Uncompressed", 0)) !=
		RNP_SUCCESS ||
	    (err = rnp_op_encrypt_set_file_name(op, "")) != RNP_SUCCESS)
		return err;
	return rnp_op_encrypt_set_armor(op, armor);
}

static int
engine_seal(void *arg, const struct openpgp_recipient *const *to, size_t count,
    bool armor, struct openpgp_io *io, struct error *error_r)
{
	struct rnp_state *st = arg;
	rnp_op_encrypt_t op = NULL;
	rnp_output_t out = NULL;
	rnp_input_t in = NULL;
	rnp_result_t err;
	int rc = 0;
	size_t i;

	if (st->loaded + count > LOADED_MAX) {
		rnp_unload_keys(st->ffi, RNP_KEY_UNLOAD_PUBLIC);
		st->loaded = 0;
	}
	if ((err = ends_new(io, &in, &out)) != RNP_SUCCESS ||
	    (err = rnp_op_encrypt_create(&op, st->ffi, in, out)) !=
		RNP_SUCCESS ||
	    (err = set_format(op, armor)) != RNP_SUCCESS) {
		rc = rnp_fail(error_r, AG_ECRYPTO, err, "librnp can't seal");
		goto out;
	}
	for (i = 0; i < count && rc == 0; i++)
		rc = add_recipient(st, op, to[i], error_r);
	if (rc == 0 && (err = rnp_op_encrypt_execute(op)) != RNP_SUCCESS)
		rc = rnp_fail(error_r, AG_ECRYPTO, err, "librnp can't seal");
out:
	rnp_op_encrypt_destroy(op);
	rnp_output_destroy(out);
	rnp_input_destroy(in);
	return rc;
}

/* ---- opening ---- */

static bool
engine_owns(void *arg, const char *keyid)
{
	struct rnp_state *st = arg;
	rnp_key_handle_t key = NULL;
	bool have = false;

	if (rnp_locate_key(st->ffi, "keyid", keyid, &key) != RNP_SUCCESS ||
	    key == NULL)
		return false;
	if (rnp_key_have_secret(key, &have) != RNP_SUCCESS)
		have = false;
	rnp_key_handle_destroy(key);
	return have;
}

static int
open_failed(rnp_op_verify_t op, rnp_result_t err, struct error *error_r)
{
	rnp_recipient_handle_t used = NULL;

	if (err == RNP_ERROR_OUT_OF_MEMORY)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	if (rnp_op_verify_get_used_recipient(op, &used) == RNP_SUCCESS &&
	    used != NULL)
		return error_set(error_r, AG_ESIG, "damaged inside the seal");
	return error_set(error_r, AG_ECRYPTO, "sealed to none of our keys");
}

static int
engine_open(void *arg, struct openpgp_io *io, struct error *error_r)
{
	struct rnp_state *st = arg;
	rnp_op_verify_t op = NULL;
	rnp_output_t out = NULL;
	rnp_input_t in = NULL;
	rnp_result_t err;
	int rc = 0;

	if ((err = ends_new(io, &in, &out)) != RNP_SUCCESS ||
	    (err = openpgp_rnp_begin(st->ffi, in, out, &op)) != RNP_SUCCESS) {
		rc = rnp_fail(error_r, AG_EIO, err, "librnp can't open");
		goto out;
	}
	err = rnp_op_verify_execute(op);
	if (err != RNP_SUCCESS || !openpgp_rnp_is_protected(op))
		rc = open_failed(op, err, error_r);
out:
	rnp_op_verify_destroy(op);
	rnp_output_destroy(out);
	rnp_input_destroy(in);
	return rc;
}

const struct openpgp_ops openpgp_rnp_ops = {
    .name = "rnp",
    .version = engine_version,
    .new_public = engine_new_public,
    .new_secret = engine_new_secret,
    .free = engine_free,
    .owns = engine_owns,
    .seal = engine_seal,
    .open = engine_open,
};
