/* SPDX-License-Identifier: MIT */
/*
 * test_openpgp_keys - reading and making keys, detached signatures, the
 * directory of keys to seal to.
 */
#include "help.h"

#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/openpgp.h"
#include "mail/openpgp_engine.h"
#include "mail/openpgp_packet.h"
#include "openpgp_help.h"
#include "util/file.h"
#include "util/text.h"

/* Nothing is left in scratch, and no process. */
static void
assert_clean(void)
{
	assert_int_equal(help_entries(help_dir()), 0);
	assert_true(pgp_wait_no_process("--homedir", help_dir()));
}

/* ---- key_info ---- */

static const struct {
	const char *name;
	const char *fpr; /* of what GnuPG's listing says */
	bool revoked, expired, has_encryption;
	bool expires;
} infos[] = {
    {.name = "alice", .has_encryption = true},
    {.name = "rsa", .has_encryption = true},
    {.name = "twouids", .has_encryption = true},
    {.name = "aead", .has_encryption = true},
    {.name = "newest", .has_encryption = true},
    {.name = "future", .has_encryption = true},
    {.name = "locked", .has_encryption = true},
    {.name = "expired",
	.has_encryption = true,
	.expired = true,
	.expires = true},
    {.name = "signonly"},
    {.name = "subrevoked"},
    {.name = "revoked", .revoked = true},
};

static void
test_info(void **state)
{
	struct openpgp_keyinfo info;
	struct error error = {""};
	char uid[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
		if (openpgp_key_info(pgp_public(infos[i].name), help_dir(),
			&info, &error) < 0)
			fail_msg("%s: %s", infos[i].name, error.text);
		snprintf(uid, sizeof(uid), "%s <%s@keys.example>",
		    infos[i].name, infos[i].name);
		if (strcmp(infos[i].name, "twouids") != 0)
			assert_string_equal(info.uid, uid);
		assert_int_equal(strlen(info.fpr), OPENPGP_FPR_LEN);
		assert_true(info.can_certify);
		assert_true(info.can_sign);
		if (info.revoked != infos[i].revoked ||
		    info.expired != infos[i].expired ||
		    info.has_encryption != infos[i].has_encryption ||
		    (info.expires != 0) != infos[i].expires)
			fail_msg("%s: r%d e%d E%d x%d", infos[i].name,
			    info.revoked, info.expired, info.has_encryption,
			    info.expires != 0);
		assert_int_equal(strlen(info.enc_fpr),
		    info.has_encryption ? OPENPGP_FPR_LEN : 0);
	}
	assert_clean();
}

static void
test_info_values(void **state)
{
	struct openpgp_keyinfo info;

	(void)state;
	assert_int_equal(
	    openpgp_key_info(pgp_public("expired"), help_dir(), &info, NULL),
	    0);
	assert_int_equal(info.expires, 1593604800); /* 2020-07-01 12:00 */
	assert_int_equal(info.enc_created, 1577836800); /* 2020-01-01 */
	assert_int_equal(
	    openpgp_key_info(pgp_public("newest"), help_dir(), &info, NULL), 0);
	assert_int_equal(info.enc_created, 1640995200); /* 2022-01-01 */
}

static void
assert_no_key(const char *armored, const char *why)
{
	struct openpgp_keyinfo info;
	struct error error = {""};
	int rc = openpgp_key_info(armored, help_dir(), &info, &error);

	if (rc != AG_EINVAL || strstr(error.text, why) == NULL)
		fail_msg("%d: %s, not %s", rc, error.text, why);
	assert_string_equal(info.fpr, "");
}

static const char *
armored(const void *data, size_t len)
{
	return pgp_armor("PUBLIC KEY BLOCK", data, len);
}

