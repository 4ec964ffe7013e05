/* SPDX-License-Identifier: MIT */
/*
 * init_ask - the questions of `agamid init`. See init_ask.h.
 */
#include "cli/init_ask.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/run.h"
#include "util/text.h"

#define ANSWER_MAX 1024
#define ASK_DEADLINE 10 /* seconds, for postconf */

typedef bool ask_check(const char *text);

struct question {
	const char *why, *what, *expected;
	ask_check *check; /* of each word where there are several */
	bool many, may_be_empty;
};

/* ---- answers ---- */

static const char *
keep(struct init_answers *a, const char *text)
{
	a->text = reallocarray(a->text, a->count + 1, sizeof(*a->text));
	if (a->text == NULL)
		abort();
	a->text[a->count] = xstrdup(text);
	return a->text[a->count++];
}

void
init_answers_free(struct init_answers *a)
{
	size_t i;

	for (i = 0; i < a->count; i++)
		free(a->text[i]);
	free(a->text);
	memset(a, 0, sizeof(*a));
}

/* A line without blanks at its ends; false at the end of input. */
static bool
read_line(char *line, size_t size)
{
	size_t len, skip;

	if (fgets(line, (int)size, stdin) == NULL)
		return false;
	skip = strspn(line, " \t");
	len = strcspn(line + skip, "\n");
	while (len > 0 && strchr(" \t\r", line[skip + len - 1]) != NULL)
		len--;
	memmove(line, line + skip, len);
	line[len] = '\0';
	return true;
}

static bool
is_answer(const struct question *q, const char *line)
{
	char copy[ANSWER_MAX], *word, *rest = copy;
	bool any = false;

	if (!q->many)
		return *line == '\0' ? q->may_be_empty : q->check(line);
	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " ,\t")) != NULL) {
		if (*word == '\0')
			continue;
		any = true;
		if (!q->check(word))
			return false;
	}
	return any || q->may_be_empty;
}

/* The answer, or the suggestion where it is empty. */
static int
ask(const struct question *q, const char *suggestion, char *line, size_t size)
{
	cli_out("\n%s\n", q->why);
	for (;;) {
		if (suggestion[0] != '\0')
			cli_out("%s [%s]: ", q->what, suggestion);
		else
			cli_out("%s: ", q->what);
		fflush(stdout);
		if (!read_line(line, size)) {
			cli_out("\n");
			return cli_error("given up; nothing was made");
		}
		if (*line == '\0')
			snprintf(line, size, "%s", suggestion);
		if (strcmp(line, "-") == 0 && q->may_be_empty)
			*line = '\0';
		if (is_answer(q, line))
			return CLI_OK;
		cli_out("  \"%s\": expected %s\n", line, q->expected);
	}
}

static int
ask_one(const struct question *q, const char *suggestion,
    struct init_answers *a, const char **value)
{
	char line[ANSWER_MAX];
	int rc;

	if (*value != NULL)
		return CLI_OK;
	rc = ask(q, suggestion, line, sizeof(line));
	if (rc == CLI_OK && *line != '\0')
		*value = keep(a, line);
	return rc;
}

static int
ask_many(const struct question *q, const char *suggestion,
    struct init_answers *a, struct words *words)
{
	char line[ANSWER_MAX], *word, *rest = line;
	int rc;

	if (words->count > 0)
		return CLI_OK;
	rc = ask(q, suggestion, line, sizeof(line));
	while (rc == CLI_OK && (word = strsep(&rest, " ,\t")) != NULL) {
		if (*word != '\0')
			words_add(words, keep(a, word));
	}
	return rc;
}

/* ---- what this machine suggests ---- */

/* One value of Postfix's, in lower case; "" where there is none. */
static void
ask_postfix(const char *name, char *out, size_t size)
{
	const char *argv[] = {"postconf", "-hx", name, NULL};
	struct buf said;

	buf_init(&said, ANSWER_MAX);
	*out = '\0';
	if (run_program(argv, NULL, &said, NULL, ASK_DEADLINE, NULL) == 0)
		snprintf(out, size, "%.*s", (int)strcspn(buf_str(&said), "\n"),
		    buf_str(&said));
	text_lower(out);
	buf_free(&said);
}

static void
suggest_host(const struct cli *cli, char *out, size_t size)
{
	struct addrinfo hints = {.ai_flags = AI_CANONNAME}, *list = NULL;

	*out = '\0';
	if (cli->root[0] == '\0')
		ask_postfix("myhostname", out, size);
	if (text_is_domain(out) || gethostname(out, size) < 0)
		return;
	out[size - 1] = '\0';
	if (strchr(out, '.') == NULL &&
	    getaddrinfo(out, NULL, &hints, &list) == 0 && list != NULL &&
	    list->ai_canonname != NULL)
		snprintf(out, size, "%s", list->ai_canonname);
	if (list != NULL)
		freeaddrinfo(list);
	text_lower(out);
	if (!text_is_domain(out))
		*out = '\0';
}

/* The domains that Postfix serves and that are no host's. */
static void
suggest_domains(const struct cli *cli, const char *host, char *out, size_t size)
{
	static const char *const names[] = {
	    "virtual_mailbox_domains", "mydestination"};
	char value[ANSWER_MAX], *word, *rest;
	size_t i, len = 0;

	*out = '\0';
	for (i = 0; cli->root[0] == '\0' && i < 2; i++) {
		ask_postfix(names[i], value, sizeof(value));
		rest = value;
		while ((word = strsep(&rest, " ,\t")) != NULL) {
			if (!text_is_domain(word) || strcmp(word, host) == 0 ||
			    strncmp(word, "localhost.", 10) == 0 ||
			    len + strlen(word) + 2 > size)
				continue;
			len += (size_t)snprintf(out + len, size - len, "%s%s",
			    len > 0 ? " " : "", word);
		}
	}
}

