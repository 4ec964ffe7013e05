/* SPDX-License-Identifier: MIT */
/*
 * envelope - libmilter's argument vectors into an envelope. Pure.
 */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "milter/envelope.h"

typedef int set_fn(
    struct bsmtp_envelope *e, const char *path, const char *params);

/* Can a bundle carry this parameter? */
static bool
is_carried(set_fn *set, const char *param)
{
	struct bsmtp_envelope scratch;
	bool ok;

	bsmtp_envelope_init(&scratch);
	ok = set(&scratch, "<a@a.example>", param) == AG_OK;
	bsmtp_envelope_free(&scratch);
	return ok;
}

/* Is it of the same name as an earlier one? */
static bool
is_repeated(char **argv, char **at)
{
	size_t len = strcspn(*at, "=");

	for (; argv < at; argv++)
		if (strncasecmp(*argv, *at, len) == 0 &&
		    ((*argv)[len] == '=' || (*argv)[len] == '\0'))
			return true;
	return false;
}

static int
set_path(struct bsmtp_envelope *e, char **argv, set_fn *set)
{
	struct buf params;
	int rc = AG_OK;
	char **at;

	if (argv[0] == NULL)
		return AG_EINVAL;
	buf_init(&params, BSMTP_PARAMS_MAX);
	for (at = argv + 1; *at != NULL && rc == AG_OK; at++)
		if (is_carried(set, *at) && !is_repeated(argv + 1, at))
			rc = buf_printf(
			    &params, "%s%s", params.len > 0 ? " " : "", *at);
	if (rc == AG_OK)
		rc = set(e, argv[0], buf_str(&params));
	buf_free(&params);
	return rc;
}

int
envelope_set_mail(struct bsmtp_envelope *e, char **argv)
{
	return set_path(e, argv, bsmtp_set_mail);
}

int
envelope_add_rcpt(struct bsmtp_envelope *e, char **argv)
{
	return set_path(e, argv, bsmtp_add_rcpt);
}

bool
envelope_is_smtputf8(const struct bsmtp_envelope *e)
{
	char value[8];

	return bsmtp_param(&e->mail, "SMTPUTF8", value, sizeof(value)) != NULL;
}
