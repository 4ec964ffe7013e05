/* SPDX-License-Identifier: MIT */
/*
 * init_restore - a node on a new machine. See init_restore.h.
 *
 * SECURITY: the recovery key's secret is copied into the scratch directory
 * (in memory where there is one) and goes with it.
 */
#include "cli/init_restore.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/body.h"
#include "cli/layout.h"
#include "cli/recovery.h"
#include "cli/run.h"
#include "cli/serial.h"
#include "mail/openpgp.h"
#include "manifests/sign.h"
#include "util/file.h"
#include "util/text.h"

#define COPY_DEADLINE 300 /* seconds */
#define ERRORS_MAX 262144

static const char *const parts[] = {
    "etc/agamid", "var/lib/agamid/manifests", "var/lib/agamid-key"};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* ---- from a backup ---- */

bool
restore_is_backup(const char *path)
{
	struct stat st;
	struct buf b;
	bool paper;

	if (stat(path, &st) < 0)
		return false;
	if (S_ISDIR(st.st_mode))
		return true;
	buf_init(&b, RECOVERY_MAX);
	paper = recovery_read(path, &b, NULL) == 0;
	buf_wipe(&b);
	return !paper;
}

static int
run(const char *const *argv)
{
	struct buf said;
	struct error why;
	int rc;

	buf_init(&said, ERROR_TEXT_MAX);
	rc = run_program(argv, NULL, NULL, &said, COPY_DEADLINE, &why);
	if (rc > 0)
		rc = run_complaint(argv[0], &said, &why);
	buf_free(&said);
	return rc == 0 ? CLI_OK : cli_error("%s", why.text);
}

/* A part's parent, and the part where there is none yet. */
static int
copy_part(const struct cli *cli, const char *dir, const char *part)
{
	char *from = file_join(dir, part), *to;
	char *path = xasprintf("%s/%s", cli->root, part);
	const char *argv[] = {"cp", "-a", "--", from, NULL, NULL};
	struct error why;
	int rc = CLI_OK;

	to = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
	argv[4] = to;
	if (access(path, F_OK) == 0 && rmdir(path) < 0)
		rc = cli_error("%s is there already; it is not replaced", path);
	else if (file_mkdirs(to, 0755, &why) < 0)
		rc = cli_error("%s", why.text);
	else
		rc = run(argv);
	free(path);
	free(to);
	free(from);
	return rc;
}

static int
copy_all(const struct cli *cli, const char *dir)
{
	struct stat st;
	char *path;
	size_t i;
	int rc = CLI_OK;

	for (i = 0; rc == CLI_OK && i < PARTS; i++) {
		path = file_join(dir, parts[i]);
		if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
			rc = cli_error("%s is missing: expected a backup of "
				       "etc/agamid, var/lib/agamid/manifests "
				       "and var/lib/agamid-key",
			    path);
		free(path);
	}
	for (i = 0; rc == CLI_OK && i < PARTS; i++)
		rc = copy_part(cli, dir, parts[i]);
	return rc;
}

static int
unpack(const struct cli *cli, const char *path)
{
	char *scratch = cli_scratch_new();
	const char *argv[] = {
	    "tar", "-xf", path, "-C", scratch, "--no-same-owner", NULL};
	int rc;

	if (scratch == NULL)
		return CLI_FAILED;
	rc = run(argv);
	if (rc == CLI_OK)
		rc = copy_all(cli, scratch);
	cli_scratch_free(&scratch);
	return rc;
}

int
restore_backup(const struct cli *cli, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return copy_all(cli, path);
	return unpack(cli, path);
}

/* ---- from the paper ---- */

/* '{serial: N, signature: "...\n..."}' */
static int
put_succession(struct buf *out, uint64_t serial, const struct buf *sig)
{
	const char *p = buf_str(sig);
	int rc;

	rc = buf_printf(
	    out, "{serial: %llu, signature: \"", (unsigned long long)serial);
	for (; rc == 0 && *p != '\0'; p++) {
		if (*p == '\n')
			rc = buf_puts(out, "\\n");
		else if (*p != '\r')
			rc = buf_putc(out, *p);
	}
	return rc == 0 ? buf_puts(out, "\"}") : rc;
}

/* The recovery key's word for these keys. */
static int
sign_succession(const struct manifest *old, const struct init_keys *keys,
    uint64_t serial, const char *secret, const char *scratch, struct buf *out,
    struct error *error_r)
{
	char *client = xstrdup(buf_str(&keys->ssh_client));
	struct openpgp_keyinfo info;
	struct manifest next = *old;
	struct buf text, sig;
	int rc;

