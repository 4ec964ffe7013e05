/* SPDX-License-Identifier: MIT */
/*
 * dsn - senders who are to be told when their mail has expired (node.md,
 * chapter 12). agamid-milter and agamid-seal left in dsn/ID, sealed to this
 * node, whom to tell; agamid-deliver opens that and sends the notification.
 *
 * relayd keeps the file while the bundle is held here, and hands it over
 * when that has expired. It can't read it.
 */
#ifndef AGAMID_RELAYD_DSN_H
#define AGAMID_RELAYD_DSN_H

#include "relayd/relayd.h"

int dsn_new(struct relayd *r, struct dsn **d_r, struct error *error_r);
void dsn_free(struct dsn **d);
/* At start: remove what belongs to no bundle, go on with what is open. */
void dsn_load(struct relayd *r);
/* Remove files that belong to no bundle any more. */
void dsn_sweep(struct relayd *r);

/* Is the sender of this bundle to be told? */
bool dsn_is_asked(struct relayd *r, const char *id);
/* Something has expired whose sender is to be told. */
void dsn_news(struct relayd *r);
/* The bundle is at home: nobody needs to be told. */
void dsn_forget(struct relayd *r, const char *id);

#endif