static void
test_info_refused(void **state)
{
	struct buf a, b;
	char *big;

	(void)state;
	assert_no_key("", "not one armored block");
	assert_no_key("hello", "not one armored block");
	assert_no_key(
	    help_read(pgp_secret_path("alice"), NULL), "not one armored block");
	pgp_packets("alice", false, &a);
	pgp_packets("bob", false, &b);
	assert_int_equal(buf_put(&b, a.data, a.len), 0);
	assert_no_key(armored(b.data, b.len), "holds 2 keys");
	assert_no_key(armored(a.data, a.len - 1), "cut off");
	/* Packets in front of a key could be taken for another key's. */
	buf_reset(&b);
	assert_int_equal(
	    openpgp_packet_put(&b, PACKET_USER_ID, "mallory", 7), 0);
	assert_int_equal(buf_put(&b, a.data, a.len), 0);
	assert_no_key(armored(b.data, b.len), "does not begin with a key");
	buf_free(&a);
	buf_free(&b);
	big = malloc(OPENPGP_KEY_MAX + 2);
	memset(big, 'A', OPENPGP_KEY_MAX + 1);
	big[OPENPGP_KEY_MAX + 1] = '\0';
	assert_no_key(big, "more than");
	free(big);
	assert_clean();
}

/* A secret key in the armor of a public one. */
static void
test_info_secret(void **state)
{
	struct buf b;

	(void)state;
	pgp_packets("alice", true, &b);
	assert_no_key(armored(b.data, b.len), "secret key");
	buf_free(&b);
}

/*
 * Splice packets of two keys: alice's primary key with bob's subkey, as
 * bob's primary key has signed it. Nobody may be sealed to by it.
 */
static const char *
forged_key(bool keep_own)
{
	struct openpgp_packet p;
	struct buf a, b, out;
	struct cursor c;
	const char *text;
	bool sub = false;

	pgp_packets("alice", false, &a);
	pgp_packets("bob", false, &b);
	buf_init(&out, OPENPGP_KEY_MAX);
	cursor_init(&c, a.data, a.len);
	while (openpgp_packet_next(&c, &p) > 0) {
		if (p.tag == PACKET_PUBLIC_SUBKEY && !keep_own)
			break;
		openpgp_packet_put(&out, p.tag, p.body, p.len);
	}
	cursor_init(&c, b.data, b.len);
	while (openpgp_packet_next(&c, &p) > 0) {
		sub = sub || p.tag == PACKET_PUBLIC_SUBKEY;
		if (sub)
			openpgp_packet_put(&out, p.tag, p.body, p.len);
	}
	text = armored(out.data, out.len);
	buf_free(&a);
	buf_free(&b);
	buf_free(&out);
	return text;
}

static void
test_info_forged(void **state)
{
	struct openpgp_keyinfo info;

	(void)state;
	assert_int_equal(
	    openpgp_key_info(forged_key(false), help_dir(), &info, NULL), 0);
	assert_string_equal(info.fpr, pgp_fpr("alice"));
	assert_false(info.has_encryption);
	assert_int_equal(
	    openpgp_key_info(forged_key(true), help_dir(), &info, NULL), 0);
	assert_string_equal(info.enc_fpr, pgp_enc_fpr("alice"));
}

/* ---- key_generate ---- */

static void
test_generate(void **state)
{
	const char *path = help_path("secret.asc"), *out;
	struct openpgp_keyinfo info;
	struct error error = {""};
	struct buf public, secret;
	struct openpgp *pgp;
	struct stat st;

	(void)state;
	buf_init(&public, OPENPGP_KEY_MAX);
	buf_init(&secret, OPENPGP_KEY_MAX);
	if (openpgp_key_generate("node alice <postmaster@alice.example>",
		help_dir(), &public, &secret, &error) < 0)
		fail_msg("%s", error.text);
	assert_clean();
	assert_int_equal(
	    openpgp_key_info(buf_str(&public), help_dir(), &info, &error), 0);
	assert_string_equal(info.uid, "node alice <postmaster@alice.example>");
	assert_true(info.can_certify && info.can_sign && info.has_encryption);
	assert_int_equal(info.expires, 0);

	/* SPEC B-5.4: version 4, EdDSA and ECDH; no AEAD, no compression. */
	help_write(path, public.data, public.len);
	assert_int_equal(PGP_RUN(&out, "gpg", "--homedir", help_dir(),
			     "--list-packets", path),
	    0);
	assert_non_null(strstr(out, "version 4, algo 22,"));
	assert_non_null(strstr(out, "version 4, algo 18,"));
	assert_non_null(strstr(out, "(pref-sym-algos: 9 8 7"));
	assert_non_null(strstr(out, "(pref-zip-algos: 0)"));
	assert_non_null(strstr(out, "(features: 01)"));
	assert_null(strstr(out, "aead"));
	assert_null(strstr(out, "expires after"));

	help_write(path, secret.data, secret.len);
	if (openpgp_new_secret(OPENPGP_AUTO, path, help_dir(), &pgp, &error) <
	    0)
		fail_msg("%s", error.text);
	openpgp_free(&pgp);
	assert_int_equal(stat(help_dir(), &st), 0);
	buf_free(&public);
	buf_wipe(&secret);
}

