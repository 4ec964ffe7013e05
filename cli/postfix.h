/* SPDX-License-Identifier: MIT */
/*
 * postfix - what agamid asks of the machine's own Postfix: which domains
 * it serves, whether a table is good, whether it runs; and the reload.
 *
 * There is a Postfix where /etc/postfix/main.cf is; under --root,
 * ROOT/etc/postfix/main.cf.
 */
#ifndef AGAMID_POSTFIX_H
#define AGAMID_POSTFIX_H

#include <stdbool.h>

#include "cli/claims.h"
#include "mail/conf.h"
#include "util/error.h"

/*
 * Which of these domains (one a line) does our own Postfix serve, by
 * mydestination, virtual_*_domains or relay_domains (but for our own
 * tables)? They become claims of "this machine's Postfix". Without a
 * Postfix: 0 and no claims.
 */
int postfix_claim_domains(const struct conf *conf, const char *domains,
    struct claims *claims, struct error *error_r);

/* Does postmap(1) read this pcre: table without a complaint? 0;
 * AG_EINVAL with what it said; AG_ENOENT where there is no Postfix. */
int postfix_check_pcre(
    const struct conf *conf, const char *path, struct error *error_r);

bool postfix_runs(const struct conf *conf);
int postfix_reload(const struct conf *conf, struct error *error_r);

/* queue_directory as Postfix has it; false where there is no Postfix. */
bool postfix_queue_dir(const struct conf *conf, struct buf *dir_r);

#endif
