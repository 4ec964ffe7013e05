/* SPDX-License-Identifier: MIT */
/*
 * test_keys - Ed25519 keys: seed files, texts, names, signatures.
 */
#include "help.h"

#include <sys/stat.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/keys.h"
#include "util/text.h"

/* RFC 8032 section 7.1, TEST 3 */
#define SEED_HEX \
	"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
#define PUBLIC_HEX \
	"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
#define SIGNATURE_HEX                                                      \
	"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" \
	"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
#define SEED_FILE "ed25519-seed:xaqN9D+fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc=\n"
#define PUBLIC_TEXT "ed25519:/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU="

static const char *
write_seed(const char *text, mode_t mode)
{
	const char *path = help_path("seed");

	unlink(path);
	help_write(path, text, strlen(text));
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

/* SPEC B-6.4: the test vector of RFC 8032 through a seed file */
static void
test_known_answer(void **state)
{
	const char *path = write_seed(SEED_FILE, 0400);
	uint8_t sig[KEYS_SIGNATURE_SIZE];
	char hex[2 * KEYS_SIGNATURE_SIZE + 1], text[KEYS_TEXT_SIZE];
	struct verify_key pub;
	struct sign_key key;
	struct error error;

	(void)state;
	assert_int_equal(keys_seed_load(path, &key, &error), 0);
	text_hex(key.public, sizeof(key.public), hex);
	assert_string_equal(hex, PUBLIC_HEX);
	keys_public_text(key.public, text);
	assert_string_equal(text, PUBLIC_TEXT);

	assert_int_equal(keys_sign(&key, "\xaf\x82", 2, sig), 0);
	text_hex(sig, sizeof(sig), hex);
	assert_string_equal(hex, SIGNATURE_HEX);
	assert_int_equal(keys_public_parse(text, &pub), 0);
	assert_int_equal(keys_verify(&pub, "\xaf\x82", 2, sig), 0);
	assert_int_equal(keys_verify(&pub, "\xaf\x83", 2, sig), AG_ESIG);
	sig[63] ^= 0x10;
	assert_int_equal(keys_verify(&pub, "\xaf\x82", 2, sig), AG_ESIG);
	keys_wipe(&key);
	for (size_t i = 0; i < sizeof(key); i++)
		assert_int_equal(((uint8_t *)&key)[i], 0);
}

/* SPEC B-6.5: the first 16 hex digits of the SHA-256 of the key's bytes;
 * the hash of 32 zeros is well known */
static void
test_name(void **state)
{
	static const uint8_t zeros[KEYS_PUBLIC_SIZE];
	char name[KEYS_NAME_SIZE];

	(void)state;
	keys_name(zeros, name);
	assert_string_equal(name, "66687aadf862bd77");
}

/* SPEC N-15.6: another seed is taken when the manifest names it, and not
 * before. */
static void
test_follow(void **state)
{
	const char *path = write_seed(SEED_FILE, 0400);
	struct verify_key first, second;
	struct sign_key key, other;
	struct error error;

	(void)state;
	assert_int_equal(keys_seed_load(path, &key, &error), 0);
	memcpy(first.public, key.public, sizeof(first.public));
	assert_false(keys_seed_follow(path, &first, &key));

	assert_int_equal(unlink(path), 0);
	assert_int_equal(keys_seed_create(path, &error), 0);
	assert_int_equal(keys_seed_load(path, &other, &error), 0);
	memcpy(second.public, other.public, sizeof(second.public));
	assert_false(keys_seed_follow(path, &first, &key));
	assert_memory_equal(key.public, first.public, sizeof(first.public));
	assert_true(keys_seed_follow(path, &second, &key));
	assert_memory_equal(&key, &other, sizeof(key));

	/* One that is named and is not there yet. */
	assert_false(keys_seed_follow(path, &first, &key));
	assert_int_equal(unlink(path), 0);
	assert_false(keys_seed_follow(path, &first, &key));
	assert_memory_equal(&key, &other, sizeof(key));
}

static void
test_create(void **state)
{
	const char *path = help_path("new.seed");
	char first[sizeof(SEED_FILE)];
	struct sign_key key;
	struct error error;
	struct stat st;
	size_t len;

	(void)state;
	assert_int_equal(keys_seed_create(path, &error), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(keys_seed_load(path, &key, &error), 0);
	memcpy(first, help_read(path, &len), sizeof(first));
	assert_int_equal(len, sizeof(SEED_FILE) - 1);

	/* Never over an existing one, and nothing is left beside it. */
	assert_int_equal(keys_seed_create(path, &error), AG_EEXIST);
	assert_string_equal(help_read(path, NULL), first);
	assert_int_equal(help_entries(help_dir()), 1);

	assert_int_equal(unlink(path), 0);
	assert_int_equal(keys_seed_create(path, &error), 0);
	assert_string_not_equal(help_read(path, NULL), first);
	assert_int_equal(
	    keys_seed_create(help_path("none/seed"), &error), AG_EIO);
}

#ifdef ENABLE_FAULT_POINTS
static int
create_seed(void *path)
{
	struct error error;

	return keys_init() < 0 ? 1 : -keys_seed_create(path, &error);
}

/* A crash at any step leaves the name free, or a whole seed. */
static void
test_create_crashes(void **state)
{
	static const char *const faults[] = {"keys.write kill",
	    "keys.fsync kill", "keys.rename kill", "keys.dirsync kill",
	    "keys.write error", "keys.fsync error", "keys.rename error"};
	const char *path = help_path("new.seed");
	struct sign_key key;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		print_message("%s\n", faults[i]);
		unlink(path);
		help_faults(faults[i]);
		assert_int_not_equal(help_child(create_seed, (void *)path), 0);
		help_faults(NULL);
		if (help_exists(path))
			assert_int_equal(keys_seed_load(path, &key, &error), 0);
		else
			assert_int_equal(keys_seed_create(path, &error), 0);
	}
}
#endif

static void
test_seed_is_refused(void **state)
{
	static const char *const bads[] = {
	    "",
	    "\n",
	    "ed25519-seed:\n",
	    "ed25519:xaqN9D+fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc=\n",
	    "ed25519-seed:xaqN9D+fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc=",
	    "ed25519-seed:xaqN9D+fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc=\n\n",
	    "ed25519-seed:xaqN9D+fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc= \n",
	    "ed25519-seed:xaqN9D+fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWP8c\n",
	    "ed25519-seed:xaqN9D-fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc=\n",
	    "ed25519-seed:xaqN9D+fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPd=\n",
	};
	struct sign_key key;
	struct error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		print_message("%s", bads[i]);
		assert_int_equal(
		    keys_seed_load(write_seed(bads[i], 0400), &key, &error),
		    AG_EINVAL);
		assert_null(strstr(error.text, "xaqN9D"));
	}
	assert_int_equal(
	    keys_seed_load(write_seed(SEED_FILE, 0440), &key, &error),
	    AG_EPERM);
	assert_int_equal(
	    keys_seed_load(write_seed(SEED_FILE, 0604), &key, &error),
	    AG_EPERM);
	assert_int_equal(
	    keys_seed_load(help_path("none"), &key, &error), AG_ENOENT);
	assert_int_equal(keys_seed_load(help_dir(), &key, &error), AG_EPERM);
}

