/* SPDX-License-Identifier: MIT */
/*
 * init_ask - the questions of `agamid init` on a terminal: each says what
 * it is for and what this machine suggests, and is asked again until the
 * answer is of the right form. What was given by an option is not asked.
 */
#ifndef AGAMID_INIT_ASK_H
#define AGAMID_INIT_ASK_H

#include "cli/cli.h"
#include "cli/init.h"

/* What was typed, which the options point into. */
struct init_answers {
	char **text;
	size_t count;
};

/* CLI_OK, or CLI_FAILED where the operator gave up. Nothing is written. */
int init_ask(
    const struct cli *cli, struct init_options *o, struct init_answers *a);
void init_answers_free(struct init_answers *a);

#endif
