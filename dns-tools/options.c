/* SPDX-License-Identifier: MIT */
/*
 * options - the command line of agamid-zone. See options.h.
 */
#include "dns-tools/options.h"

#include <getopt.h>
#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns-tools/tlsa.h"
#include "util/text.h"

static const char usage[] =
    "usage: agamid-zone generate [OPTION]... MANIFEST...|DIRECTORY...\n"
    "       agamid-zone check ZONEFILE|--live [OPTION]... MANIFEST...\n"
    "       agamid-zone diff ZONEFILE|--live [OPTION]... MANIFEST...\n"
    "       agamid-zone update --server ADDRESS [OPTION]... MANIFEST...\n"
    "       agamid-zone --help | --version\n"
    "what is in the zone:\n"
    "  --zone ORIGIN, --ttl SECONDS, --host-ttl SECONDS, --without TYPES,\n"
    "  --tlsa FILE, --mta-sts MODE, --spf ALL\n"
    "generate:\n"
    "  --ns NAME[=ADDRESS,...], --serial N, --previous FILE, --output FILE,\n"
    "  --records, --snippet, --strict\n"
    "the live zone:\n"
    "  --live, --server ADDRESS, --port N, --key FILE, -y ALG:NAME:SECRET\n"
    "diff and update:\n"
    "  --adopt, --lenient, --dry-run\n"
    "signatures:\n"
    "  --cache FILE, --no-cache, --no-signatures\n"
    "See agamid-zone(1).\n";

