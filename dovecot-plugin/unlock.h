/* SPDX-License-Identifier: MIT */
/*
 * unlock - a mailbox's own OpenPGP secret key, unlocked once for a
 * session, and the sealed mail that it opens. RNP, in this process: no
 * agent that would stay behind with the key.
 *
 * The key is read and its passphrase tried when the first sealed mail is
 * opened; a session that reads none never pays for it. If the passphrase
 * is wrong it is not tried again.
 *
 * SECURITY: the passphrase lies in locked memory and is wiped as soon as
 * it was tried. What was written out may be believed only after
 * UNLOCK_OPENED: integrity is known at the end. No message makes more come
 * out than went in (what Agamid seals is never compressed).
 *
 * Knows nothing of Dovecot; one thread at a time.
 */
#ifndef AGAMID_PLUGIN_UNLOCK_H
#define AGAMID_PLUGIN_UNLOCK_H

#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

#define UNLOCK_KEY_MAX 1048576 /* bytes of a key file */
#define UNLOCK_ERROR_MAX 160

struct unlock;

enum unlock_state {
	UNLOCK_UNTRIED,
	UNLOCK_READY,
	UNLOCK_NO_KEY, /* there is no such file */
	UNLOCK_BAD_KEY, /* there is, but it can't be used */
	UNLOCK_NO_PASS, /* it has a passphrase, and we have none */
	UNLOCK_WRONG_PASS,
};

enum unlock_result {
	UNLOCK_OPENED,
	UNLOCK_LOCKED, /* the key is not ready: see unlock_state() */
	UNLOCK_FAILED, /* this mail can't be opened with it */
};

/* Both are copied; pass may be NULL. NULL when memory is out. */
struct unlock *unlock_new(const char *path, const char *pass);
void unlock_free(struct unlock **u);

/* Read the key and try the passphrase, unless that was done. */
enum unlock_state unlock_try(struct unlock *u);
/* Why it is not ready; "" if it is. */
const char *unlock_error(const struct unlock *u);

struct unlock_io {
	/* Armor: up to len bytes, 0 at the end, negative: give up. */
	ssize_t (*read)(void *ctx, void *data, size_t len);
	/* Plaintext: 0, or negative: give up. */
	int (*write)(void *ctx, const void *data, size_t len);
	void *ctx;
};

/* error_r: why it failed. */
enum unlock_result unlock_open(struct unlock *u, const struct unlock_io *io,
    char error_r[UNLOCK_ERROR_MAX]);

#endif
