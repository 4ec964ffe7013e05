/* SPDX-License-Identifier: MIT */
/*
 * network_load - a view out of a derived directory. See network.h.
 *
 * Everything in the directory was verified by root when it was written
 * (`agamid apply`), so no OpenPGP here: fingerprints come from a file. A
 * manifest that can't be read all the same is logged and left out, and the
 * others stay in force; only without the own one there is no view.
 */
#include "manifests/network_view.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/error.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define FINGERPRINTS_MAX (64U << 20)
#define ERRORS_MAX 4096

void
network_free(struct network *n)
{
	struct network_key *k;
	size_t i;

	while ((k = n->keys) != NULL) {
		n->keys = k->next;
		free(k);
	}
	lookup_free(&n->by_key);
	lookup_free(&n->by_domain);
	lookup_free(&n->by_name);
	free(n->peers);
	for (i = 0; i < n->node_count; i++)
		manifest_free(&n->nodes[i]);
	free(n->nodes);
	free(n->dir);
	free(n);
}

/* ---- one file ---- */

/* The first line alone: a log line and a struct error are one line. */
static int
first_line(const struct buf *errors, struct error *error_r)
{
	return error_set(error_r, AG_EINVAL, "%.*s",
	    (int)strcspn(buf_str(errors), "\n"), buf_str(errors));
}

static int
manifest_read(const char *path, struct manifest **m_r, struct error *error_r)
{
	struct buf text, errors;
	int rc;

	*m_r = NULL;
	buf_init(&text, MANIFEST_MAX);
	buf_init(&errors, ERRORS_MAX);
	rc = file_read(path, &text, error_r);
	if (rc == 0) {
		*m_r = manifest_parse(path, buf_str(&text), text.len, &errors);
		if (*m_r == NULL)
			rc = first_line(&errors, error_r);
	}
	buf_free(&text);
	buf_free(&errors);
	return rc;
}

/* ---- the files of a directory ---- */

