/* SPDX-License-Identifier: MIT */
/*
 * intake - manifests that came by exchange are judged, once each (SPEC
 * M-9). They bring no word of the operator's: what is pinned stays, a
 * serial grows and does not leap, and nobody gets what another has.
 *
 *	taken	manifests/NAME/SERIAL.yaml
 *	asks	manifests/NAME/pending: it changes what is pinned, and
 *		is signed by the right key; agamid peer accept NAME
 *	other	manifests/NAME/SERIAL.other-SHA.yaml: signed as well as the
 *		one of the same serial that was seen first, which stays
 *	refused	remembered in manifests/NAME/refused
 *	known	nothing new
 *
 * SECURITY: its input comes from the network, by a process that faces it.
 * It writes only below manifests/NAME of nodes that are known, under
 * names made here.
 */
#ifndef AGAMID_INTAKE_H
#define AGAMID_INTAKE_H

#include <stdint.h>

#include "cli/roster.h"
#include "manifests/verified.h"
#include "mail/conf.h"
#include "util/buf.h"
#include "util/error.h"

/* A serial may be so far above the newest that is known, and no more: a
 * thousand years of the form YYYYMMDDNN. So a thief of a key can't use up
 * all serials up to 2^53 at once, and with them its owner's next word. */
#define INTAKE_SERIAL_STEP 1000000000ULL

#define INTAKE_OTHERS_MAX 8 /* kept for a node */
#define INTAKE_TOLD_MAX (32U << 20) /* bytes of lines of one run */

struct intake {
	const struct conf *conf;
	struct verified *known;
	const char *scratch;
	struct roster *roster; /* its claims grow by what is taken */
	int64_t now;
	struct buf told; /* what happened, a line each; init and free it */
	unsigned taken; /* then the roster is to be loaded anew */
	unsigned judged;
};

/* Judge all that waits, and take it out of the inbox. What can't be kept
 * (a full disk) stays there: AG_EIO. */
int intake_run(struct intake *in, struct error *error_r);

#endif
