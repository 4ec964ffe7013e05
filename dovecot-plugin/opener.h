/* SPDX-License-Identifier: MIT */
/*
 * opener - from a sealed mail's bytes to a memfd: mark, signature, sealed
 * part, decryption. Nothing is handed out before all of it was good.
 */
#ifndef AGAMID_PLUGIN_OPENER_H
#define AGAMID_PLUGIN_OPENER_H

#include "dovecot-plugin/plugin.h"

/*
 * value: of the mail's field X-Agamid-Sealed; input: the mail. 1: its
 * plaintext is in *fd_r; 0: it is to be shown as it is (the log says why,
 * once); -1: the mail could not be read.
 */
int opener_open(struct agamid_user *u, struct mail *mail, const char *value,
    struct istream *input, int *fd_r, size_t *size_r);

#endif
