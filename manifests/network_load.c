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

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/error.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "manifests/folder.h"

#define FINGERPRINTS_MAX (64U << 20)
#define ERRORS_MAX 65536
#define SELF_MAX 64 /* bytes of the file self */

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

static void
log_errors(const struct buf *errors)
{
	const char *line = buf_str(errors);
	size_t len;

	for (; *line != '\0'; line += len + (line[len] != '\0')) {
		len = strcspn(line, "\n");
		log_warn("manifest left out error=%.*s", (int)len, line);
	}
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

/* One by one, for they need not fit together: other serials of the same
 * node. */
static int
load_old(struct network *n, struct error *error_r)
{
	char *dir = file_join(n->dir, "old"), **paths = NULL;
	struct manifest *m;
	struct buf errors;
	size_t i;
	int rc;

	buf_init(&errors, ERRORS_MAX);
	rc = folder_list(dir, &paths, error_r);
	if (rc == AG_ENOENT)
		rc = 0;
	for (i = 0; rc == 0 && paths != NULL && paths[i] != NULL; i++) {
		rc = folder_read(paths[i], &m, &errors);
		if (rc == 0)
			rc = keys_add(n, m);
		else if (rc == AG_EINVAL || rc == AG_ETOOBIG)
			rc = 0;
		if (rc != 0)
			error_set(error_r, rc, "can't read %s", paths[i]);
		manifest_free(&m);
	}
	if (rc == 0)
		log_errors(&errors);
	folder_list_free(&paths);
	buf_free(&errors);
	free(dir);
	return rc;
}

/* ---- manifests in force ---- */

static int
read_self(struct network *n, char name[SELF_MAX], struct error *error_r)
{
	char *path = file_join(n->dir, "self");
	struct buf b;
	int rc;

	buf_init(&b, SELF_MAX - 1);
	rc = file_read(path, &b, error_r);
	if (rc == 0)
		snprintf(name, SELF_MAX, "%.*s",
		    (int)strcspn(buf_str(&b), "\n"), buf_str(&b));
	if (rc == 0 && !text_is_node_name(name))
		rc =
		    error_set(error_r, AG_EINVAL, "no node's name in %s", path);
	buf_free(&b);
	free(path);
	return rc;
}

/* The own manifest first: it has the first claim. */
static int
add_manifests(struct network *n, struct folder *f, struct error *error_r)
{
	char *dir = file_join(n->dir, "manifests"), *path = NULL;
	char name[SELF_MAX];
	struct buf errors;
	size_t refused;
	int rc;

	buf_init(&errors, ERRORS_MAX);
	if ((rc = read_self(n, name, error_r)) != 0)
		goto out;
	path = xasprintf("%s/%s.yaml", dir, name);
	if ((rc = folder_add_file(f, path, NULL, &errors)) != 0) {
		error_set(error_r, rc, "%.*s",
		    (int)strcspn(buf_str(&errors), "\n"), buf_str(&errors));
		goto out;
	}
	rc = folder_add_dir(f, dir, NULL, &errors, &refused);
	if (rc == 0)
		log_errors(&errors);
	else
		error_set(error_r, rc, "can't read all of %s", dir);
out:
	buf_free(&errors);
	free(path);
	free(dir);
	return rc;
}

static int
load_nodes(struct network *n, struct error *error_r)
{
	struct folder *f = folder_new();
	size_t i;
	int rc;

	if (f == NULL)
		return error_set(error_r, AG_ENOMEM, "out of memory");
	if ((rc = add_manifests(n, f, error_r)) != 0)
		goto out;
	n->nodes = folder_take(f, &n->node_count);
	if (n->nodes == NULL)
		rc = AG_ENOMEM;
	for (i = 0; rc == 0 && i < n->node_count; i++) {
		rc = lookup_add(
		    n->by_name, n->nodes[i]->name, n->nodes[i], NULL);
		if (rc == 0)
			rc = keys_add(n, n->nodes[i]);
	}
	if (rc != 0)
		error_set(error_r, rc, "out of memory");
	else
		n->self = n->nodes[0];
out:
	folder_free(&f);
	return rc;
}

/* ---- fingerprints ---- */

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

/* ---- who serves what ---- */

/* Each domain is one node's: folder.c saw to it. */
static int
add_domains(struct network *n, const struct manifest *m)
{
	size_t i;
	int rc;

	for (i = 0; i < m->domain_count; i++) {
		rc = lookup_add(n->by_domain, m->domains[i], m, NULL);
		if (rc != 0)
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
	if ((rc = load_nodes(n, error_r)) != 0 ||
	    (rc = load_fingerprints(n, error_r)) != 0 ||
	    (rc = load_old(n, error_r)) != 0)
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
