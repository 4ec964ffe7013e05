/* SPDX-License-Identifier: MIT */
/*
 * roster - the manifests that may be believed. See roster.h.
 */
#include "cli/roster.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/notices.h"
#include "cli/pin.h"
#include "cli/postfix.h"
#include "cli/store.h"
#include "manifests/sign.h"
#include "util/file.h"
#include "util/text.h"

/* A pinned peer, whose manifest comes into force if nobody before it has
 * what it claims. */
struct candidate {
	char *name;
	int64_t since;
	struct buf pin;
	struct manifest *m; /* NULL: it has no usable one */
};

#define DOMAINS_MAX (16U << 20) /* bytes of all peers' domains */

struct loading {
	const struct conf *conf;
	struct verified *known;
	const char *scratch;
	struct roster *r;
	int64_t now;
	struct candidate *candidates;
	size_t candidate_count, candidate_room;
	size_t old_room;
};

static void
hash_file(const struct buf *b, char sha256[VERIFIED_SHA256])
{
	uint8_t hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, (const uint8_t *)buf_str(b), b->len);
	text_hex(hash, sizeof(hash), sha256);
}

struct manifest *
roster_read_file(const char *path, struct verified *known, const char *scratch,
    struct buf *problems)
{
	char sha256[VERIFIED_SHA256];
	struct manifest *m = NULL;
	struct error why;
	struct buf b;

	buf_init(&b, MANIFEST_MAX);
	if (file_read(path, &b, &why) < 0) {
		(void)buf_printf(problems, "%s\n", why.text);
		goto out;
	}
	m = manifest_parse(path, buf_str(&b), b.len, problems);
	if (m == NULL)
		goto out;
	hash_file(&b, sha256);
	if (verified_fill(known, sha256, m))
		goto out;
	if (sign_verify(m, scratch, &why) < 0) {
		(void)buf_printf(problems, "%s: %s\n", path, why.text);
		manifest_free(&m);
		goto out;
	}
	verified_add(known, sha256, m);
out:
	buf_free(&b);
	return m;
}

/* The archive's file of this name and serial, verified; else NULL. */
static struct manifest *
read_archived(struct loading *l, const char *name, uint64_t serial)
{
	char *path = store_manifest_path(l->conf, name, serial);
	struct manifest *m;

	m = roster_read_file(path, l->known, l->scratch, &l->r->problems);
	if (m != NULL && (strcmp(m->name, name) != 0 || m->serial != serial)) {
		(void)buf_printf(&l->r->problems,
		    "%s: is %s's with serial %llu; not used\n", path, m->name,
		    (unsigned long long)m->serial);
		manifest_free(&m);
	}
	free(path);
	return m;
}

static void
add_old(struct loading *l, struct manifest *m)
{
	struct roster *r = l->r;

	if (r->old_count == l->old_room) {
		l->old_room = l->old_room * 2 + 16;
		r->old = reallocarray(r->old, l->old_room, sizeof(*r->old));
		if (r->old == NULL)
			abort();
	}
	r->old[r->old_count++] = m;
}

/* Takes pin. */
static void
add_candidate(
    struct loading *l, const char *name, struct buf *pin, struct manifest *m)
{
	struct candidate *c;

	if (l->candidate_count == l->candidate_room) {
		l->candidate_room = l->candidate_room * 2 + 16;
		l->candidates = reallocarray(
		    l->candidates, l->candidate_room, sizeof(*l->candidates));
		if (l->candidates == NULL)
			abort();
	}
	c = &l->candidates[l->candidate_count++];
	c->name = xstrdup(name);
	c->pin = *pin;
	c->m = m;
	(void)pin_since(pin, &c->since);
	buf_init(pin, PIN_MAX);
}

/* Is this manifest what was pinned, and of our network? */
static bool
is_agreed(struct loading *l, const struct buf *pin, const struct manifest *m)
{
	struct buf *problems = &l->r->problems;

	if (strcmp(m->network, l->r->self->network) != 0) {
		(void)buf_printf(problems,
		    "%s serial %llu: its network is %s, ours is %s; not "
		    "used\n",
		    m->name, (unsigned long long)m->serial, m->network,
		    l->r->self->network);
		return false;
	}
	if (pin_differs(pin, m, NULL) == 0)
		return true;
	(void)buf_printf(problems,
	    "%s serial %llu: not what you agreed to; not used until agamid "
	    "peer accept:\n",
	    m->name, (unsigned long long)m->serial);
	(void)pin_differs(pin, m, problems);
	return false;
}