static void
test_generate_refused(void **state)
{
	struct error error = {""};
	struct buf public, secret;

	(void)state;
	buf_init(&public, OPENPGP_KEY_MAX);
	buf_init(&secret, OPENPGP_KEY_MAX);
	assert_int_equal(
	    openpgp_key_generate("", help_dir(), &public, &secret, &error),
	    AG_EINVAL);
	assert_int_equal(
	    openpgp_key_generate("a\nb", help_dir(), &public, &secret, &error),
	    AG_EINVAL);
	assert_int_equal(openpgp_key_generate("a", help_path("missing"),
			     &public, &secret, &error),
	    AG_EIO);
	assert_non_null(strstr(error.text, "missing"));
	assert_int_equal(public.len + secret.len, 0);
	assert_clean();
}

/* A path that leaves no room for the agent's socket is said to be so. */
static void
test_long_scratch(void **state)
{
	struct buf public, secret;
	struct error error = {""};
	const char *dir;
	char name[80];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	dir = help_path("%s", name);
	assert_int_equal(file_mkdirs(dir, 0700, NULL), 0);
	buf_init(&public, OPENPGP_KEY_MAX);
	buf_init(&secret, OPENPGP_KEY_MAX);
	assert_int_equal(
	    openpgp_key_generate("a", dir, &public, &secret, &error),
	    AG_ETOOBIG);
	assert_non_null(strstr(error.text, "bytes too long"));
	assert_int_equal(help_entries(dir), 0);
}

/* ---- detached signatures ---- */

static const char text[] = "version: 1\nserial: 2\n...\n";

static const char *
sign(const char *name, const char *data)
{
	struct error error = {""};
	struct buf sig;

	buf_init(&sig, 65536);
	if (openpgp_sign_detached(pgp_secret_path(name), help_dir(), data,
		strlen(data), &sig, &error) < 0)
		fail_msg("%s: %s", name, error.text);
	return help_keep(sig.data);
}

static int
verify(const char *name, const char *data, const char *sig, char *fpr_r)
{
	struct error error = {""};
	int rc = openpgp_verify_detached(pgp_public(name), help_dir(), data,
	    strlen(data), sig, fpr_r, &error);

	if (rc < 0)
		assert_true(error.text[0] != '\0');
	return rc;
}

static void
test_sign(void **state)
{
	static const char *const names[] = {"alice", "rsa", "newest"};
	char fpr[OPENPGP_FPR_LEN + 1];
	const char *sig;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		sig = sign(names[i], text);
		assert_non_null(strstr(sig, "BEGIN PGP SIGNATURE"));
		assert_int_equal(verify(names[i], text, sig, fpr), 0);
		assert_string_equal(fpr, pgp_fpr(names[i]));
	}
	assert_clean();
}

static void
test_sign_wrong(void **state)
{
	char fpr[OPENPGP_FPR_LEN + 1];
	const char *sig = sign("alice", text);
	const char *second = sign("alice", text);

	(void)state;
	assert_int_equal(
	    verify("alice", "version: 1\nserial: 3\n...\n", sig, fpr), AG_ESIG);
	assert_string_equal(fpr, "");
	assert_int_equal(
	    verify("alice", "version: 1\r\nserial: 2\r\n...\r\n", sig, fpr),
	    AG_ESIG);
	assert_int_equal(verify("alice", "", sig, fpr), AG_ESIG);
	assert_int_equal(verify("bob", text, sig, fpr), AG_ESIG);
	assert_int_equal(verify("alice", text, "", fpr), AG_ESIG);
	assert_int_equal(verify("alice", text, "hello", fpr), AG_ESIG);
	assert_int_equal(
	    verify("alice", text, pgp_public("alice"), fpr), AG_ESIG);
	assert_int_equal(verify("alice", text, sig, NULL), 0);
	assert_int_equal(verify("alice", text, second, NULL), 0);
	assert_clean();
}

