/* SPDX-License-Identifier: MIT */
/*
 * rescue_run - agamid-relayd and agamid-deliver for a rescue: started,
 * watched, stopped. See rescue.h.
 */
#include "cli/rescue.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/deliver.h"
#include "cli/relay.h"
#include "util/file.h"
#include "util/text.h"

#define LOOK_MS 200
#define ANSWER_MAX (1U << 20)
#define TELL_MS 30000 /* for friends to note receipts */

/* ---- start and end ---- */

/* It ends with this process. */
static pid_t
start(const struct rescue *x, const char *const *argv)
{
	char *log = file_join(x->work, "log");
	pid_t pid = fork();
	int fd;

	if (pid == 0) {
		fd =
		    open(log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
		if (fd >= 0 && dup2(fd, STDERR_FILENO) >= 0 &&
		    dup2(fd, STDOUT_FILENO) >= 0 &&
		    prctl(PR_SET_PDEATHSIG, SIGTERM) == 0)
			execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	free(log);
	if (pid < 0)
		cli_error("can't start %s: %s", argv[0], strerror(errno));
	return pid;
}

int
rescue_start(struct rescue *x)
{
	const char *deliver[] = {AG_LIBEXECDIR "/agamid-deliver", "--root",
	    x->work, "--maildir", x->maildir, x->remove ? "--sign" : NULL,
	    NULL};
	const char *relayd[] = {AG_LIBEXECDIR "/agamid-relayd", "--root",
	    x->work, "--rescue", NULL};

	x->deliver = start(x, deliver);
	if (x->deliver > 0)
		x->relayd = start(x, relayd);
	return x->deliver > 0 && x->relayd > 0 ? CLI_OK : CLI_FAILED;
}

static void
stop(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGTERM);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

void
rescue_end(struct rescue *x)
{
	stop(x->relayd);
	stop(x->deliver);
	conf_free(&x->conf);
	if (x->lock >= 0)
		close(x->lock);
	free(x->work);
	free(x->maildir);
}

/* ---- how far it is ---- */

struct progress {
	unsigned peers, done, failed; /* friends */
	unsigned coming, opening, later, opened, untold; /* mails */
	unsigned written, aside; /* mails, as agamid-deliver has them */
	struct buf text; /* "carol done, dave can't be reached" */
};

static void
take_peer(struct progress *p, const char *line, size_t len, const char *name)
{
	char state[16], error[200];

	relay_value(line, len, "state", state, sizeof(state));
	relay_value(line, len, "error", error, sizeof(error));
	p->peers++;
	p->done += strcmp(state, "done") == 0;
	p->failed += strcmp(state, "failed") == 0;
	buf_printf(&p->text, "%s%s %s", p->text.len > 0 ? ", " : "", name,
	    strcmp(state, "failed") != 0 ? state
		: error[0] != '\0'	 ? error
					 : "can't be reached");
}

static int
ask_relayd(const struct rescue *x, struct progress *p, struct error *error_r)
{
	struct buf answer;
	struct cursor c;
	const char *line;
	char name[64];
	size_t len;
	int rc;

	buf_init(&answer, ANSWER_MAX);
	rc = relay_ask(x->conf, "rescue\n", &answer, error_r);
	cursor_init(&c, buf_str(&answer), answer.len);
	while (rc == 0 && cursor_line(&c, &line, &len)) {
		if (relay_value(line, len, "peer", name, sizeof(name))) {
			take_peer(p, line, len, name);
			continue;
		}
		p->coming = (unsigned)relay_number(line, len, "coming");
		p->opening = (unsigned)relay_number(line, len, "opening");
		p->later = (unsigned)relay_number(line, len, "failed");
		p->opened = (unsigned)relay_number(line, len, "opened");
		p->untold = (unsigned)relay_number(line, len, "untold");
	}
	buf_free(&answer);
	return rc;
}

/* "STATE COUNT" lines. */
static int
ask_deliver(const struct rescue *x, struct progress *p, struct error *error_r)
{
	struct buf answer;
	unsigned count;
	char *line, *save, word[16];
	int rc;

	buf_init(&answer, ANSWER_MAX);
	rc = deliver_ask(x->conf, "totals\n", -1, 10, &answer, error_r);
	line = rc < 0 ? NULL : strtok_r(answer.data, "\n", &save);
	for (; line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%15s %u", word, &count) != 2)
			continue;
		if (strcmp(word, "done") == 0)
			p->written = count;
		else if (strcmp(word, "refused") == 0 ||
		    strcmp(word, "quarantined") == 0 ||
		    strcmp(word, "duplicate") == 0)
			p->aside += count;
	}
	buf_free(&answer);
	return rc;
}

/* The last line that a program that ended has written. */
static int
has_ended(const struct rescue *x, const char *program)
{
	return cli_error("%s has ended; %s/log says why", program, x->work);
}

/* Ask both; while they start nobody answers, unless they have ended. */
static int
look(struct rescue *x, struct progress *p, bool *answered_r)
{
	struct error why;

	memset(p, 0, offsetof(struct progress, text));
	buf_reset(&p->text);
	*answered_r = false;
	if (waitpid(x->deliver, NULL, WNOHANG) == x->deliver) {
		x->deliver = 0;
		return has_ended(x, "agamid-deliver");
	}
	if (waitpid(x->relayd, NULL, WNOHANG) == x->relayd) {
		x->relayd = 0;
		return has_ended(x, "agamid-relayd");
	}
	*answered_r =
	    ask_deliver(x, p, &why) == 0 && ask_relayd(x, p, &why) == 0;
	return CLI_OK;
}

/* All is here, and opened, as far as it will be. */
static bool
is_fetched(const struct progress *p)
{
	return p->done + p->failed == p->peers && p->coming == 0 &&
	    p->opening == 0;
}

static bool
is_told(const struct progress *p)
{
	return p->opened <= p->aside && p->untold == 0;
}

static void
show(const struct progress *p, bool terminal, struct buf *before)
{
	struct buf line;

	buf_init(&line, ANSWER_MAX);
	buf_printf(&line, "%u written, %u coming: %s", p->written,
	    p->coming + p->opening, buf_str(&p->text));
	if (strcmp(buf_str(&line), buf_str(before)) != 0) {
		fputs(terminal ? "\r\033[K" : "", stdout);
		cli_out("%s%s", buf_str(&line), terminal ? "" : "\n");
		fflush(stdout);
	}
	buf_reset(before);
	buf_puts(before, buf_str(&line));
	buf_free(&line);
}

/* ---- what came of it ---- */

static int
conclude(const struct rescue *x, const struct progress *p)
{
	unsigned bad = p->later + p->aside;
	struct error why;

	cli_out("%u mail%s in %s; friends: %s\n", p->written,
	    p->written == 1 ? "" : "s", x->maildir, buf_str(&p->text));
	if (x->remove && is_told(p))
		cli_out("They have been told that they may delete them.\n");
	else if (x->remove)
		cli_warn("not all of them heard that they may delete them");
	if (bad > 0)
		return cli_error("%u could not be opened or written, and stay "
				 "where they are; %s/log says why",
		    bad, x->work);
	if (p->failed > 0)
		return cli_error("%u of %u friends could not be asked; what "
				 "they alone hold is not here; %s/log says why",
		    p->failed, p->peers, x->work);
	if (file_remove_tree(x->work, &why) < 0)
		cli_warn("%s", why.text);
	return CLI_OK;
}

int
rescue_watch(struct rescue *x)
{
	bool terminal = isatty(STDOUT_FILENO), answered, over = false;
	struct progress p;
	struct buf before;
	int rc, telling = 0;

	buf_init(&before, ANSWER_MAX);
	buf_init(&p.text, ANSWER_MAX);
	do {
		(void)poll(NULL, 0, LOOK_MS);
		rc = look(x, &p, &answered);
		if (rc != CLI_OK || !answered)
			continue;
		show(&p, terminal, &before);
		if (is_fetched(&p))
			telling += LOOK_MS;
		over = is_fetched(&p) &&
		    (!x->remove || is_told(&p) || telling >= TELL_MS);
	} while (rc == CLI_OK && !over);
	if (terminal)
		putchar('\n');
	if (rc == CLI_OK) {
		stop(x->relayd);
		x->relayd = 0;
		rc = conclude(x, &p);
	}
	buf_free(&p.text);
	buf_free(&before);
	return rc;
}
