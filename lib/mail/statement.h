/* SPDX-License-Identifier: MIT */
/*
 * statement - the lines that tickets and receipts are made of: "KEY VALUE"
 * and a "\n" each, the last one a signature over all before it.
 *
 * For ticket.c and receipt.c alone. The readers here find the parts; that
 * a statement is what its writer would have made is settled by writing it
 * again and comparing (statement_is()), so that no byte has two meanings.
 */
#ifndef AGAMID_STATEMENT_H
#define AGAMID_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "mail/keys.h"

/* 9999-12-31: later times are refused, so that sums never overflow. */
#define STATEMENT_TIME_MAX INT64_C(253402300799)

/* A line "<key> <value>"; key is with its blank ("home "). 0 or AG_EINVAL
 * (another key, no whole line, a value that is empty, does not fit or holds
 * a NUL). */
int statement_get_text(
    struct cursor *c, const char *key, char *value_r, size_t size);
int statement_get_uint(
    struct cursor *c, const char *key, uint64_t max, uint64_t *value_r);
int statement_get_time(struct cursor *c, int64_t *value_r);
/* The last line; nothing may follow it. */
int statement_get_signature(
    struct cursor *c, uint8_t signature_r[KEYS_SIGNATURE_SIZE]);

int statement_put_signature(
    struct buf *out, const uint8_t signature[KEYS_SIGNATURE_SIZE]);

/* Take back what was appended since out was this long. */
void statement_undo(struct buf *out, size_t len);

/* Is this exactly what was written to b? 0 or AG_EINVAL. */
int statement_is(const struct buf *b, const void *data, size_t len);

#endif
