/* SPDX-License-Identifier: MIT */
/*
 * drill - the value of a test mail's field: "ACCEPTOR TIME MAC", TIME
 * seconds since 1970, MAC the HMAC-SHA-256 in hex of
 * "agamid-drill 1 ACCEPTOR TIME" under the node's secret. agamid(8) makes
 * it, agamid-deliver(8) knows it. Pure.
 */
#ifndef AGAMID_DRILL_H
#define AGAMID_DRILL_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/ticket.h"

#define DRILL_FIELD "X-Agamid-Drill"
#define DRILL_SECRET_SIZE 32
#define DRILL_VALUE_MAX (NODE_NAME_MAX + 1 + 20 + 1 + 64)
#define DRILL_DAYS 90 /* no bundle is on its way for longer */

void drill_write(const uint8_t secret[DRILL_SECRET_SIZE], const char *acceptor,
    int64_t time, char value_r[DRILL_VALUE_MAX + 1]);
/* Was this value made here, for this acceptor, not too long ago? */
bool drill_check(const uint8_t secret[DRILL_SECRET_SIZE], const char *value,
    const char *acceptor, int64_t now);

#endif
