/* SPDX-License-Identifier: MIT */
/*
 * envelope - libmilter's argument vectors into an envelope. Pure.
 */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "milter/envelope.h"

static const char *const mail_params[] = {
    "BODY", "SIZE", "RET", "ENVID", "SMTPUTF8", NULL};
static const char *const rcpt_params[] = {"NOTIFY", "ORCPT", NULL};

/* Its place in the list, or -1. */
static int
known(const char *param, const char *const *names)
{
	size_t len = strcspn(param, "=");
	int i;

	for (i = 0; names[i] != NULL; i++)
		if (strlen(names[i]) == len &&
		    strncasecmp(param, names[i], len) == 0)
			return i;
	return -1;
}

/* The known ones of argv, each once, with a blank between. */
static int
join(char **argv, const char *const *names, struct buf *out)
{
	unsigned seen = 0;
	int i, rc = AG_OK;

	for (; *argv != NULL && rc == AG_OK; argv++) {
		i = known(*argv, names);
		if (i < 0 || seen & 1u << i)
			continue;
		seen |= 1u << i;
		rc = buf_printf(out, "%s%s", out->len > 0 ? " " : "", *argv);
	}
	return rc;
}

int
envelope_set_mail(struct bsmtp_envelope *e, char **argv)
{
	struct buf params;
	int rc;

	if (argv[0] == NULL)
		return AG_EINVAL;
	buf_init(&params, BSMTP_PARAMS_MAX);
	rc = join(argv + 1, mail_params, &params);
	if (rc == AG_OK)
		rc = bsmtp_set_mail(e, argv[0], buf_str(&params));
	buf_free(&params);
	return rc;
}

int
envelope_add_rcpt(struct bsmtp_envelope *e, char **argv)
{
	struct buf params;
	int rc;

	if (argv[0] == NULL)
		return AG_EINVAL;
	buf_init(&params, BSMTP_PARAMS_MAX);
	rc = join(argv + 1, rcpt_params, &params);
	if (rc == AG_OK)
		rc = bsmtp_add_rcpt(e, argv[0], buf_str(&params));
	buf_free(&params);
	return rc;
}

bool
envelope_is_smtputf8(const struct bsmtp_envelope *e)
{
	char value[8];

	return bsmtp_param(&e->mail, "SMTPUTF8", value, sizeof(value)) != NULL;
}
