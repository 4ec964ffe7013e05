/* SPDX-License-Identifier: MIT */
/*
 * answer - every answer that agamid-milter and agamid-seal give to a
 * client, in one table: SMTP code, enhanced status (RFC 3463), text.
 *
 * The texts are constants: nothing that came from outside is in a reply.
 * What is temporary (4xx) and what is not (5xx) is decided here and
 * nowhere else; doc/spec/node.md gives the reasons.
 */
#ifndef AGAMID_MILTER_ANSWER_H
#define AGAMID_MILTER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

enum answer {
	ANSWER_OK, /* taken */
	ANSWER_WAIT, /* no answer yet (sealing_wait()) */
	ANSWER_PASS, /* not a peer's: not our business */
	ANSWER_NO_DOMAIN,
	ANSWER_NOT_BACKUP,
	ANSWER_NO_MAILBOX,
	ANSWER_MATCH_LIMIT,
	ANSWER_NO_CONNECTION,
	ANSWER_MIXED,
	ANSWER_TOO_MANY,
	ANSWER_NO_KEY,
	ANSWER_TOO_BIG,
	ANSWER_NO_ROOM,
	ANSWER_BAD_SENDER,
	ANSWER_BAD_RCPT,
	ANSWER_BUSY,
	ANSWER_LATE,
	ANSWER_FEW_COPIES,
	ANSWER_HOME_UP,
	ANSWER_NO_STORE,
	ANSWER_TROUBLE,
	ANSWER_COUNT
};

struct answer_text {
	const char *code; /* "451"; "250" for ANSWER_OK */
	const char *status; /* "4.3.0" */
	const char *text;
};

/* Never NULL; an unknown answer is ANSWER_TROUBLE's. Static. */
const struct answer_text *answer_text(enum answer a);
/* Is it a 5xx? */
bool answer_is_permanent(enum answer a);
/* "451 4.3.0 text" into out, cut to fit. */
void answer_write(enum answer a, char *out, size_t outsize);

#endif
