/* SPDX-License-Identifier: MIT */
/*
 * text - small pure functions on text: numbers, hex, base64, sizes,
 * durations, names, IP addresses. No allocation unless said; no I/O.
 */
#ifndef AGAMID_TEXT_H
#define AGAMID_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lower-case hex of len bytes into out (2 * len + 1 bytes). */
void text_hex(const uint8_t *data, size_t len, char *out);
/* Exactly 2 * len lower-case hex digits; 0 or AG_EINVAL. */
int text_unhex(const char *hex, uint8_t *out, size_t len);
bool text_is_hex(const char *s, size_t digits);

/* Standard base64 with padding (RFC 4648 section 4), through libsodium. 0,
 * or AG_ETOOBIG: outsize (with the NUL) does not hold it. */
int text_base64(const uint8_t *data, size_t len, char *out, size_t outsize);
/* Decodes exactly len bytes; 0 or AG_EINVAL. */
int text_unbase64(const char *b64, uint8_t *out, size_t len);

/* Decimal without sign or leading zero; 0, AG_EINVAL, AG_ETOOBIG. */
int text_uint(const char *s, uint64_t max, uint64_t *n_r);
/* "25M" -> bytes; K, M, G, T are powers of 1,024. */
int text_size(const char *s, uint64_t *bytes_r);
/* "10s", "5m", "2h", "60d" -> seconds; a unit is needed. */
int text_duration(const char *s, uint64_t *seconds_r);

/* A node's or mailbox's name: [a-z0-9-]{1,32}, no '-' at either end. */
bool text_is_node_name(const char *s);
/* Mailbox name: [A-Za-z0-9._-]{1,64}, no '.' first. */
bool text_is_mailbox_name(const char *s);
/* An exact DNS host or mail domain: LDH labels (IDN as A-labels), at
 * least one dot, at most 253 bytes, lower case. */
bool text_is_domain(const char *s);
/* Lower-case ASCII in place. */
void text_lower(char *s);

/* One line, no control characters, printable ASCII or UTF-8. */
bool text_is_line(const char *s);

/* Is this a textual IPv4 or IPv6 address? */
bool text_is_address(const char *s);
/* Loopback, private, link-local, unspecified, multicast, unique-local, or
 * an IPv4-mapped form of one (RFC 6890); also true for what is no address. */
bool text_address_is_special(const char *s);
/* Is this "net/bits" or an address? */
bool text_is_network(const char *s);
/* Is address (text) inside one of "net/bits" or "address"? */
bool text_address_in(const char *address, const char *net);

/* RFC 3339 UTC ("2026-11-22T08:00:00Z") of a time_t; out has 21 bytes. */
void text_time(int64_t t, char *out);

/* xtext (RFC 3461 section 4), for XCLIENT and DSN values. 0, or
 * AG_ETOOBIG: outsize (with the NUL) does not hold it. */
int text_xtext(const char *s, char *out, size_t outsize);

/* strdup/format that end the process when memory is out: for start-up,
 * command line tools and tests. */
char *xstrdup(const char *s);
void *xcalloc(size_t n, size_t size);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
