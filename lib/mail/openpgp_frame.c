/* SPDX-License-Identifier: MIT */
/*
 * openpgp_frame - the outside of a sealed message, checked as it streams
 * by. See openpgp_frame.h.
 *
 * A machine that takes an octet at a time where headers are, and skips
 * bodies in one step.
 *
 * SECURITY: reads what any peer sent. No length is trusted further than
 * counting down to its end.
 */
#include "mail/openpgp_frame.h"

#include <string.h>

#define TAG_PKESK 1
#define TAG_SEIPD 18

#define PKESK_VERSION 3
#define PKESK_MIN 10 /* version, key ID, algorithm */
#define PKESK_MAX 4096 /* RSA of 16,384 bits has 2,060 */
#define SEIPD_VERSION 1
#define FIRST_PART_MIN 512 /* RFC 4880 4.2.2.4 */

static int
bad(struct openpgp_frame *f, const char *why)
{
	f->state = FRAME_BAD;
	f->why = why;
	return AG_ESIG;
}

void
openpgp_frame_init(struct openpgp_frame *f)
{
	memset(f, 0, sizeof(*f));
	f->state = FRAME_TAG;
}

static void
begin_length(
    struct openpgp_frame *f, enum openpgp_frame_length kind, unsigned octets)
{
	f->state = FRAME_LENGTH;
	f->length_kind = kind;
	f->length_octets = octets;
	f->length = 0;
}

static int
take_tag(struct openpgp_frame *f, uint8_t octet)
{
	unsigned tag, type = octet & 3;

	if ((octet & 0x80) == 0)
		return bad(f, "not an OpenPGP packet");
	f->new_format = (octet & 0x40) != 0;
	tag = f->new_format ? octet & 0x3f : (octet & 0x3c) >> 2;
	f->seipd = tag == TAG_SEIPD;
	f->partial = false;
	f->at = 0;
	if (tag != TAG_PKESK && tag != TAG_SEIPD)
		return bad(f, "a packet that does not belong here");
	if (f->seipd && f->recipients == 0)
		return bad(f, "sealed to no key");
	if (!f->seipd && f->recipients == FRAME_RECIPIENTS_MAX)
		return bad(f, "sealed to too many keys");
	if (f->new_format)
		begin_length(f, LENGTH_FIRST, 1);
	else if (type == 3)
		return bad(f, "a packet of indeterminate length");
	else
		begin_length(f, LENGTH_PLAIN, 1U << type);
	return 0;
}

/* The length of a packet, or of a part of it, is known. */
static int
begin_body(struct openpgp_frame *f)
{
	if (!f->seipd) {
		if (f->partial || f->length < PKESK_MIN ||
		    f->length > PKESK_MAX)
			return bad(f, "a session key of a wrong length");
		f->state = FRAME_PKESK;
	} else if (f->at == 0) {
		if (f->length == 0)
			return bad(f, "an empty packet");
		if (f->partial && f->length < FIRST_PART_MIN)
			return bad(f, "a first part of a wrong length");
		f->state = FRAME_SEIPD_VERSION;
	} else if (f->length > 0)
		f->state = FRAME_SEIPD;
	else
		f->state = FRAME_END; /* a last part may be empty */
	return 0;
}

/* The first octet of a new-format length (RFC 4880 4.2.2). */
static int
take_first_length(struct openpgp_frame *f, uint8_t octet)
{
	f->partial = octet >= 224 && octet < 255;
	if (octet == 255) {
		begin_length(f, LENGTH_PLAIN, 4);
		return 0;
	}
	if (octet >= 192 && octet < 224) {
		begin_length(f, LENGTH_SECOND, 1);
		f->length = octet - 192U;
		return 0;
	}
	f->length = f->partial ? 1U << (octet & 0x1f) : octet;
	return begin_body(f);
}

static int
take_length(struct openpgp_frame *f, uint8_t octet)
{
	switch (f->length_kind) {
	case LENGTH_FIRST:
		return take_first_length(f, octet);
	case LENGTH_SECOND:
		f->length = (f->length << 8) + octet + 192;
		return begin_body(f);
	case LENGTH_PLAIN:
		f->length = f->length << 8 | octet;
		return --f->length_octets > 0 ? 0 : begin_body(f);
	}
	return bad(f, "a wrong length");
}

/* A session key: its version, then whose it is. */
static int
take_pkesk(struct openpgp_frame *f, uint8_t octet)
{
	if (f->at == 0 && octet != PKESK_VERSION)
		return bad(f, "a session key of a wrong version");
	if (f->at >= 1 && f->at <= FRAME_KEYID_SIZE)
		f->keyid[f->recipients][f->at - 1] = octet;
	f->at++;
	if (--f->length == 0) {
		f->recipients++;
		f->state = FRAME_TAG;
	}
	return 0;
}

/* A part of the SEIPD packet has ended. */
static void
end_part(struct openpgp_frame *f)
{
	if (f->partial)
		begin_length(f, LENGTH_FIRST, 1);
	else
		f->state = FRAME_END;
}

static int
take_octet(struct openpgp_frame *f, uint8_t octet)
{
	switch (f->state) {
	case FRAME_TAG:
		return take_tag(f, octet);
	case FRAME_LENGTH:
		return take_length(f, octet);
	case FRAME_PKESK:
		return take_pkesk(f, octet);
	case FRAME_SEIPD_VERSION:
		if (octet != SEIPD_VERSION)
			return bad(f, "a seal of another version");
		f->at++;
		f->state = FRAME_SEIPD;
		if (--f->length == 0)
			end_part(f);
		return 0;
	case FRAME_END:
		return bad(f, "something follows the message");
	case FRAME_SEIPD:
	case FRAME_BAD:
		break;
	}
	return AG_ESIG;
}

int
openpgp_frame_feed(struct openpgp_frame *f, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t n;
	int rc;

	while (len > 0) {
		if (f->state == FRAME_SEIPD) {
			n = len < f->length ? len : f->length;
			f->length -= (uint32_t)n;
			if (f->length == 0)
				end_part(f);
		} else {
			n = 1;
			if ((rc = take_octet(f, *p)) < 0)
				return rc;
		}
		p += n;
		len -= n;
	}
	return 0;
}

int
openpgp_frame_finish(struct openpgp_frame *f)
{
	if (f->state == FRAME_END)
		return 0;
	return f->state == FRAME_BAD ? AG_ESIG : bad(f, "cut off");
}
