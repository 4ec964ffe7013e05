/* SPDX-License-Identifier: MIT */
/*
 * setup_journal - what setup has made of which file, and the file as it
 * was. See setup.h and setup_files.c.
 *
 * journal.json has, for each file: whether it was there, its owner, mode
 * and time, the hash and the name of its copy, and the hashes of all that
 * we have ever made of it; and the parameters and entries that are ours,
 * with what they were.
 */
#include <sys/stat.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/setup.h"
#include "cli/setup_files.h"
#include "util/file.h"
#include "util/text.h"

#define SETUP_DIR "setup"
#define JOURNAL "journal.json"
#define JOURNAL_MAX (1U << 20)

/* ---- the journal ---- */

static char *
setup_dir(const struct setup *s, const char *name)
{
	char *dir = file_join(s->conf->state_dir, SETUP_DIR), *path;

	path = name == NULL ? xstrdup(dir) : file_join(dir, name);
	free(dir);
	return path;
}

static const char *
text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void
load_edits(const json_t *list, struct setup_edits *e)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
	{
		if (text_of(o, "name") != NULL && text_of(o, "now") != NULL)
			setup_edit_add(e, text_of(o, "name"), text_of(o, "was"),
			    text_of(o, "now"));
	}
}

int
setup_journal_load(struct setup *s, struct error *error_r)
{
	char *path = setup_dir(s, JOURNAL);
	json_error_t why;
	json_t *root;
	size_t i;
	const json_t *unit;
	int rc = 0;

	buf_init(&s->journal, JOURNAL_MAX);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		goto out;
	rc = file_read(path, &s->journal, error_r);
	if (rc < 0)
		goto out;
	root = json_loads(buf_str(&s->journal), 0, &why);
	if (!json_is_object(root)) {
		rc = error_set(
		    error_r, AG_EINVAL, "%s:%d: %s", path, why.line, why.text);
	} else {
		load_edits(json_object_get(root, "main"), &s->old_main);
		load_edits(json_object_get(root, "master"), &s->old_master);
		s->units =
		    xcalloc(json_array_size(json_object_get(root, "units")) + 1,
			sizeof(*s->units));
		json_array_foreach(json_object_get(root, "units"), i, unit)
		{
			if (json_is_string(unit))
				s->units[s->unit_count++] =
				    xstrdup(json_string_value(unit));
		}
	}
	json_decref(root);
out:
	free(path);
	return rc;
}

/* The journal as JSON; empty where there is none. */
json_t *
setup_journal_json(const struct setup *s)
{
	json_t *root = s->journal.len == 0
	    ? NULL
	    : json_loads(buf_str(&s->journal), 0, NULL);

	return root != NULL ? root : json_object();
}

json_t *
setup_journal_file(const json_t *root, const char *path)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(root, "files"), i, o)
	{
		if (text_of(o, "path") != NULL &&
		    strcmp(text_of(o, "path"), path) == 0)
			return o;
	}
	return NULL;
}

/* Is this a hash of what we made of it, at any time? */
static bool
is_made(const json_t *file, const char *hex)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(file, "made"), i, one)
	{
		if (strcmp(json_string_value(one), hex) == 0)
			return true;
	}
	return false;
}

/* The file as it was before us, from the journal and its copy. */
static int
read_base(const struct setup *s, const json_t *file, struct setup_state *base_r,
    struct error *error_r)
{
	const char *name = text_of(file, "copy");
	char hex[65], *copy;
	int rc;

	buf_init(&base_r->data, SETUP_FILE_MAX);
	base_r->is = json_is_true(json_object_get(file, "existed"));
	if (!base_r->is)
		return 0;
	copy = setup_dir(s, name == NULL ? "none" : name);
	rc = setup_state_read(copy, base_r, error_r);
	setup_state_hash(base_r, hex);
	if (rc == 0 &&
	    (!base_r->is || text_of(file, "before") == NULL ||
		strcmp(hex, text_of(file, "before")) != 0))
		rc = error_set(error_r, AG_EINVAL,
		    "%s is not what %s was; put that file right by hand", copy,
		    text_of(file, "path"));
	base_r->mode =
	    (mode_t)json_integer_value(json_object_get(file, "mode"));
	base_r->uid = (uid_t)json_integer_value(json_object_get(file, "uid"));
	base_r->gid = (gid_t)json_integer_value(json_object_get(file, "gid"));
	base_r->mtime.tv_sec =
	    json_integer_value(json_object_get(file, "mtime"));
	base_r->mtime.tv_nsec =
	    json_integer_value(json_object_get(file, "nsec"));
	free(copy);
	return rc;
}

/* What it is now, and what it was. */
int
setup_journal_fill(const struct setup *s, const json_t *file,
    struct setup_file *f, struct error *error_r)
{
	char hex[65];
	int rc;

	rc = read_base(s, file, &f->base, error_r);
	if (rc < 0)
		return rc;
	f->known = true;
	f->own = json_is_true(json_object_get(file, "own"));
	f->later = json_is_true(json_object_get(file, "later"));
	setup_state_hash(&f->now, hex);
	if (setup_state_same(&f->now, &f->base) ||
	    (f->now.is && is_made(file, hex)))
		return 0;
	if (!f->now.is && !f->base.is)
		return 0;
	if (f->later)
		return 0;
	f->foreign = true;
	if (!f->own)
		setup_state_copy(&f->base, &f->now);
	return 0;
}

/* ---- the journal is written ---- */

static void
set_new(json_t *o, const char *key, json_t *value)
{
	if (json_object_set_new(o, key, value) < 0)
		abort();
}

