/* SPDX-License-Identifier: MIT */
/*
 * quiet - no words from librnp. See quiet.h.
 *
 * The stream is one for the process's life: librnp closes at the end of an
 * object what was stderr at its start and is not any more.
 */
#include "dovecot-plugin/quiet.h"

#include <sys/types.h>

static ssize_t
nowhere(void *ctx, const char *data, size_t len)
{
	(void)ctx;
	(void)data;
	return (ssize_t)len;
}

FILE *
quiet_begin(void)
{
	static FILE *silent;
	cookie_io_functions_t io = {.write = nowhere};
	FILE *before = stderr;

	if (silent == NULL)
		silent = fopencookie(NULL, "w", io);
	if (silent != NULL)
		stderr = silent;
	return before;
}

void
quiet_end(FILE *before)
{
	stderr = before;
}
