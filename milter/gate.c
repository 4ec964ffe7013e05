/* SPDX-License-Identifier: MIT */
/*
 * gate - is a stranger let in? See gate.h.
 *
 * SECURITY: what goes to relayd is a hash: it learns neither the sender
 * nor the recipient from it, nor do the peers that it shares it with,
 * unless they try addresses that they know.
 */
#include "milter/gate.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "milter/question.h"
#include "util/log.h"

#define WHO_MAX 320

/* The client's network, as text of its first bits. */
static void
client_net(const char *client, char *out, size_t size)
{
	unsigned char a[16];

	if (inet_pton(AF_INET, client, a) == 1)
		snprintf(out, size, "%u.%u.%u", a[0], a[1], a[2]);
	else if (inet_pton(AF_INET6, client, a) == 1)
		snprintf(out, size, "%02x%02x:%02x%02x:%02x%02x:%02x%02x", a[0],
		    a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
	else
		snprintf(out, size, "%s", client);
}

void
gate_who(const char *client, const char *sender, char *out, size_t size)
{
	const char *at = strrchr(sender, '@');
	char *p;

	if (at == NULL || at[1] == '\0') {
		client_net(client, out, size);
		return;
	}
	snprintf(out, size, "@%s", at + 1);
	for (p = out; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
}

/* A field and its end: no two triples hash alike. */
static void
add(crypto_generichash_state *st, const char *text, bool fold)
{
	char c;

	do {
		c = fold ? (char)tolower((unsigned char)*text) : *text;
		crypto_generichash_update(st, (const unsigned char *)&c, 1);
	} while (*text++ != '\0');
}

void
gate_key(const char *home, const char *who, const struct address *rcpt,
    char key_r[GATE_KEY_LEN + 1])
{
	unsigned char hash[GATE_KEY_LEN / 2];
	crypto_generichash_state st;

	crypto_generichash_init(&st, NULL, 0, sizeof(hash));
	add(&st, home, false);
	add(&st, who, false);
	add(&st, rcpt->local, true);
	add(&st, rcpt->domain, false);
	crypto_generichash_final(&st, hash, sizeof(hash));
	sodium_bin2hex(key_r, GATE_KEY_LEN + 1, hash, sizeof(hash));
}

enum answer
gate_check(const char *run_dir, const struct manifest *home, const char *client,
    const char *sender, const struct address *rcpt)
{
	char who[WHO_MAX], key[GATE_KEY_LEN + 1];
	struct error error = {""};
	bool pass;

	if (home->primary_up == PRIMARY_UP_ACCEPT)
		return ANSWER_OK;
	gate_who(client, sender, who, sizeof(who));
	gate_key(home->name, who, rcpt, key);
	if (question_gate(run_dir, home->name, key, &pass, &error) != AG_OK)
		log_warn("can't ask whether a home is up home=%s error=%s",
		    home->name, error.text);
	return pass ? ANSWER_OK : ANSWER_HOME_UP;
}
