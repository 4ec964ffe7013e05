/* SPDX-License-Identifier: MIT */
/*
 * wrap - a message at its own home, sealed to its mailbox's key
 * (pgpmime.h), in an unlinked file: the mark that stands in its header is
 * made over what comes behind, so the whole must be there first.
 *
 * SECURITY: what is written to the file is sealed; the text is in memory
 * only.
 */
#ifndef AGAMID_MILTER_WRAP_H
#define AGAMID_MILTER_WRAP_H

#include <stddef.h>
#include <stdint.h>

#include "mail/sealed.h"
#include "manifests/network.h"
#include "milter/answer.h"
#include "milter/sealer.h"

struct wrap;

/* Begin: OK; BUSY, NO_KEY, TROUBLE. fpr: the mailbox's key. */
enum answer wrap_new(struct sealer *sealer, struct network *net,
    const char *fpr, int64_t now, struct wrap **w_r);
/* Message bytes: OK, LATE, NO_KEY, TROUBLE. */
enum answer wrap_push(struct wrap *w, const void *data, size_t len);
/* The message is whole; hash_r as sealed_part_end() has it. */
enum answer wrap_end(struct wrap *w, uint8_t hash_r[SEALED_HASH_SIZE]);
/* After it: up to len bytes of the wrapper, from its beginning on; 0 at
 * its end, AG_EIO. */
ssize_t wrap_read(struct wrap *w, void *data, size_t len);
void wrap_free(struct wrap **w);

/*
 * Is a message PGP/MIME already (RFC 3156 section 4)? Fed from its
 * beginning until it is known: 1 yes, 0 no, AG_EAGAIN not known yet. Its
 * encrypted part must begin as armor does; that all of it is armor is not
 * looked at.
 */
struct wrap_look {
	struct sealed_part part;
	int found;
};

void wrap_look_init(struct wrap_look *l);
int wrap_look_put(struct wrap_look *l, const void *data, size_t len);

#endif
