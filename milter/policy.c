/* SPDX-License-Identifier: MIT */
/*
 * policy - parser of Postfix's policy protocol. Pure; see policy.h.
 *
 * SECURITY: recipient, sender and HELO come from strangers; Postfix has
 * only made sure that each is one line.
 */
#include <stdbool.h>
#include <string.h>

#include "milter/policy.h"
#include "util/buf.h"
#include "util/text.h"

struct field {
	const char *name;
	size_t offset, size;
};

#define FIELD(attribute, member)                                    \
	{                                                           \
		attribute, offsetof(struct policy_request, member), \
		    sizeof(((struct policy_request *)0)->member)    \
	}

static const struct field fields[] = {
    FIELD("request", request),
    FIELD("protocol_state", state),
    FIELD("protocol_name", protocol),
    FIELD("client_address", client_address),
    FIELD("client_port", client_port),
    FIELD("client_name", client_name),
    FIELD("reverse_client_name", reverse_client_name),
    FIELD("sender", sender),
    FIELD("recipient", recipient),
    FIELD("queue_id", queue_id),
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))
#define SEEN_SIZE (1u << FIELDS)

static bool
is_clean(const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return true;
}

static bool
name_is(const char *name, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(name, word, len) == 0;
}

static int
parse_size(const char *value, size_t len, uint64_t *size_r)
{
	char text[24];

	if (len >= sizeof(text))
		return AG_EINVAL;
	memcpy(text, value, len);
	text[len] = '\0';
	return text_uint(text, (uint64_t)1 << 62, size_r);
}

static int
store(struct policy_request *r, unsigned *seen, const struct field *f,
    const char *value, size_t len, struct error *error_r)
{
	unsigned bit = 1u << (f - fields);

	if (*seen & bit)
		return error_set(
		    error_r, AG_EINVAL, "attribute %s comes twice", f->name);
	*seen |= bit;
	if (len >= f->size)
		return error_set(
		    error_r, AG_ETOOBIG, "attribute %s is too long", f->name);
	memcpy((char *)r + f->offset, value, len);
	return AG_OK;
}

static int
parse_line(struct policy_request *r, unsigned *seen, const char *line,
    size_t len, struct error *error_r)
{
	const char *eq = memchr(line, '=', len), *value;
	size_t i, name_len, value_len;

	if (eq == NULL || eq == line || !is_clean(line, len))
		return error_set(error_r, AG_EINVAL, "not \"name=value\"");
	name_len = eq - line;
	value = eq + 1;
	value_len = len - name_len - 1;
	if (name_is(line, name_len, "size")) {
		if (*seen & SEEN_SIZE ||
		    (value_len > 0 &&
			parse_size(value, value_len, &r->size) != AG_OK))
			return error_set(error_r, AG_EINVAL, "bad size");
		*seen |= SEEN_SIZE;
		return AG_OK;
	}
	for (i = 0; i < FIELDS; i++)
		if (name_is(line, name_len, fields[i].name))
			return store(
			    r, seen, &fields[i], value, value_len, error_r);
	return AG_OK;
}

ssize_t
policy_parse(const void *data, size_t len, struct policy_request *r_r,
    struct error *error_r)
{
	struct cursor c;
	const char *line;
	size_t line_len;
	unsigned seen = 0;
	int rc;

	memset(r_r, 0, sizeof(*r_r));
	cursor_init(&c, data, len);
	while (cursor_line(&c, &line, &line_len)) {
		if (line_len == 0)
			return len - c.left;
		if ((rc = parse_line(r_r, &seen, line, line_len, error_r)) != 0)
			return rc;
	}
	if (len >= POLICY_REQUEST_MAX)
		return error_set(error_r, AG_ETOOBIG, "request is too long");
	return 0;
}

int
policy_parse_recipient(const char *recipient, struct address *a_r)
{
	const char *at = strrchr(recipient, '@');

	memset(a_r, 0, sizeof(*a_r));
	if (at == NULL || at == recipient ||
	    (size_t)(at - recipient) >= sizeof(a_r->local) ||
	    strlen(at + 1) >= sizeof(a_r->domain))
		return AG_EINVAL;
	memcpy(a_r->local, recipient, at - recipient);
	strcpy(a_r->domain, at + 1);
	text_lower(a_r->domain);
	return text_is_domain(a_r->domain) ? AG_OK : AG_EINVAL;
}
