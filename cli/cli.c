/* SPDX-License-Identifier: MIT */
/*
 * cli - what the subcommands share. See cli.h.
 */
#include "cli/cli.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/file.h"
#include "util/text.h"

#define MESSAGE_MAX 4096
#define LOCK_TRIES 200
#define LOCK_PAUSE_NS 50000000L /* 50 ms; 10 s in all */

/* Bytes that could steer a terminal are written \xHH. */
static void
put_escaped(FILE *out, const char *s, size_t len)
{
	unsigned char c;
	size_t i;

	for (i = 0; i < len; i++) {
		c = (unsigned char)s[i];
		if (c >= ' ' && c < 0x7f)
			putc(c, out);
		else
			fprintf(out, "\\x%02x", c);
	}
}

static void
put_lines(FILE *out, const char *s)
{
	size_t len;

	for (;;) {
		len = strcspn(s, "\n");
		put_escaped(out, s, len);
		if (s[len] == '\0')
			return;
		putc('\n', out);
		s += len + 1;
	}
}

static void put_message(const char *kind, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
put_message(const char *kind, const char *fmt, va_list ap)
{
	char text[MESSAGE_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	fprintf(stderr, "agamid: %s", kind);
	put_escaped(stderr, text, strlen(text));
	putc('\n', stderr);
}

int
cli_error(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	va_start(ap, fmt);
	put_message("", fmt, ap);
	va_end(ap);
	return CLI_FAILED;
}

void
cli_warn(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	va_start(ap, fmt);
	put_message("warning: ", fmt, ap);
	va_end(ap);
}

void
cli_out(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	put_lines(stdout, text);
	free(text);
}

void
cli_lines(const struct buf *lines)
{
	fflush(stdout);
	put_lines(stderr, buf_str(lines));
}

int
cli_usage(const char *usage)
{
	fprintf(stderr, "usage: agamid %s\n", usage);
	return CLI_USAGE;
}

struct conf *
cli_conf(const struct cli *cli)
{
	struct conf *conf;
	struct buf errors;

	buf_init(&errors, ERROR_TEXT_MAX * 64);
	conf = conf_load(cli->config, cli->root, &errors);
	if (conf == NULL) {
		cli_lines(&errors);
		cli_error("there is no usable configuration; agamid init "
			  "makes one, agamid -n checks it");
	}
	buf_free(&errors);
	return conf;
}

/* ---- the scratch directory ---- */

#define SCRATCH_PREFIX "agamid-"
#define SCRATCH_YOUNG 60 /* seconds; its owner may not have locked it yet */

static int scratch_lock = -1; /* held while the directory is in use */

/* A directory whose owner was killed: nobody has it locked. There may be
 * secret keys in it, so it does not wait for the next boot. */
static void
remove_stale(const char *path)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	    st.st_mtime < time(NULL) - SCRATCH_YOUNG &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)file_remove_tree(path, NULL);
	close(fd);
}

static void
remove_all_stale(const char *base)
{
	struct dirent *e;
	char *path;
	DIR *dir;

	dir = opendir(base);
	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		if (strncmp(
			e->d_name, SCRATCH_PREFIX, strlen(SCRATCH_PREFIX)) != 0)
			continue;
		path = file_join(base, e->d_name);
		remove_stale(path);
		free(path);
	}
	closedir(dir);
}

char *
cli_scratch_new(void)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	char *dir = xasprintf("%s/" SCRATCH_PREFIX "XXXXXX", base);

	remove_all_stale(base);
	if (mkdtemp(dir) == NULL) {
		cli_error(
		    "can't make a directory in %s: %s", base, strerror(errno));
		free(dir);
		return NULL;
	}
	scratch_lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scratch_lock >= 0)
		(void)flock(scratch_lock, LOCK_EX | LOCK_NB);
	return dir;
}

void
cli_scratch_free(char **dir)
{
	struct error why;

	if (*dir != NULL && file_remove_tree(*dir, &why) < 0)
		cli_warn("%s", why.text);
	if (scratch_lock >= 0)
		close(scratch_lock);
	scratch_lock = -1;
	free(*dir);
	*dir = NULL;
}

int
cli_lock(const struct conf *conf)
{
	const struct timespec pause = {0, LOCK_PAUSE_NS};
	char *path = file_join(conf->state_dir, ".lock");
	int fd, i;

	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		cli_error("can't open %s: %s%s", path, strerror(errno),
		    errno == EACCES ? "; agamid is run as root" : "");
		free(path);
		return -1;
	}
	for (i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			break;
		nanosleep(&pause, NULL);
	}
	if (i == LOCK_TRIES) {
		cli_error("another agamid is at work (%s is locked); "
			  "try again when it has ended",
		    path);
		close(fd);
		fd = -1;
	}
	free(path);
	return fd;
}

void
words_add(struct words *w, const char *word)
{
	const char **grown;

	grown = reallocarray(w->word, w->count + 1, sizeof(*grown));
	if (grown == NULL)
		abort();
	w->word = grown;
	w->word[w->count++] = word;
}

void
words_free(struct words *w)
{
	free(w->word);
	w->word = NULL;
	w->count = 0;
}
