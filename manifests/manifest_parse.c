/* SPDX-License-Identifier: MIT */
/*
 * manifest_parse - a manifest's file into struct manifest. See manifest.h;
 * the rules are doc/spec/manifest.md 2 and 3.
 *
 * Pure: bytes in; a struct, or lines that each say where, what is wrong
 * and what was expected, out. All errors of a file are collected. The
 * keys under node are read in manifest_node.c. The signature is found here
 * and checked in sign.c; what only several files together can tell is
 * checked in folder.c.
 *
 * SECURITY: peers write these files. Every list, number and text has a
 * bound; what can become a line of a table, a configuration or a zone is
 * one line without control characters.
 */
#include "manifests/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "util/text.h"
#include "manifests/manifest_fields.h"
#include "manifests/manifest_node.h"

/* ---- the file: a body, "...", a signature. SPEC M-2 ---- */

/* An error that is not at a node. */
static void
file_error(struct manifest_parse *p, size_t at, const char *text)
{
	const char *line = p->m->text, *end = p->m->text + at, *lf;
	size_t n = 1;

	while ((lf = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		line = lf + 1;
		n++;
	}
	buf_printf(p->errors, "%s:%zu:%zu: %s\n", p->name, n,
	    (size_t)(end - line) + 1, text);
	p->wrong++;
}

/* The body ends with the first line "...". Where there is none, with the
 * file, or before what looks like a signature: so that only the missing
 * line is told. */
static void
file_split(struct manifest_parse *p)
{
	static const char dashes[] = "-----";
	struct manifest *m = p->m;
	const char *line;
	struct cursor c;
	size_t len;

	m->body_len = m->text_len;
	cursor_init(&c, m->text, m->text_len);
	while (cursor_line(&c, &line, &len)) {
		if (len == 3 && memcmp(line, "...", 3) == 0) {
			p->ended = true;
			m->body_len = m->text_len - c.left;
			return;
		}
		if (len > 5 && memcmp(line, dashes, 5) == 0) {
			m->body_len = (size_t)(line - m->text);
			return;
		}
	}
}

static bool
is_signature(const char *text)
{
	static const char begin[] = "-----BEGIN PGP SIGNATURE-----\n";
	static const char end[] = "\n-----END PGP SIGNATURE-----\n";
	const char *tail;

	if (strncmp(text, begin, strlen(begin)) != 0)
		return false;
	tail = strstr(text, end);
	return tail != NULL &&
	    strstr(text + strlen(begin), "\n-----") == tail &&
	    tail[strlen(end)] == '\0';
}

static void
file_check_end(struct manifest_parse *p)
{
	const struct manifest *m = p->m;

	if (!p->ended) /* SPEC M-2.3 */
		file_error(p, m->body_len,
		    "expected a line \"...\" at the end of the manifest "
		    "(\"agamid manifest sign\" adds it)");
	else if (m->body_len < m->text_len &&
	    !is_signature(m->text + m->body_len)) /* SPEC M-2.4 */
		file_error(p, m->body_len,
		    "expected nothing, or one armored OpenPGP signature, "
		    "after the line \"...\"");
}

static int
file_take(struct manifest_parse *p, const void *data, size_t len)
{
	struct manifest *m = p->m;
	const char *bad;

	if (len > MANIFEST_MAX) { /* SPEC M-2.1 */
		buf_printf(p->errors,
		    "%s:1:1: the file has %zu bytes; expected at most %d\n",
		    p->name, len, MANIFEST_MAX);
		return AG_EINVAL;
	}
	if ((m->text = malloc(len + 1)) == NULL)
		return AG_ENOMEM;
	if (len > 0)
		memcpy(m->text, data, len);
	m->text[len] = '\0';
	m->text_len = len;
	if ((bad = memchr(m->text, '\0', len)) != NULL ||
	    (bad = memchr(m->text, '\r', len)) != NULL) { /* SPEC M-2.2 */
		file_error(p, (size_t)(bad - m->text),
		    *bad == '\0' ? "a NUL character is not allowed"
				 : "a carriage return is not allowed; "
				   "expected lines that end in LF alone");
		return AG_EINVAL;
	}
	file_split(p);
	return 0;
}

/* ---- what is missing, and the seed's small form. SPEC M-3.2 ---- */

static const struct {
	const char *path; /* as it is told */
	const char *map; /* below node, or NULL: node itself; "": the root */
	const char *key;
} needed[] = {
    {"version", "", "version"},
    {"serial", "", "serial"},
    {"node.name", NULL, "name"},
    {"node.network", NULL, "network"},
    {"node.host", NULL, "host"},
    {"node.domains", NULL, "domains"},
    {"node.openpgp", NULL, "openpgp"},
    {"node.recovery", NULL, "recovery"},
    {"node.ticket-key", NULL, "ticket-key"},
    {"node.receipt-key", NULL, "receipt-key"},
    {"node.ssh.host-keys", "ssh", "host-keys"},
    {"node.ssh.client-keys", "ssh", "client-keys"},
};

static bool
is_missing(struct manifest_parse *p, size_t i)
{
	struct ynode *map = p->node;

	if (needed[i].map != NULL && *needed[i].map == '\0')
		map = p->root;
	else if (needed[i].map != NULL && map != NULL)
		map = field_node(map, needed[i].map);
	return map == NULL || !ynode_is_map(map) ||
	    field_node(map, needed[i].key) == NULL;
}

/* One error instead of a dozen, where what there is looks like the small
 * form: a node without a version and without a name. */
static bool
is_small_form(struct manifest_parse *p)
{
	char list[256] = "";
	size_t i, used = 0;

	if (p->node == NULL || !ynode_is_map(p->node) || !is_missing(p, 0) ||
	    !is_missing(p, 2))
		return false;
	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!is_missing(p, i))
			continue;
		used += (size_t)snprintf(list + used, sizeof(list) - used,
		    "%s%s", used > 0 ? ", " : "", needed[i].path);
	}
	yaml_error(p->root,
	    "this is the small form of a manifest, in which %s are missing; "
	    "\"agamid init\" makes a complete and signed one",
	    list);
	return true;
}