/* Our own: the newest must be good; what is older is old. */
static int
load_self(struct loading *l, struct error *error_r)
{
	const char *name = l->conf->node;
	struct store_files files;
	struct manifest *m;
	size_t i;
	int rc;

	rc = store_list(l->conf, name, &files, error_r);
	if (rc < 0)
		return rc;
	notices_add(
	    l->conf, name, &files, l->now, &l->r->problems, &l->r->seen);
	if (files.count == 0)
		rc = error_set(error_r, AG_ENOENT,
		    "%s has no manifest in %s; agamid init makes it", name,
		    l->conf->manifest_dir);
	for (i = 0; rc == 0 && i < files.count; i++) {
		m = read_archived(l, name, files.serials[i]);
		if (i == 0 && m == NULL)
			rc = error_set(error_r, AG_EINVAL,
			    "our own newest manifest, serial %llu, is bad; "
			    "agamid manifest sign makes a new one",
			    (unsigned long long)files.serials[0]);
		else if (i == 0)
			l->r->self = m;
		else if (m != NULL)
			add_old(l, m);
	}
	store_files_free(&files);
	return rc;
}

/* A peer's files: the newest that agrees with the pin comes into force,
 * older ones are old. Without a pin all are old. */
static struct manifest *
load_files(struct loading *l, const char *name, const struct buf *pin,
    const uint64_t *serials, size_t count)
{
	struct manifest *m, *chosen = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		m = read_archived(l, name, serials[i]);
		if (m == NULL)
			continue;
		if (pin == NULL || chosen != NULL)
			add_old(l, m);
		else if (is_agreed(l, pin, m))
			chosen = m;
		else
			manifest_free(&m);
	}
	if (pin != NULL && chosen == NULL)
		(void)buf_printf(&l->r->problems,
		    "%s: no usable manifest; not in force\n", name);
	else if (chosen != NULL && chosen->serial != serials[0])
		(void)buf_printf(&l->r->problems,
		    "%s: serial %llu stays in force\n", name,
		    (unsigned long long)chosen->serial);
	return chosen;
}

static void
load_peer(struct loading *l, const char *name)
{
	struct buf *problems = &l->r->problems;
	struct store_files files;
	struct manifest *m;
	struct error why;
	struct buf pin;
	int rc;

	if (store_list(l->conf, name, &files, &why) < 0) {
		(void)buf_printf(problems, "%s\n", why.text);
		return;
	}
	buf_init(&pin, PIN_MAX);
	rc = files.pinned ? pin_read(l->conf, name, &pin, &why) : AG_ENOENT;
	if (rc < 0 && rc != AG_ENOENT) {
		(void)buf_printf(problems, "%s\n", why.text);
	} else if (rc == 0) {
		m = load_files(l, name, &pin, files.serials, files.count);
		add_candidate(l, name, &pin, m);
		notices_add(
		    l->conf, name, &files, l->now, problems, &l->r->seen);
	} else if (files.removed) {
		(void)load_files(l, name, NULL, files.serials, files.count);
	} else {
		(void)buf_printf(problems,
		    "%s: not pinned, so not used; agamid peer add FILE "
		    "--fingerprint FPR pins a peer\n",
		    name);
	}
	store_files_free(&files);
	buf_free(&pin);
}

static int
by_since(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->since != y->since)
		return x->since < y->since ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int
