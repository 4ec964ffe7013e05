/* SPDX-License-Identifier: MIT */
/*
 * callbacks - libmilter's callbacks. They collect; decide.h decides;
 * sealing.h seals.
 *
 * A transaction that is a peer's is answered by DISCARD once its bundle is
 * durable (the client hears 250, Postfix unlinks its queue file), or by a
 * temporary failure. All others are let alone from DATA on.
 */
#ifndef AGAMID_MILTER_CALLBACKS_H
#define AGAMID_MILTER_CALLBACKS_H

#include "manifests/network.h"
#include "milter/sealer.h"
#include "milter/sessions.h"
#include "util/error.h"

struct milter { /* all borrowed; must live as long as the process */
	struct network_source *source;
	struct sessions *sessions;
	struct sealer *sealer;
	bool spf_header; /* the first field may say it (spf.h) */
};

/* Tell libmilter about us and listen at the UNIX socket path. 0, AG_EIO.
 * smfi_main() is the caller's. */
int callbacks_register(
    const struct milter *m, const char *path, struct error *error_r);

#endif
