/* SPDX-License-Identifier: MIT */
/*
 * openpgp_home - GnuPG home directories, and sessions in them. See
 * openpgp_home.h.
 *
 * gpg runs as a process of its own for each operation; its settings are in
 * gpg.conf, for GPGME passes only few of them. Every home is used by one
 * gpg at a time, so that none locks.
 *
 * SECURITY: a home of secret keys is 0700 and lives in scratch, which
 * should be in memory. No pinentry can come up: a key with a passphrase is
 * an error.
 */
#include "mail/openpgp_home.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail/openpgp_agent.h"
#include "util/buf.h"
#include "util/file.h"

#define HOME_TEMPLATE "/g.XXXXXX"

/*
 * no-random-seed-file: else processes wait for each other, up to seconds.
 * The clock has no say: a machine without one that is right must seal, too.
 */
#define CONF_COMMON               \
	"no-permission-warning\n" \
	"no-random-seed-file\n"   \
	"lock-never\n"            \
	"no-auto-check-trustdb\n" \
	"ignore-time-conflict\n"  \
	"ignore-valid-from\n"

/* "always" where there is no trust database; gpg 2.2 stumbles over that
 * where it lists a key that has expired, so only here. */
static const char conf_sealing[] = CONF_COMMON "trust-model always\n"
					       "no-autostart\n"
					       "cipher-algo AES256\n"
					       "compress-algo none\n"
					       "compress-level 0\n"
					       "no-encrypt-to\n"
					       "no-throw-keyids\n";

/* The preferences are for keys that are made here: AES-256 first, no
 * compression, no AEAD (GnuPG 2.4 would put it in by itself). */
static const char conf_secret[] = CONF_COMMON
    "default-preference-list AES256 AES192 AES SHA512 SHA384 SHA256 "
    "Uncompressed\n"
    "pinentry-mode error\n";

static const char conf_public[] = CONF_COMMON "no-autostart\n";

static const char conf_agent[] = "extra-socket none\n"
				 "browser-socket none\n"
				 "disable-scdaemon\n"
				 "pinentry-program /bin/false\n";

static pthread_once_t init_once = PTHREAD_ONCE_INIT;
static bool init_done;

static void
init_libraries(void)
{
	/* A translated gpg is slower, and its words are for nobody. */
	setenv("LC_ALL", "C", 1);
	if (sodium_init() < 0 || gpgme_check_version("1.18.0") == NULL ||
	    gpgme_engine_check_version(GPGME_PROTOCOL_OpenPGP) != 0)
		return;
	init_done = true;
}

int
openpgp_home_init(struct error *error_r)
{
	pthread_once(&init_once, init_libraries);
	if (!init_done)
		return error_set(error_r, AG_EIO,
		    "gpg or GPGME not found; install the package gpg");
	return 0;
}

int
openpgp_home_write(const char *dir, const char *name, const void *data,
    size_t len, mode_t mode, struct error *error_r)
{
	char *path = file_join(dir, name);
	int fd, rc = 0;

	fd = open(
	    path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || file_write_all(fd, data, len) < 0 || fchmod(fd, mode) < 0)
		rc = error_set_errno(error_r, AG_EIO, "can't write %s", path);
	if (fd >= 0 && close(fd) < 0 && rc == 0)
		rc = error_set_errno(error_r, AG_EIO, "can't write %s", path);
	free(path);
	return rc;
}

static int
write_conf(const char *dir, const char *name, const char *text, mode_t mode,
    struct error *error_r)
{
	return openpgp_home_write(dir, name, text, strlen(text), mode, error_r);
}

int
openpgp_home_write_sealing(const char *dir, struct error *error_r)
{
	return write_conf(dir, "gpg.conf", conf_sealing, 0644, error_r);
}

