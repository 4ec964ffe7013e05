/* SPDX-License-Identifier: MIT */
/*
 * openpgp_keyring - the derived directory of keys to seal to: written by
 * openpgp_keyring_write() (openpgp.h), read by openpgp_keyring_load().
 *
 *	recipients	a line a key: "PRIMARY SUBKEY", the fingerprints, or
 *			"PRIMARY - REASON" where it can't be sealed to
 *	gnupg/		a GNUPGHOME that its users only read
 *	certs/SUBKEY.pgp	for RNP, which loads what it needs
 *
 * gnupg/ and certs/ hold sealing certificates (openpgp_cert.h), not the
 * peers' keys: which subkey is sealed to is decided here, once, for both
 * engines.
 *
 * SECURITY: the directory is written by root and read by what seals.
 * Everything in it is public.
 */
#include "mail/openpgp.h"

#include <errno.h>
#include <fcntl.h>
#include <gpgme.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/openpgp_cert.h"
#include "mail/openpgp_engine.h"
#include "mail/openpgp_home.h"
#include "mail/openpgp_keys.h"
#include "mail/openpgp_packet.h"
#include "util/file.h"
#include "util/text.h"

#define KEYRING_SUBDIR_MODE 0755
#define KEYRING_FILE_MODE 0644
#define KEYRING_LIST_MAX (64U << 20) /* a line of 82 bytes a key */
#define KEYRING_CERT_MAX 16384

/* ---- writing ---- */

struct entry {
	const char *armored; /* borrowed */
	struct openpgp_keyinfo info;
	const struct openpgp_recipient *old; /* kept as it was; or NULL */
};

/* The directory that was made before, and what is as it was then. */
struct former {
	const char *dir; /* NULL: there is none */
	const bool *same;
	struct openpgp_recipient *list; /* by fingerprint */
	size_t count;
};

/* Of two copies of a key, which one counts? One may be older than the
 * other: revocation is for ever, and the newest subkey is what the owner
 * wants. */
static bool
entry_beats(const struct openpgp_keyinfo *a, const struct openpgp_keyinfo *b)
{
	if (a->revoked != b->revoked)
		return a->revoked;
	if (a->has_encryption != b->has_encryption)
		return a->has_encryption;
	return a->enc_created > b->enc_created;
}

static void
entry_add(struct entry *list, size_t *count, const struct entry *e)
{
	size_t i;

	for (i = 0; i < *count; i++)
		if (strcmp(list[i].info.fpr, e->info.fpr) == 0)
			break;
	if (i == *count)
		list[(*count)++] = *e;
	else if (entry_beats(&e->info, &list[i].info))
		list[i] = *e;
}

/* A key that is to be looked at. */
struct reading {
	const char *armored; /* borrowed */
	struct buf packets;
	struct openpgp_keyinfo info; /* its fpr is known from the start */
	const struct openpgp_recipient *old; /* what is known of it */
	bool same; /* as when that was found out */
	bool listed; /* the rest, too */
	bool twice; /* another copy of it is there */
};

struct readings {
	struct reading *keys; /* by fingerprint */
	size_t count;
};

static int
compare_readings(const void *a, const void *b)
{
	const struct reading *x = a, *y = b;

	return strcmp(x->info.fpr, y->info.fpr);
}

/* The fingerprint that the first packet has: for finding it again. */
static void
read_fpr(struct reading *r)
{
	uint8_t sha1[PACKET_SHA1_SIZE];
	struct openpgp_packet packet;
	struct cursor c;
	size_t i;

	cursor_init(&c, r->packets.data, r->packets.len);
	if (openpgp_packet_next(&c, &packet) <= 0)
		return;
	openpgp_packet_fingerprint(packet.body, packet.len, sha1);
	for (i = 0; i < sizeof(sha1); i++)
		snprintf(r->info.fpr + 2 * i, 3, "%02X", sha1[i]);
}

static int
compare_recipients(const void *a, const void *b)
{
	const struct openpgp_recipient *x = a, *y = b;

	return strcmp(x->fpr, y->fpr);
}

