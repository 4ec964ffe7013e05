/* SPDX-License-Identifier: MIT */
/*
 * expired - own mail that is lost, as far as relayd heard. See expired.h.
 */
#include "cli/expired.h"

#include <time.h>

#include "cli/cli.h"
#include "cli/jsonout.h"
#include "cli/relay.h"
#include "cli/show.h"
#include "mail/ticket.h"
#include "util/text.h"

struct item {
	char id[BUNDLE_ID_LEN + 1];
	char peer[NODE_NAME_MAX + 1], acceptor[NODE_NAME_MAX + 1];
	uint64_t size;
	int64_t time, at;
};

static bool
parse(const char *line, size_t len, struct item *item_r)
{
	relay_value(line, len, "peer", item_r->peer, sizeof(item_r->peer));
	relay_value(
	    line, len, "acceptor", item_r->acceptor, sizeof(item_r->acceptor));
	item_r->size = relay_number(line, len, "size");
	item_r->time = (int64_t)relay_number(line, len, "time");
	item_r->at = (int64_t)relay_number(line, len, "at");
	return relay_value(line, len, "id", item_r->id, sizeof(item_r->id));
}

static void
print_item(const struct item *item, int64_t now)
{
	char size[32], age[32];

	show_size(item->size, size);
	show_age(now - item->time, age);
	cli_out("%10s  accepted by %s %s ago, expired at %s\n%12s%s\n", size,
	    item->acceptor, age, item->peer, "", item->id);
}

static json_t *
json_item(const struct item *item)
{
	return json_pack("{s:o, s:o, s:o, s:I, s:I, s:I}", "id",
	    jsonout_text(item->id), "peer", jsonout_text(item->peer),
	    "acceptor", jsonout_text(item->acceptor), "size",
	    (json_int_t)item->size, "accepted", (json_int_t)item->time, "told",
	    (json_int_t)item->at);
}

int
expired_list(const struct conf *conf, bool json)
{
	int64_t now = (int64_t)time(NULL);
	json_t *all = json_array();
	struct item item;
	struct buf answer;
	struct cursor c;
	struct error why;
	const char *line;
	size_t len, count = 0;
	int rc = CLI_OK;

	buf_init(&answer, RELAY_ANSWER_MAX);
	if (relay_order(conf, "expired\n", &answer, &why) < 0) {
		rc = cli_error("%s", why.text);
		goto out;
	}
	cursor_init(&c, buf_str(&answer), answer.len);
	for (; cursor_line(&c, &line, &len); count++) {
		if (!parse(line, len, &item))
			continue;
		if (json)
			json_array_append_new(all, json_item(&item));
		else
			print_item(&item, now);
	}
	if (json)
		jsonout_print_bundles(all);
	else if (count == 0)
		cli_out("Nothing of ours has expired.\n");
out:
	json_decref(all);
	buf_free(&answer);
	return rc;
}
