/* SPDX-License-Identifier: MIT */
/*
 * dovecot - a login tried without a password. See dovecot.h.
 *
 * doveadm(1) exec would not do: it does not read the settings that are for
 * imap alone, and so loads no plugin.
 */
#include "cli/dovecot.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run.h"
#include "util/buf.h"
#include "util/text.h"

#define ANSWER_MAX (1U << 20)

/* The path of the imap program; malloc'ed, or NULL. */
static char *
find_imap(const char *conf, unsigned seconds)
{
	const char *argv[] = {
	    "doveconf", "-c", conf, "-h", "libexec_dir", NULL};
	struct buf answer;
	char *path = NULL;

	buf_init(&answer, ANSWER_MAX);
	if (run_program(argv, NULL, &answer, NULL, seconds, NULL) == 0)
		path = xasprintf("%.*s/imap",
		    (int)strcspn(buf_str(&answer), "\n"), buf_str(&answer));
	if (path != NULL && access(path, X_OK) < 0) {
		free(path);
		path = NULL;
	}
	buf_free(&answer);
	return path;
}

/* The line that says what ended it, among those that only tell. */
static int
complain(const struct buf *said, struct error *error_r)
{
	const char *text = buf_str(said), *at = strstr(text, "Fatal: ");

	if (at == NULL)
		at = strstr(text, "Error: ");
	if (at == NULL)
		at = text;
	return error_set(error_r,
	    strcasestr(at, "plugin") != NULL ? AG_EINVAL : AG_EIO, "imap: %.*s",
	    (int)strcspn(at, "\n"), at);
}

int
dovecot_try_imap(const char *conf, const char *user, const char *setting,
    unsigned seconds, struct error *error_r)
{
	char *path = find_imap(conf, seconds);
	const char *argv[] = {path, "-c", conf, "-u", user,
	    setting != NULL ? "-o" : NULL, setting, NULL};
	struct buf answer, said;
	int rc;

	if (path == NULL)
		return error_set(
		    error_r, AG_ENOENT, "Dovecot has no imap program here");
	buf_init(&answer, ANSWER_MAX);
	buf_init(&said, ANSWER_MAX);
	rc =
	    run_program(argv, "a LOGOUT\r\n", &answer, &said, seconds, error_r);
	if (rc >= 0)
		rc = strncmp(buf_str(&answer), "* PREAUTH ", 10) == 0
		    ? 0
		    : complain(&said, error_r);
	buf_free(&said);
	buf_free(&answer);
	free(path);
	return rc;
}

/* 2.3: "  mail_plugins = quota agamid", in quotes where a blank is at an
 * end; 2.4: "    agamid = yes". */
bool
dovecot_loads_plugin(const char *settings)
{
	static const char name[] = "agamid";
	const size_t len = sizeof(name) - 1;
	const char *line, *end, *at;

	for (line = settings; *line != '\0'; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		line += strspn(line, " ");
		if (strncmp(line, "agamid = yes\n", 13) == 0)
			return true;
		if (strncmp(line, "mail_plugins = ", 15) != 0)
			continue;
		for (at = line; (at = strstr(at, name)) != NULL && at < end;
		     at += len)
			if (strchr(" \"", at[-1]) != NULL &&
			    strchr(" \"\n", at[len]) != NULL)
				return true;
	}
	return false;
}
