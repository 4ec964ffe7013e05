/* SPDX-License-Identifier: MIT */
/*
 * agamid-zone - the zone from the manifests. See agamid-zone(1).
 *
 * Reads and checks manifests (their signatures too), and makes a zone file
 * of them, or compares one, or a live zone, with them, or changes that.
 * Here is only what the verbs have in common, and generate; the others are
 * zone_differences.c.
 *
 * SECURITY: a good signature says that a manifest is its node's own text,
 * not that the node belongs here: whoever runs this chooses the files. A
 * file that claims what another has is left out (folder.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns-tools/compare.h"
#include "dns-tools/differences.h"
#include "dns-tools/live.h"
#include "dns-tools/options.h"
#include "dns-tools/source.h"
#include "dns-tools/zone.h"
#include "mail/keys.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define NOTES_MAX (64U << 20)

/* ---- the serial ---- */

/* All of the zone in one list, its SOA's serial 0. */
static int
whole_zone(const struct zone *z, struct records *all)
{
	const struct records *parts[] = {zone_apex(z), zone_records(z)};
	size_t i, j;
	int rc = 0;

	for (i = 0; i < 2; i++) {
		for (j = 0; rc == 0 && j < parts[i]->count; j++)
			rc = records_copy(all, &parts[i]->list[j]);
	}
	records_sort(all);
	return rc;
}

static bool
same_records(const struct records *a, const struct records *b)
{
	size_t i;

	for (i = 0; i < a->count && i < b->count; i++) {
		if (record_compare(&a->list[i], &b->list[i]) != 0 ||
		    a->list[i].ttl != b->list[i].ttl)
			return false;
	}
	return a->count == b->count;
}

/* Is the file's zone the same but for its serial? */
static bool
same_as_file(const struct zone *z, const char *path, uint32_t *serial_r)
{
	struct records before, now;
	struct error e;
	struct buf text;
	bool same;
	int rc;

	*serial_r = 0;
	buf_init(&text, ZONE_TEXT_MAX);
	records_init(&before);
	records_init(&now);
	rc = file_read(path, &text, &e);
	if (rc == AG_ENOENT) /* the first time */
		return false;
	if (rc == 0)
		rc = records_parse(&before, buf_str(&text), text.len,
		    zone_origin(z), serial_r, &e);
	if (rc != 0)
		die(EXIT_TROUBLE, "%s: %s", path, e.text);
	records_sort(&before);
	same = whole_zone(z, &now) == 0 && same_records(&before, &now);
	records_free(&before);
	records_free(&now);
	buf_free(&text);
	return same;
}

static bool
same_as_live(const struct options *o, const struct zone *z, uint32_t *serial_r)
{
	struct differences d;
	bool same;

	differences_find(o, z, &d);
	*serial_r = d.serial;
	same = d.c.count == 0;
	differences_free(&d);
	return same;
}

/* SPEC Z-1.7: *same_r: nothing is to be written. */
static uint32_t
choose_serial(const struct options *o, const struct zone *z, bool *same_r)
{
	const char *path = o->previous != NULL ? o->previous : o->output;
	uint32_t before = 0;

	*same_r = false;
	if (o->zone.records)
		return 0;
	if (o->live)
		*same_r = same_as_live(o, z, &before);
	else if (path != NULL)
		*same_r = same_as_file(z, path, &before);
	if (before == 0)
		return zone_serial(z);
	return *same_r ? before : zone_serial_after(before, zone_serial(z));
}

/* ---- generate ---- */

static int
write_out(const struct options *o, const struct buf *text, bool same)
{
	struct error e;

	if (o->output != NULL) {
		if (same && o->previous == NULL && !o->live)
			return 0;
		if (file_replace(o->output, buf_str(text), text->len, 0644,
			"zone", &e) == 0)
			return 0;
		fprintf(stderr, "agamid-zone: %s\n", e.text);
		return EXIT_WRONG;
	}
	fwrite(buf_str(text), 1, text->len, stdout);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "agamid-zone: can't write the zone\n");
	return EXIT_WRONG;
}

static int
generate(const struct options *o, const struct zone *z)
{
	struct buf text;
	uint32_t serial;
	bool same;
	int status;

	buf_init(&text, ZONE_TEXT_MAX);
	serial = choose_serial(o, z, &same);
	if (zone_print(z, serial, &text) != 0)
		die(EXIT_WRONG, "the zone is too large");
	status = write_out(o, &text, same);
	buf_free(&text);
	return status;
}

/* ---- all verbs ---- */

static struct zone *
make_zone(const struct options *o, const struct folder *f,
    const struct manifest **nodes)
{
	struct error e = {""};
	struct buf notes;
	struct zone *z;
	size_t i;

	for (i = 0; i < folder_count(f); i++)
		nodes[i] = folder_manifest(f, i);
	buf_init(&notes, NOTES_MAX);
	z = zone_new(nodes, folder_count(f), &o->zone, &notes, &e);
	if (z == NULL)
		fprintf(stderr, "agamid-zone: %s\n", e.text);
	else if (o->verb == VERB_GENERATE)
		fputs(buf_str(&notes), stderr);
	buf_free(&notes);
	return z;
}

static int
run(const struct options *o, const struct folder *f, size_t refused)
{
	const int trouble =
	    o->verb == VERB_GENERATE ? EXIT_WRONG : EXIT_TROUBLE;
	const struct manifest **nodes =
	    xcalloc(folder_count(f) + 1, sizeof(const struct manifest *));
	struct zone *z;
	int status = trouble;

	/* SPEC Z-7.2: whose manifest can't be read has not left. */
	if (refused > 0 && (o->verb == VERB_GENERATE ? o->strict : !o->lenient))
		goto out;
	if ((z = make_zone(o, f, nodes)) == NULL)
		goto out;
	if (o->verb == VERB_GENERATE)
		status = generate(o, z);
	else
		status = differences_run(o, z);
	if (status == 0 && refused > 0 && o->verb == VERB_GENERATE)
		status = EXIT_WRONG;
	zone_free(&z);
out:
	free(nodes);
	return status;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct folder *f;
	size_t refused;
	int status;

	options_take(&o, argc, argv);
	log_open("agamid-zone", LOG_LVL_WARN);
	if (keys_init() != 0 || (f = source_read(&o, &refused)) == NULL)
		die(EXIT_TROUBLE, "out of memory");
	status = run(&o, f, refused);
	folder_free(&f);
	options_free(&o);
	return status;
}
