/* SPDX-License-Identifier: MIT */
/*
 * probe - looks at a node from outside. See probe.h.
 *
 * SECURITY: faces the network, in a process of its own that has no secret
 * and writes nothing but its lines. It dials only what the peer's own
 * manifest names, and says nothing there but EHLO and QUIT. What is said
 * at an address that is not public is not passed on (SPEC ): a peer
 * shall not read through us what stands in our house.
 */
#include "relayd/probe.h"

#include <sys/socket.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/log.h"
#include "util/text.h"
#include "mail/role.h"
#include "mail/smtp_reply.h"
#include "manifests/network.h"
#include "relayd/addresses.h"
#include "relayd/session.h"
#include "relayd/ssh.h"
#include "relayd/tcp.h"

#define SMTP_PORT 25
#define CONNECT_MS 3000
#define REPLY_MS 4000
#define TEXT_MAX 160

/* What was seen at one address. */
struct sight {
	bool smtp, ehlo, starttls, ssh;
	char smtp_text[TEXT_MAX], ehlo_text[TEXT_MAX];
	char starttls_text[TEXT_MAX], ssh_text[TEXT_MAX];
};

struct probe {
	const struct manifest *peer;
	const char *self; /* our host's name, for EHLO */
	struct buf in;
	int fd;
	struct sight now, best;
};

static void __attribute__((format(printf, 2, 3)))
text_set(char *text, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	vsnprintf(text, TEXT_MAX, fmt, ap);
	va_end(ap);
	for (p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
			*p = '?';
	}
}

static void
say(const char *what, bool good, const char *text)
{
	printf("%s %s %s\n", what, good ? "ok" : "fail",
	    text[0] != '\0' ? text : "not tried");
	fflush(stdout);
}

/* ---- SMTP ---- */

static bool
read_more(struct probe *p)
{
	struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
	char *room;
	ssize_t n;

	if (poll(&pfd, 1, REPLY_MS) != 1)
		return false;
	room = buf_reserve(&p->in, 512);
	if (room == NULL)
		return false;
	n = read(p->fd, room, 512);
	if (n <= 0)
		return false;
	buf_commit(&p->in, (size_t)n);
	return true;
}

static bool
read_reply(struct probe *p, struct smtp_reply *r_r)
{
	ssize_t used;

	do {
		used = smtp_reply_parse(p->in.data, p->in.len, r_r);
		if (used > 0)
			buf_consume(&p->in, (size_t)used);
	} while (used == 0 && read_more(p));
	return used > 0;
}

static bool
write_line(struct probe *p, const char *word, const char *arg)
{
	char line[512];
	int n;

	n = snprintf(line, sizeof(line), "%s%s\r\n", word, arg);
	return n > 0 && n < (int)sizeof(line) &&
	    send(p->fd, line, (size_t)n, MSG_NOSIGNAL) == n;
}

/* The name that a greeting or an EHLO reply begins with. */
static bool
is_named(const struct smtp_reply *r, const char *host)
{
	size_t len = strcspn(r->text, " \n");

	return len == strlen(host) && strncasecmp(r->text, host, len) == 0;
}

static void
talk(struct probe *p, struct sight *at, struct smtp_reply *r)
{
	struct smtp_offer offer;
	char line[TEXT_MAX];

	if (!read_reply(p, r)) {
		text_set(at->smtp_text, "no greeting came");
		return;
	}
	smtp_reply_line(r, line, sizeof(line));
	text_set(at->smtp_text, "%s", line);
	at->smtp = r->code == 220;
	if (!at->smtp)
		return;
	if (!write_line(p, "EHLO ", p->self) || !read_reply(p, r)) {
		text_set(at->ehlo_text, "no reply to EHLO came");
		return;
	}
	smtp_offer_parse(r, &offer);
	at->starttls = offer.starttls;
	text_set(
	    at->starttls_text, "%s", at->starttls ? "offered" : "not offered");
	at->ehlo = r->code == 250 && is_named(r, p->peer->host);
	if (r->code == 250 && !at->ehlo)
		text_set(at->ehlo_text, "it calls itself %.*s, not %s",
		    (int)strcspn(r->text, " \n"), r->text, p->peer->host);
	else
		text_set(at->ehlo_text, "%d", r->code);
	(void)write_line(p, "QUIT", "");
}