static int
check_room(
    const char *scratch, enum openpgp_home_kind kind, struct error *error_r)
{
	size_t max = HOME_PATH_MAX - 1, need = strlen(scratch);

	need += strlen(HOME_TEMPLATE);
	if (kind == HOME_SECRET) {
		need += strlen(AGENT_SOCKET);
		max = HOME_SOCKET_MAX;
	}
	if (need <= max)
		return 0;
	return error_set(error_r, AG_ETOOBIG,
	    "%s: this path is %zu bytes too long for %s in it; take a "
	    "shorter one",
	    scratch, need - max,
	    kind == HOME_SECRET ? "gpg-agent's socket" : "a GnuPG home");
}

static void
home_remove(struct openpgp_home *home)
{
	if (home->path[0] == '\0')
		return;
	openpgp_agent_stop(home->path);
	file_remove_tree(home->path, NULL);
	home->path[0] = '\0';
}

/* A new home in scratch. AG_ETOOBIG: the path leaves no room for the name
 * of gpg-agent's socket. */
static int
home_make(const char *scratch, enum openpgp_home_kind kind,
    struct openpgp_home *home_r, struct error *error_r)
{
	int rc;

	home_r->path[0] = '\0';
	if ((rc = openpgp_home_init(error_r)) < 0 ||
	    (rc = check_room(scratch, kind, error_r)) < 0)
		return rc;
	snprintf(
	    home_r->path, sizeof(home_r->path), "%s" HOME_TEMPLATE, scratch);
	if (mkdtemp(home_r->path) == NULL) {
		rc = error_set_errno(error_r, AG_EIO,
		    "can't make a GnuPG home %s", home_r->path);
		home_r->path[0] = '\0';
		return rc;
	}
	rc = write_conf(home_r->path, "gpg.conf",
	    kind == HOME_SECRET ? conf_secret : conf_public, 0600, error_r);
	if (rc == 0 && kind == HOME_SECRET)
		rc = write_conf(
		    home_r->path, "gpg-agent.conf", conf_agent, 0600, error_r);
	if (rc < 0)
		home_remove(home_r);
	return rc;
}

/* ---- what gpg says ---- */

/* VALIDSIG <fpr> <date> <time> <expires> <version> <reserved> <pubkey
 * algorithm> <hash> <class> <primary fpr> */
static void
status_valid_sig(struct openpgp_status *st, const char *args)
{
	char signer[64], class[3], primary[64];

	if (sscanf(args, "%63s %*s %*s %*s %*s %*s %*s %*s %2s %63s", signer,
		class, primary) != 3)
		return;
	memcpy(st->signer_fpr, signer, sizeof(signer));
	memcpy(st->sig_class, class, sizeof(class));
	memcpy(st->primary_fpr, primary, sizeof(primary));
}

/* ERROR <where> <code> */
static void
status_error(struct openpgp_status *st, const char *args)
{
	static const char where[] = "pkdecrypt_failed ";

	if (strncmp(args, where, strlen(where)) == 0)
		st->pkdecrypt = gpgme_err_code(
		    (gpgme_error_t)strtoul(args + strlen(where), NULL, 10));
}

static void
status_no_seckey(struct openpgp_status *st, const char *args)
{
	if (st->no_seckeys < STATUS_KEYS_MAX)
		snprintf(st->no_seckey[st->no_seckeys++], STATUS_KEYID_LEN + 1,
		    "%s", args);
}

/* What is not to come from inside a seal that is good. */
static bool
is_odd(const char *keyword)
{
	static const char *const words[] = {"NODATA", "UNEXPECTED", "ENC_TO",
	    "NO_SECKEY", "NEED_PASSPHRASE", "NEED_PASSPHRASE_SYM"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(keyword, words[i]) == 0)
			return true;
	return false;
}

