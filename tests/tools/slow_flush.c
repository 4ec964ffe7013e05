/* SPDX-License-Identifier: MIT */
/*
 * slow_flush - a slow disk for the programs under test, by preloading:
 * each flush of a file takes 10 ms more.
 *
 * SECURITY: for tests only; installed nowhere. Tests compile it.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void
wait_10ms(void)
{
	static const struct timespec ts = {0, 10 * 1000 * 1000};

	nanosleep(&ts, NULL);
}

int
fsync(int fd)
{
	wait_10ms();
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	wait_10ms();
	return (int)syscall(SYS_fdatasync, fd);
}
