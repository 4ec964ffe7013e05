/* SPDX-License-Identifier: MIT */
/*
 * manifest_node - what stands under a manifest's node. See manifest_node.h;
 * the rules are doc/spec/manifest.md 3.
 *
 * One function a group of keys. Each reports what is wrong at its place
 * and goes on; only memory running out ends it.
 *
 * SECURITY: see manifest_parse.c.
 */
#include "manifests/manifest_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "util/text.h"
#include "mail/address.h"
#include "mail/alert.h"
#include "manifests/manifest_fields.h"

#define ADDRESSES_MAX 16
#define DOMAINS_MAX 256
#define MAILBOXES_MAX 256
#define PEERS_MAX 1000
#define SSH_KEYS_MAX 8

#define DAY (24ULL * 60 * 60)
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

static int
parse_names(struct manifest_parse *p)
{
	struct manifest *m = p->m;
	int rc;

	if ((rc = field_text(
		 p->node, "name", YAML_NEED, field_take_name, &m->name)) != 0 ||
	    (rc = field_text(p->node, "network", YAML_NEED, field_take_domain,
		 &m->network)) != 0)
		return rc;
	return field_text(
	    p->node, "host", YAML_NEED, field_take_domain, &m->host);
}

static int
parse_addresses(struct manifest_parse *p)
{
	struct manifest *m = p->m;
	int rc;

	if ((rc = field_list(p->node, "addresses", YAML_MAY, 0, ADDRESSES_MAX,
		 field_take_address, &m->addresses, &m->address_count)) != 0 ||
	    (rc = field_text(p->node, "dynamic", YAML_MAY, field_take_domain,
		 &m->dynamic)) != 0)
		return rc;
	if (m->address_count > 0 && m->dynamic != NULL)
		field_error(field_node(p->node, "dynamic"),
		    "expected either addresses or dynamic, found both");
	return 0;
}

static int
parse_places(struct manifest_parse *p)
{
	struct manifest *m = p->m;
	int rc;

	rc = field_text(p->node, "site", YAML_MAY, field_take_name, &m->site);
	if (rc != 0)
		return rc;
	return field_list(p->node, "domains", YAML_NEED, 1, DOMAINS_MAX,
	    field_take_domain, &m->domains, &m->domain_count);
}

static void
parse_key(struct manifest_parse *p, const char *key, struct verify_key *key_r)
{
	const char *text;

	if (yaml_get_text(p->node, key, YAML_NEED, &text) &&
	    keys_public_parse(text, key_r) != 0)
		field_error(field_node(p->node, key),
		    "expected \"ed25519:\" and the base64 of 32 bytes");
}

static int
parse_keys(struct manifest_parse *p)
{
	struct manifest *m = p->m;
	struct ynode *n;
	int rc;

	parse_key(p, "ticket-key", &m->ticket_key);
	parse_key(p, "receipt-key", &m->receipt_key);
	n = field_node(p->node, "receipt-key");
	if (n != NULL && yaml_errors(p->doc) == 0 &&
	    memcmp(&m->ticket_key, &m->receipt_key, sizeof(m->ticket_key)) == 0)
		field_error(n, "expected another key than ticket-key");
	if ((rc = field_armor(p->node, "openpgp", YAML_NEED, &m->openpgp)) !=
		0 ||
	    (rc = field_armor(p->node, "recovery", YAML_NEED, &m->recovery)) !=
		0)
		return rc;
	if (m->openpgp != NULL && m->recovery != NULL &&
	    strcmp(m->openpgp, m->recovery) == 0)
		field_error(field_node(p->node, "recovery"),
		    "expected another key than openpgp");
	return 0;
}

static int
parse_ssh(struct manifest_parse *p)
{
	struct manifest *m = p->m;
	struct ynode *ssh;
	uint64_t port;
	int rc;

	if (!yaml_get_map(p->node, "ssh", YAML_NEED, &ssh))
		return 0;
	if (!yaml_get_uint(ssh, "port", YAML_MAY, 1, 65535, &port))
		port = MANIFEST_SSH_PORT;
	m->ssh_port = (unsigned)port;
	rc = field_list(ssh, "host-keys", YAML_NEED, 1, SSH_KEYS_MAX,
	    field_take_ssh_key, &m->ssh_host_keys, &m->ssh_host_key_count);
	if (rc != 0)
		return rc;
	return field_list(ssh, "client-keys", YAML_NEED, 1, SSH_KEYS_MAX,
	    field_take_ssh_key, &m->ssh_client_keys, &m->ssh_client_key_count);
}

static int
parse_matches(struct ynode *map, struct manifest_mailbox *box)
{
	struct error e;
	const char *text;
	int rc;

	if (!yaml_get_text(map, "matches", YAML_MAY, &text))
		return 0;
	rc = match_compile(text, &box->match, &e);
	if (rc == AG_EINVAL) {
		field_error(field_node(map, "matches"), "%s", e.text);
		return 0;
	}
	if (rc == 0 && (box->matches = strdup(text)) == NULL)
		rc = AG_ENOMEM;
	return rc;
}

