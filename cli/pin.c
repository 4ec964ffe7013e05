/* SPDX-License-Identifier: MIT */
/*
 * pin - what the operator has agreed to about a peer. See pin.h.
 */
#include "cli/pin.h"

#include <stdlib.h>
#include <string.h>

#include "cli/store.h"
#include "util/file.h"
#include "util/text.h"

#define MAGIC "agamid-pin 1\n"

static int
compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "KEY VALUE" a line, in order of the values. */
static int
put_sorted(struct buf *out, const char *key, char *const *values, size_t count)
{
	char **sorted = xcalloc(count + 1, sizeof(*sorted));
	size_t i;
	int rc = 0;

	if (count > 0) {
		memcpy(sorted, values, count * sizeof(*sorted));
		qsort(sorted, count, sizeof(*sorted), compare_text);
	}
	for (i = 0; rc == 0 && i < count; i++)
		rc = buf_printf(out, "%s %s\n", key, sorted[i]);
	free(sorted);
	return rc;
}

/* The lines behind "since". */
static int
put_facts(const struct manifest *m, struct buf *out)
{
	int rc;

	rc = buf_printf(out, "name %s\nhost %s\nsite %s\n", m->name, m->host,
	    manifest_site(m));
	if (rc == 0)
		rc = put_sorted(out, "domain", m->domains, m->domain_count);
	if (rc == 0)
		rc = buf_printf(
		    out, "primary %s\nrecovery %s\n", m->fpr, m->recovery_fpr);
	if (rc == 0)
		rc = put_sorted(out, "ssh-client", m->ssh_client_keys,
		    m->ssh_client_key_count);
	if (rc == 0 && m->succession != NULL)
		rc = buf_printf(out, "succession %llu\n",
		    (unsigned long long)m->succession_serial);
	return rc;
}

int
pin_make(const struct manifest *m, int64_t since, struct buf *out)
{
	int rc;

	rc = buf_printf(out, MAGIC "since %lld\n", (long long)since);
	return rc == 0 ? put_facts(m, out) : rc;
}

int
pin_keys(const struct manifest *m, struct buf *out)
{
	char ticket[KEYS_TEXT_SIZE], receipt[KEYS_TEXT_SIZE];
	int rc;

	keys_public_text(m->ticket_key.public, ticket);
	keys_public_text(m->receipt_key.public, receipt);
	rc =
	    buf_printf(out, "ticket-key %s\nreceipt-key %s\n", ticket, receipt);
	return rc == 0 ? put_sorted(out, "ssh-host", m->ssh_host_keys,
			     m->ssh_host_key_count)
		       : rc;
}

/* The cursor behind magic and "since". */
static int
open_pin(const struct buf *pin, struct cursor *c, int64_t *since_r)
{
	uint64_t since;

	cursor_init(c, buf_str(pin), pin->len);
	if (!cursor_skip(c, MAGIC) || !cursor_skip(c, "since ") ||
	    !cursor_uint(c, INT64_MAX, &since) || !cursor_skip(c, "\n"))
		return AG_EINVAL;
	*since_r = (int64_t)since;
	return 0;
}

int
pin_since(const struct buf *pin, int64_t *since_r)
{
	struct cursor c;

	*since_r = 0;
	return open_pin(pin, &c, since_r);
}

static bool
has_line(struct cursor lines, const char *want, size_t want_len)
{
	const char *line;
	size_t len;

	while (cursor_line(&lines, &line, &len)) {
		if (len == want_len && memcmp(line, want, len) == 0)
			return true;
	}
	return false;
}

/* The lines of a that b lacks, each behind mark. */
static unsigned
put_lacking(struct cursor a, struct cursor b, char mark, struct buf *out)
{
	const char *line;
	unsigned n = 0;
	size_t len;

	while (cursor_line(&a, &line, &len)) {
		if (has_line(b, line, len))
			continue;
		n++;
		if (out != NULL)
			(void)buf_printf(
			    out, "  %c %.*s\n", mark, (int)len, line);
	}
	return n;
}

unsigned
pin_differs(const struct buf *pin, const struct manifest *m, struct buf *out)
{
	struct cursor was, now;
	struct buf facts;
	int64_t since;
	unsigned n = 1;

	buf_init(&facts, PIN_MAX);
	if (open_pin(pin, &was, &since) == 0 && put_facts(m, &facts) == 0) {
		cursor_init(&now, buf_str(&facts), facts.len);
		n = put_lacking(was, now, '-', out);
		n += put_lacking(now, was, '+', out);
	} else if (out != NULL) {
		(void)buf_puts(out, "  the pin can't be read\n");
	}
	buf_free(&facts);
	return n;
}

/* Is this line of what a succession replaces? */
static bool
may_change(const char *line, size_t len)
{
	static const char *const keys[] = {
	    "primary ", "ssh-client ", "succession "};
	size_t i, n;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		n = strlen(keys[i]);
		if (len > n && memcmp(line, keys[i], n) == 0)
			return true;
	}
	return false;
}

/* Is every line of a in b, but for those? */
static bool
is_within(struct cursor a, struct cursor b)
{
	const char *line;
	size_t len;

	while (cursor_line(&a, &line, &len)) {
		if (!may_change(line, len) && !has_line(b, line, len))
			return false;
	}
	return true;
}

static uint64_t
pinned_succession(struct cursor c)
{
	struct cursor line;
	const char *text;
	uint64_t serial;
	size_t len;

	while (cursor_line(&c, &text, &len)) {
		cursor_init(&line, text, len);
		if (cursor_skip(&line, "succession ") &&
		    cursor_uint(&line, UINT64_MAX, &serial))
			return serial;
	}
	return 0;
}

bool
pin_may_succeed(const struct buf *pin, const struct manifest *m)
{
	struct cursor was, now;
	struct buf facts;
	int64_t since;
	bool may = false;

	if (m->succession == NULL || open_pin(pin, &was, &since) < 0 ||
	    m->succession_serial <= pinned_succession(was))
		return false;
	buf_init(&facts, PIN_MAX);
	if (put_facts(m, &facts) == 0) {
		cursor_init(&now, buf_str(&facts), facts.len);
		may = is_within(was, now) && is_within(now, was);
	}
	buf_free(&facts);
	return may;
}

void
pin_primary(const struct buf *pin, char fpr_r[PIN_FPR_SIZE])
{
	struct cursor c, line;
	const char *text;
	int64_t since;
	size_t len;

	fpr_r[0] = '\0';
	if (open_pin(pin, &c, &since) < 0)
		return;
	while (cursor_line(&c, &text, &len)) {
		cursor_init(&line, text, len);
		if (cursor_skip(&line, "primary ") &&
		    line.left == PIN_FPR_SIZE - 1) {
			memcpy(fpr_r, line.p, line.left);
			fpr_r[line.left] = '\0';
		}
	}
}

int
pin_read(const struct conf *conf, const char *name, struct buf *pin_r,
    struct error *error_r)
{
	char *path = store_path(conf, name, STORE_PINNED);
	int64_t since;
	int rc;

	rc = file_read(path, pin_r, error_r);
	if (rc == 0 && pin_since(pin_r, &since) < 0)
		rc = error_set(error_r, AG_EINVAL,
		    "%s is no pin; agamid peer accept makes it anew", path);
	free(path);
	return rc;
}

int
pin_write(const struct conf *conf, const char *name, const struct buf *pin,
    struct error *error_r)
{
	char *path = store_path(conf, name, STORE_PINNED);
	int rc;

	rc = file_replace(path, buf_str(pin), pin->len, 0644, "pin", error_r);
	free(path);
	return rc;
}
