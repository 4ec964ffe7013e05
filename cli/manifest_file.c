/* SPDX-License-Identifier: MIT */
/*
 * manifest_file - a manifest that the operator named. See manifest_file.h.
 */
#include "cli/manifest_file.h"

#include "cli/cli.h"
#include "util/file.h"

#define ERRORS_MAX 262144

struct manifest *
manifest_file_read(const char *path)
{
	struct manifest *m = NULL;
	struct buf text, errors;
	struct error why;
	int rc;

	buf_init(&text, MANIFEST_MAX);
	buf_init(&errors, ERRORS_MAX);
	rc = file_read(path, &text, &why);
	if (rc == AG_ETOOBIG)
		cli_error("%s:1:1: the file is too long; expected at most %d "
			  "bytes",
		    path, MANIFEST_MAX);
	else if (rc < 0)
		cli_error("%s", why.text);
	else
		m = manifest_parse(path, buf_str(&text), text.len, &errors);
	cli_lines(&errors);
	buf_free(&errors);
	buf_free(&text);
	return m;
}
