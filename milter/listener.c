/* SPDX-License-Identifier: MIT */
/*
 * listener - accepts connections from Postfix; see listener.h.
 *
 * SECURITY: who may connect is settled by the socket's directory and mode
 * (group postfix).
 */
#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "milter/listener.h"
#include "util/log.h"
#include "util/sock.h"

#define STACK_SIZE (512 * 1024)
#define SOCKET_MODE 0660

struct server {
	struct listener l;
	int fd;
	pthread_mutex_t lock;
	unsigned open;
};

struct connection {
	struct server *server;
	int fd;
};

static bool
take_place(struct server *s)
{
	bool ok;

	pthread_mutex_lock(&s->lock);
	ok = s->open < s->l.max;
	if (ok)
		s->open++;
	pthread_mutex_unlock(&s->lock);
	return ok;
}

static void
leave_place(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	s->open--;
	pthread_mutex_unlock(&s->lock);
}

static void *
run_connection(void *arg)
{
	struct connection *c = arg;

	c->server->l.serve(c->fd, c->server->l.ctx);
	close(c->fd);
	leave_place(c->server);
	free(c);
	return NULL;
}

static bool
start_thread(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	rc = pthread_create(&thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return rc == 0;
}

static void
serve(struct server *s, int fd)
{
	struct connection *c;

	if (!take_place(s)) {
		log_warn(
		    "connection refused socket=%s max=%u", s->l.path, s->l.max);
		(void)listener_write(fd, s->l.full, strlen(s->l.full), 0);
		close(fd);
		return;
	}
	c = malloc(sizeof(*c));
	if (c != NULL) {
		c->server = s;
		c->fd = fd;
		if (start_thread(run_connection, c))
			return;
		free(c);
	}
	log_warn("connection refused socket=%s error=no memory", s->l.path);
	leave_place(s);
	close(fd);
}

static void *
run_server(void *arg)
{
	struct server *s = arg;
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	int fd;

	for (;;) {
		fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			serve(s, fd);
		} else if (errno == EAGAIN) {
			(void)poll(&p, 1, -1);
		} else if (errno == EMFILE || errno == ENFILE ||
		    errno == ENOBUFS || errno == ENOMEM) {
			log_warn("accept failed socket=%s error=%s", s->l.path,
			    strerror(errno));
			(void)poll(NULL, 0, 200); /* others must end first */
		}
	}
	return NULL;
}

int
listener_start(const struct listener *l, struct error *error_r)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return error_set(error_r, AG_ENOMEM, "no memory");
	s->l = *l;
	pthread_mutex_init(&s->lock, NULL);
	s->fd = sock_listen(l->path, SOCK_STREAM, SOCKET_MODE, error_r);
	if (s->fd < 0) {
		free(s);
		return AG_EIO;
	}
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) == -1 ||
	    !start_thread(run_server, s)) {
		error_set(error_r, AG_EIO, "%s: can't serve it", l->path);
		close(s->fd);
		free(s);
		return AG_EIO;
	}
	return AG_OK;
}

static int
wait_for(int fd, short events, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n == -1 && errno == EINTR);
	if (n == 0)
		return AG_EAGAIN;
	return n > 0 ? AG_OK : AG_EIO;
}

ssize_t
listener_read(int fd, void *data, size_t len, int timeout_ms)
{
	ssize_t n;
	int rc;

	for (;;) {
		n = read(fd, data, len);
		if (n >= 0)
			return n;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return AG_EIO;
		if ((rc = wait_for(fd, POLLIN, timeout_ms)) != AG_OK)
			return rc;
	}
}

int
listener_write(int fd, const void *data, size_t len, int timeout_ms)
{
	const char *p = data;
	ssize_t n;
	int rc;

	while (len > 0) {
		n = write(fd, p, len);
		if (n > 0) {
			p += n;
			len -= n;
		} else if (n == -1 && errno == EAGAIN) {
			rc = wait_for(fd, POLLOUT, timeout_ms);
			if (rc != AG_OK)
				return rc;
		} else if (n == 0 || errno != EINTR) {
			return AG_EIO;
		}
	}
	return AG_OK;
}
