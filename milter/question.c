/* SPDX-License-Identifier: MIT */
/*
 * question - asks agamid-relayd. See question.h.
 */
#include "milter/question.h"

#include <sys/socket.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/sock.h"

#define ANSWER_MAX 512
#define PROGRESS_MS 3000
#define GRACE_MS 2000 /* relayd keeps the time; this is if it doesn't */

/* Connect and ask; the descriptor or an error. */
static int
ask(const char *run_dir, const char *line, struct error *error_r)
{
	char *path = file_join(run_dir, "relayd/relay.sock");
	int fd, rc;

	fd = sock_connect(path, SOCK_SEQPACKET, error_r);
	free(path);
	if (fd < 0)
		return fd;
	rc = sock_send(fd, line, strlen(line), -1);
	if (rc < 0) {
		close(fd);
		return error_set(error_r, AG_EIO, "agamid-relayd has gone");
	}
	return fd;
}

static int
read_answer(int fd, char *answer, size_t size, struct error *error_r)
{
	int passed = -1;
	ssize_t n;

	n = sock_recv(fd, answer, size, &passed);
	if (passed >= 0)
		close(passed);
	if (n <= 0)
		return error_set(
		    error_r, AG_EIO, "agamid-relayd does not answer");
	return 0;
}

/* Wait for the one line, and read it. */
static int
await(int fd, long timeout_ms, question_progress_fn *progress, void *ctx,
    char *answer, size_t size, struct error *error_r)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t end = clock_ms() + timeout_ms, left;

	while ((left = end - clock_ms()) > 0) {
		if (poll(&p, 1, left < PROGRESS_MS ? (int)left : PROGRESS_MS) >
		    0)
			return read_answer(fd, answer, size, error_r);
		if (progress != NULL)
			progress(ctx);
	}
	return error_set(error_r, AG_EIO, "agamid-relayd does not answer");
}

int
question_parse_copies(const char *line, struct question_copies *r_r)
{
	char late[4], end[2];
	unsigned copies, wanted;

	memset(r_r, 0, sizeof(*r_r));
	if (sscanf(line, "copies=%9u wanted=%9u late=%3s%1[\n]", &copies,
		&wanted, late, end) != 4 ||
	    (strcmp(late, "yes") != 0 && strcmp(late, "no") != 0))
		return AG_EINVAL;
	r_r->copies = copies;
	r_r->wanted = wanted;
	r_r->late = strcmp(late, "yes") == 0;
	return 0;
}

int
question_copies(const char *run_dir, const char *id, unsigned want,
    unsigned seconds, question_progress_fn *progress, void *ctx,
    struct question_copies *r_r, struct error *error_r)
{
	char line[ANSWER_MAX];
	int fd, rc;

	memset(r_r, 0, sizeof(*r_r));
	snprintf(line, sizeof(line), "copies %s %u %u", id, want, seconds);
	fd = ask(run_dir, line, error_r);
	if (fd < 0)
		return fd;
	rc = await(fd, seconds * 1000L + GRACE_MS, progress, ctx, line,
	    sizeof(line), error_r);
	close(fd);
	if (rc == 0 && question_parse_copies(line, r_r) < 0)
		rc = error_set(error_r, AG_EINVAL,
		    "agamid-relayd says what it should not");
	return rc;
}

int
question_parse_gate(const char *line, bool *pass_r)
{
	char verdict[8], why[16], end[2];

	*pass_r = true;
	if (sscanf(line, "gate=%7s why=%15s%1[\n]", verdict, why, end) != 3)
		return AG_EINVAL;
	if (strcmp(verdict, "defer") == 0)
		*pass_r = false;
	else if (strcmp(verdict, "pass") != 0)
		return AG_EINVAL;
	return 0;
}

int
question_gate(const char *run_dir, const char *home, const char *key,
    bool *pass_r, struct error *error_r)
{
	char line[ANSWER_MAX];
	int fd, rc;

	*pass_r = true;
	snprintf(line, sizeof(line), "gate %s %s", home, key);
	fd = ask(run_dir, line, error_r);
	if (fd < 0)
		return fd;
	rc = await(
	    fd, QUESTION_GATE_MS, NULL, NULL, line, sizeof(line), error_r);
	close(fd);
	if (rc == 0 && question_parse_gate(line, pass_r) < 0)
		rc = error_set(error_r, AG_EINVAL,
		    "agamid-relayd says what it should not");
	return rc;
}
