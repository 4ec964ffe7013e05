/* SPDX-License-Identifier: MIT */
/*
 * fuzz_manifest - manifests/manifest*.c: any bytes give errors, each one
 * clean line with its place, or a manifest in which every name, list and
 * number is within what the specification says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"
#include "manifests/manifest.h"

#define ERRORS_MAX (8U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
need(bool promise)
{
	if (!promise)
		abort();
}

static void
check_errors(const struct buf *errors)
{
	struct cursor c;
	const char *line;
	size_t len, i;
	uint64_t n;

	cursor_init(&c, errors->data, errors->len);
	while (cursor_line(&c, &line, &len)) {
		struct cursor l;

		cursor_init(&l, line, len);
		need(cursor_skip(&l, "fuzz:"));
		need(cursor_uint(&l, UINT32_MAX, &n) && n >= 1);
		need(cursor_skip(&l, ":"));
		need(cursor_uint(&l, UINT32_MAX, &n) && n >= 1);
		need(cursor_skip(&l, ": "));
		for (i = 0; i < len; i++)
			need((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
	}
	need(c.left == 0 || errors->len > ERRORS_MAX / 2);
}

static void
check_list(char **list, size_t count, size_t least, size_t most)
{
	size_t i;

	need(count >= least && count <= most);
	for (i = 0; i < count; i++)
		need(list[i][0] != '\0' && text_is_line(list[i]));
}

static void
check_names(const struct manifest *m)
{
	size_t i;

	need(text_is_node_name(m->name) && text_is_node_name(manifest_site(m)));
	need(text_is_domain(m->network) && text_is_domain(m->host));
	check_list(m->domains, m->domain_count, 1, 256);
	for (i = 0; i < m->domain_count; i++)
		need(text_is_domain(m->domains[i]) &&
		    manifest_has_domain(m, m->domains[i]));
	check_list(m->addresses, m->address_count, 0, 16);
	for (i = 0; i < m->address_count; i++)
		need(text_is_address(m->addresses[i]));
	need(m->dynamic == NULL ||
	    (text_is_domain(m->dynamic) && m->address_count == 0));
	check_list(m->ssh_host_keys, m->ssh_host_key_count, 1, 8);
	check_list(m->ssh_client_keys, m->ssh_client_key_count, 1, 8);
	check_list(m->backups_allow.names, m->backups_allow.count, 0, 1000);
	check_list(m->backups_deny.names, m->backups_deny.count, 0, 1000);
	check_list(m->stores_allow.names, m->stores_allow.count, 0, 1000);
	check_list(m->stores_deny.names, m->stores_deny.count, 0, 1000);
}

static void
check_numbers(const struct manifest *m)
{
	need(m->serial >= 1 && m->serial <= MANIFEST_SERIAL_MAX);
	need(m->ssh_port >= 1 && m->ssh_port <= 65535);
	need(m->backups_mx <= 10);
	need(m->copies >= 1 && m->copies_before_250 >= 1 &&
	    m->copies_before_250 <= m->copies);
	need(manifest_copies(m) <= 8 && manifest_within(m) <= 20 &&
	    manifest_hold(m) <= 90 * 86400);
	need(m->body_len <= m->text_len && m->text_len <= MANIFEST_MAX);
	need(m->body_len >= 4 &&
	    memcmp(m->text + m->body_len - 4, "...\n", 4) == 0);
	need((manifest_signature(m) != NULL) == (m->body_len < m->text_len));
}

static void
check_mailboxes(const struct manifest *m)
{
	static const char *const locals[] = {
	    "bob", "postmaster", "talktome+x", "aaaaaaaaaaaaaaaaaaaaaaaaaaa!"};
	const struct manifest_mailbox *box;
	enum match_result result;
	size_t i;

	need(m->has_mailboxes == (m->mailbox_count > 0));
	for (i = 0; i < m->mailbox_count; i++)
		need(text_is_mailbox_name(m->mailboxes[i].name));
	for (i = 0; i < sizeof(locals) / sizeof(locals[0]); i++) {
		result = manifest_match(m, locals[i], &box);
		need(result == MATCH_YES || box == NULL);
		need(m->has_mailboxes || result == MATCH_YES);
		need(i != 1 || result == MATCH_YES);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct manifest *m;
	struct buf errors;

	if (len > MANIFEST_MAX + 1)
		return 0;
	buf_init(&errors, ERRORS_MAX);
	m = manifest_parse("fuzz", data, len, &errors);
	need((m == NULL) == (errors.len > 0));
	check_errors(&errors);
	if (m != NULL) {
		check_names(m);
		check_numbers(m);
		check_mailboxes(m);
		manifest_may_hold(m, m);
	}
	manifest_free(&m);
	buf_free(&errors);
	return 0;
}
