/* SPDX-License-Identifier: MIT */
/*
 * errand - one request to agamid-deliver. See errand.h.
 */
#include "relayd/errand.h"

#include <sys/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"
#include "util/sock.h"
#include "util/text.h"
#include "relayd/client.h"

#define TEXT_MAX 256

struct errand {
	struct relayd *r;
	struct client *client;
	errand_fn *fn;
	void *ctx;
};

static void
finish(struct errand *e, const char *word, const char *text)
{
	struct errand *gone = e;
	struct relayd *r = e->r;
	errand_fn *fn = e->fn;
	void *ctx = e->ctx;

	errand_free(&gone);
	fn(r, word, text, ctx);
}

/* "WORD ABOUT[ TEXT]\n" */
static void
on_message(struct client *c, const char *data, size_t len, int fd, void *ctx)
{
	char word[16], text[TEXT_MAX] = "";

	(void)c;
	(void)len;
	if (fd >= 0)
		close(fd);
	if (sscanf(data, "%15[a-z] %*s %255[^\n]", word, text) < 1 ||
	    (strcmp(word, "done") != 0 && strcmp(word, "refused") != 0)) {
		finish(ctx, "retry", text);
		return;
	}
	finish(ctx, word, text);
}

static void
on_gone(struct client *c, void *ctx)
{
	struct errand *e = ctx;

	(void)c;
	e->client = NULL; /* it is freed by itself */
	finish(e, "retry", "agamid-deliver has gone");
}

static const struct client_calls calls = {on_message, on_gone};

struct errand *
errand_new(struct relayd *r, const char *line, int fd, errand_fn *fn, void *ctx)
{
	char *path = xasprintf("%s/deliver/deliver.sock", r->conf->run_dir);
	struct errand *e = xcalloc(1, sizeof(*e));
	struct error error = {""};
	int sock = sock_connect(path, SOCK_SEQPACKET, &error);
	char *message;

	free(path);
	*e = (struct errand){.r = r, .fn = fn, .ctx = ctx};
	if (sock >= 0)
		e->client = client_new(r->base, sock, &calls, e);
	if (e->client == NULL) {
		if (fd >= 0)
			close(fd);
		free(e);
		return NULL;
	}
	message = xasprintf("%s\n", line);
	client_send(e->client, message, strlen(message), fd);
	free(message);
	return e;
}

void
errand_free(struct errand **ep)
{
	struct errand *e = *ep;

	*ep = NULL;
	if (e == NULL)
		return;
	client_free(&e->client);
	free(e);
}
