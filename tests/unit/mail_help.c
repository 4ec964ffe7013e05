/* SPDX-License-Identifier: MIT */
/*
 * mail_help - what the tests of lib/mail/ share.
 */
#include "help.h"
#include "mail_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"

static void
load(const char *text, struct sign_key *key_r)
{
	const char *path = help_path("known.seed");
	struct error error;

	help_write(path, text, strlen(text));
	assert_int_equal(keys_seed_load(path, key_r, &error), 0);
	remove(path);
}

void
help_key(struct sign_key *key_r)
{
	load("ed25519-seed:xaqN9D+fg3vtt0QvMdy3sWbThTUHbwlLhc46LgtEWPc=\n",
	    key_r);
}

void
help_other_key(struct sign_key *key_r)
{
	load("ed25519-seed:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
	    key_r);
}

/* The helper frees what help_read() gave. */
static char *
keep(const char *data, size_t len)
{
	const char *path = help_path("kept");
	const char *kept;

	help_write(path, data, len);
	kept = help_read(path, NULL);
	remove(path);
	return (char *)(uintptr_t)kept;
}

const char *
help_ticket_text(const struct ticket *t)
{
	const char *text;
	struct buf b;

	buf_init(&b, TICKET_MAX);
	assert_int_equal(ticket_write(t, &b), 0);
	text = keep(b.data, b.len);
	buf_free(&b);
	return text;
}

char *
help_replace(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	struct buf b;
	char *out;

	assert_non_null(at);
	buf_init(&b, 65536);
	assert_int_equal(buf_put(&b, text, (size_t)(at - text)), 0);
	assert_int_equal(buf_puts(&b, to), 0);
	assert_int_equal(buf_puts(&b, at + strlen(from)), 0);
	out = keep(b.data, b.len);
	buf_free(&b);
	return out;
}

void
help_assert_in_spec(const char *text)
{
	const char *spec = help_read(help_source("doc/spec/bundle.md"), NULL);
	struct buf b;

	buf_init(&b, 65536);
	for (; *text != '\0'; text++) {
		if (text[0] != '\r' || text[1] != '\n')
			assert_int_equal(buf_putc(&b, *text), 0);
	}
	if (strstr(spec, buf_str(&b)) == NULL)
		fail_msg("not in doc/spec/bundle.md:\n%s", buf_str(&b));
	buf_free(&b);
}
