/* SPDX-License-Identifier: MIT */
/*
 * setup_lookup - what main.cf and master.cf say. Pure. See setup_postfix.h.
 */
#include "cli/setup_postfix.h"

#include <stdlib.h>
#include <string.h>

#include "cli/setup_list.h"
#include "util/text.h"

char *
pf_value(const struct buf *lines, const char *name)
{
	size_t n = strlen(name), len;
	const char *line;
	struct cursor c;

	cursor_init(&c, buf_str(lines), lines->len);
	while (cursor_line(&c, &line, &len)) {
		if (len < n + 2 || memcmp(line, name, n) != 0 ||
		    memcmp(line + n, " =", 2) != 0)
			continue;
		line += n + 2;
		len -= n + 2;
		for (; len > 0 && *line == ' '; len--)
			line++;
		return xasprintf("%.*s", (int)len, line);
	}
	return NULL;
}

char *
pf_written(const struct pf *pf, const char *name)
{
	char *set = pf_value(&pf->set, name), *full, *raw;

	if (set != NULL)
		return set;
	full = pf_value(&pf->full, name);
	raw = pf_value(&pf->raw, name);
	if (full == NULL || raw == NULL || list_is_empty(full)) {
		free(raw);
		raw = xstrdup("");
	} else if (strcmp(name, "relay_domains") == 0) {
		/* Its default is an expression that says only this. */
		free(raw);
		raw = xstrdup("$mydestination");
	}
	free(full);
	return raw;
}

char *
entry_name(const char *entry)
{
	char *service = entry_field(entry, 0), *type = entry_field(entry, 1);
	char *name = xasprintf("%s/%s", service, type);

	free(type);
	free(service);
	return name;
}

char *
pf_entry(const struct pf *pf, const char *name)
{
	const char *line;
	struct cursor c;
	size_t len;
	char *entry, *has;

	cursor_init(&c, buf_str(&pf->master), pf->master.len);
	while (cursor_line(&c, &line, &len)) {
		entry = xasprintf("%.*s", (int)len, line);
		has = entry_name(entry);
		if (strcmp(has, name) == 0) {
			free(has);
			return entry;
		}
		free(has);
		free(entry);
	}
	return NULL;
}

/* "smtp", "25", "192.0.2.1:smtp", "[::]:25"; or smtpd behind postscreen.
 * What listens on the loopback alone is the operator's own business. */
static bool
is_for_strangers(const char *entry)
{
	char *service = entry_field(entry, 0), *type = entry_field(entry, 1),
	     *command = entry_field(entry, 7);
	const char *colon = strrchr(service, ':');
	const char *port = colon == NULL ? service : colon + 1;
	bool is = false;

	if (strcmp(command, "smtpd") != 0)
		is = false;
	else if (strcmp(type, "pass") == 0)
		is = true;
	else if (strcmp(type, "inet") == 0)
		is = (strcmp(port, "smtp") == 0 || strcmp(port, "25") == 0) &&
		    strncmp(service, "127.", 4) != 0 &&
		    strncmp(service, "localhost:", 10) != 0 &&
		    strncmp(service, "[::1]:", 6) != 0;
	free(command);
	free(type);
	free(service);
	return is;
}

char *
pf_stranger_entry(const struct pf *pf, unsigned n)
{
	const char *line;
	struct cursor c;
	size_t len;
	char *entry;

	cursor_init(&c, buf_str(&pf->master), pf->master.len);
	while (cursor_line(&c, &line, &len)) {
		entry = xasprintf("%.*s", (int)len, line);
		if (is_for_strangers(entry) && n-- == 0)
			return entry;
		free(entry);
	}
	return NULL;
}

char *
pf_of_service(const struct pf *pf, const char *entry, const char *name)
{
	char *own = entry_option(entry, name);

	return own != NULL ? own : pf_written(pf, name);
}
