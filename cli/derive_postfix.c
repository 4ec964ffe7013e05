/* SPDX-License-Identifier: MIT */
/*
 * derive_postfix - the tables that Postfix reads (SPEC N-16).
 *
 * relay_domains, transport and peers are texthash: tables of the peers'
 * domains, and so is relay_recipients, for where Postfix has a list of
 * relayed recipients. own_recipients.pcre refuses what matches no mailbox of ours;
 * own_aliases.pcre maps what matches to the mailbox's deliver-to. In a
 * pcre: table letters match in either case already: the flag "i" would
 * turn that off.
 *
 * SECURITY: of a peer's manifest only checked domains come in here. Our
 * own patterns were accepted by match_compile(), which is what makes them
 * safe in a table; deliver-to may hold nothing that Postfix expands.
 */
#include "cli/derive.h"

#include <stdlib.h>
#include <string.h>

#include "util/text.h"

#define DELIVER_TO_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+=-"

/* A line for each peer's domain. */
static int
put_domains(
    const struct roster *r, const char *at, const char *value, struct buf *b)
{
	const struct manifest *m;
	size_t i, j;
	int rc = 0;

	for (i = 0; i < r->peer_count; i++) {
		m = r->peers[i];
		for (j = 0; rc == 0 && j < m->domain_count; j++)
			rc = buf_printf(
			    b, "%s%s %s\n", at, m->domains[j], value);
	}
	return rc;
}

/* Own domains first say DUNNO: one may lie below a peer's domain, whose
 * line would match it too. */
static int
put_own_domains(const struct manifest *self, struct buf *b)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < self->domain_count; i++)
		rc = buf_printf(b, "%s DUNNO\n", self->domains[i]);
	return rc;
}

static int
derive_domains(const struct roster *r, const struct buf *routes, struct tree *t)
{
	static const struct {
		const char *path, *at, *value;
	} tables[] = {
	    {DERIVED_RELAY_DOMAINS, "", "agamid"},
	    {DERIVED_RELAY_RECIPIENTS, "@", "agamid"},
	    {DERIVED_TRANSPORT, "", "agamid-seal:unix:agamid/seal.sock"},
	    {DERIVED_PEERS, "", "agamid_policy"},
	};
	struct buf b;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < sizeof(tables) / sizeof(tables[0]); i++) {
		buf_init(&b, TREE_FILE_MAX);
		rc = buf_puts(&b, DERIVED_HEADER);
		if (rc == 0 && strcmp(tables[i].path, DERIVED_PEERS) == 0)
			rc = put_own_domains(r->self, &b);
		if (rc == 0 && strcmp(tables[i].path, DERIVED_TRANSPORT) == 0)
			rc = buf_put(&b, buf_str(routes), routes->len);
		if (rc == 0)
			rc = put_domains(r, tables[i].at, tables[i].value, &b);
		tree_put_buf(t, tables[i].path, &b);
		buf_free(&b);
	}
	return rc;
}

/* Text as a pattern that matches it alone. */
static int
put_quoted(struct buf *b, const char *text)
{
	int rc = 0;

	for (; rc == 0 && *text != '\0'; text++) {
		if (strchr("._+=-", *text) != NULL)
			rc = buf_putc(b, '\\');
		if (rc == 0)
			rc = buf_putc(b, *text);
	}
	return rc;
}

/* "@(?:carol\.example|carol\.org)$/": any of the own domains. */
static int
put_at_domains(struct buf *b, const struct manifest *self)
{
	size_t i;
	int rc;

	rc = buf_puts(b, "@(?:");
	for (i = 0; rc == 0 && i < self->domain_count; i++) {
		if (i > 0)
			rc = buf_putc(b, '|');
		if (rc == 0)
			rc = put_quoted(b, self->domains[i]);
	}
	return rc == 0 ? buf_puts(b, ")$/") : rc;
}

/* The local parts of one mailbox, in all own domains, and a result. */
static int
put_mailbox(struct buf *b, const struct manifest *self,
    const struct manifest_mailbox *box, const char *result)
{
	int rc;

	rc = buf_puts(b, "/^(?:");
	if (rc == 0 && box->matches != NULL)
		rc = buf_puts(b, match_pattern(box->match));
	else if (rc == 0)
		rc = put_quoted(b, box->name);
	if (rc == 0)
		rc = buf_putc(b, ')');
	if (rc == 0)
		rc = put_at_domains(b, self);
	return rc == 0 ? buf_printf(b, " %s\n", result) : rc;
}

static int
put_always(struct buf *b, const struct manifest *self, const char *result)
{
	int rc;

	rc = buf_puts(b, "/^(?:postmaster|abuse)");
	if (rc == 0)
		rc = put_at_domains(b, self);
	return rc == 0 ? buf_printf(b, " %s\n", result) : rc;
}

static int
put_recipients(struct buf *b, const struct manifest *self)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < self->mailbox_count; i++)
		rc = put_mailbox(b, self, &self->mailboxes[i], "DUNNO");
	if (rc == 0)
		rc = put_always(b, self, "DUNNO");
	if (rc == 0)
		rc = buf_putc(b, '/');
	if (rc == 0)
		rc = put_at_domains(b, self);
	if (rc == 0)
		rc = buf_puts(b, " 550 5.1.1 There is no such address here\n");
	return rc;
}

