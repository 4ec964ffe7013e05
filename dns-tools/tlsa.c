/* SPDX-License-Identifier: MIT */
/*
 * tlsa - the list of hosts' TLS keys. See tlsa.h.
 */
#include "dns-tools/tlsa.h"

#include <stdlib.h>
#include <string.h>

#include "dns-tools/options.h"
#include "util/file.h"
#include "util/text.h"

#define FILE_MAX (16U << 20)

static int
parse_line(const char *line, size_t len, struct zone_tlsa *t)
{
	static const char kind[] = "sha256:";
	size_t name = 0, gap;

	while (name < len && line[name] != ' ' && line[name] != '\t')
		name++;
	for (gap = name; gap < len && (line[gap] == ' ' || line[gap] == '\t');)
		gap++;
	if (name == 0 || len - gap != strlen(kind) + 64 ||
	    strncmp(line + gap, kind, strlen(kind)) != 0)
		return AG_EINVAL;
	memcpy(t->hash, line + gap + strlen(kind), 64);
	t->hash[64] = '\0';
	text_lower(t->hash);
	if (!text_is_hex(t->hash, 64))
		return AG_EINVAL;
	t->node = strndup(line, name);
	return t->node != NULL ? 0 : AG_ENOMEM;
}

int
tlsa_parse(const char *text, struct zone_tlsa **list_r, size_t *count_r,
    struct error *error_r)
{
	struct zone_tlsa *list = NULL, *more;
	size_t count = 0, len;
	unsigned number = 0;
	int rc = 0;

	for (; rc == 0 && *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		number++;
		if (len == 0 || *text == '#')
			continue;
		more = reallocarray(list, count + 1, sizeof(*list));
		if (more == NULL || count == TLSA_MAX) {
			rc = AG_ENOMEM;
			break;
		}
		list = more;
		rc = parse_line(text, len, &list[count]);
		count += rc == 0;
	}
	if (rc != 0) {
		error_set(error_r, rc,
		    "line %u: expected \"NODE sha256:\" and 64 hex digits",
		    number);
		tlsa_free((const struct zone_tlsa **)(uintptr_t)&list, count);
		count = 0;
	}
	*list_r = list;
	*count_r = count;
	return rc;
}

void
tlsa_free(const struct zone_tlsa **list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free((*list)[i].node);
	free((void *)(uintptr_t)*list);
	*list = NULL;
}

void
tlsa_read(const char *path, const struct zone_tlsa **list_r, size_t *count_r)
{
	struct zone_tlsa *list;
	struct error e;
	struct buf text;

	buf_init(&text, FILE_MAX);
	if (file_read(path, &text, &e) != 0)
		die(EXIT_TROUBLE, "%s", e.text);
	if (tlsa_parse(buf_str(&text), &list, count_r, &e) != 0)
		die(EXIT_TROUBLE, "%s: %s", path, e.text);
	*list_r = list;
	buf_free(&text);
}
