/* SPDX-License-Identifier: MIT */
/*
 * xclient - the SMTP client that brought a mail to the acceptor, as it is
 * told to this node's Postfix. See xclient.h.
 *
 * Only what Postfix 3.7 takes is sent: it answers 501 to a name that is no
 * host name, to a value of more than 255 bytes, to any other protocol than
 * SMTP and ESMTP.
 */
#include "deliver/xclient.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/text.h"

#define UNAVAILABLE "[UNAVAILABLE]"
#define LABEL_MAX 63
#define NAME_MAX_LEN 253

static void
xclient_unavailable(char *value)
{
	memcpy(value, UNAVAILABLE, sizeof(UNAVAILABLE));
}

/* A host name as Postfix checks it: letters, digits, '-', '_'; no label
 * empty, too long or with '-' at an end; not all digits and dots. */
static bool
xclient_is_name(const char *s)
{
	size_t len = strlen(s), n;

	if (len == 0 || len > NAME_MAX_LEN || strspn(s, "0123456789.") == len)
		return false;
	for (;; s += n + 1) {
		n = strspn(s,
		    "abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
		if (n == 0 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
			return false;
		if (s[n] != '.')
			return s[n] == '\0';
	}
}

/* Would this name be taken for this node itself? */
static bool
xclient_is_own_name(const char *name, const struct xclient_own *own)
{
	size_t i;

	if (strcasecmp(name, "localhost") == 0 ||
	    strcasecmp(name, "localhost.localdomain") == 0 ||
	    strcasecmp(name, own->host) == 0)
		return true;
	for (i = 0; i < own->domain_count; i++) {
		if (strcasecmp(name, own->domains[i]) == 0)
			return true;
	}
	return false;
}

static void
xclient_name(const char *name, const struct xclient_own *own, char *value)
{
	if (!xclient_is_name(name) || strcasecmp(name, "unknown") == 0 ||
	    xclient_is_own_name(name, own) ||
	    text_xtext(name, value, XCLIENT_VALUE_MAX + 1) < 0)
		xclient_unavailable(value);
}

static bool
xclient_in(const char *address, char **nets, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (text_address_in(address, nets[i]))
			return true;
	}
	return false;
}

/* The address in its usual form, an IPv4-mapped one as IPv4; false if it
 * is none. */
static bool
xclient_canonical(const char *address, char out[INET6_ADDRSTRLEN], bool *v6_r)
{
	struct in6_addr a6;
	struct in_addr a4;

	*v6_r = false;
	if (inet_pton(AF_INET, address, &a4) == 1)
		return inet_ntop(AF_INET, &a4, out, INET6_ADDRSTRLEN) != NULL;
	if (inet_pton(AF_INET6, address, &a6) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&a6))
		return inet_ntop(AF_INET, &a6.s6_addr[12], out,
			   INET6_ADDRSTRLEN) != NULL;
	*v6_r = true;
	return inet_ntop(AF_INET6, &a6, out, INET6_ADDRSTRLEN) != NULL;
}

/* False if nothing may be said of where the client was. */
static bool
xclient_address(const char *address, const struct xclient_own *own, char *value)
{
	char text[INET6_ADDRSTRLEN];
	bool v6;

	if (!xclient_canonical(address, text, &v6) ||
	    text_address_is_special(text) ||
	    xclient_in(text, own->addresses, own->address_count) ||
	    xclient_in(text, own->networks, own->network_count))
		return false;
	snprintf(value, XCLIENT_VALUE_MAX + 1, "%s%s", v6 ? "IPV6:" : "", text);
	return true;
}

static void
xclient_port(const char *port, char *value)
{
	uint64_t n;

	if (text_uint(port, 65535, &n) < 0 || n == 0)
		xclient_unavailable(value);
	else
		snprintf(value, XCLIENT_VALUE_MAX + 1, "%u", (unsigned)n);
}

static void
xclient_helo(const char *helo, struct xclient *x)
{
	char *p;

	snprintf(
	    x->ehlo, sizeof(x->ehlo), "%s", *helo != '\0' ? helo : "unknown");
	for (p = x->ehlo; *p != '\0'; p++) {
		if (*p <= ' ' || *p > '~')
			*p = '?';
	}
	if (*helo == '\0' || text_xtext(x->ehlo, x->helo, sizeof(x->helo)) < 0)
		xclient_unavailable(x->helo);
}

bool
xclient_hide(struct xclient *x)
{
	bool said = strcmp(x->address, UNAVAILABLE) != 0;

	xclient_unavailable(x->name);
	xclient_unavailable(x->reverse_name);
	xclient_unavailable(x->address);
	xclient_unavailable(x->port);
	return said;
}

void
xclient_make(const struct bundle_client *c, const struct xclient_own *own,
    struct xclient *x_r)
{
	memset(x_r, 0, sizeof(*x_r));
	xclient_helo(c->helo, x_r);
	x_r->protocol = strcasecmp(c->protocol, "SMTP") == 0 ? "SMTP" : "ESMTP";
	xclient_name(c->name, own, x_r->name);
	xclient_name(c->reverse_name, own, x_r->reverse_name);
	xclient_port(c->port, x_r->port);
	if (!xclient_address(c->address, own, x_r->address))
		xclient_hide(x_r);
}

int
xclient_write(const struct xclient *x, struct buf *out)
{
	return buf_printf(out,
	    "XCLIENT NAME=%s REVERSE_NAME=%s ADDR=%s PORT=%s HELO=%s PROTO=%s",
	    x->name, x->reverse_name, x->address, x->port, x->helo,
	    x->protocol);
}
