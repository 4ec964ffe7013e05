/* SPDX-License-Identifier: MIT */
/*
 * agamid manifest rotate, revoke - this node's keys change. Each ends with a
 * manifest that says so, which peers get by exchange.
 *
 * Old secrets stay: what is sealed to an old subkey, here or with a
 * friend, can still be opened, and old manifests verify what was signed
 * with old ticket and receipt keys.
 */
#include "cli/cmd_manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/apply.h"
#include "cli/body.h"
#include "cli/draft.h"
#include "cli/issue.h"
#include "cli/known.h"
#include "cli/layout.h"
#include "cli/renew.h"
#include "cli/spread.h"
#include "cli/usage.h"
#include "mail/keys.h"
#include "mail/openpgp.h"
#include "util/file.h"
#include "util/text.h"

#define ERRORS_MAX 262144

struct renewal {
	struct known known;
	struct issue issue;
	struct buf before, body; /* in force; to be signed */
	struct manifest *made;
};

/* ---- the text ---- */

/* The same change in what is signed, and in a draft with changes of its
 * own. */
static int
set(struct buf *body, const char *key, const char *value, struct error *error_r)
{
	int rc = body_change(body, key, value);

	if (rc < 0)
		error_set(error_r, rc,
		    "the manifest is not written a key a line, and can't be "
		    "changed by a program");
	return rc;
}

static int
follow_draft(struct renewal *r, const char *key, const char *value)
{
	struct conf *conf = r->known.conf;
	char *path = draft_path(conf);
	struct error why;
	struct buf draft;
	int rc;

	buf_init(&draft, MANIFEST_MAX + 64);
	rc = draft_read(path, &draft, &why);
	if (rc == 0 && !body_is_same(&draft, &r->before)) {
		rc = set(&draft, key, value, &why);
		if (rc == 0)
			rc = draft_write(conf, &draft, &why);
	}
	if (rc < 0 && rc != AG_ENOENT)
		cli_warn("%s: %s; set %s there yourself", path, why.text, key);
	buf_free(&draft);
	free(path);
	return CLI_OK;
}

static int
change(struct renewal *r, const char *key, const char *value)
{
	struct error why;

	if (set(&r->body, key, value, &why) < 0)
		return cli_error("%s", why.text);
	return follow_draft(r, key, value);
}

/* ---- the keys ---- */

static int
renew_openpgp(struct renewal *r, enum renew_how how)
{
	struct conf *conf = r->known.conf;
	char *path = layout_secret(conf, SECRET_OPENPGP);
	char *pub = xasprintf("%s.pub", path);
	struct buf public, secret;
	struct error why;
	int rc;

	buf_init(&public, OPENPGP_KEY_MAX);
	buf_init(&secret, 4 * OPENPGP_KEY_MAX);
	rc = renew_key(conf, r->known.roster.self->fpr, how, r->known.scratch,
	    &public, &secret, &why);
	if (rc == 0 && how == RENEW_SUBKEY)
		rc = file_replace(
		    path, buf_str(&secret), secret.len, 0400, "key", &why);
	if (rc == 0)
		rc = file_replace(
		    pub, buf_str(&public), public.len, 0644, "key", &why);
	rc = rc == 0 ? change(r, "openpgp", buf_str(&public))
		     : cli_error("%s", why.text);
	buf_wipe(&secret);
	buf_free(&public);
	free(pub);
	free(path);
	return rc;
}

/* A new seed; the old one is kept beside until the manifest is signed. */
static int
renew_seed(struct renewal *r, const char *file, const char *key)
{
	char *path = layout_secret(r->known.conf, file);
	char *old = xasprintf("%s.old", path);
	char public[KEYS_TEXT_SIZE];
	struct sign_key secret;
	struct error why;
	int rc;

	rc = rename(path, old) < 0
	    ? error_set_errno(&why, AG_EIO, "can't rename %s", path)
	    : keys_seed_create(path, &why);
	if (rc == 0)
		rc = keys_seed_load(path, &secret, &why);
	if (rc == 0) {
		keys_public_text(secret.public, public);
		keys_wipe(&secret);
		rc = change(r, key, public);
	} else {
		cli_error("%s", why.text);
		rc = CLI_FAILED;
	}
	free(old);
	free(path);
	return rc;
}

/* It worked: the old seeds go. Or not: they come back. */
static void
settle_seeds(struct renewal *r, bool signed_)
{
	static const char *const files[] = {SECRET_TICKET, SECRET_RECEIPT};
	char *path, *old;
	size_t i;

	for (i = 0; r->known.conf != NULL && i < 2; i++) {
		path = layout_secret(r->known.conf, files[i]);
		old = xasprintf("%s.old", path);
		if (access(old, F_OK) == 0 &&
		    (signed_ ? unlink(old) : rename(old, path)) < 0)
			cli_warn("can't settle %s", old);
		free(old);
		free(path);
	}
}

