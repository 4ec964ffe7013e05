/* SPDX-License-Identifier: MIT */
/*
 * pin - what the operator has agreed to about a peer, in
 * manifests/NAME/pinned (SPEC N-14):
 *
 *	agamid-pin 1
 *	since 1795305600
 *	name bob
 *	host bob.friends.example
 *	site bob-home
 *	domain bob.example		(a line each, sorted)
 *	primary <fingerprint>
 *	recovery <fingerprint>
 *	ssh-client ssh-ed25519 AAAA...	(a line each, sorted)
 *	succession 2026112201		(if the recovery key had to speak)
 *
 * A manifest is in force only while it says the same. All functions but
 * pin_read() and pin_write() are pure.
 */
#ifndef AGAMID_PIN_H
#define AGAMID_PIN_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/conf.h"
#include "manifests/manifest.h"
#include "util/buf.h"
#include "util/error.h"

#define PIN_MAX (MANIFEST_MAX + 4096)

/* The pin of m, whose fingerprints are known, made at this time. */
int pin_make(const struct manifest *m, int64_t since, struct buf *out);

/* The keys of m that are not pinned, in lines of the same form: for
 * claims.h. */
int pin_keys(const struct manifest *m, struct buf *out);

/* When it was made; AG_EINVAL if this is no pin. */
int pin_since(const struct buf *pin, int64_t *since_r);

/* How many of the pinned facts are other in m: for each, "- was" and
 * "+ would be" lines are appended to out (may be NULL). */
unsigned pin_differs(
    const struct buf *pin, const struct manifest *m, struct buf *out);

/* May m's succession, if its signature is good, replace this pin: does m
 * differ in nothing but the primary and the SSH client keys, and is its
 * succession newer than the pinned one? (SPEC M-13.2) */
bool pin_may_succeed(const struct buf *pin, const struct manifest *m);

/* The primary key's fingerprint in it; "" if there is none. */
#define PIN_FPR_SIZE 41
void pin_primary(const struct buf *pin, char fpr_r[PIN_FPR_SIZE]);

/* AG_ENOENT if the peer is not pinned. */
int pin_read(const struct conf *conf, const char *name, struct buf *pin_r,
    struct error *error_r);
int pin_write(const struct conf *conf, const char *name, const struct buf *pin,
    struct error *error_r);

#endif
