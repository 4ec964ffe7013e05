/* SPDX-License-Identifier: MIT */
/*
 * dsn_keep - who is to be told if this mail expires (doc/spec/node.md,
 * chapter 12): decided and collected when sealing begins, sealed to this
 * node's own keys and written to dsn/ID before the bundle is there.
 *
 * SECURITY: senders of strangers' mail are kept only where the
 * configuration asks for it and SPF has passed, so that nobody makes this
 * node write to a third person. Nothing of it is ever on the disk in
 * clear, and agamid-deliver alone can open it.
 */
#ifndef AGAMID_MILTER_DSN_KEEP_H
#define AGAMID_MILTER_DSN_KEEP_H

#include "mail/dsn.h"
#include "milter/sealing.h"

/* *r_r is NULL if nobody is to be told. 0 or AG_ENOMEM. */
int dsn_keep_new(const struct sealer *sealer, const struct sealing_request *req,
    struct dsn_record **r_r);
void dsn_keep_free(struct dsn_record **r);

/* Make it durable, for the bundle of this ticket. 0 or an error. */
int dsn_keep_write(struct sealer *sealer, const struct network *net,
    struct dsn_record *r, const struct ticket *t, struct error *error_r);
/* The bundle was not accepted after all. */
void dsn_keep_remove(const struct sealer *sealer, const char *id);

#endif
