/* SPDX-License-Identifier: MIT */
/*
 * folder - the manifests of several files. See folder.h; the rules are
 * doc/spec/manifest.md 7.
 *
 * Every name that must be one node's alone is a claim: a short text such
 * as "domain bob.example". The first manifest that makes a claim has it.
 *
 * SECURITY: this keeps a peer from taking another's name, domain or key by
 * writing it into its own manifest. It can't tell who is right; the order
 * in which files are added does.
 */
#include "manifests/folder.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"
#include "manifests/lookup.h"
#include "manifests/verified.h"

#define CLAIM_MAX 640

struct entry {
	struct manifest *m;
	char *path;
};

struct claim {
	struct claim *next;
	char text[];
};

struct folder {
	struct entry *entries;
	size_t count, room;
	struct lookup *taken; /* claim -> manifest */
	struct claim *claims; /* the texts */
	struct verified *known; /* or NULL */
	folder_verify_fn *verify;
};

struct folder *
folder_new(void)
{
	struct folder *f = calloc(1, sizeof(*f));

	if (f != NULL && (f->taken = lookup_new()) == NULL)
		folder_free(&f);
	return f;
}

void
folder_free(struct folder **fp)
{
	struct folder *f = *fp;
	struct claim *c;
	size_t i;

	*fp = NULL;
	if (f == NULL)
		return;
	for (i = 0; i < f->count; i++) {
		manifest_free(&f->entries[i].m);
		free(f->entries[i].path);
	}
	while ((c = f->claims) != NULL) {
		f->claims = c->next;
		free(c);
	}
	lookup_free(&f->taken);
	free(f->entries);
	free(f);
}

void
folder_verify(struct folder *f, folder_verify_fn *fn)
{
	f->verify = fn;
}

void
folder_remember(struct folder *f, struct verified *known)
{
	f->known = known;
}

size_t
folder_count(const struct folder *f)
{
	return f->count;
}

struct manifest *
folder_manifest(const struct folder *f, size_t i)
{
	return i < f->count ? f->entries[i].m : NULL;
}

const char *
folder_path(const struct folder *f, size_t i)
{
	return i < f->count ? f->entries[i].path : NULL;
}

struct manifest **
folder_take(struct folder *f, size_t *count_r)
{
	struct manifest **list;
	size_t i;

	*count_r = 0;
	if (f->count == 0)
		return NULL;
	if ((list = calloc(f->count, sizeof(*list))) == NULL)
		return NULL;
	for (i = 0; i < f->count; i++) {
		list[i] = f->entries[i].m;
		free(f->entries[i].path);
	}
	*count_r = f->count;
	f->count = 0;
	return list;
}

/* ---- where a word stands, for messages ---- */

static bool
is_word(char c)
{
	return c != '\0' &&
	    strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789._-+/=:",
		c) != NULL;
}

/* The first place of word in the body, comments left out; its start where
 * it isn't found. */
static const char *
find_word(const struct manifest *m, const char *word)
{
	const char *p = m->text, *line;
	size_t len = strlen(word);

	while ((p = strstr(p, word)) != NULL) {
		for (line = p; line > m->text && line[-1] != '\n'; line--)
			;
		if ((p == line || !is_word(p[-1])) && !is_word(p[len]) &&
		    *line != '#' && p < m->text + m->body_len)
			return p;
		p++;
	}
	return m->text;
}

static void report(struct buf *errors, const char *path,
    const struct manifest *m, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

static void
report(struct buf *errors, const char *path, const struct manifest *m,
    const char *at, const char *fmt, ...)
{
	const char *line = m->text, *lf;
	unsigned n = 1;
	va_list ap;

	while ((lf = memchr(line, '\n', (size_t)(at - line))) != NULL) {
		line = lf + 1;
		n++;
	}
	buf_printf(errors, "%s:%u:%zu: ", path, n, (size_t)(at - line) + 1);
	va_start(ap, fmt);
	buf_vprintf(errors, fmt, ap);
	va_end(ap);
	buf_putc(errors, '\n');
}

/* ---- claims ---- */

/* What a walk over a manifest's claims does with each. word is how it
 * stands in the file. 0, or it ends with that. */
typedef int claim_fn(struct folder *f, const struct manifest *m,
    const char *field, const char *claim, const char *word, void *ctx);

static int
claim_each(struct folder *f, const struct manifest *m, const char *field,
    const char *kind, char *const *list, size_t count, claim_fn *fn, void *ctx)
{
	char claim[CLAIM_MAX];
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < count; i++) {
		snprintf(claim, sizeof(claim), "%s %s", kind, list[i]);
		rc = fn(f, m, field, claim, list[i], ctx);
	}
	return rc;
}

