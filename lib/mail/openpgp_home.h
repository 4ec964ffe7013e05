/* SPDX-License-Identifier: MIT */
/*
 * openpgp_home - GnuPG home directories and GPGME contexts in them.
 *
 * Only for the files openpgp*.c. A home is made in the caller's scratch
 * directory, mode 0700, and removed with all that is in it; the gpg-agent
 * that gpg starts there (only where a secret key is used) is stopped
 * first, by a command to its own socket: no other agent is touched. An
 * agent whose home was removed after a crash ends by itself.
 */
#ifndef AGAMID_OPENPGP_HOME_H
#define AGAMID_OPENPGP_HOME_H

#include <sys/types.h>
#include <gpgme.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

#define HOME_PATH_MAX 1024
#define HOME_SOCKET_MAX 107 /* sun_path of a UNIX socket, less its NUL */
#define HOME_SECRETS_MAX 1048576 /* bytes of a file of secret keys */

struct openpgp_home {
	char path[HOME_PATH_MAX]; /* "" while there is none */
};

enum openpgp_home_kind {
	HOME_PUBLIC, /* public keys alone: gpg starts no agent */
	HOME_SECRET,
};

/* Once a process, before anything else: GPGME's and libsodium's start,
 * and LC_ALL=C for gpg. */
int openpgp_home_init(struct error *error_r);

/* A new home in scratch. AG_ETOOBIG: the path leaves no room for the name
 * of gpg-agent's socket. */
int openpgp_home_make(const char *scratch, enum openpgp_home_kind kind,
    struct openpgp_home *home_r, struct error *error_r);
void openpgp_home_remove(struct openpgp_home *home);

/* dir/name with this content and mode, not yet durable. */
int openpgp_home_write(const char *dir, const char *name, const void *data,
    size_t len, mode_t mode, struct error *error_r);
/* gpg.conf for sealing, in a directory that is there. */
int openpgp_home_write_sealing(const char *dir, struct error *error_r);

/*
 * What gpg said of an operation in its status lines (GnuPG's
 * doc/DETAILS). GPGME alone is not enough: it takes a gpg that was killed
 * for one that had nothing to complain of.
 */
struct openpgp_status {
	bool end_encryption;
	bool have_session_key; /* DECRYPTION_INFO */
	unsigned mdc_method; /* 2: SEIPD version 1 */
	bool decryption_okay, decryption_failed, good_mdc;
	bool no_seckey;
	gpgme_err_code_t pkdecrypt; /* why no session key was had */
	unsigned sigs, good_sigs; /* good: also if the key has expired */
	char sig_class[3]; /* of the last valid one, hex */
	char primary_fpr[64];
};

/* A context in the home at path. Its status lines go to status, which the
 * caller clears before an operation, and which outlives the context. */
int openpgp_home_context(const char *path, struct openpgp_status *status,
    gpgme_ctx_t *ctx_r, struct error *error_r);

/* Import one file of secret keys: all of them, or an error. */
int openpgp_home_import_secret(
    gpgme_ctx_t ctx, const char *path, struct error *error_r);
/* Import exactly count public keys that are not there yet. */
int openpgp_home_import_public(gpgme_ctx_t ctx, const void *data, size_t len,
    int count, struct error *error_r);

/* A home and a context in it, for one call. Close it also if it could not
 * be opened. */
struct openpgp_session {
	struct openpgp_home home;
	struct openpgp_status status;
	gpgme_ctx_t ctx;
};

int openpgp_session_open(struct openpgp_session *s, const char *scratch,
    enum openpgp_home_kind kind, struct error *error_r);
void openpgp_session_close(struct openpgp_session *s);

/* "what: gpg's reason"; AG_EIO or AG_ENOMEM where the system failed and
 * not the message, else code. */
int openpgp_home_fail(
    struct error *error_r, int code, gpgme_error_t err, const char *what);

#endif
