/* SPDX-License-Identifier: MIT */
/*
 * doctor_postconf - parser of what postconf(1) prints. See the header.
 */
#include "cli/doctor_postconf.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/buf.h"
#include "util/text.h"

#define ELEMENT_MAX 4096

struct pair {
	char *name, *value;
};

struct pairs {
	struct pair *pair;
	size_t count;
};

struct postconf {
	struct pairs settings;
	struct pairs services; /* "smtp/inet": its program */
	struct pairs overrides; /* "smtp/inet/setting" */
};

static void
pairs_add(struct pairs *p, char *name, char *value)
{
	struct pair *grown;

	grown = reallocarray(p->pair, p->count + 1, sizeof(*grown));
	if (grown == NULL)
		abort();
	p->pair = grown;
	p->pair[p->count].name = name;
	p->pair[p->count++].value = value;
}

static const char *
pairs_get(const struct pairs *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->count; i++) {
		if (strcmp(p->pair[i].name, name) == 0)
			return p->pair[i].value;
	}
	return NULL;
}

static void
pairs_free(struct pairs *p)
{
	size_t i;

	for (i = 0; i < p->count; i++) {
		free(p->pair[i].name);
		free(p->pair[i].value);
	}
	free(p->pair);
}

/* "name = value" */
static void
parse_setting(struct pairs *p, const char *line, size_t len)
{
	char *copy = xasprintf("%.*s", (int)len, line), *eq, *end;

	eq = strchr(copy, '=');
	if (eq != NULL) {
		for (end = eq; end > copy && end[-1] == ' '; end--)
			continue;
		*end = '\0';
		eq++;
		eq += strspn(eq, " ");
		pairs_add(p, xstrdup(copy), xstrdup(eq));
	}
	free(copy);
}

/* "smtp inet n - y - - smtpd ..."; lines that begin with a blank are the
 * arguments, which -P says better. */
static void
parse_service(struct pairs *p, const char *line, size_t len)
{
	char *copy = xasprintf("%.*s", (int)len, line), *word[8], *save;
	unsigned n = 0;

	if (*copy != ' ' && *copy != '\t') {
		word[n] = strtok_r(copy, " \t", &save);
		while (word[n] != NULL && ++n < 8)
			word[n] = strtok_r(NULL, " \t", &save);
		if (n == 8)
			pairs_add(p, xasprintf("%s/%s", word[0], word[1]),
			    xstrdup(word[7]));
	}
	free(copy);
}

static void
parse_lines(struct pairs *p, const char *text,
    void (*parse)(struct pairs *, const char *, size_t))
{
	size_t len;

	for (; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		parse(p, text, len);
	}
}

struct postconf *
postconf_parse(
    const char *settings, const char *services, const char *overrides)
{
	struct postconf *p = xcalloc(1, sizeof(*p));

	parse_lines(&p->settings, settings, parse_setting);
	parse_lines(&p->services, services, parse_service);
	parse_lines(&p->overrides, overrides, parse_setting);
	return p;
}

void
postconf_free(struct postconf **p)
{
	if (*p == NULL)
		return;
	pairs_free(&(*p)->settings);
	pairs_free(&(*p)->services);
	pairs_free(&(*p)->overrides);
	free(*p);
	*p = NULL;
}

const char *
postconf_get(const struct postconf *p, const char *name)
{
	const char *value = pairs_get(&p->settings, name);

	return value == NULL ? "" : value;
}

const char *
postconf_program(const struct postconf *p, const char *service)
{
	return pairs_get(&p->services, service);
}

const char *
postconf_of(const struct postconf *p, const char *service, const char *name)
{
	char *key = xasprintf("%s/%s", service, name);
	const char *value = pairs_get(&p->overrides, key);

	free(key);
	return value == NULL ? postconf_get(p, name) : value;
}

/* What listens there alone is the operator's own business. */
static bool
is_loopback(const char *service)
{
	return strncmp(service, "127.", 4) == 0 ||
	    strncmp(service, "localhost:", 10) == 0 ||
	    strncmp(service, "[::1]:", 6) == 0;
}

/* "smtp/inet", "25/inet", "192.0.2.1:smtp/inet", or "smtpd/pass". */
static bool
is_strangers(const struct pair *service)
{
	const char *slash = strrchr(service->name, '/'), *port;

	if (strcmp(service->value, "smtpd") != 0 || slash == NULL)
		return false;
	if (strcmp(slash, "/pass") == 0)
		return true;
	if (strcmp(slash, "/inet") != 0 || is_loopback(service->name))
		return false;
	for (port = slash; port > service->name && port[-1] != ':'; port--)
		continue;
	return strcmp(port, "smtp/inet") == 0 || strcmp(port, "25/inet") == 0;
}

const char *
postconf_stranger(const struct postconf *p, size_t i)
{
	size_t k;

	for (k = 0; k < p->services.count; k++) {
		if (is_strangers(&p->services.pair[k]) && i-- == 0)
			return p->services.pair[k].name;
	}
	return NULL;
}

bool
postconf_element(const char **list, char *out, size_t size)
{
	const char *p = *list + strspn(*list, ", \t\r\n"), *start;
	unsigned depth = 0;
	size_t len;

	for (start = p; *p != '\0'; p++) {
		if (depth == 0 && strchr(", \t\r\n", *p) != NULL)
			break;
		if (*p == '{')
			depth++;
		else if (*p == '}' && depth > 0)
			depth--;
	}
	*list = p;
	len = (size_t)(p - start);
	if (len == 0)
		return false;
	if (len >= 2 && start[0] == '{' && start[len - 1] == '}') {
		start++;
		len -= 2;
		while (len > 0 && *start == ' ')
			start++, len--;
		while (len > 0 && start[len - 1] == ' ')
			len--;
	}
	snprintf(out, size, "%.*s", (int)len, start);
	return true;
}

bool
postconf_mentions(const char *list, const char *part)
{
	char element[ELEMENT_MAX];

	while (postconf_element(&list, element, sizeof(element))) {
		if (strstr(element, part) != NULL)
			return true;
	}
	return false;
}

bool
postconf_lists(const char *list, const char *word)
{
	char element[ELEMENT_MAX];

	while (postconf_element(&list, element, sizeof(element))) {
		if (strcasecmp(element, word) == 0)
			return true;
	}
	return false;
}
