/* SPDX-License-Identifier: MIT */
/*
 * proto - the lines of a relay session. See proto.h.
 *
 * One table says for every verb which words follow it; the parser and the
 * writer both walk it, so that they can't disagree, and whatever is
 * parsed is written back byte for byte the same.
 *
 * SECURITY: this is where a peer's bytes are first understood. Nothing is
 * allocated, every field is copied with its bound, and a line is looked
 * at only when it is whole and at most PROTO_LINE_MAX bytes long.
 */
#include "relayd/proto.h"

#include <string.h>

#include "util/error.h"
#include "util/text.h"
#include "relayd/tally.h"

/*
 * The words behind the verb, a letter each:
 * v version, n node, w network, t time, i id, s size, k kind of session,
 * g level of a log line, u the verb that was not known or a check's name,
 * m serial and h hash of a manifest, c whether a check was well, q count,
 * y sum of sizes, j nonce, p proof, l length of the payload (last), z the
 * same but it may be 0, x text to the end of the line (last), o the same but
 * it may be missing.
 */
enum reach {
	INSIDE, /* between a session's process and relayd only */
	WIRE, /* means something to the session itself */
	CARRIED, /* the session hands it on as it is, either way */
};

struct shape {
	enum proto_verb verb;
	const char *name;
	const char *words;
	enum reach reach;
	size_t payload_max;
};

static const struct shape shapes[] = {
    {PROTO_HELLO, "agamid-relay", "vnwt", WIRE, 0},
    {PROTO_OFFER, "offer", "isl", CARRIED, TICKET_MAX},
    {PROTO_WANT, "want", "i", WIRE, 0},
    {PROTO_HAVE, "have", "i", CARRIED, 0},
    {PROTO_DELIVERED, "delivered", "il", CARRIED, RECEIPT_MAX},
    {PROTO_WAIT, "wait", "i", CARRIED, 0},
    {PROTO_REFUSED, "refused", "ix", WIRE, 0},
    {PROTO_BUNDLE, "bundle", "is", WIRE, 0},
    {PROTO_STORED, "stored", "i", WIRE, 0},
    {PROTO_MINE, "mine", "", CARRIED, 0},
    {PROTO_RECEIPT, "receipt", "l", CARRIED, RECEIPT_MAX},
    {PROTO_NOTED, "noted", "", CARRIED, 0},
    {PROTO_AWAY, "away", "t", CARRIED, 0},
    {PROTO_PING, "ping", "", WIRE, 0},
    {PROTO_PONG, "pong", "", WIRE, 0},
    {PROTO_BYE, "bye", "o", WIRE, 0},
    {PROTO_UNKNOWN, "unknown", "u", WIRE, 0},
    {PROTO_DEFERRED, "deferred", "nx", CARRIED, 0},
    {PROTO_SERIAL, "serial", "nmh", CARRIED, 0},
    {PROTO_GET, "get", "nmh", CARRIED, 0},
    {PROTO_MANIFEST, "manifest", "nml", CARRIED, MANIFEST_MAX},
    {PROTO_PROBE, "probe", "", CARRIED, 0},
    {PROTO_CHECK, "check", "ucx", CARRIED, 0},
    {PROTO_CHECKED, "checked", "o", CARRIED, 0},
    {PROTO_DUE, "due", "i", CARRIED, 0},
    {PROTO_NO_RECEIPT, "no-receipt", "i", CARRIED, 0},
    {PROTO_EXPIRED, "expired", "il", CARRIED, TICKET_MAX},
    {PROTO_HEARD, "heard", "i", CARRIED, 0},
    {PROTO_ALERT_ASK, "alert-ask", "", CARRIED, 0},
    {PROTO_ALERT_ASKED, "alert-asked", "o", CARRIED, 0},
    {PROTO_ADOPT, "adopt", "t", CARRIED, 0},
    {PROTO_ADOPTED, "adopted", "", CARRIED, 0},
    {PROTO_FORMER, "former", "nh", CARRIED, 0},
    {PROTO_CENSUS, "census", "nqyl", CARRIED, TALLY_SIZE},
    {PROTO_WHICH, "which", "nqj", CARRIED, 0},
    {PROTO_THESE, "these", "nqjz", CARRIED, TALLY_MARKS_SIZE},
    {PROTO_PROVE, "prove", "ij", CARRIED, 0},
    {PROTO_PROOF, "proof", "ip", CARRIED, 0},
    {PROTO_LACK, "lack", "i", CARRIED, 0},
    {PROTO_SESSION, "session", "nk", INSIDE, 0},
    {PROTO_ACCEPT, "accept", "is", INSIDE, 0},
    {PROTO_ARRIVED, "arrived", "is", INSIDE, 0},
    {PROTO_FAILED, "failed", "ix", INSIDE, 0},
    {PROTO_NOTE, "note", "gx", INSIDE, 0},
    {PROTO_ALIVE, "alive", "", INSIDE, 0},
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static const struct shape *
shape_of_verb(enum proto_verb verb)
{
	size_t i;

	for (i = 0; i < SHAPES; i++) {
		if (shapes[i].verb == verb)
			return &shapes[i];
	}
	return NULL;
}

bool
proto_is_carried(enum proto_verb verb)
{
	const struct shape *s = shape_of_verb(verb);

	return s != NULL && s->reach == CARRIED;
}

static const struct shape *
shape_of_name(const char *name)
{
	size_t i;

	for (i = 0; i < SHAPES; i++) {
		if (strcmp(shapes[i].name, name) == 0)
			return &shapes[i];
	}
	return NULL;
}

const char *
proto_verb_name(enum proto_verb verb)
{
	const struct shape *s = shape_of_verb(verb);

	return s == NULL ? "?" : s->name;
}

/* [a-z-]{1,PROTO_WORD_MAX} */
static bool
is_verb(const char *s)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz-");

	return len >= 1 && len <= PROTO_WORD_MAX && s[len] == '\0';
}

