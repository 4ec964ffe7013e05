/* SPDX-License-Identifier: MIT */
/*
 * notice - mail that this node writes itself, on request of agamid-relayd:
 * to a sender whose mail has expired (doc/spec/node.md, chapter 12), and to
 * the address where a home wants to be told that it is away (chapter 24).
 *
 * What is sent, and to whom, is decided here, from what only this process
 * can open: a relayd that was taken over can say when, and no more.
 */
#ifndef AGAMID_DELIVER_NOTICE_H
#define AGAMID_DELIVER_NOTICE_H

#include "deliver/job.h"

/* OUTCOME_DONE: sent, now or before; RETRY: not now; REFUSED: never. Logs
 * it. */
void notice_run(struct worker *w, struct job *j);

#endif
