/* SPDX-License-Identifier: MIT */
/*
 * former - older manifests, asked for by the name of their ticket key. See
 * former.h.
 *
 * What comes goes to the inbox, as all manifests do: `agamid apply` archives
 * it if the acceptor's pinned key has signed it. It comes into force in no
 * case (SPEC M-9.4).
 *
 * SECURITY: a peer can make this node ask for what is not there, FORMERS_MAX
 * times; and look through the archive of one node, ASKED_MAX times a session.
 */
#include "relayd/former.h"

#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include "mail/keys.h"
#include "manifests/folder.h"
#include "relayd/inbox.h"

#define FORMERS_MAX 32
#define ASKED_MAX 32 /* by one session */
#define ERRORS_MAX 512

struct former {
	TAILQ_ENTRY(former) next;
	struct peer *node;
	char key[KEYS_NAME_SIZE];
	uint64_t link; /* who was asked; 0: it has come, apply judges it */
};

struct formers {
	TAILQ_HEAD(, former) list;
	unsigned count;
};

static struct former *
find(struct formers *fs, const struct peer *node, const char *key)
{
	struct former *f;

	TAILQ_FOREACH (f, &fs->list, next) {
		if (f->node == node && strcmp(f->key, key) == 0)
			return f;
	}
	return NULL;
}

static void
del(struct formers *fs, struct former *f)
{
	TAILQ_REMOVE(&fs->list, f, next);
	fs->count--;
	free(f);
}

/* Asking -------------------------------------------------------------------- */

static void
ask(struct link *ln, struct former *f)
{
	struct proto_msg m = {.verb = PROTO_FORMER};

	f->link = ln->number;
	memcpy(m.node, f->node->name, sizeof(m.node));
	memcpy(m.hash, f->key, sizeof(f->key));
	log_info("asking for an older manifest peer=%s node=%s key=%s",
	    ln->peer->name, f->node->name, f->key);
	link_send(ln, &m, -1);
}

void
former_want(struct link *ln, const struct ticket *t)
{
	const struct network *net = relayd_network(ln->r);
	struct formers *fs = ln->r->formers;
	struct peer *node = peers_find(ln->r->peers, t->acceptor);
	struct former *f;

	if (ln->version < 3 || strcmp(t->home, ln->r->self->name) != 0 ||
	    net == NULL || node == NULL || !node->known ||
	    network_ticket_key(net, t->acceptor, t->key) != NULL ||
	    find(fs, node, t->key) != NULL || fs->count == FORMERS_MAX)
		return;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return;
	f->node = node;
	memcpy(f->key, t->key, sizeof(f->key));
	TAILQ_INSERT_TAIL(&fs->list, f, next);
	fs->count++;
	ask(ln, f);
}

/* The name of the ticket key that a manifest brings; false if it is none of
 * this node's. */
static bool
key_of(
    const char *node, const void *text, size_t len, char key_r[KEYS_NAME_SIZE])
{
	struct manifest *m;
	struct buf errors;
	bool found;

	buf_init(&errors, ERRORS_MAX);
	m = manifest_parse(node, text, len, &errors);
	if (m != NULL)
		keys_name(m->ticket_key.public, key_r);
	found = m != NULL;
	manifest_free(&m);
	buf_free(&errors);
	return found;
}

bool
former_brought(struct link *ln, const struct proto_msg *m)
{
	const struct network *net = relayd_network(ln->r);
	struct peer *node = peers_find(ln->r->peers, m->node);
	char key[KEYS_NAME_SIZE];
	struct error error = {""};
	struct former *f = NULL;

	if (node != NULL && net != NULL &&
	    key_of(node->name, m->payload, m->payload_len, key))
		f = find(ln->r->formers, node, key);
	if (f == NULL || f->link != ln->number)
		return false;
	if (inbox_check(node->name, network_self(net)->network, m->serial,
		m->payload, m->payload_len, &error) < 0 ||
	    inbox_put(ln->r->inbox, node->name, m->serial, m->payload,
		m->payload_len, &error) < 0)
		log_warn("an older manifest is not taken peer=%s node=%s "
			 "error=\"%s\"",
		    ln->peer->name, node->name, error.text);
	f->link = 0;
	return true;
}

