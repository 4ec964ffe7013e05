/* SPDX-License-Identifier: MIT */
/*
 * sending - the notice that is being handed to sendmail(1). See sending.h.
 */
#include "deliver/sending.h"

#include <sys/file.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/fault.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define NOTE_MAX 256
#define POINT "deliver.sending"
#define SENT "sent\n"

struct sending {
	char *path;
	struct told *told;
	pthread_mutex_t lock;
};

struct sending *
sending_new(const char *path, struct told *told)
{
	struct sending *s = xcalloc(1, sizeof(*s));

	s->path = xstrdup(path);
	s->told = told;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void
sending_free(struct sending **sp)
{
	struct sending *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

/* ---- what was left ---- */

/* "KIND ABOUT\nsent\n" in parts; sent_r: its last line is there. False:
 * whoever wrote it died before it was whole, and so before it was used. */
static bool
parse_note(char *note, char **kind_r, char **about_r, bool *sent_r)
{
	char *end = strchr(note, '\n'), *blank = strchr(note, ' ');

	if (end == NULL || blank == NULL || blank > end)
		return false;
	*blank = *end = '\0';
	*kind_r = note;
	*about_r = blank + 1;
	*sent_r = strcmp(end + 1, SENT) == 0;
	return true;
}

static int
settle(struct sending *s, int fd, const char *rather_twice, int64_t now,
    struct error *error_r)
{
	char note[NOTE_MAX], *kind, *about;
	ssize_t n;
	bool sent;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return error_set(
		    error_r, AG_EAGAIN, "a notice is being sent still");
	n = file_read_full(fd, note, sizeof(note) - 1);
	if (n < 0)
		return error_set_errno(error_r, AG_EIO, "%s", s->path);
	note[n] = '\0';
	if (parse_note(note, &kind, &about, &sent) &&
	    (sent || strcmp(kind, rather_twice) != 0)) {
		log_info("notice settled event=%s id=%s error=\"%s\"", kind,
		    about, sent ? "" : "it may not have been sent");
		if (told_add(s->told, kind, about, now) < 0)
			return error_set(
			    error_r, AG_EIO, "told.db can't be written");
	}
	if (unlink(s->path) < 0)
		return error_set_errno(error_r, AG_EIO, "%s", s->path);
	return 0;
}

int
sending_settle(struct sending *s, const char *rather_twice, int64_t now,
    struct error *error_r)
{
	int fd, rc = 0;

	pthread_mutex_lock(&s->lock);
	fd = open(s->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		rc = settle(s, fd, rather_twice, now, error_r);
		close(fd);
	} else if (errno != ENOENT) {
		rc = error_set_errno(error_r, AG_EIO, "%s", s->path);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* ---- what is sent ---- */

static int
write_down(int fd, const char *text)
{
	if (file_write_all(fd, text, strlen(text)) < 0 || fault_point(POINT) ||
	    fsync(fd) < 0)
		return AG_EIO;
	return 0;
}

int
sending_begin(struct sending *s, const char *kind, const char *about,
    struct error *error_r)
{
	char note[NOTE_MAX];
	int fd, len;

	pthread_mutex_lock(&s->lock);
	len = snprintf(note, sizeof(note), "%s %s\n", kind, about);
	fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && len < (int)sizeof(note) &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0 && write_down(fd, note) == 0 &&
	    file_sync_parent(s->path, POINT, error_r) == 0)
		return fd;
	error_set_errno(error_r, AG_EIO, "%s", s->path);
	if (fd >= 0) {
		(void)unlink(s->path); /* nothing was sent */
		close(fd);
	}
	pthread_mutex_unlock(&s->lock);
	return AG_EIO;
}

int
sending_sent(int fd)
{
	return write_down(fd, SENT);
}

int
sending_end(struct sending *s, int fd, enum sending_end how, const char *kind,
    const char *about, int64_t now)
{
	int rc = 0;

	if (how == SENDING_DONE)
		rc = told_add(s->told, kind, about, now);
	/* Else it is settled before the next one. */
	if (rc == 0 && how != SENDING_UNKNOWN && unlink(s->path) < 0)
		log_warn("%s can't be removed", s->path);
	close(fd);
	pthread_mutex_unlock(&s->lock);
	return rc;
}
