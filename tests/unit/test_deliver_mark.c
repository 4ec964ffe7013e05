/* SPDX-License-Identifier: MIT */
/*
 * test_deliver_mark - deliver/mark.h: which mail gets X-Agamid-Sealed.
 */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "deliver/mark.h"
#include "mail/sealed.h"
#include "util/error.h"
#include "util/text.h"

#define NONCE "00112233445566778899aabbccddeeff"
#define ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct manifest *
alice(void)
{
	struct buf errors;
	struct manifest *m;
	const char *text;
	size_t len;

	buf_init(&errors, 65536);
	text = help_read(help_source("manifests/examples/alice.yaml"), &len);
	m = manifest_parse("alice.yaml", text, len, &errors);
	assert_non_null(m);
	buf_free(&errors);
	return m;
}

static void
make(struct opened *o, struct ticket *t, struct secrets *s)
{
	memset(o, 0, sizeof(*o));
	memset(t, 0, sizeof(*t));
	memset(s, 0, sizeof(*s));
	bsmtp_envelope_init(&o->envelope);
	o->is_sealed = true;
	strcpy(o->boundary, "agamid-" NONCE);
	memset(o->sealed, 3, sizeof(o->sealed));
	strcpy(t->nonce, NONCE);
	strcpy(t->id, ID);
	assert_int_equal(keys_init(), 0);
	crypto_sign_keypair(s->sealed.public, s->sealed.secret);
	s->has_sealed = true;
}

/* SPEC D-2.1 */
static void
test_marked(void **state)
{
	struct manifest *m = alice();
	struct sealed_mark mark;
	struct secrets s;
	struct opened o;
	struct ticket t;
	struct buf out;

	(void)state;
	make(&o, &t, &s);
	buf_init(&out, 1024);
	bsmtp_add_rcpt(&o.envelope, "<a+x@alice.example>", "");
	assert_int_equal(mark_write(&o, &t, m, &s, &out), 0);
	assert_memory_equal(buf_str(&out), "X-Agamid-Sealed: 1\r\n\tid=", 24);
	assert_int_equal(sealed_mark_parse(buf_str(&out) + 16, &mark), 0);
	assert_string_equal(mark.mailbox, "alice");
	assert_string_equal(mark.id, ID);
	assert_memory_equal(mark.hash, o.sealed, sizeof(mark.hash));
	assert_int_equal(sealed_mark_verify(&mark, s.sealed.public), 0);
	buf_free(&out);
	bsmtp_envelope_free(&o.envelope);
	manifest_free(&m);
}

/* SPEC D-8.5: for what was sealed here; its ID is its hash. */
static void
test_at_home(void **state)
{
	struct manifest *m = alice();
	struct sealed_mark mark;
	uint8_t hash[SEALED_HASH_SIZE];
	struct secrets s;
	struct opened o;
	struct ticket t;
	struct buf out;

	(void)state;
	make(&o, &t, &s);
	buf_init(&out, 1024);
	assert_int_equal(mark_at_home("alice", ID, m, &s, &out), 0);
	assert_int_equal(sealed_mark_parse(buf_str(&out), &mark), 0);
	assert_string_equal(mark.mailbox, "alice");
	assert_string_equal(mark.id, ID);
	assert_int_equal(text_unhex(ID, hash, sizeof(hash)), 0);
	assert_memory_equal(mark.hash, hash, sizeof(hash));
	assert_int_equal(sealed_mark_verify(&mark, s.sealed.public), 0);
	buf_reset(&out);
	assert_int_equal(mark_at_home("nobody", ID, m, &s, &out), AG_ENOENT);
	s.has_sealed = false;
	assert_int_equal(mark_at_home("alice", ID, m, &s, &out), AG_ENOENT);
	s.has_sealed = true;
	free(m->mailboxes[0].openpgp);
	m->mailboxes[0].openpgp = NULL;
	assert_int_equal(mark_at_home("alice", ID, m, &s, &out), AG_ENOENT);
	assert_int_equal(out.len, 0);
	buf_free(&out);
	manifest_free(&m);
}

static void
unmarked(const struct opened *o, const struct ticket *t,
    const struct manifest *m, const struct secrets *s)
{
	struct buf out;

	buf_init(&out, 1024);
	assert_int_equal(mark_write(o, t, m, s, &out), 0);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void
test_not_marked(void **state)
{
	struct manifest *m = alice();
	struct secrets s;
	struct opened o;
	struct ticket t;

	(void)state;
	make(&o, &t, &s);
	unmarked(&o, &t, m, &s); /* nobody's */
	bsmtp_add_rcpt(&o.envelope, "<nobody@alice.example>", "");
	unmarked(&o, &t, m, &s); /* of no mailbox */
	bsmtp_envelope_free(&o.envelope);
	bsmtp_envelope_init(&o.envelope);
	bsmtp_add_rcpt(&o.envelope, "<alice@alice.example>", "");
	o.boundary[10] ^= 1;
	unmarked(&o, &t, m, &s); /* a stranger's PGP/MIME */
	o.boundary[10] ^= 1;
	o.is_sealed = false;
	unmarked(&o, &t, m, &s);
	o.is_sealed = true;
	s.has_sealed = false;
	unmarked(&o, &t, m, &s);
	assert_int_equal(help_logged("not marked id=" ID), 1);
	s.has_sealed = true;
	free(m->mailboxes[0].openpgp);
	m->mailboxes[0].openpgp = NULL;
	unmarked(&o, &t, m, &s); /* the mailbox has no key */
	bsmtp_envelope_free(&o.envelope);
	manifest_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(test_marked),
	    help_test(test_at_home),
	    help_test(test_not_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
