/* SPDX-License-Identifier: MIT */
/*
 * ssh - the dialling side of SSH. See ssh.h.
 *
 * Only options that are set here count: no ssh_config, no known_hosts, no
 * agent. There is no trust on first use: the server must show one of the
 * host keys that the peer's manifest names, compared as keys.
 *
 * SECURITY: faces the network. Runs in a process that has this node's SSH
 * key, no other secret, and can write only where a peer's bundles arrive.
 */
#include "relayd/ssh.h"

#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libssh/libssh.h>

#include "mail/conf.h"

#define ANSWER_MS 10000
#define CHANNEL_MS 10000
#define CHUNK 32768

struct ssh {
	ssh_session session;
	ssh_channel channel;
};

/* SSH ----------------------------------------------------------------------- */

static int
failed(struct ssh *s, const char *doing, struct error *error_r)
{
	return error_set(
	    error_r, AG_EIO, "%s: %s", doing, ssh_get_error(s->session));
}

/* Options of ours alone; libssh closes fd from here on. */
static int
set_options(struct ssh *s, const char *address, const char *user, int fd)
{
	static const long timeout = ANSWER_MS / 1000;
	static const bool no = false;
	ssh_session ses = s->session;

	if (ssh_options_set(ses, SSH_OPTIONS_PROCESS_CONFIG, &no) < 0 ||
	    ssh_options_set(ses, SSH_OPTIONS_FD, &fd) < 0 ||
	    ssh_options_set(ses, SSH_OPTIONS_HOST, address) < 0 ||
	    ssh_options_set(ses, SSH_OPTIONS_USER, user) < 0 ||
	    ssh_options_set(ses, SSH_OPTIONS_SSH_DIR, "/nonexistent") < 0 ||
	    ssh_options_set(ses, SSH_OPTIONS_KNOWNHOSTS, "/dev/null") < 0 ||
	    ssh_options_set(ses, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") <
		0 ||
	    ssh_options_set(ses, SSH_OPTIONS_TIMEOUT, &timeout) < 0 ||
	    ssh_options_set(ses, SSH_OPTIONS_HOSTKEYS,
		"ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256") <
		0)
		return AG_EIO;
	return 0;
}

/* "ssh-ed25519 AAAA...": is it the key that the server showed? */
static bool
is_key(const char *line, const ssh_key shown)
{
	const char *blank = strchr(line, ' ');
	char type[64], text[8192];
	ssh_key key = NULL;
	bool same;

	if (blank == NULL || (size_t)(blank - line) >= sizeof(type))
		return false;
	memcpy(type, line, (size_t)(blank - line));
	type[blank - line] = '\0';
	snprintf(text, sizeof(text), "%s", blank + 1);
	text[strcspn(text, " ")] = '\0';
	if (ssh_pki_import_pubkey_base64(
		text, ssh_key_type_from_name(type), &key) != SSH_OK)
		return false;
	same = ssh_key_cmp(key, shown, SSH_KEY_CMP_PUBLIC) == 0;
	ssh_key_free(key);
	return same;
}

/* SPEC */
static int
check_host_key(
    struct ssh *s, const struct manifest *peer, struct error *error_r)
{
	ssh_key shown = NULL;
	bool known = false;
	size_t i;

	if (ssh_get_server_publickey(s->session, &shown) != SSH_OK)
		return failed(s, "host key", error_r);
	for (i = 0; i < peer->ssh_host_key_count && !known; i++)
		known = is_key(peer->ssh_host_keys[i], shown);
	ssh_key_free(shown);
	if (!known)
		return error_set(error_r, AG_ESIG,
		    "its host key is not one of the manifest's");
	return 0;
}

static int
authenticate(struct ssh *s, const char *key_path, struct error *error_r)
{
	ssh_key key = NULL;
	int rc;

	if (ssh_pki_import_privkey_file(key_path, NULL, NULL, NULL, &key) !=
	    SSH_OK)
		return error_set(error_r, AG_EIO, "can't read %s", key_path);
	rc = ssh_userauth_publickey(s->session, NULL, key);
	ssh_key_free(key);
	if (rc != SSH_AUTH_SUCCESS)
		return error_set(
		    error_r, AG_EPERM, "it does not let this node's key in");
	return 0;
}

/*
 * Open the channel with acknowledgements that don't wait: the server's
 * notice of its other host keys, Nagle and a delayed ACK would cost 40 ms.
 */
static int
open_channel(struct ssh *s, struct error *error_r)
{
	int fd = ssh_get_fd(s->session), on = 1, rc, waited;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	s->channel = ssh_channel_new(s->session);
	if (s->channel == NULL)
		return failed(s, "channel", error_r);
	ssh_set_blocking(s->session, 0);
	for (waited = 0; waited < CHANNEL_MS; waited += 50) {
		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
		rc = ssh_channel_open_session(s->channel);
		if (rc != SSH_AGAIN)
			break;
		poll(&p, 1, 50);
	}
	ssh_set_blocking(s->session, 1);
	if (rc != SSH_OK)
		return failed(s, "channel", error_r);
	/* The server runs its forced command, whatever is said here. */
	if (ssh_channel_request_exec(s->channel, "agamid-receive") != SSH_OK)
		return failed(s, "command", error_r);
	return 0;
}

/* As far as the host key, which is the peer's. */
static int
connect_peer(const struct manifest *peer, const char *address, int fd,
    const char *user, struct ssh **s_r, struct error *error_r)
{
	struct ssh *s;
	int rc;

	*s_r = NULL;
	s = calloc(1, sizeof(*s));
	if (s != NULL)
		s->session = ssh_new();
	if (s == NULL || s->session == NULL) {
		close(fd);
		free(s);
		return error_set(error_r, AG_ENOMEM, "out of memory");
	}
	rc = set_options(s, address, user, fd);
	if (rc < 0)
		rc = failed(s, "options", error_r);
	if (rc == 0 && ssh_connect(s->session) != SSH_OK)
		rc = failed(s, "ssh", error_r);
	if (rc == 0)
		rc = check_host_key(s, peer, error_r);
	if (rc < 0)
		ssh_hang_up(&s);
	*s_r = s;
	return rc;
}

int
ssh_dial(const struct manifest *peer, const char *address, int fd,
    const char *user, const char *key_path, struct ssh **s_r,
    struct error *error_r)
{
	int rc;

	rc = connect_peer(peer, address, fd, user, s_r, error_r);
	if (rc == 0)
		rc = authenticate(*s_r, key_path, error_r);
	if (rc == 0)
		rc = open_channel(*s_r, error_r);
	if (rc < 0)
		ssh_hang_up(s_r);
	return rc;
}

int
ssh_recognise(const struct manifest *peer, const char *address, int fd,
    struct error *error_r)
{
	struct ssh *s;
	int rc;

	rc = connect_peer(peer, address, fd, USER_SSH, &s, error_r);
	ssh_hang_up(&s);
	return rc;
}

void
ssh_hang_up(struct ssh **sp)
{
	struct ssh *s = *sp;

	if (s == NULL)
		return;
	if (s->channel != NULL)
		ssh_channel_free(s->channel);
	ssh_disconnect(s->session);
	ssh_free(s->session);
	free(s);
	*sp = NULL;
}

/* The pump -------------------------------------------------------------------- */

struct half { /* bytes on their way in one direction */
	char data[CHUNK];
	size_t at, len;
	bool ended; /* no more comes */
};

static bool
is_empty(const struct half *h)
{
	return h->at == h->len;
}

/* From the channel into in; false when it is broken. */
static bool
read_channel(struct ssh *s, struct half *in)
{
	char junk[1024];
	int n;

	/* What the far side complains of is not for this node's log. */
	n = ssh_channel_read_nonblocking(s->channel, junk, sizeof(junk), 1);
	if (n == SSH_ERROR)
		return false;
	if (!is_empty(in) || in->ended)
		return true;
	n = ssh_channel_read_nonblocking(
	    s->channel, in->data, sizeof(in->data), 0);
	if (n == SSH_ERROR)
		return false;
	if (n > 0) {
		in->at = 0;
		in->len = (size_t)n;
	} else if (ssh_channel_is_eof(s->channel) ||
	    ssh_channel_is_closed(s->channel)) {
		in->ended = true;
	}
	return true;
}

/* How much of out may go into the channel: as far as the far side's window
 * allows, and only when what was written before has left. */
static size_t
may_write(struct ssh *s, const struct half *out)
{
	uint32_t window = ssh_channel_window_size(s->channel);
	size_t len = out->len - out->at;

	if ((ssh_get_poll_flags(s->session) & SSH_WRITE_PENDING) != 0)
		return 0;
	return len < window ? len : window;
}

static bool
write_channel(struct ssh *s, struct half *out)
{
	size_t len = may_write(s, out);
	int n;

	if (len == 0)
		return true;
	n = ssh_channel_write(s->channel, out->data + out->at, (uint32_t)len);
	if (n == SSH_ERROR)
		return false;
	if (n > 0)
		out->at += (size_t)n;
	return true;
}

static void
read_local(int fd, struct half *out)
{
	ssize_t n;

	if (!is_empty(out) || out->ended)
		return;
	n = read(fd, out->data, sizeof(out->data));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	out->at = 0;
	out->len = n > 0 ? (size_t)n : 0;
	out->ended = n <= 0;
}

/* The session may have ended while its last words are still on their way:
 * what comes for it then is dropped, so that those can go out. */
static void
write_local(int fd, struct half *in, const struct half *out)
{
	ssize_t n;

	if (is_empty(in))
		return;
	n = out->ended
	    ? -1
	    : send(fd, in->data + in->at, in->len - in->at, MSG_NOSIGNAL);
	if (n >= 0)
		in->at += (size_t)n;
	else if (out->ended || (errno != EAGAIN && errno != EINTR))
		in->at = in->len;
}

static void
wait_for_more(
    struct ssh *s, int fd, const struct half *in, const struct half *out)
{
	int flags = ssh_get_poll_flags(s->session);
	struct pollfd p[2] = {
	    {.fd = ssh_get_fd(s->session), .events = POLLIN},
	    {.fd = fd},
	};

	if ((flags & SSH_WRITE_PENDING) != 0)
		p[0].events |= POLLOUT;
	if (is_empty(out) && !out->ended)
		p[1].events |= POLLIN;
	if (!is_empty(in)) {
		p[1].events |= POLLOUT;
		p[0].events &= ~POLLIN; /* nowhere to put it yet */
	}
	if (p[1].events == 0)
		p[1].fd = -1;
	poll(p, 2, 60000);
}

void
ssh_pump(struct ssh *s, int fd)
{
	struct half *in = calloc(1, sizeof(*in));
	struct half *out = calloc(1, sizeof(*out));
	bool good = in != NULL && out != NULL;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		good = false;
	ssh_set_blocking(s->session, 0);
	while (good) {
		good = read_channel(s, in);
		write_local(fd, in, out);
		read_local(fd, out);
		good = good && write_channel(s, out);
		if (!good || (is_empty(in) && in->ended) ||
		    (is_empty(out) && out->ended))
			break;
		/* More may lie in libssh's buffers, unseen by poll(2); and
		 * looking there may have sent what was in the way. */
		if ((is_empty(in) && ssh_channel_poll(s->channel, 0) > 0) ||
		    may_write(s, out) > 0)
			continue;
		wait_for_more(s, fd, in, out);
	}
	if (good)
		ssh_blocking_flush(s->session, 1000);
	free(in);
	free(out);
	/* The session's end of the socket sees the end. */
	shutdown(fd, SHUT_RDWR);
}
