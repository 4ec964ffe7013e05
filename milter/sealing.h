/* SPDX-License-Identifier: MIT */
/*
 * sealing - one job: one mail, streamed into one bundle for one home
 * (doc/spec/bundle.md).
 *
 * The caller pushes message bytes; they go through a bounded pipe to the
 * job's own thread, where the OpenPGP engine pulls them and writes the
 * ciphertext to the spool. Then the thread signs the ticket and commits
 * the bundle to new/. One thread pushes, ends, waits and frees.
 *
 * Whatever doesn't end in ANSWER_OK leaves no bundle: a job that is freed
 * or given up before its commit has begun never commits.
 *
 * SECURITY: the text is in memory only, in buffers that are wiped.
 */
#ifndef AGAMID_MILTER_SEALING_H
#define AGAMID_MILTER_SEALING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/bsmtp.h"
#include "mail/bundle.h"
#include "manifests/network.h"
#include "milter/answer.h"
#include "milter/decide.h"
#include "milter/sealer.h"

struct sealing;

struct sealing_request { /* all borrowed for the call of sealing_new() */
	struct network *net;
	struct mail_class class; /* MAIL_PEER */
	const struct bsmtp_envelope *envelope;
	const struct bundle_client *client;
	const char *with; /* of our Received line; NULL: none of ours */
	bool received_from; /* does it name the client? */
	const char *queue_id;
	int64_t now;
	bool own; /* of our own users: they are told if it expires */
};

/* Begin: OK; BUSY (max-sealing reached), NO_KEY, TROUBLE. */
enum answer sealing_new(struct sealer *sealer,
    const struct sealing_request *req, struct sealing **job_r);
/* Message bytes, CRLF lines, no stuffed dots. OK; else the job has failed
 * and says so again at every further call: TOO_BIG, LATE, NO_KEY,
 * TROUBLE. */
enum answer sealing_push(struct sealing *job, const void *data, size_t len);
/* The message is whole. */
enum answer sealing_end(struct sealing *job);
/* After sealing_end(): wait at most timeout_ms. WAIT: not done yet; OK:
 * durable in the spool; else failed for good. */
enum answer sealing_wait(struct sealing *job, unsigned timeout_ms);
/* After OK. Borrowed. */
const char *sealing_id(const struct sealing *job);
/* Bytes of ciphertext, after OK. */
uint64_t sealing_size(const struct sealing *job);
/* After OK: another answer is to be given after all. Removes the bundle,
 * unless agamid-relayd has moved it on already. 0, AG_EIO. */
int sealing_withdraw(struct sealing *job, struct error *error_r);
/* Gives the job up if it isn't done, and its place back. */
void sealing_free(struct sealing **job);

#endif