/* Signatures that gpg makes and that are not over these very bytes. */
static void
test_sign_other_kinds(void **state)
{
	const char *data = help_path("data"), *home = pgp_gnupg("alice");
	const char *sig = help_path("data.asc");
	static const struct {
		const char *option;
		const char *how;
		int rc;
	} kinds[] = {
	    {"--detach-sign", "--armor", 0},
	    {"--detach-sign", "--textmode", AG_ESIG},
	    {"--sign", "--armor", AG_ESIG},
	    {"--clear-sign", "--armor", AG_ESIG},
	};
	size_t i;

	(void)state;
	help_write(data, text, strlen(text));
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unlink(sig);
		assert_int_equal(PGP_RUN(NULL, "gpg", "--homedir", home,
				     "--batch", "-q", "--armor", kinds[i].how,
				     "-o", sig, kinds[i].option, data),
		    0);
		if (verify("alice", text, help_read(sig, NULL), NULL) !=
		    kinds[i].rc)
			fail_msg("%s %s", kinds[i].option, kinds[i].how);
	}
	pgp_gnupg_end(home);
}

/* SPEC M-6.1: by the primary key, not by a subkey that it allows to sign;
 * and that is how we sign. */
static void
test_sign_by_subkey(void **state)
{
	const char *home = pgp_gnupg("signsub"), *data = help_path("data");
	const char *sig = help_path("sig");

	(void)state;
	assert_int_equal(
	    verify("signsub", text, sign("signsub", text), NULL), 0);
	help_write(data, text, strlen(text));
	assert_int_equal(PGP_RUN(NULL, "gpg", "--homedir", home, "--batch",
			     "--armor", "-o", sig, "--detach-sign", data),
	    0);
	pgp_gnupg_end(home);
	assert_int_equal(
	    verify("signsub", text, help_read(sig, NULL), NULL), AG_ESIG);
}

/* Two signatures in one armor are one too many. */
static void
test_sign_twice(void **state)
{
	const char *sig = sign("alice", text);
	struct buf b;
	size_t len;

	(void)state;
	buf_init(&b, 65536);
	assert_int_equal(openpgp_packet_dearmor(sig, "SIGNATURE", &b, NULL), 0);
	len = b.len;
	assert_non_null(buf_reserve(&b, len));
	assert_int_equal(buf_put(&b, b.data, len), 0);
	sig = pgp_armor("SIGNATURE", b.data, len);
	assert_int_equal(verify("alice", text, sig, NULL), 0);
	sig = pgp_armor("SIGNATURE", b.data, b.len);
	assert_int_equal(verify("alice", text, sig, NULL), AG_ESIG);
	buf_free(&b);
}

/* A signature by the secret key in the file, made at that time. */
static const char *
signed_at(const char *secret, const char *when)
{
	const char *home = help_path("signer"), *data = help_path("data");
	const char *sig = help_path("data.sig"), *out;

	assert_int_equal(file_mkdirs(home, 0700, NULL), 0);
	help_write(data, text, strlen(text));
	if (PGP_RUN(&out, "gpg", "--homedir", home, "--batch", "--import",
		secret) != 0 ||
	    PGP_RUN(&out, "gpg", "--homedir", home, "--batch",
		"--faked-system-time", when, "--armor", "-o", sig,
		"--detach-sign", data) != 0)
		fail_msg("%s", out);
	pgp_gnupg_end(home);
	return help_read(sig, NULL);
}

/* A key that expired after it had signed is no reason to refuse. */
static void
test_sign_expired(void **state)
{
	const char *sig =
	    signed_at(pgp_secret_path("expired"), "20200301T000000");

	(void)state;
	assert_int_equal(verify("expired", text, sig, NULL), 0);
}

/* A revoked one is, also for what it signed before. */
static void
test_sign_revoked(void **state)
{
	const char *path = help_path("before.asc"), *sig;
	struct openpgp_packet p;
	struct buf all, before;
	struct cursor c;

	(void)state;
	pgp_packets("revoked", true, &all);
	buf_init(&before, OPENPGP_KEY_MAX);
	cursor_init(&c, all.data, all.len);
	while (openpgp_packet_next(&c, &p) > 0)
		if (p.tag != PACKET_SIGNATURE || p.body[1] != 0x20)
			openpgp_packet_put(&before, p.tag, p.body, p.len);
	assert_true(before.len < all.len);
	help_write(path, before.data, before.len);
	buf_wipe(&before);
	buf_wipe(&all);
	sig = signed_at(path, "20240301T000000");
	assert_int_equal(verify("revoked", text, sig, NULL), AG_ESIG);
}

