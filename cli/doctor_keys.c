/* SPDX-License-Identifier: MIT */
/*
 * doctor_keys - keys: their expiry, a real sealing and opening, the seeds
 * and SSH keys against the manifest, and whether there is a backup.
 *
 * SECURITY: secrets are read as root, here and nowhere else in doctor;
 * nothing of them is printed, and seeds are wiped.
 */
#include "cli/doctor.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor_colons.h"
#include "cli/doctor_judge.h"
#include "cli/layout.h"
#include "cli/run.h"
#include "mail/keys.h"
#include "mail/openpgp.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/text.h"

#define KEYS_TEXT_MAX (16U << 20)
#define BACKUP_FILE "backed-up" /* in the secret directory */

/* ---- expiry ---- */

/* All keys of one manifest, by one gpg. */
static void
check_expiry(struct doctor *d, const struct manifest *m, bool own)
{
	const char *argv[] = {"gpg", "--homedir", d->known.scratch, "--batch",
	    "--no-tty", "--quiet", "--with-colons", "--show-keys", NULL};
	struct expiry_sum sum = {own, time(NULL), 0, {0}};
	unsigned wanted = 2;
	struct buf keys, listing, said;
	struct error why;
	size_t i;
	int rc;

	buf_init(&keys, KEYS_TEXT_MAX);
	buf_init(&listing, KEYS_TEXT_MAX);
	buf_init(&said, ERROR_TEXT_MAX);
	(void)buf_printf(&keys, "%s\n%s\n", m->openpgp, m->recovery);
	for (i = 0; i < m->mailbox_count; i++) {
		if (m->mailboxes[i].openpgp == NULL)
			continue;
		(void)buf_printf(&keys, "%s\n", m->mailboxes[i].openpgp);
		wanted++;
	}
	verdict_begin(&sum.verdict, "no key expires within 30 days");
	rc = run_program(
	    argv, buf_str(&keys), &listing, &said, doctor_seconds(d, 2), &why);
	if (rc != 0)
		verdict_warn(&sum.verdict, "gpg --version", "%s",
		    rc < 0 ? why.text : buf_str(&said));
	else
		colons_each(buf_str(&listing), expiry_add, &sum);
	if (sum.keys < wanted)
		verdict_warn(&sum.verdict, "agamid manifest check FILE",
		    "gpg lists %u of %u keys", sum.keys, wanted);
	doctor_add(d, "keys.expiry", m->name, &sum.verdict);
	buf_free(&said);
	buf_free(&listing);
	buf_free(&keys);
}

static void
check_all_expiry(struct doctor *d)
{
	const struct roster *r = &d->known.roster;
	int64_t until = clock_ms() + doctor_wait(d, 2500);
	struct verdict v;
	size_t i;

	check_expiry(d, r->self, true);
	for (i = 0; i < r->peer_count; i++) {
		if (clock_ms() > until)
			break;
		check_expiry(d, r->peers[i], false);
	}
	if (i == r->peer_count)
		return;
	verdict_begin(
	    &v, "the keys of all %zu peers are looked at", r->peer_count);
	verdict_warn(
	    &v, "agamid doctor keys.expiry", "time for %zu of them", i);
	doctor_add(d, "keys.expiry", NULL, &v);
}

/* ---- sealing and opening ---- */

#define CANARY "a canary of agamid doctor\n"

struct bytes {
	const char *data;
	size_t left;
	struct buf *out;
};

static ssize_t
read_bytes(void *ctx, void *data, size_t len)
{
	struct bytes *b = ctx;

	if (len > b->left)
		len = b->left;
	memcpy(data, b->data, len);
	b->data += len;
	b->left -= len;
	return (ssize_t)len;
}

static int
write_bytes(void *ctx, const void *data, size_t len)
{
	struct bytes *b = ctx;

	return buf_put(b->out, data, len);
}

static void
try_usable(
    struct openpgp *pgp, const struct manifest *m, bool own, struct verdict *v)
{
	const char *fix = own ? "agamid manifest rotate openpgp"
			      : "ask its operator; until then its mail waits";
	struct error why = {""};
	size_t i;

	if (openpgp_usable(pgp, m->fpr, &why) < 0)
		verdict_fail(v, fix, "the key of %s: %s", m->name, why.text);
	if (openpgp_usable(pgp, m->recovery_fpr, &why) < 0)
		verdict_fail(
		    v, fix, "the recovery key of %s: %s", m->name, why.text);
	for (i = 0; i < m->mailbox_count; i++) {
		if (m->mailboxes[i].fpr[0] != '\0' &&
		    openpgp_usable(pgp, m->mailboxes[i].fpr, &why) < 0)
			verdict_fail(v, fix, "the key of %s's mailbox %s: %s",
			    m->name, m->mailboxes[i].name, why.text);
	}
}

