/* SPDX-License-Identifier: MIT */
/*
 * doctor_report - what doctor found, for a person or as JSON.
 *
 * For a person: the checks by group; of a good one its title and what was
 * found on one line, cut at the width of the terminal; of another also
 * what was expected and the line to type, never cut.
 */
#include "cli/doctor.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDENT 9

static const struct {
	const char *word, *colour;
} marks[] = {
    [DOCTOR_OK] = {"ok", "\033[32m"},
    [DOCTOR_WARNING] = {"warning", "\033[33m"},
    [DOCTOR_FAILURE] = {"FAILURE", "\033[1;31m"},
};

/* Words, broken at the width, the further lines indented. */
static void
print_wrapped(const char *text, unsigned column, unsigned width)
{
	size_t len;

	while (*(text += strspn(text, " ")) != '\0') {
		len = strcspn(text, " ");
		if (width > INDENT + 20 && column + 1 + len > width) {
			printf("\n%*s", INDENT, "");
			column = INDENT;
		} else {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)len, text);
		column += (unsigned)len;
		text += len;
	}
	putchar('\n');
}

static void
print_finding(const struct finding *f, const struct doctor_paper *paper)
{
	const struct verdict *v = &f->verdict;
	char head[256];
	int n;

	n = snprintf(head, sizeof(head), "%s%s%s:", f->id,
	    f->subject == NULL ? "" : " ",
	    f->subject == NULL ? "" : f->subject);
	printf("%s%-*s%s%s", paper->colour ? marks[v->state].colour : "",
	    INDENT - 1, marks[v->state].word, paper->colour ? "\033[0m " : " ",
	    head);
	print_wrapped(v->found, INDENT + (unsigned)n, paper->width);
	if (v->state == DOCTOR_OK)
		return;
	printf("%*sexpected:", INDENT, "");
	print_wrapped(v->expected, INDENT + 9, paper->width);
	printf("%*sto mend:  %s\n", INDENT, "", v->fix);
}

static void
print_group(const char *id, const struct doctor_paper *paper, bool first)
{
	printf("%s%s%.*s%s\n", first ? "" : "\n",
	    paper->colour ? "\033[1m" : "", (int)strcspn(id, "."), id,
	    paper->colour ? "\033[0m" : "");
}

static bool
same_group(const char *a, const char *b)
{
	size_t len = strcspn(a, ".");

	return strcspn(b, ".") == len && strncmp(a, b, len) == 0;
}

static const char *
plural(size_t n)
{
	return n == 1 ? "" : "s";
}

void
doctor_print(const struct doctor *d, const struct doctor_paper *paper)
{
	size_t n[DOCTOR_FAILURE + 1] = {0}, i;
	const char *last = "";

	for (i = 0; i < d->count; i++) {
		const struct finding *f = &d->finding[i];

		n[f->verdict.state]++;
		if (f->verdict.state == DOCTOR_OK && !paper->all)
			continue;
		if (!same_group(last, f->id))
			print_group(f->id, paper, *last == '\0');
		last = f->id;
		print_finding(f, paper);
	}
	printf("%s%zu check%s: %zu ok, %zu warning%s, %zu failure%s\n",
	    *last == '\0' ? "" : "\n", d->count, plural(d->count), n[DOCTOR_OK],
	    n[DOCTOR_WARNING], plural(n[DOCTOR_WARNING]), n[DOCTOR_FAILURE],
	    plural(n[DOCTOR_FAILURE]));
}

int
doctor_print_json(const struct doctor *d)
{
	json_t *top, *checks, *one;
	const struct finding *f;
	char *text;
	size_t i;

	checks = json_array();
	for (i = 0; i < d->count; i++) {
		f = &d->finding[i];
		one = json_pack("{s:s, s:s*, s:s, s:s, s:s, s:s}", "id", f->id,
		    "subject", f->subject, "state",
		    doctor_state_name(f->verdict.state), "expected",
		    f->verdict.expected, "found", f->verdict.found, "fix",
		    f->verdict.fix);
		if (json_array_append_new(checks, one) < 0)
			return cli_error("no memory");
	}
	top = json_pack("{s:i, s:s, s:o}", "version", 1, "state",
	    doctor_state_name(doctor_worst(d)), "checks", checks);
	text = top == NULL ? NULL : json_dumps(top, JSON_INDENT(1));
	if (text == NULL)
		return cli_error("no memory");
	printf("%s\n", text);
	free(text);
	json_decref(top);
	return CLI_OK;
}
