/* SPDX-License-Identifier: MIT */
/*
 * sending - the one notice that is being handed to sendmail(1), noted
 * before and after, so that a death in between sends none twice.
 *
 * The note is a file: "KIND ABOUT\n", and "sent\n" behind it when sendmail
 * has taken the mail, written by the process that started it (submit.h),
 * which may outlive agamid-deliver. It is locked until that has ended. What
 * an earlier process left is settled before the next notice: it goes into
 * told.db if it was sent; and if nobody knows, unless its kind is one that
 * is rather sent twice than not at all.
 *
 * Thread-safe.
 */
#ifndef AGAMID_DELIVER_SENDING_H
#define AGAMID_DELIVER_SENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "deliver/told.h"
#include "util/error.h"

struct sending;

/* path: of the note; it need not be there. told: borrowed. */
struct sending *sending_new(const char *path, struct told *told);
void sending_free(struct sending **s);

/* What an earlier process left. rather_twice: such a kind. 0; AG_EAGAIN: it
 * is being sent still; AG_EIO. */
int sending_settle(struct sending *s, const char *rather_twice, int64_t now,
    struct error *error_r);

/* This notice will be handed over now. The descriptor, for submit_mail(), or
 * AG_EIO. Other threads wait until sending_end(). */
int sending_begin(struct sending *s, const char *kind, const char *about,
    struct error *error_r);

/* sendmail(1) has taken it: said in the note, by whoever has its descriptor,
 * in any process. 0 or AG_EIO. */
int sending_sent(int fd);

enum sending_end { SENDING_DONE, SENDING_NOT, SENDING_UNKNOWN };

/* What became of it; the descriptor is closed. AG_EIO: what was sent could
 * not be noted in told.db, and will be. */
int sending_end(struct sending *s, int fd, enum sending_end how,
    const char *kind, const char *about, int64_t now);

#endif
