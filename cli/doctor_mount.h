/* SPDX-License-Identifier: MIT */
/*
 * doctor_mount - the file system that a directory lies on: kind, options,
 * encryption, room.
 */
#ifndef AGAMID_DOCTOR_MOUNT_H
#define AGAMID_DOCTOR_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/doctor.h"

struct mount_facts {
	char type[64]; /* "ext4" */
	char options[512]; /* of mount and superblock, comma-separated */
	bool encrypted; /* a dm-crypt device */
	bool read_only;
	uint64_t free, size; /* bytes, for others than root */
	uint64_t inodes_free, inodes; /* 0, 0: it counts none */
};

int mount_find(const char *dir, struct mount_facts *m, struct error *error_r);

/* The line of /proc/self/mountinfo (proc(5)) for the device "major:minor";
 * pure. With several the last one counts. */
bool mount_parse(
    const char *mountinfo, const char *device, struct mount_facts *m);

/* Judges; pure. */
void judge_queue_mount(const struct mount_facts *m, struct verdict *v);
void judge_room(const struct mount_facts *m, const char *dir, uint64_t need,
    struct verdict *v);

#endif
