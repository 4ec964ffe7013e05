/* SPDX-License-Identifier: MIT */
/*
 * known - all that most subcommands begin with. See known.h.
 */
#include "cli/known.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/derive.h"
#include "util/file.h"

/* The checks that the last apply did. */
static struct verified *
load_verified(const struct conf *conf)
{
	char *path = file_join(conf->derived_dir, DERIVED_VERIFIED);
	struct verified *v;
	struct buf b;

	buf_init(&b, VERIFIED_MAX);
	if (file_read(path, &b, NULL) < 0)
		buf_reset(&b);
	v = verified_parse(buf_str(&b), b.len);
	buf_free(&b);
	free(path);
	return v;
}

int
known_load(const struct cli *cli, enum known_lock lock, struct known *k)
{
	struct error why;

	memset(k, 0, sizeof(*k));
	k->lock = -1;
	k->conf = cli_conf(cli);
	if (k->conf == NULL)
		return CLI_FAILED;
	if (lock == KNOWN_LOCKED) {
		k->lock = cli_lock(k->conf);
		if (k->lock < 0)
			return CLI_FAILED;
	}
	k->scratch = cli_scratch_new();
	if (k->scratch == NULL)
		return CLI_FAILED;
	k->verified = load_verified(k->conf);
	if (roster_load(k->conf, k->verified, k->scratch, &k->roster, &why) <
	    0) {
		cli_lines(&k->roster.problems);
		return cli_error("%s", why.text);
	}
	return CLI_OK;
}

void
known_free(struct known *k)
{
	roster_free(&k->roster);
	verified_free(&k->verified);
	cli_scratch_free(&k->scratch);
	if (k->lock >= 0)
		close(k->lock);
	conf_free(&k->conf);
}
