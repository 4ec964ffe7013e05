/* SPDX-License-Identifier: MIT */
/*
 * doctor - checks of a whole node: what was expected, what is, and the
 * line to type to mend it.
 *
 * Each check is two things. A judge is a pure function from facts to a
 * struct verdict; unit tests feed it by tables. A gatherer makes the
 * facts: it asks other programs, sockets and the name server, each with a
 * deadline, and all together within DOCTOR_SECONDS. The checks are listed
 * in doctor_list.c, and in agamid-doctor(8); their names do not change.
 *
 * SECURITY: doctor is run by root and looks at answers from others. Every
 * text of theirs is bounded, made one printable line in verdict_*(), and
 * is never put into a line to type unless it is a checked name.
 */
#ifndef AGAMID_DOCTOR_H
#define AGAMID_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/known.h"

#define DOCTOR_SECONDS 8 /* for all of it */
#define DOCTOR_OUTSIDE_SECONDS 16 /* where only friends are asked */
#define DOCTOR_TEXT_MAX 512

enum doctor_state { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILURE };

/* ---- verdicts ---- */

struct verdict {
	enum doctor_state state;
	char expected[DOCTOR_TEXT_MAX];
	char found[DOCTOR_TEXT_MAX];
	char fix[DOCTOR_TEXT_MAX]; /* "" where all is well */
};

/* A verdict begins as ok. */
void verdict_begin(struct verdict *v, const char *expected, ...)
    __attribute__((format(printf, 2, 3)));
/* What was found, where all is well. */
void verdict_found(struct verdict *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Something is wrong: the line to type, then what was found. The first of
 * the worst is kept. */
void verdict_warn(struct verdict *v, const char *fix, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void verdict_fail(struct verdict *v, const char *fix, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *doctor_state_name(enum doctor_state state);

/* ---- a run ---- */

struct finding {
	const char *id;
	char *subject; /* the peer, file or domain it is about; or NULL */
	struct verdict verdict;
};

/* Who may log in at Dovecot, for the check of a real login. */
struct doctor_login {
	const char *user; /* NULL: that check is not made */
	char password[256];
};

struct doctor {
	struct known known;
	struct doctor_login login;
	struct words wanted; /* ids and groups; none: all */
	int64_t until; /* of the monotonic clock, in ms */
	struct buf relay; /* relayd's answer to "status"; empty: none */
	char relay_error[256]; /* why there is none */
	const char *canary; /* where the test mail goes; NULL: it is chosen */
	char *canary_to; /* where it goes; NULL: not chosen */
	char *canary_user; /* its mailbox; NULL: not known */
	bool dovecot_up, injection_up;
	struct verdict time; /* was there enough of it */
	struct finding *finding;
	size_t count;
};

/* Is this an id, or a group ("postfix"), of the list? */
bool doctor_is_check(const char *name);
/* Is a check of this id, or any of this group, wanted? */
bool doctor_wants(const struct doctor *d, const char *name);
/* Note a verdict, if it is wanted. id: of the list. Thread-safe. */
void doctor_add(struct doctor *d, const char *id, const char *subject,
    const struct verdict *v);
/* How long may one more wait be: at most most_ms; never less
 * than a moment, so that what answers at once is not taken for dead. */
int doctor_wait(const struct doctor *d, int most_ms);
/* The same in whole seconds, for run_program(). */
unsigned doctor_seconds(const struct doctor *d, unsigned most);

void doctor_run(struct doctor *d);
void doctor_free(struct doctor *d);
enum doctor_state doctor_worst(const struct doctor *d);

struct doctor_check {
	const char *id; /* "group.name" */
	const char *title; /* a few words */
};
extern const struct doctor_check doctor_checks[]; /* ended by NULL */

/* ---- the groups; each notes the verdicts of its checks ---- */

void doctor_postfix(struct doctor *d);
void doctor_mail(struct doctor *d);
void doctor_dovecot(struct doctor *d);
/* Part of it; settings: as doveconf(1) tells them. */
void doctor_sealed(struct doctor *d, const char *settings);
void doctor_sockets(struct doctor *d);
void doctor_node(struct doctor *d);
void doctor_keys(struct doctor *d);
void doctor_peers(struct doctor *d);
void doctor_dns(struct doctor *d);
void doctor_outside(struct doctor *d);

/* The operator says that the secrets are backed up; an exit code. */
int doctor_note_backup(const struct conf *conf);

/* ---- the report ---- */

struct doctor_paper {
	bool colour;
	bool all; /* each ok check too */
	unsigned width; /* columns; 0: no end */
};
void doctor_print(const struct doctor *d, const struct doctor_paper *paper);
int doctor_print_json(const struct doctor *d);

#endif
