/* SPDX-License-Identifier: MIT */
/*
 * content - what makes two mails the same one: SHA-256 over MAIL FROM, one
 * RCPT and DATA below the acceptor's Received line. A sender whose 250 got
 * lost sends again, perhaps to another acceptor; the home delivers one of
 * equals within CONTENT_DAYS days to each recipient, where the mail has a
 * Message-ID (without one, two equal mails may both be meant).
 *
 * Pure; DATA comes unstuffed in pieces of any size. Only a first field
 * that is named Received is left out. Parameters of MAIL and RCPT don't
 * count (SIZE may differ).
 */
#ifndef AGAMID_DELIVER_CONTENT_H
#define AGAMID_DELIVER_CONTENT_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTENT_SIZE 32
#define CONTENT_DAYS 7

enum content_state {
	CONTENT_NAME, /* in what may become "received:" or "message-id:" */
	CONTENT_LINE,
	CONTENT_BODY,
};

struct content {
	crypto_hash_sha256_state hash;
	enum content_state state;
	char name[12]; /* of the line's field, so far; not hashed yet */
	size_t name_len;
	bool first; /* in the first field */
	bool leaving_out; /* in the acceptor's Received line */
	bool in_message_id;
	bool message_id; /* there is one, not empty */
};

void content_init(struct content *c);
void content_put(struct content *c, const void *data, size_t len);
/* DATA's hash; c is spent, but for message_id. */
void content_end(struct content *c, uint8_t data_r[CONTENT_SIZE]);

/* One recipient's; paths as they stand in the envelope. */
void content_key(const char *mail, const char *rcpt,
    const uint8_t data[CONTENT_SIZE], uint8_t key_r[CONTENT_SIZE]);

#endif
