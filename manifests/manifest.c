/* SPDX-License-Identifier: MIT */
/*
 * manifest - what a manifest that has been read can be asked, and its end.
 * See manifest.h; reading is manifest_parse.c.
 *
 * Pure functions on an immutable struct: any thread may call them.
 */
#include "manifests/manifest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How many patterns of one manifest may hit their limits for one address:
 * a test that ends so costs milliseconds. */
#define LIMITS_MAX 3

#define GRANT_COPIES 8
#define GRANT_WITHIN 20 /* seconds */
#define GRANT_HOLD (90ULL * 24 * 60 * 60)

static void
list_free(char **list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

static void
mailboxes_free(struct manifest *m)
{
	size_t i;

	for (i = 0; i < m->mailbox_count; i++) {
		free(m->mailboxes[i].name);
		free(m->mailboxes[i].matches);
		match_free(&m->mailboxes[i].match);
		free(m->mailboxes[i].openpgp);
	}
	free(m->mailboxes);
}

void
manifest_free(struct manifest **mp)
{
	struct manifest *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	free(m->name);
	free(m->network);
	free(m->host);
	list_free(m->addresses, m->address_count);
	free(m->dynamic);
	free(m->site);
	list_free(m->domains, m->domain_count);
	free(m->openpgp);
	free(m->recovery);
	list_free(m->ssh_host_keys, m->ssh_host_key_count);
	list_free(m->ssh_client_keys, m->ssh_client_key_count);
	mailboxes_free(m);
	list_free(m->backups_allow.names, m->backups_allow.count);
	list_free(m->backups_deny.names, m->backups_deny.count);
	list_free(m->stores_allow.names, m->stores_allow.count);
	list_free(m->stores_deny.names, m->stores_deny.count);
	free(m->alert);
	list_free(m->alert_tokens, m->alert_token_count);
	free(m->succession);
	free(m->text);
	free(m);
}

const char *
manifest_signature(const struct manifest *m)
{
	return m->body_len < m->text_len ? m->text + m->body_len : NULL;
}

static enum match_result
mailbox_test(const struct manifest_mailbox *box, const char *local)
{
	if (box->match != NULL)
		return match_test(box->match, local);
	return strcasecmp(box->name, local) == 0 ? MATCH_YES : MATCH_NO;
}

/* The first mailbox that matches. A later one counts even where an
 * earlier pattern hit its limits. */
static enum match_result
mailboxes_test(const struct manifest *m, const char *local,
    const struct manifest_mailbox **mailbox_r)
{
	enum match_result result;
	unsigned limits = 0;
	size_t i;

	for (i = 0; i < m->mailbox_count && limits < LIMITS_MAX; i++) {
		result = mailbox_test(&m->mailboxes[i], local);
		if (result == MATCH_YES) {
			*mailbox_r = &m->mailboxes[i];
			return MATCH_YES;
		}
		if (result == MATCH_LIMIT)
			limits++;
	}
	return limits > 0 ? MATCH_LIMIT : MATCH_NO;
}

enum match_result
manifest_match(const struct manifest *m, const char *local,
    const struct manifest_mailbox **mailbox_r)
{
	enum match_result result;

	*mailbox_r = NULL;
	if (!m->has_mailboxes) /* SPEC M-4.7 */
		return MATCH_YES;
	result = mailboxes_test(m, local, mailbox_r);
	if (result != MATCH_YES &&
	    (strcasecmp(local, "postmaster") == 0 ||
		strcasecmp(local, "abuse") == 0)) { /* SPEC M-4.8 */
		*mailbox_r = &m->mailboxes[0];
		return MATCH_YES;
	}
	return result;
}

const struct manifest_mailbox *
manifest_mailbox(const struct manifest *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->mailbox_count; i++) {
		if (strcmp(m->mailboxes[i].name, name) == 0)
			return &m->mailboxes[i];
	}
	return NULL;
}

bool
manifest_has_domain(const struct manifest *m, const char *domain)
{
	size_t i;

	for (i = 0; i < m->domain_count; i++) {
		if (strcmp(m->domains[i], domain) == 0)
			return true;
	}
	return false;
}

static bool
list_has(const struct name_list *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (strcmp(list->names[i], "*") == 0 ||
		    strcmp(list->names[i], name) == 0)
			return true;
	}
	return false;
}

bool
name_list_allows(const struct name_list *allow, const struct name_list *deny,
    const char *name)
{
	return list_has(allow, name) && !list_has(deny, name);
}

const char *
manifest_site(const struct manifest *m)
{
	return m->site != NULL ? m->site : m->name;
}

/* SPEC M-5.3: what a home may ask of others has an end. */
unsigned
manifest_copies(const struct manifest *m)
{
	return m->copies < GRANT_COPIES ? m->copies : GRANT_COPIES;
}

unsigned
manifest_copies_of(const struct manifest *m, unsigned sites)
{
	unsigned copies;

	if (m->survive == 0)
		return manifest_copies(m);
	copies = sites * m->survive / 100 + 1;
	return copies < GRANT_COPIES ? copies : GRANT_COPIES;
}

unsigned
manifest_copies_before_250(const struct manifest *m)
{
	return m->copies_before_250 < GRANT_COPIES ? m->copies_before_250
						   : GRANT_COPIES;
}

unsigned
manifest_within(const struct manifest *m)
{
	return m->within < GRANT_WITHIN ? m->within : GRANT_WITHIN;
}

uint64_t
manifest_hold(const struct manifest *m)
{
	return m->hold < GRANT_HOLD ? m->hold : GRANT_HOLD;
}

bool
manifest_may_hold(const struct manifest *holder, const struct manifest *home)
{
	return name_list_allows(
		   &holder->stores_allow, &holder->stores_deny, home->name) &&
	    name_list_allows(
		&home->backups_allow, &home->backups_deny, holder->name);
}
