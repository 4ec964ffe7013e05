/* SPDX-License-Identifier: MIT */
/*
 * openpgp_keys - what is done with keys now and then: reading one,
 * making one, detached signatures. See openpgp.h.
 *
 * All of it by GnuPG, in homes that live as long as the call, so that
 * there is one judge of keys and signatures whichever engine seals. Not
 * for every mail: a call costs one to five processes.
 *
 * SECURITY: keys and signatures here come from peers. A key's parts are
 * believed only as far as GnuPG found them signed by its primary key.
 */
#include "mail/openpgp.h"

#include <gpgme.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/openpgp_home.h"
#include "mail/openpgp_keys.h"
#include "mail/openpgp_packet.h"
#include "util/text.h"

/* What gpg wrote into data goes to out. */
static int
data_to_buf(gpgme_data_t *data, struct buf *out, struct error *error_r)
{
	size_t len;
	char *p = gpgme_data_release_and_get_mem(*data, &len);
	int rc;

	*data = NULL;
	if (p == NULL || len == 0)
		return error_set(error_r, AG_ECRYPTO, "gpg wrote nothing");
	if ((rc = buf_put(out, p, len)) < 0)
		error_set(error_r, rc, "what gpg wrote is too long");
	explicit_bzero(p, len);
	gpgme_free(p);
	return rc;
}

/* ---- reading a key ---- */

/* One public key and no secret. */
static int
check_packets(const struct buf *key, struct error *error_r)
{
	struct openpgp_packet packet;
	unsigned primaries = 0;
	struct cursor c;
	int rc;

	cursor_init(&c, key->data, key->len);
	while ((rc = openpgp_packet_next(&c, &packet)) > 0) {
		if (packet.tag == PACKET_SECRET_KEY ||
		    packet.tag == PACKET_SECRET_SUBKEY)
			return error_set(error_r, AG_EINVAL,
			    "holds a secret key; give the public one");
		if (packet.tag == PACKET_PUBLIC_KEY)
			primaries++;
		else if (primaries == 0)
			return error_set(
			    error_r, AG_EINVAL, "does not begin with a key");
	}
	if (rc < 0)
		return error_set(
		    error_r, AG_EINVAL, "not an OpenPGP key, or cut off");
	if (primaries != 1)
		return error_set(error_r, AG_EINVAL,
		    "holds %u keys; one is expected", primaries);
	return 0;
}

int
openpgp_key_dearmor(const char *armored, struct buf *key, struct error *error_r)
{
	int rc;

	buf_init(key, OPENPGP_KEY_MAX);
	if (strlen(armored) > OPENPGP_KEY_MAX)
		return error_set(error_r, AG_EINVAL,
		    "a key of more than %d bytes", OPENPGP_KEY_MAX);
	rc = openpgp_packet_dearmor(armored, "PUBLIC KEY BLOCK", key, error_r);
	return rc < 0 ? rc : check_packets(key, error_r);
}

/* The newest encryption subkey that is not revoked. Its expiry is not
 * looked at, nor is the clock. */
static const struct _gpgme_subkey *
newest_encryption(const struct _gpgme_key *key)
{
	const struct _gpgme_subkey *sub, *best = NULL;

	for (sub = key->subkeys->next; sub != NULL; sub = sub->next) {
		if (!sub->can_encrypt || sub->revoked || sub->invalid ||
		    sub->fpr == NULL || strlen(sub->fpr) != OPENPGP_FPR_LEN)
			continue;
		if (best == NULL || sub->timestamp >= best->timestamp)
			best = sub;
	}
	return best;
}

static int
key_to_info(const struct _gpgme_key *key, struct openpgp_keyinfo *info,
    struct error *error_r)
{
	const struct _gpgme_subkey *primary = key->subkeys;
	const struct _gpgme_subkey *enc;

