/* SPDX-License-Identifier: MIT */
/*
 * question - agamid-milter's questions. See question.h.
 */
#include "relayd/question.h"

#include <stdio.h>
#include <string.h>

#include "mail/bundle.h"
#include "relayd/await.h"
#include "relayd/client.h"

#define WORD_MAX 15

static bool
is_id(const char *id)
{
	return strlen(id) == BUNDLE_ID_LEN &&
	    strspn(id, "0123456789abcdef") == BUNDLE_ID_LEN;
}

static void
refuse(struct client *c)
{
	static const char line[] = "error=\"unknown question\"\n";

	client_send(c, line, sizeof(line) - 1, -1);
	client_finish(c);
}

bool
question_ask(struct relayd *r, struct client *c, const char *data)
{
	char word[WORD_MAX + 1] = "", id[BUNDLE_ID_LEN + 2] = "", more[2];
	unsigned want = 0, seconds = 0;
	int n;

	n = sscanf(
	    data, "%15s %65s %9u %9u %1s", word, id, &want, &seconds, more);
	if (n < 1 || strcmp(word, "copies") != 0)
		return false;
	if (n != 4 || !is_id(id))
		refuse(c);
	else
		await_begin(r, c, id, want, seconds);
	return true;
}
