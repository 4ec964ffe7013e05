/* SPDX-License-Identifier: MIT */
/*
 * state_help - see state_help.h.
 */
#include "help.h"

#include <stdio.h>

#include "state_help.h"
#include "util/error.h"

struct id
nth(unsigned n)
{
	struct id id;

	snprintf(id.text, sizeof(id.text), "%024x%08x%032x", 0, n, 0xabc);
	return id;
}

struct state *
reopen(struct state *s, bool fresh)
{
	struct error error = {""};
	bool was_fresh = !fresh;

	state_close(&s);
	assert_null(s);
	assert_int_equal(
	    state_open(help_path("network.db"), &s, &was_fresh, &error), 0);
	assert_int_equal(was_fresh, fresh);
	return s;
}