/* Seal to our own keys, as a friend would. */
static int
seal(struct openpgp *pgp, const struct manifest *self, struct buf *sealed,
    struct error *error_r)
{
	struct bytes in = {CANARY, strlen(CANARY), NULL};
	struct bytes out = {NULL, 0, sealed};
	struct openpgp_source source = {read_bytes, &in};
	struct openpgp_sink sink = {write_bytes, &out};

	return openpgp_seal(
	    pgp, self->fpr, self->recovery_fpr, false, &source, &sink, error_r);
}

static void
check_sealing(struct doctor *d, struct buf *sealed)
{
	const struct roster *r = &d->known.roster;
	char *keys = file_join(d->known.conf->derived_dir, "sealing");
	int64_t until = clock_ms() + doctor_wait(d, 2000);
	struct openpgp *pgp = NULL;
	struct error why;
	struct verdict v;
	size_t i;

	verdict_begin(&v, "mail can be sealed to every key in force");
	if (openpgp_new_public(d->known.conf->openpgp, keys, &pgp, &why) < 0) {
		verdict_fail(&v, "agamid apply", "%s", why.text);
	} else {
		try_usable(pgp, r->self, true, &v);
		for (i = 0; i < r->peer_count && clock_ms() < until; i++)
			try_usable(pgp, r->peers[i], false, &v);
		if (i < r->peer_count)
			verdict_warn(&v, "agamid doctor keys.sealing",
			    "time for the keys of %zu of %zu peers", i,
			    r->peer_count);
		if (seal(pgp, r->self, sealed, &why) < 0)
			verdict_fail(&v, "agamid apply", "%s", why.text);
	}
	openpgp_free(&pgp);
	doctor_add(d, "keys.sealing", NULL, &v);
	free(keys);
}

static int
open_canary(struct doctor *d, const struct buf *sealed, struct buf *text,
    struct error *error_r)
{
	char *secret = layout_secret(d->known.conf, SECRET_OPENPGP);
	struct bytes in = {sealed->data, sealed->len, NULL};
	struct bytes out = {NULL, 0, text};
	struct openpgp_source source = {read_bytes, &in};
	struct openpgp_sink sink = {write_bytes, &out};
	struct openpgp *pgp = NULL;
	int rc;

	rc = openpgp_new_secret(
	    d->known.conf->openpgp, secret, d->known.scratch, &pgp, error_r);
	if (rc == 0)
		rc = openpgp_open(pgp, &source, &sink, error_r);
	openpgp_free(&pgp);
	free(secret);
	return rc;
}

static void
check_opening(struct doctor *d, const struct buf *sealed)
{
	struct error why = {""};
	struct verdict v;
	struct buf text;

	if (sealed->len == 0)
		return; /* that is the other check's */
	buf_init(&text, 4096);
	verdict_begin(&v, "what friends seal to us can be opened here");
	if (open_canary(d, sealed, &text, &why) < 0)
		verdict_fail(&v, "bring openpgp.asc back from your backup",
		    "%s", why.text);
	else if (strcmp(buf_str(&text), CANARY) != 0)
		verdict_fail(&v, "agamid version", "it opens as another text");
	doctor_add(d, "keys.opening", NULL, &v);
	buf_free(&text);
}

/* ---- seeds and SSH keys against the manifest ---- */

static void
compare_seed(struct doctor *d, const char *name, const struct verify_key *want,
    struct verdict *v)
{
	char *path = layout_secret(d->known.conf, name);
	struct error why = {""};
	struct sign_key key;

	if (keys_seed_load(path, &key, &why) < 0)
		verdict_fail(
		    v, "bring it back from your backup", "%s", why.text);
	else if (memcmp(key.public, want->public, KEYS_PUBLIC_SIZE) != 0)
		verdict_fail(v, "agamid manifest publish",
		    "%s is not the key of the manifest", path);
	keys_wipe(&key);
	free(path);
}

static void
compare_ssh(struct doctor *d, const char *name, char *const *keys, size_t count,
    struct verdict *v)
{
	char *path = layout_secret(d->known.conf, name);
	const char *argv[] = {"ssh-keygen", "-y", "-P", "", "-f", path, NULL};
	struct buf public, said;
	struct error why;
	size_t i, len;
	int rc;

