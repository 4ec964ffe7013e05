/* SPDX-License-Identifier: MIT */
/*
 * yaml_problem - libyaml's complaints, for people.
 *
 * libyaml says what its grammar missed ("did not find expected key"). A
 * reader wants to know what stands there and what to write instead. What
 * is not in the table is passed on as libyaml says it.
 */
#include "util/yaml_tree.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *problem; /* how libyaml's text begins */
	const char *text;
} problems[] = {
    {"mapping values are not allowed",
	"unexpected \":\"; put quotes around text that has a colon in it, "
	"or look at the indentation"},
    {"did not find expected key",
	"expected a key at the indentation of the keys above"},
    {"did not find expected '-' indicator",
	"expected \"- \" and the next item of the list"},
    {"did not find expected ',' or ']'", "expected \",\" or \"]\" in the list"},
    {"did not find expected ',' or '}'",
	"expected \",\" or \"}\" in the mapping"},
    {"could not find expected ':'", "expected \":\" and a value after the key"},
    {"found unknown escape character",
	"unknown escape in double quotes; single quotes leave a backslash "
	"as it is"},
    {"did not find expected hexdecimal number",
	"expected hexadecimal digits in the escape"},
    {"did not find expected node content", "expected a value"},
    {"block sequence entries are not allowed",
	"a list can't begin here; put \"- \" on a line of its own"},
    {"found a tab character", "a tab can't indent; use blanks"},
    {"did not find expected <document start>",
	"expected the end of the file, or \"---\""},
    {"did not find expected comment or line break",
	"expected the end of the line"},
    {"found incompatible YAML document", "expected YAML 1.1 or 1.2"},
    {"control characters are not allowed",
	"a control character; write it as an escape in double quotes"},
    {"invalid leading UTF-8 octet", "not UTF-8"},
    {"invalid trailing UTF-8 octet", "not UTF-8"},
    {"incomplete UTF-8 octet sequence", "not UTF-8"},
    {"invalid length of a UTF-8 sequence", "not UTF-8"},
    {"invalid Unicode character", "not UTF-8"},
    {"exceeded maximum depth", "nested too deep"},
};

/* The line (from 1) and column of a byte. */
static void
place_of(const char *data, size_t at, size_t *line_r, size_t *column_r)
{
	size_t i, line = 1, column = 1;

	for (i = 0; i < at; i++) {
		if (data[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)data[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	*line_r = line;
	*column_r = column;
}

/* The byte at a character's place in a line (both from 0); '\0' if there
 * is none. */
static char
byte_at(const char *data, size_t len, size_t line, size_t column)
{
	size_t i = 0;

	for (; line > 0; line--) {
		while (i < len && data[i] != '\n')
			i++;
		if (i++ >= len)
			return '\0';
	}
	for (; column > 0 && i < len; column--) {
		i++;
		while (i < len && ((unsigned char)data[i] & 0xc0) == 0x80)
			i++;
	}
	if (i >= len)
		return '\0';
	return data[i];
}

/* "found character that cannot start any token": which one? */
static void
report_start(struct yaml *doc, const yaml_parser_t *p, char c)
{
	const size_t line = p->problem_mark.line + 1;
	const size_t column = p->problem_mark.column + 1;

	if (c == '\t')
		yaml_error_at(
		    doc, line, column, "a tab can't indent; use blanks");
	else
		yaml_error_at(doc, line, column,
		    "expected a value, found \"%c\"; put quotes around text "
		    "that begins so",
		    c);
}

/* What opens at the context's mark and is open at the file's end. */
static void
report_open(struct yaml *doc, const yaml_parser_t *p)
{
	yaml_error_at(doc, p->context_mark.line + 1, p->context_mark.column + 1,
	    "expected the closing quote before %s",
	    strstr(p->problem, "stream") != NULL ? "the file ends"
						 : "the document's end");
}

void
yaml_report_problem(
    struct yaml *doc, const yaml_parser_t *p, const char *data, size_t len)
{
	const char *text = p->problem != NULL ? p->problem : "out of memory";
	size_t line = p->problem_mark.line + 1;
	size_t column = p->problem_mark.column + 1;
	size_t i;

	if (p->error == YAML_READER_ERROR)
		place_of(data,
		    p->problem_offset < len ? p->problem_offset : len, &line,
		    &column);
	if (strncmp(text, "found character that cannot start", 33) == 0) {
		report_start(doc, p,
		    byte_at(data, len, p->problem_mark.line,
			p->problem_mark.column));
		return;
	}
	if (strncmp(text, "found unexpected end of stream", 30) == 0 ||
	    strncmp(text, "found unexpected document indicator", 35) == 0) {
		report_open(doc, p);
		return;
	}
	for (i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
		if (strncmp(text, problems[i].problem,
			strlen(problems[i].problem)) == 0)
			text = problems[i].text;
	}
	yaml_error_at(doc, line, column, "%s", text);
}
