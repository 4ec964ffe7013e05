/* SPDX-License-Identifier: MIT */
/*
 * showq - does Postfix's queue hold a mail of this sender that arrived at
 * that time? Asked of Postfix's own showq(8), on public/showq, which knows
 * no Message-ID: so a yes means "perhaps", and a no is a no for what Postfix
 * has taken and not yet handed on.
 *
 * It answers in attributes: NAME NUL VALUE NUL ..., each mail's ended by an
 * empty name; of each we want "time" and, behind it, "sender".
 */
#ifndef AGAMID_DELIVER_SHOWQ_H
#define AGAMID_DELIVER_SHOWQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define SHOWQ_TEXT_MAX 512 /* of a value that is looked at */

struct showq {
	const char *sender;
	int64_t from, to;
	char name[16], value[SHOWQ_TEXT_MAX];
	size_t len; /* of what is being read */
	bool in_value, found;
	int64_t time; /* of this mail; -1: not known yet */
};

/* path: of MAIL FROM, "<ann@sender.example>", borrowed; from, to: seconds,
 * both included. The parser is pure. */
void showq_init(struct showq *q, const char *path, int64_t from, int64_t to);
void showq_put(struct showq *q, const char *data, size_t len);

/* 1, 0, AG_EIO: it could not be asked. Waits for a few seconds at most. */
int showq_holds(const char *socket, const char *path, int64_t from, int64_t to);

#endif
