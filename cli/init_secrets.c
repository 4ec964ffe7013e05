/* SPDX-License-Identifier: MIT */
/*
 * init_secrets - a node's secret files, each made if it is missing.
 *
 * SECURITY: every file is created new and closed to others from its first
 * byte; owners are set by layout_make() afterwards. The recovery key's
 * secret stays in memory, which init_keys_wipe() clears.
 */
#include "cli/init.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/layout.h"
#include "cli/run.h"
#include "mail/keys.h"
#include "util/file.h"
#include "util/text.h"

#define KEYGEN_DEADLINE 30 /* seconds */
#define NODE_SECRET_SIZE 32

static const char *const all_secrets[] = {SECRET_OPENPGP, SECRET_RECEIPT,
    SECRET_NODE, SECRET_SEALED, SECRET_TICKET, SECRET_SSH_CLIENT,
    SECRET_SSH_HOST};

void
init_keys_init(struct init_keys *keys)
{
	memset(keys, 0, sizeof(*keys));
	buf_init(&keys->openpgp, OPENPGP_KEY_MAX);
	buf_init(&keys->recovery, OPENPGP_KEY_MAX);
	buf_init(&keys->recovery_secret, OPENPGP_KEY_MAX);
	buf_init(&keys->ssh_client, 1024);
	buf_init(&keys->ssh_host, 1024);
}

void
init_keys_wipe(struct init_keys *keys)
{
	buf_free(&keys->openpgp);
	buf_free(&keys->recovery);
	buf_wipe(&keys->recovery_secret);
	buf_free(&keys->ssh_client);
	buf_free(&keys->ssh_host);
}

static bool
is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

bool
init_has_secrets(const struct conf *conf)
{
	bool all = true;
	char *path;
	size_t i;

	for (i = 0; i < sizeof(all_secrets) / sizeof(all_secrets[0]); i++) {
		path = layout_secret(conf, all_secrets[i]);
		all = is_there(path) && all;
		free(path);
	}
	return all;
}

/* The public half is kept beside, for a manifest to be made of. */
static char *
public_path(const char *path)
{
	return xasprintf("%s.pub", path);
}

static char *
user_id(const struct conf *conf, const char *what, const char *domain)
{
	return xasprintf(
	    "%s (Agamid %s) <postmaster@%s>", conf->node, what, domain);
}

static int
generate_openpgp(const char *path, const char *pub, const char *uid,
    const char *scratch, struct error *error_r)
{
	struct buf public, secret;
	int rc;

	buf_init(&public, OPENPGP_KEY_MAX);
	buf_init(&secret, OPENPGP_KEY_MAX);
	rc = openpgp_key_generate(uid, scratch, &public, &secret, error_r);
	/* The public half first: the secret's presence says both are. */
	if (rc == 0)
		rc = file_replace(
		    pub, buf_str(&public), public.len, 0644, "init", error_r);
	if (rc == 0)
		rc = file_replace(
		    path, buf_str(&secret), secret.len, 0400, "init", error_r);
	buf_free(&public);
	buf_wipe(&secret);
	return rc;
}

static int
make_openpgp(const struct conf *conf, const char *domain, const char *scratch,
    struct buf *public_r, struct error *error_r)
{
	char *path = layout_secret(conf, SECRET_OPENPGP);
	char *pub = public_path(path);
	char *uid = user_id(conf, "node", domain);
	int rc = 0;

	if (!is_there(path))
		rc = generate_openpgp(path, pub, uid, scratch, error_r);
	if (rc == 0)
		rc = file_read(pub, public_r, error_r);
	free(uid);
	free(pub);
	free(path);
	return rc;
}

int
init_make_recovery(const struct conf *conf, const char *domain,
    const char *scratch, struct init_keys *keys, struct error *error_r)
{
	char *uid = user_id(conf, "recovery", domain);
	int rc;

	rc = openpgp_key_generate(
	    uid, scratch, &keys->recovery, &keys->recovery_secret, error_r);
	free(uid);
	return rc;
}

static int
make_seed(const struct conf *conf, const char *name, char public_r[64],
    struct error *error_r)
{
	char *path = layout_secret(conf, name);
	struct sign_key key;
	int rc = 0;

	if (!is_there(path))
		rc = keys_seed_create(path, error_r);
	if (rc == 0)
		rc = keys_seed_load(path, &key, error_r);
	if (rc == 0) {
		keys_public_text(key.public, public_r);
		keys_wipe(&key);
	}
	free(path);
	return rc;
}

