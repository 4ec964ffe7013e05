/* SPDX-License-Identifier: MIT */
/*
 * job_parts - what the files of a job share; for them alone. job.c is its
 * steps, job_hand.c how a mail is handed on.
 */
#ifndef AGAMID_DELIVER_JOB_PARTS_H
#define AGAMID_DELIVER_JOB_PARTS_H

#include "deliver/job.h"
#include "deliver/open.h"

struct delivery {
	const struct home *home;
	struct worker *worker;
	struct job *job;
	struct network *net;
	struct ticket ticket;
	struct opened opened;
	bool is_open;
	struct rcpts rcpts;
	struct error error; /* why the last call failed */
};

/*
 * To Postfix, or into a Maildir. 0: each recipient's state says what became
 * of it; else (d->error) nothing was delivered, or (*sent_r) nobody knows.
 */
int job_hand(struct delivery *d, bool *sent_r);

#endif
