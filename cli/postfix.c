/* SPDX-License-Identifier: MIT */
/*
 * postfix - what agamid asks of the machine's own Postfix. See postfix.h.
 */
#include "cli/postfix.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run.h"
#include "util/file.h"
#include "util/text.h"

#define ANSWER_MAX (16U << 20)
#define DEADLINE 20 /* seconds, for each program */
#define OWNER "this machine's Postfix"

#define CONFIG_DIR "/etc/postfix"

/* Is there a Postfix that is configured? *dir_r is its directory under
 * --root; NULL: the machine's own. */
static bool
has_postfix(const struct conf *conf, char **dir_r)
{
	char *main_cf = file_join(conf->root, CONFIG_DIR "/main.cf");
	bool has = access(main_cf, F_OK) == 0;

	*dir_r = NULL;
	if (has && conf->root[0] != '\0')
		*dir_r = file_join(conf->root, CONFIG_DIR);
	free(main_cf);
	return has;
}

/* PROGRAM [-c DIR] ARGS...; AG_ENOENT where there is no Postfix. */
static int
ask(const struct conf *conf, const char *program, const char *const *args,
    const char *input, struct buf *answer, struct buf *complaints,
    struct error *error_r)
{
	const char *argv[16];
	size_t n = 0;
	char *dir;
	int rc;

	if (!has_postfix(conf, &dir))
		return error_set(
		    error_r, AG_ENOENT, "there is no " CONFIG_DIR "/main.cf");
	argv[n++] = program;
	if (dir != NULL) {
		argv[n++] = "-c";
		argv[n++] = dir;
	}
	while (*args != NULL && n < 15)
		argv[n++] = *args++;
	argv[n] = NULL;
	rc = run_program(argv, input, answer, complaints, DEADLINE, error_r);
	free(dir);
	return rc;
}

/* ---- the domains that Postfix serves ---- */

struct asking {
	const struct conf *conf;
	const char *domains; /* candidates, a line each */
	struct claims *claims;
	struct error *error_r;
};

/* Claim each candidate that stands alone, or before a tab, on a line. */
static void
claim_lines(struct asking *a, const struct buf *lines)
{
	const char *line;
	struct cursor c;
	size_t len;
	char *domain;

	cursor_init(&c, buf_str(lines), lines->len);
	while (cursor_line(&c, &line, &len)) {
		domain = xasprintf("%.*s", (int)strcspn(line, "\t\n"), line);
		text_lower(domain);
		if (text_is_domain(domain))
			claims_domain(a->claims, domain, OWNER);
		free(domain);
	}
}

/* type:table, looked up for all candidates at once. */
static int
claim_table(struct asking *a, const char *table)
{
	const char *args[] = {"-q", "-", table, NULL};
	struct buf found, said;
	int rc;

	buf_init(&found, ANSWER_MAX);
	buf_init(&said, ERROR_TEXT_MAX);
	rc = ask(
	    a->conf, "postmap", args, a->domains, &found, &said, a->error_r);
	if (rc >= 0)
		claim_lines(a, &found);
	/* Without a complaint it only says that none was found. */
	if (rc > 0 && said.len > 0)
		rc = run_complaint(table, &said, a->error_r);
	buf_free(&said);
	buf_free(&found);
	return rc < 0 ? rc : 0;
}

/* One entry of a list of domains (postconf(5), match list). */
static int
claim_entry(struct asking *a, char *entry)
{
	struct buf file;
	int rc = 0;

	if (*entry == '/') {
		buf_init(&file, ANSWER_MAX);
		rc = file_read(entry, &file, a->error_r);
		if (rc == 0 && buf_putc(&file, '\n') == 0)
			claim_lines(a, &file);
		buf_free(&file);
		return rc;
	}
	if (strchr(entry, ':') != NULL) {
		if (strstr(entry, a->conf->derived_dir) != NULL)
			return 0; /* our own table */
		return claim_table(a, entry);
	}
	text_lower(entry);
	if (text_is_domain(entry))
		claims_domain(a->claims, entry, OWNER);
	return 0;
}

/* Entries end at a comma or white space outside braces. */
static int
claim_entries(struct asking *a, char *p)
{
	unsigned depth;
	char *start;
	int rc = 0, one;

	while (*(p += strspn(p, ", \t\n")) != '\0') {
		start = p;
		for (depth = 0; *p != '\0'; p++) {
			if (depth == 0 && strchr(", \t\n", *p) != NULL)
				break;
			if (*p == '{')
				depth++;
			else if (*p == '}' && depth > 0)
				depth--;
		}
		if (*p != '\0')
			*p++ = '\0';
		one = claim_entry(a, start);
		if (one < 0)
			rc = one;
	}
	return rc;
}

int
postfix_claim_domains(const struct conf *conf, const char *domains,
    struct claims *claims, struct error *error_r)
{
	static const char *const args[] = {"-hx", "mydestination",
	    "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains",
	    NULL};
	struct asking a = {conf, domains, claims, error_r};
	struct buf lists, said;
	int rc;

	buf_init(&lists, ANSWER_MAX);
	buf_init(&said, ERROR_TEXT_MAX);
	rc = ask(conf, "postconf", args, NULL, &lists, &said, error_r);
	if (rc == 0 && lists.len > 0)
		rc = claim_entries(&a, lists.data);
	else if (rc > 0)
		rc = run_complaint("postconf", &said, error_r);
	else if (rc == AG_ENOENT)
		rc = 0;
	buf_free(&said);
	buf_free(&lists);
	return rc;
}

int
postfix_check_pcre(
    const struct conf *conf, const char *path, struct error *error_r)
{
	char *table = xasprintf("pcre:%s", path);
	const char *args[] = {"-q", "postmaster@agamid.invalid", table, NULL};
	struct buf said;
	int rc;

	buf_init(&said, ERROR_TEXT_MAX);
	rc = ask(conf, "postmap", args, NULL, NULL, &said, error_r);
	if (rc >= 0 && said.len > 0)
		rc = run_complaint(path, &said, error_r);
	buf_free(&said);
	free(table);
	return rc < 0 ? rc : 0;
}

bool
postfix_runs(const struct conf *conf)
{
	static const char *const args[] = {"status", NULL};

	return ask(conf, "postfix", args, NULL, NULL, NULL, NULL) == 0;
}

int
postfix_reload(const struct conf *conf, struct error *error_r)
{
	static const char *const args[] = {"reload", NULL};
	struct buf said;
	int rc;

	buf_init(&said, ERROR_TEXT_MAX);
	rc = ask(conf, "postfix", args, NULL, NULL, &said, error_r);
	if (rc > 0)
		rc = run_complaint("postfix reload", &said, error_r);
	buf_free(&said);
	return rc;
}

bool
postfix_queue_dir(const struct conf *conf, struct buf *dir_r)
{
	static const char *const args[] = {"-hx", "queue_directory", NULL};
	bool ok;

	ok = ask(conf, "postconf", args, NULL, dir_r, NULL, NULL) == 0;
	if (ok && dir_r->len > 0 && dir_r->data[dir_r->len - 1] == '\n')
		dir_r->data[--dir_r->len] = '\0';
	return ok && buf_str(dir_r)[0] == '/' &&
	    strchr(buf_str(dir_r), '\n') == NULL;
}
