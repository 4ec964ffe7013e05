/* SPDX-License-Identifier: MIT */
/*
 * intake - manifests that came by exchange are judged. See intake.h.
 */
#include "cli/intake.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inbox.h"
#include "cli/own.h"
#include "cli/pin.h"
#include "cli/refused.h"
#include "cli/store.h"
#include "mail/openpgp.h"
#include "manifests/sign.h"
#include "util/file.h"
#include "util/text.h"

#define ERRORS_MAX 262144
#define ERRORS_TOLD 5 /* lines of what is wrong in one file */

enum verdict { KNOWN, TAKEN, FORMER, ASKS, OTHER, REFUSED };

/* One file, while it is judged. */
struct hearing {
	struct intake *in;
	const struct inbox_file *file;
	struct buf bytes;
	char sha256[VERIFIED_SHA256];
	struct manifest *m; /* NULL: it can't be read */
	uint64_t newest; /* serial that is kept; 0: none */
	struct buf pin; /* what is agreed to; empty for this node */
	bool succession; /* the pin is to say what it says */
	struct buf why; /* the first line is the reason */
};

static enum verdict refuse(struct hearing *h, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static enum verdict
refuse(struct hearing *h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)buf_vprintf(&h->why, fmt, ap);
	va_end(ap);
	return REFUSED;
}

/* ---- what it is, before any signature is looked at ---- */

static enum verdict
parse(struct hearing *h)
{
	struct buf errors;
	enum verdict v = TAKEN;
	const char *line;
	struct cursor c;
	unsigned told = 0;
	size_t len;

	buf_init(&errors, ERRORS_MAX);
	h->m = manifest_parse(
	    h->file->file, buf_str(&h->bytes), h->bytes.len, &errors);
	if (h->m == NULL) {
		v = REFUSED;
		cursor_init(&c, buf_str(&errors), errors.len);
		while (told++ < ERRORS_TOLD && cursor_line(&c, &line, &len))
			(void)buf_printf(&h->why, "%s%.*s",
			    told > 1 ? "; " : "", (int)len, line);
	}
	buf_free(&errors);
	return v;
}

/* Is it of somebody whom we know, under his name, in our network? */
static enum verdict
check_who(struct hearing *h)
{
	const struct manifest *self = h->in->roster->self;

	if (strcmp(h->m->name, h->file->node) != 0)
		return refuse(h, "it calls itself %s, and came as %s's",
		    h->m->name, h->file->node);
	if (strcmp(h->m->network, self->network) != 0)
		return refuse(h, "its network is %s, ours is %s", h->m->network,
		    self->network);
	return TAKEN;
}

/* 1: this serial is kept, with these bytes; 0: with others; AG_ENOENT. */
static int
compare_kept(const struct hearing *h, uint64_t serial)
{
	char *path = store_manifest_path(h->in->conf, h->m->name, serial);
	int rc;

	rc = store_holds(path, h->m->text, h->m->text_len);
	free(path);
	return rc;
}

static bool
is_kept_beside(const struct hearing *h)
{
	char *other =
	    store_other_path(h->in->conf, h->m->name, h->m->serial, h->sha256);
	char *pending = store_path(h->in->conf, h->m->name, STORE_PENDING);
	bool kept;

	kept = store_holds(other, h->m->text, h->m->text_len) == 1 ||
	    store_holds(pending, h->m->text, h->m->text_len) == 1;
	free(pending);
	free(other);
	return kept;
}

/* SPEC M-9.4, M-9.5. OTHER and FORMER are yet to be signed. */
static enum verdict
check_serial(struct hearing *h)
{
	int kept = compare_kept(h, h->m->serial);

	if (kept == 1 || is_kept_beside(h))
		return KNOWN;
	if (kept == 0)
		return OTHER;
	if (h->m->serial <= h->newest)
		return FORMER; /* never seen here */
	if (h->m->serial - h->newest > INTAKE_SERIAL_STEP)
		return refuse(h,
		    "its serial is %llu above %llu, which is known; expected "
		    "at most %llu. A manifest that the operator brings "
		    "(agamid peer add) may leap",
		    (unsigned long long)(h->m->serial - h->newest),
		    (unsigned long long)h->newest, INTAKE_SERIAL_STEP);
	return TAKEN;
}

