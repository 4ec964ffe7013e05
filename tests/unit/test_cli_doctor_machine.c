/* SPDX-License-Identifier: MIT */
/*
 * The judges of this machine in agamid doctor: its file systems, sockets,
 * files and keys, by tables (SPEC N-21.1).
 */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/doctor_colons.h"
#include "cli/doctor_judge.h"
#include "cli/doctor_mount.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define DAY 86400

/* ---- file systems ---- */

static void
test_mounts(void **state)
{
	static const char info[] =
	    "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=x\n"
	    "22 21 0:5 / /dev rw - devtmpfs udev rw,size=1k\n"
	    "30 21 254:3 / /var rw,noatime shared:2 master:1 - ext4 /dev/x "
	    "rw,nodelalloc\n"
	    "31 21 254:4 / /x rw\n"
	    "32";
	static const struct {
		const char *device, *type, *options; /* type NULL: none */
	} rows[] = {
	    {"254:0", "ext4", "rw,relatime,rw,errors=x"},
	    {"254:3", "ext4", "rw,noatime,rw,nodelalloc"},
	    {"0:5", "devtmpfs", "rw,rw,size=1k"},
	    {"254:4", NULL, NULL},
	    {"254:9", NULL, NULL},
	};
	struct mount_facts m;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		memset(&m, 0, sizeof(m));
		assert_int_equal(mount_parse(info, rows[i].device, &m),
		    rows[i].type != NULL);
		if (rows[i].type == NULL)
			continue;
		assert_string_equal(m.type, rows[i].type);
		assert_string_equal(m.options, rows[i].options);
	}
}

/* SPEC N-21.6 */
static void
test_queue_mount(void **state)
{
	static const struct {
		struct mount_facts m;
		enum doctor_state want;
	} rows[] = {
	    {{.type = "ext4", .options = "rw"}, DOCTOR_OK},
	    {{.type = "ext4", .options = "rw,nodelalloc"}, DOCTOR_WARNING},
	    {{.type = "ext4", .options = "rw,data=journal"}, DOCTOR_WARNING},
	    {{.type = "ext4", .options = "data=journal", .encrypted = true},
		DOCTOR_OK},
	    {{.type = "tmpfs", .options = "rw"}, DOCTOR_OK},
	    {{.type = "btrfs", .options = "rw"}, DOCTOR_WARNING},
	    {{.type = ""}, DOCTOR_WARNING},
	};
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		judge_queue_mount(&rows[i].m, &v);
		assert_int_equal(v.state, rows[i].want);
	}
}

static void
test_room(void **state)
{
	static const struct {
		struct mount_facts m;
		enum doctor_state want;
	} rows[] = {
	    {{.free = 2000, .size = 9000}, DOCTOR_OK},
	    {{.free = 1999, .size = 9000}, DOCTOR_WARNING},
	    {{.free = 999, .size = 9000}, DOCTOR_FAILURE},
	    {{.free = 5000, .size = 9000, .read_only = true}, DOCTOR_FAILURE},
	    {{.free = 5000, .inodes = 1000, .inodes_free = 9}, DOCTOR_FAILURE},
	    {{.free = 5000, .inodes = 1000, .inodes_free = 10}, DOCTOR_OK},
	    {{.free = 5000, .options = "rw,nobarrier"}, DOCTOR_WARNING},
	};
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		judge_room(&rows[i].m, "/var/spool/agamid", 1000, &v);
		assert_int_equal(v.state, rows[i].want);
	}
}

/* ---- sockets and files ---- */

static void
test_socket(void **state)
{
	static const struct socket_facts good = {.service = "agamid-seal",
	    .path = "/s",
	    .want_user = "agamid-milter",
	    .want_owner = "agamid-milter:postfix",
	    .want_mode = 0660,
	    .there = true,
	    .is_socket = true,
	    .listening = true,
	    .owner = "agamid-milter:postfix",
	    .server = "agamid-milter",
	    .mode = 0660,
	    .exe = "/usr/libexec/agamid-seal"};
	struct socket_facts bad[8];
	struct verdict v;
	size_t i;

	(void)state;
	judge_socket(&good, &v);
	assert_int_equal(v.state, DOCTOR_OK);
	for (i = 0; i < COUNT(bad); i++)
		bad[i] = good;
	bad[0].there = false;
	bad[1].is_socket = false;
	bad[2].listening = false;
	strcpy(bad[3].server, "root");
	strcpy(bad[4].complaint, "it does not answer to LHLO");
	strcpy(bad[5].owner, "root:root");
	bad[6].mode = 0666;
	strcpy(bad[7].exe, "/usr/libexec/agamid-seal (deleted)");
	for (i = 0; i < COUNT(bad); i++) {
		judge_socket(&bad[i], &v);
		assert_int_equal(
		    v.state, i == 7 ? DOCTOR_WARNING : DOCTOR_FAILURE);
		assert_non_null(strstr(v.fix, "agamid-seal"));
	}
}

