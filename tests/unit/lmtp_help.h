/* SPDX-License-Identifier: MIT */
/*
 * lmtp_help - a client's side of an LMTP conversation with agamid-seal,
 * without sockets, for the tests of both its doors.
 */
#ifndef AGAMID_TEST_LMTP_HELP_H
#define AGAMID_TEST_LMTP_HELP_H

#include "milter/lmtp_session.h"
#include "seal_help.h"
#include "util/buf.h"

struct talk {
	struct seal_node node; /* begun by seal_begin() before talk_open() */
	struct lmtp_context ctx;
	struct lmtp_session *s;
	struct buf reply; /* the last */
};

/* Connect, and be greeted. */
void talk_open(struct talk *t, const struct lmtp_door *door);
void talk_close(struct talk *t);

/* One command; fails the test unless its reply begins with expected. */
enum lmtp_next say(struct talk *t, const char *line, const char *expected);

/* DATA and a message, in pieces of this size. The replies after the dot, in
 * one string, until the next command. */
const char *send_mail(struct talk *t, const char *message, size_t piece);

#endif