static void
test_sign_refused(void **state)
{
	static const struct {
		const char *path;
		int rc;
	} cases[] = {{"missing", AG_ENOENT}, {"text", AG_EINVAL},
	    {"public", AG_EINVAL}, {"locked", AG_ECRYPTO}};
	struct error error;
	struct buf sig;
	size_t i;
	int rc;

	(void)state;
	buf_init(&sig, 65536);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *path = help_path("%s", cases[i].path);

		if (strcmp(cases[i].path, "text") == 0)
			help_write(path, "hello\n", 6);
		if (strcmp(cases[i].path, "public") == 0)
			help_write(path, pgp_public("alice"),
			    strlen(pgp_public("alice")));
		if (strcmp(cases[i].path, "locked") == 0)
			path = pgp_secret_path("locked");
		error.text[0] = '\0';
		rc = openpgp_sign_detached(
		    path, help_dir(), "x", 1, &sig, &error);
		if (rc != cases[i].rc)
			fail_msg("%s: %d %s", path, rc, error.text);
		assert_non_null(strstr(error.text, path));
	}
	assert_true(pgp_wait_no_process("--homedir", help_dir()));
}

/* ---- the directory of keys to seal to ---- */

static const char *
in(const char *dir, const char *name)
{
	return help_keep(file_join(dir, name));
}

