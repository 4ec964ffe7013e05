/* SPDX-License-Identifier: MIT */
/*
 * openpgp_home - GnuPG home directories, and sessions: GPGME contexts in
 * them.
 *
 * Only for the files openpgp*.c. A home is made in the caller's scratch
 * directory, mode 0700, and removed with all that is in it; the gpg-agent
 * that gpg starts there (only where a secret key is used) is stopped
 * first (openpgp_agent.h). An agent whose home was removed after a crash ends by itself.
 */
#ifndef AGAMID_OPENPGP_HOME_H
#define AGAMID_OPENPGP_HOME_H

#include <sys/types.h>
#include <gpgme.h>
#include <stdbool.h>
#include <stddef.h>

#include "mail/openpgp_loop.h"
#include "mail/openpgp.h"
#include "util/buf.h"
#include "util/error.h"

#define HOME_PATH_MAX 1024
#define HOME_SOCKET_MAX 107 /* sun_path of a UNIX socket, less its NUL */

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
#define STATUS_KEYS_MAX 16
#define STATUS_KEYID_LEN 16 /* hex digits */

struct openpgp_status {
	bool end_encryption;
	bool have_session_key; /* DECRYPTION_INFO */
	unsigned mdc_method; /* 2: SEIPD version 1 */
	bool decryption_okay, decryption_failed, good_mdc;
	bool no_data; /* packets that gpg could not read */
	bool odd_inside; /* something else than a literal packet */
	bool failure; /* its last word; one that was killed has none */
	unsigned plaintexts; /* literal packets */
	gpgme_err_code_t pkdecrypt; /* why no session key was had */
	unsigned no_seckeys; /* session keys that are not for us */
	char no_seckey[STATUS_KEYS_MAX][STATUS_KEYID_LEN + 1];
	unsigned sigs, good_sigs; /* good: also if the key has expired */
	char sig_class[3]; /* of the last valid one, hex */
	char signer_fpr[64], primary_fpr[64];
};

/* A context in a home, and what belongs to it. Not to be moved. */
struct openpgp_session {
	struct openpgp_home home; /* its own, to be removed; or none */
	gpgme_ctx_t ctx;
	struct openpgp_loop loop;
	struct openpgp_status status; /* of the operation begun last */
};

/* In a home of its own, made in scratch; in one that is there. Close it
 * also if it could not be opened. */
int openpgp_session_open(struct openpgp_session *s, const char *scratch,
    enum openpgp_home_kind kind, struct error *error_r);
int openpgp_session_open_in(
    struct openpgp_session *s, const char *home, struct error *error_r);
void openpgp_session_close(struct openpgp_session *s);

/* Begin an operation: status is cleared. */
gpgme_ctx_t openpgp_session_begin(struct openpgp_session *s);
/* The same for one that is then started by gpgme_op_*_start(), with the
 * result start, and waited for. No keys can be listed in this
 * session afterwards. */
gpgme_ctx_t openpgp_session_begin_wait(struct openpgp_session *s);
gpgme_error_t openpgp_session_wait(
    struct openpgp_session *s, gpgme_error_t start);

/* Import armored secret keys: all of them, none with a passphrase. what:
 * where they came from, for errors. */
int openpgp_session_import_secrets(struct openpgp_session *s,
    const struct buf *keys, const char *what, struct error *error_r);
/* The same from a file. */
int openpgp_session_import_secret(
    struct openpgp_session *s, const char *path, struct error *error_r);
/* After that: signatures are by the first key's primary key, though it has
 * subkeys that sign. */
int openpgp_session_sign_by_primary(
    struct openpgp_session *s, struct error *error_r);
/* Import exactly count public keys that are not there yet. */
int openpgp_session_import_public(struct openpgp_session *s, const void *data,
    size_t len, int count, struct error *error_r);

/* "what: gpg's reason"; AG_EIO or AG_ENOMEM where the system failed and
 * not the message, else code. */
int openpgp_session_fail(
    struct error *error_r, int code, gpgme_error_t err, const char *what);
/* Is this error of the system's making? */
bool openpgp_session_is_system(gpgme_err_code_t code);

#endif
