/* SPDX-License-Identifier: MIT */
/*
 * records - lists of DNS records. See records.h.
 *
 * All wire and master file forms are ldns's; this only keeps its texts.
 *
 * SECURITY: records_parse() and records_add_rr() take what a name server
 * or a file says. Everything is bounded, and printed only in ldns's
 * escaped form.
 */
#include "dns-tools/records.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

#define FIELD_MAX 65536
#define DEFAULT_TTL 3600

void
records_init(struct records *rs)
{
	memset(rs, 0, sizeof(*rs));
}

void
records_free(struct records *rs)
{
	size_t i;

	for (i = 0; i < rs->count; i++) {
		free(rs->list[i].owner);
		free(rs->list[i].data);
	}
	free(rs->list);
	records_init(rs);
}

/* Takes owner and data, also where it fails. */
static int
records_put(struct records *rs, char *owner, uint32_t ttl, ldns_rr_type type,
    char *data)
{
	size_t room = rs->room > 0 ? 2 * rs->room : 64;
	struct record *more;
	int rc = 0;

	if (owner == NULL || data == NULL)
		rc = AG_ENOMEM;
	else if (rs->count == RECORDS_MAX)
		rc = AG_ETOOBIG;
	else if (rs->count == rs->room) {
		more = reallocarray(rs->list, room, sizeof(*more));
		if (more != NULL) {
			rs->list = more;
			rs->room = room;
		} else
			rc = AG_ENOMEM;
	}
	if (rc != 0) {
		free(owner);
		free(data);
		return rc;
	}
	rs->list[rs->count++] = (struct record){
	    .owner = owner, .data = data, .ttl = ttl, .type = (uint16_t)type};
	return 0;
}

/* ---- from ldns ---- */

static char *
owner_text(const ldns_rdf *owner)
{
	char *text = ldns_rdf2str(owner);
	size_t len;

	if (text == NULL)
		return NULL;
	text_lower(text);
	len = strlen(text);
	if (len > 0 && text[len - 1] == '.')
		text[len - 1] = '\0';
	return text;
}

static bool
is_name(const ldns_rdf *rdf)
{
	return ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_DNAME;
}

/* All fields, a blank between them; names in lower case. */
static char *
data_text(const ldns_rr *rr)
{
	ldns_buffer *b = ldns_buffer_new(128);
	char *text = NULL;
	size_t i, start;

	if (b == NULL)
		return NULL;
	for (i = 0; i < ldns_rr_rd_count(rr); i++) {
		if (i > 0)
			ldns_buffer_printf(b, " ");
		start = ldns_buffer_position(b);
		if (ldns_rdf2buffer_str(b, ldns_rr_rdf(rr, i)) !=
		    LDNS_STATUS_OK)
			goto out;
		for (; is_name(ldns_rr_rdf(rr, i)) &&
		     start < ldns_buffer_position(b);
		     start++)
			*ldns_buffer_at(b, start) =
			    (uint8_t)tolower(*ldns_buffer_at(b, start));
	}
	text = ldns_buffer_export2str(b);
out:
	ldns_buffer_free(b);
	return text;
}

int
records_add_rr(struct records *rs, const ldns_rr *rr)
{
	if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return 0;
	return records_put(rs, owner_text(ldns_rr_owner(rr)), ldns_rr_ttl(rr),
	    ldns_rr_get_type(rr), data_text(rr));
}

int
records_copy(struct records *rs, const struct record *r)
{
	return records_put(
	    rs, strdup(r->owner), r->ttl, r->type, strdup(r->data));
}

/* ---- from our own text ---- */

/* One field of the type's description; the rest of data for the last. */
static ldns_rdf *
take_field(const ldns_rr_descriptor *d, size_t i, const char **data)
{
	ldns_rdf_type type = ldns_rr_descriptor_field_type(d, i);
	size_t len = strcspn(*data, " ");
	ldns_rdf *rdf = NULL;
	char *field;

	if (type == LDNS_RDF_TYPE_STR)
		len = strlen(*data);
	field = strndup(*data, len);
	if (field != NULL)
		rdf = ldns_rdf_new_frm_str(type, field);
	free(field);
	*data += len;
	*data += **data == ' ';
	return rdf;
}

