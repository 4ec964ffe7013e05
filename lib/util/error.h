/* SPDX-License-Identifier: MIT */
/*
 * error - the sentence that goes with a failed call.
 *
 * Functions return 0 or a negative enum ag_err; where a person will want
 * to know more they also fill a struct error, whose text says what is
 * wrong and what to do. A NULL struct error is allowed everywhere.
 */
#ifndef AGAMID_ERROR_H
#define AGAMID_ERROR_H

#define ERROR_TEXT_MAX 512

enum ag_err {
	AG_OK = 0,
	AG_EINVAL = -1, /* malformed input */
	AG_ENOENT = -2, /* no such thing */
	AG_ETOOBIG = -3, /* a bound would be exceeded */
	AG_EIO = -4, /* the system failed; errno was the reason */
	AG_ENOMEM = -5,
	AG_ESIG = -6, /* a signature or hash does not match */
	AG_ECRYPTO = -7, /* the engine failed, or no usable key */
	AG_EAGAIN = -8, /* not now; try again */
	AG_EPERM = -9, /* policy forbids it */
	AG_EEXIST = -10,
};

struct error {
	char text[ERROR_TEXT_MAX];
};

/* Sets the text (cut to fit) and returns code, so that a caller can
 * write: return error_set(error_r, AG_EINVAL, "...").  */
int error_set(struct error *error_r, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with ": strerror(errno)" after it. */
int error_set_errno(struct error *error_r, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A short name for a code ("malformed", "not found", ...). */
const char *error_name(int code);

#endif
