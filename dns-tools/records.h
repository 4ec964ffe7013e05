/* SPDX-License-Identifier: MIT */
/*
 * records - lists of DNS records, each in the one form in which ldns
 * prints it, so that two are the same if their texts are.
 *
 * Owners are lower case and absolute, without the dot at their end ("" is
 * the root); names in data are lower case and end in a dot. Class IN only.
 */
#ifndef AGAMID_RECORDS_H
#define AGAMID_RECORDS_H

#include <ldns/ldns.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/error.h"

#define RECORDS_MAX 4000000 /* of one zone */

struct record {
	char *owner;
	char *data;
	const char *node; /* borrowed; whose it is, or NULL */
	uint32_t ttl;
	uint16_t type; /* enum ldns_enum_rr_type */
};

struct records {
	struct record *list;
	size_t count, room;
};

void records_init(struct records *rs);
void records_free(struct records *rs);

/*
 * Add one. data is as in a master file, its fields parted by one blank
 * each; a TXT is one text of at most 255 bytes, without its quotes. 0;
 * AG_EINVAL where ldns takes it for no record; AG_ETOOBIG; AG_ENOMEM.
 */
int records_add(struct records *rs, const char *owner, uint32_t ttl,
    ldns_rr_type type, const char *data, struct error *error_r);
/* The same with what ldns has read; other classes than IN are left out. */
int records_add_rr(struct records *rs, const ldns_rr *rr);

int records_copy(struct records *rs, const struct record *r);

/* By owner, type and data; what is there twice is dropped. */
void records_sort(struct records *rs);
int record_compare(const struct record *a, const struct record *b);
/* As ldns has it; NULL: no memory. The caller frees it. */
ldns_rr *record_rr(const struct record *r);
/* One line of a master file. */
int record_print(const struct record *r, struct buf *out);

/*
 * A master file's text: $ORIGIN, $TTL and relative names (to origin) are
 * understood, $INCLUDE is not. SOA's serial to *serial_r, 0 where there is
 * none; the SOA is among the records, with serial 0. Pure. AG_EINVAL with
 * the line.
 */
int records_parse(struct records *rs, const char *text, size_t len,
    const char *origin, uint32_t *serial_r, struct error *error_r);

/* Of those that a server makes by itself in a signed zone? */
bool record_is_dnssec(const struct record *r);

#endif
