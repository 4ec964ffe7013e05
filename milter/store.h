/* SPDX-License-Identifier: MIT */
/*
 * store - a connection to the mail store's LMTP (RFC 2033): Dovecot's, on
 * a UNIX socket. Each function waits for the answer, with the deadlines of
 * RFC 5321 section 4.5.3.2.
 *
 * 0 means that there was an answer, whatever it says: store_reply(). A
 * negative result means that there was none; the connection is spent.
 */
#ifndef AGAMID_MILTER_STORE_H
#define AGAMID_MILTER_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "mail/bsmtp.h"
#include "mail/smtp_reply.h"
#include "util/error.h"

#define STORE_LINE_MAX 512 /* RFC 5321 section 4.5.3.1.5, and a NUL */

struct store;

/* Connect, and say LHLO as host. 0, AG_EIO, AG_EAGAIN, AG_ENOMEM. */
int store_open(const char *path, const char *host, struct store **s_r,
    struct error *error_r);
/* Closes the connection, with QUIT where no transaction is open. */
void store_free(struct store **s);

const struct smtp_offer *store_offer(const struct store *s);
/* Did the last answer say yes (2xx; to DATA 3xx)? */
bool store_accepts(const struct store *s);
/* It, on one line. No code but 2xx, 4xx and 5xx comes out of here. */
void store_reply(const struct store *s, char line_r[STORE_LINE_MAX]);
/* Has each transaction come to its end? Then another may begin. */
bool store_is_idle(const struct store *s);

/* size: of the message, about; 0 if unknown. */
int store_mail(struct store *s, const struct bsmtp_path *mail, uint64_t size,
    struct error *error_r);
int store_rcpt(
    struct store *s, const struct bsmtp_path *rcpt, struct error *error_r);
int store_data(struct store *s, struct error *error_r);
/* Message bytes; dots are stuffed here. */
int store_write(
    struct store *s, const void *data, size_t len, struct error *error_r);
/* The final dot. */
int store_end(struct store *s, struct error *error_r);
/* The answer for the next recipient that was accepted. */
int store_next(struct store *s, struct error *error_r);

#endif
