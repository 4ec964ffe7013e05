/* SPDX-License-Identifier: MIT */
/*
 * derive_home - where mail for mailboxes that are sealed always goes on its
 * way to Dovecot (SPEC D-8.1): routes for Postfix, and for agamid-seal
 * which mailbox an address is.
 *
 * The whole address is routed by transport_maps. A user of this machine is
 * known to Postfix by other domains too (localhost, its own name), all of
 * which end with local(8): so his name is in a table for
 * mailbox_transport_maps as well.
 */
#include "cli/derive.h"

#include <stdlib.h>
#include <string.h>

#include "util/text.h"

#define ROUTE "agamid-seal:unix:agamid/home.sock"

/* One of them. */
struct resident {
	const struct manifest_mailbox *box;
	char *address; /* to which it is delivered */
	bool is_user; /* of this machine */
};

struct tables {
	struct buf routes; /* for transport_maps */
	struct buf users; /* for mailbox_transport_maps */
	struct buf boxes; /* for agamid-seal */
};

static void
check_key(const struct resident *r, struct buf *problems)
{
	if (r->box->openpgp == NULL)
		(void)buf_printf(problems,
		    "mailbox %s is to be sealed always and has no key: its "
		    "mail waits in Postfix's queue; agamid key new %s\n",
		    r->box->name, r->box->name);
}

/* An address is one mailbox's: the first one's. */
static bool
is_taken(
    const struct resident *r, const struct buf *boxes, struct buf *problems)
{
	const size_t len = strlen(r->address);
	const char *name = buf_str(boxes);

	while (strncmp(name, r->address, len) != 0 || name[len] != ' ') {
		name += strcspn(name, "\n");
		if (*name++ == '\0')
			return false;
	}
	name += len + 1;
	(void)buf_printf(problems,
	    "mailboxes %.*s and %s are delivered to one address: what is "
	    "sealed there is sealed to the key of the first\n",
	    (int)strcspn(name, "\n"), name, r->box->name);
	return true;
}

static int
put_resident(const struct resident *r, struct tables *t)
{
	const char *at = strchr(r->address, '@');
	int user = (int)(at - r->address), rc;

	rc = buf_printf(&t->routes, "%s %s\n", r->address, ROUTE);
	if (rc == 0)
		rc = buf_printf(&t->boxes, "%s %s\n", r->address, r->box->name);
	if (rc < 0 || !r->is_user)
		return rc;
	rc = buf_printf(&t->users, "%.*s %s\n", user, r->address, ROUTE);
	if (rc == 0)
		rc = buf_printf(
		    &t->boxes, "%.*s %s\n", user, r->address, r->box->name);
	return rc;
}

static int
put_mailbox(const struct conf *conf, const struct manifest *self,
    const struct manifest_mailbox *box, struct tables *t, struct buf *problems,
    struct error *error_r)
{
	struct resident r = {.box = box};
	int rc = 0;

	r.address = derive_target(conf, self, box, error_r);
	if (r.address == NULL)
		return AG_EINVAL;
	r.is_user = strchr(conf_deliver_to(conf, box->name), '@') == NULL;
	check_key(&r, problems);
	if (!is_taken(&r, &t->boxes, problems))
		rc = put_resident(&r, t);
	free(r.address);
	return rc;
}

/* Those that agamid.yaml names and the manifest doesn't. */
static void
find_unknown(
    const struct conf *conf, const struct manifest *self, struct buf *problems)
{
	const struct conf_mailbox *m = conf->mailboxes;
	size_t i;

	for (i = 0; i < conf->mailbox_count; i++) {
		if (m[i].seal_always &&
		    manifest_mailbox(self, m[i].name) == NULL)
			(void)buf_printf(problems,
			    "mailbox %s is to be sealed always, but the "
			    "manifest has no such mailbox\n",
			    m[i].name);
	}
}

int
derive_home(const struct conf *conf, const struct manifest *self,
    struct tree *t, struct buf *routes, struct buf *problems,
    struct error *error_r)
{
	struct tables tables;
	size_t i;
	int rc;

	buf_init(&tables.routes, TREE_FILE_MAX);
	buf_init(&tables.users, TREE_FILE_MAX);
	buf_init(&tables.boxes, TREE_FILE_MAX);
	rc = buf_puts(&tables.users, DERIVED_HEADER);
	for (i = 0; rc == 0 && i < self->mailbox_count; i++) {
		if (conf_seals_always(conf, self->mailboxes[i].name))
			rc = put_mailbox(conf, self, &self->mailboxes[i],
			    &tables, problems, error_r);
	}
	if (rc == 0)
		rc =
		    buf_put(routes, buf_str(&tables.routes), tables.routes.len);
	find_unknown(conf, self, problems);
	/* Never missing: Postfix would defer all mail to local users. */
	tree_put_buf(t, DERIVED_HOME_USERS, &tables.users);
	if (tables.boxes.len > 0)
		tree_put_buf(t, DERIVED_AT_HOME, &tables.boxes);
	buf_free(&tables.routes);
	buf_free(&tables.users);
	buf_free(&tables.boxes);
	return rc;
}
