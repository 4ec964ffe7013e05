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
#include <strings.h>

#include "mail/openpgp_agent.h"
#include "mail/openpgp_home.h"
#include "util/file.h"

#define MDC_METHOD_SEIPD 2 /* DECRYPTION_INFO: SHA-1, as in SEIPD 1 */

#define OWN_KEYS_MAX 64

struct gpgme_state {
	struct openpgp_session s;
	/* The secret subkeys' IDs: what gpg should have been able to open. */
	unsigned own_count;
	char own[OWN_KEYS_MAX][STATUS_KEYID_LEN + 1];
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

	openpgp_session_close(&st->s);
	free(st);
}

static int
engine_new_public(const char *dir, void **state_r, struct error *error_r)
{
	struct gpgme_state *st = calloc(1, sizeof(*st));
	char *home = file_join(dir, KEYRING_GNUPG);
	int rc;

	*state_r = NULL;
	if (st == NULL)
		rc = error_set(error_r, AG_ENOMEM, "out of memory");
	else if ((rc = openpgp_session_open_in(&st->s, home, error_r)) < 0)
		engine_free(st);
	else
		*state_r = st;
	free(home);
	return rc;
}

static void
note_own(struct gpgme_state *st, gpgme_key_t key)
{
	const struct _gpgme_subkey *sub;

	for (sub = key->subkeys; sub != NULL; sub = sub->next)
		if (sub->secret && st->own_count < OWN_KEYS_MAX)
			snprintf(st->own[st->own_count++], STATUS_KEYID_LEN + 1,
			    "%s", sub->keyid);
}

static int
list_own(struct gpgme_state *st, struct error *error_r)
{
	struct openpgp_session s;
	gpgme_error_t err;
	gpgme_key_t key;
	int rc;

	rc = openpgp_session_open_in(&s, st->s.home.path, error_r);
	if (rc < 0)
		goto out;
	err = gpgme_op_keylist_start(s.ctx, NULL, 1);
	while (err == 0 && (err = gpgme_op_keylist_next(s.ctx, &key)) == 0) {
		note_own(st, key);
		gpgme_key_unref(key);
	}
	if (gpgme_err_code(err) != GPG_ERR_EOF || st->own_count == 0)
		rc = openpgp_session_fail(
		    error_r, AG_EIO, err, "gpg can't list its secret keys");
out:
	openpgp_session_close(&s);
	return rc;
}

static bool
engine_owns(void *arg, const char *keyid)
{
	struct gpgme_state *st = arg;
	unsigned i;

	for (i = 0; i < st->own_count; i++)
		if (strcasecmp(st->own[i], keyid) == 0)
			return true;
	return false;
}

static int
engine_new_secret(const struct buf *keys, const char *what, const char *scratch,
    void **state_r, struct error *error_r)
{
	struct gpgme_state *st = calloc(1, sizeof(*st));
	int rc;

	*state_r = NULL;
	if (st == NULL)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	if ((rc = openpgp_session_open(&st->s, scratch, HOME_SECRET, error_r)) <
		0 ||
	    (rc = openpgp_session_import_secrets(&st->s, keys, what, error_r)) <
		0 ||
	    (rc = list_own(st, error_r)) < 0)
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
	gpgme_ctx_t ctx = openpgp_session_begin_wait(&st->s);
	char names[2 * (OPENPGP_FPR_LEN + 2) + 1];
	gpgme_data_t in, out;
	gpgme_error_t err;

	/* "!": this subkey and no other. */
	snprintf(names, sizeof(names), "%s!\n%s%s", to[0]->enc_fpr,
	    count > 1 ? to[1]->enc_fpr : "", count > 1 ? "!\n" : "");
	gpgme_set_armor(ctx, armor);
	if ((err = data_new(io, &in, &out)) == 0)
		err = openpgp_session_wait(&st->s,
		    gpgme_op_encrypt_ext_start(ctx, NULL, names,
			GPGME_ENCRYPT_ALWAYS_TRUST |
			    GPGME_ENCRYPT_NO_ENCRYPT_TO |
			    GPGME_ENCRYPT_NO_COMPRESS,
			in, out));
	gpgme_data_release(in);
	gpgme_data_release(out);
	if (err != 0)
		return openpgp_session_fail(
		    error_r, AG_ECRYPTO, err, "gpg can't seal");
	if (!st->s.status.end_encryption)
		return error_set(
		    error_r, AG_EIO, "gpg ended before it had sealed");
	return 0;
}

