/* SPDX-License-Identifier: MIT */
/*
 * derive_ssh - the keys and the configuration of Agamid's own sshd
 * (SPEC N-17): it lets in the peers' keys only, each with a forced
 * command that names the peer, and nothing but that command.
 *
 * SECURITY: a line of authorized_keys is made of a node's checked name
 * and of a key that is checked here again to be "ssh-ed25519 BASE64" and
 * nothing else: an option or a line break in it would be another's login.
 */
#include "cli/derive.h"

#include <stdlib.h>
#include <string.h>

#include "cli/layout.h"
#include "util/text.h"

#define ED25519 "ssh-ed25519 "
#define BLOB_SIZE 51 /* RFC 8709 section 4 */

/* Does this path need no quoting, in sh(1) and in sshd_config(5)? */
static bool
is_plain_path(const char *path)
{
	return path[strspn(path,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789/._+-")] == '\0';
}

static bool
is_ssh_key(const char *key)
{
	static const uint8_t head[] = "\0\0\0\013ssh-ed25519\0\0\0\040";
	uint8_t blob[BLOB_SIZE];

	return strncmp(key, ED25519, strlen(ED25519)) == 0 &&
	    text_unbase64(key + strlen(ED25519), blob, sizeof(blob)) == 0 &&
	    memcmp(blob, head, sizeof(head) - 1) == 0;
}

/* The options that receive needs to find this node under --root. */
static char *
receive_options(const struct conf *conf)
{
	return conf->root[0] == '\0' ? xstrdup("")
				     : xasprintf("--root %s ", conf->root);
}

static int
put_peer(const struct conf *conf, const struct manifest *m, struct buf *b,
    struct error *error_r)
{
	char *options = receive_options(conf);
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < m->ssh_client_key_count; i++) {
		if (!is_ssh_key(m->ssh_client_keys[i])) {
			rc = error_set(error_r, AG_EINVAL,
			    "%s: an SSH client key is no ssh-ed25519 key",
			    m->name);
			break;
		}
		rc = buf_printf(b,
		    "restrict,command=\"exec %s/agamid-receive %s--peer %s\" "
		    "%s\n",
		    AG_LIBEXECDIR, options, m->name, m->ssh_client_keys[i]);
	}
	free(options);
	return rc;
}

static int
derive_authorized_keys(const struct conf *conf, const struct roster *r,
    struct tree *t, struct error *error_r)
{
	struct buf b;
	size_t i;
	int rc;

	buf_init(&b, TREE_FILE_MAX);
	rc = buf_puts(&b, DERIVED_HEADER);
	for (i = 0; rc == 0 && i < r->peer_count; i++)
		rc = put_peer(conf, r->peers[i], &b, error_r);
	if (rc == 0)
		tree_put_buf(t, DERIVED_AUTHORIZED_KEYS, &b);
	buf_free(&b);
	return rc;
}

static int
put_sshd_config(const struct conf *conf, const struct manifest *self,
    const char *host_key, struct buf *b)
{
	return buf_printf(b,
	    DERIVED_HEADER
	    "Port %u\n"
	    "HostKey %s\n"
	    "PidFile none\n"
	    "AllowUsers " USER_SSH "\n"
	    "AuthenticationMethods publickey\n"
	    "PubkeyAcceptedAlgorithms ssh-ed25519\n"
	    "AuthorizedKeysFile none\n"
	    "AuthorizedKeysCommand /bin/cat %s/" DERIVED_AUTHORIZED_KEYS "\n"
	    "AuthorizedKeysCommandUser nobody\n"
	    "PasswordAuthentication no\n"
	    "KbdInteractiveAuthentication no\n"
	    "PermitRootLogin no\n"
	    "UsePAM no\n"
	    "DisableForwarding yes\n"
	    "PermitTTY no\n"
	    "PermitUserRC no\n"
	    "PermitUserEnvironment no\n"
	    "PrintMotd no\n"
	    "PrintLastLog no\n"
	    "UseDNS no\n"
	    "Compression no\n"
	    "MaxAuthTries 3\n"
	    "MaxSessions 1\n"
	    "MaxStartups 10:30:40\n"
	    "LoginGraceTime 20\n"
	    "ClientAliveInterval 60\n"
	    "ClientAliveCountMax 3\n",
	    self->ssh_port, host_key, conf->derived_dir);
}

static int
derive_sshd_config(const struct conf *conf, const struct manifest *self,
    struct tree *t, struct error *error_r)
{
	char *host_key = layout_secret(conf, SECRET_SSH_HOST);
	struct buf b;
	int rc;

	buf_init(&b, TREE_FILE_MAX);
	if (!is_plain_path(host_key) || !is_plain_path(conf->derived_dir) ||
	    !is_plain_path(AG_LIBEXECDIR))
		rc = error_set(error_r, AG_EINVAL,
		    "%s can't stand in sshd's configuration; use a path of "
		    "letters, digits and / . _ + -",
		    conf->derived_dir);
	else
		rc = put_sshd_config(conf, self, host_key, &b);
	if (rc == 0)
		tree_put_buf(t, DERIVED_SSHD_CONFIG, &b);
	buf_free(&b);
	free(host_key);
	return rc;
}

int
derive_ssh(const struct conf *conf, const struct roster *r, struct tree *t,
    struct error *error_r)
{
	int rc;

	error_set(error_r, AG_ETOOBIG, "too many SSH keys");
	rc = derive_sshd_config(conf, r->self, t, error_r);
	if (rc == 0)
		rc = derive_authorized_keys(conf, r, t, error_r);
	return rc;
}