/* Addresses of this machine that others can dial. */
static void
suggest_addresses(char *out, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *list, *i;
	const void *address;
	size_t len = 0;
	int family;

	*out = '\0';
	if (getifaddrs(&list) < 0)
		return;
	for (i = list; i != NULL; i = i->ifa_next) {
		family =
		    i->ifa_addr == NULL ? AF_UNSPEC : i->ifa_addr->sa_family;
		if (family == AF_INET)
			address = &((struct sockaddr_in *)(void *)i->ifa_addr)
				       ->sin_addr;
		else if (family == AF_INET6)
			address = &((struct sockaddr_in6 *)(void *)i->ifa_addr)
				       ->sin6_addr;
		else
			continue;
		if (inet_ntop(family, address, text, sizeof(text)) == NULL ||
		    text_address_is_special(text) ||
		    len + strlen(text) + 2 > size)
			continue;
		len += (size_t)snprintf(
		    out + len, size - len, "%s%s", len > 0 ? " " : "", text);
	}
	freeifaddrs(list);
}

static void
first_label(const char *host, char *out, size_t size)
{
	snprintf(out, size, "%.*s", (int)strcspn(host, "."), host);
	if (!text_is_node_name(out))
		*out = '\0';
}

static void
without_label(const char *host, char *out, size_t size)
{
	const char *dot = strchr(host, '.');

	snprintf(out, size, "%s", dot == NULL ? "" : dot + 1);
	if (!text_is_domain(out))
		*out = '\0';
}

/* ---- the questions ---- */

static bool
is_dialable(const char *text)
{
	return !text_address_is_special(text);
}

static const struct question host_question = {
    "What is this host's name in DNS? It becomes an MX of your friends.",
    "Host", "a name in DNS, in lower case, as in bob.friends.example",
    text_is_domain, false, false};
static const struct question name_question = {
    "By what short name do your friends know this node?", "Name",
    "1 to 32 of a-z, 0-9 and -", text_is_node_name, false, false};
static const struct question network_question = {
    "What is the domain that you and your friends share?", "Network",
    "a domain in lower case, as in friends.example", text_is_domain, false,
    false};
static const struct question domains_question = {
    "For which domains is this the home of the mail? (several: with blanks "
    "between)",
    "Domains", "domains in lower case, as in bob.example", text_is_domain, true,
    false};
static const struct question addresses_question = {
    "At which fixed addresses can others dial this host? (- for none: they "
    "change,\nor nobody can)",
    "Addresses", "IPv4 or IPv6 addresses that others can dial, or -",
    is_dialable, true, true};
static const struct question dynamic_question = {
    "Is there a name that follows your changing address? (- for none: then "
    "nobody\ndials you, and this node does)",
    "Dynamic name", "a name in DNS, or -", text_is_domain, false, true};

static void
put_words(const char *what, const struct words *w)
{
	size_t i;

	cli_out("  %-10s", what);
	for (i = 0; i < w->count; i++)
		cli_out("%s%s", i > 0 ? " " : "", w->word[i]);
	cli_out("%s\n", w->count == 0 ? "none" : "");
}

static int
confirm(const struct init_options *o)
{
	char line[ANSWER_MAX];

	cli_out("\n  %-10s%s\n  %-10s%s\n  %-10s%s\n", "name", o->name,
	    "network", o->network, "host", o->host);
	put_words("domains", &o->domains);
	put_words("addresses", &o->addresses);
	if (o->dynamic != NULL)
		cli_out("  %-10s%s\n", "dynamic", o->dynamic);
	cli_out("\nAll of it but the keys can be changed later. Make this "
		"node? (yes or no) ");
	fflush(stdout);
	if (read_line(line, sizeof(line)) && strcmp(line, "yes") == 0)
		return CLI_OK;
	return cli_error("given up; nothing was made");
}

int
init_ask(const struct cli *cli, struct init_options *o, struct init_answers *a)
{
	char text[ANSWER_MAX];
	int rc;

	cli_out("Some questions; an empty answer takes what is in brackets, "
		"and what you type\nis checked. Nothing is written before the "
		"end.\n");
	suggest_host(cli, text, sizeof(text));
	rc = ask_one(&host_question, text, a, &o->host);
	if (rc == CLI_OK) {
		first_label(o->host, text, sizeof(text));
		rc = ask_one(&name_question, text, a, &o->name);
	}
	if (rc == CLI_OK) {
		without_label(o->host, text, sizeof(text));
		rc = ask_one(&network_question, text, a, &o->network);
	}
	if (rc == CLI_OK) {
		suggest_domains(cli, o->host, text, sizeof(text));
		rc = ask_many(&domains_question, text, a, &o->domains);
	}
	if (rc == CLI_OK && o->dynamic == NULL) {
		suggest_addresses(text, sizeof(text));
		rc = ask_many(&addresses_question, text, a, &o->addresses);
	}
	if (rc == CLI_OK && o->addresses.count == 0)
		rc = ask_one(&dynamic_question, "-", a, &o->dynamic);
	return rc == CLI_OK ? confirm(o) : rc;
}
