/* SPDX-License-Identifier: MIT */
/*
 * doctor_mount - file systems, and the judges of them. See the header.
 *
 * What is known of Postfix's queue (SPEC N-21.6): a mail that is sealed is
 * written to the queue in clear, and unlinked before the kernel writes it
 * out, where the file system delays that. ext4 delays it, but not with
 * nodelalloc or data=journal. In memory or encrypted there is nothing to
 * find, however.
 */
#include "cli/doctor_mount.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/text.h"

#define MOUNTINFO_MAX (1U << 20)

/* The n-th blank-separated word of a line, from 0. */
static bool
word_of(const char *line, size_t len, unsigned n, char *out, size_t size)
{
	const char *end = line + len;
	size_t w;

	for (;; n--) {
		while (line < end && *line == ' ')
			line++;
		for (w = 0; line + w < end && line[w] != ' '; w++)
			continue;
		if (w == 0)
			return false;
		if (n == 0)
			break;
		line += w;
	}
	snprintf(out, size, "%.*s", (int)w, line);
	return true;
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw" */
static bool
parse_line(
    const char *line, size_t len, const char *device, struct mount_facts *m)
{
	char word[64], mine[200], super[300];
	unsigned n;

	if (!word_of(line, len, 2, word, sizeof(word)) ||
	    strcmp(word, device) != 0 ||
	    !word_of(line, len, 5, mine, sizeof(mine)))
		return false;
	for (n = 6; word_of(line, len, n, word, sizeof(word)); n++) {
		if (strcmp(word, "-") == 0)
			break;
	}
	if (!word_of(line, len, n + 1, m->type, sizeof(m->type)))
		return false;
	if (!word_of(line, len, n + 3, super, sizeof(super)))
		super[0] = '\0';
	snprintf(m->options, sizeof(m->options), "%s,%s", mine, super);
	return true;
}

bool
mount_parse(const char *mountinfo, const char *device, struct mount_facts *m)
{
	bool found = false;
	size_t len;

	for (; *mountinfo != '\0';
	     mountinfo += len + (mountinfo[len] != '\0')) {
		len = strcspn(mountinfo, "\n");
		found |= parse_line(mountinfo, len, device, m);
	}
	return found;
}

/* dm-crypt tells in sysfs what it is. */
static bool
is_encrypted(const char *device)
{
	char *path = xasprintf("/sys/dev/block/%s/dm/uuid", device);
	struct buf uuid;
	bool yes;

	buf_init(&uuid, 4096);
	yes = file_read(path, &uuid, NULL) == 0 &&
	    strncmp(buf_str(&uuid), "CRYPT-", 6) == 0;
	buf_free(&uuid);
	free(path);
	return yes;
}

int
mount_find(const char *dir, struct mount_facts *m, struct error *error_r)
{
	struct statvfs fs;
	struct stat st;
	char device[32];
	struct buf info;
	int rc;

	memset(m, 0, sizeof(*m));
	if (stat(dir, &st) < 0 || statvfs(dir, &fs) < 0)
		return error_set_errno(error_r, AG_EIO, "%s", dir);
	m->free = (uint64_t)fs.f_bavail * fs.f_frsize;
	m->size = (uint64_t)fs.f_blocks * fs.f_frsize;
	m->inodes_free = fs.f_favail;
	m->inodes = fs.f_files;
	m->read_only = (fs.f_flag & ST_RDONLY) != 0;
	snprintf(device, sizeof(device), "%u:%u", major(st.st_dev),
	    minor(st.st_dev));
	m->encrypted = is_encrypted(device);
	buf_init(&info, MOUNTINFO_MAX);
	rc = file_read("/proc/self/mountinfo", &info, error_r);
	if (rc == 0)
		mount_parse(buf_str(&info), device, m);
	buf_free(&info);
	return rc;
}

static bool
has_option(const struct mount_facts *m, const char *option)
{
	const char *p = m->options;
	size_t len, want = strlen(option);

	for (; *p != '\0'; p += len + (p[len] == ',')) {
		len = strcspn(p, ",");
		if (len == want && strncmp(p, option, len) == 0)
			return true;
	}
	return false;
}

#define ENCRYPT                                             \
	"put queue_directory on an encrypted file system: " \
	"agamid-doctor(8), POSTFIX'S QUEUE"

void
judge_queue_mount(const struct mount_facts *m, struct verdict *v)
{
	verdict_begin(v,
	    "Postfix's queue is encrypted, in memory, or on a "
	    "file system that delays writing");
	if (strcmp(m->type, "tmpfs") == 0 || strcmp(m->type, "ramfs") == 0)
		verdict_found(v, "%s: in memory", m->type);
	else if (m->encrypted)
		verdict_found(v, "%s, encrypted", m->type);
	else if (has_option(m, "nodelalloc") || has_option(m, "data=journal"))
		verdict_warn(v, ENCRYPT,
		    "%s with %s writes what is to be sealed in clear", m->type,
		    has_option(m, "nodelalloc") ? "nodelalloc"
						: "data=journal");
	else if (strcmp(m->type, "ext4") == 0)
		verdict_found(v,
		    "ext4 with delayed allocation: what is "
		    "sealed at once leaves no trace on the disk, "
		    "as a rule");
	else
		verdict_warn(v, ENCRYPT,
		    "%s: what it leaves on the disk was never measured",
		    m->type[0] == '\0' ? "an unknown file system" : m->type);
}

void
judge_room(const struct mount_facts *m, const char *dir, uint64_t need,
    struct verdict *v)
{
	char fix[300];

	snprintf(fix, sizeof(fix), "df -h %s; df -i %s", dir, dir);
	verdict_begin(v,
	    "writable, at least %llu MB and 1 %% of the inodes "
	    "free",
	    (unsigned long long)(need >> 20));
	if (m->read_only)
		verdict_fail(v, "mount -o remount,rw MOUNTPOINT; dmesg",
		    "mounted read-only");
	if (m->free < need)
		verdict_fail(v, fix, "%llu MB free of %llu",
		    (unsigned long long)(m->free >> 20),
		    (unsigned long long)(m->size >> 20));
	if (m->inodes > 0 && m->inodes_free * 100 < m->inodes)
		verdict_fail(v, fix, "%llu inodes free of %llu",
		    (unsigned long long)m->inodes_free,
		    (unsigned long long)m->inodes);
	if (has_option(m, "nobarrier") || has_option(m, "barrier=0"))
		verdict_warn(v, "take nobarrier out of /etc/fstab, and remount",
		    "mounted without barriers: what was said to be on the "
		    "disk may be lost with the power");
	if (m->free < 2 * need)
		verdict_warn(v, fix, "%llu MB free of %llu: soon too little",
		    (unsigned long long)(m->free >> 20),
		    (unsigned long long)(m->size >> 20));
	verdict_found(v, "%llu MB free of %llu",
	    (unsigned long long)(m->free >> 20),
	    (unsigned long long)(m->size >> 20));
}
