/* SPDX-License-Identifier: MIT */
/*
 * claims - who has which name, host, domain and key. See claims.h.
 */
#include "cli/claims.h"

#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "util/text.h"

struct claim {
	char *what; /* "domain bob.example" */
	char *owner;
};

struct claims {
	void *tree; /* tsearch(3) of struct claim */
};

static int
compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return strcmp(x->what, y->what);
}

static void
free_claim(void *p)
{
	struct claim *claim = p;

	free(claim->what);
	free(claim->owner);
	free(claim);
}

struct claims *
claims_new(void)
{
	return xcalloc(1, sizeof(struct claims));
}

void
claims_free(struct claims **c)
{
	if (*c == NULL)
		return;
	tdestroy((*c)->tree, free_claim);
	free(*c);
	*c = NULL;
}

/* Whose is it? NULL: nobody's. */
static const char *
find_owner(const struct claims *c, char *what)
{
	struct claim key = {what, NULL};
	struct claim *const *found;

	found = tfind(&key, &c->tree, compare_claims);
	return found == NULL ? NULL : (*found)->owner;
}

/* Takes what. */
static void
add_claim(struct claims *c, char *what, const char *owner)
{
	struct claim *claim, **found;

	claim = xcalloc(1, sizeof(*claim));
	claim->what = what;
	claim->owner = xstrdup(owner);
	found = tsearch(claim, &c->tree, compare_claims);
	if (found == NULL)
		abort();
	if (*found != claim)
		free_claim(claim);
}

void
claims_domain(struct claims *c, const char *domain, const char *owner)
{
	add_claim(c, xasprintf("domain %s", domain), owner);
}

/* What one line claims; NULL: nothing. */
static char *
line_claim(const char *line, size_t len)
{
	static const struct {
		const char *key, *claim;
	} kinds[] = {
	    {"name ", "name "},
	    {"host ", "domain "}, /* mail goes to both */
	    {"domain ", "domain "},
	    {"primary ", "key "},
	    {"recovery ", "key "},
	    {"ticket-key ", "key "},
	    {"receipt-key ", "key "},
	    {"ssh-client ", "SSH key "},
	    {"ssh-host ", "SSH key "},
	};
	size_t i, n;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		n = strlen(kinds[i].key);
		if (len > n && memcmp(line, kinds[i].key, n) == 0)
			return xasprintf(
			    "%s%.*s", kinds[i].claim, (int)(len - n), line + n);
	}
	return NULL;
}

/* Is it another's? Says so. */
static bool
is_taken(const struct claims *c, char *what, const char *owner, struct buf *why)
{
	const char *other = find_owner(c, what);

	if (other == NULL || strcmp(other, owner) == 0)
		return false;
	if (why != NULL)
		(void)buf_printf(why, "  %s belongs to %s\n", what, other);
	return true;
}

int
claims_take(struct claims *c, const char *owner, const struct buf *facts,
    struct buf *why)
{
	struct cursor lines;
	const char *line;
	bool taken = false;
	size_t len;
	char *what;

	cursor_init(&lines, buf_str(facts), facts->len);
	while (cursor_line(&lines, &line, &len)) {
		what = line_claim(line, len);
		if (what != NULL && is_taken(c, what, owner, why))
			taken = true;
		free(what);
	}
	if (taken)
		return AG_EEXIST;
	cursor_init(&lines, buf_str(facts), facts->len);
	while (cursor_line(&lines, &line, &len)) {
		what = line_claim(line, len);
		if (what != NULL)
			add_claim(c, what, owner);
	}
	return 0;
}
