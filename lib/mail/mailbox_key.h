/* SPDX-License-Identifier: MIT */
/*
 * mailbox_key - the OpenPGP keys of one mailbox, the newest first, as they
 * lie under a passphrase in one file (agamid-dovecot(7)): made, taken in,
 * put under another passphrase. Through RNP; without it each function that
 * makes one is AG_ECRYPTO.
 *
 * SECURITY: what mailbox_key_secret() gives is under a passphrase; what
 * mailbox_key_sheet() gives is not, and is for paper.
 */
#ifndef AGAMID_MAILBOX_KEY_H
#define AGAMID_MAILBOX_KEY_H

#include "util/buf.h"
#include "util/error.h"

#define MAILBOX_KEY_MAX 1048576 /* bytes of a file of them */

struct mailbox_key;

int mailbox_key_new(struct mailbox_key **k_r, struct error *error_r);
void mailbox_key_free(struct mailbox_key **k);

/* Secret keys, armored or not, all under this passphrase (or none): AG_EPERM
 * if it is the wrong one; AG_EINVAL if there is none that decrypts. */
int mailbox_key_load(struct mailbox_key *k, const struct buf *data,
    const char *pass, struct error *error_r);
/* A new one, which becomes the newest. */
int mailbox_key_generate(
    struct mailbox_key *k, const char *uid, struct error *error_r);

/* All secret keys under this passphrase (not ""), not armored; k is spent
 * afterwards, but for mailbox_key_public(). */
int mailbox_key_secret(struct mailbox_key *k, const char *pass, struct buf *out,
    struct error *error_r);
/* The newest one's public half, armored. */
int mailbox_key_public(
    struct mailbox_key *k, struct buf *out, struct error *error_r);
/* The newest one's secret half, armored, without a passphrase. */
int mailbox_key_sheet(
    struct mailbox_key *k, struct buf *out, struct error *error_r);

#endif