static ldns_rdf *
owner_rdf(const char *owner)
{
	char text[LDNS_MAX_DOMAINLEN * 4 + 2];

	if (strlen(owner) > sizeof(text) - 2)
		return NULL;
	snprintf(text, sizeof(text), "%s.", owner);
	return ldns_dname_new_frm_str(text);
}

static ldns_rr *
make_rr(const char *owner, uint32_t ttl, ldns_rr_type type, const char *data)
{
	const ldns_rr_descriptor *d = ldns_rr_descript((uint16_t)type);
	ldns_rr *rr = ldns_rr_new();
	ldns_rdf *name = owner_rdf(owner), *field;
	size_t i, least = ldns_rr_descriptor_minimum(d);

	if (rr == NULL || name == NULL || strlen(data) > FIELD_MAX) {
		ldns_rdf_deep_free(name);
		ldns_rr_free(rr);
		return NULL;
	}
	ldns_rr_set_owner(rr, name);
	ldns_rr_set_ttl(rr, ttl);
	ldns_rr_set_type(rr, type);
	ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
	for (i = 0; i < least; i++) {
		field = take_field(d, i, &data);
		if (field == NULL || !ldns_rr_push_rdf(rr, field)) {
			ldns_rdf_deep_free(field);
			ldns_rr_free(rr);
			return NULL;
		}
	}
	return rr;
}

int
records_add(struct records *rs, const char *owner, uint32_t ttl,
    ldns_rr_type type, const char *data, struct error *error_r)
{
	ldns_rr *rr = make_rr(owner, ttl, type, data);
	int rc;

	if (rr == NULL)
		return error_set(error_r, AG_EINVAL,
		    "no DNS record: %.300s. type %u %.100s", owner,
		    (unsigned)type, data);
	rc = records_add_rr(rs, rr);
	ldns_rr_free(rr);
	if (rc != 0)
		return error_set(
		    error_r, rc, "the zone can't have that many records");
	return 0;
}

ldns_rr *
record_rr(const struct record *r)
{
	/* ldns reads no line whose owner is as long with its escapes as
	 * one that it read may be: the owner apart. */
	struct record with = *r;
	ldns_rdf *owner = owner_rdf(r->owner);
	ldns_rr *rr = NULL;
	struct buf line;

	with.owner = (char *)(uintptr_t) "x";
	buf_init(&line, 1U << 20);
	if (owner != NULL && record_print(&with, &line) == 0)
		(void)ldns_rr_new_frm_str(
		    &rr, buf_str(&line), r->ttl, NULL, NULL);
	buf_free(&line);
	if (rr == NULL) {
		ldns_rdf_deep_free(owner);
		return NULL;
	}
	ldns_rdf_deep_free(ldns_rr_owner(rr));
	ldns_rr_set_owner(rr, owner);
	return rr;
}

/* ---- order ---- */

int
record_compare(const struct record *a, const struct record *b)
{
	int rc = strcmp(a->owner, b->owner);

	if (rc == 0 && a->type != b->type)
		rc = a->type < b->type ? -1 : 1;
	return rc != 0 ? rc : strcmp(a->data, b->data);
}

static int
by_record(const void *a, const void *b)
{
	return record_compare(a, b);
}

void
records_sort(struct records *rs)
{
	size_t i, n = 0;

	if (rs->count == 0)
		return;
	qsort(rs->list, rs->count, sizeof(*rs->list), by_record);
	for (i = 0; i < rs->count; i++) {
		if (n > 0 &&
		    record_compare(&rs->list[n - 1], &rs->list[i]) == 0) {
			free(rs->list[i].owner);
			free(rs->list[i].data);
		} else
			rs->list[n++] = rs->list[i];
	}
	rs->count = n;
}

