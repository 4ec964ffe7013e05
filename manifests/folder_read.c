/* SPDX-License-Identifier: MIT */
/*
 * folder_read - manifests as files, before anybody judges them. See
 * folder.h.
 *
 * Apart from folder.c, so that programs that read what `agamid apply` has
 * judged need no OpenPGP.
 */
#include "manifests/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"

int
folder_read(const char *path, struct manifest **m_r, struct buf *errors)
{
	struct error e;
	struct buf text;
	int rc;

	*m_r = NULL;
	buf_init(&text, MANIFEST_MAX);
	rc = file_read(path, &text, &e);
	if (rc == 0) {
		*m_r = manifest_parse(path, buf_str(&text), text.len, errors);
		if (*m_r == NULL)
			rc = AG_EINVAL;
	} else
		buf_printf(errors, "%s:1:1: %s\n", path, e.text);
	buf_free(&text);
	return rc;
}

static int
is_yaml(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 5 &&
	    strcmp(e->d_name + len - 5, ".yaml") == 0;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int
folder_list(const char *dir, char ***paths_r, struct error *error_r)
{
	struct dirent **list = NULL;
	char **paths;
	int i, count;

	*paths_r = NULL;
	count = scandir(dir, &list, is_yaml, by_bytes);
	if (count < 0)
		return error_set_errno(error_r,
		    errno == ENOENT ? AG_ENOENT : AG_EIO, "can't read %s", dir);
	paths = calloc((size_t)count + 1, sizeof(*paths));
	for (i = 0; i < count; i++) {
		if (paths != NULL)
			paths[i] = file_join(dir, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	*paths_r = paths;
	return paths != NULL ? 0 : error_set(error_r, AG_ENOMEM, "no memory");
}

void
folder_list_free(char ***paths)
{
	size_t i;

	for (i = 0; *paths != NULL && (*paths)[i] != NULL; i++)
		free((*paths)[i]);
	free(*paths);
	*paths = NULL;
}
