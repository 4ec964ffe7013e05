/* SPDX-License-Identifier: MIT */
/*
 * setup_promise - where an operator's own settings would break a promise
 * of Agamid's, and the line to type. See setup_postfix.h; SPEC N-22.7.
 *
 * What would let mail for a peer out in clear is refused; the rest is a
 * warning. Nothing is changed here.
 */
#include "cli/setup_postfix.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run.h"
#include "cli/setup_list.h"
#include "util/file.h"
#include "util/text.h"

#define PROBE "agamid-probe"

struct look {
	struct setup *s;
	const struct pf *pf;
	const char *dir;
};

/* ---- parameters that say it all ---- */

struct rule {
	const char *name;
	enum setup_level level;
	const char *why;
};

/* Wrong wherever they are set, on any service that lets strangers in. */
static const struct rule rules[] = {
    {"smtpd_proxy_filter", SETUP_REFUSE,
	"with a filter before the queue no milter sees a mail's text: mail "
	"for peers would not be sealed"},
    {"smtpd_milter_maps", SETUP_WARNING,
	"clients in this table do not meet our milter, and get 451 for peers"},
    {"content_filter", SETUP_WARNING,
	"what your own users send to peers passes this filter in clear "
	"before it is sealed"},
    {"always_bcc", SETUP_WARNING,
	"a readable copy is kept of what your own users send to peers"},
    {"recipient_bcc_maps", SETUP_WARNING,
	"a readable copy may be kept of what your own users send to peers"},
    {"sender_bcc_maps", SETUP_WARNING,
	"a readable copy may be kept of what your own users send to peers"},
};

static void
find_rules(const struct look *l)
{
	char *value, *mend;
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		value = pf_value(&l->pf->full, rules[i].name);
		mend = xasprintf("postconf -X %s", rules[i].name);
		if (value != NULL && !list_is_empty(value))
			setup_find(l->s, rules[i].level, mend, "%s = %s: %s",
			    rules[i].name, value, rules[i].why);
		free(mend);
		free(value);
	}
}

/* The same on a service of its own. */
static void
find_overrides(const struct look *l, const char *entry)
{
	static const char hidden[] = "receive_override_options";
	char *name = entry_name(entry), *value, *mend;

	value = entry_option(entry, "smtpd_proxy_filter");
	mend = xasprintf("postconf -PX %s/smtpd_proxy_filter", name);
	if (value != NULL && !list_is_empty(value))
		setup_find(l->s, SETUP_REFUSE, mend,
		    "%s has smtpd_proxy_filter=%s: no milter sees a mail's "
		    "text there: mail for peers would not be sealed",
		    name, value);
	free(mend);
	free(value);
	value = pf_of_service(l->pf, entry, hidden);
	if (list_has(value, "no_milters"))
		setup_find(l->s, SETUP_REFUSE, NULL,
		    "%s has no_milters in %s: mail for peers gets 451; take "
		    "it out there",
		    name, hidden);
	free(value);
	free(name);
}

/* ---- lists ---- */

static void
find_unverified(const struct look *l, const char *entry, const char *list)
{
	char *value = pf_of_service(l->pf, entry, list), *rest, *mend;

	rest = list_remove(value, "reject_unverified_recipient");
	mend = xasprintf("postconf -e '%s=%s'", list, rest);
	if (strcmp(rest, value) != 0)
		setup_find(l->s, SETUP_WARNING, mend,
		    "reject_unverified_recipient in %s asks the home's mail "
		    "store for each recipient: mail is refused while that is "
		    "away, and peers' recipients wait for a probe",
		    list);
	free(mend);
	free(rest);
	free(value);
}

static void
find_no_place(const struct look *l, const char *entry)
{
	char *rcpt =
		 pf_of_service(l->pf, entry, "smtpd_recipient_restrictions"),
	     *relay = pf_of_service(l->pf, entry, "smtpd_relay_restrictions");

	if (!list_is_empty(rcpt) && list_permits(rcpt) == 0 &&
	    list_permits(relay) == 0)
		setup_find(l->s, SETUP_REFUSE,
		    "postconf -e 'smtpd_relay_restrictions=permit_mynetworks, "
		    "permit_sasl_authenticated, reject_unauth_destination'",
		    "neither smtpd_relay_restrictions nor "
		    "smtpd_recipient_restrictions has permit_mynetworks: it "
		    "can't be said who is a stranger");
	free(relay);
	free(rcpt);
}

static void
find_services(const struct look *l)
{
	char *entry;
	unsigned n;

	for (n = 0; (entry = pf_stranger_entry(l->pf, n)) != NULL; n++) {
		find_overrides(l, entry);
		find_unverified(l, entry, "smtpd_recipient_restrictions");
		find_unverified(l, entry, "smtpd_relay_restrictions");
		find_no_place(l, entry);
		free(entry);
	}
	if (n == 0)
		setup_find(l->s, SETUP_WARNING, NULL,
		    "no smtpd of master.cf listens on port 25: peers' mail "
		    "can't come in");
}

