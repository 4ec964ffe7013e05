/* SPDX-License-Identifier: MIT */
/*
 * show - things as a person reads them.
 */
#ifndef AGAMID_SHOW_H
#define AGAMID_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"

/* "ABCD EF01 ..." in groups of four, and a newline, to standard output. */
void show_fingerprint(const char *fpr);

/* "SHA256:..." of "ssh-ed25519 AAAA...", as ssh-keygen -l shows it. */
int show_ssh_fingerprint(const char *key, struct buf *out);

/* Upper-case hex digits of a fingerprint as somebody typed it: blanks,
 * colons and "0x" are dropped. 0, or AG_EINVAL if it is not 40 digits. */
int show_read_fingerprint(const char *text, char fpr_r[41]);

/* "1.4 MB"; "3 d 4 h". */
void show_size(uint64_t bytes, char out[32]);
void show_age(int64_t seconds, char out[32]);

#endif