static int
is_yaml(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 5 &&
	    strcmp(e->d_name + len - 5, ".yaml") == 0;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* What is wrong with the file itself leaves it out; what is wrong with us
 * (no descriptors, a directory that is being removed) ends the reading. */
static int
one_manifest(struct network *n, const char *path,
    int (*take)(struct network *n, struct manifest *m), struct error *error_r)
{
	struct manifest *m;
	struct error why;
	int rc;

	rc = manifest_read(path, &m, &why);
	if (rc == 0)
		rc = take(n, m);
	else if (rc == AG_EINVAL || rc == AG_ETOOBIG) {
		log_warn("manifest left out error=%s", why.text);
		return 0;
	} else
		return error_set(error_r, rc, "%s", why.text);
	return rc == 0 ? 0 : error_set(error_r, rc, "out of memory");
}

/* Calls take, in the order of names, with each manifest that can be read;
 * it owns them. */
static int
each_manifest(struct network *n, const char *name,
    int (*take)(struct network *n, struct manifest *m), struct error *error_r)
{
	char *dir = file_join(n->dir, name), *path;
	struct dirent **list = NULL;
	int i, count, rc = 0;

	count = scandir(dir, &list, is_yaml, by_bytes);
	if (count < 0 && errno != ENOENT)
		rc = error_set_errno(error_r, AG_EIO, "%s", dir);
	for (i = 0; i < count; i++) {
		path = file_join(dir, list[i]->d_name);
		if (rc == 0)
			rc = one_manifest(n, path, take, error_r);
		free(path);
		free(list[i]);
	}
	free(list);
	free(dir);
	return rc;
}

/* ---- keys, current and old ---- */

static int
key_add(struct network *n, char kind, const char *node,
    const struct verify_key *key)
{
	char name[KEYS_NAME_SIZE], id[NETWORK_KEY_ID_MAX];
	struct network_key *k;

	keys_name(key->public, name);
	if (!network_key_id(kind, node, name, id))
		return 0;
	if (lookup_get(n->by_key, id) != NULL)
		return 0;
	if ((k = malloc(sizeof(*k) + strlen(id) + 1)) == NULL)
		return AG_ENOMEM;
	k->key = *key;
	memcpy(k->id, id, strlen(id) + 1);
	k->next = n->keys;
	n->keys = k;
	return lookup_add(n->by_key, k->id, &k->key, NULL);
}

static int
keys_add(struct network *n, const struct manifest *m)
{
	int rc = key_add(n, 't', m->name, &m->ticket_key);

	return rc != 0 ? rc : key_add(n, 'r', m->name, &m->receipt_key);
}

static int
take_old(struct network *n, struct manifest *m)
{
	int rc = keys_add(n, m);

	manifest_free(&m);
	return rc;
}

/* ---- manifests in force ---- */

static int
take_node(struct network *n, struct manifest *m)
{
	struct manifest **more;
	int rc;

	rc = lookup_add(n->by_name, m->name, m, NULL);
	if (rc != 0) {
		if (rc == AG_EEXIST)
			log_warn("manifest left out node=%s error=twice in "
				 "the derived directory",
			    m->name);
		manifest_free(&m);
		return rc == AG_EEXIST ? 0 : rc;
	}
	if ((n->node_count & (n->node_count - 1)) == 0) { /* 0, 1, 2, 4 ... */
		more = reallocarray(n->nodes,
		    n->node_count > 0 ? 2 * n->node_count : 1, sizeof(*more));
		if (more == NULL) {
			manifest_free(&m);
			return AG_ENOMEM;
		}
		n->nodes = more;
	}
	n->nodes[n->node_count++] = m;
	return keys_add(n, m);
}

static void
take_fpr(char fpr[41], const char *text)
{
	if (strlen(text) == 40 && strspn(text, "0123456789ABCDEF") == 40)
		memcpy(fpr, text, 41);
}

static void
take_mailbox_fpr(struct manifest *m, char *word)
{
	char *fpr = strchr(word, '=');
	size_t i;

	if (fpr == NULL)
		return;
	*fpr++ = '\0';
	for (i = 0; i < m->mailbox_count; i++) {
		if (strcmp(m->mailboxes[i].name, word) == 0)
			take_fpr(m->mailboxes[i].fpr, fpr);
	}
}

/* "NAME primary recovery MAILBOX=FPR ..." */
static void
take_fingerprints(struct network *n, char *line)
{
	char *save, *word = strtok_r(line, " ", &save);
	const struct manifest *found;
	struct manifest *m;
	size_t i;

	if (word == NULL || (found = lookup_get(n->by_name, word)) == NULL)
		return;
	/* Not yet shown to anybody, so it may still be written. */
	m = (struct manifest *)(uintptr_t)found;
	for (i = 0; (word = strtok_r(NULL, " ", &save)) != NULL; i++) {
		if (i < 2)
			take_fpr(i == 0 ? m->fpr : m->recovery_fpr, word);
		else
			take_mailbox_fpr(m, word);
	}
}

static int
load_fingerprints(struct network *n, struct error *error_r)
{
	char *path = file_join(n->dir, "fingerprints");
	char *line, *save = NULL;
	struct buf b;
	size_t i;
	int rc;

	buf_init(&b, FINGERPRINTS_MAX);
	rc = file_read(path, &b, error_r);
	if (rc == 0 && b.len > 0) {
		for (line = strtok_r(b.data, "\n", &save); line != NULL;
		     line = strtok_r(NULL, "\n", &save))
			take_fingerprints(n, line);
	}
	for (i = 0; rc == 0 && i < n->node_count; i++) {
		if (n->nodes[i]->fpr[0] == '\0')
			log_warn("no fingerprint; nothing can be sealed to "
				 "node=%s",
			    n->nodes[i]->name);
	}
	buf_free(&b);
	free(path);
	return rc;
}

/* ---- who am I, who serves what ---- */

static int
load_self(struct network *n, struct error *error_r)
{
	char *path = file_join(n->dir, "self");
	struct buf b;
	size_t len;
	int rc;

	buf_init(&b, 64);
	rc = file_read(path, &b, error_r);
	if (rc == 0) {
		len = strcspn(buf_str(&b), "\n");
		if (len > 0)
			b.data[len] = '\0';
		n->self = lookup_get(n->by_name, buf_str(&b));
		if (n->self == NULL)
			rc = error_set(error_r, AG_ENOENT,
			    "%s/manifests/%s.yaml, this node's own manifest, "
			    "is not there or not good",
			    n->dir, buf_str(&b));
	}
	buf_free(&b);
	free(path);
	return rc;
}

/* A peer's domains, but what is ours or already another's. */
static int
add_domains(struct network *n, const struct manifest *m)
{
	size_t i;
	int rc;

	for (i = 0; i < m->domain_count; i++) {
		if (manifest_has_domain(n->self, m->domains[i]))
			continue;
		rc = lookup_add(n->by_domain, m->domains[i], m, NULL);
		if (rc == AG_ENOMEM)
			return rc;
	}
	return 0;
}

static int
add_peers(struct network *n)
{
	size_t i;
	int rc;

	n->peers = calloc(n->node_count, sizeof(*n->peers));
	if (n->peers == NULL)
		return AG_ENOMEM;
	for (i = 0; i < n->node_count; i++) {
		if (n->nodes[i] == n->self)
			continue;
		n->peers[n->peer_count++] = n->nodes[i];
		if ((rc = add_domains(n, n->nodes[i])) != 0)
			return rc;
	}
	return 0;
}

static int
load(struct network *n, const char *derived_dir, struct error *error_r)
{
	int rc;

	atomic_init(&n->refs, 1);
	if ((n->dir = realpath(derived_dir, NULL)) == NULL)
		return error_set_errno(error_r, AG_ENOENT,
		    "no derived directory %s (\"agamid apply\" makes it)",
		    derived_dir);
	if ((n->by_name = lookup_new()) == NULL ||
	    (n->by_domain = lookup_new()) == NULL ||
	    (n->by_key = lookup_new()) == NULL)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	if ((rc = each_manifest(n, "manifests", take_node, error_r)) != 0 ||
	    (rc = load_self(n, error_r)) != 0 ||
	    (rc = load_fingerprints(n, error_r)) != 0 ||
	    (rc = each_manifest(n, "old", take_old, error_r)) != 0)
		return rc;
	if (add_peers(n) != 0)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	return 0;
}

struct network *
network_load(const char *derived_dir, struct error *error_r)
{
	struct network *n = calloc(1, sizeof(*n));

	if (n == NULL) {
		error_set(error_r, AG_ENOMEM, "out of memory");
		return NULL;
	}
	if (load(n, derived_dir, error_r) == 0)
		return n;
	network_free(n);
	return NULL;
}