static void
test_public_is_refused(void **state)
{
	static const char *const bads[] = {
	    "",
	    "ed25519:",
	    "/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=",
	    "ED25519:/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=",
	    "ed25519: /FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=",
	    "ed25519:/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU",
	    "ed25519:/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCV=",
	    "ed25519:/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCUAAA==",
	    "ed25519:/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=\n",
	};
	struct verify_key key;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		print_message("%s\n", bads[i]);
		assert_int_equal(keys_public_parse(bads[i], &key), AG_EINVAL);
	}
}

/* A key of small order would verify anything: libsodium refuses it. */
static void
test_weak_key_verifies_nothing(void **state)
{
	static const uint8_t sig[KEYS_SIGNATURE_SIZE] = {1};
	static const struct verify_key key = {{1}};

	(void)state;
	assert_int_equal(keys_verify(&key, "x", 1, sig), AG_ESIG);
}

static int
start(void **state)
{
	(void)state;
	return keys_init();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_known_answer),
	    help_test(test_name),
	    help_test(test_follow),
	    help_test(test_create),
#ifdef ENABLE_FAULT_POINTS
	    help_test(test_create_crashes),
#endif
	    help_test(test_seed_is_refused),
	    help_test(test_public_is_refused),
	    help_test(test_weak_key_verifies_nothing),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