/* ---- the whole ---- */

static int
parse_root(struct manifest_parse *p)
{
	uint64_t version;

	yaml_get_uint(p->root, "version", YAML_NEED, 1, 1, &version);
	yaml_get_uint(p->root, "serial", YAML_NEED, 1, MANIFEST_SERIAL_MAX,
	    &p->m->serial);
	if (!yaml_get_map(p->root, "node", YAML_NEED, &p->node))
		return 0;
	return manifest_parse_node(p);
}

static int
parse_body(struct manifest_parse *p)
{
	int rc;

	p->doc = yaml_parse(p->name, p->m->text, p->m->body_len, p->errors);
	if (p->doc == NULL)
		return AG_EINVAL;
	p->root = yaml_root(p->doc);
	if (!ynode_is_map(p->root)) {
		yaml_error(p->root, "expected \"version: 1\" and so on");
		return AG_EINVAL;
	}
	p->node = field_node(p->root, "node");
	if (is_small_form(p))
		return AG_EINVAL;
	file_check_end(p);
	if ((rc = parse_root(p)) != 0)
		return rc;
	yaml_finish(p->doc);
	return yaml_errors(p->doc) + p->wrong == 0 ? 0 : AG_EINVAL;
}

struct manifest *
manifest_parse(
    const char *name, const void *data, size_t len, struct buf *errors)
{
	struct manifest_parse p = {
	    .name = text_is_line(name) ? name : "?", .errors = errors};
	int rc = AG_ENOMEM;

	if ((p.m = calloc(1, sizeof(*p.m))) == NULL)
		goto out;
	if ((rc = file_take(&p, data, len)) == 0)
		rc = parse_body(&p);
out:
	yaml_doc_free(&p.doc);
	if (rc == AG_ENOMEM)
		buf_printf(errors, "%s:1:1: out of memory\n", p.name);
	if (rc != 0)
		manifest_free(&p.m);
	return p.m;
}