	if (primary == NULL || primary->fpr == NULL ||
	    strlen(primary->fpr) != OPENPGP_FPR_LEN)
		return error_set(error_r, AG_EINVAL, "not a version 4 key");
	if (key->invalid || key->uids == NULL)
		return error_set(error_r, AG_EINVAL,
		    "a key without a user ID that it signed itself");
	enc = newest_encryption(key);
	snprintf(info->fpr, sizeof(info->fpr), "%s", primary->fpr);
	snprintf(info->uid, sizeof(info->uid), "%s", key->uids->uid);
	info->can_certify = primary->can_certify;
	info->can_sign = primary->can_sign;
	info->revoked = key->revoked || primary->revoked;
	info->expired = key->expired || primary->expired;
	info->expires = primary->expires;
	if (enc == NULL)
		return 0;
	info->has_encryption = true;
	info->enc_created = enc->timestamp;
	if (enc->expires != 0 &&
	    (info->expires == 0 || enc->expires < info->expires))
		info->expires = enc->expires;
	snprintf(info->enc_fpr, sizeof(info->enc_fpr), "%s", enc->fpr);
	return 0;
}

int
openpgp_key_list(gpgme_ctx_t ctx, const struct buf *key,
    struct openpgp_keyinfo *info, struct error *error_r)
{
	gpgme_data_t data = NULL;
	gpgme_key_t found = NULL, more = NULL;
	gpgme_error_t err;
	int rc;

	memset(info, 0, sizeof(*info));
	if ((err = gpgme_data_new_from_mem(&data, key->data, key->len, 0)) !=
		0 ||
	    (err = gpgme_op_keylist_from_data_start(ctx, data, 0)) != 0 ||
	    (err = gpgme_op_keylist_next(ctx, &found)) != 0) {
		rc = openpgp_session_fail(
		    error_r, AG_EINVAL, err, "gpg finds no good key");
		goto out;
	}
	while (gpgme_op_keylist_next(ctx, &more) == 0) {
		gpgme_key_unref(found);
		found = more;
	}
	rc = key_to_info(found, info, error_r);
out:
	if (found != NULL)
		gpgme_key_unref(found);
	gpgme_data_release(data);
	return rc;
}

void
openpgp_key_list_all(
    gpgme_ctx_t ctx, const struct buf *keys, openpgp_key_fn *found, void *arg)
{
	struct openpgp_keyinfo info;
	gpgme_data_t data = NULL;
	gpgme_key_t key = NULL;

	if (gpgme_data_new_from_mem(&data, keys->data, keys->len, 0) == 0 &&
	    gpgme_op_keylist_from_data_start(ctx, data, 0) == 0) {
		while (gpgme_op_keylist_next(ctx, &key) == 0) {
			memset(&info, 0, sizeof(info));
			if (key_to_info(key, &info, NULL) == 0)
				found(&info, arg);
			gpgme_key_unref(key);
		}
	}
	gpgme_data_release(data);
}

int
openpgp_key_info(const char *armored, const char *scratch,
    struct openpgp_keyinfo *info_r, struct error *error_r)
{
	struct openpgp_session s = {.ctx = NULL};
	struct buf key;
	int rc;

	memset(info_r, 0, sizeof(*info_r));
	if ((rc = openpgp_key_dearmor(armored, &key, error_r)) == 0 &&
	    (rc = openpgp_session_open(&s, scratch, HOME_PUBLIC, error_r)) == 0)
		rc = openpgp_key_list(s.ctx, &key, info_r, error_r);
	openpgp_session_close(&s);
	buf_free(&key);
	return rc;
}

/* ---- making a key ---- */

/* An Ed25519 primary key and a Curve25519 subkey. */
static gpgme_error_t
create_key(gpgme_ctx_t ctx, const char *uid)
{
	const unsigned plain = GPGME_CREATE_NOPASSWD | GPGME_CREATE_NOEXPIRE;
	gpgme_key_t key = NULL;
	gpgme_error_t err;

	err = gpgme_op_createkey(ctx, uid, "ed25519", 0, 0, NULL,
	    plain | GPGME_CREATE_FORCE | GPGME_CREATE_CERT | GPGME_CREATE_SIGN);
	if (err != 0)
		return err;
	err = gpgme_get_key(ctx, gpgme_op_genkey_result(ctx)->fpr, &key, 1);
	if (err != 0)
		return err;
	err = gpgme_op_createsubkey(
	    ctx, key, "cv25519", 0, 0, plain | GPGME_CREATE_ENCR);
	gpgme_key_unref(key);
	return err;
}

