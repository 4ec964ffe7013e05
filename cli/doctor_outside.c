/* SPDX-License-Identifier: MIT */
/*
 * doctor_outside - friends look at this node from outside: up to three of
 * those that are connected now, all at once. relayd asks them ("probe
 * PEER" on its control socket).
 *
 * SECURITY: what a friend says is only shown, and he may lie.
 */
#include "cli/doctor.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/relay.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/sock.h"
#include "util/text.h"

#define PROBES_MAX 3
#define PROBE_MS 12000 /* as long as there is time at all */
#define ANSWER_MAX 65536

struct probe {
	const char *peer;
	int fd;
	bool ended;
	struct buf answer;
};

/* ---- who is asked ---- */

static bool
is_connected(const struct doctor *d, const char *name)
{
	char peer[64], session[16];
	const char *line;
	struct cursor c;
	size_t len;

	cursor_init(&c, buf_str(&d->relay), d->relay.len);
	while (cursor_line(&c, &line, &len)) {
		if (relay_value(line, len, "peer", peer, sizeof(peer)) &&
		    strcmp(peer, name) == 0 &&
		    relay_value(line, len, "session", session, sizeof(session)))
			return strcmp(session, "dialled") == 0 ||
			    strcmp(session, "accepted") == 0;
	}
	return false;
}

static size_t
start_probes(const struct doctor *d, struct probe *probes)
{
	const struct roster *r = &d->known.roster;
	char *path = file_join(d->known.conf->run_dir, "relayd/relay.sock");
	size_t n = 0, i;
	char *ask;

	for (i = 0; i < r->peer_count && n < PROBES_MAX; i++) {
		if (!is_connected(d, r->peers[i]->name))
			continue;
		probes[n].peer = r->peers[i]->name;
		probes[n].ended = false;
		probes[n].fd = sock_connect(path, SOCK_SEQPACKET, NULL);
		buf_init(&probes[n].answer, ANSWER_MAX);
		ask = xasprintf("probe %s\n", probes[n].peer);
		if (probes[n].fd >= 0 &&
		    sock_send(probes[n].fd, ask, strlen(ask), -1) == 0)
			n++;
		else if (probes[n].fd >= 0)
			close(probes[n].fd);
		free(ask);
	}
	free(path);
	return n;
}

/* ---- their answers ---- */

static void
read_answer(struct probe *p)
{
	char data[SOCK_MESSAGE_MAX + 1];
	int passed = -1;
	ssize_t n;

	n = sock_recv(p->fd, data, sizeof(data), &passed);
	if (passed >= 0)
		close(passed);
	if (n <= 0 || strcmp(data, ".\n") == 0 ||
	    buf_put(&p->answer, data, (size_t)n) < 0)
		p->ended = true;
}

static void
collect(const struct doctor *d, struct probe *probes, size_t n)
{
	int64_t until = clock_ms() + doctor_wait(d, PROBE_MS), left;
	struct pollfd p[PROBES_MAX];
	bool open = true;
	size_t i;

	while (open && (left = until - clock_ms()) > 0) {
		open = false;
		for (i = 0; i < n; i++) {
			p[i].fd = probes[i].ended ? -1 : probes[i].fd;
			p[i].events = POLLIN;
			p[i].revents = 0;
			open |= !probes[i].ended;
		}
		if (!open || (poll(p, n, (int)left) < 0 && errno != EINTR))
			return;
		for (i = 0; i < n; i++) {
			if (!probes[i].ended && p[i].revents != 0)
				read_answer(&probes[i]);
		}
	}
}

static const struct {
	const char *check, *id, *expected, *fix;
} kinds[] = {
    {"smtp", "outside.smtp", "a friend can reach our port 25",
	"open port 25 in the firewall and the router"},
    {"ehlo", "outside.ehlo", "a friend's EHLO is answered",
	"agamid doctor postfix; journalctl -n 50 -u 'postfix*'"},
    {"starttls", "outside.starttls", "a friend can begin TLS with us",
	"postconf -e 'smtpd_tls_security_level = may' && postfix reload"},
    {"ssh", "outside.ssh",
	"a friend can reach our relay port, and knows our host key",
	"open the relay port in the firewall and the router"},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void
note_line(struct doctor *d, const char *peer, const char *line, size_t len)
{
	char check[16], result[16], text[256] = "";
	struct verdict v;
	size_t i;

	if (!relay_value(line, len, "check", check, sizeof(check)) ||
	    !relay_value(line, len, "result", result, sizeof(result)))
		return;
	relay_value(line, len, "text", text, sizeof(text));
	for (i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i].check, check) != 0)
			continue;
		verdict_begin(&v, "%s", kinds[i].expected);
		if (strcmp(result, "ok") == 0)
			verdict_found(&v, "%s%s%s says so", text,
			    text[0] == '\0' ? "" : "; ", peer);
		else if (i == 2)
			verdict_warn(
			    &v, kinds[i].fix, "%s says: %s", peer, text);
		else
			verdict_fail(
			    &v, kinds[i].fix, "%s says: %s", peer, text);
		doctor_add(d, kinds[i].id, peer, &v);
	}
}

/* True if he answered. */
static bool
note_probe(struct doctor *d, const struct probe *p, char error[256])
{
	const char *line;
	struct cursor c;
	bool any = false;
	size_t len;

	cursor_init(&c, buf_str(&p->answer), p->answer.len);
	while (cursor_line(&c, &line, &len)) {
		if (relay_value(line, len, "error", error, 256))
			continue;
		note_line(d, p->peer, line, len);
		any = true;
	}
	return any;
}

static void
judge_probes(size_t asked, size_t answered, const char *slow, bool dialled,
    const char *error, struct verdict *v)
{
	verdict_begin(v, "a friend that is connected looks at us from outside");
	if (!dialled)
		verdict_found(v, "nobody dials this node: it has no address");
	else if (asked == 0)
		verdict_warn(v, "agamid flush", "no friend is connected now");
	else if (answered == 0 && strcmp(error, "unknown command") == 0)
		verdict_warn(v,
		    "upgrade, then: systemctl restart agamid-relayd",
		    "agamid-relayd is too old to ask for it");
	else if (answered == 0)
		verdict_warn(v, "agamid doctor outside",
		    "%zu asked, no answer%s%s", asked,
		    *error == '\0' ? "" : ": ", error);
	else if (slow != NULL)
		verdict_warn(v, "agamid doctor outside",
		    "%s has not finished in time", slow);
	else
		verdict_found(v, "%zu asked, %zu answered", asked, answered);
}

void
doctor_outside(struct doctor *d)
{
	const struct manifest *self = d->known.roster.self;
	bool dialled = self->address_count > 0 || self->dynamic != NULL;
	struct probe probes[PROBES_MAX];
	char error[256] = "";
	const char *slow = NULL;
	size_t n = 0, answered = 0, i;
	struct verdict v;

	if (dialled)
		n = start_probes(d, probes);
	collect(d, probes, n);
	for (i = 0; i < n; i++) {
		answered += note_probe(d, &probes[i], error);
		if (!probes[i].ended)
			slow = probes[i].peer;
		close(probes[i].fd);
		buf_free(&probes[i].answer);
	}
	judge_probes(n, answered, slow, dialled, error, &v);
	doctor_add(d, "outside.probe", NULL, &v);
}
