/* SPDX-License-Identifier: MIT */
/*
 * agamid pause, agamid resume - tell the peers of a planned absence, so
 * that nobody is alarmed, and of its end.
 */
#include "cli/cli.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/relay.h"
#include "cli/usage.h"
#include "util/text.h"

#define DURATION 3600 /* where none is given */
#define DURATION_MAX (30 * 86400)
#define TELL_MS 10000 /* for peers to be reached */
#define LOOK_MS 200

/* Names of the peers that know (told "yes"), or don't; how many. */
static unsigned
peers_told(const struct buf *status, const char *told, struct buf *names)
{
	char name[64], word[8];
	const char *line;
	unsigned n = 0;
	struct cursor c;
	size_t len;

	cursor_init(&c, buf_str(status), status->len);
	while (cursor_line(&c, &line, &len)) {
		if (!relay_value(line, len, "peer", name, sizeof(name)) ||
		    !relay_value(line, len, "told", word, sizeof(word)) ||
		    strcmp(word, told) != 0)
			continue;
		(void)buf_printf(names, "%s%s", n > 0 ? ", " : "", name);
		n++;
	}
	return n;
}

/* Until all know, or it has taken long enough; the last answer. */
static int
wait_until_told(
    const struct conf *conf, struct buf *status, struct error *error_r)
{
	struct buf names;
	int waited = 0;
	unsigned left;

	buf_init(&names, RELAY_ANSWER_MAX);
	for (;;) {
		buf_reset(status);
		buf_reset(&names);
		if (relay_order(conf, "status\n", status, error_r) < 0) {
			buf_free(&names);
			return AG_EIO;
		}
		left = peers_told(status, "no", &names);
		if (left == 0 || waited >= TELL_MS)
			break;
		(void)poll(NULL, 0, LOOK_MS);
		waited += LOOK_MS;
	}
	buf_free(&names);
	return 0;
}

static int
tell(const struct conf *conf, int64_t until)
{
	char *command = xasprintf("pause %lld\n", (long long)until);
	struct buf answer, yes, no;
	struct error why;
	char time[21];
	int rc = CLI_OK;

	buf_init(&answer, RELAY_ANSWER_MAX);
	buf_init(&yes, RELAY_ANSWER_MAX);
	buf_init(&no, RELAY_ANSWER_MAX);
	if (relay_order(conf, command, &answer, &why) < 0 ||
	    wait_until_told(conf, &answer, &why) < 0) {
		rc = cli_error("%s", why.text);
		goto out;
	}
	text_time(until, time);
	if (until != 0)
		cli_out("This node is away until %s.\n", time);
	else
		cli_out("This node is back.\n");
	if (peers_told(&answer, "yes", &yes) > 0)
		cli_out("Peers that know: %s\n", buf_str(&yes));
	if (peers_told(&answer, "no", &no) > 0)
		cli_out("Not reached yet: %s\n", buf_str(&no));
out:
	buf_free(&no);
	buf_free(&yes);
	buf_free(&answer);
	free(command);
	return rc;
}

static int
run(const struct cli *cli, int64_t until)
{
	struct conf *conf = cli_conf(cli);
	int rc;

	if (conf == NULL)
		return CLI_FAILED;
	rc = tell(conf, until);
	conf_free(&conf);
	return rc;
}

int
cmd_pause(const struct cli *cli, int argc, char **argv)
{
	uint64_t seconds = DURATION;

	if (argc > 2)
		return cli_usage(USAGE_PAUSE);
	if (argc == 2 && text_duration(argv[1], &seconds) < 0)
		return cli_error(
		    "%s is no duration; 30m, 2h and 3d are", argv[1]);
	if (seconds == 0 || seconds > DURATION_MAX)
		return cli_error("a pause is at most 30d; to go for good is "
				 "agamid leave");
	return run(cli, (int64_t)time(NULL) + (int64_t)seconds);
}

int
cmd_resume(const struct cli *cli, int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return cli_usage(USAGE_RESUME);
	return run(cli, 0);
}
