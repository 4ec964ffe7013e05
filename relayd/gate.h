/* SPDX-License-Identifier: MIT */
/*
 * gate - whether a stranger's mail for a home is let in here, or told to
 * go to the home itself, which is up (SPEC N-2).
 *
 * Who was told so is remembered by a key that the milter made of home,
 * sender and recipient; no address is known here. The table has a fixed
 * size, lives in memory, and is shared with the home's other backups.
 */
#ifndef AGAMID_RELAYD_GATE_H
#define AGAMID_RELAYD_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayd/relayd.h"

#define GATE_KEY_BYTES 16
#define GATE_KEY_LEN (2 * GATE_KEY_BYTES) /* lower-case hexadecimal */

struct client;
struct gate;
struct link;

struct gate *gate_new(void); /* NULL when memory is out */
void gate_free(struct gate **g);

/* Take the client over: it hears one line of question.h, at once if it is
 * known whether the home is up, else within GATE_PROBE_MS. */
#define GATE_PROBE_MS 5000
void gate_ask(
    struct relayd *r, struct client *c, const char *home, const char *key);

/* A peer says whom it told to come again. */
struct proto_msg;
void gate_heard(struct link *ln, const struct proto_msg *m);

/* The peer was lost sight of: what was known of its mail server is known no
 * more. */
void gate_forget(struct peer *p);

/* The table (no clock in it) ------------------------------------------- */

struct gate_table;

struct gate_table *gate_table_new(void);
void gate_table_free(struct gate_table **t);
/*
 * When was this key first seen? now (seconds, of a clock that is never
 * set) if it was not, and it is remembered from now on. What was first
 * seen longer than GATE_KEEP ago counts as not seen.
 */
#define GATE_KEEP (36 * 3600)
int64_t gate_table_since(
    struct gate_table *t, const unsigned char key[GATE_KEY_BYTES], int64_t now);

/* Hexadecimal to bytes; false if it is no key. */
bool gate_key_parse(const char *text, unsigned char key_r[GATE_KEY_BYTES]);

#endif