/* ---- text ---- */

int
record_print(const struct record *r, struct buf *out)
{
	const ldns_rr_descriptor *d = ldns_rr_descript(r->type);
	char number[24];
	const char *type = d != NULL ? d->_name : NULL;

	if (type == NULL) {
		snprintf(number, sizeof(number), "TYPE%u", r->type);
		type = number;
	}
	return buf_printf(out, "%s.\t%u\tIN\t%s\t%s\n", r->owner,
	    (unsigned)r->ttl, type, r->data);
}

bool
record_is_dnssec(const struct record *r)
{
	switch (r->type) {
	case LDNS_RR_TYPE_RRSIG:
	case LDNS_RR_TYPE_NSEC:
	case LDNS_RR_TYPE_NSEC3:
	case LDNS_RR_TYPE_NSEC3PARAM:
	case LDNS_RR_TYPE_DNSKEY:
	case LDNS_RR_TYPE_CDS:
	case LDNS_RR_TYPE_CDNSKEY:
	case 63: /* ZONEMD, RFC 8976 */
	case 65534: /* BIND's own notes about signing */
		return true;
	default:
		return false;
	}
}

/* ---- a master file ---- */

struct reading {
	struct records *rs;
	ldns_rdf *origin, *previous;
	uint32_t ttl;
	uint32_t serial;
};

static int
take_soa(struct reading *r, ldns_rr *rr)
{
	ldns_rdf *zero;

	if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_SOA ||
	    ldns_rr_rd_count(rr) != 7)
		return 0;
	r->serial = ldns_rdf2native_int32(ldns_rr_rdf(rr, 2));
	zero = ldns_native2rdf_int32(LDNS_RDF_TYPE_INT32, 0);
	if (zero == NULL)
		return AG_ENOMEM;
	ldns_rdf_deep_free(ldns_rr_set_rdf(rr, zero, 2));
	return 0;
}

static int
parse_one(struct reading *r, FILE *fp, int *line)
{
	ldns_rr *rr = NULL;
	ldns_status status = ldns_rr_new_frm_fp_l(
	    &rr, fp, &r->ttl, &r->origin, &r->previous, line);
	int rc = 0;

	switch (status) {
	case LDNS_STATUS_OK:
		rc = take_soa(r, rr);
		if (rc == 0)
			rc = records_add_rr(r->rs, rr);
		ldns_rr_free(rr);
		return rc;
	case LDNS_STATUS_SYNTAX_EMPTY:
	case LDNS_STATUS_SYNTAX_TTL: /* $TTL */
	case LDNS_STATUS_SYNTAX_ORIGIN: /* $ORIGIN */
		return 0;
	default:
		return AG_EINVAL;
	}
}

int
records_parse(struct records *rs, const char *text, size_t len,
    const char *origin, uint32_t *serial_r, struct error *error_r)
{
	struct reading r = {.rs = rs, .ttl = DEFAULT_TTL};
	int line = 1, rc = 0;
	FILE *fp;

	*serial_r = 0;
	if (len == 0)
		return 0;
	if (memchr(text, '\0', len) != NULL)
		return error_set(error_r, AG_EINVAL, "a NUL is in the zone");
	fp = fmemopen((void *)(uintptr_t)text, len, "r");
	r.origin = owner_rdf(origin);
	if (fp == NULL || r.origin == NULL)
		rc = AG_ENOMEM;
	while (rc == 0 && !feof(fp))
		rc = parse_one(&r, fp, &line);
	if (rc == AG_EINVAL)
		error_set(error_r, rc,
		    "line %d: expected a record, $ORIGIN or $TTL", line);
	else if (rc != 0)
		error_set(error_r, rc, "the zone can't be held in memory");
	if (fp != NULL)
		fclose(fp);
	ldns_rdf_deep_free(r.origin);
	ldns_rdf_deep_free(r.previous);
	*serial_r = r.serial;
	return rc;
}
