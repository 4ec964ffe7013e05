/* SPDX-License-Identifier: MIT */
/*
 * sealing - the directory of sealing keys. See sealing.h.
 *
 * GnuPG needs milliseconds to judge a key. A thousand friends' keys would
 * be seconds, whenever one of them changes: so what it said of a key is
 * kept for as long as not one byte of it is other.
 */
#include "cli/sealing.h"

#include <sys/stat.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/derive.h"
#include "mail/openpgp.h"
#include "util/buf.h"
#include "util/file.h"
#include "util/text.h"

/* A line "FINGERPRINT SHA256" of the file of keys. */
struct line {
	const char *text;
	size_t len;
};

static int
compare_lines(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->text, y->text, len);

	if (order != 0)
		return order;
	return x->len < y->len ? -1 : x->len > y->len;
}

/* Its lines behind the first, which says who wrote it; a list to free. */
static struct line *
split(const struct buf *b, struct line *head, size_t *count_r)
{
	struct line *list = NULL, one;
	struct cursor c;
	size_t n = 0;

	memset(head, 0, sizeof(*head));
	cursor_init(&c, buf_str(b), b->len);
	(void)cursor_line(&c, &head->text, &head->len);
	while (cursor_line(&c, &one.text, &one.len)) {
		if ((n & (n - 1)) == 0)
			list = reallocarray(
			    list, n == 0 ? 1 : 2 * n, sizeof(*list));
		if (list == NULL)
			abort();
		list[n++] = one;
	}
	*count_r = n;
	return list;
}

/* Which of the tree's keys were there before, byte for byte? */
static bool
find_same(const struct tree *t, const struct buf *before, bool *same)
{
	const struct tree_file *f = tree_find(t, SEALING_KEYS);
	struct line *old = NULL, *new = NULL, old_head, new_head;
	size_t olds = 0, news = 0, i;
	struct buf now;
	bool any = false;

	if (f == NULL)
		return false;
	buf_init(&now, TREE_FILE_MAX);
	(void)buf_put(&now, f->data, f->len);
	old = split(before, &old_head, &olds);
	new = split(&now, &new_head, &news);
	if (old_head.len > 0 && compare_lines(&old_head, &new_head) == 0 &&
	    news == t->key_count && olds > 0) {
		qsort(old, olds, sizeof(*old), compare_lines);
		for (i = 0; i < news; i++) {
			same[i] = bsearch(&new[i], old, olds, sizeof(*old),
				      compare_lines) != NULL;
			any = any || same[i];
		}
	}
	free(new);
	free(old);
	buf_free(&now);
	return any;
}

/* ---- durably ---- */

static int
sync_file(const char *path, struct error *error_r)
{
	int fd, rc = 0;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		rc = error_set_errno(error_r, AG_EIO, "can't fsync %s", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Every file that is new here (the others are links to what is synced
 * already), and every directory. */
static int
sync_tree(const char *dir, struct error *error_r)
{
	struct dirent *e;
	struct stat st;
	char *path;
	DIR *d;
	int rc = 0;

	d = opendir(dir);
	if (d == NULL)
		return error_set_errno(error_r, AG_EIO, "can't read %s", dir);
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		path = file_join(dir, e->d_name);
		if (lstat(path, &st) < 0)
			rc = error_set_errno(
			    error_r, AG_EIO, "can't look at %s", path);
		else if (S_ISDIR(st.st_mode))
			rc = sync_tree(path, error_r);
		else if (S_ISREG(st.st_mode) && st.st_nlink == 1)
			rc = sync_file(path, error_r);
		free(path);
	}
	closedir(d);
	return rc == 0 ? file_sync_dir(dir, "derive", error_r) : rc;
}

int
sealing_write(const char *new, const char *old, const struct tree *t,
    struct error *error_r)
{
	char *to = file_join(new, DERIVED_SEALING), *from = NULL, *list = NULL;
	bool *same = xcalloc(t->key_count + 1, sizeof(*same)), any = false;
	struct buf before;
	int rc;

	buf_init(&before, TREE_FILE_MAX);
	if (old != NULL) {
		from = file_join(old, DERIVED_SEALING);
		list = file_join(old, SEALING_KEYS);
		any = file_read(list, &before, NULL) == 0 &&
		    find_same(t, &before, same);
	}
	rc = any ? openpgp_keyring_update(
		       to, from, t->keys, same, t->key_count, error_r)
		 : openpgp_keyring_write(to, t->keys, t->key_count, error_r);
	if (rc == 0)
		rc = sync_tree(to, error_r);
	buf_free(&before);
	free(same);
	free(list);
	free(from);
	free(to);
	return rc;
}
