/* SPDX-License-Identifier: MIT */
/*
 * gate - is a stranger let in with mail for a home that may be up itself
 * (SPEC N-2)? relayd knows; here is made what it is asked by.
 */
#ifndef AGAMID_MILTER_GATE_H
#define AGAMID_MILTER_GATE_H

#include <stddef.h>

#include "mail/address.h"
#include "manifests/manifest.h"
#include "milter/answer.h"

#define GATE_KEY_LEN 32

/* ANSWER_OK or ANSWER_HOME_UP. Where nobody can be asked it is OK: the mail
 * is taken, not lost. */
enum answer gate_check(const char *run_dir, const struct manifest *home,
    const char *client, const char *sender, const struct address *rcpt);

/*
 * Who brings it (pure): the sender's domain; without one (a bounce) the
 * client's network, /24 or /64. Cut to size.
 */
void gate_who(const char *client, const char *sender, char *out, size_t size);

/* What stands for home, who and recipient, the same on each of the home's
 * backups (pure): hexadecimal. */
void gate_key(const char *home, const char *who, const struct address *rcpt,
    char key_r[GATE_KEY_LEN + 1]);

#endif
