/* SPDX-License-Identifier: MIT */
/*
 * openpgp_built - which engines this build has, and what they are like. See
 * openpgp.h.
 *
 * Apart from openpgp.c, so that a program that only reads the
 * configuration links no OpenPGP library.
 */
#include "mail/openpgp.h"

#ifdef HAVE_RNP
#define HAS_RNP true
#else
#define HAS_RNP false
#endif

bool
openpgp_engine_built(enum openpgp_engine engine)
{
	return engine != OPENPGP_RNP || HAS_RNP;
}

bool
openpgp_engine_forks(enum openpgp_engine engine)
{
	return engine == OPENPGP_GPGME || (engine == OPENPGP_AUTO && !HAS_RNP);
}
