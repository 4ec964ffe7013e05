/* SPDX-License-Identifier: MIT */
/*
 * lmtp_session - one LMTP conversation (RFC 2033) of agamid-seal: commands
 * in, replies out. What becomes of a mail is a door's: lmtp_peers.h,
 * lmtp_home.h.
 *
 * No descriptors here; lmtp_server.h reads and writes.
 */
#ifndef AGAMID_MILTER_LMTP_SESSION_H
#define AGAMID_MILTER_LMTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/bsmtp.h"
#include "manifests/network.h"
#include "milter/answer.h"
#include "milter/lmtp.h"
#include "milter/sealer.h"
#include "util/buf.h"

#define LMTP_GROUPS_MAX 8 /* of recipients that share what is made */
#define LMTP_RCPT_MAX 1000
#define LMTP_REPLY_MAX (LMTP_RCPT_MAX * 520)

/* A transaction, from MAIL on. */
struct lmtp_mail {
	struct network *net;
	struct bsmtp_envelope envelope; /* MAIL alone */
	uint64_t size; /* declared; 0: unknown */
	struct lmtp_xforward client;
};

struct lmtp_context;

/* What LHLO offers beside what the conversation itself can do. */
enum { LMTP_8BITMIME = 1, LMTP_SMTPUTF8 = 2, LMTP_DSN = 4 };

struct lmtp_door {
	/* For one connection; NULL when memory is out. */
	void *(*open)(const struct lmtp_context *ctx);
	void (*close)(void *door);
	/* At LHLO: what is offered, or -1: nobody can be served now. */
	int (*hello)(void *door);
	/* The largest message; 0: no limit but the system's. */
	uint64_t (*limit)(const void *door);
	/* A recipient: true if it is accepted; its reply is appended. */
	bool (*rcpt)(void *door, const struct lmtp_mail *m,
	    const struct bsmtp_path *rcpt, struct buf *reply);
	/* Bytes of the message, without stuffed dots. */
	void (*data)(void *door, const struct lmtp_mail *m, const void *data,
	    size_t len);
	/* It is whole: appends a reply for each accepted recipient. */
	void (*end)(void *door, const struct lmtp_mail *m, struct buf *reply);
	/* The transaction is over, or given up. */
	void (*reset)(void *door);
};

struct lmtp_context { /* borrowed; lives as long as the process */
	const struct lmtp_door *door;
	struct network_source *source;
	struct sealer *sealer;
};

struct lmtp_session;

enum lmtp_next {
	LMTP_NEXT_COMMAND,
	LMTP_NEXT_DATA, /* message bytes follow */
	LMTP_NEXT_CLOSE
};

/* Writes the greeting to reply. NULL when memory is out. */
struct lmtp_session *lmtp_session_new(
    const struct lmtp_context *ctx, struct buf *reply);
void lmtp_session_free(struct lmtp_session **s);

/* One command; its reply is appended. */
enum lmtp_next lmtp_session_command(
    struct lmtp_session *s, const struct lmtp_command *c, struct buf *reply);
/* A line that is no command. */
enum lmtp_next lmtp_session_malformed(
    struct lmtp_session *s, struct buf *reply);

/* Bytes of the message, without stuffed dots. */
void lmtp_session_data(struct lmtp_session *s, const void *data, size_t len);
/* The final dot: waits until the door is done; a reply a recipient. */
void lmtp_session_data_end(struct lmtp_session *s, struct buf *reply);

/* For doors: a line of reply. LMTP_REPLY_MAX has room for all of them. */
void lmtp_say(struct buf *reply, const char *text);
void lmtp_say_answer(struct buf *reply, enum answer a);

#endif