static void
test_keyring(void **state)
{
	const char *dir =
	    pgp_ring("alice expired revoked subrevoked signonly newest");
	struct openpgp_recipient *list;
	size_t count, i, bad = 0;
	struct stat st;

	(void)state;
	assert_int_equal(openpgp_keyring_load(dir, &list, &count, NULL), 0);
	assert_int_equal(count, 6);
	for (i = 0; i < count; i++) {
		bad += list[i].why[0] != '\0';
		if (i > 0)
			assert_true(strcmp(list[i - 1].fpr, list[i].fpr) < 0);
		if (strcmp(list[i].fpr, pgp_fpr("revoked")) == 0)
			assert_non_null(strstr(list[i].why, "revoked"));
		if (strcmp(list[i].fpr, pgp_fpr("newest")) == 0)
			assert_string_equal(
			    list[i].enc_fpr, pgp_enc_fpr("newest"));
	}
	assert_int_equal(bad, 3);
	free(list);

	/* Everyone reads it, nobody writes it, nothing else is there. */
	assert_int_equal(help_entries(dir), 3);
	assert_int_equal(help_entries(in(dir, "gnupg")), 2);
	assert_int_equal(stat(in(dir, "gnupg/pubring.gpg"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(stat(in(dir, "gnupg"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
}

static void
test_keyring_empty(void **state)
{
	const char *dir = pgp_ring("");
	struct openpgp *pgp;
	size_t i;

	(void)state;
	for (i = 0; pgp_engines[i] != OPENPGP_AUTO; i++) {
		pgp = pgp_sealer(pgp_engines[i], dir);
		assert_int_equal(
		    openpgp_usable(pgp, pgp_fpr("alice"), NULL), AG_ECRYPTO);
		openpgp_free(&pgp);
	}
}

/* Written again into the same directory, it is as the last time. */
static void
test_keyring_again(void **state)
{
	const char *alice = pgp_public("alice"), *bob = pgp_public("bob");
	const char *dir = help_path("again");
	struct openpgp *pgp;

	(void)state;
	assert_int_equal(openpgp_keyring_write(dir, &alice, 1, NULL), 0);
	assert_int_equal(openpgp_keyring_write(dir, &bob, 1, NULL), 0);
	pgp = pgp_sealer(OPENPGP_AUTO, dir);
	assert_int_equal(openpgp_usable(pgp, pgp_fpr("bob"), NULL), 0);
	assert_int_equal(
	    openpgp_usable(pgp, pgp_fpr("alice"), NULL), AG_ECRYPTO);
	openpgp_free(&pgp);
}

static ino_t
inode(const char *dir, const char *name)
{
	char *path = xasprintf("%s/certs/%s.pgp", dir, pgp_enc_fpr(name));
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	free(path);
	return st.st_ino;
}

/* What is the same is kept, what is not is judged anew; and a directory
 * that is damaged is as if it had not been. */
static void
test_keyring_update(void **state)
{
	const char *keys[] = {
	    pgp_public("bob"), pgp_public("alice"), pgp_public("revoked")};
	const bool same[] = {false, true, true};
	const char *a = help_path("a"), *b = help_path("b"),
		   *c = help_path("c");
	struct openpgp *pgp;
	size_t i;

	(void)state;
	assert_int_equal(openpgp_keyring_write(a, keys, 3, NULL), 0);
	assert_int_equal(openpgp_keyring_update(b, a, keys, same, 3, NULL), 0);
	assert_int_equal(inode(a, "alice"), inode(b, "alice"));
	assert_int_not_equal(inode(a, "bob"), inode(b, "bob"));
	for (i = 0; pgp_engines[i] != OPENPGP_AUTO; i++) {
		pgp = pgp_sealer(pgp_engines[i], b);
		(void)pgp_seal_with(
		    pgp, pgp_fpr("alice"), pgp_fpr("bob"), false, 100);
		assert_int_equal(
		    openpgp_usable(pgp, pgp_fpr("revoked"), NULL), AG_ECRYPTO);
		openpgp_free(&pgp);
	}
	help_write(in(b, "recipients"), "hello\n", 6);
	assert_int_equal(openpgp_keyring_update(c, b, keys, same, 3, NULL), 0);
	assert_int_not_equal(inode(a, "alice"), inode(c, "alice"));
}

/* Of several copies of one key the one with more revocation counts. */
static void
test_keyring_copies(void **state)
{
	const char *keys[3];
	const char *dir = help_path("copies");
	struct openpgp_recipient *list;
	size_t count;

	(void)state;
	keys[0] = forged_key(false); /* alice, without a good subkey */
	keys[1] = pgp_public("alice");
	keys[2] = forged_key(true);
	assert_int_equal(openpgp_keyring_write(dir, keys, 3, NULL), 0);
	assert_int_equal(openpgp_keyring_load(dir, &list, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_string_equal(list[0].enc_fpr, pgp_enc_fpr("alice"));
	free(list);
}

static void
test_keyring_refused(void **state)
{
	const char *keys[] = {pgp_public("alice"), "hello"};
	struct error error = {""};
	struct openpgp *pgp;
	size_t i;

	(void)state;
	assert_int_equal(
	    openpgp_keyring_write(help_path("bad"), keys, 2, &error),
	    AG_EINVAL);
	assert_true(error.text[0] != '\0');
	for (i = 0; pgp_engines[i] != OPENPGP_AUTO; i++) {
		assert_int_equal(openpgp_new_public(pgp_engines[i],
				     help_path("none"), &pgp, &error),
		    AG_ENOENT);
		assert_null(pgp);
	}
}

static void
test_keyring_bad_list(void **state)
{
#define FPR "0123456789012345678901234567890123456789"
	static const char *const lines[] = {
	    "hello\n", FPR "\n", FPR " 0123\n", FPR " " FPR};
	const char *dir = pgp_ring("alice");
	struct openpgp_recipient *list;
	struct error error;
	size_t i, count;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		help_write(in(dir, "recipients"), lines[i], strlen(lines[i]));
		assert_int_equal(
		    openpgp_keyring_load(dir, &list, &count, &error),
		    AG_EINVAL);
		free(list);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_info),
	    help_test(test_info_values),
	    help_test(test_info_refused),
	    help_test(test_info_secret),
	    help_test(test_info_forged),
	    help_test(test_generate),
	    help_test(test_generate_refused),
	    help_test(test_long_scratch),
	    help_test(test_sign),
	    help_test(test_sign_wrong),
	    help_test(test_sign_other_kinds),
	    help_test(test_sign_by_subkey),
	    help_test(test_sign_twice),
	    help_test(test_sign_expired),
	    help_test(test_sign_revoked),
	    help_test(test_sign_refused),
	    help_test(test_keyring),
	    help_test(test_keyring_empty),
	    help_test(test_keyring_again),
	    help_test(test_keyring_update),
	    help_test(test_keyring_copies),
	    help_test(test_keyring_refused),
	    help_test(test_keyring_bad_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
