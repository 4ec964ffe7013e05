/* SPDX-License-Identifier: MIT */
/*
 * quiet - no words from librnp. See quiet.h.
 *
 * The stream is one for as long as the plugin is loaded: librnp closes at
 * the end of an object what was stderr at its start and is not any more.
 * It is no stream of our own making, whose functions would be called at
 * the process's end, when Dovecot has unloaded them.
 */
#include "dovecot-plugin/quiet.h"

static FILE *silent;

FILE *
quiet_begin(void)
{
	FILE *before = stderr;

	if (silent == NULL)
		silent = fopen("/dev/null", "we");
	if (silent != NULL)
		stderr = silent;
	return before;
}

void
quiet_end(FILE *before)
{
	stderr = before;
}

void
quiet_free(void)
{
	if (silent != NULL)
		fclose(silent);
	silent = NULL;
}
