/* SPDX-License-Identifier: MIT */
/*
 * doctor_sockets - the daemons behind their sockets: is the socket there
 * with the right owner and mode, does somebody answer as he should, is it
 * the right user, and the program that is installed now.
 */
#include "cli/doctor.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/doctor_judge.h"
#include "cli/doctor_talk.h"
#include "util/file.h"
#include "util/sock.h"
#include "util/text.h"

#define ANSWER_MS 1500
#define MILTER_VERSION 6

struct daemon {
	const char *id; /* of the check */
	const char *service; /* for systemctl */
	const char *path; /* of the socket */
	bool in_queue; /* below queue_dir, else run_dir */
	const char *user, *group; /* of the socket */
	mode_t mode;
	/* A conversation: 0, or AG_EIO with the reason. */
	int (*ask)(struct doctor *d, const char *path, struct error *error_r);
};

/* ---- what each says ---- */

/* Connect without waiting: one that is full is taken for silent. */
static int
connect_at_once(const char *path, int type)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(to.sun_path))
		return -1;
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* The milter protocol's first packet: options, answered by options. */
static int
ask_milter(struct doctor *d, const char *path, struct error *error_r)
{
	uint8_t packet[17] = {0, 0, 0, 13, 'O', 0, 0, 0, MILTER_VERSION, 0, 0,
	    1, 0xff, 0, 0x1f, 0xff, 0xff};
	uint8_t head[5];
	struct talk t;
	int rc;

	rc = talk_unix(&t, path, doctor_wait(d, ANSWER_MS), error_r);
	if (rc == 0 &&
	    (talk_send(&t, packet, sizeof(packet)) < 0 ||
		talk_read(&t, head, sizeof(head)) < 0 || head[4] != 'O'))
		rc = error_set(error_r, AG_EIO,
		    "it does not answer in the milter protocol");
	talk_close(&t);
	return rc;
}

/* An own recipient is none of its business. */
static int
ask_policy(struct doctor *d, const char *path, struct error *error_r)
{
	char *ask = xasprintf("request=smtpd_access_policy\n"
			      "protocol_state=RCPT\nprotocol_name=ESMTP\n"
			      "client_address=192.0.2.1\nclient_port=1\n"
			      "recipient=postmaster@%s\n\n",
	    d->known.roster.self->domains[0]);
	struct talk t;
	int rc;

	rc = talk_unix(&t, path, doctor_wait(d, ANSWER_MS), error_r);
	if (rc == 0 &&
	    (talk_send(&t, ask, strlen(ask)) < 0 || talk_line(&t) < 0 ||
		strncmp(buf_str(&t.reply), "action=", 7) != 0))
		rc = error_set(error_r, AG_EIO,
		    "it does not answer in the policy protocol");
	else if (rc == 0 && strcasecmp(buf_str(&t.reply), "action=DUNNO") != 0)
		rc = error_set(error_r, AG_EIO,
		    "it answered %s for an own address", buf_str(&t.reply));
	talk_close(&t);
	free(ask);
	return rc;
}

static int
ask_seal(struct doctor *d, const char *path, struct error *error_r)
{
	struct talk t;
	int rc;

	rc = talk_unix(&t, path, doctor_wait(d, ANSWER_MS), error_r);
	if (rc == 0 &&
	    (talk_reply(&t) != 220 || talk_ask(&t, "LHLO doctor") != 250))
		rc = error_set(error_r, AG_EIO, "it does not answer to LHLO");
	else if (rc == 0)
		(void)talk_ask(&t, "QUIT");
	talk_close(&t);
	return rc;
}

static int
ask_relay(struct doctor *d, const char *path, struct error *error_r)
{
	(void)path;
	if (d->relay.len > 0)
		return 0;
	return error_set(error_r, AG_EIO, "%s",
	    d->relay_error[0] == '\0' ? "it does not answer" : d->relay_error);
}

/* An ID that was never delivered has no receipt. */
static int
ask_deliver(struct doctor *d, const char *path, struct error *error_r)
{
	char ask[128], data[SOCK_MESSAGE_MAX + 1];
	int fd, passed = -1, rc = 0;
	struct pollfd p;

	snprintf(ask, sizeof(ask), "sign %064d\n", 0);
	fd = connect_at_once(path, SOCK_SEQPACKET);
	if (fd < 0)
		return error_set_errno(error_r, AG_EIO, "%s", path);
	p = (struct pollfd){fd, POLLIN, 0};
	if (sock_send(fd, ask, strlen(ask), -1) < 0 ||
	    poll(&p, 1, doctor_wait(d, ANSWER_MS)) <= 0 ||
	    sock_recv(fd, data, sizeof(data), &passed) <= 0)
		rc = error_set(error_r, AG_EIO, "it does not answer");
	if (passed >= 0)
		close(passed);
	close(fd);
	return rc;
}

