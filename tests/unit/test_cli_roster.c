/* SPDX-License-Identifier: MIT */
/*
 * Tests of cli/roster.c and cli/store.c: whom a node believes, out of a
 * folder with good and bad manifests. The manifests are the examples,
 * which have good signatures; this node is carol.
 */
#include "help.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/pin.h"
#include "cli/roster.h"
#include "cli/store.h"
#include "cli_help.h"
#include "util/file.h"
#include "util/text.h"

struct folder {
	struct conf *conf;
	struct verified *known;
	struct roster roster;
	const char *scratch;
	struct error why;
};

static const char *
example(const char *name)
{
	return help_read(help_source("manifests/examples/%s.yaml", name), NULL);
}

/* This text as manifests/NAME/SERIAL.yaml. */
static void
put(struct folder *f, const char *name, const char *serial, const char *text)
{
	char *dir = file_join(f->conf->manifest_dir, name);
	char *path = xasprintf("%s/%s.yaml", dir, serial);

	assert_int_equal(file_mkdirs(dir, 0755, NULL), 0);
	help_write(path, text, strlen(text));
	free(path);
	free(dir);
}

static struct manifest *
parsed(struct folder *f, const char *name)
{
	struct buf problems;
	struct manifest *m;

	buf_init(&problems, 65536);
	m = roster_read_file(help_source("manifests/examples/%s.yaml", name),
	    f->known, f->scratch, &problems);
	if (m == NULL)
		fail_msg("%s", buf_str(&problems));
	buf_free(&problems);
	return m;
}

/* NAME's example, pinned as it is. */
static void
befriend(struct folder *f, const char *name, int64_t since)
{
	struct manifest *m = parsed(f, name);
	struct buf pin;

	buf_init(&pin, PIN_MAX);
	assert_int_equal(store_install(f->conf, m, &f->why), 0);
	assert_int_equal(pin_make(m, since, &pin), 0);
	assert_int_equal(pin_write(f->conf, name, &pin, &f->why), 0);
	buf_free(&pin);
	manifest_free(&m);
}

static void
begin(struct folder *f)
{
	struct manifest *self;

	memset(f, 0, sizeof(*f));
	f->conf = fake_conf("");
	f->known = verified_parse("", 0);
	f->scratch = help_path("scratch");
	assert_int_equal(mkdir(f->scratch, 0700), 0);
	self = parsed(f, "carol");
	assert_int_equal(store_install(f->conf, self, &f->why), 0);
	manifest_free(&self);
}

static void
end(struct folder *f)
{
	verified_free(&f->known);
	conf_free(&f->conf);
}

/* How many peers come into force; and is this reported (NULL: nothing)? */
static void
assert_load(struct folder *f, size_t peers, const char *problem)
{
	struct roster *r = &f->roster;

	if (roster_load(f->conf, f->known, f->scratch, r, &f->why) < 0)
		fail_msg("%s", f->why.text);
	if (r->peer_count != peers)
		fail_msg("%zu peers: %s", r->peer_count, buf_str(&r->problems));
	if (problem == NULL)
		assert_string_equal(buf_str(&r->problems), "");
	else if (strstr(buf_str(&r->problems), problem) == NULL)
		fail_msg("no \"%s\" in %s", problem, buf_str(&r->problems));
}

static void
test_good(void **state)
{
	struct folder f;

	(void)state;
	begin(&f);
	befriend(&f, "dave", 1);
	befriend(&f, "bob", 2);
	assert_load(&f, 2, NULL);
	assert_string_equal(f.roster.self->name, "carol");
	assert_string_equal(f.roster.peers[0]->name, "bob");
	assert_string_equal(f.roster.peers[1]->name, "dave");
	assert_int_equal(strlen(f.roster.peers[0]->fpr), 40);
	assert_non_null(roster_peer(&f.roster, "bob"));
	assert_null(roster_peer(&f.roster, "carol"));
	roster_free(&f.roster);
	end(&f);
}

/* SPEC N-14.2: not without the operator's word. */
static void
test_unpinned(void **state)
{
	struct folder f;

	(void)state;
	begin(&f);
	befriend(&f, "bob", 1);
	put(&f, "alice", "2026112101", example("alice"));
	assert_load(&f, 1, "alice: not pinned");
	roster_free(&f.roster);
	end(&f);
}

/* The example without its signature, or with one byte changed. */
static char *
spoiled(const char *name, bool unsigned_)
{
	char *text = xstrdup(example(name)), *at;

	if (unsigned_) {
		at = strstr(text, "-----BEGIN PGP SIGNATURE");
		assert_non_null(at);
		*at = '\0';
	} else {
		assert_int_equal(text[0], '#'); /* a comment */
		text[1] = '#';
	}
	return text;
}

/* The example's serial, as text. */
static char *
serial_of(const char *name)
{
	const char *at = strstr(example(name), "\nserial: ");

	assert_non_null(at);
	at += strlen("\nserial: ");
	return strndup(at, strspn(at, "0123456789"));
}

