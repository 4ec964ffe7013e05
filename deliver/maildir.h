/* SPDX-License-Identifier: MIT */
/*
 * maildir - one mail into a Maildir, for agamid rescue: durable, and once,
 * whatever was delivered there before (https://cr.yp.to/proto/maildir.html).
 *
 * The file's name is made from when, by whom and under which nonce the
 * mail was accepted, so that it is the same each time; a mail that is in
 * new/ or cur/, with whatever flags, is not written again. Lines end in
 * LF, as all that writes Maildirs has them. The envelope stands on top:
 * Return-Path, and a Delivered-To for each recipient.
 */
#ifndef AGAMID_DELIVER_MAILDIR_H
#define AGAMID_DELIVER_MAILDIR_H

#include "deliver/results.h"
#include "util/error.h"
#include "mail/bsmtp.h"
#include "mail/ticket.h"

/* dir, dir/tmp, dir/new and dir/cur, where they are missing. */
int maildir_make(const char *dir, struct error *error_r);

struct maildir_mail { /* borrowed until maildir_begin() returns */
	const char *dir;
	const struct ticket *ticket;
	const char *host; /* of this node */
	const struct bsmtp_envelope *envelope;
	const char *headers; /* ours, below the envelope's */
	results_ours_fn *ours; /* results.h */
	const void *ours_ctx; /* until it is freed */
};

struct maildir;

/* 1: the message may follow; 0: it is there already; AG_EIO. */
int maildir_begin(
    const struct maildir_mail *m, struct maildir **d_r, struct error *error_r);
/* Message bytes as in the bundle (not stuffed). */
int maildir_write(
    struct maildir *d, const void *data, size_t len, struct error *error_r);
/* It was whole: into new/, on disk when this returns. */
int maildir_end(struct maildir *d, struct error *error_r);
/* Before maildir_end(): nothing is left of it. */
void maildir_free(struct maildir **d);

#endif