void
die(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("agamid-zone: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

/* ---- values ---- */

/* In A-labels and lower case, without its last dot; "" is the root, if
 * that may be. Lives as long as the process. */
static char *
take_name(const char *name, bool root, const char *option)
{
	char *ascii = NULL, *labels, *given;
	size_t len;
	bool good;

	if (root && strcmp(name, ".") == 0)
		return xstrdup("");
	/* SPEC Z-1.8 */
	if (idn2_to_ascii_8z(name, &ascii, IDN2_NONTRANSITIONAL) != IDN2_OK)
		die(EXIT_TROUBLE, "%s: expected a domain name, found \"%s\"",
		    option, name);
	given = xstrdup(ascii);
	idn2_free(ascii);
	text_lower(given);
	len = strlen(given);
	if (len > 0 && given[len - 1] == '.')
		given[len - 1] = '\0';
	/* A zone may be one label ("example"), a host may not. */
	labels = xasprintf("%s%s", root ? "x." : "", given);
	good = text_is_domain(labels);
	free(labels);
	if (!good)
		die(EXIT_TROUBLE, "%s: expected a domain name, found \"%s\"",
		    option, name);
	return given;
}

static uint64_t
take_number(const char *text, uint64_t least, uint64_t most, const char *option)
{
	uint64_t n;

	if (text_uint(text, most, &n) != 0 || n < least)
		die(EXIT_TROUBLE,
		    "%s: expected a number from %llu to %llu, found \"%s\"",
		    option, (unsigned long long)least, (unsigned long long)most,
		    text);
	return n;
}

/* One of a list of words. */
static const char *
take_word(const char *text, const char *const *words, const char *option)
{
	size_t i;

	for (i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0)
			return words[i];
	}
	die(EXIT_TROUBLE, "%s: found \"%s\"; see agamid-zone(1)", option, text);
}

/* NAME or NAME=ADDRESS,ADDRESS... */
static void
take_ns(struct options *o, char *text)
{
	size_t at = o->zone.ns_count, n = 0;
	char *list = strchr(text, '='), *one, *save;

	if (at == NS_MAX)
		die(EXIT_TROUBLE, "--ns: at most %d", NS_MAX);
	if (list != NULL)
		*list++ = '\0';
	o->ns[at].name = take_name(text, false, "--ns");
	for (one = list != NULL ? strtok_r(list, ",", &save) : NULL;
	     one != NULL; one = strtok_r(NULL, ",", &save)) {
		if (!text_is_address(one) || n == NS_ADDRESSES_MAX)
			die(EXIT_TROUBLE,
			    "--ns: expected an address, found \"%s\"", one);
		o->addresses[at][n++] = one;
	}
	o->ns[at].addresses = o->addresses[at];
	o->ns[at].address_count = n;
	o->zone.ns_count++;
}

static void
take_without(struct options *o, char *list)
{
	static const char *const words[] = {
	    "sshfp", "openpgpkey", "marks", NULL};
	const char *word;
	char *one, *save;

	for (one = strtok_r(list, ",", &save); one != NULL;
	     one = strtok_r(NULL, ",", &save)) {
		word = take_word(one, words, "--without");
		if (word == words[0])
			o->zone.sshfp = false;
		else if (word == words[1])
			o->zone.openpgpkey = false;
		else
			o->zone.marks = false;
	}
}

static void
take_server(struct options *o, const char *text)
{
	if (!text_is_address(text))
		die(EXIT_TROUBLE, "--server: expected an address, found \"%s\"",
		    text);
	o->server = text;
	o->live = true;
}

/* ---- options ---- */

enum {
	OPT_ADOPT = 256,
	OPT_CACHE,
	OPT_DRY_RUN,
	OPT_HELP,
	OPT_HOST_TTL,
	OPT_KEY,
	OPT_LENIENT,
	OPT_LIVE,
	OPT_MTA_STS,
	OPT_NO_CACHE,
	OPT_NO_SIGNATURES,
	OPT_NS,
	OPT_OUTPUT,
	OPT_PORT,
	OPT_PREVIOUS,
	OPT_RECORDS,
	OPT_SERIAL,
	OPT_SERVER,
	OPT_SNIPPET,
	OPT_SPF,
	OPT_STRICT,
	OPT_TLSA,
	OPT_TTL,
	OPT_VERSION,
	OPT_WITHOUT,
	OPT_ZONE,
};

static const struct option long_options[] = {
    {"adopt", no_argument, NULL, OPT_ADOPT},
    {"cache", required_argument, NULL, OPT_CACHE},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"help", no_argument, NULL, OPT_HELP},
    {"host-ttl", required_argument, NULL, OPT_HOST_TTL},
    {"key", required_argument, NULL, OPT_KEY},
    {"lenient", no_argument, NULL, OPT_LENIENT},
    {"live", no_argument, NULL, OPT_LIVE},
    {"mta-sts", required_argument, NULL, OPT_MTA_STS},
    {"no-cache", no_argument, NULL, OPT_NO_CACHE},
    {"no-signatures", no_argument, NULL, OPT_NO_SIGNATURES},
    {"ns", required_argument, NULL, OPT_NS},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"port", required_argument, NULL, OPT_PORT},
    {"previous", required_argument, NULL, OPT_PREVIOUS},
    {"records", no_argument, NULL, OPT_RECORDS},
    {"serial", required_argument, NULL, OPT_SERIAL},
    {"server", required_argument, NULL, OPT_SERVER},
    {"snippet", no_argument, NULL, OPT_SNIPPET},
    {"spf", required_argument, NULL, OPT_SPF},
    {"strict", no_argument, NULL, OPT_STRICT},
    {"tlsa", required_argument, NULL, OPT_TLSA},
    {"ttl", required_argument, NULL, OPT_TTL},
    {"version", no_argument, NULL, OPT_VERSION},
    {"without", required_argument, NULL, OPT_WITHOUT},
    {"zone", required_argument, NULL, OPT_ZONE},
    {NULL, 0, NULL, 0},
};

/* What is in the zone. */
static bool
take_zone_option(struct options *o, int option)
{
	static const char *const modes[] = {"testing", "enforce", "none", NULL};
	static const char *const alls[] = {"-all", "~all", "?all", NULL};

	switch (option) {
	case OPT_ZONE:
		o->zone.origin = take_name(optarg, true, "--zone");
		return true;
	case OPT_NS:
		take_ns(o, optarg);
		return true;
	case OPT_SERIAL:
		o->zone.serial = take_number(optarg, 1, UINT32_MAX, "--serial");
		return true;
	case OPT_TTL:
		o->zone.ttl =
		    (uint32_t)take_number(optarg, 0, ZONE_TTL_MAX, "--ttl");
		return true;
	case OPT_HOST_TTL:
		o->zone.host_ttl = (uint32_t)take_number(
		    optarg, 1, ZONE_TTL_MAX, "--host-ttl");
		return true;
	case OPT_WITHOUT:
		take_without(o, optarg);
		return true;
	case OPT_MTA_STS:
		o->zone.mta_sts = take_word(optarg, modes, "--mta-sts");
		return true;
	case OPT_SPF:
		o->zone.spf = take_word(optarg, alls, "--spf");
		return true;
	default:
		return false;
	}
}

