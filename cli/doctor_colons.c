/* SPDX-License-Identifier: MIT */
/*
 * doctor_colons - parser of gpg's listing of keys. See doctor_colons.h.
 */
#include "cli/doctor_colons.h"

#include <stdlib.h>
#include <string.h>

#include "cli/doctor_judge.h"

enum { TYPE = 0, VALIDITY = 1, CREATED = 5, EXPIRES = 6, FPR = 9, MAY = 11 };

/* The n-th field of a line, from 0; "" if it has fewer. */
static void
field_of(const char *line, size_t len, unsigned n, char *out, size_t size)
{
	const char *end = line + len;
	size_t w;

	for (; n > 0 && line < end; line++) {
		if (*line == ':')
			n--;
	}
	w = n > 0 ? 0 : strcspn(line, ":\n");
	snprintf(out, size, "%.*s", (int)w, line);
}

static int64_t
time_of(const char *line, size_t len, unsigned n)
{
	char text[24];

	field_of(line, len, n, text, sizeof(text));
	return strtoll(text, NULL, 10);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

struct listing {
	struct colons_key key;
	bool in_key, want_fpr;
	int64_t primary, sub, sub_created;
	void (*tell)(void *ctx, const struct colons_key *key);
	void *ctx;
};

static void
end_key(struct listing *l)
{
	l->key.expires = earlier(l->primary, l->sub);
	if (l->in_key && l->key.fpr[0] != '\0')
		l->tell(l->ctx, &l->key);
	l->in_key = false;
}

static void
add_subkey(struct listing *l, const char *line, size_t len)
{
	int64_t created = time_of(line, len, CREATED);
	char may[16], validity[4];

	field_of(line, len, MAY, may, sizeof(may));
	field_of(line, len, VALIDITY, validity, sizeof(validity));
	if (strchr(may, 'e') == NULL || validity[0] == 'r' ||
	    created < l->sub_created)
		return;
	l->sub_created = created;
	l->sub = time_of(line, len, EXPIRES);
}

static void
add_line(struct listing *l, const char *line, size_t len)
{
	char type[8];

	field_of(line, len, TYPE, type, sizeof(type));
	if (strcmp(type, "pub") == 0) {
		end_key(l);
		l->in_key = l->want_fpr = true;
		l->key.fpr[0] = '\0';
		l->primary = time_of(line, len, EXPIRES);
		l->sub = l->sub_created = 0;
	} else if (strcmp(type, "fpr") == 0 && l->want_fpr) {
		field_of(line, len, FPR, l->key.fpr, sizeof(l->key.fpr));
		l->want_fpr = false;
	} else if (strcmp(type, "sub") == 0 && l->in_key) {
		add_subkey(l, line, len);
	}
}

void
colons_each(const char *listing,
    void (*tell)(void *ctx, const struct colons_key *key), void *ctx)
{
	struct listing l = {.tell = tell, .ctx = ctx};
	size_t len;

	for (; *listing != '\0'; listing += len + (listing[len] == '\n')) {
		len = strcspn(listing, "\n");
		add_line(&l, listing, len);
	}
	end_key(&l);
}

void
expiry_add(void *ctx, const struct colons_key *key)
{
	struct expiry_sum *sum = ctx;
	char whose[32];

	sum->keys++;
	snprintf(whose, sizeof(whose), "key %.16s", key->fpr);
	judge_expiry(whose, sum->own, key->expires, sum->now, &sum->verdict);
}
