/* SPDX-License-Identifier: MIT */
/*
 * error - the sentence that goes with a failed call. See error.h.
 *
 * It only formats: it neither logs nor ends anything. errno is left as it
 * was, so that a caller can still look at it. The text may hold bytes
 * from outside; log.c makes them safe.
 */
#include "util/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
error_set(struct error *error_r, int code, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (error_r == NULL)
		return code;
	va_start(ap, fmt);
	vsnprintf(error_r->text, sizeof(error_r->text), fmt, ap);
	va_end(ap);
	errno = saved;
	return code;
}

int
error_set_errno(struct error *error_r, int code, const char *fmt, ...)
{
	int saved = errno;
	char why[128];
	va_list ap;
	size_t len;

	if (error_r == NULL)
		return code;
	va_start(ap, fmt);
	vsnprintf(error_r->text, sizeof(error_r->text), fmt, ap);
	va_end(ap);
	len = strlen(error_r->text);
	snprintf(error_r->text + len, sizeof(error_r->text) - len, ": %s",
	    strerror_r(saved, why, sizeof(why)));
	errno = saved;
	return code;
}

const char *
error_name(int code)
{
	if (code >= 0)
		return "ok";
	switch ((enum ag_err)code) {
	case AG_EINVAL:
		return "malformed";
	case AG_ENOENT:
		return "not found";
	case AG_ETOOBIG:
		return "too big";
	case AG_EIO:
		return "input/output error";
	case AG_ENOMEM:
		return "out of memory";
	case AG_ESIG:
		return "bad signature";
	case AG_ECRYPTO:
		return "crypto failed";
	case AG_EAGAIN:
		return "try again";
	case AG_EPERM:
		return "not allowed";
	case AG_EEXIST:
		return "exists already";
	case AG_OK:
		break;
	}
	return "unknown error";
}