static int
parse_mailbox(struct ynode *n, const char *name, struct manifest_mailbox *box)
{
	int rc;

	if (!text_is_mailbox_name(name)) {
		field_error(n,
		    "expected a mailbox name of 1 to 64 of A-Z, a-z, 0-9, "
		    "., _ and -");
	}
	if ((box->name = strdup(name)) == NULL)
		return AG_ENOMEM;
	if (ynode_text(n) != NULL && *ynode_text(n) == '\0')
		return 0; /* "name:" alone */
	if (!ynode_is_map(n)) {
		field_error(n, "expected \"matches: ...\" or nothing");
		return 0;
	}
	if ((rc = parse_matches(n, box)) != 0)
		return rc;
	return field_armor(n, "openpgp", YAML_MAY, &box->openpgp);
}

static int
parse_mailboxes(struct manifest_parse *p)
{
	struct manifest *m = p->m;
	struct ynode *map;
	size_t i, n;
	int rc = 0;

	if (!yaml_get_map(p->node, "mailboxes", YAML_MAY, &map))
		return 0;
	n = ynode_count(map);
	if (n < 1 || n > MAILBOXES_MAX) {
		field_error(map,
		    "expected 1 to %d mailboxes, found %zu; without the key "
		    "any address is accepted",
		    MAILBOXES_MAX, n);
		return 0;
	}
	if ((m->mailboxes = calloc(n, sizeof(*m->mailboxes))) == NULL)
		return AG_ENOMEM;
	m->mailbox_count = n;
	m->has_mailboxes = true;
	for (i = 0; rc == 0 && i < n; i++)
		rc = parse_mailbox(
		    ynode_value(map, i), ynode_key(map, i), &m->mailboxes[i]);
	return rc;
}

/* allow (everybody where it is left out) and deny (nobody). */
static int
parse_lists(struct ynode *map, struct name_list *allow, struct name_list *deny)
{
	int rc;

	if (map != NULL) {
		if ((rc = field_list(map, "allow", YAML_MAY, 0, PEERS_MAX,
			 field_take_peer, &allow->names, &allow->count)) != 0 ||
		    (rc = field_list(map, "deny", YAML_MAY, 0, PEERS_MAX,
			 field_take_peer, &deny->names, &deny->count)) != 0)
			return rc;
		if (field_node(map, "allow") != NULL)
			return 0;
	}
	if ((allow->names = calloc(1, sizeof(*allow->names))) == NULL ||
	    (allow->names[0] = strdup("*")) == NULL)
		return AG_ENOMEM;
	allow->count = 1;
	return 0;
}

static int
parse_backups(struct manifest_parse *p)
{
	struct manifest *m = p->m;
	struct ynode *map = NULL;
	uint64_t mx;

	if (!yaml_get_map(p->node, "backups", YAML_MAY, &map) ||
	    !yaml_get_uint(map, "mx", YAML_MAY, 0, 10, &mx))
		mx = 3;
	m->backups_mx = (unsigned)mx;
	return parse_lists(map, &m->backups_allow, &m->backups_deny);
}

/* A size and a duration between two bounds, that words tells; else value
 * stays what it was. map may be NULL. */
static void
parse_size(struct ynode *map, const char *key, uint64_t min, uint64_t max,
    const char *words, uint64_t *value)
{
	uint64_t n;

	if (map == NULL || !yaml_get_size(map, key, YAML_MAY, &n))
		return;
	if (n < min || n > max)
		field_error(field_node(map, key), "expected %s", words);
	*value = n;
}

static void
parse_duration(struct ynode *map, const char *key, uint64_t min, uint64_t max,
    const char *words, uint64_t *value)
{
	uint64_t n;

	if (map == NULL || !yaml_get_duration(map, key, YAML_MAY, &n))
		return;
	if (n < min || n > max)
		field_error(field_node(map, key), "expected %s", words);
	*value = n;
}

static int
parse_stores(struct manifest_parse *p)
{
	struct manifest *m = p->m;
	struct ynode *map = NULL;

	m->quota = 1 * GIB;
	m->max_message_size = 25 * MIB;
	yaml_get_map(p->node, "stores", YAML_MAY, &map);
	parse_size(
	    map, "quota", MIB, MIB * GIB, "a size of 1M or more", &m->quota);
	parse_size(map, "max-message-size", MIB / 16, 1024 * GIB,
	    "a size of 64K or more", &m->max_message_size);
	return parse_lists(map, &m->stores_allow, &m->stores_deny);
}

/* "60%": in the place of copies. SPEC M-3.18 */
static void
parse_survive(struct ynode *map, struct manifest *m)
{
	char digits[4] = "";
	const char *text;
	uint64_t n = 0;
	size_t len;

	if (map == NULL || !yaml_get_text(map, "survive", YAML_MAY, &text))
		return;
	len = strlen(text);
	if (len >= 2 && len <= 3 && text[len - 1] == '%')
		memcpy(digits, text, len - 1);
	if (text_uint(digits, 99, &n) < 0 || n == 0)
		field_error(field_node(map, "survive"),
		    "expected a part of the nodes, 1%% to 99%%");
	else if (field_node(map, "copies") != NULL)
		field_error(field_node(map, "survive"),
		    "expected copies or survive, not both");
	m->survive = (unsigned)n;
}

