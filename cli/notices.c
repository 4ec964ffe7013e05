/* SPDX-License-Identifier: MIT */
/*
 * notices - what came by exchange and is not in force. See notices.h.
 */
#include "cli/notices.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "cli/refused.h"
#include "manifests/manifest.h"
#include "util/file.h"
#include "util/text.h"

struct notices {
	const struct conf *conf;
	const char *name;
	uint64_t newest; /* serial that is kept */
	struct buf *problems, *seen;
};

static void
add_seen(struct notices *n, uint64_t serial, const struct buf *b)
{
	uint8_t sum[crypto_hash_sha256_BYTES];
	char hex[2 * crypto_hash_sha256_BYTES + 1];

	crypto_hash_sha256(sum, (const uint8_t *)buf_str(b), b->len);
	text_hex(sum, sizeof(sum), hex);
	(void)buf_printf(
	    n->seen, "%s %llu %s\n", n->name, (unsigned long long)serial, hex);
}

static void
tell_refused(struct notices *n, int64_t now)
{
	struct refusal r;
	struct cursor c;
	struct buf b;

	refused_read(n->conf, n->name, &b);
	refused_begin(&b, &c);
	while (refused_next(&c, &r)) {
		(void)buf_printf(n->seen, "%s %llu %s\n", n->name,
		    (unsigned long long)r.serial, r.sha256);
		if (r.serial > n->newest && now - r.time < REFUSED_TOLD)
			(void)buf_printf(n->problems,
			    "%s serial %llu came by exchange, and is refused: "
			    "%s\n",
			    n->name, (unsigned long long)r.serial, r.reason);
	}
	buf_free(&b);
}

static void
tell_pending(struct notices *n, bool own)
{
	char *path = store_path(n->conf, n->name, STORE_PENDING);
	struct manifest *m = NULL;
	struct buf b, errors;

	buf_init(&b, MANIFEST_MAX);
	buf_init(&errors, MANIFEST_MAX);
	if (file_read(path, &b, NULL) == 0)
		m = manifest_parse(path, buf_str(&b), b.len, &errors);
	if (m != NULL)
		add_seen(n, m->serial, &b);
	if (m != NULL && m->serial > n->newest && own)
		(void)buf_printf(n->problems,
		    "peers have another manifest of this node, serial %llu "
		    "(%s): if it is not yours, somebody has the key; agamid "
		    "manifest publish goes above it\n",
		    (unsigned long long)m->serial, path);
	else if (m != NULL && m->serial > n->newest)
		(void)buf_printf(n->problems,
		    "%s serial %llu changes what you agreed to, and is not in "
		    "force; agamid peer accept %s shows it and asks\n",
		    n->name, (unsigned long long)m->serial, n->name);
	manifest_free(&m);
	buf_free(&errors);
	buf_free(&b);
	free(path);
}

static void
tell_other(struct notices *n, const char *file)
{
	uint64_t serial = store_other_serial(file);
	char *path = store_path(n->conf, n->name, file);
	struct buf b;

	buf_init(&b, MANIFEST_MAX);
	if (file_read(path, &b, NULL) == 0)
		add_seen(n, serial, &b);
	if (serial >= n->newest)
		(void)buf_printf(n->problems,
		    "%s signed two manifests with serial %llu; the first seen "
		    "is in force, the other is %s. Ask %s: the key may be in "
		    "other hands. A higher serial ends it\n",
		    n->name, (unsigned long long)serial, path, n->name);
	buf_free(&b);
	free(path);
}

void
notices_add(const struct conf *conf, const char *name,
    const struct store_files *files, int64_t now, struct buf *problems,
    struct buf *seen)
{
	struct notices n = {.conf = conf,
	    .name = name,
	    .newest = files->count > 0 ? files->serials[0] : 0,
	    .problems = problems,
	    .seen = seen};
	size_t i;

	if (files->refused)
		tell_refused(&n, now);
	if (files->pending)
		tell_pending(&n, strcmp(name, conf->node) == 0);
	for (i = 0; i < files->other_count; i++)
		tell_other(&n, files->others[i]);
}
