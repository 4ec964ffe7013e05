/* SPDX-License-Identifier: MIT */
/*
 * inbox - the manifests that agamid-relayd got from peers, waiting to be
 * judged: state/inbox/NAME.SERIAL.SHA256FIRST16.yaml (SPEC M-9).
 *
 * SECURITY: the directory belongs to a process that faces the network.
 * Nothing in it is followed or believed: it is opened without following
 * links, from a descriptor; only plain files with one name and at most
 * MANIFEST_MAX bytes are read; of the names only the node's is used, and
 * only if it is one.
 */
#ifndef AGAMID_INBOX_H
#define AGAMID_INBOX_H

#include <stdint.h>

#include "mail/conf.h"
#include "util/buf.h"
#include "util/error.h"

#define INBOX_FILES_MAX 8192 /* looked at in one run */
#define INBOX_NODE_MAX 33

struct inbox_file {
	char *file; /* its name in the directory */
	char node[INBOX_NODE_MAX];
	uint64_t serial; /* as the name says: a hint */
};

struct inbox {
	int fd; /* -1: there is none */
	struct inbox_file *files; /* by node and serial */
	size_t count;
	char **junk; /* names that are no manifest's */
	size_t junk_count;
};

/* "bob.2026112201.0123456789abcdef.yaml"? Pure. */
bool inbox_parse_name(
    const char *file, char node_r[INBOX_NODE_MAX], uint64_t *serial_r);

/* 0, also where there is no inbox; AG_EIO. inbox_close() either way. */
int inbox_open(
    const struct conf *conf, struct inbox *in, struct error *error_r);
void inbox_close(struct inbox *in);

/* The bytes of one file; AG_EINVAL: it is no plain file of its size. */
int inbox_read(const struct inbox *in, const char *file, struct buf *b,
    struct error *error_r);
/* It has been judged. */
int inbox_remove(
    const struct inbox *in, const char *file, struct error *error_r);

#endif
