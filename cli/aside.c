/* SPDX-License-Identifier: MIT */
/*
 * aside - own mail that agamid-deliver has put aside. See aside.h.
 */
#include "cli/aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/deliver.h"
#include "cli/jsonout.h"
#include "cli/show.h"
#include "mail/spool.h"
#include "util/file.h"
#include "util/sock.h"
#include "util/text.h"

#define LIST_SECONDS 10
#define AGAIN_SECONDS 600 /* it may be large, and Postfix slow */
#define PREFIX_MIN 6

/* A word and the blank behind it. */
static bool
take_word(struct cursor *c, char *out, size_t size)
{
	const char *p;
	size_t len;

	if (!cursor_until(c, ' ', &p, &len) || len == 0 || len >= size)
		return false;
	memcpy(out, p, len);
	out[len] = '\0';
	return true;
}

bool
aside_parse(const char *line, size_t len, struct aside_item *item_r)
{
	struct cursor c;
	char size[24];

	memset(item_r, 0, sizeof(*item_r));
	cursor_init(&c, line, len);
	if (!take_word(&c, item_r->state, sizeof(item_r->state)) ||
	    !take_word(&c, item_r->id, sizeof(item_r->id)) ||
	    !text_is_hex(item_r->id, BUNDLE_ID_LEN) ||
	    !take_word(&c, size, sizeof(size)) ||
	    text_uint(size, INT64_MAX, &item_r->size) < 0 ||
	    !take_word(&c, item_r->acceptor, sizeof(item_r->acceptor)) ||
	    !take_word(&c, item_r->time, sizeof(item_r->time)))
		return false;
	snprintf(
	    item_r->reason, sizeof(item_r->reason), "%.*s", (int)c.left, c.p);
	return true;
}

static void
print_item(const struct aside_item *item)
{
	char size[32];

	show_size(item->size, size);
	cli_out("%-11s  %10s  from %s, %s\n             %s\n", item->state,
	    size, item->acceptor, item->time, item->id);
	if (item->reason[0] != '\0')
		cli_out("             %s\n", item->reason);
}

static json_t *
json_item(const struct aside_item *item)
{
	return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o}", "state",
	    jsonout_text(item->state), "id", jsonout_text(item->id), "size",
	    (json_int_t)item->size, "acceptor", jsonout_text(item->acceptor),
	    "accepted", jsonout_text(item->time), "reason",
	    jsonout_text(item->reason));
}

int
aside_list(const struct conf *conf, bool json)
{
	json_t *all = json_array();
	struct aside_item item;
	struct buf answer;
	struct cursor c;
	struct error why;
	const char *line;
	size_t len, count = 0;
	int rc = CLI_OK;

	buf_init(&answer, SOCK_MESSAGE_MAX);
	if (deliver_ask(conf, "list\n", -1, LIST_SECONDS, &answer, &why) < 0) {
		rc = cli_error("%s", why.text);
		goto out;
	}
	cursor_init(&c, buf_str(&answer), answer.len);
	while (cursor_line(&c, &line, &len)) {
		if (!aside_parse(line, len, &item))
			continue;
		count++;
		if (json)
			json_array_append_new(all, json_item(&item));
		else
			print_item(&item);
	}
	if (json)
		jsonout_print_bundles(all);
	else if (count == 0)
		cli_out("Nothing was refused, and nothing waits.\n");
	else
		cli_out("agamid queue again ID delivers one again.\n");
out:
	json_decref(all);
	buf_free(&answer);
	return rc;
}

/* ---- again ---- */

struct search {
	const char *prefix;
	unsigned count;
	char id[BUNDLE_ID_LEN + 1];
	char *path;
};

/* Those in secret_dir/where whose name begins so. */
static void
search_in(const struct conf *conf, const char *where, struct search *s)
{
	char *dir = file_join(conf->secret_dir, where);
	struct spool_name n;
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (spool_name_parse(e->d_name, &n) < 0 ||
		    strncmp(n.id, s->prefix, strlen(s->prefix)) != 0)
			continue;
		if (s->path != NULL && strcmp(s->id, n.id) == 0)
			continue; /* in both: the same bytes */
		s->count++;
		free(s->path);
		s->path = file_join(dir, e->d_name);
		memcpy(s->id, n.id, sizeof(s->id));
	}
	if (d != NULL)
		closedir(d);
	free(dir);
}

static int
deliver_again(const struct conf *conf, const char *id, const char *path)
{
	char *request = xasprintf("again %s\n", id);
	struct buf answer;
	struct error why;
	int fd, rc = CLI_OK;

	buf_init(&answer, SOCK_MESSAGE_MAX);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		rc = cli_error("can't open %s: %s", path, strerror(errno));
	else if (deliver_ask(conf, request, fd, AGAIN_SECONDS, &answer, &why) <
	    0)
		rc = cli_error("%s", why.text);
	else if (strncmp(buf_str(&answer), "done ", 5) == 0)
		cli_out("%s is delivered\n", id);
	else
		rc = cli_error("not delivered: %.*s",
		    (int)strcspn(buf_str(&answer), "\n"), buf_str(&answer));
	if (fd >= 0)
		close(fd);
	buf_free(&answer);
	free(request);
	return rc;
}

static int
again_one(const struct conf *conf, const char *prefix)
{
	struct search s = {.prefix = prefix};
	size_t len = strlen(prefix);
	int rc;

	if (len < PREFIX_MIN || len > BUNDLE_ID_LEN ||
	    !text_is_hex(prefix, len))
		return cli_error("%s is no ID: 64 hex digits, or at least the "
				 "first %d",
		    prefix, PREFIX_MIN);
	search_in(conf, "refused", &s);
	search_in(conf, "quarantine", &s);
	if (s.count == 0)
		rc = cli_error("no bundle %s was put aside; agamid queue "
			       "refused lists them",
		    prefix);
	else if (s.count > 1)
		rc = cli_error("%u bundles begin with %s", s.count, prefix);
	else
		rc = deliver_again(conf, s.id, s.path);
	free(s.path);
	return rc;
}

int
aside_again(const struct conf *conf, int count, char **ids)
{
	int i, rc = CLI_OK;

	for (i = 0; i < count; i++) {
		if (again_one(conf, ids[i]) != CLI_OK)
			rc = CLI_FAILED;
	}
	return rc;
}