static void
parse_copies(struct ynode *map, struct manifest *m)
{
	struct ynode *n;
	uint64_t count;

	m->copies = 4;
	if (map != NULL &&
	    yaml_get_uint(map, "copies", YAML_MAY, 1, 100, &count))
		m->copies = (unsigned)count;
	parse_survive(map, m);
	m->copies_before_250 = m->copies < 2 ? m->copies : 2;
	if (map == NULL ||
	    !yaml_get_uint(map, "copies-before-250", YAML_MAY, 1, 100, &count))
		return;
	m->copies_before_250 = (unsigned)count;
	n = field_node(map, "copies-before-250");
	if (m->copies_before_250 > m->copies)
		field_error(n, "expected at most copies (%u)", m->copies);
}

/* Larger wishes than holders grant are no errors: they clamp. SPEC M-5.3 */
static void
parse_policy(struct manifest_parse *p)
{
	static const char *const failure[] = {"accept", "defer", NULL};
	static const char *const up[] = {"defer", "accept", NULL};
	struct manifest *m = p->m;
	struct ynode *map = NULL;
	uint64_t within = 10;
	unsigned word;

	m->hold = 60 * DAY;
	yaml_get_map(p->node, "policy", YAML_MAY, &map);
	parse_copies(map, m);
	parse_duration(map, "within", 1, 300, "a time of 1s to 5m", &within);
	m->within = (unsigned)within;
	parse_duration(
	    map, "hold", DAY, 3650 * DAY, "a time of 1d to 3650d", &m->hold);
	if (map == NULL)
		return;
	if (yaml_get_word(map, "on-failure", YAML_MAY, failure, &word))
		m->on_failure =
		    word == 0 ? ON_FAILURE_ACCEPT : ON_FAILURE_DEFER;
	if (yaml_get_word(map, "primary-up", YAML_MAY, up, &word))
		m->primary_up =
		    word == 0 ? PRIMARY_UP_DEFER : PRIMARY_UP_ACCEPT;
}

/* An address that doesn't fall silent with the node. SPEC M-3.14 */
static int
parse_alert(struct manifest_parse *p)
{
	struct manifest *m = p->m;
	struct address a;
	const char *text;

	if (!yaml_get_text(p->node, "alert", YAML_MAY, &text))
		return 0;
	if (*text == '<' || address_parse(text, &a) != 0 || a.null ||
	    a.local[0] == '\0' || a.domain[0] == '\0')
		field_error(
		    field_node(p->node, "alert"), "expected a mail address");
	else if (manifest_has_domain(m, a.domain))
		field_error(field_node(p->node, "alert"),
		    "expected an address elsewhere: \"%.80s\" is out of reach "
		    "when this node is",
		    a.domain);
	m->alert = strdup(text);
	return m->alert != NULL ? 0 : AG_ENOMEM;
}

static const char *
take_token(const char *text, char *out)
{
	if (!alert_entry_is(text))
		return "a node's name, \":\" and its token of 32 hex digits";
	snprintf(out, FIELD_MAX, "%s", text);
	return NULL;
}

/* SPEC M-3.17 */
static int
parse_alert_tokens(struct manifest_parse *p)
{
	return field_list(p->node, "alert-tokens", YAML_MAY, 1,
	    ALERT_TOKENS_MAX, take_token, &p->m->alert_tokens,
	    &p->m->alert_token_count);
}

/* SPEC M-13.1 */
static int
parse_succession(struct manifest_parse *p)
{
	static const char begin[] = "-----BEGIN PGP SIGNATURE-----\n";
	struct manifest *m = p->m;
	struct ynode *map;
	const char *text;

	if (!yaml_get_map(p->node, "succession", YAML_MAY, &map))
		return 0;
	(void)yaml_get_uint(map, "serial", YAML_NEED, 1, MANIFEST_SERIAL_MAX,
	    &m->succession_serial);
	if (!yaml_get_text(map, "signature", YAML_NEED, &text))
		return 0;
	if (strncmp(text, begin, strlen(begin)) != 0) {
		field_error(field_node(map, "signature"),
		    "expected an armored OpenPGP signature by the recovery "
		    "key");
		return 0;
	}
	m->succession = strdup(text);
	return m->succession != NULL ? 0 : AG_ENOMEM;
}

int
manifest_parse_node(struct manifest_parse *p)
{
	int rc;

	if ((rc = parse_names(p)) != 0 || (rc = parse_addresses(p)) != 0 ||
	    (rc = parse_places(p)) != 0 || (rc = parse_keys(p)) != 0 ||
	    (rc = parse_succession(p)) != 0 || (rc = parse_ssh(p)) != 0 ||
	    (rc = parse_mailboxes(p)) != 0 || (rc = parse_backups(p)) != 0 ||
	    (rc = parse_stores(p)) != 0)
		return rc;
	parse_policy(p);
	rc = parse_alert(p);
	return rc != 0 ? rc : parse_alert_tokens(p);
}
