/* SPDX-License-Identifier: MIT */
/*
 * agamid-zone - the zone from the manifests. See agamid-zone(1).
 *
 * Reads and checks manifests (their signatures too), writes a zone file to
 * standard output and everything else to standard error. It asks nobody
 * anything over the network.
 *
 * SECURITY: a good signature says that a manifest is its node's own text,
 * not that the node belongs here: whoever runs this chooses the files. A
 * file that claims what another has is left out (folder.h).
 */
#include <sys/stat.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "mail/keys.h"
#include "manifests/folder.h"
#include "dns-tools/zone.h"

#define NS_MAX 16
#define ADDRESSES_MAX 8
#define ZONE_MAX (256U << 20)
#define ERRORS_MAX (1U << 20)
#define EXIT_USAGE 2

static const char usage[] =
    "usage: agamid-zone generate [--zone ORIGIN] [--ns NAME[=ADDRESS,...]]...\n"
    "           [--serial N] [--ttl SECONDS] [--records] [--strict]\n"
    "           MANIFEST...|DIRECTORY...\n"
    "       agamid-zone --help | --version\n";

struct command {
	struct zone_options zone;
	struct zone_ns ns[NS_MAX];
	const char *addresses[NS_MAX][ADDRESSES_MAX];
	bool strict;
};

