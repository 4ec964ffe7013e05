/* SPDX-License-Identifier: MIT */
/*
 * mailbox_key - a mailbox's own OpenPGP keys. See mailbox_key.h.
 *
 * The order of the keys is by their creation; RNP keeps none.
 */
#include "mail/mailbox_key.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_RNP

#include <rnp/rnp.h>
#include <rnp/rnp_err.h>

#define KEYS_MAX 64

struct mailbox_key {
	rnp_ffi_t ffi;
	const char *pass; /* while loading */
};

static int
fail(struct error *error_r, int code, rnp_result_t err)
{
	if (err == RNP_ERROR_OUT_OF_MEMORY)
		code = AG_ENOMEM;
	return error_set(
	    error_r, code, "OpenPGP: %s", rnp_result_to_string(err));
}

static bool
give_pass(rnp_ffi_t ffi, void *ctx, rnp_key_handle_t key, const char *what,
    char *out, size_t size)
{
	struct mailbox_key *k = ctx;

	(void)ffi;
	(void)key;
	(void)what;
	if (k->pass == NULL || strlen(k->pass) >= size)
		return false;
	memcpy(out, k->pass, strlen(k->pass) + 1);
	return true;
}

int
mailbox_key_new(struct mailbox_key **k_r, struct error *error_r)
{
	struct mailbox_key *k = calloc(1, sizeof(*k));

	*k_r = k;
	if (k == NULL || rnp_ffi_create(&k->ffi, "GPG", "GPG") != RNP_SUCCESS ||
	    rnp_ffi_set_pass_provider(k->ffi, give_pass, k) != RNP_SUCCESS) {
		mailbox_key_free(k_r);
		return error_set(error_r, AG_ENOMEM, "librnp can't start");
	}
	return 0;
}

void
mailbox_key_free(struct mailbox_key **k)
{
	if (*k != NULL && (*k)->ffi != NULL)
		rnp_ffi_destroy((*k)->ffi);
	free(*k);
	*k = NULL;
}

/* ---- all keys ---- */

struct list { /* of primary keys, the newest first */
	rnp_key_handle_t key[KEYS_MAX];
	size_t count;
};

static uint32_t
created(rnp_key_handle_t key)
{
	uint32_t when = 0;

	rnp_key_get_creation(key, &when);
	return when;
}

static void
list_add(struct list *l, rnp_key_handle_t key)
{
	size_t i;

	for (i = l->count++; i > 0 && created(l->key[i - 1]) < created(key);
	     i--)
		l->key[i] = l->key[i - 1];
	l->key[i] = key;
}

static void
list_free(struct list *l)
{
	while (l->count > 0)
		rnp_key_handle_destroy(l->key[--l->count]);
}

/* Each primary key with a secret half goes into the list, which may be
 * NULL; fn, which may be NULL, gets all secret keys. */
typedef rnp_result_t each_fn(rnp_key_handle_t key, const char *pass);

static rnp_result_t
each_one(rnp_key_handle_t key, struct list *l, each_fn *fn, const char *pass,
    bool *kept_r)
{
	bool secret = false, primary = false;
	rnp_result_t err;

	*kept_r = false;
	err = rnp_key_have_secret(key, &secret);
	if (err != RNP_SUCCESS || !secret)
		return err;
	if (fn != NULL && (err = fn(key, pass)) != RNP_SUCCESS)
		return err;
	err = rnp_key_is_primary(key, &primary);
	if (err != RNP_SUCCESS || !primary || l == NULL || l->count == KEYS_MAX)
		return err;
	list_add(l, key);
	*kept_r = true;
	return RNP_SUCCESS;
}

static rnp_result_t
each(struct mailbox_key *k, struct list *l, each_fn *fn, const char *pass)
{
	rnp_identifier_iterator_t it = NULL;
	rnp_key_handle_t key;
	const char *fpr;
	rnp_result_t err;
	bool kept;

	err = rnp_identifier_iterator_create(k->ffi, &it, "fingerprint");
	while (err == RNP_SUCCESS &&
	    rnp_identifier_iterator_next(it, &fpr) == RNP_SUCCESS &&
	    fpr != NULL) {
		key = NULL;
		kept = false;
		err = rnp_locate_key(k->ffi, "fingerprint", fpr, &key);
		if (err == RNP_SUCCESS && key != NULL)
			err = each_one(key, l, fn, pass, &kept);
		if (!kept)
			rnp_key_handle_destroy(key);
	}
	rnp_identifier_iterator_destroy(it);
	return err;
}

