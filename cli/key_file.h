/* SPDX-License-Identifier: MIT */
/*
 * key_file - a mailbox's secret keys in its owner's home directory,
 * ~/.agamid/secret.pgp.
 *
 * SECURITY: whoever owns the home may have put links where root would
 * write. So it is read and written by a child that has become the home's
 * owner.
 */
#ifndef AGAMID_KEY_FILE_H
#define AGAMID_KEY_FILE_H

#include <time.h>

#include "util/buf.h"
#include "util/error.h"

#define KEY_FILE ".agamid/secret.pgp"

/* AG_ENOENT if there is none yet. */
int key_file_read(const char *home, struct buf *data, struct error *error_r);
/* Put it aside, to a name of this moment (*name_r, malloc'ed), where it
 * stays. AG_EEXIST: there is one of this second. */
int key_file_keep(
    const char *home, time_t now, char **name_r, struct error *error_r);
/* Whole and durable, or as it was. 0600; .agamid is made. */
int key_file_write(
    const char *home, const struct buf *data, struct error *error_r);

#endif
