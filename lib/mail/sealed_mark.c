/* SPDX-License-Identifier: MIT */
/*
 * sealed_mark - the value of X-Agamid-Sealed, its signature. See sealed.h.
 *
 *	1 id=<64 hex digits> mailbox=<name>
 *		sha256=<64 hex digits>
 *		sig=<base64>
 *
 * Each word once, in this order; blanks, tabs and line ends between them.
 */
#include "mail/sealed.h"

#include <stdio.h>
#include <string.h>

#include "util/error.h"

#define BLANK " \t\r\n"
#define BASE64 sodium_base64_VARIANT_ORIGINAL
#define KEY_PREFIX "ed25519:"
#define STATEMENT_MAX 256

/* The next word, which must begin so; its rest and length. */
static const char *
next_word(const char **at, const char *prefix, size_t *len_r)
{
	const char *p = *at + strspn(*at, BLANK);
	size_t len = strcspn(p, BLANK), skip = strlen(prefix);

	*at = p + len;
	if (len < skip || strncmp(p, prefix, skip) != 0)
		return NULL;
	*len_r = len - skip;
	return p + skip;
}

static bool
get_hash(const char *word, size_t len, uint8_t hash[SEALED_HASH_SIZE])
{
	size_t n;

	return word != NULL && len == 2 * SEALED_HASH_SIZE &&
	    sodium_hex2bin(hash, SEALED_HASH_SIZE, word, len, NULL, &n, NULL) ==
	    0 &&
	    n == SEALED_HASH_SIZE;
}

static bool
get_text(const char *word, size_t len, char *out, size_t size)
{
	if (word == NULL || len == 0 || len >= size)
		return false;
	memcpy(out, word, len);
	out[len] = '\0';
	return true;
}

static bool
get_sig(const char *word, size_t len, uint8_t sig[SEALED_SIG_SIZE])
{
	size_t n;

	return word != NULL &&
	    sodium_base642bin(
		sig, SEALED_SIG_SIZE, word, len, NULL, &n, NULL, BASE64) == 0 &&
	    n == SEALED_SIG_SIZE;
}

int
sealed_mark_parse(const char *value, struct sealed_mark *m_r)
{
	uint8_t id[SEALED_HASH_SIZE];
	const char *word;
	size_t len = 0;

	memset(m_r, 0, sizeof(*m_r));
	if (next_word(&value, "1", &len) == NULL || len != 0)
		return AG_EINVAL;
	word = next_word(&value, "id=", &len);
	if (!get_hash(word, len, id) ||
	    !get_text(word, len, m_r->id, sizeof(m_r->id)))
		return AG_EINVAL;
	word = next_word(&value, "mailbox=", &len);
	if (!get_text(word, len, m_r->mailbox, sizeof(m_r->mailbox)))
		return AG_EINVAL;
	word = next_word(&value, "sha256=", &len);
	if (!get_hash(word, len, m_r->hash))
		return AG_EINVAL;
	word = next_word(&value, "sig=", &len);
	if (!get_sig(word, len, m_r->sig))
		return AG_EINVAL;
	return value[strspn(value, BLANK)] == '\0' ? 0 : AG_EINVAL;
}

int
sealed_mark_write(const struct sealed_mark *m, char *out, size_t size)
{
	char hash[2 * SEALED_HASH_SIZE + 1];
	char sig[sodium_base64_ENCODED_LEN(SEALED_SIG_SIZE, BASE64)];
	int n;

	sodium_bin2hex(hash, sizeof(hash), m->hash, sizeof(m->hash));
	sodium_bin2base64(sig, sizeof(sig), m->sig, sizeof(m->sig), BASE64);
	n = snprintf(out, size,
	    "1\r\n\tid=%s\r\n\tmailbox=%s\r\n\tsha256=%s\r\n\tsig=%s", m->id,
	    m->mailbox, hash, sig);
	return n < 0 || (size_t)n >= size ? AG_ETOOBIG : 0;
}

/* What is signed; its length. */
static size_t
statement(const struct sealed_mark *m, char out[STATEMENT_MAX])
{
	char hash[2 * SEALED_HASH_SIZE + 1];

	sodium_bin2hex(hash, sizeof(hash), m->hash, sizeof(m->hash));
	return (size_t)snprintf(out, STATEMENT_MAX,
	    "agamid-sealed 1\n%s\n%s\n%s\n", m->id, m->mailbox, hash);
}

int
sealed_mark_sign(struct sealed_mark *m, const uint8_t *secret)
{
	char text[STATEMENT_MAX];
	size_t len = statement(m, text);

	return crypto_sign_detached(
		   m->sig, NULL, (const uint8_t *)text, len, secret) == 0
	    ? 0
	    : AG_ECRYPTO;
}

int
sealed_mark_verify(const struct sealed_mark *m, const uint8_t *public)
{
	char text[STATEMENT_MAX];
	size_t len = statement(m, text);

	return crypto_sign_verify_detached(
		   m->sig, (const uint8_t *)text, len, public) == 0
	    ? 0
	    : AG_ESIG;
}

int
sealed_mark_verify_any(const struct sealed_mark *m, const char *keys)
{
	uint8_t key[crypto_sign_PUBLICKEYBYTES];
	size_t len, n;

	for (; *keys != '\0'; keys += len) {
		keys += strspn(keys, BLANK);
		len = strcspn(keys, BLANK);
		if (strncmp(keys, KEY_PREFIX, sizeof(KEY_PREFIX) - 1) != 0 ||
		    sodium_base642bin(key, sizeof(key),
			keys + sizeof(KEY_PREFIX) - 1,
			len - (sizeof(KEY_PREFIX) - 1), NULL, &n, NULL,
			BASE64) != 0 ||
		    n != sizeof(key))
			continue;
		if (sealed_mark_verify(m, key) == 0)
			return 0;
	}
	return AG_ESIG;
}