static bool
take_text_option(struct options *o, int option)
{
	switch (option) {
	case OPT_CACHE:
		o->cache = optarg;
		return true;
	case OPT_KEY:
	case 'k':
		o->key_file = optarg;
		return true;
	case 'y':
		o->key_text = optarg;
		return true;
	case OPT_OUTPUT:
	case 'o':
		o->output = optarg;
		return true;
	case OPT_PORT:
		o->port = (unsigned)take_number(optarg, 1, 65535, "--port");
		return true;
	case OPT_PREVIOUS:
		o->previous = optarg;
		return true;
	case OPT_SERVER:
		take_server(o, optarg);
		return true;
	case OPT_TLSA:
		o->tlsa_file = optarg;
		return true;
	default:
		return false;
	}
}

static void
take_flag(struct options *o, int option)
{
	switch (option) {
	case OPT_ADOPT:
		o->adopt = true;
		break;
	case OPT_DRY_RUN:
		o->dry_run = true;
		break;
	case OPT_LENIENT:
		o->lenient = true;
		break;
	case OPT_LIVE:
		o->live = true;
		break;
	case OPT_NO_CACHE:
		o->cache = "";
		break;
	case OPT_NO_SIGNATURES:
		o->no_signatures = true;
		break;
	case OPT_SNIPPET:
		o->zone.snippet = true;
		o->zone.marks = false;
		o->zone.records = true;
		break;
	case OPT_RECORDS:
		o->zone.records = true;
		break;
	case OPT_STRICT:
		o->strict = true;
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	case OPT_VERSION:
		puts("agamid-zone " PACKAGE_VERSION);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(EXIT_TROUBLE);
	}
}

/* ---- the whole ---- */

static void
take_verb(struct options *o, const char *word)
{
	static const char *const verbs[] = {
	    "generate", "check", "diff", "update", NULL};
	size_t i;

	for (i = 0; word != NULL && verbs[i] != NULL; i++) {
		if (strcmp(word, verbs[i]) == 0) {
			o->verb = (enum verb)i;
			return;
		}
	}
	fputs(usage, stderr);
	exit(EXIT_TROUBLE);
}

static void
check_together(const struct options *o)
{
	bool previous = o->previous != NULL || o->output != NULL ||
	    (o->live && o->verb == VERB_GENERATE);

	if (o->verb == VERB_UPDATE && o->server == NULL)
		die(EXIT_TROUBLE, "update: --server ADDRESS is needed");
	if (o->verb == VERB_GENERATE && o->previous != NULL && o->live)
		die(EXIT_TROUBLE,
		    "generate: expected one of --previous and --live");
	if (o->zone.records && (previous || o->verb != VERB_GENERATE))
		die(EXIT_TROUBLE,
		    "--records and --snippet are for generate, and have no "
		    "serial to be kept");
	if (o->key_file != NULL && o->key_text != NULL)
		die(EXIT_TROUBLE, "expected one of --key and -y");
	if (o->verb == VERB_UPDATE && !o->zone.marks)
		die(EXIT_TROUBLE,
		    "update: without marks it can't tell its own records from "
		    "others'");
}

void
options_take(struct options *o, int argc, char **argv)
{
	int option;

	memset(o, 0, sizeof(*o));
	o->zone.ttl = ZONE_TTL_DEFAULT;
	o->zone.ns = o->ns;
	o->zone.marks = o->zone.sshfp = o->zone.openpgpkey = true;
	o->port = 53;
	while ((option = getopt_long(
		    argc, argv, "k:o:y:", long_options, NULL)) != -1) {
		if (!take_zone_option(o, option) &&
		    !take_text_option(o, option))
			take_flag(o, option);
	}
	take_verb(o, argv[optind]);
	optind += optind < argc;
	if (o->verb == VERB_UPDATE)
		o->live = true;
	else if (o->verb != VERB_GENERATE && !o->live) {
		if (optind == argc)
			die(EXIT_TROUBLE, "no zone file was named");
		o->file = argv[optind++];
	}
	if (optind == argc)
		die(EXIT_TROUBLE, "no manifest was named");
	o->manifests = argv + optind;
	check_together(o);
	if (o->tlsa_file != NULL)
		tlsa_read(o->tlsa_file, &o->zone.tlsa, &o->zone.tlsa_count);
}

void
options_free(struct options *o)
{
	size_t i;

	for (i = 0; i < o->zone.ns_count; i++)
		free((char *)(uintptr_t)o->ns[i].name);
	free((char *)(uintptr_t)o->zone.origin);
	tlsa_free(&o->zone.tlsa, o->zone.tlsa_count);
}
