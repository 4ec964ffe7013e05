/* SPDX-License-Identifier: MIT */
/*
 * agamid queue - the bundles on this node: for whom, since when, how big,
 * and, if agamid-relayd runs, who else has them.
 */
#include "cli/cli.h"

#include <string.h>
#include <time.h>

#include "cli/bundles.h"
#include "cli/relay.h"
#include "cli/show.h"

#define USAGE "queue [--json]"

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

/* "carol,dave" as an array. */
static void
json_names(struct json *j, const char *key, const char *names)
{
	char name[64];
	size_t len;

	json_open(j, key, '[');
	for (; *names != '\0'; names += len + (names[len] == ',')) {
		len = strcspn(names, ",");
		snprintf(name, sizeof(name), "%.*s", (int)len, names);
		json_text(j, NULL, name);
	}
	json_close(j, ']');
}

static void
json_relay(struct json *j, const struct bundle_item *item)
{
	if (item->place == BUNDLE_MINE) {
		json_text(j, "state", item->state);
		return;
	}
	json_text(j, "from", item->from);
	json_bool(j, "own", item->own);
	json_bool(j, "short", item->few);
	json_number(j, "copies", item->copies);
	json_names(j, "holders", item->holders);
	json_names(j, "drawn", item->drawn);
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
		if (item->known)
			json_relay(&j, item);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_print(&j);
	json_free(&j);
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
	struct conf *conf;
	bool json;
	int rc;

	json = argc == 2 && strcmp(argv[1], "--json") == 0;
	if (argc > 1 && !json)
		return cli_usage(USAGE);
	conf = cli_conf(cli);
	if (conf == NULL)
		return CLI_FAILED;
	rc = queue(conf, json);
	conf_free(&conf);
	return rc;
}
