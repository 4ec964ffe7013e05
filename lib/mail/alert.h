/* SPDX-License-Identifier: MIT */
/*
 * alert - the proof that whoever reads an address wants to be told there
 * when a home is away (doc/spec/node.md, chapter 24).
 *
 * Each node that may write there makes a token of its own: a MAC under its
 * own secret, over the home and the address. It tells it to that address
 * alone; the home puts it into its manifest. So a node knows by its secret
 * alone that the reader agreed, whatever others say, and a token is no use
 * for another home, another address or another node.
 *
 * Pure.
 */
#ifndef AGAMID_ALERT_H
#define AGAMID_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALERT_TOKEN_LEN 32 /* hex digits */
#define ALERT_SECRET_SIZE 32
#define ALERT_TOKENS_MAX 16 /* in a manifest */

void alert_token(const uint8_t secret[ALERT_SECRET_SIZE], const char *network,
    const char *home, const char *address, char out[ALERT_TOKEN_LEN + 1]);

/* "NODE:TOKEN", as a manifest has it? */
bool alert_entry_is(const char *entry);
/* This node's token among the entries; NULL if there is none. */
const char *alert_find(
    const char *const *entries, size_t count, const char *node);

#endif
