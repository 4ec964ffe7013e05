/* SPDX-License-Identifier: MIT */
/*
 * screen - text for a terminal or a pipe: its width, its colours.
 *
 * Text is made with marks of one byte where a colour begins or ends, is
 * cut to the width without counting them, and is escaped as cli_out()
 * does when it is put out: a mark becomes a colour or nothing, any other
 * control byte is shown as \xHH.
 *
 * SECURITY: a peer's words may hold bytes like the marks: at worst they
 * are coloured. They can't steer the terminal, or make a line of their own
 * if screen_word() put them there.
 */
#ifndef AGAMID_SCREEN_H
#define AGAMID_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

#include "util/buf.h"

#define SCREEN_PLAIN "\x01" /* the marks */
#define SCREEN_GOOD "\x02"
#define SCREEN_WARN "\x03"
#define SCREEN_BAD "\x04"
#define SCREEN_STRONG "\x05"

struct screen {
	unsigned width; /* columns */
	unsigned height; /* lines; 0: as many as there are */
	bool colour;
};

/* What standard output is: 80 columns unless it is a terminal, which says
 * its own; colours only there, and not with NO_COLOR or TERM=dumb. */
void screen_find(struct screen *s_r);

/* Add a line, cut to the width with "..." at its end; "\n" is put. */
void screen_line(struct buf *out, const struct screen *s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Untrusted text into a word: control bytes and beyond ASCII become '?';
 * cut to fit. */
void screen_word(const char *text, char *out, size_t size);
/* Write it; to_terminal: each line clears what was behind it. */
void screen_put(
    FILE *out, const struct screen *s, const struct buf *text, bool in_place);

#endif
