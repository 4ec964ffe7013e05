/* SPDX-License-Identifier: MIT */
/*
 * doctor_judge_promises - judges of those settings of Postfix that an
 * operator may have set for reasons of his own, and that break a promise
 * of Agamid. Pure. See doctor_postconf.h.
 */
#include "cli/doctor_postconf.h"

#include <string.h>

#include "util/text.h"

void
judge_in_flow_delay(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	const char *value = postconf_get(p, "in_flow_delay");

	(void)w;
	verdict_begin(v,
	    "in_flow_delay = 0: what is sealed never reaches the "
	    "queue manager, so Postfix would wait for nothing");
	if (strspn(value, "0") == 0)
		verdict_warn(v,
		    "postconf -e 'in_flow_delay = 0' && postfix reload",
		    "in_flow_delay = %s", value);
}

/* A setting that must be empty for each smtpd of strangers. */
static void
judge_unset(const struct postconf *p, const char *setting, const char *why,
    bool failure, struct verdict *v)
{
	const char *service, *value;
	char fix[256];
	size_t i;

	verdict_begin(v, "%s is not set: %s", setting, why);
	for (i = 0; (service = postconf_stranger(p, i)) != NULL; i++) {
		value = postconf_of(p, service, setting);
		if (*value == '\0')
			continue;
		if (strcmp(value, postconf_get(p, setting)) == 0)
			snprintf(fix, sizeof(fix),
			    "postconf -X %s && postfix reload", setting);
		else
			snprintf(fix, sizeof(fix),
			    "postconf -PX %s/%s && postfix reload", service,
			    setting);
		if (failure)
			verdict_fail(v, fix, "%s = %s", setting, value);
		else
			verdict_warn(v, fix, "%s = %s", setting, value);
	}
}

void
judge_proxy_filter(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	(void)w;
	judge_unset(p, "smtpd_proxy_filter",
	    "milters see no mail that goes through a proxy", true, v);
}

void
judge_content_filter(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	(void)w;
	judge_unset(p, "content_filter",
	    "friends' mail that reaches the queue would go to it in clear",
	    false, v);
}

void
judge_milter_maps(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	(void)w;
	judge_unset(p, "smtpd_milter_maps",
	    "clients that it names do not meet our milter, and get 451 for "
	    "friends",
	    false, v);
}

void
judge_line_length(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	const char *value = postconf_get(p, "lmtp_line_length_limit");

	(void)w;
	verdict_begin(v,
	    "lmtp_line_length_limit = 0: mail that has longer "
	    "lines is not changed, and its signature holds");
	if (strcmp(value, "0") != 0)
		verdict_warn(v,
		    "postconf -e 'lmtp_line_length_limit = 0' && postfix "
		    "reload",
		    "lmtp_line_length_limit = %s", value);
}

void
judge_relay_recipients(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	const char *list = postconf_get(p, "relay_recipient_maps");
	char table[512];

	snprintf(
	    table, sizeof(table), "%s/postfix/relay_recipients", w->derived);
	verdict_begin(v,
	    "relay_recipient_maps is not set, or names %s: else "
	    "friends' mail is refused",
	    table);
	if (*list != '\0' && !postconf_mentions(list, table))
		verdict_fail(
		    v, "agamid setup", "relay_recipient_maps = %s", list);
}

void
judge_copies(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	static const char *const settings[] = {
	    "always_bcc", "sender_bcc_maps", "recipient_bcc_maps"};
	char fix[128];
	size_t i;

	(void)w;
	verdict_begin(v,
	    "always_bcc, sender_bcc_maps and recipient_bcc_maps "
	    "are not set: they copy friends' mail in clear");
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (*postconf_get(p, settings[i]) == '\0')
			continue;
		snprintf(fix, sizeof(fix), "postconf -X %s && postfix reload",
		    settings[i]);
		if (i == 0)
			verdict_fail(v, fix, "%s = %s", settings[i],
			    postconf_get(p, settings[i]));
		else
			verdict_warn(v, fix, "%s = %s", settings[i],
			    postconf_get(p, settings[i]));
	}
}

void
judge_verification(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	static const char *const lists[] = {"smtpd_recipient_restrictions",
	    "smtpd_relay_restrictions", "smtpd_data_restrictions"};
	const char *service;
	size_t i, k;

	(void)w;
	verdict_begin(v,
	    "no reject_unverified_recipient: it asks the home, "
	    "and so takes nothing while the home is down");
	for (i = 0; (service = postconf_stranger(p, i)) != NULL; i++) {
		for (k = 0; k < sizeof(lists) / sizeof(lists[0]); k++) {
			if (postconf_lists(postconf_of(p, service, lists[k]),
				"reject_unverified_recipient"))
				verdict_fail(v,
				    "editor "
				    "/etc/postfix/main.cf",
				    "it is in %s of %s", lists[k], service);
		}
	}
}

void
judge_proxy_interfaces(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	char fix[256];

	verdict_begin(v,
	    "behind NAT, proxy_interfaces names the address of "
	    "the manifest: else mail loops while a friend is "
	    "down");
	if (!w->behind_nat) {
		verdict_found(v,
		    "an interface of this machine has the "
		    "manifest's address");
		return;
	}
	if (w->address == NULL ||
	    postconf_mentions(postconf_get(p, "proxy_interfaces"), w->address))
		return;
	snprintf(fix, sizeof(fix),
	    "postconf -e 'proxy_interfaces = %s' && postfix reload",
	    w->address);
	verdict_fail(v, fix, "proxy_interfaces = %s, and no interface has %s",
	    postconf_get(p, "proxy_interfaces"), w->address);
}

void
judge_message_size(
    const struct postconf *p, const struct postfix_wish *w, struct verdict *v)
{
	const char *text = postconf_get(p, "message_size_limit");
	uint64_t limit = 0;
	char fix[128];

	verdict_begin(v,
	    "message_size_limit is 0 or at least %llu, the "
	    "biggest mail that is taken for a friend",
	    (unsigned long long)w->message_size);
	if (text_uint(text, UINT64_MAX, &limit) < 0 ||
	    (limit != 0 && limit < w->message_size)) {
		snprintf(fix, sizeof(fix),
		    "postconf -e 'message_size_limit = %llu' && postfix reload",
		    (unsigned long long)w->message_size);
		verdict_warn(v, fix, "message_size_limit = %s", text);
	} else {
		verdict_found(v, "message_size_limit = %s", text);
	}
}