/* What signs X-Agamid-Sealed; every mail user reads its public half. */
static int
make_sealed(const struct conf *conf, struct error *error_r)
{
	char *path = file_join(conf->state_dir, SEALED_PUBLIC);
	char public[KEYS_TEXT_SIZE + 1];
	int rc;

	rc = make_seed(conf, SECRET_SEALED, public, error_r);
	if (rc == 0) {
		strcat(public, "\n");
		rc = file_replace(
		    path, public, strlen(public), 0644, "init", error_r);
	}
	free(path);
	return rc;
}

static int
make_node_secret(const struct conf *conf, struct error *error_r)
{
	char *path = layout_secret(conf, SECRET_NODE);
	char hex[2 * NODE_SECRET_SIZE + 2];
	uint8_t random[NODE_SECRET_SIZE];
	int rc = 0;

	if (!is_there(path)) {
		randombytes_buf(random, sizeof(random));
		text_hex(random, sizeof(random), hex);
		hex[2 * sizeof(random)] = '\n';
		hex[2 * sizeof(random) + 1] = '\0';
		rc =
		    file_replace(path, hex, strlen(hex), 0400, "init", error_r);
		explicit_bzero(random, sizeof(random));
		explicit_bzero(hex, sizeof(hex));
	}
	free(path);
	return rc;
}

/* ssh-keygen makes both halves; PATH.new is renamed when whole. */
static int
generate_ssh(const char *path, const char *comment, struct error *error_r)
{
	char *new = xasprintf("%s.new", path), *new_pub = public_path(new);
	char *pub = public_path(path);
	const char *argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "",
	    "-C", comment, "-f", new, NULL};
	struct buf said;
	int rc;

	buf_init(&said, ERROR_TEXT_MAX);
	(void)unlink(new);
	(void)unlink(new_pub);
	rc = run_program(argv, NULL, NULL, &said, KEYGEN_DEADLINE, error_r);
	if (rc == AG_ENOENT)
		error_set(error_r, rc,
		    "there is no ssh-keygen; install the package "
		    "openssh-client");
	else if (rc > 0)
		rc = run_complaint("ssh-keygen", &said, error_r);
	if (rc == 0 && (rename(new_pub, pub) < 0 || rename(new, path) < 0))
		rc = error_set_errno(error_r, AG_EIO, "can't make %s", path);
	buf_free(&said);
	free(pub);
	free(new_pub);
	free(new);
	return rc;
}

/* "ssh-ed25519 AAAA comment\n" without the comment. */
static int
read_ssh_public(const char *pub, struct buf *key_r, struct error *error_r)
{
	const char *text, *end;
	struct buf b;
	int rc;

	buf_init(&b, 1024);
	rc = file_read(pub, &b, error_r);
	text = buf_str(&b);
	end = strchr(text, ' ');
	if (rc == 0 && end == NULL)
		rc = error_set(error_r, AG_EINVAL, "%s is no public key", pub);
	if (rc == 0) {
		end += 1 + strcspn(end + 1, " \n");
		rc = buf_put(key_r, text, (size_t)(end - text));
	}
	buf_free(&b);
	return rc;
}

static int
make_ssh(const struct conf *conf, const char *name, struct buf *public_r,
    struct error *error_r)
{
	char *path = layout_secret(conf, name);
	char *pub = public_path(path);
	char *comment = xasprintf("agamid-%s", conf->node);
	int rc = 0;

	if (!is_there(path))
		rc = generate_ssh(path, comment, error_r);
	if (rc == 0)
		rc = read_ssh_public(pub, public_r, error_r);
	free(comment);
	free(pub);
	free(path);
	return rc;
}

int
init_make_secrets(const struct conf *conf, const char *domain,
    const char *scratch, struct init_keys *keys, struct error *error_r)
{
	int rc;

	rc = make_openpgp(conf, domain, scratch, &keys->openpgp, error_r);
	if (rc == 0)
		rc = make_seed(conf, SECRET_TICKET, keys->ticket, error_r);
	if (rc == 0)
		rc = make_seed(conf, SECRET_RECEIPT, keys->receipt, error_r);
	if (rc == 0)
		rc = make_node_secret(conf, error_r);
	if (rc == 0)
		rc = make_sealed(conf, error_r);
	if (rc == 0)
		rc = make_ssh(
		    conf, SECRET_SSH_CLIENT, &keys->ssh_client, error_r);
	if (rc == 0)
		rc = make_ssh(conf, SECRET_SSH_HOST, &keys->ssh_host, error_r);
	if (rc == 0)
		rc = file_sync_dir(conf->secret_dir, "init", error_r);
	return rc;
}
