/* SPDX-License-Identifier: MIT */
/*
 * setup_strip - main.cf and master.cf without us, for --undo where others
 * changed them since. Pure. See setup_postfix.h; SPEC N-22.
 *
 * Only runs that are ours to the letter go; what stands around them stays.
 */
#include "cli/setup_postfix.h"

#include <stdlib.h>
#include <string.h>

#include "cli/derive.h"
#include "cli/setup_list.h"
#include "util/text.h"

/* Every run that can be ours in a list. */
static char *
strip_list(const char *derived, const char *now)
{
	static const char *const runs[] = {
	    PF_MILTER, "agamid_policy", "agamid_own_recipients", PF_OWN_CHECK};
	static const char *const tables[] = {
	    "check_recipient_access texthash:%s/" DERIVED_PEERS,
	    "texthash:%s/" DERIVED_RELAY_DOMAINS,
	    "texthash:%s/" DERIVED_TRANSPORT, "texthash:%s/" DERIVED_HOME_USERS,
	    "texthash:%s/" DERIVED_RELAY_RECIPIENTS,
	    "pcre:%s/" DERIVED_OWN_ALIASES};
	char *out = xstrdup(now), *less, *run;
	size_t i;

	for (i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		less = list_remove(out, runs[i]);
		free(out);
		out = less;
	}
	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		run = xasprintf("%.*s%s%s", (int)strcspn(tables[i], "%"),
		    tables[i], derived, strchr(tables[i], '%') + 2);
		less = list_remove(out, run);
		free(run);
		free(out);
		out = less;
	}
	return out;
}

char *
pf_strip_value(const char *derived, const struct setup_edit *e, const char *now)
{
	char *rest;

	if (now == NULL || strncmp(e->name, "agamid_", 7) == 0)
		return NULL;
	if (strcmp(now, e->now) == 0)
		return e->was == NULL ? NULL : xstrdup(e->was);
	rest = strip_list(derived, now);
	if (e->was == NULL && list_is_empty(rest)) {
		free(rest);
		return NULL;
	}
	return rest;
}

static char *
strip_option(const char *derived, char *entry, const char *name)
{
	char *value = entry_option(entry, name), *rest, *out;

	if (value == NULL)
		return entry;
	rest = strip_list(derived, value);
	out = strcmp(rest, value) == 0 ? xstrdup(entry)
				       : entry_set_option(entry, name, rest);
	free(rest);
	free(value);
	free(entry);
	return out;
}

char *
pf_strip_entry(const char *derived, const struct setup_edit *e, const char *now)
{
	char *entry;

	if (now == NULL)
		return NULL;
	if (strncmp(e->name, "agamid-", 7) == 0 || entry_equals(now, e->now))
		return e->was == NULL ? NULL : xstrdup(e->was);
	entry = strip_option(derived, xstrdup(now), "smtpd_milters");
	entry = strip_option(derived, entry, PF_RCPT_LIST);
	return strip_option(derived, entry, PF_RELAY_LIST);
}