/* Subdomains of a peer: what relay_domains lets in the check must see. */
static void
find_parents(const struct look *l)
{
	static const char name[] = "parent_domain_matches_subdomains";
	char *value = pf_value(&l->pf->full, name), *mend;

	if (value == NULL)
		return;
	mend = xasprintf("postconf -e '%s=%s, smtpd_access_maps'", name, value);
	if (list_has(value, "relay_domains") &&
	    !list_has(value, "smtpd_access_maps"))
		setup_find(l->s, SETUP_REFUSE, mend,
		    "%s has relay_domains but not smtpd_access_maps: "
		    "strangers' mail for a peer's subdomain would pass "
		    "unasked",
		    name);
	free(mend);
	free(value);
}

static void
find_known_recipients(const struct look *l)
{
	char *value = pf_written(l->pf, "relay_recipient_maps");

	if (!list_is_empty(value))
		setup_find(l->s, SETUP_NOTE, NULL,
		    "relay_recipient_maps is set, and would refuse every "
		    "recipient of a peer's: a table of the peers' domains is "
		    "added to it");
	free(value);
}

/* ---- a peer's domain that Postfix has plans of its own for ---- */

/* The first of a list's tables (but ours) that knows the key; what it
 * says goes to answer. */
static char *
table_with(
    const struct look *l, const char *list, const char *key, struct buf *answer)
{
	struct list_word w;
	char *table;

	while (list_next(&list, &w)) {
		const char *argv[] = {
		    "postmap", "-c", l->dir, "-q", key, NULL, NULL};

		table = xasprintf("%.*s", (int)w.len, w.p);
		argv[5] = strncmp(table, "proxy:", 6) == 0 ? table + 6 : table;
		buf_reset(answer);
		if (strchr(table, ':') != NULL &&
		    strstr(table, l->pf->derived) == NULL &&
		    run_program(
			argv, NULL, answer, NULL, SETUP_DEADLINE, NULL) == 0 &&
		    answer->len > 0) {
			answer->data[strcspn(answer->data, "\n")] = '\0';
			return table;
		}
		free(table);
	}
	return NULL;
}

static void
find_route(const struct look *l, const char *list, const char *domain)
{
	char *any = xasprintf(PROBE "@%s", domain), *table;
	struct buf answer;

	buf_init(&answer, 65536);
	table = table_with(l, list, any, &answer);
	if (table != NULL) {
		setup_find(l->s, SETUP_REFUSE, NULL,
		    "transport_maps: %s sends %s to \"%s\": mail for a peer "
		    "would leave in clear; take that line out",
		    table, any, buf_str(&answer));
		free(table);
		table = NULL;
	} else if ((table = table_with(l, list, domain, &answer)) != NULL) {
		setup_find(l->s, SETUP_WARNING, NULL,
		    "transport_maps: %s has %s (\"%s\"); our table comes "
		    "before it: take that line out",
		    table, domain, buf_str(&answer));
	}
	free(table);
	free(any);
	buf_free(&answer);
}

static void
find_routes(const struct look *l)
{
	char *list = pf_value(&l->pf->full, "transport_maps");
	const struct roster *r = l->s->roster;
	size_t i, j;

	for (i = 0; i < r->peer_count; i++) {
		for (j = 0; j < r->peers[i]->domain_count; j++) {
			if (list != NULL)
				find_route(l, list, r->peers[i]->domains[j]);
		}
	}
	free(list);
}

/* ---- what must be there ---- */

/* Only what Dovecot delivers meets the Sieve script. */
static void
find_delivery(const struct look *l)
{
	static const char *const names[] = {"virtual_transport",
	    "mailbox_transport", "mailbox_transport_maps", "local_transport",
	    "mailbox_command", "transport_maps"};
	bool dovecot = false;
	char *value;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = pf_value(&l->pf->full, names[i]);
		if (value != NULL &&
		    (strstr(value, "lmtp") != NULL ||
			strstr(value, "dovecot") != NULL))
			dovecot = true;
		free(value);
	}
	if (!dovecot)
		setup_find(l->s, SETUP_NOTE, NULL,
		    "own mail does not go through Dovecot's LMTP: it does "
		    "not meet the Sieve script, and a mail may come twice "
		    "where this machine dies in the act of delivery");
}

static void
find_means(const struct look *l)
{
	const char *ours = l->s->conf->queue_dir;
	char *queue = pf_value(&l->pf->full, "queue_directory");
	const char *argv[] = {"postconf", "-c", l->dir, "-m", NULL};
	struct error why;
	struct buf types;

	buf_init(&types, 65536);
	if (setup_run(argv, &types, &why) == 0 &&
	    !list_has(buf_str(&types), "pcre"))
		setup_find(l->s, SETUP_REFUSE, "apt install postfix-pcre",
		    "this Postfix can't read pcre: tables");
	if (queue != NULL && strcmp(ours, queue) != 0 &&
	    strcmp(ours + strlen(l->s->conf->root), queue) != 0)
		setup_find(l->s, SETUP_REFUSE, NULL,
		    "Postfix's queue_directory is %s, and %s says %s: write "
		    "postfix: {queue-directory: %s} there",
		    queue, l->s->conf->path, ours, queue);
	buf_free(&types);
	free(queue);
}

void
pf_find_promises(struct setup *s, const struct pf *pf)
{
	char *config = setup_path(s, "/etc/postfix");
	const struct look l = {s, pf, config};

	find_means(&l);
	find_rules(&l);
	find_services(&l);
	find_parents(&l);
	find_known_recipients(&l);
	find_delivery(&l);
	find_routes(&l);
	free(config);
}