char *
derive_target(const struct conf *conf, const struct manifest *self,
    const struct manifest_mailbox *box, struct error *error_r)
{
	const char *to = conf_deliver_to(conf, box->name);
	const char *at = strchr(to, '@');
	size_t local = strspn(to, DELIVER_TO_CHARS);

	if (local == 0 || to[0] == '-' ||
	    (at == NULL ? to[local] != '\0'
			: to + local != at || !text_is_domain(at + 1))) {
		error_set(error_r, AG_EINVAL,
		    "mailboxes.%s.deliver-to in %s is \"%s\": expected a local "
		    "part or an address of letters, digits and . _ + = -",
		    box->name, conf->path, to);
		return NULL;
	}
	return at != NULL ? xstrdup(to)
			  : xasprintf("%s@%s", to, self->domains[0]);
}

static char **
make_targets(
    const struct conf *conf, const struct manifest *self, struct error *error_r)
{
	char **targets = xcalloc(self->mailbox_count + 1, sizeof(*targets));
	size_t i;

	for (i = 0; i < self->mailbox_count; i++) {
		targets[i] =
		    derive_target(conf, self, &self->mailboxes[i], error_r);
		if (targets[i] == NULL)
			break;
	}
	if (i == self->mailbox_count)
		return targets;
	while (i > 0)
		free(targets[--i]);
	free(targets);
	return NULL;
}

/* Does the target have another mailbox's address? It works, but mail to
 * it goes to the target and not to that mailbox: say so. */
static void
warn_of_overlap(
    const struct manifest *self, char **targets, size_t i, struct buf *problems)
{
	const struct manifest_mailbox *box = NULL;
	const char *at = strchr(targets[i], '@');
	char *local;

	if (!manifest_has_domain(self, at + 1))
		return;
	local = xasprintf("%.*s", (int)(at - targets[i]), targets[i]);
	if (manifest_match(self, local, &box) == MATCH_YES && box != NULL &&
	    strcmp(targets[box - self->mailboxes], targets[i]) != 0)
		(void)buf_printf(problems,
		    "%s matches mailbox %s, but it is where mailbox %s is "
		    "delivered to, and mail to it goes there\n",
		    targets[i], box->name, self->mailboxes[i].name);
	free(local);
}

static bool
was_before(char **targets, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++) {
		if (strcasecmp(targets[j], targets[i]) == 0)
			return true;
	}
	return false;
}

/*
 * virtual_alias_maps is looked up again with each result, so a target in
 * an own domain must map to itself: else another mailbox's pattern could
 * take it on. These lines come first.
 */
static int
put_targets(struct buf *b, const struct manifest *self, char **targets,
    struct buf *problems)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < self->mailbox_count; i++) {
		warn_of_overlap(self, targets, i, problems);
		if (was_before(targets, i))
			continue;
		rc = buf_puts(b, "/^");
		if (rc == 0)
			rc = put_quoted(b, targets[i]);
		if (rc == 0)
			rc = buf_printf(b, "$/ %s\n", targets[i]);
	}
	return rc;
}

static int
put_aliases(struct buf *b, const struct manifest *self, char **targets,
    struct buf *problems)
{
	size_t i;
	int rc;

	rc = put_targets(b, self, targets, problems);
	for (i = 0; rc == 0 && i < self->mailbox_count; i++)
		rc = put_mailbox(b, self, &self->mailboxes[i], targets[i]);
	if (rc == 0 && self->mailbox_count > 0)
		rc = put_always(b, self, targets[0]);
	return rc;
}

/* Without mailboxes in the manifest Postfix's own tables decide: both
 * tables are there, and empty. */
static int
derive_own(const struct conf *conf, const struct manifest *self, struct tree *t,
    struct buf *problems, struct error *error_r)
{
	char **targets = NULL;
	struct buf recipients, aliases;
	size_t i;
	int rc;

	buf_init(&recipients, TREE_FILE_MAX);
	buf_init(&aliases, TREE_FILE_MAX);
	rc = buf_puts(&recipients, DERIVED_HEADER);
	if (rc == 0)
		rc = buf_puts(&aliases, DERIVED_HEADER);
	if (rc == 0 && self->has_mailboxes) {
		targets = make_targets(conf, self, error_r);
		rc = targets == NULL ? AG_EINVAL
				     : put_recipients(&recipients, self);
		if (rc == 0)
			rc = put_aliases(&aliases, self, targets, problems);
	}
	tree_put_buf(t, DERIVED_OWN_RECIPIENTS, &recipients);
	tree_put_buf(t, DERIVED_OWN_ALIASES, &aliases);
	for (i = 0; targets != NULL && i < self->mailbox_count; i++)
		free(targets[i]);
	free(targets);
	buf_free(&aliases);
	buf_free(&recipients);
	return rc;
}

int
derive_postfix(const struct conf *conf, const struct roster *r, struct tree *t,
    struct buf *problems, struct error *error_r)
{
	struct buf routes;
	int rc;

	buf_init(&routes, TREE_FILE_MAX);
	error_set(error_r, AG_ETOOBIG, "a table for Postfix is too big");
	rc = derive_home(conf, r->self, t, &routes, problems, error_r);
	if (rc == 0)
		rc = derive_domains(r, &routes, t);
	buf_free(&routes);
	return rc < 0 ? rc : derive_own(conf, r->self, t, problems, error_r);
}
