/* SPDX-License-Identifier: MIT */
/*
 * marker - one question to agamid-deliver; see marker.h.
 */
#include <sys/socket.h>
#include <sys/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "milter/marker.h"
#include "util/file.h"
#include "util/sock.h"
#include "util/text.h"

#define SECONDS 20

static int
ask(int fd, const char *question, char *said, size_t size)
{
	const struct timeval limit = {.tv_sec = SECONDS};
	ssize_t n;
	int passed = -1;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) <
		0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) <
		0 ||
	    sock_send(fd, question, strlen(question), -1) < 0)
		return AG_EIO;
	n = sock_recv(fd, said, size, &passed);
	if (passed >= 0)
		close(passed);
	return n > 0 ? 0 : AG_EIO;
}

int
marker_ask(const char *run_dir, const char *mailbox,
    const uint8_t hash[SEALED_HASH_SIZE], char value_r[SEALED_MARK_MAX],
    struct error *error_r)
{
	char *path = file_join(run_dir, "deliver/deliver.sock");
	char hex[2 * SEALED_HASH_SIZE + 1], said[SEALED_MARK_MAX];
	char question[SEALED_MAILBOX_MAX + sizeof(hex) + 16];
	int fd, rc;

	text_hex(hash, SEALED_HASH_SIZE, hex);
	snprintf(question, sizeof(question), "mark %s %s\n", mailbox, hex);
	fd = sock_connect(path, SOCK_SEQPACKET, error_r);
	rc = fd < 0 ? fd : ask(fd, question, said, sizeof(said));
	if (fd >= 0)
		close(fd);
	if (rc == 0 && strcmp(said, "none\n") == 0)
		rc = AG_ENOENT;
	else if (rc == 0 && strncmp(said, "mark\n", 5) != 0)
		rc = AG_EIO;
	if (rc == 0)
		strcpy(value_r, said + 5);
	else if (fd >= 0)
		error_set(error_r, rc, "agamid-deliver gives no mark");
	free(path);
	return rc;
}
