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
#include "relayd/gate.h"

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

static void
ask_copies(struct relayd *r, struct client *c, const char *args)
{
	char id[BUNDLE_ID_LEN + 2] = "", more[2];
	unsigned want, seconds;

	if (sscanf(args, "%65s %9u %9u %1s", id, &want, &seconds, more) != 3 ||
	    !is_id(id))
		refuse(c);
	else
		await_begin(r, c, id, want, seconds);
}

static void
ask_gate(struct relayd *r, struct client *c, const char *args)
{
	char home[NODE_NAME_MAX + 2] = "", key[GATE_KEY_LEN + 2] = "", more[2];

	if (sscanf(args, "%33s %33s %1s", home, key, more) != 2)
		refuse(c);
	else
		gate_ask(r, c, home, key);
}

bool
question_ask(struct relayd *r, struct client *c, const char *data)
{
	if (strncmp(data, "copies ", 7) == 0) {
		ask_copies(r, c, data + 7);
		return true;
	}
	if (strncmp(data, "gate ", 5) == 0) {
		ask_gate(r, c, data + 5);
		return true;
	}
	return false;
}
