/* SPDX-License-Identifier: MIT */
/*
 * options - the command line of agamid-zone. Ends the process, with a
 * sentence, where it is wrong.
 */
#ifndef AGAMID_ZONE_OPTIONS_H
#define AGAMID_ZONE_OPTIONS_H

#include <stdbool.h>

#include "dns-tools/zone.h"

#define NS_MAX 16
#define NS_ADDRESSES_MAX 8
#define ZONE_TEXT_MAX (1U << 30)

enum verb { VERB_GENERATE, VERB_CHECK, VERB_DIFF, VERB_UPDATE };

/* generate: 0, or EXIT_WRONG. The others: as diff(1). */
#define EXIT_WRONG 1
#define EXIT_DIFFERENT 1
#define EXIT_TROUBLE 2

struct options {
	enum verb verb;
	struct zone_options zone;
	struct zone_ns ns[NS_MAX];
	const char *addresses[NS_MAX][NS_ADDRESSES_MAX];
	bool strict, lenient, adopt, live, dry_run, no_signatures;
	const char *previous, *output; /* files */
	const char *cache; /* NULL: the user's; "": none */
	const char *tlsa_file;
	const char *server; /* address; NULL: what resolv.conf names */
	unsigned port;
	const char *key_file, *key_text; /* TSIG */
	const char *file; /* check, diff: the zone; NULL: live */
	char **manifests; /* ends in NULL */
};

void options_take(struct options *o, int argc, char **argv);
void options_free(struct options *o);

void die(int status, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

#endif
