/* SPDX-License-Identifier: MIT */
/*
 * watch - shows something again and again. See watch.h.
 *
 * The terminal gets its own settings back however this ends, but for
 * SIGKILL: signals are waited for in one place, and nothing is done in a
 * handler.
 */
#include "cli/watch.h"

#include <sys/signalfd.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"

#define HOME "\033[H"
#define CLEAR_BELOW "\033[J"
#define CLEAR_ALL "\033[2J"
#define HIDE_CURSOR "\033[?25l"
#define SHOW_CURSOR "\033[?25h"

struct watch {
	bool in_place; /* standard output is a terminal */
	bool keys; /* standard input is one */
	struct termios before;
	sigset_t mask_before;
	int signals;
};

static int
begin(struct watch *w)
{
	struct termios raw;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	if (sigprocmask(SIG_BLOCK, &set, &w->mask_before) < 0)
		return AG_EIO;
	w->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (w->signals < 0)
		return AG_EIO;
	w->in_place = isatty(STDOUT_FILENO);
	w->keys = w->in_place && tcgetattr(STDIN_FILENO, &w->before) == 0;
	if (w->keys) {
		raw = w->before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	if (w->in_place)
		fputs(HIDE_CURSOR CLEAR_ALL, stdout);
	return 0;
}

static void
end(struct watch *w)
{
	if (w->keys)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &w->before);
	if (w->in_place)
		fputs(SHOW_CURSOR, stdout);
	if (w->signals >= 0)
		close(w->signals);
	(void)sigprocmask(SIG_SETMASK, &w->mask_before, NULL);
}

/* Until it is time, a key, or a signal; false when it is to end. */
static bool
pause_for(struct watch *w, unsigned seconds)
{
	struct pollfd p[2] = {
	    {w->signals, POLLIN, 0},
	    {w->keys ? STDIN_FILENO : -1, POLLIN, 0},
	};
	struct signalfd_siginfo info;
	char key;

	if (poll(p, 2, (int)seconds * 1000) < 0)
		return errno == EINTR;
	if (p[0].revents != 0 &&
	    read(w->signals, &info, sizeof(info)) == sizeof(info))
		return info.ssi_signo == SIGWINCH;
	if (p[1].revents != 0 &&
	    (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q'))
		return false;
	return true;
}

static bool
show(const struct watch *w, const struct screen *s, const struct buf *text)
{
	if (w->in_place)
		fputs(HOME, stdout);
	screen_put(stdout, s, text, w->in_place);
	if (w->in_place)
		fputs(CLEAR_BELOW, stdout);
	return fflush(stdout) == 0; /* the reader has gone */
}

int
watch_run(watch_fn *fn, void *ctx, unsigned seconds)
{
	struct watch w = {.signals = -1};
	struct screen screen;
	struct buf text;
	int rc;

	if (begin(&w) < 0)
		return cli_error("can't wait for signals");
	signal(SIGPIPE, SIG_IGN);
	buf_init(&text, 64U << 20);
	do {
		screen_find(&screen);
		if (w.in_place && screen.height > 1)
			screen.height--;
		buf_reset(&text);
		rc = fn(ctx, &screen, &text);
	} while (
	    rc == CLI_OK && show(&w, &screen, &text) && pause_for(&w, seconds));
	end(&w);
	buf_free(&text);
	return rc;
}