static void die(int status, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

static void
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

/* ---- the command line ---- */

/* Made lower case and its last dot cut off, in place (arguments may be
 * written to); "" is the root, if that may be. */
static char *
take_name(char *name, bool root, const char *option)
{
	const bool dot = strcmp(name, ".") == 0;
	char *labels = xasprintf("x.%s", name);
	size_t len = strlen(labels);
	bool good;

	text_lower(labels);
	if (labels[len - 1] == '.')
		labels[--len] = '\0';
	/* A zone may be one label ("example"), a host may not. */
	good = text_is_domain(root ? labels : labels + 2) || (root && dot);
	if (!good)
		die(EXIT_USAGE, "%s: expected a domain name, found \"%s\"",
		    option, name);
	memcpy(name, dot ? "" : labels + 2, dot ? 1 : len - 1);
	free(labels);
	return name;
}

static uint64_t
take_number(const char *text, uint64_t least, uint64_t most, const char *option)
{
	uint64_t n;

	if (text_uint(text, most, &n) != 0 || n < least)
		die(EXIT_USAGE,
		    "%s: expected a number from %llu to %llu, found \"%s\"",
		    option, (unsigned long long)least, (unsigned long long)most,
		    text);
	return n;
}

/* NAME or NAME=ADDRESS,ADDRESS... */
static void
take_ns(struct command *c, char *text)
{
	size_t at = c->zone.ns_count, n = 0;
	char *list = strchr(text, '='), *one, *save;

	if (at == NS_MAX)
		die(EXIT_USAGE, "--ns: at most %d", NS_MAX);
	if (list != NULL)
		*list++ = '\0';
	c->ns[at].name = take_name(text, false, "--ns");
	for (one = list != NULL ? strtok_r(list, ",", &save) : NULL;
	     one != NULL; one = strtok_r(NULL, ",", &save)) {
		if (!text_is_address(one) || n == ADDRESSES_MAX)
			die(EXIT_USAGE,
			    "--ns: expected an address, found \"%s\"", one);
		c->addresses[at][n++] = one;
	}
	c->ns[at].addresses = c->addresses[at];
	c->ns[at].address_count = n;
	c->zone.ns_count++;
}

static void
take_option(struct command *c, int option)
{
	switch (option) {
	case 'z':
		c->zone.origin = take_name(optarg, true, "--zone");
		break;
	case 'n':
		take_ns(c, optarg);
		break;
	case 's':
		c->zone.serial = take_number(optarg, 1, UINT32_MAX, "--serial");
		break;
	case 't':
		c->zone.ttl =
		    (uint32_t)take_number(optarg, 0, ZONE_TTL_MAX, "--ttl");
		break;
	case 'r':
		c->zone.records = true;
		break;
	case 'S':
		c->strict = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	case 'V':
		puts("agamid-zone " PACKAGE_VERSION);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
}

static void
take_command_line(struct command *c, int argc, char **argv)
{
	static const struct option options[] = {
	    {"zone", required_argument, NULL, 'z'},
	    {"ns", required_argument, NULL, 'n'},
	    {"serial", required_argument, NULL, 's'},
	    {"ttl", required_argument, NULL, 't'},
	    {"records", no_argument, NULL, 'r'},
	    {"strict", no_argument, NULL, 'S'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	int option;

	memset(c, 0, sizeof(*c));
	c->zone.ttl = ZONE_TTL_DEFAULT;
	c->zone.ns = c->ns;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(c, option);
	if (optind == argc || strcmp(argv[optind], "generate") != 0) {
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
	if (++optind == argc)
		die(EXIT_USAGE, "no manifest was named");
}

/* ---- manifests in, zone out ---- */

/* Files and directories; the number of files that are not good. */
static size_t
read_manifests(struct folder *f, char **paths, struct buf *errors)
{
	const char *tmp = getenv("TMPDIR");
	char *scratch = xasprintf("%s/agamid-zone.XXXXXX",
	    tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
	size_t refused = 0, some;
	struct stat st;
	int rc;

	if (mkdtemp(scratch) == NULL)
		die(1, "can't make a directory %s", scratch);
	for (; *paths != NULL; paths++) {
		some = 0;
		if (stat(*paths, &st) == 0 && S_ISDIR(st.st_mode))
			rc = folder_add_dir(f, *paths, scratch, errors, &some);
		else
			rc = folder_add_file(f, *paths, scratch, errors);
		refused += rc != 0 && some == 0 ? 1 : some;
	}
	file_remove_tree(scratch, NULL);
	free(scratch);
	return refused;
}

static int
write_zone(const struct command *c, const struct folder *f)
{
	const struct manifest **nodes =
	    xcalloc(folder_count(f), sizeof(const struct manifest *));
	struct buf out, notes;
	struct error e;
	size_t i;
	int rc;

	buf_init(&out, ZONE_MAX);
	buf_init(&notes, ERRORS_MAX);
	for (i = 0; i < folder_count(f); i++)
		nodes[i] = folder_manifest(f, i);
	rc = zone_write(nodes, folder_count(f), &c->zone, &out, &notes, &e);
	if (rc != 0)
		fprintf(stderr, "agamid-zone: %s\n", e.text);
	else {
		fputs(buf_str(&notes), stderr);
		fwrite(buf_str(&out), 1, out.len, stdout);
		if (fflush(stdout) != 0 || ferror(stdout)) {
			fprintf(stderr, "agamid-zone: can't write the zone\n");
			rc = AG_EIO;
		}
	}
	buf_free(&out);
	buf_free(&notes);
	free(nodes);
	return rc;
}

int
main(int argc, char **argv)
{
	struct folder *f = folder_new();
	struct command c;
	struct buf errors;
	size_t refused;
	int rc = 0;

	take_command_line(&c, argc, argv);
	log_open("agamid-zone", LOG_LVL_WARN);
	if (f == NULL || keys_init() != 0)
		die(1, "out of memory");
	buf_init(&errors, ERRORS_MAX);
	refused = read_manifests(f, argv + optind, &errors);
	fputs(buf_str(&errors), stderr);
	if (refused > 0)
		fprintf(stderr,
		    "agamid-zone: %zu manifest%s not good, and left out\n",
		    refused, refused == 1 ? " is" : "s are");
	if (refused == 0 || !c.strict)
		rc = write_zone(&c, f);
	buf_free(&errors);
	folder_free(&f);
	return refused > 0 || rc != 0 ? 1 : 0;
}
