/* SPDX-License-Identifier: MIT */
/*
 * recovery - the paper with the recovery key's secret.
 *
 * Every bundle is sealed to the recovery key too. A node that was restored
 * from the paper keeps, in recovery.asc, what opens those of before: the
 * secret of that key's encryption subkey. The secret that could replace
 * the node's keys is not in it (SPEC N-13.5).
 */
#ifndef AGAMID_RECOVERY_H
#define AGAMID_RECOVERY_H

#include "mail/conf.h"
#include "util/buf.h"
#include "util/error.h"

#define RECOVERY_MAX 262144

/* The armored secret key in what was typed off the paper. */
int recovery_read(
    const char *paper, struct buf *secret_r, struct error *error_r);

/* Write recovery.asc. public: the recovery key of the manifest, armored.
 * AG_EINVAL: the paper is not its. */
int recovery_keep(const struct conf *conf, const char *public,
    const char *paper, const char *scratch, struct error *error_r);

/* Remove it when nothing is held any more that was sealed before: so many
 * days after it was written, the longest hold and 30 more. */
#define RECOVERY_DAYS 120
void recovery_expire(const struct conf *conf, int64_t now);

#endif
