/* SPDX-License-Identifier: MIT */
/*
 * secrets - the small secrets of a home. See secrets.h.
 */
#include "deliver/secrets.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

/* One line of 64 hex digits. */
static int
secrets_node(const char *path, uint8_t *out, struct error *error_r)
{
	struct buf text;
	int rc;

	buf_init(&text, 2 * NODE_SECRET_SIZE + 2);
	rc = file_read(path, &text, error_r);
	if (rc == 0) {
		if (text.len > 0 && text.data[text.len - 1] == '\n')
			text.data[text.len - 1] = '\0';
		rc = text_unhex(buf_str(&text), out, NODE_SECRET_SIZE);
		if (rc < 0)
			error_set(error_r, rc,
			    "%s: expected one line of %d hex digits", path,
			    2 * NODE_SECRET_SIZE);
	}
	buf_wipe(&text);
	return rc;
}

/* It may be missing. */
static int
secrets_sealed(const char *dir, struct secrets *s, struct error *error_r)
{
	char *path = file_join(dir, "sealed.seed");
	int rc = keys_seed_load(path, &s->sealed, error_r);

	s->has_sealed = rc == 0;
	free(path);
	return rc == AG_ENOENT ? 0 : rc;
}

int
secrets_load(const char *dir, struct secrets **s_r, struct error *error_r)
{
	char *seed = file_join(dir, "receipt.seed");
	char *node = file_join(dir, "node.secret");
	struct secrets *s = sodium_malloc(sizeof(*s));
	int rc;

	*s_r = NULL;
	if (s == NULL) {
		rc = error_set(error_r, AG_ENOMEM, "no memory for secrets");
		goto out;
	}
	rc = keys_seed_load(seed, &s->receipt, error_r);
	if (rc == 0)
		rc = secrets_node(node, s->node, error_r);
	if (rc == 0)
		rc = secrets_sealed(dir, s, error_r);
	if (rc == 0)
		sodium_mprotect_readonly(s);
	else
		secrets_free(&s);
	*s_r = s;
out:
	free(seed);
	free(node);
	return rc;
}

void
secrets_follow(
    struct secrets *s, const char *dir, const struct verify_key *named)
{
	char *seed;

	if (memcmp(s->receipt.public, named->public, KEYS_PUBLIC_SIZE) == 0)
		return;
	seed = file_join(dir, "receipt.seed");
	sodium_mprotect_readwrite(s);
	if (keys_seed_follow(seed, named, &s->receipt))
		log_info("the receipt key is a new one");
	sodium_mprotect_readonly(s);
	free(seed);
}

void
secrets_free(struct secrets **s)
{
	sodium_free(*s); /* wipes it */
	*s = NULL;
}