/* ---- who says it, and what it would change ---- */

static enum verdict
check_signature(struct hearing *h)
{
	struct error why;

	if (sign_verify(h->m, h->in->scratch, &why) < 0)
		return refuse(h, "%s", why.text);
	return TAKEN;
}

/* Our own, from a peer: of a backup that was restored, or a thief's. */
static enum verdict
judge_own(struct hearing *h, enum verdict v)
{
	const struct manifest *self = h->in->roster->self;
	struct error why;

	if (strcmp(h->m->fpr, self->fpr) != 0)
		return refuse(h,
		    "it calls itself this node, and is signed by %s, which "
		    "is not our key",
		    h->m->fpr);
	if (v == OTHER)
		return OTHER;
	if (own_check_seeds(h->in->conf, h->m, &why) == 0)
		return TAKEN;
	(void)buf_printf(&h->why,
	    "it is signed by our key, and not of this node as it is now: %s. "
	    "If you did not make it, somebody has your key. The next agamid "
	    "manifest publish gets a higher serial",
	    why.text);
	return ASKS;
}

/* SPEC M-9.3: nobody gets what another has. */
static enum verdict
check_claims(struct hearing *h)
{
	struct buf facts, conflicts;
	enum verdict v = TAKEN;

	buf_init(&facts, 2 * PIN_MAX);
	buf_init(&conflicts, ERRORS_MAX);
	if (pin_make(h->m, 0, &facts) < 0 || pin_keys(h->m, &facts) < 0)
		v = refuse(h, "it names too much");
	else if (claims_take(
		     h->in->roster->claims, h->m->name, &facts, &conflicts) < 0)
		v = refuse(h, "it claims what is another's:%.*s",
		    (int)strcspn(buf_str(&conflicts), "\n"),
		    buf_str(&conflicts) + 1);
	buf_free(&conflicts);
	buf_free(&facts);
	return v;
}

/* SPEC M-6.4: what was revoked stays so, whoever has the key. */
static bool
unrevokes(const struct hearing *h)
{
	const struct manifest *before = roster_peer(h->in->roster, h->m->name);
	struct openpgp_keyinfo was, is;

	return before != NULL && strcmp(before->fpr, h->m->fpr) == 0 &&
	    strcmp(before->openpgp, h->m->openpgp) != 0 &&
	    openpgp_key_says_revoked(before->openpgp) &&
	    openpgp_key_info(before->openpgp, h->in->scratch, &was, NULL) ==
	    0 &&
	    was.revoked &&
	    (openpgp_key_info(h->m->openpgp, h->in->scratch, &is, NULL) < 0 ||
		!is.revoked);
}

/* SPEC M-13.2: the recovery key speaks, and says which keys are next. */
static bool
succeeds(struct hearing *h)
{
	struct error why;

	if (!pin_may_succeed(&h->pin, h->m))
		return false;
	if (sign_succession_verify(h->m, h->in->scratch, &why) == 0)
		return true;
	(void)buf_printf(&h->why, "%s; ", why.text);
	return false;
}

static enum verdict
judge_peers(struct hearing *h, enum verdict v)
{
	char pinned[PIN_FPR_SIZE];

	pin_primary(&h->pin, pinned);
	if (v == TAKEN && succeeds(h)) {
		h->succession = true;
		return check_claims(h);
	}
	if (strcmp(h->m->fpr, pinned) != 0)
		return refuse(h,
		    "it is signed by %s, and not by %s, to which you agreed",
		    h->m->fpr, pinned);
	if (unrevokes(h))
		return refuse(h, "its key was revoked, and is no more here");
	if (v == OTHER || v == FORMER)
		return v;
	if (pin_differs(&h->pin, h->m, NULL) > 0) {
		(void)buf_printf(&h->why,
		    "it changes what you agreed to; agamid peer accept %s "
		    "shows it and asks",
		    h->m->name);
		return ASKS;
	}
	return check_claims(h);
}

