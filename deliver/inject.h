/* SPDX-License-Identifier: MIT */
/*
 * inject - one mail into this node's own Postfix, by SMTP with XCLIENT on
 * the UNIX socket $queue_directory/public/agamid-inject (RFC 5321, and
 * Postfix's XCLIENT_README).
 *
 * Until the final dot it is looked whether Postfix still listens where it
 * was found: when its master(8) died, an smtpd(8) can be left that waits for
 * others of the dead, for hours.
 *
 * inject_begin() says everything up to DATA; inject_write() sends the
 * message in pieces; inject_end() sends the final dot. Whoever frees it
 * before that has cut the connection, and Postfix drops the mail.
 */
#ifndef AGAMID_DELIVER_INJECT_H
#define AGAMID_DELIVER_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deliver/ledger.h"
#include "deliver/results.h"
#include "deliver/xclient.h"
#include "util/error.h"
#include "mail/bsmtp.h"

struct inject;

struct inject_mail { /* borrowed until inject_begin() returns */
	const char *socket;
	const char *host; /* who we say we are */
	struct xclient *client; /* its address is hidden if refused */
	const struct bsmtp_envelope *envelope;
	uint64_t size; /* of the message */
	const char *headers; /* ours, which go on top */
	results_ours_fn *ours; /* results.h */
	const void *ours_ctx; /* until it is freed */
};

/*
 * Offer the mail to every recipient that waits. 1: the message may follow,
 * for those marked now. 0: nobody takes it; each recipient's state and
 * reply say why. Else nothing is known, and it may be tried again
 * (AG_EAGAIN, AG_EIO, ..., with the reason).
 */
int inject_begin(const struct inject_mail *m, struct rcpts *rs,
    struct inject **i_r, struct error *error_r);

/* Message bytes as in the bundle (not stuffed). */
int inject_write(
    struct inject *i, const void *data, size_t len, struct error *error_r);

/* After an error of inject_write(): was it the session that failed? */
bool inject_is_lost(const struct inject *i);

/* The end of the message, and Postfix's answer into rs. An error: whether
 * Postfix took the mail is not known. */
int inject_end(struct inject *i, struct rcpts *rs, struct error *error_r);

void inject_free(struct inject **i);

#endif
