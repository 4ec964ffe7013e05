/* SPDX-License-Identifier: MIT */
/*
 * sealing_parts - a job, as its two threads share it: the caller's, which
 * writes plaintext into the pipe (sealing.c), and the job's own, which
 * seals (sealing_job.c). Nobody else includes it.
 *
 * What only one of them uses is marked; the rest is under the lock. The
 * last of both frees it.
 */
#ifndef AGAMID_MILTER_SEALING_PARTS_H
#define AGAMID_MILTER_SEALING_PARTS_H

#include <pthread.h>

#include "mail/spool.h"
#include "milter/dsn_keep.h"
#include "milter/pgpmime.h"
#include "milter/sealing.h"
#include "util/bpipe.h"

enum sealing_state { SEALING, COMMITTING, OVER };

struct sealing {
	struct sealer *sealer;
	struct network *net;
	const struct manifest *home; /* net's */
	struct bpipe *pipe;
	int64_t deadline; /* ms, monotonic */
	uint64_t limit;

	/* The caller's; the first three are lent to the inner seal's thread
	 * while that runs. */
	struct buf buf;
	struct bsmtp_stuff stuff;
	uint64_t plain; /* bytes of plaintext so far */
	struct pgpmime *inner; /* to the mailbox's own key, or NULL */
	uint64_t message; /* bytes of the sender's */

	/* The job's thread's, until OVER. */
	struct ticket ticket;
	struct spool_writer *writer;
	struct dsn_record *dsn; /* NULL: nobody is told of expiry */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned refs;
	enum sealing_state state;
	bool abandoned;
	enum answer answer; /* OK, or the first failure */
};

/* Start the job's thread. 0, AG_ENOMEM. */
int sealing_start(struct sealing *j);
/* The job's place is given back when all its threads have left it: then
 * they have left the sealer, too. */
void sealing_unref(struct sealing *j);
/* The first failure is the job's answer, which is returned. */
enum answer sealing_fail(struct sealing *j, enum answer a);
/* OK, or the first failure. */
enum answer sealing_answer(struct sealing *j);

#endif
