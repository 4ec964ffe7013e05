/* SPDX-License-Identifier: MIT */
/*
 * conf_main - the command line that all daemons share. See conf.h.
 *
 * Only for main(): it prints, and it ends the process. After it the
 * configuration is whole and the log is open.
 */
#include "mail/conf.h"

#include <assert.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ERRORS_MAX 65536
#define EXTRA_MAX 16 /* options of the program's own */

/* Far from what a program's own table may use. */
enum option_value {
	OPTION_CONFIG = 0x10000,
	OPTION_ROOT,
	OPTION_VERSION,
	OPTION_HELP,
};

static const struct option common[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"root", required_argument, NULL, OPTION_ROOT},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
};
#define COMMON_COUNT (sizeof(common) / sizeof(common[0]))

struct command_line {
	const char *ident, *usage;
	const char *config;
	char root[PATH_MAX];
	bool check, print;
};

static void
main_usage(const struct command_line *l, FILE *out)
{
	fprintf(out, "usage: %s [--config FILE] [--root DIR] [-n | -T]%s%s\n",
	    l->ident, l->usage[0] != '\0' ? " " : "", l->usage);
}

static void __attribute__((noreturn))
main_wrong_usage(const struct command_line *l)
{
	main_usage(l, stderr);
	exit(2);
}

/* Our options and the program's, ended by zeros. */
static const struct option *
main_options(const struct option *extra)
{
	static struct option all[COMMON_COUNT + EXTRA_MAX + 1];
	size_t count = 0;

	memcpy(all, common, sizeof(common));
	for (; extra != NULL && extra->name != NULL; extra++) {
		assert(count < EXTRA_MAX);
		all[COMMON_COUNT + count++] = *extra;
	}
	return all;
}

/* "" for "/"; without slashes at the end. */
static void
main_set_root(struct command_line *l, const char *arg)
{
	size_t len = strlen(arg);

	if (arg[0] != '/' || len >= sizeof(l->root)) {
		fprintf(stderr,
		    "%s: --root: expected a path that begins with \"/\", found "
		    "\"%s\"\n",
		    l->ident, arg);
		exit(2);
	}
	while (len > 0 && arg[len - 1] == '/')
		len--;
	memcpy(l->root, arg, len);
	l->root[len] = '\0';
}

static void
main_option(struct command_line *l, int val, const char *arg,
    void (*on_extra)(int val, const char *arg))
{
	switch (val) {
	case OPTION_CONFIG:
		l->config = arg;
		break;
	case OPTION_ROOT:
		main_set_root(l, arg);
		break;
	case OPTION_VERSION:
		printf("%s (%s)\n", l->ident, PACKAGE_STRING);
		exit(0);
	case OPTION_HELP:
		main_usage(l, stdout);
		exit(0);
	case 'n':
		l->check = true;
		break;
	case 'T':
		l->print = true;
		break;
	case '?':
		main_wrong_usage(l);
	default:
		on_extra(val, arg);
	}
}

/* -n and -T speak to a person; a daemon that can't start, to the log. */
static void __attribute__((noreturn))
main_fail(const struct command_line *l, struct buf *errors)
{
	struct cursor c;
	const char *line;
	size_t len;

	if (l->check || l->print) {
		fputs(buf_str(errors), stderr);
		buf_free(errors);
		exit(1);
	}
	cursor_init(&c, errors->data, errors->len);
	while (cursor_line(&c, &line, &len))
		log_error("configuration error=\"%.*s\"", (int)len, line);
	buf_free(errors);
	log_fatal("not started: errors in the configuration");
}

static struct conf *
main_load(const struct command_line *l)
{
	struct buf errors;
	struct conf *c;

	buf_init(&errors, ERRORS_MAX);
	c = conf_load(l->config, l->root, &errors);
	if (c == NULL)
		main_fail(l, &errors);
	buf_free(&errors);
	if (l->print) {
		if (conf_print(c, stdout) < 0)
			log_fatal("can't print the settings");
	} else if (l->check) {
		printf("%s: ok\n", c->path);
	}
	if (l->print || l->check) {
		conf_free(&c);
		exit(0);
	}
	return c;
}

struct conf *
conf_main(int argc, char **argv, const char *ident, const char *usage,
    const struct option *extra, void (*on_extra)(int val, const char *arg))
{
	struct command_line l = {.ident = ident, .usage = usage};
	const struct option *options = main_options(extra);
	struct conf *c;
	int val;

	log_open(ident, LOG_LVL_INFO);
	while ((val = getopt_long(argc, argv, "nT", options, NULL)) != -1)
		main_option(&l, val, optarg, on_extra);
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument \"%s\"\n", ident,
		    argv[optind]);
		main_wrong_usage(&l);
	}
	c = main_load(&l);
	log_open(ident, c->log);
	return c;
}
