/* SPDX-License-Identifier: MIT */
/*
 * bundle - the plaintext inside the seal (doc/spec/bundle.md).
 *
 *	agamid-bundle 1 NETWORK ACCEPTOR HOME NONCE TIME\r\n
 *	client-name: mail.sender.example\r\n	(any may be absent)
 *	client-reverse-name: mail.sender.example\r\n
 *	client-address: 192.0.2.7\r\n
 *	client-port: 40312\r\n
 *	client-helo: mail.sender.example\r\n
 *	client-protocol: ESMTP\r\n
 *	client-tls: TLSv1.3 TLS_AES_256_GCM_SHA384\r\n
 *	client-spf: pass\r\n
 *	\r\n
 *	<one batch SMTP transaction, RFC 2442, EHLO to QUIT; bsmtp.h>
 *	<zeros up to the size class>
 */
#ifndef AGAMID_BUNDLE_H
#define AGAMID_BUNDLE_H

#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/error.h"
#include "mail/ticket.h"

#define BUNDLE_HEAD_MAX 8192 /* plaintext head, both parts */
#define BUNDLE_CLIENT_VALUE_MAX 512

struct bundle_client { /* "" where unknown */
	char name[256];
	char reverse_name[256];
	char address[64];
	char port[8];
	char helo[256];
	char protocol[16];
	char tls[128];
	char spf[32];
};

struct bundle_head {
	char network[NETWORK_NAME_MAX + 1];
	char acceptor[NODE_NAME_MAX + 1];
	char home[NODE_NAME_MAX + 1];
	char nonce[NONCE_LEN + 1];
	int64_t time;
	struct bundle_client client;
};

/* Client values are cleaned: every byte that is not printable ASCII becomes
 * '?'. 0; AG_EINVAL (the first line's values), AG_ETOOBIG, AG_ENOMEM. */
int bundle_head_write(const struct bundle_head *h, struct buf *out);
/*
 * Parse the head at the front of data. The bytes it took; 0 if it is not
 * all there yet; AG_EINVAL. Unknown client-* lines are skipped (a later
 * version may add some); anything else is an error, known lines twice or
 * out of order too.
 */
ssize_t bundle_head_parse(const void *data, size_t len, struct bundle_head *h_r,
    struct error *error_r);

/* Do ticket and inside agree (network, acceptor, home, nonce, time)? 0 or
 * AG_ESIG. */
int bundle_head_agrees(const struct bundle_head *h, const struct ticket *t);

/* The padded length for len bytes: Padme (PURBs, 2019), at least 1,024. */
uint64_t bundle_padded(uint64_t len);

#endif
