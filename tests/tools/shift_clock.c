/* SPDX-License-Identifier: MIT */
/*
 * shift_clock - preloaded into a program under test: its clocks go wrong
 * when the test wants it (LD_PRELOAD).
 *
 * The file named by SHIFT_CLOCK holds three native 64-bit numbers: seconds
 * to add to CLOCK_REALTIME, and to CLOCK_BOOTTIME, and whether adjtimex(2)
 * calls the clock synchronised. It is mapped, so that a confined program
 * sees it change.
 *
 * SECURITY: for tests only; installed nowhere.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("SHIFT_CLOCK");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, 3 * sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		shift = map;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ts);

	if (rc == 0 && shift != NULL && id == CLOCK_REALTIME)
		ts->tv_sec += shift[0];
	if (rc == 0 && shift != NULL && id == CLOCK_BOOTTIME)
		ts->tv_sec += shift[1];
	return rc;
}

time_t
time(time_t *t)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return ts.tv_sec;
}

int
adjtimex(struct timex *tx)
{
	tx->status = shift != NULL && shift[2] != 0 ? 0 : STA_UNSYNC;
	return tx->status == 0 ? TIME_OK : TIME_ERROR;
}
