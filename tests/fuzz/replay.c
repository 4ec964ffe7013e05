/* SPDX-License-Identifier: MIT */
/*
 * replay - runs a fuzz harness over its seeds, once each, without
 * libFuzzer.
 *
 * fuzz_NAME [FILE | DIRECTORY]...: without arguments it takes the
 * directory tests/fuzz/seeds/NAME of the source tree (AGAMID_SRCDIR). No
 * seed at all is a failure, for a test that reads nothing proves nothing.
 */
#include <sys/stat.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/error.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define SEED_MAX (64U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned
replay_file(const char *path)
{
	struct error error;
	struct buf b;
	uint8_t *copy;

	buf_init(&b, SEED_MAX);
	if (file_read(path, &b, &error) < 0)
		log_fatal("%s", error.text);
	/* Without the NUL behind it, so that reading on is seen. */
	copy = xcalloc(b.len, 1);
	if (b.len > 0)
		memcpy(copy, b.data, b.len);
	LLVMFuzzerTestOneInput(copy, b.len);
	free(copy);
	buf_free(&b);
	return 1;
}

static unsigned
replay_path(const char *path)
{
	unsigned count = 0;
	struct dirent *e;
	struct stat st;
	char *inner;
	DIR *dir;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return replay_file(path);
	dir = opendir(path);
	if (dir == NULL)
		log_fatal("can't open %s", path);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		inner = file_join(path, e->d_name);
		count += replay_path(inner);
		free(inner);
	}
	closedir(dir);
	return count;
}

/* tests/fuzz/seeds/NAME for a program called fuzz_NAME. */
static char *
replay_seeds(const char *program)
{
	const char *name = strstr(program, "fuzz_");
	const char *next, *src = getenv("AGAMID_SRCDIR");

	while (name != NULL && (next = strstr(name + 1, "fuzz_")) != NULL)
		name = next;
	if (name == NULL)
		log_fatal("%s is not called fuzz_NAME", program);
	return xasprintf("%s/tests/fuzz/seeds/%s", src != NULL ? src : ".",
	    name + strlen("fuzz_"));
}

int
main(int argc, char **argv)
{
	unsigned count = 0;
	char *seeds;
	int i;

	log_open("replay", LOG_LVL_ERROR);
	for (i = 1; i < argc; i++)
		count += replay_path(argv[i]);
	if (argc < 2) {
		seeds = replay_seeds(argv[0]);
		count += replay_path(seeds);
		free(seeds);
	}
	printf("%u inputs\n", count);
	return count > 0 ? 0 : 1;
}