static gpgme_error_t
status_line(void *ctx, const char *keyword, const char *args)
{
	struct openpgp_status *st = ctx;

	if (st->have_session_key && is_odd(keyword))
		st->odd_inside = true;
	if (strcmp(keyword, "END_ENCRYPTION") == 0)
		st->end_encryption = true;
	else if (strcmp(keyword, "DECRYPTION_INFO") == 0) {
		st->have_session_key = true;
		st->mdc_method = (unsigned)strtoul(args, NULL, 10);
	} else if (strcmp(keyword, "DECRYPTION_OKAY") == 0)
		st->decryption_okay = true;
	else if (strcmp(keyword, "DECRYPTION_FAILED") == 0)
		st->decryption_failed = true;
	else if (strcmp(keyword, "PLAINTEXT") == 0)
		st->plaintexts++;
	else if (strcmp(keyword, "FAILURE") == 0)
		st->failure = true;
	else if (strcmp(keyword, "NODATA") == 0)
		st->no_data = true;
	else if (strcmp(keyword, "GOODMDC") == 0)
		st->good_mdc = true;
	else if (strcmp(keyword, "NO_SECKEY") == 0)
		status_no_seckey(st, args);
	else if (strcmp(keyword, "ERROR") == 0)
		status_error(st, args);
	else if (strcmp(keyword, "NEWSIG") == 0)
		st->sigs++;
	else if (strcmp(keyword, "GOODSIG") == 0 ||
	    strcmp(keyword, "EXPKEYSIG") == 0)
		st->good_sigs++;
	else if (strcmp(keyword, "VALIDSIG") == 0)
		status_valid_sig(st, args);
	return 0;
}

/* ---- sessions ---- */

int
openpgp_session_open_in(
    struct openpgp_session *s, const char *home, struct error *error_r)
{
	gpgme_error_t err;
	int rc;

	memset(s, 0, sizeof(*s));
	if ((rc = openpgp_home_init(error_r)) < 0)
		return rc;
	if ((err = gpgme_new(&s->ctx)) != 0 ||
	    (err = gpgme_set_protocol(s->ctx, GPGME_PROTOCOL_OpenPGP)) != 0 ||
	    (err = gpgme_ctx_set_engine_info(
		 s->ctx, GPGME_PROTOCOL_OpenPGP, NULL, home)) != 0 ||
	    (err = gpgme_set_ctx_flag(s->ctx, "full-status", "1")) != 0)
		return openpgp_session_fail(error_r, AG_EIO, err, "GPGME");
	gpgme_set_status_cb(s->ctx, status_line, &s->status);
	gpgme_set_offline(s->ctx, 1);
	return 0;
}

int
openpgp_session_open(struct openpgp_session *s, const char *scratch,
    enum openpgp_home_kind kind, struct error *error_r)
{
	struct openpgp_home home;
	int rc;

	memset(s, 0, sizeof(*s));
	if ((rc = home_make(scratch, kind, &home, error_r)) < 0)
		return rc;
	rc = openpgp_session_open_in(s, home.path, error_r);
	s->home = home;
	return rc;
}

void
openpgp_session_close(struct openpgp_session *s)
{
	if (s->ctx != NULL)
		gpgme_release(s->ctx);
	s->ctx = NULL;
	home_remove(&s->home);
}

gpgme_ctx_t
openpgp_session_begin(struct openpgp_session *s)
{
	memset(&s->status, 0, sizeof(s->status));
	return s->ctx;
}

gpgme_ctx_t
openpgp_session_begin_wait(struct openpgp_session *s)
{
	openpgp_loop_attach(&s->loop, s->ctx);
	return openpgp_session_begin(s);
}

gpgme_error_t
openpgp_session_wait(struct openpgp_session *s, gpgme_error_t start)
{
	return openpgp_loop_run(&s->loop, s->ctx, start);
}

static gpgme_error_t
session_import(struct openpgp_session *s, const void *bytes, size_t len)
{
	gpgme_ctx_t ctx = openpgp_session_begin_wait(s);
	gpgme_data_t data = NULL;
	gpgme_error_t err;

	err = gpgme_data_new_from_mem(&data, bytes, len, 0);
	if (err == 0)
		err = openpgp_session_wait(s, gpgme_op_import_start(ctx, data));
	gpgme_data_release(data);
	return err;
}

