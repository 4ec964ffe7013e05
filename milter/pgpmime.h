/* SPDX-License-Identifier: MIT */
/*
 * pgpmime - a whole message into a PGP/MIME message (RFC 3156) to a
 * mailbox's own key: the inner seal, before the bundle's.
 *
 * Message bytes are pushed; the wrapper's header, the armored OpenPGP
 * message and the end come out through a callback. The wrapper shows the
 * message's date and nothing else of it: no sender, recipient, subject.
 *
 * Until pgpmime_push() has seen enough for the header, and in
 * pgpmime_end() once the engine is done, the callback is called by the
 * caller's thread; in between by the engine's. Never by both at once.
 */
#ifndef AGAMID_MILTER_PGPMIME_H
#define AGAMID_MILTER_PGPMIME_H

#include <stddef.h>
#include <stdint.h>

#include "manifests/network.h"
#include "milter/answer.h"
#include "milter/sealer.h"
#include "util/buf.h"

struct pgpmime;

struct pgpmime_output {
	enum answer (*write)(void *ctx, const void *data, size_t len);
	/* ctx is not used any more; called once. */
	void (*release)(void *ctx);
	void *ctx;
};

struct pgpmime_request { /* borrowed for the call */
	struct network *net;
	const char *fpr; /* the mailbox's key */
	const char *name; /* a word that no other message has (a nonce) */
	/* X-Agamid-Sealed's value, static; NULL: without that field. */
	const char *mark;
	int64_t now; /* the date if the message has none */
	unsigned timeout_ms; /* for each wait, and for all */
	struct pgpmime_output out;
};

/* NULL when memory is out; out is released then. */
struct pgpmime *pgpmime_new(
    struct sealer *sealer, const struct pgpmime_request *req);
/* OK; LATE, NO_KEY, TROUBLE, or what the callback said. */
enum answer pgpmime_push(struct pgpmime *p, const void *data, size_t len);
/* Waits until the engine is done. */
enum answer pgpmime_end(struct pgpmime *p);
/* Gives it up if it isn't done. */
void pgpmime_free(struct pgpmime **p);

/*
 * The value of the message's Date field, pure: AG_EAGAIN if the header
 * isn't all there and it has not come yet; AG_ENOENT if it has none, or
 * none that may be shown; 0.
 */
int pgpmime_find_date(const char *head, size_t len, char *date, size_t size);
/* The wrapper's header, up to and including the armor's first blank
 * line; and what is behind the armor. */
int pgpmime_write_head(const char *host, const char *date, const char *name,
    const char *mark, struct buf *out);
int pgpmime_write_tail(const char *name, struct buf *out);

#endif