/* What was found out before, of keys that are the same and alone. */
static void
recall(struct readings *all, const struct former *former)
{
	struct openpgp_recipient key;
	struct reading *r;
	size_t i;

	for (i = 0; i < all->count && former->count > 0; i++) {
		r = &all->keys[i];
		if (!r->same || r->twice)
			continue;
		memcpy(key.fpr, r->info.fpr, sizeof(key.fpr));
		r->old = bsearch(&key, former->list, former->count, sizeof(key),
		    compare_recipients);
		if (r->old == NULL)
			continue;
		memcpy(
		    r->info.enc_fpr, r->old->enc_fpr, sizeof(r->info.enc_fpr));
		r->listed = true;
	}
}

static int
dearmor_all(struct readings *all, const char *const *keys, size_t count,
    const struct former *former, struct error *error_r)
{
	struct reading *r;
	size_t i;
	int rc = 0;

	for (i = 0; i < count && rc == 0; i++) {
		r = &all->keys[all->count++];
		r->armored = keys[i];
		r->same = former->dir != NULL && former->same[i];
		rc = openpgp_key_dearmor(keys[i], &r->packets, error_r);
		if (rc == 0)
			read_fpr(r);
	}
	if (rc != 0)
		return rc;
	qsort(all->keys, all->count, sizeof(*all->keys), compare_readings);
	for (i = 1; i < all->count; i++) {
		if (compare_readings(&all->keys[i - 1], &all->keys[i]) == 0)
			all->keys[i - 1].twice = all->keys[i].twice = true;
	}
	recall(all, former);
	return 0;
}

static void
reading_found(const struct openpgp_keyinfo *info, void *arg)
{
	struct readings *all = arg;
	struct reading key = {.info = *info}, *r;

	r = bsearch(
	    &key, all->keys, all->count, sizeof(*all->keys), compare_readings);
	if (r == NULL || r->twice || r->old != NULL)
		return;
	r->info = *info;
	r->listed = true;
}

/* One gpg for all of them, instead of one for each. */
static void
list_all(gpgme_ctx_t ctx, struct readings *all)
{
	struct buf packets;
	size_t i;
	int rc = 0;

	buf_init(&packets, all->count * OPENPGP_KEY_MAX);
	for (i = 0; i < all->count && rc == 0; i++) {
		if (!all->keys[i].twice && !all->keys[i].listed)
			rc = buf_put(&packets, all->keys[i].packets.data,
			    all->keys[i].packets.len);
	}
	if (rc == 0 && packets.len > 0)
		openpgp_key_list_all(ctx, &packets, reading_found, all);
	buf_free(&packets);
}

static bool
all_listed(const struct readings *all)
{
	size_t i;

	for (i = 0; i < all->count; i++) {
		if (!all->keys[i].listed)
			return false;
	}
	return true;
}

static int
read_keys(const char *dir, const char *const *keys, size_t count,
    const struct former *former, struct entry *list, size_t *count_r,
    struct error *error_r)
{
	struct readings all = {calloc(count + 1, sizeof(*all.keys)), 0};
	struct openpgp_session s = {.ctx = NULL};
	struct reading *r;
	size_t i;
	int rc;

	if (all.keys == NULL)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	rc = dearmor_all(&all, keys, count, former, error_r);
	if (rc == 0 && !all_listed(&all)) {
		rc = openpgp_session_open(&s, dir, HOME_PUBLIC, error_r);
		if (rc == 0)
			list_all(s.ctx, &all);
	}
	for (i = 0; i < all.count && rc == 0; i++) {
		r = &all.keys[i];
		if (!r->listed)
			rc = openpgp_key_list(
			    s.ctx, &r->packets, &r->info, error_r);
		if (rc == 0)
			entry_add(list, count_r,
			    &(struct entry){r->armored, r->info, r->old});
	}
	openpgp_session_close(&s);
	for (i = 0; i < all.count; i++)
		buf_free(&all.keys[i].packets);
	free(all.keys);
	return rc;
}

static const char *
entry_why_not(const struct entry *e)
{
	const struct openpgp_keyinfo *info = &e->info;

	if (e->old != NULL)
		return e->old->why[0] != '\0' ? e->old->why : NULL;
	if (info->revoked)
		return "it was revoked";
	if (!info->has_encryption)
		return "it has no encryption subkey, or a revoked one";
	return NULL;
}