static int
claim_one(struct folder *f, const struct manifest *m, const char *field,
    const char *kind, char *value, claim_fn *fn, void *ctx)
{
	return claim_each(f, m, field, kind, &value, 1, fn, ctx);
}

/* A fingerprint; where sign_verify() hasn't filled it there is no claim. */
static int
claim_fpr(struct folder *f, const struct manifest *m, const char *field,
    const char *fpr, claim_fn *fn, void *ctx)
{
	char claim[CLAIM_MAX];

	if (*fpr == '\0')
		return 0;
	snprintf(claim, sizeof(claim), "openpgp %s", fpr);
	return fn(f, m, field, claim,
	    strcmp(field, "node.openpgp") == 0 ? "openpgp:" : "recovery:", ctx);
}

static int
claim_key(struct folder *f, const struct manifest *m, const char *field,
    const struct verify_key *key, claim_fn *fn, void *ctx)
{
	char text[KEYS_TEXT_SIZE];

	keys_public_text(key->public, text);
	return claim_one(f, m, field, "key", text, fn, ctx);
}

/* SPEC M-7.1: hosts and domains are one kind, since mail goes to both; so
 * are SSH keys of servers and of clients, and the two Ed25519 keys. */
static int
claim_all(struct folder *f, const struct manifest *m, claim_fn *fn, void *ctx)
{
	int rc;

	if ((rc = claim_one(f, m, "node.name", "name", m->name, fn, ctx)) !=
		0 ||
	    (rc = claim_one(f, m, "node.host", "domain", m->host, fn, ctx)) !=
		0 ||
	    (rc = claim_each(f, m, "node.domains", "domain", m->domains,
		 m->domain_count, fn, ctx)) != 0 ||
	    (rc = claim_fpr(f, m, "node.openpgp", m->fpr, fn, ctx)) != 0 ||
	    (rc = claim_fpr(f, m, "node.recovery", m->recovery_fpr, fn, ctx)) !=
		0 ||
	    (rc = claim_key(
		 f, m, "node.ticket-key", &m->ticket_key, fn, ctx)) != 0 ||
	    (rc = claim_key(
		 f, m, "node.receipt-key", &m->receipt_key, fn, ctx)) != 0 ||
	    (rc = claim_each(f, m, "node.ssh.host-keys", "ssh",
		 m->ssh_host_keys, m->ssh_host_key_count, fn, ctx)) != 0)
		return rc;
	return claim_each(f, m, "node.ssh.client-keys", "ssh",
	    m->ssh_client_keys, m->ssh_client_key_count, fn, ctx);
}

struct checking {
	const char *path;
	struct buf *errors;
	bool taken;
};

static const char *
path_of(const struct folder *f, const struct manifest *m)
{
	size_t i;

	for (i = 0; i < f->count; i++) {
		if (f->entries[i].m == m)
			return f->entries[i].path;
	}
	return "?";
}

/* Reports all that is another's already. */
static int
claim_check(struct folder *f, const struct manifest *m, const char *field,
    const char *claim, const char *word, void *ctx)
{
	const struct manifest *owner = lookup_get(f->taken, claim);
	struct checking *c = ctx;

	if (owner == NULL)
		return 0;
	c->taken = true;
	report(c->errors, c->path, m, find_word(m, word),
	    "%s: expected one of this node's own, \"%.80s\" is %s's already "
	    "(%s)",
	    field, strchr(claim, ' ') + 1, owner->name, path_of(f, owner));
	return 0;
}

static int
claim_take(struct folder *f, const struct manifest *m, const char *field,
    const char *claim, const char *word, void *ctx)
{
	struct claim *c;
	int rc;

	(void)field;
	(void)word;
	(void)ctx;
	if ((c = malloc(sizeof(*c) + strlen(claim) + 1)) == NULL)
		return AG_ENOMEM;
	memcpy(c->text, claim, strlen(claim) + 1);
	c->next = f->claims;
	f->claims = c;
	rc = lookup_add(f->taken, c->text, m, NULL);
	return rc == AG_EEXIST ? 0 : rc; /* twice in one manifest */
}

