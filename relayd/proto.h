/* SPDX-License-Identifier: MIT */
/*
 * proto - the lines of a relay session (agamid-relay-protocol(7),
 * doc/spec/relay.md), as a pure parser and writer.
 *
 * A message is one line of words and, for some verbs, a counted payload
 * behind it. The same grammar serves two channels: the wire between two
 * nodes, and the socket between a session's process and relayd, which
 * knows a few verbs more. No I/O, no allocation; what is parsed is
 * borrowed from or copied out of bounded fields.
 *
 * A bundle's bytes are no payload here: after "bundle ID SIZE" the caller
 * takes SPOOL_HEAD + SIZE bytes from the stream itself.
 */
#ifndef AGAMID_RELAYD_PROTO_H
#define AGAMID_RELAYD_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "mail/receipt.h"
#include "mail/ticket.h"
#include "manifests/manifest.h"

#define PROTO_VERSION 3
#define PROTO_VERSION_MIN 1 /* spoken, too */
#define PROTO_LINE_MAX 512 /* with its "\n" */
#define PROTO_TEXT_MAX 200
#define PROTO_WORD_MAX 16
#define PROTO_SIZE_MAX (1ULL << 40)
#define PROTO_PAYLOAD_MAX MANIFEST_MAX /* the largest of all */
#define PROTO_MESSAGE_MAX (PROTO_LINE_MAX + PROTO_PAYLOAD_MAX)
#define PROTO_HASH_LEN 16 /* hex digits of a manifest's SHA-256 */
#define PROTO_NONCE_LEN 32 /* hex digits */
#define PROTO_PROOF_LEN 64 /* hex digits */
#define PROTO_COUNT_MAX 1000000000
#define PROTO_SUM_MAX (1ULL << 60) /* bytes */

/* SPEC: what one side may have open with the other. */
#define PROTO_OPEN_MAX 64 /* offers without an answer */
#define PROTO_UNSETTLED_MAX 128 /* the same, and what was wanted then */
#define PROTO_FLIGHT_MAX 48 /* bundles sent, not acknowledged */
#define PROTO_FLIGHT_BYTES (512 * 1024)

enum proto_verb {
	PROTO_OTHER, /* a well-formed line with a verb unknown here */
	/* on the wire, and to and from relayd as well */
	PROTO_HELLO, /* agamid-relay VERSION NODE NETWORK TIME */
	PROTO_OFFER, /* offer ID SIZE LEN, the ticket */
	PROTO_WANT, /* want ID */
	PROTO_HAVE, /* have ID */
	PROTO_DELIVERED, /* delivered ID LEN, a receipt that covers it */
	PROTO_WAIT, /* wait ID */
	PROTO_REFUSED, /* refused ID TEXT */
	PROTO_BUNDLE, /* bundle ID SIZE, head and ciphertext */
	PROTO_STORED, /* stored ID */
	PROTO_MINE, /* mine */
	PROTO_RECEIPT, /* receipt LEN, the receipt */
	PROTO_NOTED, /* noted */
	PROTO_AWAY, /* away TIME */
	PROTO_PING, /* ping */
	PROTO_PONG, /* pong */
	PROTO_BYE, /* bye [TEXT] */
	PROTO_UNKNOWN, /* unknown VERB */
	/* since version 2 */
	PROTO_DEFERRED, /* deferred HOME KEY: somebody was told to come again */
	PROTO_SERIAL, /* serial NODE SERIAL HASH: what is in force here */
	PROTO_GET, /* get NODE SERIAL HASH: send it */
	PROTO_MANIFEST, /* manifest NODE SERIAL LEN, the manifest */
	PROTO_PROBE, /* probe: look at me from outside */
	PROTO_CHECK, /* check WHAT ok|fail TEXT: what was seen */
	PROTO_CHECKED, /* checked [TEXT]: that was all, or why not */
	/* since version 3 */
	PROTO_DUE, /* due ID: have you a receipt for it? Its time is over */
	PROTO_NO_RECEIPT, /* no-receipt ID: no */
	PROTO_EXPIRED, /* expired ID LEN, its ticket: deleted here */
	PROTO_HEARD, /* heard ID: of what expired */
	PROTO_ALERT_ASK, /* alert-ask: may you write to my alert address? */
	PROTO_ALERT_ASKED, /* alert-asked [TEXT]: it was asked; or why not */
	PROTO_ADOPT, /* adopt TIME: tell me my receipts later than that */
	PROTO_ADOPTED, /* adopted: that was all */
	PROTO_FORMER, /* former NODE KEY: its manifest with that ticket key */
	PROTO_CENSUS, /* census HOME COUNT BYTES LEN, a tally (tally.h) */
	PROTO_WHICH, /* which HOME BUCKET NONCE: which of these are there? */
	PROTO_THESE, /* these HOME BUCKET NONCE LEN, marks (tally.h) */
	PROTO_PROVE, /* prove ID NONCE: that you have it */
	PROTO_PROOF, /* proof ID HASH */
	PROTO_LACK, /* lack ID: it is not here */
	/* between a session's process and relayd only */
	PROTO_SESSION, /* session NODE dialled|accepted */
	PROTO_ACCEPT, /* accept ID SIZE: say want, and expect so much */
	PROTO_ARRIVED, /* arrived ID SIZE: it is in incoming/ */
	PROTO_FAILED, /* failed ID TEXT: it was refused here */
	PROTO_NOTE, /* note LEVEL TEXT: a line for the log */
	PROTO_ALIVE, /* alive: is the peer still there? And: it is */
};

struct proto_msg {
	enum proto_verb verb;
	unsigned version; /* PROTO_HELLO */
	char node[NODE_NAME_MAX + 1];
	char network[NETWORK_NAME_MAX + 1];
	int64_t time;
	char id[BUNDLE_ID_LEN + 1];
	uint64_t size;
	uint64_t serial; /* of a manifest */
	char hash[PROTO_HASH_LEN + 1];
	uint64_t count; /* bundles; a bucket's number */
	char nonce[PROTO_NONCE_LEN + 1];
	char proof[PROTO_PROOF_LEN + 1];
	bool ok; /* PROTO_CHECK */
	char word[PROTO_WORD_MAX + 1]; /* a verb, kind of session, level */
	char text[PROTO_TEXT_MAX + 1]; /* "" if there is none */
	const char *payload; /* borrowed from the bytes parsed */
	size_t payload_len;
};

/* Does a session hand it on between its peer and relayd, as it is? */
bool proto_is_carried(enum proto_verb verb);

/*
 * The message at the front of data, which came over the wire (a verb of
 * relayd's socket is unknown there) or not. 0: it is in *m_r and took
 * *used_r bytes; AG_EAGAIN: it is not all there yet; AG_EINVAL: malformed,
 * and the session must end (SPEC ).
 */
int proto_parse(const void *data, size_t len, bool wire, struct proto_msg *m_r,
    size_t *used_r);

/* Append a message to out. 0, AG_EINVAL for a message that the parser
 * would not take, AG_ETOOBIG, AG_ENOMEM. */
int proto_write(const struct proto_msg *m, struct buf *out);

/* Short forms of proto_write(). Text is cleaned and cut, never refused. */
int proto_put(struct buf *out, enum proto_verb verb);
int proto_put_id(struct buf *out, enum proto_verb verb, const char *id);
int proto_put_text(
    struct buf *out, enum proto_verb verb, const char *id, const char *text);

/* The verb as it is written; "?" for PROTO_OTHER. */
const char *proto_verb_name(enum proto_verb verb);

#endif
