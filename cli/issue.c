/* SPDX-License-Identifier: MIT */
/*
 * issue - the next manifest of this node. See issue.h.
 */
#include "cli/issue.h"

#include <stdlib.h>
#include <string.h>

#include "cli/body.h"
#include "cli/intake.h"
#include "cli/layout.h"
#include "cli/own.h"
#include "cli/pin.h"
#include "cli/relay.h"
#include "cli/serial.h"
#include "cli/store.h"
#include "mail/openpgp.h"
#include "manifests/sign.h"
#include "util/file.h"
#include "util/text.h"

#define ERRORS_MAX 262144
#define HAS_MAX 65536

/* ---- serials ---- */

static uint64_t
pending_serial(const struct conf *conf)
{
	char *path = store_path(conf, conf->node, STORE_PENDING);
	uint64_t serial = 0;
	struct manifest *m = NULL;
	struct buf text, errors;

	buf_init(&text, MANIFEST_MAX);
	buf_init(&errors, ERRORS_MAX);
	if (file_read(path, &text, NULL) == 0)
		m = manifest_parse(path, buf_str(&text), text.len, &errors);
	if (m != NULL)
		serial = m->serial;
	manifest_free(&m);
	buf_free(&errors);
	buf_free(&text);
	free(path);
	return serial;
}

uint64_t
issue_newest_here(const struct conf *conf)
{
	struct store_files files;
	uint64_t newest = 0, n;
	size_t i;

	if (store_list(conf, conf->node, &files, NULL) < 0)
		return 0;
	if (files.count > 0)
		newest = files.serials[0];
	for (i = 0; i < files.other_count; i++) {
		n = store_other_serial(files.others[i]);
		newest = n > newest ? n : newest;
	}
	n = files.pending ? pending_serial(conf) : 0;
	store_files_free(&files);
	return n > newest ? n : newest;
}

/* "alice:2026112201 bob:2026112202": node's serial, or 0. */
static uint64_t
find_serial(const char *has, const char *node)
{
	size_t len = strlen(node), word;
	char number[24];
	uint64_t serial;

	for (; *has != '\0'; has += word + (has[word] != '\0')) {
		word = strcspn(has, " ");
		if (word <= len + 1 || strncmp(has, node, len) != 0 ||
		    has[len] != ':' || word - len - 1 >= sizeof(number))
			continue;
		memcpy(number, has + len + 1, word - len - 1);
		number[word - len - 1] = '\0';
		if (text_uint(number, MANIFEST_SERIAL_MAX, &serial) == 0)
			return serial;
	}
	return 0;
}

uint64_t
issue_newest_there(const struct buf *answer, const char *node)
{
	char *has = xcalloc(1, HAS_MAX);
	uint64_t newest = 0, n;
	const char *line;
	struct cursor c;
	size_t len;

	cursor_init(&c, buf_str(answer), answer->len);
	while (cursor_line(&c, &line, &len)) {
		if (!relay_value(line, len, "has", has, HAS_MAX))
			continue;
		n = find_serial(has, node);
		newest = n > newest ? n : newest;
	}
	free(has);
	return newest;
}

uint64_t
issue_serial(const struct issue *i, uint64_t wished)
{
	return wished > i->floor ? wished : serial_next(i->now, i->floor);
}

/* ---- checks ---- */

static void
complain(struct buf *wrong, const char *name, const char *text)
{
	(void)buf_printf(wrong, "%s: %s\n", name, text);
}

/* The rule for those who sign: nobody is to hold mail that its home
 * is told it can't be sealed to. */
static void
check_key(const struct issue *i, const struct manifest *m, const char *what,
    const char *armored, struct buf *wrong, struct buf *notes)
{
	int64_t until = i->now + (int64_t)m->hold + ISSUE_EXPIRY_MARGIN;
	char ends[21], needed[21];
	struct openpgp_keyinfo info;
	struct error why;

	if (openpgp_key_info(armored, i->scratch, &info, &why) < 0) {
		complain(wrong, what, why.text);
		return;
	}
	if (info.expires != 0 && info.expires < until) {
		text_time(info.expires, ends);
		text_time(until, needed);
		(void)buf_printf(wrong,
		    "%s: the key expires at %s; expected one that is good "
		    "until %s (hold and 60 days)\n",
		    what, ends, needed);
	}
	if (info.revoked || !info.has_encryption)
		(void)buf_printf(notes,
		    "%s: the key is revoked, or its encryption subkey is: "
		    "peers will seal nothing to it\n",
		    what);
}

