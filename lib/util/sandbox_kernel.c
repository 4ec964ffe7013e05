/* SPDX-License-Identifier: MIT */
/*
 * sandbox_kernel - what this kernel can confine by. See sandbox.h. Apart from
 * it for those who only want to know.
 */
#include "util/sandbox.h"

#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

int
sandbox_landlock_abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
}
