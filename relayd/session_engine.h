/* SPDX-License-Identifier: MIT */
/*
 * session_engine - what the files of the session's engine share; for them
 * alone. session.c is the loop, the peer and the time; session_talk.c what
 * is said, and relayd's end.
 */
#ifndef AGAMID_RELAYD_SESSION_ENGINE_H
#define AGAMID_RELAYD_SESSION_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"
#include "relayd/proto.h"
#include "relayd/session.h"

#define IN_MAX 131072 /* more than PROTO_MESSAGE_MAX */
#define HELLO_MS 30000
#define SILENT_MS 60000 /* then a ping is sent */
#define ANSWER_MS 30000 /* within which something must come */
#define PROBE_MS 10000 /* the same, if relayd has doubts */
#define STUCK_MS 120000 /* the peer doesn't read */
#define BYE_MS 5000 /* for the last lines to go out */
/* Half of what a peer has in flight: relayd looks at one group while the
 * next comes. */
#define GROUP_MAX (PROTO_FLIGHT_MAX / 2)
#define GROUP_MS 50 /* a bundle waits at most so long for others */
#define SLOWEST 8192 /* bytes a second; for the patience with pings */
#define UNACKED_MAX (8u << 20) /* what buffers on the way may hold */
#define SENT_MAX 128

struct sent { /* a bundle on its way, not yet acknowledged */
	char id[BUNDLE_ID_LEN + 1];
	uint64_t size;
};

/* A bundle that relayd wants; the peer may send it. */
struct wanted {
	struct wanted *next;
	char id[BUNDLE_ID_LEN + 1];
	uint64_t size;
};

struct session_out;
struct session_recv;

struct session {
	const struct session_setup *setup;
	struct session_out *out;
	struct session_recv *recv;
	struct buf lines; /* one message being made */
	struct buf report; /* of arrived bundles, for relayd */
	struct wanted *wanted;
	struct sent sent[SENT_MAX];
	unsigned sent_count;
	bool hello; /* the peer's has come */
	bool over; /* nothing more is read; flush and end */
	bool probed; /* relayd wants to hear that the peer is there */
	int rc;
	char why[PROTO_TEXT_MAX + 1];
	/* Milliseconds of a clock that is never set. */
	int64_t now, began, heard, wrote, pinged, group, ended;
	int64_t patience; /* for the ping that is out */
	size_t in_len;
	char in[IN_MAX];
};

/* The session is over; the first reason counts. */
void session_end(struct session *s, int rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The peer broke a rule: tell it which, then end. */
void session_offend(struct session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* To the peer. */
void session_say(struct session *s, const struct buf *text);
void session_say_verb(struct session *s, enum proto_verb verb);
/* One that is to be answered within so many milliseconds. */
void session_ping(struct session *s, int64_t patience);

/* The answer has come. */
void session_alive(struct session *s);

/* A bundle that the peer may send; the address of NULL if it is none. */
struct wanted **session_wanted(struct session *s, const char *id);
void session_unwant(struct session *s, const char *id);

/* To relayd. */
void session_tell(struct session *s, const struct buf *text);
void session_pass_on(struct session *s, const struct proto_msg *m);
/* A packet of relayd's has come. */
void session_read_relayd(struct session *s);

#endif
