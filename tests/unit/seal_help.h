/* SPDX-License-Identifier: MIT */
/*
 * seal_help - a node that can seal: Carol, with her configuration, spool,
 * ticket key, and a network's view in which Bob and Dave have real OpenPGP
 * keys; and Bob and Dave's end, who open what she made.
 */
#ifndef AGAMID_TEST_SEAL_HELP_H
#define AGAMID_TEST_SEAL_HELP_H

#include <stddef.h>
#include <stdint.h>

#include "mail/bundle.h"
#include "mail/conf.h"
#include "milter/sealer.h"
#include "util/buf.h"

struct seal_node {
	struct conf *conf;
	struct sealer *sealer;
	struct network_source *source;
	struct network *net;
};

/* settings: further lines of agamid.yaml ("" if none). Everything is in
 * help_dir(), and is made anew. */
void seal_begin(struct seal_node *n, const char *settings);
void seal_end(struct seal_node *n);

/* The files that are there now. */
unsigned seal_new_count(void);
unsigned seal_tmp_count(void);

struct seal_opened {
	struct ticket ticket;
	struct bundle_head head;
	struct buf envelope; /* EHLO ... DATA, written again */
	struct buf body; /* the message with our Received line; cut at max */
	uint64_t body_len; /* all of it */
	uint64_t plain_len; /* all plaintext, padding included */
	char sha256[65]; /* of the body below our Received line */
};

/*
 * Open the only bundle for this home (ID NULL: any) in new/, as home
 * ("bob", "bob-recovery", "dave"): everything is checked that can be.
 */
void seal_open(const struct seal_node *n, const char *id, const char *as,
    size_t body_max, struct seal_opened *o_r);
/* The same for the only bundle of this home, as home. */
void seal_open_for(
    const struct seal_node *n, const char *home, struct seal_opened *o_r);
void seal_opened_free(struct seal_opened *o);
/* Where the message begins in o->body, behind our Received line. */
const char *seal_message(const struct seal_opened *o);

/* Open any OpenPGP message in memory, as one of the names. */
void seal_open_message(
    const void *data, size_t len, const char *as, struct buf *plain);

/* The message inside a PGP/MIME wrapper, opened as the mailbox "bob-own". */
void seal_open_wrapper(const char *wrapper, struct buf *plain);

#endif
