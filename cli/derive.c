/* SPDX-License-Identifier: MIT */
/*
 * derive - everything that follows from the manifests. See derive.h.
 */
#include "cli/derive.h"

#include <stdlib.h>
#include <string.h>

#include "util/text.h"

static void
derive_manifests(const struct roster *r, struct tree *t)
{
	const struct manifest *m;
	char *path;
	size_t i;

	for (i = 0; i <= r->peer_count; i++) {
		m = i < r->peer_count ? r->peers[i] : r->self;
		path = xasprintf("manifests/%s.yaml", m->name);
		tree_put(t, path, m->text, m->text_len);
		free(path);
	}
	for (i = 0; i < r->old_count; i++) {
		m = r->old[i];
		path = xasprintf(
		    "old/%s-%llu.yaml", m->name, (unsigned long long)m->serial);
		tree_put(t, path, m->text, m->text_len);
		free(path);
	}
}

int
derive_all(const struct conf *conf, const struct roster *r, struct tree *t,
    struct buf *problems, struct error *error_r)
{
	char *self = xasprintf("%s\n", r->self->name);
	int rc;

	tree_put(t, "self", self, strlen(self));
	tree_put(t, "seen", buf_str(&r->seen), r->seen.len);
	derive_manifests(r, t);
	rc = derive_keys(r, t, error_r);
	if (rc == 0)
		rc = derive_postfix(conf, r, t, problems, error_r);
	if (rc == 0)
		rc = derive_ssh(conf, r, t, error_r);
	tree_sort(t);
	free(self);
	return rc;
}
