/* SPDX-License-Identifier: MIT */
/*
 * relayd - what the parts of agamid-relayd share: one process, one event
 * loop, one struct. See main.c for how it starts, relayd.c for the flush.
 *
 *	adopt	own receipts, learnt from peers after a loss
 *	broker	sessions and control clients on relay.sock
 *	offer	what a session offers and sends
 *	intake	what peers offer, judged
 *	expect	what sessions were asked for
 *	arrival	files of the milter and of sessions
 *	holders	who is drawn to hold a bundle
 *	census	who holds what
 *	proof	whether they do
 *	repair	others in the place of those who don't
 *	receipts what homes say they have
 *	expiry	what is held too long
 *	loss	homes are told of that
 *	dsn	senders are told of that
 *	alert	owners are told that their home is away
 *	delivery own mail, to agamid-deliver
 *	question what the milter asks
 *	gate	whether a home that is up gets its mail itself
 *	prober	children that look at peers from outside
 *	await	who waits for copies
 *	waiter	clients that wait for one answer
 *	dialler	when peers are dialled
 *	child	the children that face the network, by
 *	starter	a process that may start them
 *	standing the sessions of a node that nobody can dial
 *	away	planned absence, told and heard
 *	leave	handing on what is held
 *	events	what happened to a bundle
 *	exchange manifests, passed on
 *	former	older ones, for what they signed
 *	inbox	those that came, for agamid apply
 *	confirm	how fresh they are
 *	friend	friends look at each other from outside
 *	rescue	fetching what is left of a lost node
 *	watch	new files, new manifests, the network coming up
 *	wake	sleep, and clocks that are set
 *
 * Changes to files and database take effect at once in memory, and are
 * made durable by the next flush, once for all that one turn of the loop
 * brought. Whatever tells somebody that something is safe goes through
 * relayd_after_flush().
 *
 * SECURITY: everything here runs as user agamid, away from the network.
 * What comes over relay.sock was said by a peer or may have been: it is
 * checked as if it came from the wire.
 */
#ifndef AGAMID_RELAYD_RELAYD_H
#define AGAMID_RELAYD_RELAYD_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"
#include "mail/conf.h"
#include "manifests/network.h"
#include "relayd/pace.h"
#include "relayd/peers.h"
#include "relayd/state.h"
#include "relayd/store.h"

struct adopt;
struct event;
struct awaits;
struct census;
struct children;
struct dsn;
struct alerts;
struct event_base;
struct expiry;
struct gate;
struct probers;
struct rescue;
struct proofs;
struct repair;

struct relayd {
	const struct conf *conf;
	struct event_base *base;
	struct network_source *source;
	struct network *net; /* the newest view; NULL: none was ever read */
	struct network *net_before; /* kept while somebody may look at it */
	bool ready; /* changes of the view are acted on */
	struct peers *peers;
	struct peer *self;
	struct store *store;
	struct state *state;
	bool fresh; /* network.db was made anew */
	struct day_count day;
	int64_t day_since; /* ms: when the count began or changed */

	struct broker *broker;
	struct expects *expects;
	struct delivery *delivery;
	struct dialler *dialler;
	struct children *children;
	struct awaits *awaits;
	struct probers *probers;
	struct gate *gate;
	struct watch *watch;
	struct wake *wake;
	struct inbox *inbox;
	struct confirm *confirm;
	struct exchange *exchange;
	struct friends *friends;
	struct formers *formers;
	struct expiry *expiry;
	struct census *census;
	struct repair *repair;
	struct proofs *proofs;
	struct dsn *dsn;
	struct alerts *alerts;
	struct adopt *adopt;
	struct rescue *rescue; /* NULL: this is the node itself */

	struct event *flush, *recheck, *rescan, *day_timer;
	struct pending *pending; /* what waits for the flush */
	int64_t paused; /* away.c: until when this node is away */
	bool leaving; /* leave.c */
	bool kick; /* something is new to be offered or dialled */
	bool failed; /* relayd_fail() */
};

/* Everything but the loop: opens, loads, listens. rescue: the node's own
 * machine is lost (rescue.h). starter_fd: see children_new(). NULL with the
 * reason. */
struct relayd *relayd_new(const struct conf *conf, bool rescue, int starter_fd,
    struct error *error_r);
void relayd_free(struct relayd **r);
/* Until SIGTERM or SIGINT (0), or until a part of it fails (AG_EIO). */
int relayd_run(struct relayd *r);
/* The loop ends, since it can't go on. */
void relayd_fail(struct relayd *r);

/* Milliseconds of a clock that is never set. */
int64_t relayd_clock(void);
/* Has a new day come? Asked now and then, and when the clock was set. */
void relayd_look_at_day(struct relayd *r);
/* The newest view, after acting on what changed in it; may be NULL. It is
 * good until the loop's next turn. */
const struct network *relayd_network(struct relayd *r);

/* Flush in the loop's next turn. */
void relayd_flush_soon(struct relayd *r);
/*
 * After the next flush call fn(r, number, text). If not all is durable
 * then, the session with that number is ended instead, so that its peer
 * will try again; with number 0 fn is called all the same. text is copied.
 */
typedef void relayd_after_fn(
    struct relayd *r, uint64_t number, const char *text, size_t len);
void relayd_after_flush(struct relayd *r, relayd_after_fn *fn, uint64_t number,
    const char *text, size_t len);
/* The bundle's file goes after the next flush (its receipt is durable
 * then). */
void relayd_drop_later(struct relayd *r, struct held *h);

#endif
