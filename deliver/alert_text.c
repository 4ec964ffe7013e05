/* SPDX-License-Identifier: MIT */
/*
 * alert_text - mail to a home's alert address. See alert_text.h.
 *
 * SECURITY: all that stands in it is of manifests in force: names, hosts,
 * and an address that was parsed.
 */
#include "deliver/alert_text.h"

#include "mail/date.h"

static int
put_header(const struct alert_facts *f, const char *subject, struct buf *out)
{
	char date[MAIL_DATE_MAX];
	int rc;

	rc = mail_date(f->now, date, sizeof(date));
	if (rc < 0)
		return rc;
	return buf_printf(out,
	    "Date: %s\n"
	    "From: Agamid on %s <postmaster@%s>\n"
	    "To: <%s>\n"
	    "Message-ID: <alert.%s@%s>\n"
	    "Subject: %s\n"
	    "Auto-Submitted: auto-generated\n"
	    "MIME-Version: 1.0\n"
	    "Content-Type: text/plain; charset=utf-8\n\n",
	    date, f->self->name, f->self->domains[0], f->home->alert, f->unique,
	    f->self->host, subject);
}

int
alert_text_confirm(const struct alert_facts *f, struct buf *out)
{
	int rc;

	rc = put_header(f, "Do you want to be told when it is down?", out);
	if (rc < 0)
		return rc;
	return buf_printf(out,
	    "The owner of the mail server %s (node %s of the network\n"
	    "%s) has named this address for mail that says that this\n"
	    "server is down. Such mail would come from its friends' servers; "
	    "this is one\nof them, %s.\n\n"
	    "If you are its owner and want that, type there, as root:\n\n"
	    "    agamid alert confirm %s:%s\n\n"
	    "Otherwise do nothing: then nothing more will come.\n",
	    f->home->host, f->home->name, f->home->network, f->self->host,
	    f->self->name, f->token);
}

int
alert_text_away(const struct alert_facts *f, struct buf *out)
{
	char since[MAIL_DATE_MAX];
	int rc;

	rc = mail_date(f->since, since, sizeof(since));
	if (rc == 0)
		rc = put_header(f, "Your mail server can't be reached", out);
	if (rc < 0)
		return rc;
	return buf_printf(out,
	    "Your mail server %s (node %s) has not been heard of by\n"
	    "%s since\n%s.\n\n"
	    "Meanwhile your friends take its mail and keep it, for %llu days "
	    "at most.\n\n"
	    "This is mail %u of at most 3. To be away without it, type before\n"
	    "you go, as root: agamid pause\n",
	    f->home->host, f->home->name, f->self->host, since,
	    (unsigned long long)(manifest_hold(f->home) / 86400), f->stage);
}
