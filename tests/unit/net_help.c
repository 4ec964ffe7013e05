/* SPDX-License-Identifier: MIT */
/*
 * net_help - derived directories for tests. See net_help.h.
 *
 * The directories are derived.1, derived.2 ... in help_dir(); the link
 * `derived` is switched by a rename, as `agamid apply` does it.
 */
#include "help.h"
#include "net_help.h"

#include <sys/stat.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/text.h"

/* len bytes made of a text. */
static void
bytes_of(const char *text, uint8_t *out, size_t len)
{
	crypto_generichash(
	    out, len, (const uint8_t *)text, strlen(text), NULL, 0);
}

void
net_key(char kind, const char *node, unsigned key, struct verify_key *key_r)
{
	char *text = xasprintf("%c %s %u", kind, node, key);

	bytes_of(text, key_r->public, sizeof(key_r->public));
	free(text);
}

char *
net_fpr(const char *node, const char *what)
{
	char *text = xasprintf("%s %s", node, what), *fpr = xcalloc(41, 1);
	uint8_t bytes[20];
	size_t i;

	bytes_of(text, bytes, sizeof(bytes));
	free(text);
	for (i = 0; i < sizeof(bytes); i++)
		snprintf(fpr + 2 * i, 3, "%02X", bytes[i]);
	return fpr;
}

static void
put_key(struct buf *b, const char *label, char kind, const struct net_node *n)
{
	char text[KEYS_TEXT_SIZE];
	struct verify_key key;

	net_key(kind, n->name, n->key, &key);
	keys_public_text(key.public, text);
	buf_printf(b, "  %s: %s\n", label, text);
}

static void
put_armor(struct buf *b, const char *label, const char *name)
{
	buf_printf(b,
	    "  %s: |\n"
	    "    -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
	    "\n"
	    "    %s%s\n"
	    "    -----END PGP PUBLIC KEY BLOCK-----\n",
	    label, name, label);
}

static void
put_ssh_key(struct buf *b, const char *label, const char *name)
{
	static const uint8_t head[] = {0, 0, 0, 11, 's', 's', 'h', '-', 'e',
	    'd', '2', '5', '5', '1', '9', 0, 0, 0, 32};
	char *text = xasprintf("%s %s", label, name), b64[128];
	uint8_t blob[sizeof(head) + 32];

	memcpy(blob, head, sizeof(head));
	bytes_of(text, blob + sizeof(head), 32);
	free(text);
	text_base64(blob, sizeof(blob), b64, sizeof(b64));
	buf_printf(b, "    %s: [ssh-ed25519 %s]\n", label, b64);
}

char *
net_yaml(const struct net_node *n)
{
	struct buf b;
	char *text;

	buf_init(&b, MANIFEST_MAX);
	buf_printf(&b,
	    "version: 1\n"
	    "serial: %llu\n"
	    "node:\n"
	    "  name: %s\n"
	    "  network: friends.example\n"
	    "  host: %s.friends.example\n",
	    (unsigned long long)(n->serial > 0 ? n->serial : 1), n->name,
	    n->name);
	if (n->domains != NULL)
		buf_printf(&b, "  domains: %s\n", n->domains);
	else
		buf_printf(&b, "  domains: [%s.example]\n", n->name);
	put_armor(&b, "openpgp", n->name);
	put_armor(&b, "recovery", n->name);
	put_key(&b, "ticket-key", 't', n);
	put_key(&b, "receipt-key", 'r', n);
	buf_puts(&b, "  ssh:\n");
	put_ssh_key(&b, "host-keys", n->name);
	put_ssh_key(&b, "client-keys", n->name);
	buf_printf(&b, "%s...\n", n->more != NULL ? n->more : "");
	text = xstrdup(buf_str(&b));
	buf_free(&b);
	return text;
}

static void
write_yaml(const char *path, const struct net_node *n)
{
	char *text = net_yaml(n);

	help_write(path, text, strlen(text));
	free(text);
}

static void
write_fingerprints(const char *dir, const struct net_node *nodes, size_t count)
{
	char *primary, *recovery, *mailbox;
	struct buf b;
	size_t i;

	buf_init(&b, 64U << 20);
	for (i = 0; i < count; i++) {
		primary = net_fpr(nodes[i].name, "primary");
		recovery = net_fpr(nodes[i].name, "recovery");
		mailbox = net_fpr(nodes[i].name, "own");
		buf_printf(&b, "%s %s %s own=%s\n", nodes[i].name, primary,
		    recovery, mailbox);
		free(primary);
		free(recovery);
		free(mailbox);
	}
	help_write(help_path("%s/fingerprints", dir), buf_str(&b), b.len);
	buf_free(&b);
}

/* The first that isn't there: derived.1, derived.2 ... */
static char *
next_dir(void)
{
	unsigned i = 1;
	char *name;

	for (;; i++) {
		name = xasprintf("derived.%u", i);
		if (!help_exists(help_path("%s", name)))
			return name;
		free(name);
	}
}

const char *
net_derive(const char *self, const struct net_node *nodes, size_t count,
    const struct net_node *old, size_t old_count)
{
	char *dir = next_dir(), *path;
	size_t i;

	assert_int_equal(mkdir(help_path("%s", dir), 0700), 0);
	assert_int_equal(mkdir(help_path("%s/manifests", dir), 0700), 0);
	assert_int_equal(mkdir(help_path("%s/old", dir), 0700), 0);
	for (i = 0; i < count; i++) {
		path = xasprintf(
		    "%s/%s/manifests/%s.yaml", help_dir(), dir, nodes[i].name);
		write_yaml(path, &nodes[i]);
		free(path);
	}
	for (i = 0; i < old_count; i++) {
		path = xasprintf("%s/%s/old/%s-%llu.yaml", help_dir(), dir,
		    old[i].name, (unsigned long long)old[i].serial);
		write_yaml(path, &old[i]);
		free(path);
	}
	write_fingerprints(dir, nodes, count);
	path = xasprintf("%s\n", self);
	help_write(help_path("%s/self", dir), path, strlen(path));
	free(path);
	assert_int_equal(symlink(dir, help_path("derived.new")), 0);
	assert_int_equal(
	    rename(help_path("derived.new"), help_path("derived")), 0);
	free(dir);
	return help_path("derived");
}

const char *
net_derived(void)
{
	char target[256];
	ssize_t len;

	len = readlink(help_path("derived"), target, sizeof(target) - 1);
	assert_in_range(len, 1, sizeof(target) - 1);
	target[len] = '\0';
	return help_path("%s", target);
}
