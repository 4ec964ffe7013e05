/* SPDX-License-Identifier: MIT */
/*
 * setup_files - what setup_files.c and setup_journal.c share: a file's
 * state, and the journal as JSON.
 */
#ifndef AGAMID_SETUP_FILES_H
#define AGAMID_SETUP_FILES_H

#include <jansson.h>

#include "cli/setup.h"

/* SHA-256 of the bytes, as 64 hex digits. */
void setup_state_hash(const struct setup_state *st, char hex_r[65]);
/* The file, or is = false where there is none. */
int setup_state_read(
    const char *path, struct setup_state *st_r, struct error *error_r);
/* Beside, synced, renamed; times: with its mtime. A link stays one. */
int setup_state_write(const char *path, const struct setup_state *st,
    bool times, struct error *error_r);
bool setup_state_same(const struct setup_state *a, const struct setup_state *b);

/* A new object; empty where there is no journal. */
json_t *setup_journal_json(const struct setup *s);
/* A file's entry, borrowed, or NULL. */
json_t *setup_journal_file(const json_t *root, const char *path);
/* What the entry says of a file whose now is known: base, foreign. */
int setup_journal_fill(const struct setup *s, const json_t *file,
    struct setup_file *f, struct error *error_r);
int setup_journal_write(struct setup *s, struct error *error_r);
/* The journal as it was when it was loaded. */
int setup_journal_restore(struct setup *s, struct error *error_r);

#endif
