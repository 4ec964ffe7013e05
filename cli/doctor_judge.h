/* SPDX-License-Identifier: MIT */
/*
 * doctor_judge - judges of sockets, files, keys, peers and the clock. Pure:
 * facts in, a verdict out.
 */
#ifndef AGAMID_DOCTOR_JUDGE_H
#define AGAMID_DOCTOR_JUDGE_H

#include <sys/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/doctor.h"

struct socket_facts {
	const char *service, *path;
	const char *want_user; /* who serves it */
	char want_owner[80];
	mode_t want_mode;
	bool there, is_socket, listening;
	char owner[80], server[64]; /* "user:group"; the server's user */
	mode_t mode;
	char exe[256]; /* what the server runs, as /proc says it */
	char complaint[256]; /* what was wrong with its answer; "": nothing */
};
void judge_socket(const struct socket_facts *f, struct verdict *v);

struct file_facts {
	const char *path;
	char want_owner[80]; /* "user:group" */
	mode_t want_mode;
	bool is_dir, is_secret;
	bool there, right_kind;
	char owner[80];
	mode_t mode;
};
/* Adds to v, which verdict_begin() made for all of them. */
void judge_file(const struct file_facts *f, struct verdict *v);

/* A key's expiry: expires 0 is never. own: it is ours to renew. Adds to v,
 * which verdict_begin() made for all keys of a node. */
void judge_expiry(const char *whose, bool own, int64_t expires, int64_t now,
    struct verdict *v);

struct peer_facts {
	const char *name;
	bool has_address; /* others can dial it */
	bool relay_up; /* relayd answered */
	char session[16]; /* "dialled", "accepted", "dialling", "none", "" */
	int64_t seen; /* 0: not since relayd began */
	char error[256];
	int64_t away; /* until when it said it is away; 0: it isn't */
	int64_t confirmed; /* 0: never; -1: relayd does not tell */
	bool his_for_us, ours_for_him;
	bool has_skew;
	int64_t skew; /* its clock less ours, in seconds */
	/* Days without a word, while others spoke; and copies that it had,
	 * and has lost or can't prove. */
	uint64_t silent, lost, unproven;
};
void judge_session(const struct peer_facts *f, int64_t now, struct verdict *v);
void judge_confirmed(
    const struct peer_facts *f, int64_t now, struct verdict *v);
void judge_allowed(const struct peer_facts *f, struct verdict *v);
/* More than half of several peers differ: then it is our clock. */
void judge_peer_clock(
    const struct peer_facts *f, bool most_differ, struct verdict *v);
/* Does what it took count? */
void judge_holding(const struct peer_facts *f, struct verdict *v);
/* Of what was accepted here, and is held still, so much is on fewer nodes
 * than wanted. */
void judge_below(
    bool relay_up, uint64_t accepted, uint64_t below, struct verdict *v);
/* Does its clock differ from ours by more than a hello's way explains? */
bool judge_differs(const struct peer_facts *f);

/* What a host showed, and the keys of its manifest ("ssh-ed25519 AAAA"). */
void judge_host_key(const char *name, const char *host, unsigned port,
    const char *shown, char *const *pinned, size_t count, struct verdict *v);

/* Of peers in all, at how many sites are those that may hold our mail. */
void judge_holders(
    size_t peers, unsigned sites, unsigned copies, struct verdict *v);

struct clock_facts {
	bool known; /* adjtimex(2) answered */
	bool synchronised;
	long error_us; /* the kernel's estimate of its greatest error */
};
void judge_clock(const struct clock_facts *f, struct verdict *v);

/* abi: sandbox_landlock_abi() */
void judge_landlock(int abi, struct verdict *v);

#endif
