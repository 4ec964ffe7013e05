/* SPDX-License-Identifier: MIT */
/*
 * inbox - manifests on their way to `agamid apply`. See inbox.h.
 *
 * The flag is raised a moment after a manifest was written, so that one
 * run of apply serves those that came together.
 */
#include "relayd/inbox.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sodium.h>

#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "manifests/manifest.h"

#define FLAG_MS 100
#define ERRORS_MAX 512 /* of what is wrong with a peer's manifest */

struct inbox {
	char *dir, *flag;
	struct event *timer;
};

void
inbox_hash(const void *data, size_t len, char hash_r[INBOX_HASH_LEN + 1])
{
	uint8_t sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(sum, data, len);
	text_hex(sum, INBOX_HASH_LEN / 2, hash_r);
}

int
inbox_check(const char *node, const char *network, uint64_t serial,
    const void *data, size_t len, struct error *error_r)
{
	struct manifest *m;
	struct buf errors;
	int rc = 0;

	buf_init(&errors, ERRORS_MAX);
	m = manifest_parse(node, data, len, &errors);
	if (m == NULL)
		rc = error_set(error_r, AG_EINVAL, "%s", buf_str(&errors));
	else if (manifest_signature(m) == NULL)
		rc = error_set(error_r, AG_EINVAL, "it is not signed");
	else if (strcmp(m->name, node) != 0)
		rc = error_set(error_r, AG_EINVAL, "it is of another node");
	else if (strcmp(m->network, network) != 0)
		rc = error_set(error_r, AG_EINVAL, "it is of another network");
	else if (m->serial != serial)
		rc = error_set(error_r, AG_EINVAL, "it has another serial");
	manifest_free(&m);
	buf_free(&errors);
	return rc;
}

/* ---- the flag ---- */

static void
on_flag(evutil_socket_t sock, short what, void *ctx)
{
	struct inbox *in = ctx;
	int fd;

	(void)sock;
	(void)what;
	fd = open(in->flag, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0 || futimens(fd, NULL) < 0)
		log_error("can't raise a flag path=%s error=\"%s\"", in->flag,
		    strerror(errno));
	if (fd >= 0)
		close(fd); /* a path unit acts on this */
}

static void
flag_soon(struct inbox *in)
{
	static const struct timeval wait = {0, FLAG_MS * 1000};

	if (!evtimer_pending(in->timer, NULL))
		evtimer_add(in->timer, &wait);
}

/* ---- files ---- */

/* Those that begin with this; all of ours if it is "". */
static unsigned
count_waiting(const struct inbox *in, const char *prefix)
{
	struct dirent *de;
	unsigned n = 0;
	DIR *d = opendir(in->dir);

	while (d != NULL && (de = readdir(d)) != NULL) {
		if (de->d_name[0] != '.' &&
		    strncmp(de->d_name, prefix, strlen(prefix)) == 0)
			n++;
	}
	if (d != NULL)
		closedir(d);
	return n;
}

int
inbox_put(struct inbox *in, const char *node, uint64_t serial, const void *data,
    size_t len, struct error *error_r)
{
	char hash[INBOX_HASH_LEN + 1];
	char *prefix = xasprintf("%s.", node), *path;
	int rc;

	inbox_hash(data, len, hash);
	path = xasprintf("%s/%s%llu.%s.yaml", in->dir, prefix,
	    (unsigned long long)serial, hash);
	if (access(path, F_OK) == 0)
		rc = 0;
	else if (count_waiting(in, prefix) >= INBOX_WAITING_MAX)
		rc = error_set(
		    error_r, AG_EAGAIN, "others of %s still wait", node);
	else
		rc = file_replace(path, data, len, 0640, "inbox", error_r);
	if (rc == 0)
		flag_soon(in);
	free(path);
	free(prefix);
	return rc;
}

int
inbox_new(struct relayd *r, struct inbox **in_r, struct error *error_r)
{
	struct inbox *in = xcalloc(1, sizeof(*in));

	*in_r = NULL;
	in->dir = xasprintf("%s/state/inbox", r->conf->state_dir);
	in->flag = xasprintf("%s/state/apply", r->conf->state_dir);
	in->timer = evtimer_new(r->base, on_flag, in);
	if (in->timer == NULL) {
		inbox_free(&in);
		return error_set(error_r, AG_ENOMEM, "can't make a timer");
	}
	if (mkdir(in->dir, 0750) < 0 && errno != EEXIST) {
		error_set_errno(error_r, AG_EIO, "can't make %s", in->dir);
		inbox_free(&in);
		return AG_EIO;
	}
	if (count_waiting(in, "") > 0)
		flag_soon(in);
	*in_r = in;
	return 0;
}

void
inbox_free(struct inbox **inp)
{
	struct inbox *in = *inp;

	if (in == NULL)
		return;
	if (in->timer != NULL)
		event_free(in->timer);
	free(in->dir);
	free(in->flag);
	free(in);
	*inp = NULL;
}
