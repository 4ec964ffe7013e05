/* SPDX-License-Identifier: MIT */
/*
 * agamid queue - the bundles on this node: for whom, since when, how big,
 * and, if agamid-relayd runs, who else has them; own mail that was refused
 * or can't be opened, and its delivery again; and own mail that expired.
 */
#include "cli/cli.h"

#include <string.h>
#include <time.h>

#include "cli/aside.h"
#include "cli/bundles.h"
#include "cli/expired.h"
#include "cli/jsonout.h"
#include "cli/relay.h"
#include "cli/show.h"
#include "cli/usage.h"

static void
print_relay(const struct bundle_item *item)
{
	if (item->place == BUNDLE_MINE) {
		cli_out("%18s%s\n", "", item->state);
		return;
	}
	cli_out(
	    "%18s%u cop%s", "", item->copies, item->copies == 1 ? "y" : "ies");
	if (item->holders[0] != '\0')
		cli_out(", also at %s", item->holders);
	if (item->drawn[0] != '\0')
		cli_out("; to go to %s", item->drawn);
	if (item->missing[0] != '\0')
		cli_out("; missing at %s", item->missing);
	if (item->few)
		cli_out("; fewer than wanted");
	cli_out("%s%s\n", item->own ? "; accepted here" : "; brought by ",
	    item->own ? "" : item->from);
}

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
		if (item->known)
			print_relay(item);
	}
	show_size(bytes, size);
	cli_out("%zu bundle%s, %s\n", list->count, list->count == 1 ? "" : "s",
	    size);
}

static void
json_relay(json_t *o, const struct bundle_item *item)
{
	if (item->place == BUNDLE_MINE) {
		json_object_set_new(o, "state", jsonout_text(item->state));
		return;
	}
	json_object_set_new(o, "from", jsonout_text(item->from));
	json_object_set_new(o, "own", json_boolean(item->own));
	json_object_set_new(o, "short", json_boolean(item->few));
	json_object_set_new(o, "copies", json_integer(item->copies));
	json_object_set_new(o, "holders", jsonout_names(item->holders));
	json_object_set_new(o, "drawn", jsonout_names(item->drawn));
	json_object_set_new(o, "missing", jsonout_names(item->missing));
}

static void
print_json(const struct bundle_list *list, bool running)
{
	json_t *all = json_array(), *o;
	const struct bundle_item *item;
	size_t i;

	for (i = 0; i < list->count; i++) {
		item = &list->items[i];
		o = json_object();
		json_object_set_new(o, "id", jsonout_text(item->id));
		json_object_set_new(o, "home", jsonout_text(item->home));
		json_object_set_new(
		    o, "place", jsonout_text(bundle_place_name(item->place)));
		json_object_set_new(
		    o, "size", json_integer((json_int_t)item->size));
		json_object_set_new(
		    o, "since", json_integer((json_int_t)item->since));
		if (item->known)
			json_relay(o, item);
		json_array_append_new(all, o);
	}
	o = json_pack(
	    "{s:i, s:b, s:o}", "version", 1, "relayd", running, "bundles", all);
	jsonout_print(o);
	json_decref(o);
}

/* Without relayd the spool alone is told. */
static int
queue(const struct conf *conf, bool json)
{
	struct bundle_list list;
	struct error why;
	struct buf answer;
	bool running;
	int rc = CLI_OK;

	buf_init(&answer, RELAY_ANSWER_MAX);
	running = relay_ask(conf, "queue\n", &answer, &why) == 0;
	if (!running)
		cli_warn("%s; this is what lies in the spool", why.text);
	if (bundles_read(conf, &list, &why) < 0)
		rc = cli_error("%s", why.text);
	if (running)
		bundles_annotate(&list, conf->node, &answer);
	if (rc == CLI_OK && json)
		print_json(&list, running);
	else if (rc == CLI_OK)
		print_text(&list, time(NULL));
	bundles_free(&list);
	buf_free(&answer);
	return rc;
}

int
cmd_queue(const struct cli *cli, int argc, char **argv)
{
	bool refused = argc > 1 && strcmp(argv[1], "refused") == 0;
	bool expired = argc > 1 && strcmp(argv[1], "expired") == 0;
	bool again = argc > 2 && strcmp(argv[1], "again") == 0;
	int used = 1 + (refused || expired || again), rc;
	struct conf *conf;
	bool json;

	json = argc == used + 1 && strcmp(argv[used], "--json") == 0 && !again;
	if (!again && argc > used + json)
		return cli_usage(USAGE_QUEUE);
	conf = cli_conf(cli);
	if (conf == NULL)
		return CLI_FAILED;
	if (again)
		rc = aside_again(conf, argc - used, argv + used);
	else if (expired)
		rc = expired_list(conf, json);
	else
		rc = refused ? aside_list(conf, json) : queue(conf, json);
	conf_free(&conf);
	return rc;
}
