/* SPDX-License-Identifier: MIT */
/*
 * question - asks agamid-relayd, on its socket below run_dir, what a
 * client's answer depends on: one short-lived connection a question, one
 * line back.
 *
 * The answer is a hint from a process that may be down, slow or wrong:
 * every call ends in time, and what it could not learn it says.
 */
#ifndef AGAMID_MILTER_QUESTION_H
#define AGAMID_MILTER_QUESTION_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/* Called now and then while an answer is awaited. */
typedef void question_progress_fn(void *ctx);

struct question_copies {
	unsigned copies; /* nodes that hold it now, this one included */
	unsigned wanted; /* what could be waited for */
	bool late; /* the time was over */
};

/*
 * Wait until want nodes hold the bundle, or no more can be waited for, or
 * seconds are over. 0, or AG_EIO (relayd does not run or does not answer),
 * AG_EINVAL (what it says is no answer).
 */
int question_copies(const char *run_dir, const char *id, unsigned want,
    unsigned seconds, question_progress_fn *progress, void *ctx,
    struct question_copies *r_r, struct error *error_r);

/* May a stranger's mail for this home be let in (SPEC N-2)? Waits for
 * relayd at most QUESTION_GATE_MS. 0 with the answer, or as above. */
#define QUESTION_GATE_MS 6000
int question_gate(const char *run_dir, const char *home, const char *key,
    bool *pass_r, struct error *error_r);

/* The lines of answers (pure). 0 or AG_EINVAL. */
int question_parse_gate(const char *line, bool *pass_r);
int question_parse_copies(const char *line, struct question_copies *r_r);

#endif
