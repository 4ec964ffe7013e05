/* SPDX-License-Identifier: MIT */
/*
 * lookup - a table from text to pointer, for names, domains and keys of up
 * to many thousand manifests.
 *
 * Keys and values are borrowed and must outlive the table. Not
 * thread-safe while it is filled; any number of threads may ask it
 * afterwards.
 */
#ifndef AGAMID_LOOKUP_H
#define AGAMID_LOOKUP_H

struct lookup;

struct lookup *lookup_new(void); /* NULL: no memory */
void lookup_free(struct lookup **l);
/* 0; AG_EEXIST where the key has a value (it stays; *there_r, which may be
 * NULL); AG_ENOMEM. value is not NULL. */
int lookup_add(
    struct lookup *l, const char *key, const void *value, const void **there_r);
/* NULL if there is none. */
const void *lookup_get(const struct lookup *l, const char *key);

#endif