static void
test_file(void **state)
{
	static const struct {
		struct file_facts f;
		const char *want; /* part of what is found; NULL: ok */
	} rows[] = {
	    {{.path = "/k",
		 .want_owner = "a:a",
		 .want_mode = 0400,
		 .is_secret = true,
		 .there = true,
		 .right_kind = true,
		 .owner = "a:a",
		 .mode = 0400},
		NULL},
	    {{.path = "/k",
		 .want_owner = "a:a",
		 .want_mode = 0400,
		 .is_secret = true,
		 .there = true,
		 .right_kind = true,
		 .owner = "a:a",
		 .mode = 0444},
		"open to others"},
	    {{.path = "/k",
		 .want_owner = "a:a",
		 .want_mode = 0400,
		 .is_secret = true,
		 .there = true,
		 .right_kind = true,
		 .owner = "b:b",
		 .mode = 0400},
		"belongs to b:b"},
	    {{.path = "/k", .want_mode = 0400, .is_secret = true}, "missing"},
	    {{.path = "/d", .want_mode = 0750, .is_dir = true}, "missing"},
	    {{.path = "/d",
		 .want_owner = "a:a",
		 .want_mode = 0750,
		 .is_dir = true,
		 .there = true,
		 .right_kind = true,
		 .owner = "a:a",
		 .mode = 0755},
		"mode 0755"},
	    {{.path = "/d", .is_dir = true, .there = true}, "no directory"},
	};
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		verdict_begin(&v, "files");
		judge_file(&rows[i].f, &v);
		assert_int_equal(
		    v.state, rows[i].want == NULL ? DOCTOR_OK : DOCTOR_FAILURE);
		if (rows[i].want != NULL)
			assert_non_null(strstr(v.found, rows[i].want));
	}
}

/* ---- keys ---- */

static void
test_expiry(void **state)
{
	static const struct {
		int64_t days;
		enum doctor_state own, peer;
	} rows[] = {
	    {0, DOCTOR_OK, DOCTOR_OK}, /* never */
	    {365, DOCTOR_OK, DOCTOR_OK},
	    {31, DOCTOR_OK, DOCTOR_OK},
	    {30, DOCTOR_WARNING, DOCTOR_WARNING},
	    {14, DOCTOR_WARNING, DOCTOR_WARNING},
	    {7, DOCTOR_FAILURE, DOCTOR_WARNING},
	    {-1, DOCTOR_FAILURE, DOCTOR_WARNING},
	};
	const int64_t now = 1795000000;
	struct verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows) * 2; i++) {
		bool own = i % 2 == 0;
		int64_t days = rows[i / 2].days;

		verdict_begin(&v, "keys");
		judge_expiry(
		    "key 1", own, days == 0 ? 0 : now + days * DAY, now, &v);
		assert_int_equal(
		    v.state, own ? rows[i / 2].own : rows[i / 2].peer);
	}
}

static void
note_key(void *ctx, const struct colons_key *key)
{
	char *out = ctx;
	size_t len = strlen(out);

	snprintf(out + len, 256 - len, "%.4s=%lld ", key->fpr,
	    (long long)key->expires);
}

static void
test_colons(void **state)
{
	static const char listing[] =
	    "pub:-:255:22:1:100:900:::::scSC::::::23::0:\n"
	    "fpr:::::::::AAAA:\n"
	    "uid:-::::100::X::a::::::::::0:\n"
	    "sub:-:255:18:2:100:500:::::e::::::23:\n"
	    "fpr:::::::::BBBB:\n"
	    "sub:-:255:18:3:200:700:::::e::::::23:\n"
	    "sub:r:255:18:4:300:1:::::e::::::23:\n"
	    "sub:-:255:22:5:400:2:::::s::::::23:\n"
	    "pub:-:255:22:6:100::::::scSC::::::23::0:\n"
	    "fpr:::::::::CCCC:\n"
	    "pub";
	char out[256] = "";

	(void)state;
	colons_each(listing, note_key, out);
	assert_string_equal(out, "AAAA=700 CCCC=0 ");
	out[0] = '\0';
	colons_each("", note_key, out);
	colons_each("sub:::\n:\n\n", note_key, out);
	assert_string_equal(out, "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    help_test(test_mounts),
	    help_test(test_queue_mount),
	    help_test(test_room),
	    help_test(test_socket),
	    help_test(test_file),
	    help_test(test_expiry),
	    help_test(test_colons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
