/* SPDX-License-Identifier: MIT */
/*
 * peers - what is known of other nodes, in memory. See peers.h.
 *
 * Names come from verified manifests and from directories that relayd
 * itself made; none comes from a peer's message.
 */
#include "relayd/peers.h"

#include <stdlib.h>
#include <string.h>

#include "util/text.h"

#define PEERS_MAX 4096

struct peers {
	struct peer **list; /* entries stay where they are */
	size_t count;
};

struct peers *
peers_new(void)
{
	return calloc(1, sizeof(struct peers));
}

void
peers_free(struct peers **psp)
{
	struct peers *ps = *psp;
	size_t i;

	if (ps == NULL)
		return;
	for (i = 0; i < ps->count; i++) {
		free(ps->list[i]->shares);
		free(ps->list[i]);
	}
	free(ps->list);
	free(ps);
	*psp = NULL;
}

size_t
peers_count(const struct peers *ps)
{
	return ps->count;
}

struct peer *
peers_at(const struct peers *ps, unsigned number)
{
	if (number == 0 || number > ps->count)
		return NULL;
	return ps->list[number - 1];
}

struct peer *
peers_find(const struct peers *ps, const char *name)
{
	size_t i;

	for (i = 0; i < ps->count; i++) {
		if (strcmp(ps->list[i]->name, name) == 0)
			return ps->list[i];
	}
	return NULL;
}

struct peer *
peers_get(struct peers *ps, const char *name)
{
	struct peer *p = peers_find(ps, name), **list;

	if (p != NULL)
		return p;
	if (!text_is_node_name(name) || ps->count == PEERS_MAX)
		return NULL;
	list = reallocarray(ps->list, ps->count + 1, sizeof(*list));
	if (list == NULL)
		return NULL;
	ps->list = list;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	memcpy(p->name, name, strlen(name) + 1);
	p->news_held = PEER_NO_NEWS;
	list[ps->count++] = p;
	p->number = (uint16_t)ps->count;
	return p;
}

bool
peer_has_address(const struct manifest *m)
{
	return m->address_count > 0 || m->dynamic != NULL;
}

/* SPEC */
bool
peer_may_be_dialled(const struct manifest *m)
{
	return m->ssh_port != 0 && m->ssh_host_key_count > 0 &&
	    peer_has_address(m);
}

void
peers_view(struct peers *ps, const struct network *net)
{
	const struct manifest *m;
	struct peer *p;
	size_t i;

	for (i = 0; i < ps->count; i++) {
		ps->list[i]->known = false;
		ps->list[i]->dialable = false;
	}
	for (i = 0; net != NULL && i < network_peer_count(net); i++) {
		m = network_peer(net, i);
		p = peers_get(ps, m->name);
		if (p == NULL)
			continue;
		p->known = true;
		p->dialable = peer_may_be_dialled(m);
	}
}

uint64_t
peer_share(const struct peer *home, unsigned from)
{
	size_t i;

	for (i = 0; i < home->share_count; i++) {
		if (home->shares[i].from == from)
			return home->shares[i].bytes;
	}
	return 0;
}

static struct peer_share *
share_get(struct peer *home, unsigned from)
{
	struct peer_share *s;
	size_t i;

	for (i = 0; i < home->share_count; i++) {
		if (home->shares[i].from == from)
			return &home->shares[i];
	}
	s = reallocarray(home->shares, home->share_count + 1, sizeof(*s));
	if (s == NULL)
		return NULL;
	home->shares = s;
	s = &home->shares[home->share_count++];
	s->from = (uint16_t)from;
	s->bytes = 0;
	return s;
}

void
peer_account(struct peer *home, unsigned from, uint64_t size, int sign)
{
	struct peer_share *s = share_get(home, from);

	if (sign > 0) {
		home->held_count++;
		home->held_bytes += size;
		if (s != NULL)
			s->bytes += size;
		return;
	}
	home->held_count--;
	home->held_bytes -= size;
	if (s != NULL)
		s->bytes -= size < s->bytes ? size : s->bytes;
}

bool
peer_has_work(const struct peer *p)
{
	return p->standing || p->call || p->held_count > 0 || p->drawn > 0 ||
	    p->tells > 0;
}
