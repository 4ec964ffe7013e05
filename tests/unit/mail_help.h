/* SPDX-License-Identifier: MIT */
/*
 * mail_help - what the tests of lib/mail/ share: known keys, good tickets,
 * and the examples of the spec.
 *
 * The key is that of RFC 8032 section 7.1, TEST 3, which the examples in
 * doc/spec/bundle.md are signed with.
 */
#ifndef AGAMID_TEST_MAIL_HELP_H
#define AGAMID_TEST_MAIL_HELP_H

#include "mail/keys.h"
#include "mail/ticket.h"

#define HELP_SHA256_ABC \
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

void help_key(struct sign_key *key_r);
void help_other_key(struct sign_key *key_r);

/* Texts are freed at the end of the test. */
const char *help_ticket_text(const struct ticket *t);
/* text with its one `from` replaced; fails the test if there is none. */
char *help_replace(const char *text, const char *from, const char *to);

/* Does doc/spec/bundle.md hold this text, CRLF shown as a line's end? */
void help_assert_in_spec(const char *text);

#endif
