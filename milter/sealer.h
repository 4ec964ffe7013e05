/* SPDX-License-Identifier: MIT */
/*
 * sealer - what all sealing jobs of one process share: OpenPGP engines
 * that are kept for reuse, the ticket key, the places of the spool, and
 * the number of jobs at once.
 *
 * Engines belong to one directory of derived keys: when the network's
 * view comes from another one, the old ones go.
 */
#ifndef AGAMID_MILTER_SEALER_H
#define AGAMID_MILTER_SEALER_H

#include <stdbool.h>

#include "mail/conf.h"
#include "mail/keys.h"
#include "mail/openpgp.h"
#include "mail/ticket.h"
#include "manifests/network.h"
#include "milter/decide.h"
#include "util/error.h"

struct sealer;

/* conf is borrowed and must live as long. Removes temporary files that
 * nobody writes any more. 0, AG_EIO, AG_EINVAL, AG_ENOMEM. */
int sealer_new(
    const struct conf *conf, struct sealer **s_r, struct error *error_r);
/* Only when no job runs. */
void sealer_free(struct sealer **s);

const struct conf *sealer_conf(const struct sealer *s);
const char *sealer_tmp_dir(const struct sealer *s);
const char *sealer_new_dir(const struct sealer *s);

/* A place among the jobs at once; false if none becomes free within two
 * seconds. */
bool sealer_enter(struct sealer *s);
void sealer_leave(struct sealer *s);
/* No new job from now on; wait until none runs, at most timeout_ms. */
bool sealer_drain(struct sealer *s, unsigned timeout_ms);

/* An engine for the view's keys; to be put back, or freed with
 * openpgp_free() after it failed. */
int sealer_engine_get(struct sealer *s, const struct network *net,
    struct openpgp **pgp_r, struct error *error_r);
void sealer_engine_put(
    struct sealer *s, const struct network *net, struct openpgp **pgp);

/* Can the target be sealed to: the home's key, its recovery key, and the
 * mailbox's own? Logs why not. A yes is remembered for a directory. */
bool sealer_usable(
    struct sealer *s, const struct network *net, const struct target *t);

/* Sign with the ticket key that our manifest of that view names, as soon as
 * it is there; with the one before until then. 0; AG_EINVAL. */
int sealer_sign(struct sealer *s, const struct network *net, struct ticket *t);

/* The same for one key ("": no). */
bool sealer_key_usable(
    struct sealer *s, const struct network *net, const char *fpr);

/* Our limits, and what is free now. */
void sealer_room(const struct sealer *s, struct room *room_r);

#endif