/* Append an entry's certificate to certs, and write it as a file. */
static int
write_cert(const char *dir, const struct entry *e, struct buf *certs,
    struct error *error_r)
{
	uint8_t seed[CERT_SEED_SIZE];
	char name[OPENPGP_FPR_LEN + 8];
	size_t at = certs->len;
	struct buf key;
	int rc;

	randombytes_buf(seed, sizeof(seed));
	snprintf(name, sizeof(name), "%s.pgp", e->info.enc_fpr);
	if ((rc = openpgp_key_dearmor(e->armored, &key, error_r)) == 0 &&
	    (rc = openpgp_cert_make(key.data, key.len, e->info.enc_fpr,
		 e->info.fpr, seed, certs, error_r)) == 0)
		rc = openpgp_home_write(dir, name, certs->data + at,
		    certs->len - at, KEYRING_FILE_MODE, error_r);
	explicit_bzero(seed, sizeof(seed));
	buf_free(&key);
	return rc;
}

/*
 * A GNUPGHOME with nothing in it but what sealing reads. pubring.gpg is
 * just packets, one certificate behind the other; to import them into a
 * key box gpg would copy the box for each.
 */
static int
write_gnupg(const char *dir, const struct buf *certs, struct error *error_r)
{
	int rc;

	rc = openpgp_home_write_sealing(dir, error_r);
	if (rc == 0)
		rc = openpgp_home_write(dir, "pubring.gpg", buf_str(certs),
		    certs->len, KEYRING_FILE_MODE, error_r);
	return rc;
}

/* The certificate that was made before, under its name here. */
static int
link_cert(const char *old, const char *dir, const struct entry *e,
    struct buf *certs, struct error *error_r)
{
	char *name = xasprintf("%s.pgp", e->info.enc_fpr);
	char *certs_dir = file_join(old, KEYRING_CERTS);
	char *from = file_join(certs_dir, name), *to = file_join(dir, name);
	int fd, rc = 0;

	fd = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		rc = error_set_errno(error_r, AG_EIO, "can't open %s", from);
	else
		rc = file_read_fd(fd, certs, error_r);
	/* Two may have the same subkey: either certificate will do. */
	if (rc == 0 && link(from, to) < 0 && errno != EEXIST)
		rc = error_set_errno(error_r, AG_EIO, "can't link %s", from);
	if (fd >= 0)
		close(fd);
	free(to);
	free(from);
	free(certs_dir);
	free(name);
	return rc;
}

static int
write_certs(const char *gnupg, const char *certs_dir, const char *old,
    const struct entry *list, size_t count, struct error *error_r)
{
	struct buf certs;
	size_t i;
	int rc = 0;

	buf_init(&certs, count * KEYRING_CERT_MAX);
	for (i = 0; i < count && rc == 0; i++) {
		if (entry_why_not(&list[i]) != NULL)
			continue;
		rc = list[i].old != NULL
		    ? link_cert(old, certs_dir, &list[i], &certs, error_r)
		    : write_cert(certs_dir, &list[i], &certs, error_r);
	}
	if (rc == 0)
		rc = write_gnupg(gnupg, &certs, error_r);
	buf_free(&certs);
	return rc;
}

static int
compare_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->info.fpr, y->info.fpr);
}

static int
write_list(
    const char *dir, struct entry *list, size_t count, struct error *error_r)
{
	const char *why;
	struct buf b;
	size_t i;
	int rc = 0;

	if (count > 0)
		qsort(list, count, sizeof(*list), compare_entry);
	buf_init(&b, KEYRING_LIST_MAX);
	for (i = 0; i < count && rc == 0; i++) {
		why = entry_why_not(&list[i]);
		if (why != NULL)
			rc = buf_printf(&b, "%s - %s\n", list[i].info.fpr, why);
		else
			rc = buf_printf(&b, "%s %s\n", list[i].info.fpr,
			    list[i].info.enc_fpr);
	}
	if (rc < 0)
		error_set(error_r, rc, "too many keys");
	else
		rc = openpgp_home_write(dir, KEYRING_LIST, buf_str(&b), b.len,
		    KEYRING_FILE_MODE, error_r);
	buf_free(&b);
	return rc;
}