/* ---- the socket and the process ---- */

static const struct daemon daemons[] = {
    {"sockets.milter", "agamid-milter", "agamid/milter.sock", true, USER_MILTER,
	"postfix", 0660, ask_milter},
    {"sockets.policy", "agamid-milter", "agamid/policy.sock", true, USER_MILTER,
	"postfix", 0660, ask_policy},
    {"sockets.seal", "agamid-seal", "agamid/seal.sock", true, USER_MILTER,
	"postfix", 0660, ask_seal},
    {"sockets.relay", "agamid-relayd", "relayd/relay.sock", false, USER_RELAY,
	GROUP_SPOOL, 0666, ask_relay},
    {"sockets.deliver", "agamid-deliver", "deliver/deliver.sock", false,
	USER_KEY, USER_KEY, 0666, ask_deliver},
};

static void
name_of(uid_t uid, gid_t gid, char *out, size_t size)
{
	struct passwd *pw = getpwuid(uid);
	struct group *gr = getgrgid(gid);

	snprintf(out, size, "%s:%s", pw == NULL ? "?" : pw->pw_name,
	    gr == NULL ? "?" : gr->gr_name);
}

/* Who serves the socket, and from which file. */
static void
find_process(const char *path, int type, struct socket_facts *f)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char exe[64];
	struct passwd *pw;
	ssize_t n;
	int fd;

	fd = connect_at_once(path, type);
	f->listening = fd >= 0 || errno == EAGAIN;
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
		pw = getpwuid(cred.uid);
		snprintf(f->server, sizeof(f->server), "%s",
		    pw == NULL ? "?" : pw->pw_name);
		snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)cred.pid);
		n = readlink(exe, f->exe, sizeof(f->exe) - 1);
		f->exe[n > 0 ? n : 0] = '\0';
	}
	close(fd);
}

static void
look(const struct daemon *m, const char *path, struct socket_facts *f)
{
	struct stat st;

	memset(f, 0, sizeof(*f));
	f->service = m->service;
	f->path = path;
	f->want_user = m->user;
	snprintf(
	    f->want_owner, sizeof(f->want_owner), "%s:%s", m->user, m->group);
	f->want_mode = m->mode;
	if (lstat(path, &st) < 0)
		return;
	f->there = true;
	f->is_socket = S_ISSOCK(st.st_mode);
	f->mode = st.st_mode & 07777;
	name_of(st.st_uid, st.st_gid, f->owner, sizeof(f->owner));
	if (f->is_socket)
		find_process(
		    path, m->in_queue ? SOCK_STREAM : SOCK_SEQPACKET, f);
}

/* ---- all at once: one that hangs delays no other ---- */

struct asking {
	struct doctor *d; /* only looked at */
	const struct daemon *daemon;
	char *path;
	struct socket_facts facts;
	pthread_t thread;
	bool asked;
};

static void *
ask(void *ctx)
{
	struct asking *a = ctx;
	struct error why = {""};

	if (a->daemon->ask(a->d, a->path, &why) < 0)
		snprintf(a->facts.complaint, sizeof(a->facts.complaint), "%.*s",
		    (int)sizeof(a->facts.complaint) - 1, why.text);
	return NULL;
}

static void
begin(struct asking *a)
{
	const struct conf *conf = a->d->known.conf;

	a->path =
	    file_join(a->daemon->in_queue ? conf->queue_dir : conf->run_dir,
		a->daemon->path);
	look(a->daemon, a->path, &a->facts);
	a->asked =
	    a->facts.listening && pthread_create(&a->thread, NULL, ask, a) == 0;
}

static void
end(struct asking *a)
{
	struct verdict v;

	if (a->asked)
		pthread_join(a->thread, NULL);
	judge_socket(&a->facts, &v);
	doctor_add(a->d, a->daemon->id, NULL, &v);
	free(a->path);
}

#define DAEMONS (sizeof(daemons) / sizeof(daemons[0]))

void
doctor_sockets(struct doctor *d)
{
	struct asking asking[DAEMONS];
	size_t n = 0, i;

	memset(asking, 0, sizeof(asking));
	for (i = 0; i < DAEMONS; i++) {
		if (!doctor_wants(d, daemons[i].id))
			continue;
		asking[n].d = d;
		asking[n].daemon = &daemons[i];
		begin(&asking[n++]);
	}
	for (i = 0; i < n; i++)
		end(&asking[i]);
}