/* Keeps only what was well and what not. */
static void
hide(struct sight *at)
{
	text_set(at->smtp_text, "%s", at->smtp ? "220" : "no greeting of SMTP");
	text_set(at->ehlo_text, "%s",
	    at->ehlo ? "250" : "not under the manifest's host name");
}

static void
look_smtp(struct probe *p, int fd, struct sight *at)
{
	static struct smtp_reply r; /* big */

	p->fd = fd;
	buf_reset(&p->in);
	talk(p, at, &r);
	close(p->fd);
}

/* ---- SSH ---- */

/* fd: connected to the address' SSH port, or error says why not. */
static void
look_ssh(struct probe *p, const char *address, int fd, struct error *error,
    struct sight *at)
{
	at->ssh = fd >= 0 && ssh_recognise(p->peer, address, fd, error) == 0;
	text_set(at->ssh_text, "%s: %s", address,
	    at->ssh ? "its host key is the manifest's"
		: text_address_is_special(address)
		? "no SSH server with the manifest's key"
		: error->text);
}

/* ---- all addresses ---- */

static unsigned
count_good(const struct sight *at)
{
	return (unsigned)at->smtp + at->ehlo + at->ssh;
}

/* address_fn: true if it is the peer who answers there, by both. */
static bool
try_address(const char *address, int fd, const char *why, void *ctx)
{
	struct probe *p = ctx;
	struct error error = {""};

	memset(&p->now, 0, sizeof(p->now));
	if (fd >= 0)
		look_smtp(p, fd, &p->now);
	else
		text_set(p->now.smtp_text, "%s: %s", address, why);
	if (text_address_is_special(address))
		hide(&p->now);
	if (p->now.ehlo) {
		fd =
		    tcp_connect(address, p->peer->ssh_port, CONNECT_MS, &error);
		look_ssh(p, address, fd, &error, &p->now);
	}
	if (p->best.smtp_text[0] == '\0' ||
	    count_good(&p->now) > count_good(&p->best))
		p->best = p->now;
	return p->now.ssh;
}

/* address_fn */
static bool
try_ssh(const char *address, int fd, const char *why, void *ctx)
{
	struct probe *p = ctx;
	struct error error = {""};

	if (fd < 0)
		error_set(&error, AG_EIO, "%s", why);
	look_ssh(p, address, fd, &error, &p->best);
	return p->best.ssh;
}

/* Of the address where most is well. If its mail server is nowhere, that
 * is said before the SSH server is looked for. */
static int
look(struct probe *p)
{
	struct sight *best = &p->best;

	(void)addresses_dial(p->peer, SMTP_PORT, CONNECT_MS, try_address, p);
	say("smtp", best->smtp, best->smtp_text);
	say("ehlo", best->ehlo, best->ehlo_text);
	say("starttls", best->starttls, best->starttls_text);
	if (!best->ehlo)
		(void)addresses_dial(
		    p->peer, p->peer->ssh_port, CONNECT_MS, try_ssh, p);
	say("ssh", best->ssh, best->ssh_text);
	return count_good(best) == 3 ? 0 : AG_EIO;
}

int
probe_run(const struct conf *conf, const char *name)
{
	struct error error = {""};
	struct probe p = {.fd = -1};
	struct network *net;
	int rc = AG_ENOENT;

	alarm(PROBE_SECONDS);
	buf_init(&p.in, SMTP_REPLY_MAX);
	net = network_load(conf->derived_dir, &error);
	if (net != NULL)
		p.peer = network_find(net, name);
	if (p.peer == NULL) {
		log_error("can't probe peer=%s error=\"%s\"", name, error.text);
	} else {
		role_enter(ROLE_PROBE, conf, NULL);
		p.self = network_self(net)->host;
		rc = look(&p);
	}
	buf_free(&p.in);
	network_unref(&net);
	return rc;
}
