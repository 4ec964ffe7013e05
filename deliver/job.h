/* SPDX-License-Identifier: MIT */
/*
 * job - one bundle's delivery from its descriptor to its outcome, by the
 * steps of doc/spec/node.md: check, open, offer to Postfix, send, conclude.
 *
 * Each worker thread runs one job at a time with an engine of its own.
 */
#ifndef AGAMID_DELIVER_JOB_H
#define AGAMID_DELIVER_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "deliver/ledger.h"
#include "deliver/receipts.h"
#include "deliver/request.h"
#include "deliver/secrets.h"
#include "mail/conf.h"
#include "mail/openpgp.h"
#include "manifests/network.h"

struct sending;
struct submit;
struct told;

struct home { /* what all jobs share; read only but for the ledger */
	const struct conf *conf;
	struct network_source *networks;
	struct ledger *ledger;
	struct secrets *secrets;
	struct told *told; /* notices sent */
	struct sending *sending; /* and being sent */
	struct submit *submit; /* the way out for them */
	char *openpgp; /* the armored secret key */
	char *recovery; /* where it was restored: another that opens */
	char *scratch; /* for engines */
	char *socket; /* Postfix's */
	char *showq; /* and where it tells of its queue */
	int64_t started; /* this process; seconds */
	const char *maildir; /* instead of Postfix (agamid rescue), or NULL */
	enum receipts_over signs;
	char *tmp, *refused, *quarantine;
};

struct worker {
	const struct home *home;
	struct openpgp *pgp; /* NULL until it is needed */
	struct stat key; /* the file that it was made from */
};

enum job_postfix {
	POSTFIX_NOT_ASKED,
	POSTFIX_THERE, /* it answered, whatever it said */
	POSTFIX_AWAY, /* not to be reached, or lost; nothing is under way */
};

struct job {
	enum request_kind kind;
	struct job *next; /* the queue's */
	uint64_t client; /* who asked: server.c */
	int64_t due, begun; /* schedule.c; ms */
	int fd; /* the bundle, or what the request brought; -1 */
	bool again; /* REQUEST_AGAIN */
	unsigned stage; /* REQUEST_AWAY */
	int64_t since;
	bool receipted; /* REQUEST_RECEIPTED */

	/* What running it sets. */
	enum job_postfix postfix;
	int64_t wait_ms; /* not 0: it has to run again, so much later */
	char id[BUNDLE_ID_LEN + 1];
	enum outcome outcome;
	char text[OUTCOME_TEXT_MAX];
};

/* The engine that opens, made if need be; 0, or AG_EIO with the reason. */
int worker_engine(struct worker *w, struct error *error_r);

/* Sets what became of it, and logs it but for what may run again. */
void job_run(struct worker *w, struct job *j);
void worker_end(struct worker *w);

#endif