static int
export_key(gpgme_ctx_t ctx, gpgme_export_mode_t mode, struct buf *out,
    struct error *error_r)
{
	gpgme_data_t data = NULL;
	gpgme_error_t err;
	int rc;

	if ((err = gpgme_data_new(&data)) != 0 ||
	    (err = gpgme_data_set_flag(data, "sensitive", "1")) != 0 ||
	    (err = gpgme_op_export(ctx, NULL, mode, data)) != 0)
		rc = openpgp_session_fail(
		    error_r, AG_ECRYPTO, err, "can't export the new key");
	else
		rc = data_to_buf(&data, out, error_r);
	gpgme_data_release(data);
	return rc;
}

int
openpgp_key_generate(const char *uid, const char *scratch, struct buf *public_r,
    struct buf *secret_r, struct error *error_r)
{
	struct openpgp_session s;
	gpgme_error_t err;
	int rc;

	buf_reset(public_r);
	buf_reset(secret_r);
	if (*uid == '\0' || !text_is_line(uid))
		return error_set(
		    error_r, AG_EINVAL, "a user ID is one line of text");
	if ((rc = openpgp_session_open(&s, scratch, HOME_SECRET, error_r)) < 0)
		goto out;
	gpgme_set_armor(s.ctx, 1);
	if ((err = create_key(s.ctx, uid)) != 0) {
		rc = openpgp_session_fail(
		    error_r, AG_ECRYPTO, err, "can't make a key");
		goto out;
	}
	if ((rc = export_key(s.ctx, 0, public_r, error_r)) == 0)
		rc = export_key(
		    s.ctx, GPGME_EXPORT_MODE_SECRET, secret_r, error_r);
out:
	openpgp_session_close(&s);
	return rc;
}

/* ---- detached signatures ---- */

static int
sign(gpgme_ctx_t ctx, const void *data, size_t len, struct buf *sig_r,
    struct error *error_r)
{
	gpgme_data_t in = NULL, out = NULL;
	gpgme_sign_result_t res;
	gpgme_error_t err;
	int rc;

	gpgme_set_armor(ctx, 1);
	if ((err = gpgme_data_new_from_mem(&in, data, len, 0)) != 0 ||
	    (err = gpgme_data_new(&out)) != 0 ||
	    (err = gpgme_op_sign(ctx, in, out, GPGME_SIG_MODE_DETACH)) != 0) {
		rc = openpgp_session_fail(
		    error_r, AG_ECRYPTO, err, "can't sign");
		goto out;
	}
	res = gpgme_op_sign_result(ctx);
	if (res == NULL || res->signatures == NULL)
		rc = error_set(error_r, AG_ECRYPTO, "gpg did not sign");
	else
		rc = data_to_buf(&out, sig_r, error_r);
out:
	gpgme_data_release(in);
	gpgme_data_release(out);
	return rc;
}

int
openpgp_sign_detached(const char *secret_path, const char *scratch,
    const void *data, size_t len, struct buf *sig_r, struct error *error_r)
{
	struct openpgp_session s;
	int rc;

	buf_reset(sig_r);
	if ((rc = openpgp_session_open(&s, scratch, HOME_SECRET, error_r)) ==
		0 &&
	    (rc = openpgp_session_import_secret(&s, secret_path, error_r)) ==
		0 &&
	    (rc = openpgp_session_sign_by_primary(&s, error_r)) == 0)
		rc = sign(s.ctx, data, len, sig_r, error_r);
	openpgp_session_close(&s);
	return rc;
}

/*
 * One signature, by the primary key, over the bytes as they are (class
 * 00), good; a key that has expired since is no reason to refuse it, a
 * revoked one is.
 */
static int
verify(struct openpgp_session *s, const void *data, size_t len, const char *sig,
    struct error *error_r)
{
	const struct openpgp_status *st = &s->status;
	gpgme_data_t in = NULL, sigdata = NULL;
	gpgme_error_t err;

