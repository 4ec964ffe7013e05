/* SPDX-License-Identifier: MIT */
/*
 * doctor - verdicts, and the run through all groups. See doctor.h.
 */
#include "cli/doctor.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/relay.h"
#include "util/clock.h"
#include "util/text.h"

#define RELAY_MS 1500
#define LEAST_MS 100 /* a local answer needs no more */

/* Of the findings: the network's checks are made beside the others. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- verdicts ---- */

/* One line of printable text: what others said may hold anything. */
static void
clean(char *text)
{
	unsigned char *p;

	for (p = (unsigned char *)text; *p != '\0'; p++) {
		if (*p < ' ' || *p > 0x7e)
			*p = *p == '\n' || *p == '\t' ? ' ' : '?';
	}
}

static void put(char *out, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
put(char *out, const char *fmt, va_list ap)
{
	vsnprintf(out, DOCTOR_TEXT_MAX, fmt, ap);
	clean(out);
}

void
verdict_begin(struct verdict *v, const char *expected, ...)
{
	va_list ap;

	memset(v, 0, sizeof(*v));
	va_start(ap, expected);
	put(v->expected, expected, ap);
	va_end(ap);
	memcpy(v->found, v->expected, sizeof(v->found));
}

void
verdict_found(struct verdict *v, const char *fmt, ...)
{
	va_list ap;

	if (v->state != DOCTOR_OK)
		return;
	va_start(ap, fmt);
	put(v->found, fmt, ap);
	va_end(ap);
}

static void worsen(struct verdict *v, enum doctor_state state, const char *fix,
    const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));

static void
worsen(struct verdict *v, enum doctor_state state, const char *fix,
    const char *fmt, va_list ap)
{
	if (v->state >= state)
		return;
	v->state = state;
	put(v->found, fmt, ap);
	snprintf(v->fix, sizeof(v->fix), "%s", fix);
	clean(v->fix);
}

void
verdict_warn(struct verdict *v, const char *fix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	worsen(v, DOCTOR_WARNING, fix, fmt, ap);
	va_end(ap);
}

void
verdict_fail(struct verdict *v, const char *fix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	worsen(v, DOCTOR_FAILURE, fix, fmt, ap);
	va_end(ap);
}

const char *
doctor_state_name(enum doctor_state state)
{
	static const char *const names[] = {"ok", "warning", "failure"};

	return names[state];
}

/* ---- which checks ---- */

static bool
is_of_group(const char *id, const char *group)
{
	size_t len = strlen(group);

	return strncmp(id, group, len) == 0 && id[len] == '.';
}

bool
doctor_is_check(const char *name)
{
	const struct doctor_check *c;

	for (c = doctor_checks; c->id != NULL; c++) {
		if (strcmp(c->id, name) == 0 || is_of_group(c->id, name))
			return true;
	}
	return false;
}

bool
doctor_wants(const struct doctor *d, const char *name)
{
	const char *want;
	size_t i;

	for (i = 0; i < d->wanted.count; i++) {
		want = d->wanted.word[i];
		if (strcmp(want, name) == 0 || is_of_group(name, want) ||
		    is_of_group(want, name))
			return true;
	}
	return d->wanted.count == 0;
}

/* The canary needs to know of Dovecot and the listener. */
static bool
runs_group(const struct doctor *d, const char *group)
{
	return doctor_wants(d, group) ||
	    (strcmp(group, "dovecot") == 0 && doctor_wants(d, "mail.canary"));
}

void
doctor_add(struct doctor *d, const char *id, const char *subject,
    const struct verdict *v)
{
	struct finding *grown, *f;

	if (!doctor_wants(d, id))
		return;
	pthread_mutex_lock(&lock);
	grown = reallocarray(d->finding, d->count + 1, sizeof(*grown));
	if (grown == NULL)
		abort();
	d->finding = grown;
	f = &d->finding[d->count++];
	f->id = id;
	f->subject = subject == NULL ? NULL : xstrdup(subject);
	f->verdict = *v;
	pthread_mutex_unlock(&lock);
}

static size_t
place_of(const char *id)
{
	size_t i;

	for (i = 0; doctor_checks[i].id != NULL; i++) {
		if (strcmp(doctor_checks[i].id, id) == 0)
			break;
	}
	return i;
}

/* In the order of the list; those of one check stay as they came. */
static void
sort_findings(struct doctor *d)
{
	struct finding f;
	size_t i, k;

	for (i = 1; i < d->count; i++) {
		f = d->finding[i];
		for (k = i;
		     k > 0 && place_of(d->finding[k - 1].id) > place_of(f.id);
		     k--)
			d->finding[k] = d->finding[k - 1];
		d->finding[k] = f;
	}
}

