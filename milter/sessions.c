/* SPDX-License-Identifier: MIT */
/*
 * sessions - the table of open SMTP sessions; see sessions.h.
 *
 * There are as many sessions as Postfix has smtpd processes, 100 unless
 * told otherwise: a list is enough.
 */
#include <sys/queue.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "milter/sessions.h"

#define CLIENT_MAX 64

struct session {
	TAILQ_ENTRY(session) link;
	struct sessions *table;
	char address[CLIENT_MAX];
	char port[8];
	struct mail_class class;
	bool admitted;
	struct admission admission;
};

struct sessions {
	pthread_mutex_t lock;
	TAILQ_HEAD(session_list, session) list;
	size_t count;
};

/* One spelling: without the milter protocol's "IPv6:", and as
 * inet_ntop(3) writes it. What is no address is left as it is. */
static void
canonical(const char *address, char out[CLIENT_MAX])
{
	struct in6_addr a6;
	struct in_addr a4;

	if (strncasecmp(address, "IPv6:", 5) == 0)
		address += 5;
	if (inet_pton(AF_INET6, address, &a6) == 1) {
		inet_ntop(AF_INET6, &a6, out, CLIENT_MAX);
	} else if (inet_pton(AF_INET, address, &a4) == 1) {
		inet_ntop(AF_INET, &a4, out, CLIENT_MAX);
	} else {
		strncpy(out, address, CLIENT_MAX - 1);
		out[CLIENT_MAX - 1] = '\0';
	}
}

struct sessions *
sessions_new(void)
{
	struct sessions *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	TAILQ_INIT(&t->list);
	return t;
}

void
sessions_free(struct sessions **table)
{
	struct sessions *t = *table;

	if (t == NULL)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
	*table = NULL;
}

size_t
sessions_count(struct sessions *table)
{
	size_t n;

	pthread_mutex_lock(&table->lock);
	n = table->count;
	pthread_mutex_unlock(&table->lock);
	return n;
}

struct session *
session_open(struct sessions *table, const char *address, const char *port)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->table = table;
	canonical(address, s->address);
	strncpy(s->port, port, sizeof(s->port) - 1);
	pthread_mutex_lock(&table->lock);
	TAILQ_INSERT_HEAD(&table->list, s, link);
	table->count++;
	pthread_mutex_unlock(&table->lock);
	return s;
}

void
session_close(struct session **session)
{
	struct session *s = *session;
	struct sessions *t;

	if (s == NULL)
		return;
	t = s->table;
	pthread_mutex_lock(&t->lock);
	TAILQ_REMOVE(&t->list, s, link);
	t->count--;
	pthread_mutex_unlock(&t->lock);
	free(s);
	*session = NULL;
}

void
session_reset(struct session *s)
{
	pthread_mutex_lock(&s->table->lock);
	memset(&s->class, 0, sizeof(s->class));
	s->admitted = false;
	pthread_mutex_unlock(&s->table->lock);
}

void
session_set_class(struct session *s, const struct mail_class *class)
{
	pthread_mutex_lock(&s->table->lock);
	s->class = *class;
	pthread_mutex_unlock(&s->table->lock);
}

bool
session_take(struct session *s, const struct address *rcpt,
    struct admission *admission_r)
{
	bool taken;

	pthread_mutex_lock(&s->table->lock);
	taken = s->admitted &&
	    strcmp(s->admission.rcpt.local, rcpt->local) == 0 &&
	    strcmp(s->admission.rcpt.domain, rcpt->domain) == 0;
	if (taken)
		*admission_r = s->admission;
	s->admitted = false;
	pthread_mutex_unlock(&s->table->lock);
	return taken;
}

bool
session_forget(struct session *s)
{
	bool was;

	pthread_mutex_lock(&s->table->lock);
	was = s->admitted;
	s->admitted = false;
	pthread_mutex_unlock(&s->table->lock);
	return was;
}

static struct session *
find_locked(struct sessions *table, const char *address, const char *port)
{
	char key[CLIENT_MAX];
	struct session *s;

	canonical(address, key);
	TAILQ_FOREACH (s, &table->list, link) {
		if (strcmp(s->address, key) == 0 && strcmp(s->port, port) == 0)
			return s;
	}
	return NULL;
}

bool
sessions_class(struct sessions *table, const char *address, const char *port,
    struct mail_class *class_r)
{
	struct session *s;

	memset(class_r, 0, sizeof(*class_r));
	pthread_mutex_lock(&table->lock);
	s = find_locked(table, address, port);
	if (s != NULL)
		*class_r = s->class;
	pthread_mutex_unlock(&table->lock);
	return s != NULL;
}

bool
sessions_admit(struct sessions *table, const char *address, const char *port,
    const struct admission *admission)
{
	struct session *s;

	pthread_mutex_lock(&table->lock);
	s = find_locked(table, address, port);
	if (s != NULL) {
		s->admission = *admission;
		s->admitted = true;
	}
	pthread_mutex_unlock(&table->lock);
	return s != NULL;
}
