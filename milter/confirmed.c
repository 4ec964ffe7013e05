/* SPDX-License-Identifier: MIT */
/*
 * confirmed - may a mailbox be refused for good? See confirmed.h.
 */
#include "milter/confirmed.h"

#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/text.h"

#define FILE_MAX (1024 * 1024)
#define LINE_MAX_BYTES 128

bool
confirmed_is_fresh(const char *text, size_t len, const char *peer, int64_t now)
{
	size_t name_len = strlen(peer), n;
	char number[LINE_MAX_BYTES];
	const char *line;
	struct cursor c;
	uint64_t when;

	cursor_init(&c, text, len);
	while (cursor_line(&c, &line, &n)) {
		if (n <= name_len + 1 || n >= sizeof(number) ||
		    memcmp(line, peer, name_len) != 0 || line[name_len] != ' ')
			continue;
		memcpy(number, line + name_len + 1, n - name_len - 1);
		number[n - name_len - 1] = '\0';
		return text_uint(number, INT64_MAX, &when) == 0 &&
		    now - (int64_t)when <= CONFIRMED_SECONDS;
	}
	return false;
}

enum answer
confirmed_soften(const char *run_dir, const struct network *net,
    const char *domain, enum answer a, int64_t now)
{
	const struct manifest *home;
	bool fresh = false;
	struct buf text;
	char *path;

	if (a != ANSWER_NO_MAILBOX ||
	    (home = network_home_of(net, domain)) == NULL)
		return a;
	path = file_join(run_dir, "relayd/confirmed");
	buf_init(&text, FILE_MAX);
	if (file_read(path, &text, NULL) == 0)
		fresh = confirmed_is_fresh(
		    buf_str(&text), text.len, home->name, now);
	buf_free(&text);
	free(path);
	return fresh ? a : ANSWER_MATCH_LIMIT;
}
