/* SPDX-License-Identifier: MIT */
/*
 * test_conf_manual - agamid.yaml(5) against lib/mail/conf.c: it has every
 * setting, with the default and the range that are true, and its example
 * is good.
 */
#include "help.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/conf.h"
#include "util/text.h"
#include "util/yaml.h"

/* NULL where it is not good, which fails the test if it has to be. */
static struct conf *
parse(const char *text, bool good)
{
	struct buf errors;
	struct conf *c;

	buf_init(&errors, 65536);
	c = conf_parse("f", text, strlen(text), "", &errors);
	if (good && c == NULL)
		fail_msg("%s", buf_str(&errors));
	buf_free(&errors);
	return c;
}

/* The item of this setting, in one line; the caller frees. */
static char *
find_item(const char *page, const char *name)
{
	char *item = xasprintf("\n.It Cm %s\n", name);
	char *other = xasprintf("\n.It Cm %s Ar ", name);
	const char *at = strstr(page, item), *next;
	char *found, *p;

	if (at == NULL)
		at = strstr(page, other);
	if (at == NULL) {
		fail_msg("agamid.yaml.5 has no %s", name);
		abort(); /* fail_msg() does not say that it never returns */
	}
	next = strstr(at + 1, "\n.It ");
	found = xasprintf(
	    "%.*s ", next == NULL ? (int)strlen(at) : (int)(next - at), at);
	for (p = found; *p != '\0'; p++) {
		if (*p == '\n')
			*p = ' ';
	}
	free(item);
	free(other);
	return found;
}

static void
check_default(const char *item, const char *name, const char *value)
{
	char *text = xasprintf(" .Pq Default : Cm %s ", value);

	if (value[0] != '\0' && strstr(item, text) == NULL)
		fail_msg("agamid.yaml.5 has no default %s at %s", value, name);
	free(text);
}

/* Is this number (and unit) one that the setting takes? */
static bool
takes(const char *name, unsigned long number, const char *unit)
{
	const char *key = strchr(name, '.'), *more = "";
	struct conf *c;
	char *text;
	bool good;

	/* One may not be above the other. */
	if (strcmp(name, "relay.retry-min") == 0)
		more = ", retry-max: 1d";
	else if (strcmp(name, "relay.retry-max") == 0)
		more = ", retry-min: 1s";
	text = key == NULL
	    ? xasprintf("node: carol\n%s: %lu%s\n", name, number, unit)
	    : xasprintf("node: carol\n%.*s: {%s: %lu%s%s}\n", (int)(key - name),
		  name, key + 1, number, unit, more);
	c = parse(text, false);
	good = c != NULL;
	conf_free(&c);
	free(text);
	return good;
}

/* "from 5s to 1h": both are taken, and nothing beyond. */
static void
check_range(const char *item, const char *name)
{
	char low[16], high[16], *unit;
	const char *at = item;
	unsigned long n;

	do {
		at = strstr(at + 1, "rom ");
		if (at == NULL) {
			fail_msg("agamid.yaml.5 has no range at %s", name);
			abort();
		}
	} while (sscanf(at, "rom %15[0-9KMGTsmhd] to %15[0-9KMGTsmhd]", low,
		     high) != 2);
	n = strtoul(low, &unit, 10);
	if (!takes(name, n, unit) || (n > 0 && takes(name, n - 1, unit)))
		fail_msg("%s does not begin at %s", name, low);
	n = strtoul(high, &unit, 10);
	if (!takes(name, n, unit) || takes(name, n + 1, unit))
		fail_msg("%s does not end at %s", name, high);
}

static void
check_documented(const char *page, const char *name, const char *value)
{
	char *item = find_item(page, name);

	check_default(item, name, value);
	if (isdigit((unsigned char)value[0]))
		check_range(item, name);
	free(item);
}

static void
check_documented_map(const char *page, struct ynode *map)
{
	const char *key, *text;
	struct ynode *value;
	size_t i;

	for (i = 0; (key = ynode_key(map, i)) != NULL; i++) {
		value = ynode_value(map, i);
		text = ynode_text(value);
		if (ynode_is_map(value) && ynode_count(value) > 0)
			check_documented_map(page, value);
		else
			check_documented(page, ynode_path(value),
			    text != NULL && strcmp(key, "node") != 0 ? text
								     : "");
	}
}

/* What -T prints; the caller frees. */
static char *
printed(const struct conf *c)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	conf_print(c, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
test_every_setting(void **state)
{
	const char *page =
	    help_read(help_source("doc/man/agamid.yaml.5"), NULL);
	struct conf *c = parse("node: carol\n", true);
	char *text = printed(c);
	struct buf errors;
	struct yaml *doc;

	(void)state;
	buf_init(&errors, 65536);
	doc = yaml_parse("printed", text, strlen(text), &errors);
	assert_non_null(doc);
	check_documented_map(page, yaml_root(doc));
	check_documented(page, "mailboxes.NAME.deliver-to", "");
	check_documented(page, "mailboxes.NAME.seal", "held");
	yaml_doc_free(&doc);
	buf_free(&errors);
	free(text);
	conf_free(&c);
}

/* Its example, between .Bd and .Ed, is a file that is read. */
static void
test_example(void **state)
{
	const char *page =
	    help_read(help_source("doc/man/agamid.yaml.5"), NULL);
	const char *start = strstr(page, "\n.Bd -literal\n");
	const char *end;
	char *text;

	(void)state;
	assert_non_null(start);
	start += strlen("\n.Bd -literal\n");
	end = strstr(start, "\n.Ed\n");
	assert_non_null(end);
	text = xasprintf("%.*s\n", (int)(end - start), start);
	struct conf *c = parse(text, true);

	assert_string_equal(c->node, "carol");
	free(text);
	conf_free(&c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_every_setting),
	    help_test(test_example),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
