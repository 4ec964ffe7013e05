/* SPDX-License-Identifier: MIT */
/*
 * openpgp_frame - the outside of a sealed message, checked as it streams
 * by: one to FRAME_RECIPIENTS_MAX session keys (PKESK, version 3), then
 * one SEIPD packet of version 1, then nothing (RFC 4880 5.1, 5.13, 11.3).
 *
 * It decides the same for every engine, before an engine sees the bytes:
 * what is not sealed, is sealed without integrity protection or to a
 * passphrase, is cut off or has something behind it is refused here. It
 * can't tell whether the contents are good: that is the engine's part.
 *
 * Pure, incremental, no allocation.
 */
#ifndef AGAMID_OPENPGP_FRAME_H
#define AGAMID_OPENPGP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define FRAME_RECIPIENTS_MAX 16
#define FRAME_KEYID_SIZE 8

enum openpgp_frame_state {
	FRAME_TAG, /* the first octet of a packet */
	FRAME_LENGTH, /* octets of length */
	FRAME_PKESK, /* inside a session key */
	FRAME_SEIPD_VERSION, /* the first octet of the SEIPD packet */
	FRAME_SEIPD,
	FRAME_END,
	FRAME_BAD,
};

enum openpgp_frame_length {
	LENGTH_FIRST, /* of the new format */
	LENGTH_SECOND, /* of two octets of the new format */
	LENGTH_PLAIN, /* big-endian octets */
};

struct openpgp_frame {
	enum openpgp_frame_state state;
	const char *why; /* FRAME_BAD: a few words */
	unsigned recipients;
	uint8_t keyid[FRAME_RECIPIENTS_MAX][FRAME_KEYID_SIZE];
	/* of the packet that is being read */
	bool seipd, new_format, partial;
	enum openpgp_frame_length length_kind;
	unsigned length_octets; /* still to come */
	uint32_t length; /* while it is read; then what is left */
	unsigned at; /* octets of its body that were looked at */
};

void openpgp_frame_init(struct openpgp_frame *f);
/* The next bytes: 0, or AG_ESIG from the first wrong one on. */
int openpgp_frame_feed(struct openpgp_frame *f, const void *data, size_t len);
/* The bytes end here: 0 if the message is whole. */
int openpgp_frame_finish(struct openpgp_frame *f);

#endif