/* ---- the manifest ---- */

static int
begin(const struct cli *cli, struct renewal *r)
{
	const struct manifest *self;
	int rc;

	memset(r, 0, sizeof(*r));
	buf_init(&r->before, MANIFEST_MAX + 64);
	buf_init(&r->body, MANIFEST_MAX + 64);
	rc = known_load(cli, KNOWN_LOCKED, &r->known);
	if (rc != CLI_OK)
		return rc;
	self = r->known.roster.self;
	r->issue.conf = r->known.conf;
	r->issue.scratch = r->known.scratch;
	r->issue.before = self;
	r->issue.now = time(NULL);
	r->issue.floor = issue_newest_here(r->known.conf);
	if (body_take(self->text, self->body_len, &r->before) < 0 ||
	    body_take(self->text, self->body_len, &r->body) < 0)
		return cli_error("the manifest in force is too long");
	return CLI_OK;
}

static int
sign_it(struct renewal *r)
{
	struct buf wrong, notes;
	struct error why;
	struct manifest *m;

	buf_init(&wrong, ERRORS_MAX);
	buf_init(&notes, ERRORS_MAX);
	m = issue_check(
	    &r->issue, "the new manifest", &r->body, &wrong, &notes);
	if (m != NULL) {
		r->made = issue_sign(&r->issue, &r->body,
		    issue_serial(&r->issue, m->serial), &why);
		if (r->made == NULL)
			cli_error("%s", why.text);
	}
	cli_lines(&wrong);
	cli_lines(&notes);
	manifest_free(&m);
	buf_free(&notes);
	buf_free(&wrong);
	if (r->made == NULL)
		return CLI_FAILED;
	if (draft_follow(r->known.conf, r->made, &r->before, &why) < 0)
		cli_warn("%s", why.text);
	return CLI_OK;
}

static int
put_in_force(struct renewal *r)
{
	const struct apply_options quiet = {.quiet = true};
	int rc;

	cli_out("serial %llu is signed\n", (unsigned long long)r->made->serial);
	r->issue.before = NULL;
	rc = known_reload(&r->known);
	if (rc == CLI_OK)
		rc = apply_known(&r->known, &quiet);
	if (rc != CLI_OK)
		return rc;
	known_unlock(&r->known);
	spread_show(r->known.conf, &r->known.roster, r->made->serial, 0);
	return CLI_OK;
}

static int
end(struct renewal *r, int rc)
{
	if (rc == CLI_OK)
		rc = sign_it(r);
	settle_seeds(r, r->made != NULL);
	if (rc == CLI_OK)
		rc = put_in_force(r);
	manifest_free(&r->made);
	buf_free(&r->body);
	buf_free(&r->before);
	known_free(&r->known);
	return rc;
}

/* ---- the commands ---- */

static bool
has_word(int argc, char **argv, const char *word)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], word) == 0)
			return true;
	}
	return false;
}

int
manifest_rotate(const struct cli *cli, int argc, char **argv)
{
	static const char *const words[] = {"openpgp", "ticket", "receipt"};
	struct renewal r;
	int i, known = 0, rc;

	for (i = 0; i < 3; i++)
		known += has_word(argc, argv, words[i]);
	if (known != argc - 1)
		return cli_usage(USAGE_MANIFEST);
	rc = begin(cli, &r);
	if (rc == CLI_OK && (argc == 1 || has_word(argc, argv, "openpgp")))
		rc = renew_openpgp(&r, RENEW_SUBKEY);
	if (rc == CLI_OK && has_word(argc, argv, "ticket"))
		rc = renew_seed(&r, SECRET_TICKET, "ticket-key");
	if (rc == CLI_OK && has_word(argc, argv, "receipt"))
		rc = renew_seed(&r, SECRET_RECEIPT, "receipt-key");
	return end(&r, rc);
}

int
manifest_revoke(const struct cli *cli, int argc, char **argv)
{
	struct renewal r;
	bool primary;
	int rc;

	if (argc != 2 ||
	    (strcmp(argv[1], "subkeys") != 0 &&
		strcmp(argv[1], "primary") != 0))
		return cli_usage(USAGE_MANIFEST);
	primary = strcmp(argv[1], "primary") == 0;
	rc = begin(cli, &r);
	if (rc == CLI_OK)
		rc = renew_openpgp(
		    &r, primary ? RENEW_REVOKE_PRIMARY : RENEW_REVOKE_SUBKEYS);
	rc = end(&r, rc);
	if (rc == CLI_OK)
		cli_out("Peers seal nothing to this node any more. %s\n",
		    primary ? "Only the recovery key brings it back: agamid "
			      "init --restore, on a clean machine."
			    : "agamid manifest rotate makes a new subkey.");
	return rc;
}