	openpgp_session_begin(s);
	if ((err = gpgme_data_new_from_mem(&in, data, len, 0)) == 0 &&
	    (err = gpgme_data_new_from_mem(&sigdata, sig, strlen(sig), 0)) == 0)
		err = gpgme_op_verify(s->ctx, sigdata, in, NULL);
	gpgme_data_release(sigdata);
	gpgme_data_release(in);
	if (err != 0)
		return openpgp_session_fail(
		    error_r, AG_ESIG, err, "the signature can't be checked");
	if (st->sigs != 1)
		return error_set(error_r, AG_ESIG,
		    "%u signatures where one is expected", st->sigs);
	if (st->good_sigs != 1 || strlen(st->primary_fpr) != OPENPGP_FPR_LEN)
		return error_set(error_r, AG_ESIG,
		    "the signature is not a good one of this key");
	if (strcmp(st->signer_fpr, st->primary_fpr) != 0)
		return error_set(error_r, AG_ESIG,
		    "the signature is by a subkey, not by the primary key");
	if (strcmp(st->sig_class, "00") != 0)
		return error_set(error_r, AG_ESIG,
		    "a signature of class %s, not over these bytes",
		    st->sig_class);
	return 0;
}

#define SIG_KEY_REVOCATION 0x20
#define SIG_SUBKEY_REVOCATION 0x28

/* What a signature packet says (RFC 4880 5.2); 0: it is none. */
static unsigned
signature_type(const struct openpgp_packet *packet)
{
	if (packet->tag != PACKET_SIGNATURE || packet->len < 3)
		return 0;
	return packet->body[0] >= 4 ? packet->body[1] : packet->body[2];
}

bool
openpgp_key_says_revoked(const char *armored)
{
	struct openpgp_packet packet;
	struct cursor c;
	struct buf key;
	bool says = false;
	unsigned type;

	if (openpgp_key_dearmor(armored, &key, NULL) == 0) {
		cursor_init(&c, key.data, key.len);
		while (openpgp_packet_next(&c, &packet) > 0) {
			type = signature_type(&packet);
			says = says || type == SIG_KEY_REVOCATION ||
			    type == SIG_SUBKEY_REVOCATION;
		}
	}
	buf_free(&key);
	return says;
}

/* The key as it was before it was revoked. */
static int
drop_revocation(struct buf *key)
{
	struct openpgp_packet packet;
	struct cursor c;
	struct buf out;
	int rc = 0;

	buf_init(&out, 2 * OPENPGP_KEY_MAX);
	cursor_init(&c, key->data, key->len);
	while (rc == 0 && openpgp_packet_next(&c, &packet) > 0) {
		if (signature_type(&packet) != SIG_KEY_REVOCATION)
			rc = openpgp_packet_put(
			    &out, packet.tag, packet.body, packet.len);
	}
	buf_free(key);
	*key = out;
	return rc;
}

static int
verify_detached(const char *armored_key, bool ever, const char *scratch,
    const void *data, size_t len, const char *sig, char *fpr_r,
    struct error *error_r)
{
	struct openpgp_session s = {.ctx = NULL};
	struct buf key;
	int rc;

	if (fpr_r != NULL)
		fpr_r[0] = '\0';
	if ((rc = openpgp_key_dearmor(armored_key, &key, error_r)) < 0 ||
	    (ever && (rc = drop_revocation(&key)) < 0))
		goto out;
	if ((rc = openpgp_session_open(&s, scratch, HOME_PUBLIC, error_r)) <
		0 ||
	    (rc = openpgp_session_import_public(
		 &s, key.data, key.len, 1, error_r)) < 0 ||
	    (rc = verify(&s, data, len, sig, error_r)) < 0)
		goto out;
	if (fpr_r != NULL)
		memcpy(fpr_r, s.status.primary_fpr, OPENPGP_FPR_LEN + 1);
out:
	openpgp_session_close(&s);
	buf_free(&key);
	return rc;
}

int
openpgp_verify_detached(const char *armored_key, const char *scratch,
    const void *data, size_t len, const char *sig, char *fpr_r,
    struct error *error_r)
{
	return verify_detached(
	    armored_key, false, scratch, data, len, sig, fpr_r, error_r);
}

int
openpgp_verify_detached_ever(const char *armored_key, const char *scratch,
    const void *data, size_t len, const char *sig, char *fpr_r,
    struct error *error_r)
{
	return verify_detached(
	    armored_key, true, scratch, data, len, sig, fpr_r, error_r);
}
