/* SPDX-License-Identifier: MIT */
/*
 * lmtp_session - one LMTP conversation (RFC 2033) of agamid-seal: commands
 * in, replies out, message bytes to one sealing job for each home and key.
 *
 * No descriptors here; lmtp_server.h reads and writes. Postfix groups
 * recipients of several homes into one transaction, so one pass over the
 * data feeds up to LMTP_GROUPS_MAX jobs; each recipient gets its own reply
 * after the final dot.
 */
#ifndef AGAMID_MILTER_LMTP_SESSION_H
#define AGAMID_MILTER_LMTP_SESSION_H

#include <stddef.h>

#include "manifests/network.h"
#include "milter/lmtp.h"
#include "milter/sealer.h"
#include "util/buf.h"

#define LMTP_GROUPS_MAX 8
#define LMTP_RCPT_MAX 1000
#define LMTP_REPLY_MAX (LMTP_RCPT_MAX * 160)

struct lmtp_context { /* borrowed; lives as long as the process */
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
/* The final dot: waits until every job is done; a reply a recipient. */
void lmtp_session_data_end(struct lmtp_session *s, struct buf *reply);

#endif
