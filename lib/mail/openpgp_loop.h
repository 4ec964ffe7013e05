/* SPDX-License-Identifier: MIT */
/*
 * openpgp_loop - waiting for gpg, in place of GPGME's own loop.
 *
 * GPGME's (to 2.0 at least) asks poll(2) for POLLIN and POLLOUT only. If
 * gpg is killed while the pipe to it is full there is nothing but POLLERR,
 * and GPGME turns for ever, at full speed. It also waits for ever for a gpg
 * that was stopped. Only for the files openpgp*.c.
 */
#ifndef AGAMID_OPENPGP_LOOP_H
#define AGAMID_OPENPGP_LOOP_H

#include <gpgme.h>
#include <stdbool.h>

#define LOOP_WATCH_MAX 16
#define LOOP_SILENCE_MS 120000 /* gpg neither reads nor writes */

struct openpgp_watch {
	int fd; /* -1: free */
	short events;
	gpgme_io_cb_t call;
	void *data;
};

struct openpgp_loop {
	struct openpgp_watch watch[LOOP_WATCH_MAX];
	bool done;
	gpgme_error_t err; /* of the operation */
};

/* From now on gpgme_op_*_start() of ctx is waited for with
 * openpgp_loop_run(); attach again before each. Key listings are not
 * possible any more. loop outlives ctx. */
void openpgp_loop_attach(struct openpgp_loop *loop, gpgme_ctx_t ctx);

/* Until the operation that has just been started (start: what starting it
 * returned) is over; its result. */
gpgme_error_t openpgp_loop_run(
    struct openpgp_loop *loop, gpgme_ctx_t ctx, gpgme_error_t start);

#endif