static void
check_keys(const struct issue *i, const struct manifest *m, struct buf *wrong,
    struct buf *notes)
{
	const struct manifest_mailbox *box;
	char *what;
	size_t n;

	check_key(i, m, "node.openpgp", m->openpgp, wrong, notes);
	check_key(i, m, "node.recovery", m->recovery, wrong, notes);
	for (n = 0; n < m->mailbox_count; n++) {
		box = &m->mailboxes[n];
		if (box->openpgp == NULL)
			continue;
		what = xasprintf("node.mailboxes.%s.openpgp", box->name);
		check_key(i, m, what, box->openpgp, wrong, notes);
		free(what);
	}
}

static void
check_is_ours(const struct issue *i, const char *name, const struct manifest *m,
    struct buf *wrong)
{
	struct error why;

	if (strcmp(m->name, i->conf->node) != 0)
		(void)buf_printf(wrong,
		    "%s: this is the manifest of %s, and this node is %s\n",
		    name, m->name, i->conf->node);
	else if (own_check_seeds(i->conf, m, &why) < 0)
		complain(wrong, name, why.text);
}

/* What its friends have agreed to, and would be asked again. */
static void
note_pinned(const struct issue *i, const struct manifest *m, struct buf *notes)
{
	struct buf was, differences;
	struct manifest now = *m;

	if (i->before == NULL || strcmp(i->before->name, m->name) != 0)
		return;
	/* The keys are not known before it is signed, nor do they change. */
	memcpy(now.fpr, i->before->fpr, sizeof(now.fpr));
	memcpy(now.recovery_fpr, i->before->recovery_fpr,
	    sizeof(now.recovery_fpr));
	buf_init(&was, PIN_MAX);
	buf_init(&differences, 2 * PIN_MAX);
	if (pin_make(i->before, 0, &was) == 0 &&
	    pin_differs(&was, &now, &differences) > 0)
		(void)buf_printf(notes,
		    "your friends have agreed to what this changes; each has "
		    "to run agamid peer accept %s:\n%s",
		    m->name, buf_str(&differences));
	buf_free(&differences);
	buf_free(&was);
}

struct manifest *
issue_check(const struct issue *i, const char *name, const struct buf *body,
    struct buf *wrong, struct buf *notes)
{
	size_t before = wrong->len;
	struct manifest *m;

	m = manifest_parse(name, buf_str(body), body->len, wrong);
	if (m == NULL)
		return NULL;
	check_is_ours(i, name, m, wrong);
	if (m->serial > i->floor && i->floor > 0 &&
	    m->serial - i->floor > INTAKE_SERIAL_STEP)
		(void)buf_printf(wrong,
		    "%s: serial %llu is more than %llu above %llu, and every "
		    "peer would refuse it (SPEC M-9.4)\n",
		    name, (unsigned long long)m->serial, INTAKE_SERIAL_STEP,
		    (unsigned long long)i->floor);
	if (wrong->len == before) {
		check_keys(i, m, wrong, notes);
		note_pinned(i, m, notes);
	}
	if (wrong->len != before)
		manifest_free(&m);
	return m;
}

/* ---- signing ---- */

static struct manifest *
sign(const struct issue *i, const struct buf *body, struct error *error_r)
{
	char *secret = layout_secret(i->conf, SECRET_OPENPGP);
	struct manifest *m = NULL;
	struct buf text, errors;
	int rc;

	buf_init(&text, MANIFEST_MAX);
	buf_init(&errors, ERRORS_MAX);
	rc = sign_make(
	    buf_str(body), body->len, secret, i->scratch, &text, error_r);
	if (rc == 0) {
		m = manifest_parse(
		    "the signed manifest", buf_str(&text), text.len, &errors);
		if (m == NULL)
			error_set(error_r, AG_EINVAL, "%.*s",
			    (int)strcspn(buf_str(&errors), "\n"),
			    buf_str(&errors));
	}
	if (m != NULL && sign_verify(m, i->scratch, error_r) < 0)
		manifest_free(&m);
	buf_free(&errors);
	buf_free(&text);
	free(secret);
	return m;
}

struct manifest *
issue_sign(const struct issue *i, const struct buf *body, uint64_t serial,
    struct error *error_r)
{
	struct manifest *m = NULL;
	struct buf with;
	int rc;

	buf_init(&with, MANIFEST_MAX);
	rc = body_set_serial(body, serial, &with);
	if (rc < 0)
		error_set(error_r, rc,
		    "there is no line \"serial: ...\" to set, or no room");
	else
		m = sign(i, &with, error_r);
	if (m != NULL && store_install(i->conf, m, error_r) < 0)
		manifest_free(&m);
	buf_free(&with);
	return m;
}
