/* SPDX-License-Identifier: MIT */
/*
 * fuzz_zone - dns-tools/records.c, compare.c and update.c: any bytes are a
 * master file or an error; what was read is one line each when printed, and
 * the types that we write are read again as the same; what is wanted and
 * what is there can be compared, and the difference be sent.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns-tools/compare.h"
#include "dns-tools/records.h"
#include "dns-tools/update.h"
#include "dns-tools/zone.h"

#define ORIGIN "friends.example"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool
is_written_by_us(const struct record *r)
{
	switch (r->type) {
	case LDNS_RR_TYPE_A:
	case LDNS_RR_TYPE_AAAA:
	case LDNS_RR_TYPE_MX:
	case LDNS_RR_TYPE_SSHFP:
	case LDNS_RR_TYPE_TLSA:
	case LDNS_RR_TYPE_TXT:
		return true;
	default:
		return false;
	}
}

static void
check_record(const struct record *r)
{
	struct records again;
	struct buf line;
	ldns_rr *rr;

	buf_init(&line, 1U << 20);
	if (record_print(r, &line) != 0 ||
	    strchr(buf_str(&line), '\n') != line.data + line.len - 1)
		abort();
	buf_free(&line);
	if (strlen(r->owner) < strlen(zone_unit(r)))
		abort();
	if (!is_written_by_us(r))
		return;
	records_init(&again);
	rr = record_rr(r);
	if (rr == NULL || records_add_rr(&again, rr) != 0 || again.count != 1 ||
	    record_compare(&again.list[0], r) != 0)
		abort();
	ldns_rr_free(rr);
	records_free(&again);
}

static void
want(struct records *rs)
{
	static const struct {
		const char *owner;
		ldns_rr_type type;
		const char *data;
	} list[] = {{"alice." ORIGIN, LDNS_RR_TYPE_A, "192.0.2.1"},
	    {"alice." ORIGIN, LDNS_RR_TYPE_MX, "10 alice." ORIGIN "."},
	    {"alice." ORIGIN, LDNS_RR_TYPE_TXT, "v=spf1 a -all"},
	    {ZONE_MARK "alice." ORIGIN, LDNS_RR_TYPE_TXT,
		"v=agamid1 node=alice owns=A,MX,TXT"}};
	size_t i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (records_add(rs, list[i].owner, 300, list[i].type,
			list[i].data, NULL) != 0)
			abort();
	}
	records_sort(rs);
}

static void
check_update(const struct records *have)
{
	struct update_plan plan;
	struct comparison c;
	struct records wanted;
	struct error why;

	records_init(&wanted);
	want(&wanted);
	if (compare_zones(&wanted, have, &c) != 0)
		abort();
	(void)update_plan_make(&c, ORIGIN, true, &plan, &why);
	if (c.count == 0 && plan.count != 0)
		abort();
	update_plan_free(&plan);
	compare_free(&c);
	records_free(&wanted);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct records rs;
	struct error why;
	uint32_t serial;
	size_t i;

	records_init(&rs);
	if (records_parse(
		&rs, (const char *)data, len, ORIGIN, &serial, &why) == 0) {
		for (i = 0; i < rs.count; i++)
			check_record(&rs.list[i]);
		records_sort(&rs);
		check_update(&rs);
	}
	records_free(&rs);
	return 0;
}