/* ---- in ---- */

static rnp_result_t
take_pass_off(rnp_key_handle_t key, const char *pass)
{
	bool locked = false;
	rnp_result_t err;

	err = rnp_key_is_protected(key, &locked);
	if (err != RNP_SUCCESS || !locked)
		return err;
	return rnp_key_unprotect(key, pass != NULL ? pass : "");
}

int
mailbox_key_load(struct mailbox_key *k, const struct buf *data,
    const char *pass, struct error *error_r)
{
	struct list l = {.count = 0};
	rnp_input_t in = NULL;
	rnp_result_t err;
	size_t count;

	err = rnp_input_from_memory(
	    &in, (const uint8_t *)buf_str(data), data->len, false);
	if (err == RNP_SUCCESS)
		err = rnp_load_keys(k->ffi, "GPG", in,
		    RNP_LOAD_SAVE_PUBLIC_KEYS | RNP_LOAD_SAVE_SECRET_KEYS);
	rnp_input_destroy(in);
	if (err != RNP_SUCCESS)
		return fail(error_r, AG_EINVAL, err);
	err = each(k, &l, take_pass_off, pass);
	count = l.count;
	list_free(&l);
	if (err != RNP_SUCCESS)
		return error_set(
		    error_r, AG_EPERM, "the passphrase does not open the key");
	if (count == 0)
		return error_set(
		    error_r, AG_EINVAL, "there is no OpenPGP secret key in it");
	return 0;
}

static rnp_result_t
make_primary(struct mailbox_key *k, const char *uid, rnp_key_handle_t *key_r)
{
	rnp_op_generate_t op = NULL;
	rnp_result_t err;

	*key_r = NULL;
	if ((err = rnp_op_generate_create(&op, k->ffi, "EDDSA")) ==
		RNP_SUCCESS &&
	    (err = rnp_op_generate_set_userid(op, uid)) == RNP_SUCCESS &&
	    (err = rnp_op_generate_add_usage(op, "sign")) == RNP_SUCCESS &&
	    (err = rnp_op_generate_add_usage(op, "certify")) == RNP_SUCCESS &&
	    (err = rnp_op_generate_set_expiration(op, 0)) == RNP_SUCCESS &&
	    (err = rnp_op_generate_execute(op)) == RNP_SUCCESS)
		err = rnp_op_generate_get_key(op, key_r);
	rnp_op_generate_destroy(op);
	return err;
}

static rnp_result_t
make_subkey(struct mailbox_key *k, rnp_key_handle_t primary)
{
	rnp_op_generate_t op = NULL;
	rnp_result_t err;

	if ((err = rnp_op_generate_subkey_create(
		 &op, k->ffi, primary, "ECDH")) == RNP_SUCCESS &&
	    (err = rnp_op_generate_set_curve(op, "Curve25519")) ==
		RNP_SUCCESS &&
	    (err = rnp_op_generate_add_usage(op, "encrypt")) == RNP_SUCCESS &&
	    (err = rnp_op_generate_set_expiration(op, 0)) == RNP_SUCCESS)
		err = rnp_op_generate_execute(op);
	rnp_op_generate_destroy(op);
	return err;
}

int
mailbox_key_generate(
    struct mailbox_key *k, const char *uid, struct error *error_r)
{
	rnp_key_handle_t primary;
	rnp_result_t err;

	err = make_primary(k, uid, &primary);
	if (err == RNP_SUCCESS)
		err = make_subkey(k, primary);
	rnp_key_handle_destroy(primary);
	return err == RNP_SUCCESS ? 0 : fail(error_r, AG_ECRYPTO, err);
}

/* ---- out ---- */

