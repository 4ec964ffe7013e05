/* SPDX-License-Identifier: MIT */
/*
 * setup_list - lists as main.cf and master.cf write them: add to what an
 * operator has, and take only that out again. Pure: text in, text out.
 *
 * A list is words between commas and white space; "{ ... }" is one word.
 * A run is one or more words that stand one behind the other. What is not
 * ours stays as it was written.
 */
#ifndef AGAMID_SETUP_LIST_H
#define AGAMID_SETUP_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_word {
	const char *p; /* borrowed from the list */
	size_t len;
};

/* The next word at *at, which is moved behind it; false at the end. */
bool list_next(const char **at, struct list_word *word_r);
bool list_is_empty(const char *list);
/* Blanks inside braces do not count. */
bool list_has(const char *list, const char *run);

/* All return malloc'ed text. What has the run already stays as it is, but
 * that list_prepend() moves it to the front. */
char *list_prepend(const char *list, const char *run);
char *list_append(const char *list, const char *run);
char *list_remove(const char *list, const char *run);
/* Behind the last permit_mynetworks or permit_sasl_authenticated. */
char *list_add_behind_permits(const char *list, const char *run);
/* Is one of these (bits) among its words? */
enum { PERMITS_NETWORKS = 1, PERMITS_SASL = 2 };
unsigned list_permits(const char *list);

/*
 * An entry of master.cf on one line, as postconf -M prints it: the value
 * of its option -o NAME=..., malloc'ed, or NULL; and the entry with that
 * option set (NULL: without it).
 */
char *entry_option(const char *entry, const char *name);
char *entry_set_option(const char *entry, const char *name, const char *value);
/* The n-th field (0: service, 1: type, 4: chroot, 7: command); malloc'ed. */
char *entry_field(const char *entry, unsigned n);
/* Do two entries say the same? */
bool entry_equals(const char *a, const char *b);

/* Text without all lines from a "# BEGIN agamid" to its "# END agamid"; and
 * with such a block of these lines more at its end. */
char *block_remove(const char *text);
char *block_append(const char *text, const char *lines);
/* And with one before the byte at, where a line begins. */
char *block_insert(const char *text, size_t at, const char *lines);

#endif
