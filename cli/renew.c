/* SPDX-License-Identifier: MIT */
/*
 * renew - changes of this node's OpenPGP key. See renew.h.
 */
#include "cli/renew.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/layout.h"
#include "cli/run.h"
#include "util/file.h"
#include "util/text.h"

#define GPG_DEADLINE 60 /* seconds */
#define ARGS_MAX 16
#define SUBKEYS_MAX 64

struct gpg {
	char *home;
	const char *fpr;
	struct error *error_r;
};

static int
run_gpg(const struct gpg *g, const char *const *args, const char *input,
    struct buf *output)
{
	const char *argv[ARGS_MAX + 8] = {
	    "gpg", "--homedir", g->home, "-q", "--no-tty", NULL};
	struct buf said;
	size_t n = 5, i;
	int rc;

	for (i = 0; args[i] != NULL && i < ARGS_MAX; i++)
		argv[n++] = args[i];
	argv[n] = NULL;
	buf_init(&said, ERROR_TEXT_MAX);
	rc = run_program(argv, input, output, &said, GPG_DEADLINE, g->error_r);
	if (rc > 0)
		rc = run_complaint("gpg", &said, g->error_r);
	buf_free(&said);
	return rc;
}

static int
import(const struct gpg *g, const char *path)
{
	const char *args[] = {"--batch", "--import", path, NULL};

	return run_gpg(g, args, NULL, NULL);
}

static int
add_subkey(const struct gpg *g)
{
	const char *args[] = {"--batch", "--passphrase", "", "--quick-add-key",
	    g->fpr, "cv25519", "encr", "never", NULL};

	return run_gpg(g, args, NULL, NULL);
}

/* How many subkeys the key has. */
static unsigned
count_subkeys(const struct gpg *g)
{
	const char *args[] = {
	    "--batch", "--with-colons", "--list-keys", g->fpr, NULL};
	struct buf out;
	struct cursor c;
	const char *line;
	unsigned n = 0;
	size_t len;

	buf_init(&out, 1 << 20);
	if (run_gpg(g, args, NULL, &out) == 0) {
		cursor_init(&c, buf_str(&out), out.len);
		while (cursor_line(&c, &line, &len))
			n += len > 4 && memcmp(line, "sub:", 4) == 0 &&
			    line[4] != 'r';
	}
	buf_free(&out);
	return n;
}

/* What gpg asks, answered: yes; no reason; no words; yes. */
static int
revoke_subkeys(const struct gpg *g)
{
	const char *args[] = {"--command-fd", "0", "--edit-key", g->fpr, NULL};
	unsigned n, count = count_subkeys(g);
	struct buf input;
	int rc;

	if (count == 0 || count > SUBKEYS_MAX)
		return error_set(g->error_r, AG_ENOENT,
		    "the key has no encryption subkey that is not revoked");
	buf_init(&input, 4096);
	for (n = 1; n <= count; n++)
		(void)buf_printf(&input, "key %u\n", n);
	(void)buf_puts(&input, "revkey\ny\n0\n\ny\nsave\n");
	rc = run_gpg(g, args, buf_str(&input), NULL);
	buf_free(&input);
	return rc;
}

static int
revoke_primary(const struct gpg *g)
{
	const char *make[] = {
	    "--command-fd", "0", "--gen-revoke", g->fpr, NULL};
	char *path = file_join(g->home, "revocation.asc");
	struct buf out;
	int rc;

	buf_init(&out, 65536);
	rc = run_gpg(g, make, "y\n0\n\ny\n", &out);
	if (rc == 0)
		rc = file_replace(
		    path, buf_str(&out), out.len, 0600, "renew", g->error_r);
	if (rc == 0)
		rc = import(g, path);
	buf_free(&out);
	free(path);
	return rc;
}

static int
export_halves(const struct gpg *g, struct buf *public_r, struct buf *secret_r)
{
	const char *public[] = {"--batch", "--armor", "--export", g->fpr, NULL};
	const char *secret[] = {"--batch", "--armor", "--passphrase", "",
	    "--export-secret-keys", g->fpr, NULL};
	int rc;

	rc = run_gpg(g, public, NULL, public_r);
	if (rc == 0)
		rc = run_gpg(g, secret, NULL, secret_r);
	if (rc == 0 && (public_r->len == 0 || secret_r->len == 0))
		rc = error_set(g->error_r, AG_ECRYPTO, "gpg exported no key");
	return rc;
}

static void
stop_agent(const struct gpg *g)
{
	const char *argv[] = {
	    "gpgconf", "--homedir", g->home, "--kill", "all", NULL};

	(void)run_program(argv, NULL, NULL, NULL, GPG_DEADLINE, NULL);
}

int
renew_key(const struct conf *conf, const char *fpr, enum renew_how how,
    const char *scratch, struct buf *public_r, struct buf *secret_r,
    struct error *error_r)
{
	char *secret = layout_secret(conf, SECRET_OPENPGP);
	char *public = xasprintf("%s.pub", secret);
	struct gpg g = {file_join(scratch, "renew"), fpr, error_r};
	int rc = 0;

	if (mkdir(g.home, 0700) < 0)
		rc = error_set_errno(error_r, AG_EIO, "can't make %s", g.home);
	if (rc == 0)
		rc = import(&g, secret);
	/* The public half has what was revoked before. */
	if (rc == 0 && access(public, F_OK) == 0)
		rc = import(&g, public);
	if (rc == 0)
		rc = how == RENEW_SUBKEY	  ? add_subkey(&g)
		    : how == RENEW_REVOKE_SUBKEYS ? revoke_subkeys(&g)
						  : revoke_primary(&g);
	if (rc == 0)
		rc = export_halves(&g, public_r, secret_r);
	stop_agent(&g);
	(void)file_remove_tree(g.home, NULL);
	free(g.home);
	free(public);
	free(secret);
	return rc;
}
