/* SPDX-License-Identifier: MIT */
/*
 * decide - decisions on recipients. Pure; see decide.h.
 */
#include <string.h>

#include "mail/bundle.h"
#include "manifests/manifest.h"
#include "milter/decide.h"

bool
mail_class_equal(const struct mail_class *a, const struct mail_class *b)
{
	return a->kind == b->kind && strcmp(a->home, b->home) == 0 &&
	    strcmp(a->key, b->key) == 0;
}

static void
fill_target(const struct manifest *home, const struct manifest_mailbox *mailbox,
    struct target *t)
{
	t->home = home;
	t->class.kind = MAIL_PEER;
	strncpy(t->class.home, home->name, sizeof(t->class.home) - 1);
	if (mailbox != NULL)
		memcpy(t->class.key, mailbox->fpr, sizeof(t->class.key));
}

enum answer
decide_recipient(
    const struct network *net, const struct address *rcpt, struct target *t_r)
{
	const struct manifest *self = network_self(net);
	const struct manifest_mailbox *mailbox = NULL;
	const struct manifest *home;

	memset(t_r, 0, sizeof(*t_r));
	home = network_home_of(net, rcpt->domain);
	if (home == NULL) {
		/* Subdomains, which Postfix's relay_domains lets in, end here
		 * as any other foreign domain does. */
		return manifest_has_domain(self, rcpt->domain)
		    ? ANSWER_PASS
		    : ANSWER_NO_DOMAIN;
	}
	if (!manifest_may_hold(self, home))
		return ANSWER_NOT_BACKUP;
	switch (manifest_match(home, rcpt->local, &mailbox)) {
	case MATCH_YES:
		break;
	case MATCH_NO:
		return ANSWER_NO_MAILBOX;
	case MATCH_LIMIT:
	default:
		return ANSWER_MATCH_LIMIT;
	}
	fill_target(home, mailbox, t_r);
	return ANSWER_OK;
}

enum answer
decide_join(const struct mail_class *now, const struct mail_class *wanted)
{
	if (now->kind == MAIL_NONE || mail_class_equal(now, wanted))
		return ANSWER_OK;
	return ANSWER_MIXED;
}

uint64_t
decide_limit(const struct manifest *home, const struct room *room)
{
	if (home->max_message_size < room->limit)
		return home->max_message_size;
	return room->limit;
}

enum answer
decide_room(const struct manifest *home, const struct room *room, uint64_t size)
{
	uint64_t need;

	if (size > decide_limit(home, room))
		return ANSWER_TOO_BIG;
	/* limit is far below 2^63, so no sum here can overflow. */
	need = bundle_padded(size);
	if (room->free < need || room->free - need < room->reserve)
		return ANSWER_NO_ROOM;
	return ANSWER_OK;
}

enum answer
decide_policy(const struct target *t, const struct facts *f)
{
	enum answer a;

	if (!f->connected)
		return ANSWER_NO_CONNECTION;
	if ((a = decide_join(&f->now, &t->class)) != ANSWER_OK)
		return a;
	if (!f->key_usable)
		return ANSWER_NO_KEY;
	return decide_room(t->home, &f->room, f->size);
}

enum answer
decide_milter_rcpt(const struct mail_class *now, bool admitted,
    const struct mail_class *wanted, struct mail_class *next_r)
{
	*next_r = *now;
	if (admitted) {
		if (decide_join(now, wanted) != ANSWER_OK)
			return ANSWER_MIXED;
		*next_r = *wanted;
		return ANSWER_OK;
	}
	if (now->kind == MAIL_PEER)
		return ANSWER_MIXED;
	memset(next_r, 0, sizeof(*next_r));
	next_r->kind = MAIL_OTHER;
	return ANSWER_PASS;
}
