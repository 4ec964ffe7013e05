/* SPDX-License-Identifier: MIT */
/*
 * zone_keys - SSHFP, TLSA and OPENPGPKEY of one name. See zone_parts.h;
 * the rules are doc/spec/zone.md 4.
 */
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns-tools/zone_parts.h"
#include "util/text.h"

#define SSH_BLOB 51 /* of an Ed25519 key, RFC 8709 section 4 */
#define LOCAL_MAX 64 /* RFC 5321 section 4.5.3.1.1 */
#define KEY_MAX 60000 /* base64; a DNS message has to hold it */
#define KEY_HASH 28 /* RFC 7929 section 3 */

/* RFC 4255 with the numbers of RFC 7479 and RFC 6594: Ed25519, SHA-256. */
void
unit_add_sshfp(struct unit *u)
{
	uint8_t blob[SSH_BLOB], hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof(hash) + 1], data[sizeof(hex) + 8];
	const char *b64;
	size_t i;

	for (i = 0; u->z->o.sshfp && i < u->m->ssh_host_key_count; i++) {
		b64 = strchr(u->m->ssh_host_keys[i], ' ');
		if (b64 == NULL ||
		    text_unbase64(b64 + 1, blob, sizeof(blob)) != 0)
			continue;
		crypto_hash_sha256(hash, blob, sizeof(blob));
		text_hex(hash, sizeof(hash), hex);
		snprintf(data, sizeof(data), "4 2 %s", hex);
		unit_add(u, "", u->z->o.ttl, LDNS_RR_TYPE_SSHFP, data);
	}
}

void
unit_add_tlsa(struct unit *u)
{
	const struct zone_tlsa *t = u->z->o.tlsa;
	char data[80];
	size_t i;

	for (i = 0; i < u->z->o.tlsa_count; i++) {
		if (strcmp(t[i].node, u->m->name) != 0 &&
		    strcmp(t[i].node, u->m->host) != 0)
			continue;
		snprintf(data, sizeof(data), "3 1 1 %s", t[i].hash);
		unit_add(u, "_25._tcp.", u->z->o.ttl, LDNS_RR_TYPE_TLSA, data);
	}
}

/* ---- OPENPGPKEY ---- */

/* An armored key's base64, without head and checksum. */
static int
armor_base64(const char *armor, struct buf *out)
{
	const char *p = strstr(armor, "\n\n");
	size_t len;
	int rc = 0;

	for (p = p != NULL ? p + 2 : ""; rc == 0 && *p != '\0';) {
		len = strcspn(p, "\n");
		if (*p == '=' || *p == '-')
			break;
		rc = buf_put(out, p, len);
		p += len + (p[len] == '\n');
	}
	return rc != 0 ? rc : out->len > 0 ? 0 : AG_EINVAL;
}

/* One alternative of a pattern as the text that it stands for; false if it
 * stands for more than one. */
static bool
take_literal(const char **p, char out[LOCAL_MAX + 1])
{
	size_t n = 0;
	char c;

	while (**p != '\0' && **p != '|' && **p != ')') {
		c = *(*p)++;
		if (c == '\\') {
			c = *(*p)++;
			if (c == '\0' || !ispunct((unsigned char)c))
				return false;
		} else if (!isalnum((unsigned char)c) &&
		    strchr("_-'=!#%&~", c) == NULL)
			return false;
		if (n == LOCAL_MAX)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return n > 0;
}

static void
add_key(struct unit *u, const char *local, const char *base64)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char prefix[2 * KEY_HASH + 16];

	crypto_hash_sha256(hash, (const uint8_t *)local, strlen(local));
	text_hex(hash, KEY_HASH, prefix);
	strcpy(prefix + 2 * KEY_HASH, "._openpgpkey.");
	unit_add(u, prefix, u->z->o.ttl, LDNS_RR_TYPE_OPENPGPKEY, base64);
}

/* SPEC Z-4.3: patterns are caseless, and clients may write small. */
static void
add_address(struct unit *u, const struct manifest_mailbox *box,
    const char *local, const char *base64)
{
	const struct manifest_mailbox *found;
	char small[LOCAL_MAX + 1];

	if (manifest_match(u->m, local, &found) != MATCH_YES || found != box)
		return; /* another mailbox's */
	add_key(u, local, base64);
	snprintf(small, sizeof(small), "%s", local);
	text_lower(small);
	if (strcmp(small, local) != 0)
		add_key(u, small, base64);
}

/* The addresses that a pattern lists: "a", "a|b", "(a|b)". All, or none. */
static void
add_listed(
    struct unit *u, const struct manifest_mailbox *box, const char *base64)
{
	const char *pattern = match_pattern(box->match), *p;
	char local[LOCAL_MAX + 1];
	bool group, add = false;

	do {
		p = pattern;
		group = *p == '(';
		p += strncmp(p, "(?:", 3) == 0 ? 3 : group;
		for (;; p++) {
			if (!take_literal(&p, local))
				return;
			if (add)
				add_address(u, box, local, base64);
			if (*p != '|')
				break;
		}
		if (strcmp(p, group ? ")" : "") != 0)
			return;
		add = !add;
	} while (add);
}

void
unit_add_openpgpkey(struct unit *u)
{
	const struct manifest_mailbox *box;
	struct buf base64;
	size_t i;

	for (i = 0; u->z->o.openpgpkey && i < u->m->mailbox_count; i++) {
		box = &u->m->mailboxes[i];
		if (box->openpgp == NULL)
			continue;
		buf_init(&base64, KEY_MAX);
		if (armor_base64(box->openpgp, &base64) != 0)
			buf_printf(u->z->notes,
			    "%s: mailbox %s: a key too long for DNS, or "
			    "none\n",
			    u->m->name, box->name);
		else if (box->match == NULL)
			add_address(u, box, box->name, buf_str(&base64));
		else
			add_listed(u, box, buf_str(&base64));
		buf_free(&base64);
	}
}
