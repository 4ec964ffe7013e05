/* SPDX-License-Identifier: MIT */
/*
 * manifest_fields - checked lists and texts of a manifest, taken from its
 * YAML tree. Only manifest_parse.c asks.
 *
 * A take function checks one text and writes its canonical form, at most
 * FIELD_MAX bytes; it returns NULL, or what was expected.
 */
#ifndef AGAMID_MANIFEST_FIELDS_H
#define AGAMID_MANIFEST_FIELDS_H

#include "util/yaml.h"

#define FIELD_MAX 512

typedef const char *field_take_fn(const char *text, char *out);

field_take_fn field_take_address, field_take_domain, field_take_name,
    field_take_peer, field_take_ssh_key;

/* "FILE:L:C: path: expected X, found Y", or any other sentence. */
void field_error(struct ynode *n, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * All of these report what is wrong at its place. Memory is the caller's
 * to free; AG_ENOMEM is the only error that is not reported.
 */
/* A text through take; *r stays NULL where there is none. */
int field_text(struct ynode *map, const char *key, enum yaml_need need,
    field_take_fn *take, char **r);
/* A list of min to max different texts. */
int field_list(struct ynode *map, const char *key, enum yaml_need need,
    size_t min, size_t max, field_take_fn *take, char ***list_r,
    size_t *count_r);
/* An armored OpenPGP public key block, as it stands. */
int field_armor(
    struct ynode *map, const char *key, enum yaml_need need, char **r);
/* The node of a key that was already asked for. */
struct ynode *field_node(struct ynode *map, const char *key);

#endif
