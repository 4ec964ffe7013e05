/* SPDX-License-Identifier: MIT */
/*
 * date - dates as mail has them. See date.h.
 */
#include "mail/date.h"

#include <stdio.h>
#include <time.h>

#include "util/error.h"

int
mail_date(int64_t t, char *out, size_t outsize)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t when = t;
	struct tm tm;
	int n;

	/* Not strftime(): names must not follow the locale. */
	if (gmtime_r(&when, &tm) == NULL)
		return AG_EINVAL;
	n = snprintf(out, outsize, "%.3s, %d %.3s %d %02d:%02d:%02d +0000",
	    days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return n > 0 && (size_t)n < outsize ? AG_OK : AG_ETOOBIG;
}
