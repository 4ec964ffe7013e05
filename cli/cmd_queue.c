/* SPDX-License-Identifier: MIT */
/*
 * agamid queue - the bundles on this node: for whom, since when, how big.
 */
#include "cli/cli.h"

#include <string.h>
#include <time.h>

#include "cli/bundles.h"
#include "cli/relay.h"
#include "cli/show.h"

#define USAGE "queue [--json]"

static void
print_text(const struct bundle_list *list, int64_t now)
{
	const struct bundle_item *item;
	char size[32], age[32];
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < list->count; i++) {
		item = &list->items[i];
		show_size(item->size, size);
		show_age(now - item->since, age);
		bytes += item->size;
		cli_out("%-16s  %-8s  %10s  %12s  %s\n",
		    item->home[0] != '\0' ? item->home : "?",
		    bundle_place_name(item->place), size, age, item->id);
	}
	show_size(bytes, size);
	cli_out("%zu bundle%s, %s\n", list->count, list->count == 1 ? "" : "s",
	    size);
}

static void
print_json(const struct bundle_list *list, bool running)
{
	const struct bundle_item *item;
	struct json j;
	size_t i;

	json_init(&j);
	json_open(&j, NULL, '{');
	json_bool(&j, "relayd", running);
	json_open(&j, "bundles", '[');
	for (i = 0; i < list->count; i++) {
		item = &list->items[i];
		json_open(&j, NULL, '{');
		json_text(&j, "id", item->id);
		json_text(&j, "home", item->home);
		json_text(&j, "place", bundle_place_name(item->place));
		json_number(&j, "size", (int64_t)item->size);
		json_number(&j, "since", item->since);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_print(&j);
	json_free(&j);
}

int
cmd_queue(const struct cli *cli, int argc, char **argv)
{
	struct bundle_list list;
	struct conf *conf;
	struct error why;
	bool json;
	int rc = CLI_OK;

	json = argc == 2 && strcmp(argv[1], "--json") == 0;
	if (argc > 1 && !json)
		return cli_usage(USAGE);
	conf = cli_conf(cli);
	if (conf == NULL)
		return CLI_FAILED;
	if (bundles_read(conf, &list, &why) < 0)
		rc = cli_error("%s", why.text);
	else if (json)
		print_json(&list, false);
	else
		print_text(&list, time(NULL));
	bundles_free(&list);
	conf_free(&conf);
	return rc;
}
