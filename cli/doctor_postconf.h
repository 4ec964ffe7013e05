/* SPDX-License-Identifier: MIT */
/*
 * doctor_postconf - Postfix's settings as postconf(1) prints them, and the
 * judges of them. Pure: text in, verdicts out.
 */
#ifndef AGAMID_DOCTOR_POSTCONF_H
#define AGAMID_DOCTOR_POSTCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/doctor.h"

struct postconf; /* a parsed answer */

/* From the output of "postconf -x", "postconf -M" and "postconf -Px". */
struct postconf *postconf_parse(
    const char *settings, const char *services, const char *overrides);
void postconf_free(struct postconf **p);

/* A setting of main.cf, expanded; "" where there is none. */
const char *postconf_get(const struct postconf *p, const char *name);
/* A service ("agamid-seal/unix"): its program; NULL: no such service. */
const char *postconf_program(const struct postconf *p, const char *service);
/* What that service has for the setting: its own -o, or main.cf's. */
const char *postconf_of(
    const struct postconf *p, const char *service, const char *name);
/* The i-th service that strangers reach: smtpd on port 25, or behind
 * postscreen. NULL behind the last. */
const char *postconf_stranger(const struct postconf *p, size_t i);

/* The next element of a list (comma or blank between; braces keep
 * together, and are left out). False at the end. */
bool postconf_element(const char **list, char *out, size_t size);

/* Has a list an element with this in it; has it this element (in either
 * case)? */
bool postconf_mentions(const char *list, const char *part);
bool postconf_lists(const char *list, const char *word);

/* What the node wants of Postfix, besides its settings. */
struct postfix_wish {
	const char *derived; /* directory of the tables */
	bool has_mailboxes; /* the manifest lists mailboxes */
	uint64_t message_size; /* the biggest that a peer's mail may have */
	bool behind_nat; /* no interface has an address of the manifest */
	const char *address; /* such an address; or NULL */
};

typedef void postfix_judge_fn(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v);
/* Those of doctor_judge_promises.c, for postfix_judge(). */
postfix_judge_fn judge_in_flow_delay, judge_proxy_filter, judge_content_filter,
    judge_relay_recipients, judge_copies, judge_verification,
    judge_proxy_interfaces, judge_message_size, judge_milter_maps,
    judge_line_length;

/* Judge every setting; tell is called for each check. */
void postfix_judge(const struct postconf *p, const struct postfix_wish *w,
    void (*tell)(void *ctx, const char *id, const struct verdict *v),
    void *ctx);

#endif
