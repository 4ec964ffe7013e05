/* SPDX-License-Identifier: MIT */
/*
 * edit - the operator's editor. See edit.h.
 */
#include "cli/edit.h"

#include <sys/wait.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/body.h"
#include "cli/cli.h"
#include "manifests/manifest.h"
#include "util/file.h"
#include "util/text.h"

#define WORDS_MAX 16

/* Words divided by blanks, without a shell. */
static size_t
split(char *command, char **argv, size_t max)
{
	char *word, *rest = command;
	size_t n = 0;

	while (n < max && (word = strsep(&rest, " \t")) != NULL) {
		if (*word != '\0')
			argv[n++] = word;
	}
	return n;
}

static void
exec_editor(const char *path)
{
	static const char *const names[] = {"VISUAL", "EDITOR"};
	char *argv[WORDS_MAX + 2], *command;
	size_t i, n;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (getenv(names[i]) == NULL)
			continue;
		command = xstrdup(getenv(names[i]));
		n = split(command, argv, WORDS_MAX);
		argv[n] = xstrdup(path);
		argv[n + 1] = NULL;
		if (n > 0)
			execvp(argv[0], argv);
		cli_error("can't run %s: %s", command, strerror(errno));
		_exit(127);
	}
	execlp("editor", "editor", path, (char *)NULL);
	execlp("vi", "vi", path, (char *)NULL);
	cli_error("there is no editor; set EDITOR");
	_exit(127);
}

static int
run_editor(const char *path)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return cli_error("can't fork: %s", strerror(errno));
	if (pid == 0)
		exec_editor(path);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return cli_error("lost the editor");
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return CLI_OK;
	return cli_error("the editor failed; nothing changed");
}

static bool
ask_again(void)
{
	char answer[16];

	if (!isatty(STDIN_FILENO))
		return false;
	cli_out("Edit it again? (yes or no) ");
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	    (answer[0] == 'y' || answer[0] == 'Y');
}

/* 1: it is good; 0: again; else an exit code below. */
enum round { AGAIN, GOOD, GIVEN_UP };

static enum round
look(const char *path, const struct buf *before, struct buf *now,
    edit_check *check, void *arg)
{
	struct error why;
	struct buf text;
	int rc;

	buf_init(&text, MANIFEST_MAX);
	rc = file_read(path, &text, &why);
	if (rc == 0)
		rc = body_take(buf_str(&text), text.len, now);
	buf_free(&text);
	if (rc < 0) {
		cli_error("%s: expected at most %d bytes of text", path,
		    MANIFEST_MAX);
	} else if (now->len == before->len &&
	    memcmp(buf_str(now), buf_str(before), now->len) == 0) {
		cli_error("it is as it was; nothing changed");
		return GIVEN_UP;
	} else if (check(now, arg)) {
		return GOOD;
	}
	if (ask_again())
		return AGAIN;
	cli_error("given up; nothing changed");
	return GIVEN_UP;
}

int
edit_body(const char *dir, struct buf *body, edit_check *check, void *arg)
{
	char *path = file_join(dir, "manifest.yaml");
	enum round round = AGAIN;
	struct buf before, now;
	struct error why;
	int rc;

	buf_init(&before, MANIFEST_MAX + 64);
	buf_init(&now, MANIFEST_MAX + 64);
	(void)buf_put(&before, buf_str(body), body->len);
	rc = file_replace(path, buf_str(body), body->len, 0600, "edit", &why);
	if (rc < 0)
		cli_error("%s", why.text);
	while (rc == 0 && round == AGAIN) {
		rc = run_editor(path);
		if (rc == CLI_OK)
			round = look(path, &before, &now, check, arg);
	}
	if (round == GOOD) {
		buf_reset(body);
		(void)buf_put(body, buf_str(&now), now.len);
	}
	buf_free(&now);
	buf_free(&before);
	free(path);
	return round == GOOD ? CLI_OK : CLI_FAILED;
}