static int
make_subdir(const char *path, struct error *error_r)
{
	int rc;

	if ((rc = file_remove_tree(path, error_r)) < 0)
		return rc;
	return file_dir(path, NULL, NULL, KEYRING_SUBDIR_MODE, error_r);
}

static int
keyring_write(const char *dir, const char *const *keys, size_t count,
    const struct former *former, struct error *error_r)
{
	struct entry *list = calloc(count + 1, sizeof(*list));
	char *gnupg = file_join(dir, KEYRING_GNUPG);
	char *certs = file_join(dir, KEYRING_CERTS);
	size_t n = 0;
	int rc;

	if (list == NULL) {
		rc = error_set(error_r, AG_ENOMEM, "out of memory");
		goto out;
	}
	if ((rc = file_dir(dir, NULL, NULL, KEYRING_SUBDIR_MODE, error_r)) <
		0 ||
	    (rc = make_subdir(gnupg, error_r)) < 0 ||
	    (rc = make_subdir(certs, error_r)) < 0 ||
	    (rc = read_keys(dir, keys, count, former, list, &n, error_r)) < 0 ||
	    (rc = write_certs(gnupg, certs, former->dir, list, n, error_r)) < 0)
		goto out;
	rc = write_list(dir, list, n, error_r);
out:
	free(certs);
	free(gnupg);
	free(list);
	return rc;
}

int
openpgp_keyring_write(const char *dir, const char *const *keys, size_t count,
    struct error *error_r)
{
	const struct former none = {.dir = NULL};

	return keyring_write(dir, keys, count, &none, error_r);
}

int
openpgp_keyring_update(const char *dir, const char *old,
    const char *const *keys, const bool *same, size_t count,
    struct error *error_r)
{
	struct former former = {.dir = old, .same = same};
	int rc = AG_ENOENT;

	if (openpgp_keyring_load(old, &former.list, &former.count, NULL) == 0)
		rc = keyring_write(dir, keys, count, &former, error_r);
	free(former.list);
	/* What was there is damaged: as if it had not been. */
	return rc < 0 ? openpgp_keyring_write(dir, keys, count, error_r) : rc;
}

/* ---- reading ---- */

/* "PRIMARY SUBKEY" or "PRIMARY - REASON" */
static int
parse_line(const char *line, size_t len, struct openpgp_recipient *r)
{
	const size_t fpr = OPENPGP_FPR_LEN;

	memset(r, 0, sizeof(*r));
	if (len < fpr + 3 || line[fpr] != ' ')
		return AG_EINVAL;
	memcpy(r->fpr, line, fpr);
	line += fpr + 1;
	len -= fpr + 1;
	if (line[0] == '-' && line[1] == ' ')
		snprintf(
		    r->why, sizeof(r->why), "%.*s", (int)len - 2, line + 2);
	else if (len == fpr)
		memcpy(r->enc_fpr, line, fpr);
	else
		return AG_EINVAL;
	return 0;
}

static size_t
count_lines(const struct buf *b)
{
	size_t i, n = 0;

	for (i = 0; i < b->len; i++)
		n += b->data[i] == '\n';
	return n;
}

int
openpgp_keyring_load(const char *dir, struct openpgp_recipient **list_r,
    size_t *count_r, struct error *error_r)
{
	char *path = file_join(dir, KEYRING_LIST);
	struct cursor c;
	const char *line;
	struct buf b;
	size_t len;
	int rc;

	*list_r = NULL;
	*count_r = 0;
	buf_init(&b, KEYRING_LIST_MAX);
	if ((rc = file_read(path, &b, error_r)) < 0)
		goto out;
	*list_r = calloc(count_lines(&b) + 1, sizeof(**list_r));
	if (*list_r == NULL) {
		rc = error_set(error_r, AG_ENOMEM, "out of memory");
		goto out;
	}
	cursor_init(&c, b.data, b.len);
	while (rc == 0 && cursor_line(&c, &line, &len))
		rc = parse_line(line, len, &(*list_r)[(*count_r)++]);
	if (rc < 0 || c.left > 0)
		rc = error_set(error_r, AG_EINVAL,
		    "%s:%zu: expected two fingerprints", path, *count_r);
out:
	buf_free(&b);
	free(path);
	return rc;
}