static enum verdict
judge(struct hearing *h)
{
	struct intake *in = h->in;
	bool own = strcmp(h->file->node, in->conf->node) == 0;
	enum verdict v, serial;
	struct buf refused;
	bool again;

	refused_read(in->conf, h->file->node, &refused);
	again = refused_has(&refused, h->sha256);
	buf_free(&refused);
	if (again)
		return KNOWN;
	if (!own && pin_read(in->conf, h->file->node, &h->pin, NULL) < 0)
		return refuse(h, "%s is no peer of this node", h->file->node);
	if ((v = parse(h)) != TAKEN || (v = check_who(h)) != TAKEN)
		return v;
	h->newest = store_newest(in->conf, h->m->name);
	serial = check_serial(h);
	if (serial == KNOWN || serial == REFUSED || (own && serial == FORMER))
		return serial == FORMER ? KNOWN : serial;
	if ((v = check_signature(h)) != TAKEN)
		return v;
	return own ? judge_own(h, serial) : judge_peers(h, serial);
}

/* ---- keeping it ---- */

static int
remember(struct hearing *h, struct error *error_r)
{
	const struct intake *in = h->in;
	struct refusal r = {.serial = h->file->serial, .time = in->now};
	struct buf b;
	int rc;

	if (!store_has(in->conf, h->file->node, "."))
		return 0; /* a stranger's: nothing of his is kept */
	memcpy(r.sha256, h->sha256, sizeof(r.sha256));
	snprintf(r.reason, sizeof(r.reason), "%s", buf_str(&h->why));
	if (h->m != NULL)
		r.serial = h->m->serial;
	refused_read(in->conf, h->file->node, &b);
	refused_add(&b, &r);
	rc = refused_write(in->conf, h->file->node, &b, error_r);
	buf_free(&b);
	return rc;
}

/* The newest one that asks is the one to ask about. */
static int
keep_pending(struct hearing *h, struct error *error_r)
{
	char *path = store_path(h->in->conf, h->m->name, STORE_PENDING);
	int rc;

	rc = file_replace(
	    path, h->m->text, h->m->text_len, 0644, "intake", error_r);
	free(path);
	return rc;
}

static int
keep_other(struct hearing *h, struct error *error_r)
{
	struct store_files files;
	char *path;
	int rc;

	rc = store_list(h->in->conf, h->m->name, &files, error_r);
	if (rc < 0)
		return rc;
	rc = 0;
	if (files.other_count < INTAKE_OTHERS_MAX) {
		path = store_other_path(
		    h->in->conf, h->m->name, h->m->serial, h->sha256);
		rc = file_replace(
		    path, h->m->text, h->m->text_len, 0644, "intake", error_r);
		free(path);
	} else {
		rc = remember(h, error_r);
	}
	store_files_free(&files);
	return rc;
}

/* The pin comes first: if we die in between, the file in the inbox is
 * judged again, by the pin that it agrees with. */
static int
follow_succession(struct hearing *h, struct error *error_r)
{
	struct buf pin;
	int64_t since;
	int rc;

	buf_init(&pin, PIN_MAX);
	rc = pin_since(&h->pin, &since);
	if (rc == 0)
		rc = pin_make(h->m, since, &pin);
	if (rc < 0)
		error_set(error_r, rc, "the pin of %s is bad", h->m->name);
	else
		rc = pin_write(h->in->conf, h->m->name, &pin, error_r);
	buf_free(&pin);
	return rc;
}

static int
keep_taken(struct hearing *h, struct error *error_r)
{
	int rc;

	rc = h->succession ? follow_succession(h, error_r) : 0;
	if (rc == 0)
		rc = store_install(h->in->conf, h->m, error_r);
	if (rc < 0)
		return rc;
	verified_add(h->in->known, h->sha256, h->m);
	h->in->taken++;
	return 0;
}

