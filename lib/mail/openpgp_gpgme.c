/* SPDX-License-Identifier: MIT */
/*
 * openpgp_gpgme - the engine that runs GnuPG, through GPGME. See
 * openpgp_engine.h.
 *
 * A gpg process a message, fed and read through pipes; one context, kept.
 * Sealing takes no key lookup: subkeys are given by fingerprint. Opening
 * needs gpg-agent, which lives from the first message until
 * openpgp_free().
 *
 * SECURITY: success is what gpg's status lines say, each of them wanted
 * by name. Neither a return value of GPGME nor silence is taken for it.
 */
#include "mail/openpgp_engine.h"

#include <errno.h>
#include <gpgme.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/openpgp_home.h"
#include "util/file.h"

#define MDC_METHOD_SEIPD 2 /* DECRYPTION_INFO: SHA-1, as in SEIPD 1 */

struct gpgme_state {
	struct openpgp_home home; /* of secret keys */
	struct openpgp_status status;
	gpgme_ctx_t ctx;
};

static const char *
engine_version(void)
{
	static char text[96];
	gpgme_engine_info_t info;

	if (openpgp_home_init(NULL) < 0 || gpgme_get_engine_info(&info) != 0)
		return "gpg not found";
	while (info != NULL && info->protocol != GPGME_PROTOCOL_OpenPGP)
		info = info->next;
	snprintf(text, sizeof(text), "GPGME %s, GnuPG %s",
	    gpgme_check_version(NULL),
	    info == NULL || info->version == NULL ? "?" : info->version);
	return text;
}

static void
engine_free(void *arg)
{
	struct gpgme_state *st = arg;

	if (st->ctx != NULL)
		gpgme_release(st->ctx);
	openpgp_home_remove(&st->home);
	free(st);
}

static int
engine_new_public(const char *dir, void **state_r, struct error *error_r)
{
	struct gpgme_state *st;
	char *home;
	int rc;

	*state_r = NULL;
	if ((rc = openpgp_home_init(error_r)) < 0)
		return rc;
	if ((st = calloc(1, sizeof(*st))) == NULL)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	home = file_join(dir, KEYRING_GNUPG);
	rc = openpgp_home_context(home, &st->status, &st->ctx, error_r);
	free(home);
	if (rc < 0)
		engine_free(st);
	else
		*state_r = st;
	return rc;
}

static int
engine_new_secret(const char *secret_path, const char *scratch, void **state_r,
    struct error *error_r)
{
	struct gpgme_state *st;
	int rc;

	*state_r = NULL;
	if ((st = calloc(1, sizeof(*st))) == NULL)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	if ((rc = openpgp_home_make(scratch, HOME_SECRET, &st->home, error_r)) <
		0 ||
	    (rc = openpgp_home_context(
		 st->home.path, &st->status, &st->ctx, error_r)) < 0 ||
	    (rc = openpgp_home_import_secret(st->ctx, secret_path, error_r)) <
		0)
		engine_free(st);
	else
		*state_r = st;
	return rc;
}

/* ---- the two ends ---- */

static ssize_t
data_read(void *io, void *data, size_t len)
{
	ssize_t n = openpgp_io_read(io, data, len);

	if (n >= 0)
		return n;
	errno = ECANCELED; /* io keeps the true error */
	return -1;
}

static ssize_t
data_write(void *io, const void *data, size_t len)
{
	if (openpgp_io_write(io, data, len) == 0)
		return (ssize_t)len;
	errno = ECANCELED;
	return -1;
}

static struct gpgme_data_cbs source_cbs = {.read = data_read};
static struct gpgme_data_cbs sink_cbs = {.write = data_write};

static gpgme_error_t
data_new(struct openpgp_io *io, gpgme_data_t *in_r, gpgme_data_t *out_r)
{
	gpgme_error_t err;

	*in_r = *out_r = NULL;
	if ((err = gpgme_data_new_from_cbs(in_r, &source_cbs, io)) != 0 ||
	    (err = gpgme_data_new_from_cbs(out_r, &sink_cbs, io)) != 0)
		return err;
	/* GPGME's own are 512 bytes. */
	gpgme_data_set_flag(*in_r, "io-buffer-size", "32768");
	gpgme_data_set_flag(*out_r, "io-buffer-size", "32768");
	gpgme_data_set_flag(*in_r, "sensitive", "1");
	gpgme_data_set_flag(*out_r, "sensitive", "1");
	return 0;
}

/* ---- sealing ---- */

static int
engine_seal(void *arg, const struct openpgp_recipient *const *to, size_t count,
    bool armor, struct openpgp_io *io, struct error *error_r)
{
	struct gpgme_state *st = arg;
	char names[2 * (OPENPGP_FPR_LEN + 2) + 1];
	gpgme_data_t in, out;
	gpgme_error_t err;

	/* "!": this subkey and no other. */
	snprintf(names, sizeof(names), "%s!\n%s%s", to[0]->enc_fpr,
	    count > 1 ? to[1]->enc_fpr : "", count > 1 ? "!\n" : "");
	memset(&st->status, 0, sizeof(st->status));
	gpgme_set_armor(st->ctx, armor);
	if ((err = data_new(io, &in, &out)) == 0)
		err = gpgme_op_encrypt_ext(st->ctx, NULL, names,
		    GPGME_ENCRYPT_ALWAYS_TRUST | GPGME_ENCRYPT_NO_ENCRYPT_TO |
			GPGME_ENCRYPT_NO_COMPRESS,
		    in, out);
	gpgme_data_release(in);
	gpgme_data_release(out);
	if (err != 0)
		return openpgp_home_fail(
		    error_r, AG_ECRYPTO, err, "gpg can't seal");
	if (!st->status.end_encryption)
		return error_set(
		    error_r, AG_EIO, "gpg ended before it had sealed");
	return 0;
}

/* ---- opening ---- */

/* Why gpg did not say that all is well. What may be this machine's fault
 * is AG_EIO: the message may be good. */
static int
open_failed(
    const struct openpgp_status *st, gpgme_error_t err, struct error *error_r)
{
	if (st->have_session_key && st->decryption_failed)
		return error_set(error_r, AG_ESIG, "damaged inside the seal");
	if (st->have_session_key && st->mdc_method != MDC_METHOD_SEIPD)
		return error_set(
		    error_r, AG_ESIG, "sealed without integrity protection");
	if (!st->have_session_key && st->decryption_failed && st->no_seckey)
		return error_set(
		    error_r, AG_ECRYPTO, "sealed to none of our keys");
	return openpgp_home_fail(error_r, AG_EIO, err, "gpg can't open");
}

static int
engine_open(void *arg, struct openpgp_io *io, struct error *error_r)
{
	struct gpgme_state *st = arg;
	gpgme_data_t in, out;
	gpgme_error_t err;

	memset(&st->status, 0, sizeof(st->status));
	if ((err = data_new(io, &in, &out)) == 0)
		err = gpgme_op_decrypt(st->ctx, in, out);
	gpgme_data_release(in);
	gpgme_data_release(out);
	if (err == 0 && st->status.decryption_okay && st->status.good_mdc &&
	    !st->status.decryption_failed &&
	    st->status.mdc_method == MDC_METHOD_SEIPD)
		return 0;
	return open_failed(&st->status, err, error_r);
}

const struct openpgp_ops openpgp_gpgme_ops = {
    .name = "gpgme",
    .version = engine_version,
    .new_public = engine_new_public,
    .new_secret = engine_new_secret,
    .free = engine_free,
    .seal = engine_seal,
    .open = engine_open,
};
