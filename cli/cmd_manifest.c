/* SPDX-License-Identifier: MIT */
/*
 * agamid manifest - check any, show one in force, compare two. What signs
 * is in cmd_publish.c.
 */
#include "cli/cmd_manifest.h"

#include <stdlib.h>
#include <string.h>

#include "cli/body.h"
#include "cli/draft.h"
#include "cli/known.h"
#include "cli/manifest_file.h"
#include "cli/run.h"
#include "cli/usage.h"
#include "manifests/sign.h"
#include "util/file.h"

#define ERRORS_MAX 262144
#define DIFF_DEADLINE 30 /* seconds */

/* ---- check ---- */

static int
check_file(const char *path, const char *scratch)
{
	struct manifest *m = manifest_file_read(path);
	struct error why;
	int rc = CLI_OK;

	if (m == NULL)
		return CLI_FAILED;
	if (manifest_signature(m) == NULL)
		cli_out("%s: %s, serial %llu: well-formed, unsigned\n", path,
		    m->name, (unsigned long long)m->serial);
	else if (sign_verify(m, scratch, &why) < 0)
		rc = cli_error("%s: %s", path, why.text);
	else
		cli_out("%s: %s, serial %llu: well-formed, signed by %s\n",
		    path, m->name, (unsigned long long)m->serial, m->fpr);
	manifest_free(&m);
	return rc;
}

static int
check(int argc, char **argv)
{
	char *scratch;
	int i, rc = CLI_OK;

	if (argc < 2)
		return cli_usage(USAGE_MANIFEST);
	scratch = cli_scratch_new();
	if (scratch == NULL)
		return CLI_FAILED;
	for (i = 1; i < argc; i++) {
		if (check_file(argv[i], scratch) != CLI_OK)
			rc = CLI_FAILED;
	}
	cli_scratch_free(&scratch);
	return rc;
}

/* ---- show ---- */

static void
show_text(const struct manifest *m)
{
	fwrite(m->text, 1, m->text_len, stdout);
}

static void
show_key(const struct manifest *m)
{
	cli_out("%s\n", m->fpr);
}

static int
show(const struct cli *cli, int argc, char **argv,
    void (*print)(const struct manifest *m))
{
	const struct manifest *m;
	struct known k;
	int rc;

	if (argc > 2)
		return cli_usage(USAGE_MANIFEST);
	rc = known_load(cli, KNOWN_READ, &k);
	if (rc == CLI_OK) {
		m = k.roster.self;
		if (argc == 2 && strcmp(argv[1], m->name) != 0)
			m = roster_peer(&k.roster, argv[1]);
		if (m != NULL)
			print(m);
		else
			rc = cli_error("%s has no manifest in force; agamid "
				       "peer list shows who has",
			    argv[1]);
	}
	known_free(&k);
	return rc;
}

/* ---- diff ---- */

/* diff -u of two bodies; 0 the same, 1 not. */
static int
diff_bodies(const char *scratch, const char *name_a, const struct buf *a,
    const char *name_b, const struct buf *b)
{
	char *file_a = file_join(scratch, "a"),
	     *file_b = file_join(scratch, "b");
	const char *argv[] = {"diff", "-u", "--label", name_a, "--label",
	    name_b, file_a, file_b, NULL};
	struct buf output, said;
	struct error why;
	int rc;

	buf_init(&output, 4 * MANIFEST_MAX);
	buf_init(&said, ERROR_TEXT_MAX);
	rc = file_replace(file_a, buf_str(a), a->len, 0600, "diff", &why);
	if (rc == 0)
		rc = file_replace(
		    file_b, buf_str(b), b->len, 0600, "diff", &why);
	if (rc == 0)
		rc = run_program(
		    argv, NULL, &output, &said, DIFF_DEADLINE, &why);
	if (rc < 0)
		cli_error("%s", why.text);
	else
		cli_out("%s", buf_str(&output));
	buf_free(&said);
	buf_free(&output);
	free(file_b);
	free(file_a);
	return rc < 0 ? CLI_USAGE : rc;
}

/* In force against the draft, or FILE; or two files. */
static int
diff(const struct cli *cli, int argc, char **argv)
{
	char *draft = NULL;
	struct buf a, b;
	struct error why;
	struct known k;
	int rc;

	if (argc > 3)
		return cli_usage(USAGE_MANIFEST);
	rc = known_load(cli, KNOWN_READ, &k);
	buf_init(&a, MANIFEST_MAX + 64);
	buf_init(&b, MANIFEST_MAX + 64);
	if (rc == CLI_OK) {
		draft = argc == 1 ? draft_path(k.conf) : NULL;
		rc = argc == 3 ? draft_read(argv[1], &a, &why)
			       : body_take(k.roster.self->text,
				     k.roster.self->text_len, &a);
		if (rc == 0)
			rc = draft_read(
			    argc == 1 ? draft : argv[argc - 1], &b, &why);
		if (rc < 0)
			cli_error("%s", why.text);
		rc = rc < 0 ? CLI_USAGE
			    : diff_bodies(k.scratch,
				  argc == 3 ? argv[1] : "the manifest in force",
				  &a, argc == 1 ? draft : argv[argc - 1], &b);
	}
	free(draft);
	buf_free(&b);
	buf_free(&a);
	known_free(&k);
	return rc;
}

int
cmd_manifest(const struct cli *cli, int argc, char **argv)
{
	if (argc < 2)
		return cli_usage(USAGE_MANIFEST);
	argc--;
	argv++;
	if (strcmp(argv[0], "check") == 0)
		return check(argc, argv);
	if (strcmp(argv[0], "sign") == 0)
		return manifest_sign(cli, argc, argv);
	if (strcmp(argv[0], "show") == 0)
		return show(cli, argc, argv, show_text);
	if (strcmp(argv[0], "fingerprint") == 0)
		return show(cli, argc, argv, show_key);
	if (strcmp(argv[0], "diff") == 0)
		return diff(cli, argc, argv);
	if (strcmp(argv[0], "publish") == 0)
		return manifest_publish(cli, argc, argv);
	if (strcmp(argv[0], "rotate") == 0)
		return manifest_rotate(cli, argc, argv);
	if (strcmp(argv[0], "revoke") == 0)
		return manifest_revoke(cli, argc, argv);
	if (strcmp(argv[0], "edit") == 0)
		return manifest_edit(cli, argc, argv);
	return cli_usage(USAGE_MANIFEST);
}
