/* SPDX-License-Identifier: MIT */
/*
 * recovery - the paper with the recovery key's secret. See recovery.h.
 */
#include "cli/recovery.h"

#include <sys/stat.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/layout.h"
#include "mail/openpgp.h"
#include "util/file.h"

#define BEGIN "-----BEGIN PGP PRIVATE KEY BLOCK-----"
#define END "-----END PGP PRIVATE KEY BLOCK-----"

int
recovery_read(const char *paper, struct buf *secret_r, struct error *error_r)
{
	const char *begin, *end;
	struct buf b;
	int rc;

	buf_init(&b, RECOVERY_MAX);
	rc = file_read(paper, &b, error_r);
	begin = strstr(buf_str(&b), BEGIN);
	end = begin == NULL ? NULL : strstr(begin, END);
	if (rc == 0 && end == NULL)
		rc = error_set(error_r, AG_EINVAL,
		    "%s: expected the lines from " BEGIN " to " END, paper);
	if (rc == 0)
		rc = buf_printf(secret_r, "%.*s\n",
		    (int)(end - begin) + (int)strlen(END), begin);
	buf_wipe(&b);
	return rc;
}

int
recovery_keep(const struct conf *conf, const char *public, const char *paper,
    const char *scratch, struct error *error_r)
{
	char *path = layout_secret(conf, SECRET_RECOVERY);
	struct buf secret, alone;
	int rc;

	buf_init(&secret, RECOVERY_MAX);
	buf_init(&alone, RECOVERY_MAX);
	rc = recovery_read(paper, &secret, error_r);
	if (rc == 0)
		rc = openpgp_subkey_alone(
		    public, buf_str(&secret), scratch, &alone, error_r);
	if (rc == 0)
		rc = file_replace(
		    path, alone.data, alone.len, 0400, "key", error_r);
	buf_wipe(&alone);
	buf_wipe(&secret);
	free(path);
	return rc;
}

void
recovery_expire(const struct conf *conf, int64_t now)
{
	char *path = layout_secret(conf, SECRET_RECOVERY);
	struct stat st;

	if (stat(path, &st) == 0 &&
	    now - (int64_t)st.st_mtime > (int64_t)RECOVERY_DAYS * 86400) {
		if (unlink(path) < 0)
			cli_warn("can't remove %s", path);
		else
			cli_out(
			    "%s is needed no more, and was removed\n", path);
	}
	free(path);
}
