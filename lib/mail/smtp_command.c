/* SPDX-License-Identifier: MIT */
/*
 * smtp_command - MAIL and RCPT as a server can take them. See
 * smtp_command.h.
 */
#include "mail/smtp_command.h"

/* " NAME=VALUE" as the envelope has it. */
static int
write_param(const struct bsmtp_path *p, const char *name, struct buf *out)
{
	char value[BSMTP_PARAMS_MAX];

	if (bsmtp_param(p, name, value, sizeof(value)) == NULL)
		return 0;
	return buf_printf(out, *value != '\0' ? " %s=%s" : " %s", name, value);
}

int
smtp_write_mail(const struct bsmtp_path *mail, uint64_t size,
    const struct smtp_offer *offer, struct buf *out)
{
	int rc;

	rc = buf_printf(out, "MAIL FROM:%s", mail->path);
	if (rc == 0 && offer->size)
		rc = buf_printf(out, " SIZE=%llu", (unsigned long long)size);
	if (rc == 0 && offer->eightbitmime)
		rc = write_param(mail, "BODY", out);
	if (rc == 0 && offer->smtputf8)
		rc = write_param(mail, "SMTPUTF8", out);
	if (rc == 0 && offer->dsn)
		rc = write_param(mail, "RET", out);
	if (rc == 0 && offer->dsn)
		rc = write_param(mail, "ENVID", out);
	return rc;
}

int
smtp_write_rcpt(const struct bsmtp_path *rcpt, const struct smtp_offer *offer,
    struct buf *out)
{
	int rc;

	rc = buf_printf(out, "RCPT TO:%s", rcpt->path);
	if (rc == 0 && offer->dsn)
		rc = write_param(rcpt, "NOTIFY", out);
	if (rc == 0 && offer->dsn)
		rc = write_param(rcpt, "ORCPT", out);
	return rc;
}
