/* SPDX-License-Identifier: MIT */
/*
 * pattern_tables - writes what tests/patterns compares: for each pattern a
 * Postfix table as `agamid apply` writes it, and what our own matching
 * says to each local part.
 *
 * usage: pattern_tables DIRECTORY <PATTERNS
 *
 * Standard input has a pattern a line, an empty line, and a local part a
 * line. Written are N.pcre, N.want ("LOCAL@x.example<TAB>yes" for each that
 * matches, as postmap prints it) for the N-th pattern, and keys, all
 * addresses. A pattern that is refused is an error here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "manifests/match.h"

#define LINES_MAX 200

static void
write_file(const char *dir, unsigned n, const char *end, const struct buf *b)
{
	char *path = xasprintf("%s/%u.%s", dir, n, end);
	struct error e;

	if (file_replace(path, buf_str(b), b->len, 0644, "test", &e) != 0)
		log_fatal("%s", e.text);
	free(path);
}

static void
write_pattern(const char *dir, unsigned n, const char *pattern,
    char *const *locals, unsigned count)
{
	struct buf table, want;
	struct match *m;
	struct error e;
	unsigned i;

	if (match_compile(pattern, &m, &e) != 0)
		log_fatal("%s: %s", pattern, e.text);
	buf_init(&table, 4096);
	buf_init(&want, 65536);
	buf_printf(&table, "/^(?:%s)@x\\.example$/ yes\n", match_pattern(m));
	for (i = 0; i < count; i++) {
		if (match_test(m, locals[i]) == MATCH_YES)
			buf_printf(&want, "%s@x.example\tyes\n", locals[i]);
	}
	write_file(dir, n, "pcre", &table);
	write_file(dir, n, "want", &want);
	buf_free(&table);
	buf_free(&want);
	match_free(&m);
}

int
main(int argc, char **argv)
{
	char *lines[LINES_MAX], text[1024];
	unsigned count = 0, patterns = 0, i;
	struct buf keys;

	log_open("pattern_tables", LOG_LVL_ERROR);
	if (argc != 2)
		log_fatal("usage: pattern_tables DIRECTORY");
	while (fgets(text, sizeof(text), stdin) != NULL && count < LINES_MAX) {
		text[strcspn(text, "\n")] = '\0';
		if (*text == '\0')
			patterns = count;
		else
			lines[count++] = xstrdup(text);
	}
	buf_init(&keys, 65536);
	for (i = patterns; i < count; i++)
		buf_printf(&keys, "%s@x.example\n", lines[i]);
	write_file(argv[1], 0, "keys", &keys);
	for (i = 0; i < patterns; i++)
		write_pattern(argv[1], i + 1, lines[i], lines + patterns,
		    count - patterns);
	printf("%u\n", patterns);
	buf_free(&keys);
	for (i = 0; i < count; i++)
		free(lines[i]);
	return patterns > 0 && patterns < count ? 0 : 1;
}
