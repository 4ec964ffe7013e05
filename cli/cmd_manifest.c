/* SPDX-License-Identifier: MIT */
/*
 * agamid manifest - check any, sign our own, show one in force.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/known.h"
#include "cli/layout.h"
#include "cli/own.h"
#include "cli/serial.h"
#include "cli/store.h"
#include "manifests/sign.h"
#include "util/file.h"

#define USAGE                                  \
	"manifest check FILE...\n"             \
	"       agamid manifest sign [FILE]\n" \
	"       agamid manifest show [NAME]\n" \
	"       agamid manifest fingerprint [NAME]"

#define ERRORS_MAX 262144

/* ---- check ---- */

/* Parse a file; errors go to standard error. NULL on error. */
static struct manifest *
read_manifest(const char *path)
{
	struct manifest *m = NULL;
	struct buf text, errors;
	struct error why;

	buf_init(&text, MANIFEST_MAX);
	buf_init(&errors, ERRORS_MAX);
	if (file_read(path, &text, &why) < 0)
		cli_error("%s", why.text);
	else
		m = manifest_parse(path, buf_str(&text), text.len, &errors);
	cli_lines(&errors);
	buf_free(&errors);
	buf_free(&text);
	return m;
}

static int
check_file(const char *path, const char *scratch)
{
	struct manifest *m = read_manifest(path);
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
		return cli_usage(USAGE);
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

/* ---- sign ---- */

static int
check_is_ours(const struct conf *conf, const struct manifest *m)
{
	struct error why;

	if (strcmp(m->name, conf->node) != 0)
		return cli_error("this is the manifest of %s, and this node is "
				 "%s",
		    m->name, conf->node);
	if (own_check_seeds(conf, m, &why) < 0)
		return cli_error("%s", why.text);
	return CLI_OK;
}

/* The body with a serial above every known one, signed. */
static struct manifest *
sign_again(
    const struct conf *conf, const struct manifest *m, const char *scratch)
{
	uint64_t newest = store_newest(conf, conf->node), serial;
	char *secret = layout_secret(conf, SECRET_OPENPGP);
	struct buf body, text, errors;
	struct manifest *made = NULL;
	struct error why;
	int rc;

	buf_init(&body, MANIFEST_MAX);
	buf_init(&text, MANIFEST_MAX);
	buf_init(&errors, ERRORS_MAX);
	serial =
	    m->serial > newest ? m->serial : serial_next(time(NULL), newest);
	rc = serial_set(m->text, m->body_len, serial, &body);
	if (rc < 0)
		error_set(&why, rc, "there is no line \"serial: ...\" to set");
	if (rc == 0)
		rc = sign_make(
		    buf_str(&body), body.len, secret, scratch, &text, &why);
	if (rc == 0)
		made = manifest_parse(
		    "the signed manifest", buf_str(&text), text.len, &errors);
	if (made != NULL && (rc = sign_verify(made, scratch, &why)) < 0)
		manifest_free(&made);
	cli_lines(&errors);
	if (rc < 0)
		cli_error("%s", why.text);
	buf_free(&errors);
	buf_free(&text);
	buf_free(&body);
	free(secret);
	return made;
}

static int
sign_manifest(const struct conf *conf, const struct manifest *m)
{
	struct manifest *made = NULL;
	struct error why;
	char *scratch, *path;
	int rc = CLI_FAILED;

	scratch = cli_scratch_new();
	if (scratch == NULL)
		return CLI_FAILED;
	if (check_is_ours(conf, m) == CLI_OK)
		made = sign_again(conf, m, scratch);
	if (made != NULL && store_install(conf, made, &why) < 0) {
		cli_error("%s", why.text);
	} else if (made != NULL) {
		path = store_manifest_path(conf, made->name, made->serial);
		cli_out("%s is signed. Run agamid apply here, and send the "
			"file to your friends.\n",
		    path);
		free(path);
		rc = CLI_OK;
	}
	manifest_free(&made);
	cli_scratch_free(&scratch);
	return rc;
}

/* Without FILE: our newest, signed anew. */
static struct manifest *
read_to_sign(const struct conf *conf, const char *file)
{
	uint64_t newest = store_newest(conf, conf->node);
	struct manifest *m;
	char *path;

	if (file != NULL)
		return read_manifest(file);
	if (newest == 0) {
		cli_error(
		    "%s has no manifest yet; agamid init makes it", conf->node);
		return NULL;
	}
	path = store_manifest_path(conf, conf->node, newest);
	m = read_manifest(path);
	free(path);
	return m;
}

static int
sign(const struct cli *cli, int argc, char **argv)
{
	struct manifest *m = NULL;
	struct conf *conf;
	int lock = -1, rc = CLI_FAILED;

	if (argc > 2)
		return cli_usage(USAGE);
	conf = cli_conf(cli);
	if (conf != NULL)
		lock = cli_lock(conf);
	if (lock >= 0)
		m = read_to_sign(conf, argc == 2 ? argv[1] : NULL);
	if (m != NULL)
		rc = sign_manifest(conf, m);
	manifest_free(&m);
	if (lock >= 0)
		close(lock);
	conf_free(&conf);
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
		return cli_usage(USAGE);
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

int
cmd_manifest(const struct cli *cli, int argc, char **argv)
{
	if (argc < 2)
		return cli_usage(USAGE);
	argc--;
	argv++;
	if (strcmp(argv[0], "check") == 0)
		return check(argc, argv);
	if (strcmp(argv[0], "sign") == 0)
		return sign(cli, argc, argv);
	if (strcmp(argv[0], "show") == 0)
		return show(cli, argc, argv, show_text);
	if (strcmp(argv[0], "fingerprint") == 0)
		return show(cli, argc, argv, show_key);
	return cli_usage(USAGE);
}