/* Being asked --------------------------------------------------------------- */

/* NODE-SERIAL.yaml */
static bool
is_of(const char *path, const char *node)
{
	const char *name = strrchr(path, '/');
	size_t len = strlen(node);

	name = name == NULL ? path : name + 1;
	return strncmp(name, node, len) == 0 && name[len] == '-' &&
	    strspn(name + len + 1, "0123456789") > 0 &&
	    strcmp(name + len + 1 + strspn(name + len + 1, "0123456789"),
		".yaml") == 0;
}

/* The archived one with this ticket key; or NULL. */
static struct manifest *
find_archived(const struct network *net, const char *node, const char *key)
{
	char *dir = file_join(network_dir(net), "old"), **paths = NULL;
	char name[KEYS_NAME_SIZE];
	struct manifest *m = NULL;
	struct buf errors;
	size_t i;

	buf_init(&errors, ERRORS_MAX);
	if (folder_list(dir, &paths, NULL) < 0)
		paths = NULL;
	for (i = 0; paths != NULL && paths[i] != NULL && m == NULL; i++) {
		if (!is_of(paths[i], node) ||
		    folder_read(paths[i], &m, &errors) < 0)
			continue;
		keys_name(m->ticket_key.public, name);
		if (strcmp(name, key) != 0)
			manifest_free(&m);
	}
	folder_list_free(&paths);
	buf_free(&errors);
	free(dir);
	return m;
}

void
former_asked(struct link *ln, const struct proto_msg *m)
{
	struct proto_msg answer = {.verb = PROTO_MANIFEST};
	const struct network *net = relayd_network(ln->r);
	struct manifest *found;

	if (net == NULL || ln->formers++ >= ASKED_MAX)
		return;
	found = find_archived(net, m->node, m->hash);
	if (found == NULL)
		return;
	answer.serial = found->serial;
	memcpy(answer.node, m->node, sizeof(answer.node));
	answer.payload = found->text;
	answer.payload_len = found->text_len;
	link_send(ln, &answer, -1);
	manifest_free(&found);
}

/* What follows -------------------------------------------------------------- */

static void
say_mine(struct relayd *r)
{
	struct proto_msg m = {.verb = PROTO_MINE};
	struct link *ln = NULL;

	while ((ln = broker_next(r->broker, ln)) != NULL) {
		if (ln->up && !ln->leaving)
			link_send(ln, &m, -1);
	}
}

void
former_view(struct relayd *r)
{
	struct former *f, *following;
	bool known = false;

	if (r->formers == NULL || r->net == NULL)
		return;
	for (f = TAILQ_FIRST(&r->formers->list); f != NULL; f = following) {
		following = TAILQ_NEXT(f, next);
		if (f->link != 0)
			continue;
		known |=
		    network_ticket_key(r->net, f->node->name, f->key) != NULL;
		del(r->formers, f);
	}
	if (known)
		say_mine(r);
}

void
former_link_gone(struct link *ln)
{
	struct formers *fs = ln->r->formers;
	struct former *f, *following;

	for (f = TAILQ_FIRST(&fs->list); f != NULL; f = following) {
		following = TAILQ_NEXT(f, next);
		if (f->link == ln->number)
			del(fs, f);
	}
}

struct formers *
formers_new(void)
{
	struct formers *fs = calloc(1, sizeof(*fs));

	if (fs != NULL)
		TAILQ_INIT(&fs->list);
	return fs;
}

void
formers_free(struct formers **fsp)
{
	struct formers *fs = *fsp;

	if (fs == NULL)
		return;
	while (!TAILQ_EMPTY(&fs->list))
		del(fs, TAILQ_FIRST(&fs->list));
	free(fs);
	*fsp = NULL;
}
