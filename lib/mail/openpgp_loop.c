/* SPDX-License-Identifier: MIT */
/*
 * openpgp_loop - waiting for gpg, in place of GPGME's own loop. See
 * openpgp_loop.h.
 *
 * A descriptor's handler is called on any event of poll(2), errors
 * included: it then reads or writes, and sees what is the matter. One
 * thread, one operation at a time.
 */
#include "mail/openpgp_loop.h"

#include <errno.h>
#include <poll.h>

static gpgme_error_t
loop_add(void *ctx, int fd, int reading, gpgme_io_cb_t call, void *data,
    void **tag_r)
{
	struct openpgp_loop *loop = ctx;
	unsigned i;

	for (i = 0; i < LOOP_WATCH_MAX; i++) {
		if (loop->watch[i].fd >= 0)
			continue;
		loop->watch[i].fd = fd;
		loop->watch[i].events = reading ? POLLIN : POLLOUT;
		loop->watch[i].call = call;
		loop->watch[i].data = data;
		*tag_r = &loop->watch[i];
		return 0;
	}
	return gpgme_error(GPG_ERR_TOO_MANY);
}

static void
loop_remove(void *tag)
{
	struct openpgp_watch *w = tag;

	w->fd = -1;
}

static void
loop_event(void *ctx, gpgme_event_io_t type, void *data)
{
	const struct gpgme_io_event_done_data *end = data;
	struct openpgp_loop *loop = ctx;

	if (type != GPGME_EVENT_DONE)
		return;
	loop->done = true;
	loop->err = end->err != 0 ? end->err : end->op_err;
}

void
openpgp_loop_attach(struct openpgp_loop *loop, gpgme_ctx_t ctx)
{
	struct gpgme_io_cbs cbs = {.add = loop_add,
	    .add_priv = loop,
	    .remove = loop_remove,
	    .event = loop_event,
	    .event_priv = loop};
	unsigned i;

	for (i = 0; i < LOOP_WATCH_MAX; i++)
		loop->watch[i].fd = -1;
	loop->done = false;
	loop->err = 0;
	gpgme_set_io_cbs(ctx, &cbs);
}

/* Call the handlers of what poll(2) found. A handler may end others. */
static void
loop_call(struct openpgp_loop *loop, const struct pollfd *fds)
{
	struct openpgp_watch *w;
	unsigned i;

	for (i = 0; i < LOOP_WATCH_MAX && !loop->done; i++) {
		w = &loop->watch[i];
		if (fds[i].revents != 0 && w->fd == fds[i].fd)
			w->call(w->data, w->fd);
	}
}

/* One round; 0 or the reason to give up. */
static gpgme_error_t
loop_round(struct openpgp_loop *loop)
{
	struct pollfd fds[LOOP_WATCH_MAX];
	unsigned i;
	int n;

	for (i = 0; i < LOOP_WATCH_MAX; i++)
		fds[i] = (struct pollfd){
		    .fd = loop->watch[i].fd, .events = loop->watch[i].events};
	n = poll(fds, LOOP_WATCH_MAX, LOOP_SILENCE_MS);
	if (n > 0)
		loop_call(loop, fds);
	else if (n == 0)
		return gpgme_error(GPG_ERR_TIMEOUT);
	else if (errno != EINTR && errno != EAGAIN)
		return gpgme_error_from_syserror();
	return 0;
}

gpgme_error_t
openpgp_loop_run(
    struct openpgp_loop *loop, gpgme_ctx_t ctx, gpgme_error_t start)
{
	gpgme_error_t err = start;

	while (err == 0 && !loop->done)
		err = loop_round(loop);
	if (err == 0)
		err = loop->err;
	else if (start == 0)
		gpgme_cancel(ctx);
	return err;
}
