/* SPDX-License-Identifier: MIT */
/*
 * apply - what agamid apply does, for other subcommands that end with it.
 */
#ifndef AGAMID_APPLY_H
#define AGAMID_APPLY_H

#include <stdbool.h>

#include "cli/known.h"

struct apply_options {
	bool no_reload; /* Postfix is told by the next one */
	bool quiet; /* only what is wrong */
	bool untried; /* no sshd and no Postfix will read it */
};

/* Take in what came by exchange, and put into force what follows from all.
 * k is locked. An exit code. */
int apply_known(struct known *k, const struct apply_options *o);

#endif