static int
import_check(gpgme_ctx_t ctx, const char *path, struct error *error_r)
{
	gpgme_import_result_t res = gpgme_op_import_result(ctx);

	if (res == NULL || res->secret_read == 0)
		return error_set(
		    error_r, AG_EINVAL, "%s holds no OpenPGP secret key", path);
	if (res->secret_imported + res->secret_unchanged != res->secret_read)
		return error_set(error_r, AG_ECRYPTO,
		    "%s: gpg took %d of %d secret keys", path,
		    res->secret_imported + res->secret_unchanged,
		    res->secret_read);
	return 0;
}

int
openpgp_session_import_secrets(struct openpgp_session *s,
    const struct buf *keys, const char *what, struct error *error_r)
{
	gpgme_error_t err;
	int rc;

	if ((err = session_import(s, buf_str(keys), keys->len)) != 0)
		return openpgp_session_fail(error_r, AG_ECRYPTO, err, what);
	rc = import_check(s->ctx, what, error_r);
	if (rc == 0)
		rc = openpgp_agent_check_clear(s->home.path, what, error_r);
	return rc;
}

int
openpgp_session_import_secret(
    struct openpgp_session *s, const char *path, struct error *error_r)
{
	struct buf b;
	int rc;

	buf_init(&b, OPENPGP_SECRETS_MAX);
	rc = file_read(path, &b, error_r);
	if (rc == 0)
		rc = openpgp_session_import_secrets(s, &b, path, error_r);
	buf_wipe(&b);
	return rc;
}

int
openpgp_session_sign_by_primary(
    struct openpgp_session *s, struct error *error_r)
{
	gpgme_import_result_t res = gpgme_op_import_result(s->ctx);
	char conf[1024];

	if (res == NULL || res->imports == NULL || res->imports->fpr == NULL)
		return error_set(error_r, AG_ECRYPTO, "no key to sign with");
	/* "!": this one; GPGME has no other way to say so. */
	snprintf(conf, sizeof(conf), "%sdefault-key %s!\n", conf_secret,
	    res->imports->fpr);
	return write_conf(s->home.path, "gpg.conf", conf, 0600, error_r);
}

int
openpgp_session_import_public(struct openpgp_session *s, const void *data,
    size_t len, int count, struct error *error_r)
{
	gpgme_error_t err = session_import(s, data, len);
	gpgme_import_result_t res = gpgme_op_import_result(s->ctx);
	int got = res == NULL ? 0 : res->imported;

	if (err != 0)
		return openpgp_session_fail(
		    error_r, AG_EINVAL, err, "gpg can't read the key");
	if (got != count)
		return error_set(
		    error_r, AG_EINVAL, "gpg took %d of %d keys", got, count);
	return 0;
}

bool
openpgp_session_is_system(gpgme_err_code_t code)
{
	switch (code) {
	case GPG_ERR_NOT_SUPPORTED: /* "gpg --version" could not be run */
	case GPG_ERR_NO_AGENT:
	case GPG_ERR_AGENT:
	case GPG_ERR_INV_ENGINE:
	case GPG_ERR_CANCELED:
	case GPG_ERR_FULLY_CANCELED:
	case GPG_ERR_TIMEOUT:
	case GPG_ERR_EOF:
		return true;
	default:
		return gpgme_err_code_to_errno(code) != 0;
	}
}

int
openpgp_session_fail(
    struct error *error_r, int code, gpgme_error_t err, const char *what)
{
	char why[128];

	if (gpgme_err_code(err) == GPG_ERR_ENOMEM)
		code = AG_ENOMEM;
	else if (openpgp_session_is_system(gpgme_err_code(err)))
		code = AG_EIO;
	gpgme_strerror_r(err, why, sizeof(why));
	/* GPGME opens it for what gpg is not to read or say. */
	if (access("/dev/null", R_OK | W_OK) < 0)
		return error_set(error_r, AG_EIO,
		    "%s: /dev/null can't be read and written: %s (%s)", what,
		    strerror(errno), why);
	return error_set(error_r, code, "%s: %s", what, why);
}
