/* SPDX-License-Identifier: MIT */
/*
 * drill - the value of a test mail's field. See drill.h.
 */
#include "mail/drill.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

void
drill_write(const uint8_t secret[DRILL_SECRET_SIZE], const char *acceptor,
    int64_t time, char value_r[DRILL_VALUE_MAX + 1])
{
	static const char prefix[] = "agamid-drill 1 ";
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state st;
	char hex[2 * sizeof(mac) + 1];
	int len;

	len = snprintf(value_r, DRILL_VALUE_MAX + 1, "%.*s %lld", NODE_NAME_MAX,
	    acceptor, (long long)time);
	crypto_auth_hmacsha256_init(&st, secret, DRILL_SECRET_SIZE);
	crypto_auth_hmacsha256_update(
	    &st, (const uint8_t *)prefix, sizeof(prefix) - 1);
	crypto_auth_hmacsha256_update(
	    &st, (const uint8_t *)value_r, (size_t)len);
	crypto_auth_hmacsha256_final(&st, mac);
	sodium_memzero(&st, sizeof(st));
	text_hex(mac, sizeof(mac), hex);
	snprintf(value_r + len, DRILL_VALUE_MAX + 1 - (size_t)len, " %s", hex);
}

bool
drill_check(const uint8_t secret[DRILL_SECRET_SIZE], const char *value,
    const char *acceptor, int64_t now)
{
	char want[DRILL_VALUE_MAX + 1], name[NODE_NAME_MAX + 1], when[21];
	uint64_t at;

	if (sscanf(value, "%32s %20s", name, when) != 2 ||
	    strcmp(name, acceptor) != 0 ||
	    text_uint(when, INT64_MAX, &at) < 0 ||
	    (int64_t)at < now - (int64_t)DRILL_DAYS * 86400 ||
	    (int64_t)at > now + 86400)
		return false;
	drill_write(secret, acceptor, (int64_t)at, want);
	return strlen(want) == strlen(value) &&
	    sodium_memcmp(want, value, strlen(want)) == 0;
}
