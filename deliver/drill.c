/* SPDX-License-Identifier: MIT */
/*
 * drill - finds the field of a test mail. See drill.h; the field's value
 * is mail/drill.h's.
 */
#include "deliver/drill.h"

#include <string.h>
#include <strings.h>

static const char name[] = DRILL_FIELD ":";

static void
end_line(struct drill_scan *s)
{
	if (s->line == 0)
		s->in_body = true;
	if (s->in_value) {
		s->found = true;
		s->in_value = false;
	}
	s->line = 0;
	s->matched = 0;
}

static void
put(struct drill_scan *s, char c)
{
	char one[2] = {c, '\0'};

	if (c == '\r')
		return;
	if (c == '\n') {
		end_line(s);
		return;
	}
	if (s->in_value) {
		if (s->len == 0 && c == ' ')
			return;
		if (s->len < DRILL_VALUE_MAX)
			s->value[s->len++] = c;
		else
			s->too_long = true;
		return;
	}
	if (s->matched == s->line && s->line < sizeof(name) - 1 &&
	    strncasecmp(&name[s->line], one, 1) == 0)
		s->matched++;
	s->line++;
	if (s->matched == sizeof(name) - 1 && s->line == s->matched)
		s->in_value = true;
}

void
drill_scan(struct drill_scan *s, const void *data, size_t len)
{
	const char *p = data;
	size_t i;

	for (i = 0; i < len && !s->in_body && !s->found; i++)
		put(s, p[i]);
}

const char *
drill_value(const struct drill_scan *s)
{
	return s->found && !s->too_long ? s->value : "";
}
