/* SPDX-License-Identifier: MIT */
/*
 * openpgp_packet - reading keys and writing packets as bytes (RFC 4880):
 * ASCII armor, packet headers, v4 fingerprints, MPIs.
 *
 * Pure: bytes in, bytes out; no engine, no I/O. It judges no signature:
 * whether a key's parts belong together is for GnuPG to say.
 */
#ifndef AGAMID_OPENPGP_PACKET_H
#define AGAMID_OPENPGP_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/error.h"

#define PACKET_SIGNATURE 2
#define PACKET_SECRET_KEY 5
#define PACKET_PUBLIC_KEY 6
#define PACKET_SECRET_SUBKEY 7
#define PACKET_USER_ID 13
#define PACKET_PUBLIC_SUBKEY 14

#define PACKET_SHA1_SIZE 20

struct openpgp_packet {
	unsigned tag;
	const uint8_t *body; /* borrowed */
	size_t len;
};

/* The bytes of the one armored block "BEGIN PGP <what>" in text; blanks
 * may stand around it, nothing else. 0, AG_EINVAL, AG_ETOOBIG (out). */
int openpgp_packet_dearmor(
    const char *text, const char *what, struct buf *out, struct error *error_r);

/* The next packet of a key: 1, 0 at the end, AG_EINVAL. Partial and
 * indeterminate lengths are refused (RFC 4880 4.2.2.4: for data only). */
int openpgp_packet_next(struct cursor *c, struct openpgp_packet *packet_r);

/* RFC 4880 12.2, for the body of a public key or subkey packet. */
void openpgp_packet_fingerprint(
    const void *body, size_t len, uint8_t fpr_r[PACKET_SHA1_SIZE]);

/* Append a packet with a new-format header of five octets of length. */
int openpgp_packet_put(
    struct buf *out, unsigned tag, const void *body, size_t len);
/* Append an MPI; leading zero octets are dropped (RFC 4880 3.2). */
int openpgp_packet_put_mpi(struct buf *out, const uint8_t *n, size_t len);
/* Append the low bytes of n, big-endian. */
int openpgp_packet_put_uint(struct buf *out, uint32_t n, unsigned bytes);

#endif
