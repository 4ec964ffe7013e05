/* SPDX-License-Identifier: MIT */
/*
 * own - the addresses of this node. See own.h.
 *
 * Behind NAT the interfaces don't know the address that the world sees;
 * the manifest does, unless it is dynamic.
 */
#include "deliver/own.h"

#include <sys/socket.h>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

#define OWN_MAX 256

static void
own_add(struct own_addresses *own, const char *text)
{
	if (own->count < OWN_MAX)
		own->list[own->count++] = xstrdup(text);
}

static void
own_add_interface(struct own_addresses *own, const struct sockaddr *sa)
{
	char text[INET6_ADDRSTRLEN];
	const void *address;

	if (sa == NULL)
		return;
	if (sa->sa_family == AF_INET)
		address =
		    &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	else if (sa->sa_family == AF_INET6)
		address =
		    &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	else
		return;
	if (inet_ntop(sa->sa_family, address, text, sizeof(text)) != NULL)
		own_add(own, text);
}

void
own_addresses_get(const struct manifest *self, struct own_addresses *own_r)
{
	struct ifaddrs *all = NULL, *i;
	size_t n;

	own_r->count = 0;
	own_r->list = xcalloc(OWN_MAX, sizeof(*own_r->list));
	for (n = 0; n < self->address_count; n++)
		own_add(own_r, self->addresses[n]);
	if (getifaddrs(&all) < 0)
		return;
	for (i = all; i != NULL; i = i->ifa_next)
		own_add_interface(own_r, i->ifa_addr);
	freeifaddrs(all);
}

void
own_addresses_free(struct own_addresses *own)
{
	size_t n;

	for (n = 0; n < own->count; n++)
		free(own->list[n]);
	free(own->list);
	memset(own, 0, sizeof(*own));
}
