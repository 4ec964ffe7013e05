/* SPDX-License-Identifier: MIT */
/*
 * at_home - the table of mailboxes that are sealed always; see at_home.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "milter/at_home.h"
#include "util/file.h"

int
at_home_load(const char *dir, struct buf *table, struct error *error_r)
{
	char *path = file_join(dir, AT_HOME_TABLE);
	int rc = file_read(path, table, error_r);

	free(path);
	return rc == AG_ENOENT ? 0 : rc;
}

static bool
find_line(const struct buf *table, const char *key,
    char mailbox_r[SEALED_MAILBOX_MAX + 1])
{
	size_t n, len = strlen(key);
	const char *line;
	struct cursor c;

	cursor_init(&c, buf_str(table), table->len);
	while (cursor_line(&c, &line, &n)) {
		if (n <= len + 1 || n - len - 1 > SEALED_MAILBOX_MAX ||
		    line[len] != ' ' || strncasecmp(line, key, len) != 0)
			continue;
		memcpy(mailbox_r, line + len + 1, n - len - 1);
		mailbox_r[n - len - 1] = '\0';
		return true;
	}
	return false;
}

bool
at_home_find(const struct buf *table, const struct address *rcpt,
    char mailbox_r[SEALED_MAILBOX_MAX + 1])
{
	char key[sizeof(rcpt->local) + sizeof(rcpt->domain) + 2];
	int plain = (int)strcspn(rcpt->local, "+");

	if (plain == 0)
		plain = (int)strlen(rcpt->local);
	snprintf(key, sizeof(key), "%s@%s", rcpt->local, rcpt->domain);
	if (find_line(table, key, mailbox_r))
		return true;
	snprintf(key, sizeof(key), "%.*s@%s", plain, rcpt->local, rcpt->domain);
	if (find_line(table, key, mailbox_r) ||
	    find_line(table, rcpt->local, mailbox_r))
		return true;
	snprintf(key, sizeof(key), "%.*s", plain, rcpt->local);
	return find_line(table, key, mailbox_r);
}