/* ---- time ---- */

int
doctor_wait(const struct doctor *d, int most_ms)
{
	int64_t left = d->until - clock_ms();

	if (left < LEAST_MS)
		return LEAST_MS;
	return left < most_ms ? (int)left : most_ms;
}

unsigned
doctor_seconds(const struct doctor *d, unsigned most)
{
	unsigned seconds = (unsigned)doctor_wait(d, (int)most * 1000) / 1000;

	return seconds == 0 ? 1 : seconds;
}

/* ---- the run ---- */

static void
ask_relayd(struct doctor *d)
{
	struct error why = {""};
	int rc;

	rc = relay_ask_within(d->known.conf, "status\n",
	    doctor_wait(d, RELAY_MS), &d->relay, &why);
	if (rc == 0)
		return;
	buf_reset(&d->relay);
	snprintf(d->relay_error, sizeof(d->relay_error), "%.*s",
	    (int)sizeof(d->relay_error) - 1, why.text);
}

struct group {
	const char *name;
	void (*run)(struct doctor *);
};

/* Too much before it did not answer. */
static void
note_skipped(struct doctor *d, const char *group)
{
	char fix[64];

	snprintf(fix, sizeof(fix), "agamid doctor %s", group);
	pthread_mutex_lock(&lock);
	verdict_warn(
	    &d->time, fix, "there was none left for %s, or for more", group);
	pthread_mutex_unlock(&lock);
}

/* Friends that look at closed doors take their time; one that asks for
 * nothing else has it. */
static unsigned
seconds_for(const struct doctor *d)
{
	size_t i;

	for (i = 0; i < d->wanted.count; i++) {
		if (strcmp(d->wanted.word[i], "outside") != 0 &&
		    !is_of_group(d->wanted.word[i], "outside"))
			return DOCTOR_SECONDS;
	}
	return d->wanted.count == 0 ? DOCTOR_SECONDS : DOCTOR_OUTSIDE_SECONDS;
}

static void
run_groups(struct doctor *d, const struct group *groups)
{
	for (; groups->name != NULL; groups++) {
		if (!runs_group(d, groups->name))
			continue;
		if (clock_ms() < d->until)
			groups->run(d);
		else
			note_skipped(d, groups->name);
	}
}

/* What waits for others than this machine. */
static void *
run_network(void *ctx)
{
	static const struct group groups[] = {
	    {"peers", doctor_peers},
	    {"dns", doctor_dns},
	    {"outside", doctor_outside},
	    {NULL, NULL},
	};

	run_groups(ctx, groups);
	return NULL;
}

/*
 * The OpenPGP engines are started before there are threads: keys come
 * first. SIGPIPE would otherwise be set and reset by each run_program().
 */
void
doctor_run(struct doctor *d)
{
	static const struct group first[] = {
	    {"node", doctor_node},
	    {"keys", doctor_keys},
	    {NULL, NULL},
	};
	static const struct group local[] = {
	    {"sockets", doctor_sockets},
	    {"postfix", doctor_postfix},
	    {"dovecot", doctor_dovecot},
	    {"mail", doctor_mail},
	    {NULL, NULL},
	};
	pthread_t network;
	bool threaded;

	signal(SIGPIPE, SIG_IGN);
	d->until = clock_ms() + seconds_for(d) * 1000;
	verdict_begin(&d->time, "there is time for all checks within %u s",
	    seconds_for(d));
	buf_init(&d->relay, RELAY_ANSWER_MAX);
	ask_relayd(d);
	run_groups(d, first);
	threaded = pthread_create(&network, NULL, run_network, d) == 0;
	run_groups(d, local);
	if (threaded)
		pthread_join(network, NULL);
	else
		run_network(d);
	doctor_add(d, "node.time", NULL, &d->time);
	sort_findings(d);
}

void
doctor_free(struct doctor *d)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		free(d->finding[i].subject);
	free(d->finding);
	free(d->canary_to);
	free(d->canary_user);
	buf_free(&d->relay);
	words_free(&d->wanted);
	explicit_bzero(&d->login, sizeof(d->login));
	known_free(&d->known);
}

enum doctor_state
doctor_worst(const struct doctor *d)
{
	enum doctor_state worst = DOCTOR_OK;
	size_t i;

	for (i = 0; i < d->count; i++) {
		if (d->finding[i].verdict.state > worst)
			worst = d->finding[i].verdict.state;
	}
	return worst;
}
