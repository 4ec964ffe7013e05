/* SPDX-License-Identifier: MIT */
/*
 * moved_clock - another clock for the programs under test, by LD_PRELOAD.
 * The file named by MOVED_CLOCK holds "SECONDS WORD": how far the clock of
 * the day is off, and "synchronised" or not, as adjtimex(2) then says. It
 * is read at each call, so that a running program's clock jumps when the
 * file is written. Clocks that are never set stay as they are.
 *
 * SECURITY: for tests only; installed nowhere. Tests compile it.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long
offset(char word[32])
{
	const char *path = getenv("MOVED_CLOCK");
	char text[80] = "";
	long long seconds = 0;
	ssize_t n;
	int fd;

	word[0] = '\0';
	fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n > 0)
		sscanf(text, "%lld %31s", &seconds, word);
	return seconds;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	char word[32];

	if (syscall(SYS_clock_gettime, id, ts) < 0)
		return -1;
	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		ts->tv_sec += (time_t)offset(word);
	return 0;
}

time_t
time(time_t *t)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

int
gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

int
adjtimex(struct timex *tx)
{
	char word[32];
	bool synchronised;

	offset(word);
	synchronised = strcmp(word, "synchronised") == 0;
	tx->status = synchronised ? 0 : STA_UNSYNC;
	return synchronised ? TIME_OK : TIME_ERROR;
}
