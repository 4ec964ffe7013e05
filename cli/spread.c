/* SPDX-License-Identifier: MIT */
/*
 * spread - which peers have our manifest already. See spread.h.
 */
#include "cli/spread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/issue.h"
#include "cli/relay.h"

/* The line about this peer, alone, for issue_newest_there(). */
static uint64_t
serial_at(const struct buf *answer, const char *peer, const char *node)
{
	uint64_t serial = 0;
	char name[64];
	const char *line;
	struct cursor c;
	struct buf one;
	size_t len;

	buf_init(&one, RELAY_ANSWER_MAX);
	cursor_init(&c, buf_str(answer), answer->len);
	while (cursor_line(&c, &line, &len)) {
		if (!relay_value(line, len, "peer", name, sizeof(name)) ||
		    strcmp(name, peer) != 0)
			continue;
		if (buf_put(&one, line, len) == 0 && buf_putc(&one, '\n') == 0)
			serial = issue_newest_there(&one, node);
		break;
	}
	buf_free(&one);
	return serial;
}

static size_t
count_waiting(const struct buf *answer, const struct roster *r,
    const char *node, uint64_t serial)
{
	size_t i, n = 0;

	for (i = 0; i < r->peer_count; i++)
		n += serial_at(answer, r->peers[i]->name, node) < serial;
	return n;
}

static void
print(const struct buf *answer, const struct roster *r, const char *node,
    uint64_t serial)
{
	const char *peer;
	uint64_t has;
	size_t i;

	for (i = 0; i < r->peer_count; i++) {
		peer = r->peers[i]->name;
		has = serial_at(answer, peer, node);
		if (has >= serial)
			cli_out("%s has it\n", peer);
		else if (has != 0)
			cli_out("%s has %llu\n", peer, (unsigned long long)has);
		else
			cli_out("%s was not heard of yet\n", peer);
	}
}

void
spread_show(const struct conf *conf, const struct roster *r, uint64_t serial,
    unsigned seconds)
{
	struct buf answer;
	struct error why;
	int rc;

	if (r->peer_count == 0)
		return;
	buf_init(&answer, RELAY_ANSWER_MAX);
	rc = relay_ask(conf, "serials\n", &answer, &why);
	while (rc == 0 && seconds-- > 0 &&
	    count_waiting(&answer, r, conf->node, serial) > 0) {
		sleep(1);
		buf_reset(&answer);
		rc = relay_ask(conf, "serials\n", &answer, &why);
	}
	if (rc == 0)
		print(&answer, r, conf->node, serial);
	else
		cli_out("%s: peers get it when it runs\n", why.text);
	buf_free(&answer);
}
