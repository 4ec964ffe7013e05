/* SPDX-License-Identifier: MIT */
/*
 * verified - remembered signature checks. See verified.h.
 */
#include "manifests/verified.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

#define MAGIC "agamid-verified 1 " PACKAGE_VERSION "\n"
#define HASH_LEN (VERIFIED_SHA256 - 1)

struct record {
	char *line; /* "SHA256 PRIMARY RECOVERY ...", begins with the key */
	bool used;
};

struct verified {
	void *tree; /* tsearch(3) of struct record */
	size_t used;
};

static int
compare_entries(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return strncmp(x->line, y->line, HASH_LEN);
}

static void
free_entry(void *p)
{
	struct record *e = p;

	free(e->line);
	free(e);
}

void
verified_free(struct verified **v)
{
	if (*v == NULL)
		return;
	tdestroy((*v)->tree, free_entry);
	free(*v);
	*v = NULL;
}

/* Takes line; what was there under its hash stays. */
static struct record *
put_entry(struct verified *v, char *line)
{
	struct record *e = xcalloc(1, sizeof(*e)), **found;

	e->line = line;
	found = tsearch(e, &v->tree, compare_entries);
	if (found == NULL)
		abort();
	if (*found != e)
		free_entry(e);
	return *found;
}

struct verified *
verified_parse(const void *data, size_t len)
{
	struct verified *v = xcalloc(1, sizeof(*v));
	struct cursor c;
	const char *line;
	size_t n;

	cursor_init(&c, data, len);
	if (!cursor_skip(&c, MAGIC))
		return v;
	while (cursor_line(&c, &line, &n)) {
		if (n > HASH_LEN && line[HASH_LEN] == ' ')
			put_entry(v, xasprintf("%.*s", (int)n, line));
	}
	return v;
}

static void
mark_used(struct verified *v, struct record *e)
{
	if (!e->used)
		v->used++;
	e->used = true;
}

/* One word of exactly a fingerprint's length, and the blank before it. */
static bool
take_fingerprint(const char **p, const char *before, char fpr[41])
{
	size_t skip = strlen(before);

	if (strncmp(*p, before, skip) != 0 || strlen(*p + skip) < 40)
		return false;
	memcpy(fpr, *p + skip, 40);
	fpr[40] = '\0';
	*p += skip + 40;
	return fpr[strspn(fpr, "0123456789ABCDEF")] == '\0';
}

static bool
fill(const char *p, struct manifest *m)
{
	struct manifest_mailbox *box;
	char *before;
	size_t i;
	bool ok;

	ok = take_fingerprint(&p, " ", m->fpr) &&
	    take_fingerprint(&p, " ", m->recovery_fpr);
	for (i = 0; ok && i < m->mailbox_count; i++) {
		box = &m->mailboxes[i];
		if (box->openpgp == NULL)
			continue;
		before = xasprintf(" %s=", box->name);
		ok = take_fingerprint(&p, before, box->fpr);
		free(before);
	}
	return ok && *p == '\0';
}

bool
verified_fill(struct verified *v, const char *sha256, struct manifest *m)
{
	struct record key = {xstrdup(sha256), false}, **found;

	found = tfind(&key, &v->tree, compare_entries);
	free(key.line);
	if (found == NULL || !fill((*found)->line + HASH_LEN, m))
		return false;
	mark_used(v, *found);
	return true;
}

int
verified_fingerprints(const struct manifest *m, struct buf *out)
{
	size_t i;
	int rc;

	rc = buf_printf(out, "%s %s", m->fpr, m->recovery_fpr);
	for (i = 0; rc == 0 && i < m->mailbox_count; i++) {
		if (m->mailboxes[i].openpgp != NULL)
			rc = buf_printf(out, " %s=%s", m->mailboxes[i].name,
			    m->mailboxes[i].fpr);
	}
	return rc;
}

void
verified_add(struct verified *v, const char *sha256, const struct manifest *m)
{
	struct record *e;
	struct buf line;

	buf_init(&line, 2 * MANIFEST_MAX);
	if (buf_printf(&line, "%s ", sha256) == 0 &&
	    verified_fingerprints(m, &line) == 0) {
		e = put_entry(v, xstrdup(buf_str(&line)));
		mark_used(v, e);
	}
	buf_free(&line);
}

struct collect {
	const char **lines;
	size_t count;
};

static void
collect_used(const void *node, VISIT visit, void *ctx)
{
	const struct record *e = *(struct record *const *)node;
	struct collect *all = ctx;

	if ((visit == postorder || visit == leaf) && e->used)
		all->lines[all->count++] = e->line;
}

int
verified_write(const struct verified *v, struct buf *out)
{
	struct collect all = {xcalloc(v->used + 1, sizeof(char *)), 0};
	size_t i;
	int rc;

	/* twalk in order of the keys, which are the hashes. */
	twalk_r(v->tree, collect_used, &all);
	rc = buf_puts(out, MAGIC);
	for (i = 0; rc == 0 && i < all.count; i++)
		rc = buf_printf(out, "%s\n", all.lines[i]);
	free(all.lines);
	return rc;
}
