/* SPDX-License-Identifier: MIT */
/*
 * doctor_lmtp - where Postfix hands mail to Dovecot. See doctor_lmtp.h.
 *
 * A destination of lmtp(8) is unix:PATH, below the queue directory if it is
 * chrooted, or inet:HOST:PORT, where inet: and the port may be left out and
 * the host may stand in [].
 */
#include "cli/doctor_lmtp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 24 /* RFC 2033 says no port; Postfix's default */

static bool
begins(const char **p, const char *head)
{
	size_t len = strlen(head);

	if (strncmp(*p, head, len) != 0)
		return false;
	*p += len;
	return true;
}

static void
take_path(
    const char *p, size_t len, const char *queue_dir, struct lmtp_target *t)
{
	size_t dir = strlen(queue_dir);

	if (*p == '/' && len > dir && strncmp(p, queue_dir, dir) == 0)
		snprintf(t->path, sizeof(t->path), "%.*s", (int)len, p);
	else
		snprintf(t->path, sizeof(t->path), "%s/%.*s", queue_dir,
		    (int)len, p + (*p == '/'));
}

static void
take_port(const char *p, size_t len, struct lmtp_target *t)
{
	char text[sizeof(t->host) + 8];
	char *colon, *end = text;

	snprintf(text, sizeof(text), "%.*s", (int)len, p);
	if (text[0] == '[') {
		end = strchr(text, ']');
		if (end != NULL)
			*end++ = '\0';
		else
			end = text;
	}
	colon = strrchr(end, ':');
	t->port = colon != NULL ? (unsigned)strtoul(colon + 1, NULL, 10) : PORT;
	if (t->port == 0) /* the service's name */
		t->port = PORT;
	if (colon != NULL)
		*colon = '\0';
	snprintf(t->host, sizeof(t->host), "%s", text + (text[0] == '['));
	if (strcmp(t->host, "localhost") == 0)
		snprintf(t->host, sizeof(t->host), "127.0.0.1");
}

bool
lmtp_target_find(
    const char *transports, const char *queue_dir, struct lmtp_target *target_r)
{
	const char *p = strstr(transports, "lmtp:");
	size_t len;

	memset(target_r, 0, sizeof(*target_r));
	if (p == NULL)
		return false;
	p += strlen("lmtp:");
	if (begins(&p, "unix:")) {
		len = strcspn(p, ", \t\n");
		take_path(p, len, queue_dir, target_r);
	} else {
		(void)begins(&p, "inet:");
		len = strcspn(p, ", \t\n");
		take_port(p, len, target_r);
	}
	return len > 0;
}
