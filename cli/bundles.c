/* SPDX-License-Identifier: MIT */
/*
 * bundles - what lies in the spool. See bundles.h.
 */
#include "cli/bundles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/relay.h"
#include "util/file.h"
#include "util/text.h"

struct reading {
	struct bundle_list *list;
	enum bundle_place place;
	const char *dir;
	const char *home; /* NULL: the ticket says it */
};

const char *
bundle_place_name(enum bundle_place place)
{
	static const char *const names[] = {
	    [BUNDLE_NEW] = "new",
	    [BUNDLE_INCOMING] = "incoming",
	    [BUNDLE_HELD] = "held",
	    [BUNDLE_MINE] = "mine",
	};

	return names[place];
}

/* The home that the file's ticket names. */
static void
read_home(const char *path, char home[NODE_NAME_MAX + 1])
{
	struct ticket t;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	if (spool_read_head(fd, &t, NULL) == 0)
		memcpy(home, t.home, sizeof(t.home));
	close(fd);
}

static struct bundle_item *
add_item(struct bundle_list *list)
{
	struct bundle_item *item;

	if (list->count == list->room) {
		list->room = list->room * 2 + 64;
		list->items =
		    reallocarray(list->items, list->room, sizeof(*list->items));
		if (list->items == NULL)
			abort();
	}
	item = &list->items[list->count++];
	memset(item, 0, sizeof(*item));
	return item;
}

static int
read_one(const struct spool_name *n, const char *file, void *ctx)
{
	const struct reading *r = ctx;
	struct bundle_item *item;
	struct stat st;
	char *path;

	path = file_join(r->dir, file);
	/* It may have been moved on meanwhile. */
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		item = add_item(r->list);
		item->place = r->place;
		item->size = n->size;
		item->since = st.st_mtime;
		memcpy(item->id, n->id, sizeof(item->id));
		if (r->home != NULL)
			strncpy(item->home, r->home, NODE_NAME_MAX);
		else
			read_home(path, item->home);
	}
	free(path);
	return 0;
}

static int
read_dir(struct bundle_list *list, enum bundle_place place, const char *dir,
    const char *home, struct error *error_r)
{
	struct reading r = {list, place, dir, home};

	if (access(dir, F_OK) < 0 && errno == ENOENT)
		return 0;
	return spool_each(dir, read_one, &r, error_r);
}

/* Each directory of a node's name in dir. */
static int
read_subdirs(const struct conf *conf, struct bundle_list *list,
    enum bundle_place place, const char *dir, struct error *error_r)
{
	struct dirent *e;
	char *path;
	DIR *d;
	int rc = 0;

	d = opendir(dir);
	if (d == NULL && errno == ENOENT)
		return 0;
	if (d == NULL)
		return error_set_errno(error_r, AG_EIO, "can't read %s%s", dir,
		    errno == EACCES ? " (agamid is run as root)" : "");
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (!text_is_node_name(e->d_name))
			continue;
		path = file_join(dir, e->d_name);
		if (place == BUNDLE_HELD)
			rc = read_dir(list,
			    strcmp(e->d_name, conf->node) == 0 ? BUNDLE_MINE
							       : BUNDLE_HELD,
			    path, e->d_name, error_r);
		else
			rc = read_dir(list, place, path, NULL, error_r);
		free(path);
	}
	closedir(d);
	return rc;
}

static int
oldest_first(const void *a, const void *b)
{
	const struct bundle_item *x = a, *y = b;

	if (x->since != y->since)
		return x->since < y->since ? -1 : 1;
	return strcmp(x->id, y->id);
}

int
bundles_read(
    const struct conf *conf, struct bundle_list *list_r, struct error *error_r)
{
	char *new = file_join(conf->spool_dir, "new");
	char *incoming = file_join(conf->spool_dir, "incoming");
	char *held = file_join(conf->spool_dir, "held");
	int rc;

	memset(list_r, 0, sizeof(*list_r));
	rc = read_dir(list_r, BUNDLE_NEW, new, NULL, error_r);
	if (rc == 0)
		rc = read_subdirs(
		    conf, list_r, BUNDLE_INCOMING, incoming, error_r);
	if (rc == 0)
		rc = read_subdirs(conf, list_r, BUNDLE_HELD, held, error_r);
	if (list_r->count > 0)
		qsort(list_r->items, list_r->count, sizeof(*list_r->items),
		    oldest_first);
	free(held);
	free(incoming);
	free(new);
	return rc;
}

static int
by_id(const void *a, const void *b)
{
	const struct bundle_item *x = a, *y = b;

	return strcmp(x->id, y->id);
}

/* Take a name out of a list with commas. */
static void
drop_name(char *names, const char *name)
{
	size_t want = strlen(name), len;
	char *p = names;

	while (*p != '\0') {
		len = strcspn(p, ",");
		if (len == want && memcmp(p, name, len) == 0) {
			len += p[len] == ',';
			memmove(p, p + len, strlen(p + len) + 1);
			continue;
		}
		p += len + (p[len] == ',');
	}
	len = strlen(names);
	if (len > 0 && names[len - 1] == ',')
		names[len - 1] = '\0';
}

static void
annotate(
    struct bundle_item *item, const char *self, const char *line, size_t len)
{
	char word[8];

	item->known = true;
	relay_value(line, len, "from", item->from, sizeof(item->from));
	relay_value(line, len, "own", word, sizeof(word));
	item->own = strcmp(word, "yes") == 0;
	relay_value(line, len, "short", word, sizeof(word));
	item->few = strcmp(word, "yes") == 0;
	item->copies = (unsigned)relay_number(line, len, "copies");
	relay_value(line, len, "holders", item->holders, sizeof(item->holders));
	drop_name(item->holders, self);
	relay_value(line, len, "drawn", item->drawn, sizeof(item->drawn));
	relay_value(line, len, "missing", item->missing, sizeof(item->missing));
	relay_value(line, len, "state", item->state, sizeof(item->state));
}

void
bundles_annotate(
    struct bundle_list *list, const char *self, const struct buf *answer)
{
	struct bundle_item key = {.id = ""}, *item;
	struct cursor c;
	const char *line;
	size_t len;

	if (list->count == 0)
		return;
	qsort(list->items, list->count, sizeof(*list->items), by_id);
	cursor_init(&c, buf_str(answer), answer->len);
	while (cursor_line(&c, &line, &len)) {
		relay_value(line, len, "id", key.id, sizeof(key.id));
		item = bsearch(&key, list->items, list->count,
		    sizeof(*list->items), by_id);
		if (item != NULL)
			annotate(item, self, line, len);
	}
	qsort(list->items, list->count, sizeof(*list->items), oldest_first);
}

void
bundles_free(struct bundle_list *list)
{
	free(list->items);
	memset(list, 0, sizeof(*list));
}