static rnp_result_t
put_pass_on(rnp_key_handle_t key, const char *pass)
{
	return rnp_key_protect(key, pass, "AES256", "CFB", "SHA256", 0);
}

static int
put_key(rnp_key_handle_t key, uint32_t flags, struct buf *out,
    struct error *error_r)
{
	rnp_output_t to = NULL;
	uint8_t *data = NULL;
	rnp_result_t err;
	size_t len = 0;
	int rc = 0;

	err = rnp_output_to_memory(&to, MAILBOX_KEY_MAX);
	if (err == RNP_SUCCESS)
		err = rnp_key_export(key, to, flags | RNP_KEY_EXPORT_SUBKEYS);
	if (err == RNP_SUCCESS)
		err = rnp_output_memory_get_buf(to, &data, &len, false);
	if (err != RNP_SUCCESS)
		rc = fail(error_r, AG_ECRYPTO, err);
	else if ((rc = buf_put(out, data, len)) < 0)
		error_set(error_r, rc, "too many keys");
	if (data != NULL)
		explicit_bzero(data, len);
	rnp_output_destroy(to);
	return rc;
}

/* At most this many, the newest first. */
static int
put_keys(struct mailbox_key *k, size_t max, uint32_t flags, struct buf *out,
    struct error *error_r)
{
	struct list l = {.count = 0};
	rnp_result_t err;
	size_t i;
	int rc = 0;

	err = each(k, &l, NULL, NULL);
	if (err != RNP_SUCCESS)
		rc = fail(error_r, AG_ECRYPTO, err);
	for (i = 0; rc == 0 && i < l.count && i < max; i++)
		rc = put_key(l.key[i], flags, out, error_r);
	list_free(&l);
	return rc;
}

int
mailbox_key_secret(struct mailbox_key *k, const char *pass, struct buf *out,
    struct error *error_r)
{
	rnp_result_t err;

	if (*pass == '\0')
		return error_set(error_r, AG_EINVAL, "an empty passphrase");
	err = each(k, NULL, put_pass_on, pass);
	if (err != RNP_SUCCESS)
		return fail(error_r, AG_ECRYPTO, err);
	return put_keys(k, KEYS_MAX, RNP_KEY_EXPORT_SECRET, out, error_r);
}

int
mailbox_key_public(
    struct mailbox_key *k, struct buf *out, struct error *error_r)
{
	return put_keys(
	    k, 1, RNP_KEY_EXPORT_PUBLIC | RNP_KEY_EXPORT_ARMORED, out, error_r);
}

int
mailbox_key_sheet(struct mailbox_key *k, struct buf *out, struct error *error_r)
{
	return put_keys(
	    k, 1, RNP_KEY_EXPORT_SECRET | RNP_KEY_EXPORT_ARMORED, out, error_r);
}

#else

static int
no_rnp(struct error *error_r)
{
	return error_set(error_r, AG_ECRYPTO,
	    "keys of mailboxes need RNP, and this program was built "
	    "without it");
}

int
mailbox_key_new(struct mailbox_key **k_r, struct error *error_r)
{
	*k_r = NULL;
	return no_rnp(error_r);
}

void
mailbox_key_free(struct mailbox_key **k)
{
	*k = NULL;
}

int
mailbox_key_load(struct mailbox_key *k, const struct buf *data,
    const char *pass, struct error *error_r)
{
	(void)k;
	(void)data;
	(void)pass;
	return no_rnp(error_r);
}

int
mailbox_key_generate(
    struct mailbox_key *k, const char *uid, struct error *error_r)
{
	(void)k;
	(void)uid;
	return no_rnp(error_r);
}

int
mailbox_key_secret(struct mailbox_key *k, const char *pass, struct buf *out,
    struct error *error_r)
{
	(void)k;
	(void)pass;
	(void)out;
	return no_rnp(error_r);
}

int
mailbox_key_public(
    struct mailbox_key *k, struct buf *out, struct error *error_r)
{
	(void)k;
	(void)out;
	return no_rnp(error_r);
}

int
mailbox_key_sheet(struct mailbox_key *k, struct buf *out, struct error *error_r)
{
	(void)k;
	(void)out;
	return no_rnp(error_r);
}

#endif
