/* SPDX-License-Identifier: MIT */
/*
 * tsig - reading a TSIG key. See tsig.h.
 *
 * SECURITY: the text is wiped; no message quotes it.
 */
#include "dns-tools/tsig.h"

#include <sys/stat.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/text.h"

#define SECRET_MIN 16 /* bytes */

/* The next word: letters without quotes, blanks and the signs of either
 * form; comments are skipped. False at the end, or if it is too long. */
static bool
next_word(const char **p, char out[256])
{
	static const char between[] = " \t\n\r\"{};";
	size_t len;

	for (;;) {
		*p += strspn(*p, between);
		if (**p != '#' && strncmp(*p, "//", 2) != 0)
			break;
		*p += strcspn(*p, "\n");
	}
	len = strcspn(*p, between);
	if (len == 0 || len > 255)
		return false;
	memcpy(out, *p, len);
	out[len] = '\0';
	*p += len;
	return true;
}

static void
put(char *out, size_t size, const char *text)
{
	size_t len = strlen(text);

	/* What is too long is none: it is seen as missing. */
	if (len >= size)
		len = 0;
	memcpy(out, text, len);
	out[len] = '\0';
}

static void
parse_words(const char *text, struct tsig_key *key)
{
	char word[256], value[256];

	while (next_word(&text, word)) {
		if (strcmp(word, "key") == 0 || strcmp(word, "id:") == 0) {
			if (key->name[0] != '\0' || !next_word(&text, value))
				break;
			put(key->name, sizeof(key->name), value);
		} else if (strncmp(word, "algorithm", 9) == 0 &&
		    next_word(&text, value))
			put(key->algorithm, sizeof(key->algorithm), value);
		else if (strncmp(word, "secret", 6) == 0 &&
		    next_word(&text, value))
			put(key->secret, sizeof(key->secret), value);
	}
	explicit_bzero(word, sizeof(word));
	explicit_bzero(value, sizeof(value));
}

/* ALGORITHM:NAME:SECRET, or NAME:SECRET as nsupdate has it too. */
static bool
parse_colons(const char *text, struct tsig_key *key)
{
	char copy[600], *p[3] = {copy, NULL, NULL};
	size_t len = strcspn(text, "\n");

	if (len >= sizeof(copy) || text[len + (text[len] == '\n')] != '\0')
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if ((p[1] = strchr(copy, ':')) == NULL)
		return false;
	*p[1]++ = '\0';
	if ((p[2] = strchr(p[1], ':')) != NULL) {
		*p[2]++ = '\0';
		put(key->algorithm, sizeof(key->algorithm), p[0]);
		put(key->name, sizeof(key->name), p[1]);
		put(key->secret, sizeof(key->secret), p[2]);
	} else {
		put(key->name, sizeof(key->name), p[0]);
		put(key->secret, sizeof(key->secret), p[1]);
	}
	explicit_bzero(copy, sizeof(copy));
	return true;
}

static bool
secret_is_good(const char *secret)
{
	unsigned char bytes[200];
	size_t len = 0;
	bool good;

	good = sodium_base642bin(bytes, sizeof(bytes), secret, strlen(secret),
		   NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    len >= SECRET_MIN;
	explicit_bzero(bytes, sizeof(bytes));
	return good;
}

static int
finish(struct tsig_key *key, struct error *error_r)
{
	size_t len;

	if (key->algorithm[0] == '\0')
		put(key->algorithm, sizeof(key->algorithm), "hmac-sha256");
	text_lower(key->name);
	text_lower(key->algorithm);
	len = strlen(key->name);
	if (len == 0 || len > 253 || key->name[0] == '.' ||
	    strstr(key->name, "..") != NULL || !secret_is_good(key->secret) ||
	    key->name[strspn(
		key->name, "abcdefghijklmnopqrstuvwxyz0123456789-._")] != '\0')
		return error_set(error_r, AG_EINVAL,
		    "expected a TSIG key: a name, and a secret of 16 bytes or "
		    "more in base64");
	if (strcmp(key->algorithm, "hmac-sha256") != 0 &&
	    strcmp(key->algorithm, "hmac-sha512") != 0)
		return error_set(error_r, AG_EINVAL,
		    "the key's algorithm is not hmac-sha256 or hmac-sha512");
	strcat(key->algorithm, ".");
	if (key->name[len - 1] != '.')
		strcat(key->name, ".");
	return 0;
}

int
tsig_parse(const char *text, struct tsig_key *key, struct error *error_r)
{
	int rc;

	memset(key, 0, sizeof(*key));
	if (strpbrk(text, " {\t") != NULL || !parse_colons(text, key))
		parse_words(text, key);
	if ((rc = finish(key, error_r)) != 0)
		explicit_bzero(key, sizeof(*key));
	return rc;
}

int
tsig_read(const char *path, struct tsig_key *key, struct error *error_r)
{
	struct stat st;
	struct buf text;
	int rc;

	buf_init(&text, TSIG_FILE_MAX);
	if ((rc = file_read(path, &text, error_r)) != 0)
		return rc;
	if (stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0)
		rc = error_set(error_r, AG_EPERM,
		    "%s: everybody may read the key; chmod o-rwx it", path);
	else if (strlen(buf_str(&text)) != text.len)
		rc = error_set(error_r, AG_EINVAL, "%s: a NUL in it", path);
	else
		rc = tsig_parse(buf_str(&text), key, error_r);
	buf_wipe(&text);
	return rc;
}