static bool
is_text(const char *s)
{
	size_t len;

	for (len = 0; s[len] != '\0'; len++) {
		if (s[len] < 0x20 || s[len] > 0x7e)
			return false;
	}
	return len >= 1 && len <= PROTO_TEXT_MAX;
}

static bool
is_kind(const char *s)
{
	return strcmp(s, "dialled") == 0 || strcmp(s, "accepted") == 0;
}

static bool
is_level(const char *s)
{
	return strcmp(s, "info") == 0 || strcmp(s, "warn") == 0 ||
	    strcmp(s, "error") == 0;
}

/* Copies s if it fits; sizes are of the fields in struct proto_msg. */
static bool
keep(char *field, size_t size, const char *s)
{
	if (strlen(s) >= size)
		return false;
	memcpy(field, s, strlen(s) + 1);
	return true;
}

static bool
keep_number(uint64_t *field, uint64_t max, const char *s)
{
	return text_uint(s, max, field) == 0;
}

static bool
parse_version(struct proto_msg *m, const char *s)
{
	uint64_t n;

	if (text_uint(s, 999, &n) < 0 || n == 0)
		return false;
	m->version = (unsigned)n;
	return true;
}

static bool
parse_time(struct proto_msg *m, const char *s)
{
	uint64_t n;

	if (text_uint(s, INT64_MAX, &n) < 0)
		return false;
	m->time = (int64_t)n;
	return true;
}

/* One word behind the verb into its field. */
static bool
parse_word(char what, const struct shape *s, const char *w, struct proto_msg *m)
{
	uint64_t n;

	switch (what) {
	case 'v':
		return parse_version(m, w);
	case 'n':
		return text_is_node_name(w) &&
		    keep(m->node, sizeof(m->node), w);
	case 'w':
		return text_is_domain(w) &&
		    keep(m->network, sizeof(m->network), w);
	case 't':
		return parse_time(m, w);
	case 'i':
		return text_is_hex(w, BUNDLE_ID_LEN) &&
		    keep(m->id, sizeof(m->id), w);
	case 's':
		return keep_number(&m->size, PROTO_SIZE_MAX, w) && m->size > 0;
	case 'k':
		return is_kind(w) && keep(m->word, sizeof(m->word), w);
	case 'g':
		return is_level(w) && keep(m->word, sizeof(m->word), w);
	case 'm':
		return keep_number(&m->serial, MANIFEST_SERIAL_MAX, w) &&
		    m->serial > 0;
	case 'h':
		return text_is_hex(w, PROTO_HASH_LEN) &&
		    keep(m->hash, sizeof(m->hash), w);
	case 'c':
		m->ok = strcmp(w, "ok") == 0;
		return m->ok || strcmp(w, "fail") == 0;
	case 'u':
		return is_verb(w) && keep(m->word, sizeof(m->word), w);
	case 'q':
		return keep_number(&m->count, PROTO_COUNT_MAX, w);
	case 'y':
		return keep_number(&m->size, PROTO_SUM_MAX, w);
	case 'j':
		return text_is_hex(w, PROTO_NONCE_LEN) &&
		    keep(m->nonce, sizeof(m->nonce), w);
	case 'p':
		return text_is_hex(w, PROTO_PROOF_LEN) &&
		    keep(m->proof, sizeof(m->proof), w);
	case 'l':
	case 'z':
		if (!keep_number(&n, s->payload_max, w) ||
		    (n == 0 && what == 'l'))
			return false;
		m->payload_len = (size_t)n;
		return true;
	case 'x':
	case 'o':
		return is_text(w) && keep(m->text, sizeof(m->text), w);
	}
	return false;
}

/* The words of a line (without its verb), "" if there is none. */
static bool
parse_words(const struct shape *s, char *rest, struct proto_msg *m)
{
	const char *what;
	char *end;

	for (what = s->words; *what != '\0'; what++) {
		if (*what == 'o' && rest == NULL)
			return true;
		if (rest == NULL)
			return false;
		end = *what == 'x' || *what == 'o' ? NULL : strchr(rest, ' ');
		if (end != NULL)
			*end++ = '\0';
		if (!parse_word(*what, s, rest, m))
			return false;
		rest = end;
	}
	return rest == NULL;
}