by_name(const void *a, const void *b)
{
	const struct manifest *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Is this the manifest that the derived directory has? */
static bool
is_in_force(const struct conf *conf, const struct manifest *m)
{
	char *path =
	    xasprintf("%s/manifests/%s.yaml", conf->derived_dir, m->name);
	struct buf b;
	bool same;

	buf_init(&b, MANIFEST_MAX);
	same = file_read(path, &b, NULL) == 0 && b.len == m->text_len &&
	    memcmp(buf_str(&b), m->text, b.len) == 0;
	buf_free(&b);
	free(path);
	return same;
}

/* Claims these facts for a candidate; its manifest goes if it can't. */
static void
settle_claim(struct roster *r, struct candidate *c, const struct buf *facts)
{
	struct buf why;

	buf_init(&why, ERROR_TEXT_MAX * 8);
	if (claims_take(r->claims, c->name, facts, &why) < 0) {
		(void)buf_printf(&r->problems, "%s: not in force:\n%s", c->name,
		    buf_str(&why));
		manifest_free(&c->m);
	}
	buf_free(&why);
}

/* The keys that are not pinned, of manifests that are in force already or
 * of those that are not yet. */
static void
settle_keys(struct loading *l, bool in_force)
{
	struct candidate *c;
	struct buf keys;
	size_t i;

	for (i = 0; i < l->candidate_count; i++) {
		c = &l->candidates[i];
		if (c->m == NULL || is_in_force(l->conf, c->m) != in_force)
			continue;
		buf_init(&keys, PIN_MAX);
		if (pin_keys(c->m, &keys) == 0)
			settle_claim(l->r, c, &keys);
		buf_free(&keys);
	}
}

/*
 * SPEC N-14.4: what was pinned first is first, whether its manifest is
 * usable or not. Keys that a manifest may change by itself come second,
 * and those in force before new ones: nobody loses his place because a
 * peer names his key.
 */
static void
settle_claims(struct loading *l)
{
	struct roster *r = l->r;
	size_t i;

	if (l->candidate_count > 0)
		qsort(l->candidates, l->candidate_count, sizeof(*l->candidates),
		    by_since);
	for (i = 0; i < l->candidate_count; i++)
		settle_claim(r, &l->candidates[i], &l->candidates[i].pin);
	settle_keys(l, true);
	settle_keys(l, false);
	r->peers = xcalloc(l->candidate_count + 1, sizeof(*r->peers));
	for (i = 0; i < l->candidate_count; i++) {
		if (l->candidates[i].m != NULL)
			r->peers[r->peer_count++] = l->candidates[i].m;
		l->candidates[i].m = NULL;
	}
	if (r->peer_count > 0)
		qsort(r->peers, r->peer_count, sizeof(*r->peers), by_name);
}

static void
free_candidates(struct loading *l)
{
	size_t i;

	for (i = 0; i < l->candidate_count; i++) {
		free(l->candidates[i].name);
		buf_free(&l->candidates[i].pin);
		manifest_free(&l->candidates[i].m);
	}
	free(l->candidates);
}

static int
claim_self(struct roster *r)
{
	struct buf pin;
	int rc;

	buf_init(&pin, PIN_MAX);
	rc = pin_make(r->self, 0, &pin);
	if (rc == 0)
		rc = pin_keys(r->self, &pin);
	if (rc == 0)
		rc = claims_take(r->claims, r->self->name, &pin, NULL);
	buf_free(&pin);
	return rc;
}

/* The domains that our own Postfix serves are nobody else's. */
static void
claim_own_domains(struct loading *l)
{
	struct buf domains;
	const struct manifest *m;
	struct error why;
	size_t i, j;

	buf_init(&domains, DOMAINS_MAX);
	for (i = 0; i < l->candidate_count; i++) {
		m = l->candidates[i].m;
		for (j = 0; m != NULL && j < m->domain_count; j++)
			(void)buf_printf(&domains, "%s\n", m->domains[j]);
	}
	if (postfix_claim_domains(
		l->conf, buf_str(&domains), l->r->claims, &why) < 0)
		(void)buf_printf(&l->r->problems,
		    "can't ask Postfix which domains are ours: %s\n", why.text);
	buf_free(&domains);
}

static int
load_peers(struct loading *l, struct error *error_r)
{
	size_t count, i;
	char **names;
	int rc;

	rc = store_names(l->conf, &names, &count, error_r);
	if (rc < 0)
		return rc;
	for (i = 0; i < count; i++) {
		if (strcmp(names[i], l->conf->node) != 0)
			load_peer(l, names[i]);
	}
	store_free_names(&names, count);
	return 0;
}

int
roster_load(const struct conf *conf, struct verified *known,
    const char *scratch, struct roster *r, struct error *error_r)
{
	struct loading l = {.conf = conf,
	    .known = known,
	    .scratch = scratch,
	    .r = r,
	    .now = time(NULL)};
	int rc;

	memset(r, 0, sizeof(*r));
	buf_init(&r->problems, ROSTER_PROBLEMS_MAX);
	buf_init(&r->seen, ROSTER_SEEN_MAX);
	r->claims = claims_new();
	rc = load_self(&l, error_r);
	if (rc == 0)
		rc = claim_self(r);
	if (rc == 0)
		rc = load_peers(&l, error_r);
	if (rc == 0) {
		claim_own_domains(&l);
		settle_claims(&l);
	}
	free_candidates(&l);
	return rc;
}

void
roster_free(struct roster *r)
{
	size_t i;

	for (i = 0; i < r->peer_count; i++)
		manifest_free(&r->peers[i]);
	for (i = 0; i < r->old_count; i++)
		manifest_free(&r->old[i]);
	manifest_free(&r->self);
	free(r->peers);
	free(r->old);
	claims_free(&r->claims);
	buf_free(&r->problems);
	buf_free(&r->seen);
}

const struct manifest *
roster_peer(const struct roster *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->peer_count; i++) {
		if (strcmp(r->peers[i]->name, name) == 0)
			return r->peers[i];
	}
	return NULL;
}
