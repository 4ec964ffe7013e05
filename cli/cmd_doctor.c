/* SPDX-License-Identifier: MIT */
/*
 * agamid doctor - checks the whole node. See doctor.h, agamid-doctor(8).
 */
#include "cli/doctor.h"

#include <sys/ioctl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/usage.h"
#include "util/file.h"
#include "util/text.h"

struct asked {
	bool json, quiet, list, backed_up;
	const char *password_file;
};

static int
list_checks(void)
{
	const struct doctor_check *c;

	for (c = doctor_checks; c->id != NULL; c++)
		cli_out("%-32s%s\n", c->id, c->title);
	return CLI_OK;
}

/* The first line of a text becomes the password. */
static int
take_password(struct doctor_login *login, const char *text, const char *from)
{
	size_t len = strcspn(text, "\r\n");

	if (len == 0 || len >= sizeof(login->password))
		return cli_error("%s holds no password of 1 to %zu bytes", from,
		    sizeof(login->password) - 1);
	memcpy(login->password, text, len);
	login->password[len] = '\0';
	return CLI_OK;
}

/* From standard input; not shown where that is a terminal. */
static int
ask_password(struct doctor_login *login)
{
	struct termios saved, silent;
	bool terminal = tcgetattr(STDIN_FILENO, &saved) == 0;
	char line[sizeof(login->password) + 2];
	bool got;

	if (terminal) {
		fprintf(stderr, "Password of %s at Dovecot: ", login->user);
		silent = saved;
		silent.c_lflag &= (tcflag_t)~ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	}
	got = fgets(line, sizeof(line), stdin) != NULL;
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
		putc('\n', stderr);
	}
	if (got)
		got = take_password(login, line, "standard input") == CLI_OK;
	else
		cli_error("there is no password on standard input");
	explicit_bzero(line, sizeof(line));
	return got ? CLI_OK : CLI_FAILED;
}

static int
get_password(struct doctor_login *login, const char *file)
{
	struct error why;
	struct buf text;
	int rc;

	if (file == NULL)
		return ask_password(login);
	buf_init(&text, 4096);
	rc = file_read(file, &text, &why);
	if (rc < 0)
		rc = cli_error("%s", why.text);
	else
		rc = take_password(login, buf_str(&text), file);
	buf_wipe(&text);
	return rc;
}

static void
set_paper(struct doctor_paper *paper, bool quiet)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	bool terminal = isatty(STDOUT_FILENO) != 0;
	struct winsize size;

	memset(paper, 0, sizeof(*paper));
	paper->all = !quiet;
	paper->colour = terminal && (no_color == NULL || *no_color == '\0') &&
	    term != NULL && strcmp(term, "dumb") != 0;
	if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		paper->width = size.ws_col;
}

/* It comes into SMTP commands and doveadm's arguments. */
static bool
is_plain_address(const char *text)
{
	const char *at = strchr(text, '@');

	return at != NULL && at > text && text[0] != '-' &&
	    text_is_domain(at + 1) &&
	    strspn(text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789._+=-") == (size_t)(at - text);
}

/* Nothing can be looked at; why was said on standard error. */
static void
note_unusable(struct doctor *d)
{
	struct verdict v;

	verdict_begin(&v, "the configuration and our manifest can be read");
	verdict_fail(&v, "agamid -n; agamid init", "see the messages above");
	words_free(&d->wanted);
	doctor_add(d, "node.configuration", NULL, &v);
}

static int
examine(const struct cli *cli, struct doctor *d, const struct asked *a)
{
	struct doctor_paper paper;
	int rc = CLI_OK;

	if (cli->root[0] != '\0')
		return cli_error("doctor looks at this machine as a whole: it "
				 "can't be run with --root");
	if (geteuid() != 0)
		cli_warn("not run as root: what is closed to you is taken for "
			 "missing");
	if (d->canary != NULL && !is_plain_address(d->canary))
		return cli_error("--canary %s: expected an address of letters, "
				 "digits and . _ + = - @",
		    d->canary);
	if (d->login.user != NULL &&
	    get_password(&d->login, a->password_file) != CLI_OK)
		return CLI_FAILED;
	if (known_load(cli, KNOWN_READ, &d->known) == CLI_OK)
		doctor_run(d);
	else
		note_unusable(d);
	set_paper(&paper, a->quiet);
	if (a->json)
		rc = doctor_print_json(d);
	else
		doctor_print(d, &paper);
	return doctor_worst(d) == DOCTOR_FAILURE ? CLI_FAILED : rc;
}

static int
back_up(const struct cli *cli)
{
	struct conf *conf = cli_conf(cli);
	int rc;

	if (conf == NULL)
		return CLI_FAILED;
	rc = doctor_note_backup(conf);
	conf_free(&conf);
	return rc;
}

/* One argument; how many were used, or -1. */
static int
take_argument(struct doctor *d, struct asked *a, int left, char **argv)
{
	if (strcmp(argv[0], "--json") == 0)
		a->json = true;
	else if (strcmp(argv[0], "--quiet") == 0)
		a->quiet = true;
	else if (strcmp(argv[0], "--list") == 0)
		a->list = true;
	else if (strcmp(argv[0], "--backed-up") == 0)
		a->backed_up = true;
	else if (left > 1 && strcmp(argv[0], "--login") == 0)
		return d->login.user = argv[1], 2;
	else if (left > 1 && strcmp(argv[0], "--canary") == 0)
		return d->canary = argv[1], 2;
	else if (left > 1 && strcmp(argv[0], "--password-file") == 0)
		return a->password_file = argv[1], 2;
	else if (argv[0][0] == '-')
		return -1;
	else if (doctor_is_check(argv[0]))
		words_add(&d->wanted, argv[0]);
	else
		return cli_error("there is no check %s; see "
				 "agamid doctor --list",
			   argv[0]),
		       -2;
	return 1;
}

int
cmd_doctor(const struct cli *cli, int argc, char **argv)
{
	struct asked a = {0};
	struct doctor d;
	int rc = 0, i, n;

	memset(&d, 0, sizeof(d));
	d.known.lock = -1;
	for (i = 1; i < argc && rc == 0; i += n) {
		n = take_argument(&d, &a, argc - i, argv + i);
		if (n < 0)
			rc = n == -1 ? cli_usage(USAGE_DOCTOR) : CLI_USAGE;
	}
	if (rc == 0 && a.list)
		rc = list_checks();
	else if (rc == 0 && a.backed_up)
		rc = back_up(cli);
	else if (rc == 0)
		rc = examine(cli, &d, &a);
	doctor_free(&d);
	return rc;
}
