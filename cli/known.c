/* SPDX-License-Identifier: MIT */
/*
 * known - all that most subcommands begin with. See known.h.
 */
#include "cli/known.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"

/* The checks that were done before. */
static void
load_verified(struct known *k)
{
	k->verified_path = file_join(k->conf->state_dir, "verified");
	buf_init(&k->verified_text, VERIFIED_MAX);
	if (file_read(k->verified_path, &k->verified_text, NULL) < 0)
		buf_reset(&k->verified_text);
	k->verified =
	    verified_parse(buf_str(&k->verified_text), k->verified_text.len);
}

/* What was checked now is known the next time. */
static void
save_verified(const struct known *k)
{
	struct error why;
	struct buf b;

	buf_init(&b, VERIFIED_MAX);
	if (verified_write(k->verified, &b) == 0 &&
	    (b.len != k->verified_text.len ||
		memcmp(buf_str(&b), buf_str(&k->verified_text), b.len) != 0) &&
	    file_replace(k->verified_path, buf_str(&b), b.len, 0644, "verified",
		&why) < 0)
		cli_warn("%s", why.text);
	buf_free(&b);
}

static int
load_roster(struct known *k)
{
	struct error why;

	if (roster_load(k->conf, k->verified, k->scratch, &k->roster, &why) <
	    0) {
		cli_lines(&k->roster.problems);
		return cli_error("%s", why.text);
	}
	k->loaded = true;
	return CLI_OK;
}

int
known_load(const struct cli *cli, enum known_lock lock, struct known *k)
{
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
	load_verified(k);
	return load_roster(k);
}

int
known_reload(struct known *k)
{
	k->loaded = false;
	roster_free(&k->roster);
	return load_roster(k);
}

void
known_unlock(struct known *k)
{
	if (k->lock < 0)
		return;
	if (k->loaded)
		save_verified(k);
	close(k->lock);
	k->lock = -1;
}

void
known_free(struct known *k)
{
	known_unlock(k);
	roster_free(&k->roster);
	verified_free(&k->verified);
	buf_free(&k->verified_text);
	free(k->verified_path);
	cli_scratch_free(&k->scratch);
	conf_free(&k->conf);
}
