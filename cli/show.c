/* SPDX-License-Identifier: MIT */
/*
 * show - things as a person reads them. See show.h.
 */
#include "cli/show.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "util/error.h"

#define FPR_DIGITS 40
#define SSH_KEY_MAX 1024 /* bytes of a public key */

void
show_fingerprint(const char *fpr)
{
	size_t i;

	for (i = 0; fpr[i] != '\0'; i++) {
		if (i > 0 && i % 4 == 0)
			putchar(' ');
		if (i == FPR_DIGITS / 2)
			putchar(' ');
		putchar(fpr[i]);
	}
	putchar('\n');
}

int
show_ssh_fingerprint(const char *key, struct buf *out)
{
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	const char *blank = strchr(key, ' ');
	char text[64];
	uint8_t blob[SSH_KEY_MAX], hash[crypto_hash_sha256_BYTES];
	size_t len;

	if (blank == NULL ||
	    sodium_base642bin(blob, sizeof(blob), blank + 1, strlen(blank + 1),
		NULL, &len, NULL, variant) != 0)
		return AG_EINVAL;
	crypto_hash_sha256(hash, blob, len);
	sodium_bin2base64(text, sizeof(text), hash, sizeof(hash),
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	return buf_printf(out, "%.*s SHA256:%s", (int)(blank - key), key, text);
}

int
show_read_fingerprint(const char *text, char fpr_r[41])
{
	size_t n = 0;
	char c;

	fpr_r[0] = '\0';
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	for (; *text != '\0'; text++) {
		c = *text;
		if (c == ' ' || c == ':')
			continue;
		if (c >= 'a' && c <= 'f')
			c = (char)(c - 'a' + 'A');
		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F')) ||
		    n == FPR_DIGITS)
			return AG_EINVAL;
		fpr_r[n++] = c;
	}
	fpr_r[n] = '\0';
	return n == FPR_DIGITS ? 0 : AG_EINVAL;
}

void
show_size(uint64_t bytes, char out[32])
{
	static const char *const units[] = {"kB", "MB", "GB", "TB"};
	double n = (double)bytes / 1024;
	size_t u = 0;

	if (bytes < 1024) {
		snprintf(out, 32, "%llu B", (unsigned long long)bytes);
		return;
	}
	while (n >= 1024 && u < 3) {
		n /= 1024;
		u++;
	}
	snprintf(out, 32, "%.1f %s", n, units[u]);
}

void
show_age(int64_t seconds, char out[32])
{
	long long s = seconds < 0 ? 0 : seconds;

	if (s < 60)
		snprintf(out, 32, "%lld s", s);
	else if (s < 3600)
		snprintf(out, 32, "%lld min", s / 60);
	else if (s < 86400)
		snprintf(out, 32, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		snprintf(out, 32, "%lld d %lld h", s / 86400, s / 3600 % 24);
}
