/* SPDX-License-Identifier: MIT */
/*
 * setup_list - lists as main.cf and master.cf write them. See
 * setup_list.h.
 */
#include "cli/setup_list.h"

#include <stdlib.h>
#include <string.h>

#include "util/text.h"

#define SEPARATORS ", \t\r\n"
#define BLOCK_BEGIN "# BEGIN agamid\n"
#define BLOCK_END "# END agamid\n"

/* ---- words ---- */

bool
list_next(const char **at, struct list_word *word_r)
{
	const char *p = *at + strspn(*at, SEPARATORS);
	unsigned depth = 0;

	word_r->p = p;
	for (; *p != '\0'; p++) {
		if (depth == 0 && strchr(SEPARATORS, *p) != NULL)
			break;
		if (*p == '{')
			depth++;
		else if (*p == '}' && depth > 0)
			depth--;
	}
	word_r->len = (size_t)(p - word_r->p);
	*at = p;
	return word_r->len > 0;
}

bool
list_is_empty(const char *list)
{
	return list[strspn(list, SEPARATORS)] == '\0';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Equal but for blanks next to a brace, a comma or a "=". */
static bool
word_equals(const struct list_word *a, const struct list_word *b)
{
	size_t i = 0, j = 0;

	if (a->len > 0 && a->p[0] != '{')
		return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
	for (;;) {
		while (i < a->len && is_blank(a->p[i]))
			i++;
		while (j < b->len && is_blank(b->p[j]))
			j++;
		if (i == a->len || j == b->len)
			return i == a->len && j == b->len;
		if (a->p[i++] != b->p[j++])
			return false;
	}
}

/* Where a run begins and ends in a list. */
static bool
find_run(
    const char *list, const char *run, const char **begin_r, const char **end_r)
{
	struct list_word word, first, w, r;
	const char *at = list, *p, *q;

	q = run;
	if (!list_next(&q, &first))
		return false;
	while (list_next(&at, &word)) {
		if (!word_equals(&word, &first))
			continue;
		p = at;
		q = run;
		(void)list_next(&q, &r);
		for (;;) {
			if (!list_next(&q, &r)) {
				*begin_r = word.p;
				*end_r = p;
				return true;
			}
			if (!list_next(&p, &w) || !word_equals(&w, &r))
				break;
		}
	}
	return false;
}

bool
list_has(const char *list, const char *run)
{
	const char *begin, *end;

	return find_run(list, run, &begin, &end);
}

static bool
list_begins_with(const char *list, const char *run)
{
	const char *begin, *end;

	return find_run(list, run, &begin, &end) &&
	    begin == list + strspn(list, SEPARATORS);
}

/* ---- to add, and to take out ---- */

char *
list_append(const char *list, const char *run)
{
	if (list_has(list, run))
		return xstrdup(list);
	if (list_is_empty(list))
		return xstrdup(run);
	return xasprintf("%s, %s", list, run);
}

char *
list_prepend(const char *list, const char *run)
{
	char *rest, *out;

	if (list_begins_with(list, run))
		return xstrdup(list);
	rest = list_remove(list, run);
	out =
	    list_is_empty(rest) ? xstrdup(run) : xasprintf("%s, %s", run, rest);
	free(rest);
	return out;
}

/* With the separators behind it, or those before it where it is last. */
char *
list_remove(const char *list, const char *run)
{
	char *out = xstrdup(list);
	const char *begin, *end;
	size_t from, to;

	while (find_run(out, run, &begin, &end)) {
		from = (size_t)(begin - out);
		to = (size_t)(end - out);
		to += strspn(out + to, SEPARATORS);
		if (out[to] == '\0') {
			while (from > 0 &&
			    strchr(SEPARATORS, out[from - 1]) != NULL)
				from--;
		}
		memmove(out + from, out + to, strlen(out + to) + 1);
	}
	return out;
}

static unsigned
permit_bit(const struct list_word *w)
{
	static const struct list_word networks = {"permit_mynetworks", 17};
	static const struct list_word sasl = {"permit_sasl_authenticated", 25};

	if (word_equals(w, &networks))
		return PERMITS_NETWORKS;
	return word_equals(w, &sasl) ? PERMITS_SASL : 0;
}

unsigned
list_permits(const char *list)
{
	struct list_word w;
	unsigned bits = 0;

	while (list_next(&list, &w))
		bits |= permit_bit(&w);
	return bits;
}

char *
list_add_behind_permits(const char *list, const char *run)
{
	char *rest = list_remove(list, run), *out;
	const char *at = rest, *behind = NULL;
	struct list_word w;

	while (list_next(&at, &w)) {
		if (permit_bit(&w) != 0)
			behind = at;
	}
	if (behind == NULL)
		out = xstrdup(list);
	else
		out = xasprintf("%.*s, %s%s%s", (int)(behind - rest), rest, run,
		    list_is_empty(behind) || *behind == ',' ? "" : ",", behind);
	free(rest);
	return out;
}

/* ---- entries of master.cf ---- */

/* The next word between blanks; a comma is part of it. */
static bool
next_field(const char **at, struct list_word *word_r)
{
	const char *p = *at + strspn(*at, " \t\n");
	unsigned depth = 0;

	word_r->p = p;
	for (; *p != '\0' && (depth > 0 || !is_blank(*p)); p++) {
		if (*p == '{')
			depth++;
		else if (*p == '}' && depth > 0)
			depth--;
	}
	word_r->len = (size_t)(p - word_r->p);
	*at = p;
	return word_r->len > 0;
}

/* Without the braces around it and blanks at its ends. */
static struct list_word
unbraced(struct list_word w)
{
	if (w.len >= 2 && w.p[0] == '{' && w.p[w.len - 1] == '}') {
		w.p++;
		w.len -= 2;
	}
	while (w.len > 0 && is_blank(w.p[0])) {
		w.p++;
		w.len--;
	}
	while (w.len > 0 && is_blank(w.p[w.len - 1]))
		w.len--;
	return w;
}

/* Is this "NAME=value" or "{ NAME = value }" of this name? */
static bool
is_option(struct list_word w, const char *name, struct list_word *value_r)
{
	size_t n = strlen(name);

	w = unbraced(w);
	if (w.len <= n || strncmp(w.p, name, n) != 0)
		return false;
	for (; n < w.len && is_blank(w.p[n]);)
		n++;
	if (n == w.len || w.p[n] != '=')
		return false;
	value_r->p = w.p + n + 1;
	value_r->len = w.len - n - 1;
	*value_r = unbraced((struct list_word){value_r->p, value_r->len});
	return true;
}

/* "-o" and the option behind it: where both are, and the value. */
static bool
find_option(const char *entry, const char *name, const char **begin_r,
    const char **end_r, struct list_word *value_r)
{
	struct list_word w;
	const char *at = entry, *flag;

	while (next_field(&at, &w)) {
		if (w.len != 2 || memcmp(w.p, "-o", 2) != 0)
			continue;
		flag = w.p;
		if (!next_field(&at, &w))
			return false;
		if (is_option(w, name, value_r)) {
			*begin_r = flag;
			*end_r = at;
			return true;
		}
	}
	return false;
}

char *
entry_option(const char *entry, const char *name)
{
	const char *begin, *end;
	struct list_word value;

	if (!find_option(entry, name, &begin, &end, &value))
		return NULL;
	return xasprintf("%.*s", (int)value.len, value.p);
}

char *
entry_set_option(const char *entry, const char *name, const char *value)
{
	const char *begin = entry + strlen(entry), *end = begin;
	struct list_word old;
	char *option, *out;

	if (!find_option(entry, name, &begin, &end, &old) && value == NULL)
		return xstrdup(entry);
	option = value == NULL ? xstrdup("")
	    : value[strcspn(value, " \t\n")] == '\0'
	    ? xasprintf("-o %s=%s", name, value)
	    : xasprintf("-o {%s=%s}", name, value);
	end += strspn(end, " ");
	while (begin > entry && begin[-1] == ' ')
		begin--;
	out = xasprintf("%.*s%s%s%s%s", (int)(begin - entry), entry,
	    *option == '\0' ? "" : " ", option, *end == '\0' ? "" : " ", end);
	free(option);
	return out;
}

char *
entry_field(const char *entry, unsigned n)
{
	struct list_word w = {entry, 0};
	unsigned i;

	for (i = 0; i <= n; i++) {
		if (!next_field(&entry, &w))
			return xstrdup("");
	}
	return xasprintf("%.*s", (int)w.len, w.p);
}

/* "{a=b c}" and "{ a = b c }" are the same, and "a=b" and "{ a = b }". */
bool
entry_equals(const char *a, const char *b)
{
	struct list_word v, w;
	bool more_a, more_b;

	for (;;) {
		more_a = next_field(&a, &v);
		more_b = next_field(&b, &w);
		if (!more_a || !more_b)
			return more_a == more_b;
		v = unbraced(v);
		w = unbraced(w);
		if (v.len != w.len || memcmp(v.p, w.p, v.len) != 0)
			return false;
	}
}

/* ---- marked blocks ---- */

/* The first block; NULL if there is none. *end_r is behind it. */
static const char *
block_find(const char *text, const char **end_r)
{
	const char *begin = strstr(text, BLOCK_BEGIN);

	while (begin != NULL && begin != text && begin[-1] != '\n')
		begin = strstr(begin + 1, BLOCK_BEGIN);
	*end_r = begin == NULL ? NULL : strstr(begin, BLOCK_END);
	if (*end_r == NULL)
		return NULL;
	*end_r += strlen(BLOCK_END);
	return begin;
}

char *
block_remove(const char *text)
{
	char *out = xstrdup(text);
	const char *end, *begin;

	while ((begin = block_find(out, &end)) != NULL)
		memmove(out + (begin - out), end, strlen(end) + 1);
	return out;
}

char *
block_append(const char *text, const char *lines)
{
	size_t len = strlen(text);

	return xasprintf("%s%s" BLOCK_BEGIN "%s" BLOCK_END, text,
	    len == 0 || text[len - 1] == '\n' ? "" : "\n", lines);
}

char *
block_insert(const char *text, size_t at, const char *lines)
{
	return xasprintf("%.*s" BLOCK_BEGIN "%s" BLOCK_END "%s", (int)at, text,
	    lines, text + at);
}