/* SPEC N-14.1, N-14.6: a bad file is reported; the others stay. */
static void
test_bad_files(void **state)
{
	static const struct {
		bool unsigned_;
		const char *problem;
	} rows[] = {{true, "dave/"}, {false, "dave/"}};
	char *text, *serial;
	struct folder f;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&f);
		befriend(&f, "bob", 1);
		befriend(&f, "dave", 2);
		text = spoiled("dave", rows[i].unsigned_);
		serial = serial_of("dave");
		put(&f, "dave", serial, text);
		free(serial);
		free(text);
		assert_load(&f, 1, rows[i].problem);
		assert_non_null(strstr(buf_str(&f.roster.problems),
		    "dave: no usable manifest; not in force"));
		roster_free(&f.roster);
		assert_int_equal(
		    file_remove_tree(f.conf->manifest_dir, NULL), 0);
		assert_int_equal(file_remove_tree(f.scratch, NULL), 0);
		end(&f);
	}
}

/* SPEC N-14.5, N-14.6: a newer file that is bad leaves the older one. */
static void
test_bad_newer(void **state)
{
	struct folder f;

	(void)state;
	begin(&f);
	befriend(&f, "bob", 1);
	put(&f, "bob", "2099010101", "version: 1\n...\n");
	assert_load(&f, 1, "stays in force");
	roster_free(&f.roster);
	/* One that is good, but not what its name says. */
	put(&f, "bob", "2099010101", example("bob"));
	assert_load(&f, 1, "not used");
	roster_free(&f.roster);
	/* One that is another's. */
	put(&f, "bob", "2099010101", example("dave"));
	assert_load(&f, 1, "is dave's");
	assert_string_equal(f.roster.peers[0]->name, "bob");
	roster_free(&f.roster);
	end(&f);
}

/* SPEC N-14.3: a good signature is not enough. */
static void
test_other_pin(void **state)
{
	struct manifest *m;
	struct folder f;
	struct buf pin;

	(void)state;
	begin(&f);
	befriend(&f, "bob", 1);
	m = parsed(&f, "bob");
	m->fpr[0] = m->fpr[0] == '0' ? '1' : '0';
	buf_init(&pin, PIN_MAX);
	assert_int_equal(pin_make(m, 1, &pin), 0);
	assert_int_equal(pin_write(f.conf, "bob", &pin, &f.why), 0);
	assert_load(&f, 0, "not what you agreed to");
	roster_free(&f.roster);
	buf_free(&pin);
	manifest_free(&m);
	end(&f);
}

/* SPEC N-14.4: the first that was pinned has it. */
static void
test_conflict(void **state)
{
	struct folder f;
	struct buf pin;

	(void)state;
	begin(&f);
	befriend(&f, "dave", 7);
	befriend(&f, "bob", 5);
	/* Alice has no usable manifest, but was pinned with Dave's domain
	 * before him: he does not get it. */
	buf_init(&pin, PIN_MAX);
	assert_int_equal(
	    buf_puts(&pin,
		"agamid-pin 1\nsince 6\nname alice\ndomain dave.example\n"),
	    0);
	assert_int_equal(
	    mkdir(help_path(AG_LOCALSTATEDIR "/lib/agamid/manifests/alice"),
		0755),
	    0);
	assert_int_equal(pin_write(f.conf, "alice", &pin, &f.why), 0);
	assert_load(&f, 1, "domain dave.example belongs to alice");
	assert_string_equal(f.roster.peers[0]->name, "bob");
	roster_free(&f.roster);
	buf_free(&pin);
	end(&f);
}

/* SPEC N-14.8, N-14.7: nothing new, but its keys are still known. */
static void
test_removed(void **state)
{
	struct folder f;

	(void)state;
	begin(&f);
	befriend(&f, "bob", 1);
	assert_int_equal(store_mark_removed(f.conf, "bob", &f.why), 0);
	assert_load(&f, 0, NULL);
	assert_int_equal(f.roster.old_count, 1);
	assert_string_equal(f.roster.old[0]->name, "bob");
	roster_free(&f.roster);
	end(&f);
}

/* SPEC N-14.5: the first seen of a serial stays. */
static void
test_install(void **state)
{
	struct manifest *m;
	struct folder f;

	(void)state;
	begin(&f);
	m = parsed(&f, "bob");
	assert_int_equal(store_install(f.conf, m, &f.why), 0);
	assert_int_equal(store_install(f.conf, m, &f.why), 0);
	m->text[1] = '#';
	assert_int_equal(store_install(f.conf, m, &f.why), AG_EEXIST);
	assert_int_equal(store_newest(f.conf, "bob"), m->serial);
	assert_int_equal(store_newest(f.conf, "nobody"), 0);
	manifest_free(&m);
	end(&f);
}

static void
test_no_self(void **state)
{
	struct folder f;

	(void)state;
	begin(&f);
	assert_int_equal(file_remove_tree(help_path(AG_LOCALSTATEDIR
					      "/lib/agamid/manifests/carol"),
			     NULL),
	    0);
	assert_int_equal(
	    roster_load(f.conf, f.known, f.scratch, &f.roster, &f.why),
	    AG_ENOENT);
	assert_non_null(strstr(f.why.text, "agamid init"));
	roster_free(&f.roster);
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_good),
	    help_test(test_unpinned),
	    help_test(test_bad_files),
	    help_test(test_bad_newer),
	    help_test(test_other_pin),
	    help_test(test_conflict),
	    help_test(test_removed),
	    help_test(test_install),
	    help_test(test_no_self),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