static int
keep(struct hearing *h, enum verdict v, struct error *error_r)
{
	switch (v) {
	case KNOWN:
		return 0;
	case TAKEN:
	case FORMER:
		return keep_taken(h, error_r);
	case ASKS:
		return keep_pending(h, error_r);
	case OTHER:
		(void)buf_printf(&h->why,
		    "it is another manifest with a serial that is known; the "
		    "first seen stays, and this one is kept beside it. Ask "
		    "%s: the key may be in other hands",
		    h->m->name);
		return keep_other(h, error_r);
	case REFUSED:
		return remember(h, error_r);
	}
	return 0;
}

static void
tell(struct hearing *h, enum verdict v)
{
	unsigned long long serial =
	    h->m != NULL ? h->m->serial : h->file->serial;
	struct buf *told = &h->in->told;

	if (v == TAKEN)
		(void)buf_printf(told, "%s serial %llu came by exchange%s\n",
		    h->file->node, serial,
		    h->succession ? "; its recovery key has replaced its keys"
				  : "");
	else if (v == FORMER)
		(void)buf_printf(told,
		    "%s serial %llu came by exchange: an older one, for what "
		    "it signed\n",
		    h->file->node, serial);
	else if (v != KNOWN)
		(void)buf_printf(told,
		    "%s serial %llu came by exchange, and is %s: %s\n",
		    h->file->node, serial,
		    v == ASKS ? "not in force" : "refused", buf_str(&h->why));
}

/* ---- one after the other ---- */

static void
hash(const struct buf *b, char sha256[VERIFIED_SHA256])
{
	uint8_t sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(sum, (const uint8_t *)buf_str(b), b->len);
	text_hex(sum, sizeof(sum), sha256);
}

static int
hear(struct intake *in, const struct inbox *inbox,
    const struct inbox_file *file, struct error *error_r)
{
	struct hearing h = {.in = in, .file = file};
	struct error why;
	enum verdict v;
	int rc;

	buf_init(&h.bytes, MANIFEST_MAX);
	buf_init(&h.pin, PIN_MAX);
	buf_init(&h.why, ERRORS_MAX);
	rc = inbox_read(inbox, file->file, &h.bytes, &why);
	if (rc < 0) {
		(void)buf_printf(&in->told, "inbox/%s is refused: %s\n",
		    file->file, why.text);
		rc = 0;
	} else {
		hash(&h.bytes, h.sha256);
		v = judge(&h);
		rc = keep(&h, v, error_r);
		tell(&h, v);
	}
	if (rc == 0)
		rc = inbox_remove(inbox, file->file, error_r);
	in->judged++;
	manifest_free(&h.m);
	buf_free(&h.why);
	buf_free(&h.pin);
	buf_free(&h.bytes);
	return rc;
}

/* What is not a manifest's name goes; directories stay, and are told. */
static void
clear_junk(struct intake *in, const struct inbox *inbox)
{
	struct error why;
	size_t i;

	for (i = 0; i < inbox->junk_count; i++) {
		(void)buf_printf(&in->told,
		    "inbox/%s is no manifest's name; removed\n",
		    inbox->junk[i]);
		if (inbox_remove(inbox, inbox->junk[i], &why) < 0)
			(void)buf_printf(&in->told, "%s\n", why.text);
	}
}

int
intake_run(struct intake *in, struct error *error_r)
{
	struct inbox inbox;
	struct error why;
	size_t i;
	int rc;

	rc = inbox_open(in->conf, &inbox, error_r);
	if (rc == 0)
		clear_junk(in, &inbox);
	for (i = 0; i < inbox.count; i++) {
		/* One that can't be kept does not hold up the others. */
		if (hear(in, &inbox, &inbox.files[i], &why) < 0)
			rc = error_set(error_r, AG_EIO, "%s", why.text);
	}
	inbox_close(&inbox);
	return rc;
}
