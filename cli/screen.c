/* SPDX-License-Identifier: MIT */
/*
 * screen - text for a terminal or a pipe. See screen.h.
 */
#include "cli/screen.h"

#include <sys/ioctl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80
#define WIDTH_MIN 40
#define WIDTH_MAX 500
#define LINE_MAX_BYTES 4096
#define CLEAR_LINE "\033[K"

static bool
wants_colour(void)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	return (none == NULL || none[0] == '\0') && term != NULL &&
	    strcmp(term, "dumb") != 0 && term[0] != '\0';
}

void
screen_find(struct screen *s_r)
{
	struct winsize w;

	memset(s_r, 0, sizeof(*s_r));
	s_r->width = WIDTH_DEFAULT;
	if (!isatty(STDOUT_FILENO))
		return;
	s_r->colour = wants_colour();
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0)
		return;
	if (w.ws_col >= WIDTH_MIN && w.ws_col <= WIDTH_MAX)
		s_r->width = w.ws_col;
	s_r->height = w.ws_row;
}

static bool
is_mark(char c)
{
	return c >= SCREEN_PLAIN[0] && c <= SCREEN_STRONG[0];
}

void
screen_word(const char *text, char *out, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size && text[i] != '\0'; i++)
		out[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
	out[i] = '\0';
}

void
screen_line(struct buf *out, const struct screen *s, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	size_t i, columns = 0, cut = 0;
	bool marked = false;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (i = 0; line[i] != '\0'; i++) {
		if (is_mark(line[i])) {
			marked = line[i] != SCREEN_PLAIN[0];
			continue;
		}
		if (columns == s->width - 3)
			cut = i;
		if (++columns > s->width) {
			line[cut] = '\0';
			(void)buf_printf(
			    out, "%s...%s\n", line, marked ? SCREEN_PLAIN : "");
			return;
		}
	}
	while (i > 0 && line[i - 1] == ' ')
		line[--i] = '\0';
	(void)buf_printf(out, "%s%s\n", line, marked ? SCREEN_PLAIN : "");
}

static void
put_mark(FILE *out, char mark)
{
	static const char *const codes[] = {
	    "\033[0m", "\033[32m", "\033[33m", "\033[31m", "\033[1m"};

	fputs(codes[mark - SCREEN_PLAIN[0]], out);
}

void
screen_put(
    FILE *out, const struct screen *s, const struct buf *text, bool in_place)
{
	const char *p = buf_str(text);
	size_t i;

	for (i = 0; i < text->len; i++) {
		if (is_mark(p[i])) {
			if (s->colour)
				put_mark(out, p[i]);
		} else if (p[i] == '\n') {
			fputs(in_place ? CLEAR_LINE "\n" : "\n", out);
		} else if (p[i] < ' ' || p[i] > '~') {
			fprintf(out, "\\x%02x", (unsigned char)p[i]);
		} else {
			putc(p[i], out);
		}
	}
}
