/* SPDX-License-Identifier: MIT */
/*
 * alert - tokens of addresses. See alert.h.
 */
#include "mail/alert.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "mail/ticket.h"
#include "util/text.h"

/* With its end, so that no two inputs are the same bytes. */
static void
update(crypto_auth_hmacsha256_state *st, const char *text)
{
	crypto_auth_hmacsha256_update(
	    st, (const unsigned char *)text, strlen(text) + 1);
}

void
alert_token(const uint8_t secret[ALERT_SECRET_SIZE], const char *network,
    const char *home, const char *address, char out[ALERT_TOKEN_LEN + 1])
{
	crypto_auth_hmacsha256_state st;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];

	crypto_auth_hmacsha256_init(&st, secret, ALERT_SECRET_SIZE);
	update(&st, "agamid-alert 1");
	update(&st, network);
	update(&st, home);
	update(&st, address);
	crypto_auth_hmacsha256_final(&st, mac);
	text_hex(mac, ALERT_TOKEN_LEN / 2, out);
}

bool
alert_entry_is(const char *entry)
{
	const char *colon = strchr(entry, ':');
	char name[NODE_NAME_MAX + 1];

	if (colon == NULL || (size_t)(colon - entry) >= sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(colon - entry), entry);
	return text_is_node_name(name) &&
	    text_is_hex(colon + 1, ALERT_TOKEN_LEN);
}

const char *
alert_find(const char *const *entries, size_t count, const char *node)
{
	size_t i, len = strlen(node);

	for (i = 0; i < count; i++) {
		if (strncmp(entries[i], node, len) == 0 &&
		    entries[i][len] == ':')
			return entries[i] + len + 1;
	}
	return NULL;
}
