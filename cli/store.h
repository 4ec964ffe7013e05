/* SPDX-License-Identifier: MIT */
/*
 * store - the folder of manifests, /var/lib/agamid/manifests (SPEC N-14):
 *
 *	NAME/SERIAL.yaml	signed manifests, the newest and older ones
 *	NAME/pinned		pin.h; the own node has none
 *	NAME/removed		instead of it: the peer was removed
 *	NAME/pending		came by exchange, and changes what is pinned
 *	NAME/SERIAL.other-SHA.yaml	came later, with a serial that is known
 *	NAME/refused		refused.h: what came by exchange, and was not
 *				taken
 *
 * It knows files and names, not who may be believed: that is roster.h.
 */
#ifndef AGAMID_STORE_H
#define AGAMID_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/conf.h"
#include "manifests/manifest.h"
#include "util/buf.h"
#include "util/error.h"

#define STORE_PINNED "pinned"
#define STORE_REMOVED "removed"
#define STORE_PENDING "pending"
#define STORE_REFUSED "refused"

/* What is there of a node. */
struct store_files {
	uint64_t *serials; /* the newest first */
	size_t count;
	char **others; /* names of SERIAL.other-SHA.yaml, sorted */
	size_t other_count;
	bool pinned, removed, pending, refused;
};

/* manifests/NAME/FILE; malloc'ed. */
char *store_path(const struct conf *conf, const char *name, const char *file);
char *store_manifest_path(
    const struct conf *conf, const char *name, uint64_t serial);

/* The nodes that have a directory, sorted; free with store_free_names(). */
int store_names(const struct conf *conf, char ***names_r, size_t *count_r,
    struct error *error_r);
void store_free_names(char ***names, size_t count);

/* All of it in one look; a missing directory has nothing. */
int store_list(const struct conf *conf, const char *name,
    struct store_files *files_r, struct error *error_r);
void store_files_free(struct store_files *files);
/* The newest serial; 0 if there is none. */
uint64_t store_newest(const struct conf *conf, const char *name);

/* The path of what came later than another with its serial. */
char *store_other_path(const struct conf *conf, const char *name,
    uint64_t serial, const char *sha256);
/* "2026112101.other-0123456789abcdef.yaml" -> the serial; 0: no such name.
 * Pure. */
uint64_t store_other_serial(const char *file);
/* 1: the file holds exactly these bytes; 0: others; AG_ENOENT. */
int store_holds(const char *path, const char *text, size_t len);

/* Keep a manifest under its name and serial, durably. The same bytes
 * there already are success; other bytes are AG_EEXIST. */
int store_install(
    const struct conf *conf, const struct manifest *m, struct error *error_r);

/* Does the node have this file (STORE_PINNED, STORE_REMOVED)? */
bool store_has(const struct conf *conf, const char *name, const char *file);
/* Replace `pinned` by `removed`, durably. */
int store_mark_removed(
    const struct conf *conf, const char *name, struct error *error_r);
int store_clear_removed(
    const struct conf *conf, const char *name, struct error *error_r);
/* What asked has been answered by m: it goes if it is not newer. */
int store_clear_pending(
    const struct conf *conf, const struct manifest *m, struct error *error_r);

#endif
