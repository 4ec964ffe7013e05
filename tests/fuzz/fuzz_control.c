/* SPDX-License-Identifier: MIT */
/*
 * fuzz_control - relayd's control socket: whatever agamid(8) or
 * agamid-milter(8) say is answered in whole lines, or they are cut off;
 * relayd goes on.
 *
 * One relayd, without a peer, in a directory in memory, takes all inputs.
 * The first byte of each says who speaks; each line is a message.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "util/file.h"
#include "util/log.h"
#include "util/sock.h"
#include "util/text.h"
#include "mail/conf.h"
#include "mail/keys.h"
#include "relayd/client.h"
#include "relayd/control.h"
#include "relayd/friend.h"
#include "relayd/question.h"
#include "relayd/relayd.h"

#define LINES_MAX 16
#define MESSAGE_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct relayd *relayd;
static struct conf *conf;
static char root[] = "/dev/shm/fuzz-control-XXXXXX";

static void
no_log(enum log_level level, const char *line, void *ctx)
{
	(void)level;
	(void)line;
	(void)ctx;
}

static void
remove_root(void)
{
	relayd_free(&relayd);
	conf_free(&conf);
	(void)file_remove_tree(root, NULL);
}

static void
make_dir(const char *base, const char *name)
{
	char *dir = file_join(base, name);
	struct error error;

	if (file_mkdirs(dir, 0700, &error) < 0)
		abort();
	free(dir);
}

static void
start(void)
{
	static const char *const spool[] = {
	    "new", "held", "incoming", "tmp/relay"};
	static const char text[] = "node: alice\n";
	struct error error;
	struct buf errors;
	size_t i;

	if (keys_init() < 0 || mkdtemp(root) == NULL)
		abort();
	buf_init(&errors, 4096);
	conf = conf_parse("conf", text, strlen(text), root, &errors);
	buf_free(&errors);
	if (conf == NULL)
		abort();
	for (i = 0; i < sizeof(spool) / sizeof(spool[0]); i++)
		make_dir(conf->spool_dir, spool[i]);
	make_dir(conf->state_dir, "state");
	make_dir(conf->run_dir, "relayd");
	log_set_sink(no_log, NULL);
	relayd = relayd_new(conf, false, -1, &error);
	if (relayd == NULL)
		abort();
	atexit(remove_root);
}

static void
on_gone(struct client *c, void *ctx)
{
	(void)c;
	*(bool *)ctx = true;
}

/* What has been answered so far ends in a newline, message by message. */
static void
hear(int fd)
{
	static char message[SOCK_MESSAGE_MAX];
	int passed;
	ssize_t n;

	while ((n = sock_recv(fd, message, sizeof(message), &passed)) > 0) {
		if (message[n - 1] != '\n' || passed >= 0)
			abort();
	}
}

/* False: the client is who answers's now. */
static bool
say(struct client *c, bool milter, const char *line)
{
	if (milter)
		return !question_ask(relayd, c, line);
	if (friend_ask(relayd, c, line))
		return false;
	control_command(relayd, c, line);
	return true;
}

static void
talk(int fd, struct client *c, bool milter, const char *text)
{
	bool gone = false;
	static const struct client_calls calls = {client_ignore, on_gone};
	char line[MESSAGE_MAX];
	bool mine = true;
	size_t len;
	int i;

	client_set(c, &calls, &gone);
	for (i = 0; i < LINES_MAX && *text != '\0' && mine && !gone; i++) {
		len = strcspn(text, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)len, text);
		text += len + (text[len] == '\n');
		mine = say(c, milter, line);
		event_base_loop(relayd->base, EVLOOP_NONBLOCK);
		hear(fd);
	}
	close(fd);
	for (i = 0; i < LINES_MAX && !gone; i++)
		event_base_loop(relayd->base, EVLOOP_NONBLOCK);
	if (mine && !gone)
		client_free(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct client_calls none = {client_ignore, NULL};
	struct client *c;
	char *text;
	int fds[2];

	if (relayd == NULL)
		start();
	if (len == 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) < 0)
		return 0;
	if ((c = client_new(relayd->base, fds[1], &none, NULL)) == NULL)
		abort();
	text = strndup((const char *)data + 1, len - 1);
	talk(fds[0], c, data[0] == 'm', text);
	free(text);
	return 0;
}