	next.ssh_client_keys = &client;
	next.ssh_client_key_count = 1;
	buf_init(&text, MANIFEST_MAX);
	buf_init(&sig, MANIFEST_MAX);
	rc = openpgp_key_info(buf_str(&keys->openpgp), scratch, &info, error_r);
	if (rc == 0)
		rc = sign_succession_text(&next, info.fpr, serial, &text);
	if (rc == 0)
		rc = openpgp_sign_detached(
		    secret, scratch, text.data, text.len, &sig, error_r);
	if (rc == 0)
		rc = openpgp_verify_detached(old->recovery, scratch, text.data,
		    text.len, buf_str(&sig), NULL, error_r);
	if (rc == AG_ESIG)
		error_set(error_r, rc,
		    "this is not the recovery key that the manifest names");
	if (rc == 0)
		rc = put_succession(out, serial, &sig);
	buf_free(&sig);
	buf_free(&text);
	free(client);
	return rc;
}

static int
make_body(const struct manifest *old, const struct init_keys *keys,
    uint64_t serial, const char *succession, struct buf *body)
{
	struct buf first;
	char *ssh;
	int rc;

	ssh =
	    xasprintf("{port: %u, host-keys: [\"%s\"], client-keys: [\"%s\"]}",
		old->ssh_port, buf_str(&keys->ssh_host),
		buf_str(&keys->ssh_client));
	buf_init(&first, MANIFEST_MAX);
	rc = body_take(old->text, old->body_len, &first);
	if (rc == 0)
		rc = body_set_serial(&first, serial, body);
	if (rc == 0)
		rc = body_change(body, "openpgp", buf_str(&keys->openpgp));
	if (rc == 0)
		rc = body_change(body, "ticket-key", keys->ticket);
	if (rc == 0)
		rc = body_change(body, "receipt-key", keys->receipt);
	if (rc == 0)
		rc = body_change(body, "ssh", ssh);
	if (rc == 0)
		rc = body_change(body, "succession", succession);
	buf_free(&first);
	free(ssh);
	return rc;
}

/* As everybody else will read it. */
static struct manifest *
sign_body(const struct conf *conf, const struct buf *body, const char *scratch,
    struct error *error_r)
{
	char *secret = layout_secret(conf, SECRET_OPENPGP);
	struct manifest *m = NULL;
	struct buf text, errors;

	buf_init(&text, MANIFEST_MAX);
	buf_init(&errors, ERRORS_MAX);
	if (sign_make(buf_str(body), body->len, secret, scratch, &text,
		error_r) == 0) {
		m = manifest_parse(
		    "the restored manifest", buf_str(&text), text.len, &errors);
		error_set(error_r, AG_EINVAL, "%.*s",
		    (int)strcspn(buf_str(&errors), "\n"), buf_str(&errors));
	}
	if (m != NULL &&
	    (sign_verify(m, scratch, error_r) < 0 ||
		sign_succession_verify(m, scratch, error_r) < 0))
		manifest_free(&m);
	buf_free(&errors);
	buf_free(&text);
	free(secret);
	return m;
}

struct manifest *
restore_succeed(const struct conf *conf, const struct manifest *old,
    const struct init_keys *keys, const char *paper, const char *scratch)
{
	uint64_t serial = serial_next(time(NULL), old->serial);
	char *path = file_join(scratch, "recovery.asc");
	struct buf secret, succession, body;
	struct manifest *m = NULL;
	struct error why;
	int rc;

	buf_init(&succession, MANIFEST_MAX);
	buf_init(&body, MANIFEST_MAX + 64);
	buf_init(&secret, RECOVERY_MAX);
	rc = recovery_read(paper, &secret, &why);
	if (rc == 0)
		rc = file_replace(
		    path, secret.data, secret.len, 0600, "restore", &why);
	if (rc == 0)
		rc = sign_succession(
		    old, keys, serial, path, scratch, &succession, &why);
	if (rc == 0 &&
	    (rc = make_body(old, keys, serial, buf_str(&succession), &body)) <
		0)
		error_set(&why, rc,
		    "the manifest is not written a key a line, and can't be "
		    "changed");
	/* SPEC N-13.9: what was sealed before is sealed to it, too. */
	if (rc == 0)
		rc = recovery_keep(conf, old->recovery, paper, scratch, &why);
	if (rc == 0)
		m = sign_body(conf, &body, scratch, &why);
	if (m == NULL)
		cli_error("%s", why.text);
	(void)unlink(path);
	buf_wipe(&secret);
	buf_free(&body);
	buf_free(&succession);
	free(path);
	return m;
}