static json_t *
edits_json(const struct setup_edits *e)
{
	json_t *list = json_array(), *o;
	size_t i;

	for (i = 0; i < e->count; i++) {
		o = json_object();
		set_new(o, "name", json_string(e->edit[i].name));
		set_new(o, "was",
		    e->edit[i].was == NULL ? json_null()
					   : json_string(e->edit[i].was));
		set_new(o, "now", json_string(e->edit[i].now));
		json_array_append_new(list, o);
	}
	return list;
}

/* A copy of the file without us, and its line in the journal. */
static int
note_file(const struct setup *s, json_t *files, struct setup_file *f,
    json_t *old, struct error *error_r)
{
	char hex[65], made[65], *name = NULL, *copy = NULL;
	json_t *o = json_object(), *hashes;
	struct setup_state keep = f->base;
	int rc = 0;

	setup_state_hash(&f->base, hex);
	setup_state_hash(&f->want, made);
	hashes = old == NULL ? json_array()
			     : json_copy(json_object_get(old, "made"));
	json_array_append_new(hashes, json_string(made));
	set_new(o, "path", json_string(f->path));
	set_new(o, "existed", json_boolean(f->base.is));
	set_new(o, "own", json_boolean(f->own));
	set_new(o, "later", json_boolean(f->later));
	set_new(o, "made", hashes);
	if (f->base.is) {
		name = xasprintf("%.16s.orig", hex);
		copy = setup_dir(s, name);
		keep.mode = 0600;
		keep.uid = keep.gid = 0;
		set_new(o, "copy", json_string(name));
		set_new(o, "before", json_string(hex));
		set_new(o, "mode", json_integer(f->base.mode));
		set_new(o, "uid", json_integer(f->base.uid));
		set_new(o, "gid", json_integer(f->base.gid));
		set_new(o, "mtime", json_integer(f->base.mtime.tv_sec));
		set_new(o, "nsec", json_integer(f->base.mtime.tv_nsec));
		rc = setup_state_write(copy, &keep, false, error_r);
	}
	json_array_append_new(files, o);
	free(copy);
	free(name);
	return rc;
}

static int
write_json(struct setup *s, json_t *root, struct error *error_r)
{
	char *text = json_dumps(root, JSON_INDENT(1)), *path;
	int rc;

	path = setup_dir(s, JOURNAL);
	if (text == NULL)
		abort();
	rc = file_replace(
	    path, text, strlen(text), 0600, "setup.journal", error_r);
	free(path);
	free(text);
	return rc;
}

int
setup_journal_write(struct setup *s, struct error *error_r)
{
	json_t *old = setup_journal_json(s), *files = json_array(), *root, *was,
	       *o;
	char *dir = setup_dir(s, NULL);
	size_t i;
	int rc;

	rc = file_mkdirs(dir, 0700, error_r);
	for (i = 0; rc == 0 && i < s->file_count; i++) {
		was = setup_journal_file(old, s->files[i].path);
		if (was != NULL || setup_file_changes(&s->files[i]) ||
		    s->files[i].later)
			rc = note_file(s, files, &s->files[i], was, error_r);
	}
	json_array_foreach(json_object_get(old, "files"), i, o)
	{
		if (setup_file_find(s, text_of(o, "path")) == NULL)
			json_array_append(files, o);
	}
	root = json_object();
	set_new(root, "version", json_integer(1));
	set_new(root, "files", files);
	set_new(root, "main", edits_json(&s->main));
	set_new(root, "master", edits_json(&s->master));
	if (json_object_get(old, "units") != NULL)
		json_object_set(root, "units", json_object_get(old, "units"));
	if (rc == 0)
		rc = write_json(s, root, error_r);
	json_decref(root);
	json_decref(old);
	free(dir);
	return rc;
}

int
setup_journal_unit(struct setup *s, const char *unit, struct error *error_r)
{
	char *dir = setup_dir(s, NULL), *path = setup_dir(s, JOURNAL);
	struct buf now;
	json_t *root, *units;
	size_t i;
	int rc = 0;

	buf_init(&now, JOURNAL_MAX);
	if (file_read(path, &now, NULL) < 0)
		buf_reset(&now);
	root = now.len == 0 ? NULL : json_loads(buf_str(&now), 0, NULL);
	if (root == NULL)
		root = json_object();
	units = json_object_get(root, "units");
	if (units == NULL) {
		units = json_array();
		set_new(root, "units", units);
	}
	for (i = 0; i < json_array_size(units); i++) {
		if (strcmp(json_string_value(json_array_get(units, i)), unit) ==
		    0)
			goto out;
	}
	json_array_append_new(units, json_string(unit));
	rc = file_mkdirs(dir, 0700, error_r);
	if (rc == 0)
		rc = write_json(s, root, error_r);
out:
	json_decref(root);
	buf_free(&now);
	free(path);
	free(dir);
	return rc;
}

int
setup_journal_remove(struct setup *s, struct error *error_r)
{
	char *path = setup_dir(s, JOURNAL), *dir = setup_dir(s, NULL);
	int rc = 0;

	/* First the journal: what is left without it means nothing. */
	if (unlink(path) < 0 && errno != ENOENT)
		rc = error_set_errno(error_r, AG_EIO, "can't remove %s", path);
	if (rc == 0)
		rc = file_remove_tree(dir, error_r);
	free(dir);
	free(path);
	return rc;
}

int
setup_journal_restore(struct setup *s, struct error *error_r)
{
	char *path;
	int rc;

	if (s->journal.len == 0)
		return setup_journal_remove(s, error_r);
	path = setup_dir(s, JOURNAL);
	rc = file_replace(path, buf_str(&s->journal), s->journal.len, 0600,
	    "setup.journal", error_r);
	free(path);
	return rc;
}