/* ---- opening ---- */

/* Was it not the session keys, but the agent, that gpg could not use? What
 * it says of a secret key that it missed is the same for both. */
static bool
agent_failed(struct gpgme_state *st)
{
	const struct openpgp_status *status = &st->s.status;
	unsigned i;

	if (status->pkdecrypt != 0 && status->pkdecrypt != GPG_ERR_NO_SECKEY)
		return openpgp_session_is_system(status->pkdecrypt);
	for (i = 0; i < status->no_seckeys; i++)
		if (engine_owns(st, status->no_seckey[i]))
			return openpgp_agent_ask(
				   st->s.home.path, "NOP", NULL, NULL) < 0;
	return false;
}

/* Did gpg say all that it has to say of a good message? Only of its own
 * exit status it may think less (a signature inside that it can't check;
 * nobody asked). */
static bool
open_succeeded(const struct openpgp_status *status, gpgme_error_t err)
{
	if (err != 0 &&
	    (!status->failure ||
		openpgp_session_is_system(gpgme_err_code(err))))
		return false;
	return status->decryption_okay && status->good_mdc &&
	    status->mdc_method == MDC_METHOD_SEIPD &&
	    !status->decryption_failed && !status->odd_inside &&
	    status->plaintexts == 1;
}

/*
 * Did gpg end itself over what it read? Some of what is wrong inside (bad
 * zlib data) is "Fatal" to it: it dies without a status line, as if it had
 * been killed; but it says why. "out of core" is our trouble.
 */
static bool
was_fatal(struct gpgme_state *st)
{
	gpgme_data_t said = NULL;
	char *text = NULL;
	size_t len = 0;
	bool fatal;

	if (gpgme_data_new(&said) != 0)
		return false;
	if (gpgme_op_getauditlog(st->s.ctx, said, GPGME_AUDITLOG_DIAG) == 0)
		text = gpgme_data_release_and_get_mem(said, &len);
	else
		gpgme_data_release(said);
	fatal = text != NULL && memmem(text, len, "Fatal:", 6) != NULL &&
	    memmem(text, len, "out of", 6) == NULL;
	gpgme_free(text);
	return fatal;
}

/* Why not. What may be this machine's fault is AG_EIO: the message may be
 * good. */
static int
open_failed(struct gpgme_state *st, gpgme_error_t err, struct error *error_r)
{
	const struct openpgp_status *status = &st->s.status;

	if (status->have_session_key) {
		if (status->decryption_failed || status->odd_inside)
			return error_set(
			    error_r, AG_ESIG, "damaged inside the seal");
		if (status->decryption_okay && err == 0)
			return error_set(error_r, AG_ESIG,
			    "sealed without integrity protection, or not one "
			    "literal packet");
		if (status->failure || was_fatal(st))
			return error_set(error_r, AG_ESIG, "gpg gave up on it");
	} else if ((status->decryption_failed && !agent_failed(st)) ||
	    (status->no_data && !status->decryption_failed))
		return error_set(
		    error_r, AG_ECRYPTO, "sealed to none of our keys");
	return openpgp_session_fail(error_r, AG_EIO, err, "gpg can't open");
}

static int
engine_open(void *arg, struct openpgp_io *io, struct error *error_r)
{
	struct gpgme_state *st = arg;
	gpgme_ctx_t ctx = openpgp_session_begin_wait(&st->s);
	gpgme_data_t in, out;
	gpgme_error_t err;

	if ((err = data_new(io, &in, &out)) == 0)
		err = openpgp_session_wait(
		    &st->s, gpgme_op_decrypt_start(ctx, in, out));
	gpgme_data_release(in);
	gpgme_data_release(out);
	if (open_succeeded(&st->s.status, err))
		return 0;
	return open_failed(st, err, error_r);
}

const struct openpgp_ops openpgp_gpgme_ops = {
    .name = "gpgme",
    .version = engine_version,
    .new_public = engine_new_public,
    .new_secret = engine_new_secret,
    .free = engine_free,
    .owns = engine_owns,
    .seal = engine_seal,
    .open = engine_open,
};
