/* SPDX-License-Identifier: MIT */
/*
 * ssh - an SSH client for one peer (libssh): check the host key against the
 * manifest's, authenticate, run the one command, and pump its channel to a
 * local descriptor.
 */
#ifndef AGAMID_RELAYD_SSH_H
#define AGAMID_RELAYD_SSH_H

#include "util/error.h"
#include "manifests/manifest.h"

struct ssh;

/* A session on fd, which is connected to an address (text) of the peer, and
 * is closed with the session or after an error. user: whom to log in as;
 * key_path: an OpenSSH private key without passphrase. */
int ssh_dial(const struct manifest *peer, const char *address, int fd,
    const char *user, const char *key_path, struct ssh **s_r,
    struct error *error_r);
/* Is it the peer that answers on fd (closed in any case): does it show a
 * host key of the manifest's? 0; AG_ESIG: another; AG_EIO: no SSH. */
int ssh_recognise(const struct manifest *peer, const char *address, int fd,
    struct error *error_r);
void ssh_hang_up(struct ssh **s);

/* Carry bytes between the channel and fd until either ends. Blocks: for a
 * thread of its own, which alone uses s from then on. */
void ssh_pump(struct ssh *s, int fd);

#endif
