/* SPDX-License-Identifier: MIT */
/*
 * decide - who gets in: decisions on recipients, from the network's view
 * and the facts that the caller collected.
 *
 * Pure: no I/O, no clock, no logging; each decision can be put into a
 * table by a test. Both programs use it: agamid-milter for strangers (one
 * home and one sealing key a transaction), agamid-seal for what comes
 * from Postfix's queue.
 */
#ifndef AGAMID_MILTER_DECIDE_H
#define AGAMID_MILTER_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/address.h"
#include "mail/openpgp.h"
#include "mail/ticket.h"
#include "manifests/network.h"
#include "milter/answer.h"

/*
 * What a transaction is: nothing yet; others' (own domains, and all that
 * passes through to Postfix's queue); or one peer's, with the mailbox's
 * own key where it has one ("" if not).
 */
enum mail_kind { MAIL_NONE, MAIL_OTHER, MAIL_PEER };

struct mail_class {
	enum mail_kind kind;
	char home[NODE_NAME_MAX + 1];
	char key[OPENPGP_FPR_LEN + 1];
};

bool mail_class_equal(const struct mail_class *a, const struct mail_class *b);

/* Where a peer's recipient belongs; the manifest is the view's. */
struct target {
	const struct manifest *home;
	struct mail_class class;
};

/*
 * Whose is this address? ANSWER_OK with the target filled; ANSWER_PASS
 * for our own domains; else why not: NO_DOMAIN, NOT_BACKUP, NO_MAILBOX,
 * MATCH_LIMIT.
 */
enum answer decide_recipient(
    const struct network *net, const struct address *rcpt, struct target *t_r);

/* May a recipient of class `wanted` join a transaction that is `now`? */
enum answer decide_join(
    const struct mail_class *now, const struct mail_class *wanted);

/* The limits that hold for one message, and the room that there is. */
struct room {
	uint64_t limit; /* of one message, ours */
	uint64_t reserve; /* never used */
	uint64_t free; /* bytes on the spool's file system */
};

/* The most that one message for this home may have. */
uint64_t decide_limit(const struct manifest *home, const struct room *room);
/* size: as declared (RFC 1870) or counted; 0 if unknown. OK, TOO_BIG,
 * NO_ROOM. */
enum answer decide_room(
    const struct manifest *home, const struct room *room, uint64_t size);

/* What the policy check knows, when the target is known. */
struct facts {
	bool connected; /* the client's milter connection is open */
	struct mail_class now;
	bool key_usable; /* the home's, its recovery key, the mailbox's own */
	struct room room;
	uint64_t size;
};

/* The policy check's answer for a peer's recipient. */
enum answer decide_policy(const struct target *t, const struct facts *f);

/*
 * The milter's RCPT: admitted says whether the policy check has just
 * admitted this recipient on this connection, with class `wanted`. What
 * the check was not asked about passes through (a client that is
 * authenticated or in mynetworks), or gets MIXED behind a peer's. On OK
 * or PASS *next_r is what the transaction is from now on.
 */
enum answer decide_milter_rcpt(const struct mail_class *now, bool admitted,
    const struct mail_class *wanted, struct mail_class *next_r);

#endif