static int
parse_line(char *line, bool wire, struct proto_msg *m)
{
	const struct shape *s;
	char *rest;

	rest = strchr(line, ' ');
	if (rest != NULL)
		*rest++ = '\0';
	if (!is_verb(line))
		return AG_EINVAL;
	s = shape_of_name(line);
	if (s == NULL || (wire && s->reach == INSIDE)) {
		m->verb = PROTO_OTHER;
		memcpy(m->word, line, strlen(line) + 1);
		return 0;
	}
	m->verb = s->verb;
	return parse_words(s, rest, m) ? 0 : AG_EINVAL;
}

int
proto_parse(const void *data, size_t len, bool wire, struct proto_msg *m_r,
    size_t *used_r)
{
	char line[PROTO_LINE_MAX];
	const char *end;
	size_t n;

	memset(m_r, 0, sizeof(*m_r));
	*used_r = 0;
	n = len < PROTO_LINE_MAX ? len : PROTO_LINE_MAX;
	end = n == 0 ? NULL : memchr(data, '\n', n);
	if (end == NULL)
		return len < PROTO_LINE_MAX ? AG_EAGAIN : AG_EINVAL;
	n = (size_t)(end - (const char *)data);
	memcpy(line, data, n);
	line[n] = '\0';
	if (strlen(line) != n || parse_line(line, wire, m_r) < 0)
		return AG_EINVAL;
	if (len - n - 1 < m_r->payload_len)
		return AG_EAGAIN;
	if (m_r->payload_len > 0)
		m_r->payload = end + 1;
	*used_r = n + 1 + m_r->payload_len;
	return 0;
}

static int
write_word(char what, const struct proto_msg *m, struct buf *out)
{
	switch (what) {
	case 'v':
		return buf_printf(out, " %u", m->version);
	case 'n':
		return buf_printf(out, " %s", m->node);
	case 'w':
		return buf_printf(out, " %s", m->network);
	case 't':
		return buf_printf(out, " %lld", (long long)m->time);
	case 'i':
		return buf_printf(out, " %s", m->id);
	case 's':
	case 'y':
		return buf_printf(out, " %llu", (unsigned long long)m->size);
	case 'q':
		return buf_printf(out, " %llu", (unsigned long long)m->count);
	case 'j':
		return buf_printf(out, " %s", m->nonce);
	case 'p':
		return buf_printf(out, " %s", m->proof);
	case 'm':
		return buf_printf(out, " %llu", (unsigned long long)m->serial);
	case 'h':
		return buf_printf(out, " %s", m->hash);
	case 'c':
		return buf_puts(out, m->ok ? " ok" : " fail");
	case 'k':
	case 'g':
	case 'u':
		return buf_printf(out, " %s", m->word);
	case 'l':
	case 'z':
		return buf_printf(out, " %zu", m->payload_len);
	case 'x':
		return buf_printf(out, " %s", m->text);
	case 'o':
		if (m->text[0] == '\0')
			return 0;
		return buf_printf(out, " %s", m->text);
	}
	return AG_EINVAL;
}

int
proto_write(const struct proto_msg *m, struct buf *out)
{
	const struct shape *s = shape_of_verb(m->verb);
	size_t start = out->len, used;
	struct proto_msg check;
	const char *what;
	int rc;

	if (s == NULL)
		return AG_EINVAL;
	rc = buf_puts(out, s->name);
	for (what = s->words; rc == 0 && *what != '\0'; what++)
		rc = write_word(*what, m, out);
	if (rc == 0)
		rc = buf_putc(out, '\n');
	if (rc == 0 && m->payload_len > 0)
		rc = buf_put(out, m->payload, m->payload_len);
	/* What the other side would not take is not sent. */
	if (rc == 0 &&
	    (proto_parse(out->data + start, out->len - start, false, &check,
		 &used) < 0 ||
		used != out->len - start))
		rc = AG_EINVAL;
	if (rc < 0 && out->len > start) {
		out->len = start;
		out->data[start] = '\0';
	}
	return rc;
}

int
proto_put(struct buf *out, enum proto_verb verb)
{
	struct proto_msg m = {.verb = verb};

	return proto_write(&m, out);
}

int
proto_put_id(struct buf *out, enum proto_verb verb, const char *id)
{
	struct proto_msg m = {.verb = verb};

	if (!keep(m.id, sizeof(m.id), id))
		return AG_EINVAL;
	return proto_write(&m, out);
}

int
proto_put_text(
    struct buf *out, enum proto_verb verb, const char *id, const char *text)
{
	struct proto_msg m = {.verb = verb};
	size_t i;

	if (id != NULL && !keep(m.id, sizeof(m.id), id))
		return AG_EINVAL;
	for (i = 0; i < PROTO_TEXT_MAX && text[i] != '\0'; i++)
		m.text[i] = text[i] < 0x20 || text[i] > 0x7e ? '?' : text[i];
	return proto_write(&m, out);
}
