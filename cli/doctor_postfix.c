/* SPDX-License-Identifier: MIT */
/*
 * doctor_postfix - asks Postfix for its settings, and looks at where its
 * queue lies. The settings are judged in doctor_judge_postfix.c.
 */
#include "cli/doctor_postconf.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor_mount.h"
#include "cli/doctor_talk.h"
#include "cli/postfix.h"
#include "cli/run.h"
#include "manifests/manifest.h"
#include "util/text.h"

#define ANSWER_MAX (4U << 20)
#define ANSWER_MS 2000
#define START "systemctl start postfix"

/* ---- what postconf says ---- */

static int
ask_postconf(struct doctor *d, const char *options, struct buf *answer,
    struct buf *said, struct error *error_r)
{
	const char *argv[] = {"postconf", options, NULL};
	int rc;

	rc = run_program(
	    argv, NULL, answer, said, doctor_seconds(d, 3), error_r);
	if (rc > 0)
		rc = run_complaint("postconf", said, error_r);
	return rc;
}

static struct postconf *
get_postconf(struct doctor *d)
{
	struct buf settings, services, overrides, said;
	struct postconf *p = NULL;
	struct error why;
	struct verdict v;

	buf_init(&settings, ANSWER_MAX);
	buf_init(&services, ANSWER_MAX);
	buf_init(&overrides, ANSWER_MAX);
	buf_init(&said, ERROR_TEXT_MAX);
	verdict_begin(&v,
	    "postconf reads main.cf and master.cf, and "
	    "complains of nothing");
	if (ask_postconf(d, "-x", &settings, &said, &why) < 0 ||
	    ask_postconf(d, "-M", &services, &said, &why) < 0 ||
	    ask_postconf(d, "-Px", &overrides, &said, &why) < 0) {
		verdict_fail(
		    &v, "postconf -n && postfix check", "%s", why.text);
	} else {
		if (said.len > 0)
			verdict_warn(&v, "postconf -n && postfix check", "%s",
			    buf_str(&said));
		p = postconf_parse(buf_str(&settings), buf_str(&services),
		    buf_str(&overrides));
	}
	doctor_add(d, "postfix.config", NULL, &v);
	buf_free(&said);
	buf_free(&overrides);
	buf_free(&services);
	buf_free(&settings);
	return p;
}

/* ---- what the node wants ---- */

/* Has an interface of this machine this address? */
static bool
is_local(const struct ifaddrs *all, const char *address)
{
	const struct sockaddr_in6 *sin6;
	const struct sockaddr_in *sin;
	const struct ifaddrs *i;
	struct in6_addr want6;
	struct in_addr want;
	bool v4 = inet_pton(AF_INET, address, &want) == 1;
	bool v6 = inet_pton(AF_INET6, address, &want6) == 1;

	for (i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL)
			continue;
		sin = (const void *)i->ifa_addr;
		sin6 = (const void *)i->ifa_addr;
		if (v4 && i->ifa_addr->sa_family == AF_INET &&
		    memcmp(&sin->sin_addr, &want, sizeof(want)) == 0)
			return true;
		if (v6 && i->ifa_addr->sa_family == AF_INET6 &&
		    memcmp(&sin6->sin6_addr, &want6, sizeof(want6)) == 0)
			return true;
	}
	return false;
}

static void
look_for_nat(const struct manifest *self, struct postfix_wish *w)
{
	struct ifaddrs *all = NULL;
	size_t i;

	if (getifaddrs(&all) < 0)
		return;
	for (i = 0; i < self->address_count; i++) {
		if (is_local(all, self->addresses[i]))
			continue;
		w->behind_nat = true;
		w->address = self->addresses[i];
	}
	freeifaddrs(all);
}

static void
make_wish(const struct doctor *d, struct postfix_wish *w)
{
	const struct roster *r = &d->known.roster;
	uint64_t size;
	size_t i;

	memset(w, 0, sizeof(*w));
	w->derived = d->known.conf->derived_dir;
	w->has_mailboxes = r->self->has_mailboxes;
	for (i = 0; i < r->peer_count; i++) {
		size = r->peers[i]->max_message_size;
		if (size > d->known.conf->max_message_size)
			size = d->known.conf->max_message_size;
		if (manifest_may_hold(r->self, r->peers[i]) &&
		    size > w->message_size)
			w->message_size = size;
	}
	look_for_nat(r->self, w);
}

static void
tell(void *ctx, const char *id, const struct verdict *v)
{
	doctor_add(ctx, id, NULL, v);
}

