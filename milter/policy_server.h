/* SPDX-License-Identifier: MIT */
/*
 * policy_server - the RCPT check for peers' domains, asked by Postfix over
 * $queue_directory/agamid/policy.sock behind permit_mynetworks and
 * permit_sasl_authenticated, so that only strangers reach it.
 *
 * Answers DUNNO for what may go on (the milter then takes it), or the
 * refusal. It fails closed: what it can't judge is 451.
 */
#ifndef AGAMID_MILTER_POLICY_SERVER_H
#define AGAMID_MILTER_POLICY_SERVER_H

#include "manifests/network.h"
#include "milter/policy.h"
#include "milter/sealer.h"
#include "milter/sessions.h"
#include "util/error.h"

struct policy_server { /* all borrowed; must live as long as the process */
	struct network_source *source;
	struct sessions *sessions;
	struct sealer *sealer;
};

int policy_server_start(
    const struct policy_server *p, const char *path, struct error *error_r);

/* One request, answered: the action's text ("DUNNO", "550 5.1.1 ...").
 * For the server itself and its tests. */
#define POLICY_ACTION_MAX 256
void policy_server_answer(const struct policy_server *p,
    const struct policy_request *req, char action[POLICY_ACTION_MAX]);

#endif
