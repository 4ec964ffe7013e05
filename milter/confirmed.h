/* SPDX-License-Identifier: MIT */
/*
 * confirmed - has the home itself said lately that its manifest here is
 * its newest (SPEC N-1.11)? agamid-relayd keeps the times in
 * run/relayd/confirmed: a line "NAME UNIXTIME" for each peer.
 */
#ifndef AGAMID_MILTER_CONFIRMED_H
#define AGAMID_MILTER_CONFIRMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manifests/network.h"
#include "milter/answer.h"

#define CONFIRMED_SECONDS (7 * 86400)

/* An answer about this domain, made temporary if it says for good that a
 * mailbox does not exist and the manifest that says so may be outdated. */
enum answer confirmed_soften(const char *run_dir, const struct network *net,
    const char *domain, enum answer a, int64_t now);

/* Does the text say that the peer was heard of within CONFIRMED_SECONDS
 * (pure)? What can't be read says nothing. */
bool confirmed_is_fresh(
    const char *text, size_t len, const char *peer, int64_t now);

#endif