	buf_init(&public, 4096);
	buf_init(&said, ERROR_TEXT_MAX);
	rc =
	    run_program(argv, NULL, &public, &said, doctor_seconds(d, 2), &why);
	if (rc > 0)
		rc = run_complaint("ssh-keygen", &said, &why);
	len = strcspn(buf_str(&public), " ");
	if (buf_str(&public)[len] == ' ')
		len += 1 + strcspn(buf_str(&public) + len + 1, " \n");
	for (i = 0; i < count; i++) {
		if (strncmp(keys[i], buf_str(&public), len) == 0)
			break;
	}
	if (rc < 0)
		verdict_fail(v, "bring it back from your backup", "%s: %s",
		    path, why.text);
	else if (i == count)
		verdict_fail(v, "agamid manifest publish",
		    "%s is not a key of the manifest", path);
	buf_free(&said);
	buf_free(&public);
	free(path);
}

static void
check_secrets(struct doctor *d)
{
	const struct manifest *self = d->known.roster.self;
	struct verdict v;

	verdict_begin(&v,
	    "the ticket, receipt and SSH keys are those of the "
	    "manifest");
	compare_seed(d, SECRET_TICKET, &self->ticket_key, &v);
	compare_seed(d, SECRET_RECEIPT, &self->receipt_key, &v);
	compare_ssh(d, SECRET_SSH_CLIENT, self->ssh_client_keys,
	    self->ssh_client_key_count, &v);
	compare_ssh(d, SECRET_SSH_HOST, self->ssh_host_keys,
	    self->ssh_host_key_count, &v);
	doctor_add(d, "keys.manifest", NULL, &v);
}

/* ---- the recovery key and the backup ---- */

/* A secret key beside the configuration. */
static void
check_recovery(struct doctor *d)
{
	char *dir = xstrdup(d->known.conf->path), *slash, *path, *fix;
	struct dirent *e;
	struct verdict v;
	struct buf text;
	DIR *all;

	slash = strrchr(dir, '/');
	if (slash != NULL)
		*slash = '\0';
	verdict_begin(&v, "the recovery key's secret is not on this machine");
	all = opendir(dir);
	while (all != NULL && (e = readdir(all)) != NULL) {
		path = file_join(dir, e->d_name);
		fix = xasprintf("print it on paper, then: shred -u '%s'", path);
		buf_init(&text, 1 << 20);
		if (file_read(path, &text, NULL) == 0 &&
		    strstr(buf_str(&text), "PGP PRIVATE KEY BLOCK") != NULL)
			verdict_warn(&v, fix, "%s holds a secret key", path);
		buf_wipe(&text);
		free(fix);
		free(path);
	}
	if (all != NULL)
		closedir(all);
	doctor_add(d, "keys.recovery-away", NULL, &v);
	free(dir);
}

static void
check_backup(struct doctor *d)
{
	static const char *const names[] = {SECRET_OPENPGP, SECRET_RECEIPT,
	    SECRET_NODE, SECRET_TICKET, SECRET_SSH_CLIENT, SECRET_SSH_HOST};
	char *path = file_join(d->known.conf->secret_dir, BACKUP_FILE), *file;
	const char *fix = "back up /var/lib/agamid-key and /etc/agamid, then: "
			  "agamid doctor --backed-up";
	struct stat made, st;
	struct verdict v;
	size_t i;

	verdict_begin(&v, "a backup of the secrets, made after the newest");
	if (stat(path, &made) < 0) {
		verdict_warn(&v, fix, "nobody has said that there is one");
	} else {
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			file = layout_secret(d->known.conf, names[i]);
			if (stat(file, &st) == 0 && st.st_mtime > made.st_mtime)
				verdict_warn(&v, fix, "%s is newer", file);
			free(file);
		}
	}
	doctor_add(d, "keys.backup", NULL, &v);
	free(path);
}

int
doctor_note_backup(const struct conf *conf)
{
	char *path = file_join(conf->secret_dir, BACKUP_FILE);
	struct error why;
	int rc = CLI_OK;

	if (file_replace(path, "", 0, 0400, "doctor", &why) < 0)
		rc = cli_error("%s", why.text);
	free(path);
	return rc;
}

void
doctor_keys(struct doctor *d)
{
	struct buf sealed;

	buf_init(&sealed, 65536);
	if (doctor_wants(d, "keys.expiry"))
		check_all_expiry(d);
	if (doctor_wants(d, "keys.sealing") || doctor_wants(d, "keys.opening"))
		check_sealing(d, &sealed);
	if (doctor_wants(d, "keys.opening"))
		check_opening(d, &sealed);
	if (doctor_wants(d, "keys.manifest"))
		check_secrets(d);
	check_recovery(d);
	check_backup(d);
	buf_free(&sealed);
}
