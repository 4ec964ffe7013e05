/* SPDX-License-Identifier: MIT */
/*
 * submit - a mail of this node's own into its Postfix: a notice, to one
 * recipient, from the null sender.
 *
 * agamid-deliver's own listener in Postfix relays for nobody, and shall
 * not. So a second process, which has none of the secrets, gets the whole
 * mail and starts sendmail(1) with it, and is confined to that
 * (ROLE_SUBMIT).
 *
 * SECURITY: the recipient is one argument behind "--", never part of a
 * command line or of a header that is looked at for recipients.
 */
#ifndef AGAMID_DELIVER_SUBMIT_H
#define AGAMID_DELIVER_SUBMIT_H

#include <stddef.h>

#include "util/buf.h"
#include "util/error.h"
#include "mail/conf.h"

#define SUBMIT_MAX 65536 /* bytes of a mail */

struct submit;

/* Be that process: until agamid-deliver has gone (0), or a failure. */
int submit_serve(const struct conf *conf);

/* Start it; before there are secrets, threads or a sandbox. */
int submit_new(
    const struct conf *conf, struct submit **s_r, struct error *error_r);
void submit_free(struct submit **s);

/*
 * Give Postfix this mail (LF lines; whole, with its header). rcpt: an
 * address without brackets. note: a file that is held open, locks and all,
 * until sendmail(1) has ended, and in which it is said if it ended well, even if
 * this process has died by then (sending.h). 0: Postfix
 * has it on its disk; AG_EAGAIN with the reason: not now; AG_EINVAL: it
 * never will; AG_EIO: nobody knows. Thread-safe; waits.
 */
int submit_mail(struct submit *s, const char *rcpt, const struct buf *mail,
    int note, struct error *error_r);

#endif