/* ---- the server ---- */

static int
greet(struct doctor *d, const char *address, struct talk *t,
    struct error *error_r)
{
	int rc;

	rc = talk_tcp(t, address, 25, doctor_wait(d, ANSWER_MS), error_r);
	if (rc < 0)
		return rc;
	if (talk_reply(t) != 220)
		return error_set(
		    error_r, AG_EIO, "%s port 25: no greeting", address);
	if (talk_ask(t, "EHLO doctor.invalid") != 250)
		return error_set(
		    error_r, AG_EIO, "%s port 25: no answer to EHLO", address);
	return 0;
}

/* On the loopback; where nobody listens there, as the manifest says. */
static void
check_greeting(struct doctor *d)
{
	const struct manifest *self = d->known.roster.self;
	struct error why;
	struct verdict v;
	struct talk t;
	size_t i;
	int rc;

	verdict_begin(&v, "port 25 answers, and offers STARTTLS");
	rc = greet(d, "127.0.0.1", &t, &why);
	for (i = 0; rc == AG_ENOENT && i < self->address_count; i++) {
		talk_close(&t);
		rc = greet(d, self->addresses[i], &t, &why);
	}
	if (rc < 0)
		verdict_fail(&v, START, "%s", why.text);
	else if (strstr(buf_str(&t.reply), "STARTTLS") == NULL)
		verdict_warn(&v,
		    "postconf -e 'smtpd_tls_security_level = may' "
		    "'smtpd_tls_chain_files = KEY-AND-CERTIFICATE.pem' && "
		    "postfix reload",
		    "it does not offer STARTTLS");
	if (rc == 0)
		(void)talk_ask(&t, "QUIT");
	talk_close(&t);
	doctor_add(d, "postfix.greeting", NULL, &v);
}

/* ---- the tables ---- */

static void
check_table(struct doctor *d, const char *id, const char *table,
    const char *key, const char *want)
{
	char *map = xasprintf(
	    "texthash:%s/postfix/%s", d->known.conf->derived_dir, table);
	const char *argv[] = {"postmap", "-q", key, map, NULL};
	struct buf found, said;
	struct error why;
	struct verdict v;
	int rc;

	buf_init(&found, 4096);
	buf_init(&said, ERROR_TEXT_MAX);
	verdict_begin(&v, "%s gives %s for %s", map, want, key);
	rc = run_program(argv, NULL, &found, &said, doctor_seconds(d, 3), &why);
	if (rc < 0)
		verdict_fail(&v, "agamid apply", "%s", why.text);
	else if (strncmp(buf_str(&found), want, strlen(want)) != 0)
		verdict_fail(&v, "agamid apply", "%s%s",
		    found.len > 0 ? buf_str(&found) : "nothing ",
		    buf_str(&said));
	doctor_add(d, id, NULL, &v);
	buf_free(&said);
	buf_free(&found);
	free(map);
}

static void
check_tables(struct doctor *d)
{
	const struct roster *r = &d->known.roster;

	if (r->peer_count == 0 || !doctor_wants(d, "postfix.tables"))
		return;
	check_table(d, "postfix.tables", "transport", r->peers[0]->domains[0],
	    "agamid-seal:");
}

/* ---- where the queue lies ---- */

static void
check_queue(struct doctor *d, const struct postconf *p)
{
	const char *dir = postconf_get(p, "queue_directory");
	struct mount_facts m;
	struct error why;
	struct verdict v;

	if (mount_find(dir, &m, &why) < 0) {
		verdict_begin(&v, "%s can be looked at", dir);
		verdict_warn(
		    &v, "findmnt -T /var/spool/postfix", "%s", why.text);
	} else {
		judge_queue_mount(&m, &v);
	}
	doctor_add(d, "postfix.queue-in-clear", dir, &v);
}

void
doctor_postfix(struct doctor *d)
{
	struct postfix_wish w;
	struct postconf *p;
	struct verdict v;

	verdict_begin(&v, "the Postfix of this machine runs");
	if (!postfix_runs(d->known.conf))
		verdict_fail(&v, START, "postfix status says that it does not");
	doctor_add(d, "postfix.running", NULL, &v);
	p = get_postconf(d);
	if (p != NULL) {
		make_wish(d, &w);
		postfix_judge(p, &w, tell, d);
		check_queue(d, p);
		check_tables(d);
	}
	if (doctor_wants(d, "postfix.greeting"))
		check_greeting(d);
	postconf_free(&p);
}