/* ---- one file ---- */

static int
signature_error(const char *path, const struct manifest *m, int rc,
    const struct error *e, struct buf *errors)
{
	const char *at = m->text;

	if (rc == AG_ESIG)
		at = m->text + m->body_len;
	else if (strncmp(e->text, "node.openpgp", 12) == 0)
		at = find_word(m, "openpgp:");
	else if (strncmp(e->text, "node.recovery", 13) == 0)
		at = find_word(m, "recovery:");
	else if (strncmp(e->text, "node.mailboxes", 14) == 0)
		at = find_word(m, "mailboxes:");
	report(errors, path, m, at, "%s", e->text);
	return rc;
}

static int
check_signature(struct folder *f, const char *path, struct manifest *m,
    const char *scratch, struct buf *errors)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char sha256[VERIFIED_SHA256];
	struct error e;
	int rc;

	crypto_hash_sha256(hash, (const uint8_t *)m->text, m->text_len);
	text_hex(hash, sizeof(hash), sha256);
	if (f->known != NULL && verified_fill(f->known, sha256, m))
		return 0;
	if ((rc = f->verify(m, scratch, &e)) != 0)
		return signature_error(path, m, rc, &e, errors);
	if (f->known != NULL)
		verified_add(f->known, sha256, m);
	return 0;
}

/* What the manifests before say about this one. SPEC M-7.1, M-7.2 */
static int
check_others(struct folder *f, const char *path, const struct manifest *m,
    struct buf *errors)
{
	struct checking c = {.path = path, .errors = errors, .taken = false};
	const struct manifest *first = folder_manifest(f, 0);

	if (first != NULL && strcmp(first->network, m->network) != 0) {
		report(errors, path, m, find_word(m, m->network),
		    "node.network: expected \"%s\", as %s has it, found \"%s\"",
		    first->network, folder_path(f, 0), m->network);
		return AG_EINVAL;
	}
	claim_all(f, m, claim_check, &c);
	return c.taken ? AG_EEXIST : 0;
}

static int
folder_append(struct folder *f, const char *path, struct manifest *m)
{
	size_t room = f->room > 0 ? 2 * f->room : 8;
	struct entry *more;
	char *copy;

	if (f->count == f->room) {
		more = reallocarray(f->entries, room, sizeof(*more));
		if (more == NULL)
			return AG_ENOMEM;
		f->entries = more;
		f->room = room;
	}
	if ((copy = strdup(path)) == NULL)
		return AG_ENOMEM;
	f->entries[f->count++] = (struct entry){.m = m, .path = copy};
	return 0;
}

int
folder_add_file(
    struct folder *f, const char *path, const char *scratch, struct buf *errors)
{
	struct manifest *m = NULL;
	int rc;

	if ((rc = folder_read(path, &m, errors)) != 0)
		return rc;
	if ((scratch != NULL &&
		(rc = check_signature(f, path, m, scratch, errors)) != 0) ||
	    (rc = check_others(f, path, m, errors)) != 0 ||
	    (rc = folder_append(f, path, m)) != 0) {
		manifest_free(&m);
		return rc;
	}
	return claim_all(f, m, claim_take, NULL);
}

/* ---- a directory ---- */

/* Was it among the first count that were added? */
static bool
folder_has(const struct folder *f, size_t count, const char *path)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strcmp(f->entries[i].path, path) == 0)
			return true;
	}
	return false;
}

int
folder_add_dir(struct folder *f, const char *dir, const char *scratch,
    struct buf *errors, size_t *refused_r)
{
	const size_t before = f->count;
	int rc, one;
	struct error e;
	char **paths;
	size_t i;

	*refused_r = 0;
	if ((rc = folder_list(dir, &paths, &e)) != 0) {
		buf_printf(errors, "%s:1:1: %s\n", dir, e.text);
		return rc;
	}
	for (i = 0; paths[i] != NULL && rc != AG_ENOMEM; i++) {
		if (folder_has(f, before, paths[i]))
			continue;
		one = folder_add_file(f, paths[i], scratch, errors);
		if (one != 0)
			(*refused_r)++;
		if (one == AG_ENOENT || one == AG_EIO || one == AG_ENOMEM)
			rc = one;
	}
	folder_list_free(&paths);
	return rc;
}
