/* SPDX-License-Identifier: MIT */
/*
 * init_text - the options of `agamid init` checked, and written as
 * agamid.yaml and as the first manifest. Pure.
 *
 * Free text is written in single quotes, and has been checked to be one
 * line, so that no option can add a key of its own.
 */
#include "cli/init.h"

#include <stdlib.h>
#include <string.h>

#include "manifests/match.h"
#include "util/text.h"

/* ---- checking ---- */

static void
complain(struct buf *errors, const char *option, const char *value,
    const char *expected)
{
	if (value == NULL)
		(void)buf_printf(
		    errors, "--%s is needed: %s\n", option, expected);
	else
		(void)buf_printf(
		    errors, "--%s %s: expected %s\n", option, value, expected);
}

static void
check_names(const struct init_options *o, struct buf *errors)
{
	size_t i;

	if (o->name == NULL || !text_is_node_name(o->name))
		complain(errors, "name", o->name,
		    "a short name for this node, of a-z, 0-9 and -");
	if (o->network == NULL || !text_is_domain(o->network))
		complain(errors, "network", o->network,
		    "the domain that the friends share, as in "
		    "friends.example");
	if (o->host == NULL || !text_is_domain(o->host))
		complain(errors, "host", o->host,
		    "this host's name in DNS, in lower case");
	if (o->dynamic != NULL && !text_is_domain(o->dynamic))
		complain(errors, "dynamic", o->dynamic, "a name in DNS");
	if (o->domains.count == 0)
		complain(errors, "domain", NULL, "a mail domain of yours");
	for (i = 0; i < o->domains.count; i++) {
		if (!text_is_domain(o->domains.word[i]))
			complain(errors, "domain", o->domains.word[i],
			    "a domain in lower case");
	}
	for (i = 0; i < o->addresses.count; i++) {
		if (text_address_is_special(o->addresses.word[i]))
			complain(errors, "address", o->addresses.word[i],
			    "an IPv4 or IPv6 address that others can dial");
	}
	if (o->dynamic != NULL && o->addresses.count > 0)
		(void)buf_puts(errors,
		    "--dynamic stands instead of --address, not beside it\n");
	if (o->site != NULL && !text_is_node_name(o->site))
		complain(errors, "site", o->site,
		    "a short name of the place, of a-z, 0-9 and -");
	if (o->alert != NULL && !text_is_line(o->alert))
		complain(errors, "alert", "as given", "a mail address");
}

/* "NAME=VALUE": the name copied; NULL if there is none. */
static char *
split_name(const char *word, const char **value_r)
{
	const char *eq = strchr(word, '=');
	char *name;

	if (eq == NULL)
		return NULL;
	*value_r = eq + 1;
	name = xasprintf("%.*s", (int)(eq - word), word);
	if (text_is_mailbox_name(name))
		return name;
	free(name);
	return NULL;
}

static void
check_mailbox(const char *word, struct buf *errors)
{
	struct match *match = NULL;
	const char *pattern;
	struct error why;
	char *name;

	name = split_name(word, &pattern);
	if (name == NULL)
		complain(errors, "mailbox", word, "NAME=PATTERN");
	else if (match_compile(pattern, &match, &why) < 0)
		(void)buf_printf(errors, "--mailbox %s: %s\n", word, why.text);
	match_free(&match);
	free(name);
}

static bool
has_mailbox(const struct init_options *o, const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < o->mailboxes.count; i++) {
		if (strncmp(o->mailboxes.word[i], name, len) == 0 &&
		    o->mailboxes.word[i][len] == '=')
			return true;
	}
	return false;
}

static void
check_deliver_to(
    const struct init_options *o, const char *word, struct buf *errors)
{
	const char *to;
	char *name;

	name = split_name(word, &to);
	if (name == NULL || *to == '\0' || !text_is_line(to))
		complain(errors, "deliver-to", word, "MAILBOX=ADDRESS");
	else if (!has_mailbox(o, name))
		complain(errors, "deliver-to", word,
		    "a mailbox that a --mailbox names");
	free(name);
}

static void
check_nodes(const char *option, const struct words *w, struct buf *errors)
{
	size_t i;

	for (i = 0; i < w->count; i++) {
		if (strcmp(w->word[i], "*") != 0 &&
		    !text_is_node_name(w->word[i]))
			complain(
			    errors, option, w->word[i], "a node's name, or *");
	}
}

static void
check_number(
    const char *option, const char *value, uint64_t max, struct buf *errors)
{
	uint64_t n;

	if (value != NULL && (text_uint(value, max, &n) < 0 || n == 0))
		complain(errors, option, value, "a number");
}

static void
check_policy(const struct init_options *o, struct buf *errors)
{
	uint64_t n;

	check_number("ssh-port", o->ssh_port, 65535, errors);
	check_number("mx", o->mx, 64, errors);
	check_number("copies", o->copies, 64, errors);
	check_number("copies-before-250", o->copies_before_250, 64, errors);
	if (o->quota != NULL && text_size(o->quota, &n) < 0)
		complain(errors, "quota", o->quota, "a size, as in 1G");
	if (o->max_message_size != NULL &&
	    text_size(o->max_message_size, &n) < 0)
		complain(errors, "max-message-size", o->max_message_size,
		    "a size, as in 25M");
	if (o->within != NULL && text_duration(o->within, &n) < 0)
		complain(errors, "within", o->within, "a time, as in 10s");
	if (o->hold != NULL && text_duration(o->hold, &n) < 0)
		complain(errors, "hold", o->hold, "a time, as in 60d");
	if (o->on_failure != NULL && strcmp(o->on_failure, "accept") != 0 &&
	    strcmp(o->on_failure, "defer") != 0)
		complain(
		    errors, "on-failure", o->on_failure, "accept or defer");
	if (o->primary_up != NULL && strcmp(o->primary_up, "defer") != 0 &&
	    strcmp(o->primary_up, "accept") != 0)
		complain(
		    errors, "primary-up", o->primary_up, "defer or accept");
}

int
init_check(const struct init_options *o, struct buf *errors)
{
	size_t before = errors->len, i;

	check_names(o, errors);
	for (i = 0; i < o->mailboxes.count; i++)
		check_mailbox(o->mailboxes.word[i], errors);
	for (i = 0; i < o->deliver_to.count; i++)
		check_deliver_to(o, o->deliver_to.word[i], errors);
	check_nodes("allow-backup", &o->allow_backup, errors);
	check_nodes("deny-backup", &o->deny_backup, errors);
	check_nodes("allow-store", &o->allow_store, errors);
	check_nodes("deny-store", &o->deny_store, errors);
	check_policy(o, errors);
	return errors->len == before ? 0 : AG_EINVAL;
}

/* ---- writing ---- */

/* 'one line', its single quotes doubled. */
static int
put_quoted(struct buf *out, const char *s)
{
	int rc;

	rc = buf_putc(out, '\'');
	for (; rc == 0 && *s != '\0'; s++)
		rc = *s == '\'' ? buf_puts(out, "''") : buf_putc(out, *s);
	return rc == 0 ? buf_putc(out, '\'') : rc;
}

/* "[a, b]", each quoted. */
static int
put_list(struct buf *out, const struct words *w)
{
	size_t i;
	int rc;

	rc = buf_putc(out, '[');
	for (i = 0; rc == 0 && i < w->count; i++) {
		if (i > 0)
			rc = buf_puts(out, ", ");
		if (rc == 0)
			rc = put_quoted(out, w->word[i]);
	}
	return rc == 0 ? buf_putc(out, ']') : rc;
}

/* "  KEY: 'value'\n", if there is a value. */
static int
put_text(struct buf *out, const char *key, const char *value)
{
	int rc;

	if (value == NULL)
		return 0;
	rc = buf_printf(out, "  %s: ", key);
	if (rc == 0)
		rc = put_quoted(out, value);
	return rc == 0 ? buf_putc(out, '\n') : rc;
}

static int
put_words(struct buf *out, const char *key, const struct words *w)
{
	int rc;

	if (w->count == 0)
		return 0;
	rc = buf_printf(out, "  %s: ", key);
	if (rc == 0)
		rc = put_list(out, w);
	return rc == 0 ? buf_putc(out, '\n') : rc;
}

/* "  KEY: |" and the armored lines, indented. */
static int
put_armor(struct buf *out, const char *key, const struct buf *armor)
{
	const char *line;
	struct cursor c;
	size_t len;
	int rc;

	rc = buf_printf(out, "  %s: |\n", key);
	cursor_init(&c, buf_str(armor), armor->len);
	while (rc == 0 && cursor_line(&c, &line, &len)) {
		if (len > 0 && line[len - 1] == '\r')
			len--;
		rc = len == 0 ? buf_putc(out, '\n')
			      : buf_printf(out, "    %.*s\n", (int)len, line);
	}
	return rc;
}

static int
put_mailboxes(struct buf *out, const struct words *mailboxes)
{
	const char *pattern = "";
	char *name;
	size_t i;
	int rc;

	if (mailboxes->count == 0)
		return 0;
	rc = buf_puts(out, "  mailboxes:\n");
	for (i = 0; rc == 0 && i < mailboxes->count; i++) {
		name = split_name(mailboxes->word[i], &pattern);
		rc = buf_printf(out, "    '%s': {matches: ", name);
		free(name);
		if (rc == 0)
			rc = put_quoted(out, pattern);
		if (rc == 0)
			rc = buf_puts(out, "}\n");
	}
	return rc;
}

/* "  backups: {allow: ['*'], deny: [], ...": without its end. */
static int
put_allow(struct buf *out, const char *key, const struct words *allow,
    const struct words *deny)
{
	static const char *star = "*";
	const struct words all = {&star, 1};
	int rc;

	rc = buf_printf(out, "  %s: {allow: ", key);
	if (rc == 0)
		rc = put_list(out, allow->count > 0 ? allow : &all);
	if (rc == 0)
		rc = buf_puts(out, ", deny: ");
	return rc == 0 ? put_list(out, deny) : rc;
}

static const char *
or_default(const char *value, const char *otherwise)
{
	return value != NULL ? value : otherwise;
}

static int
put_terms(struct buf *out, const struct init_options *o)
{
	int rc;

	rc = put_allow(out, "backups", &o->allow_backup, &o->deny_backup);
	if (rc == 0)
		rc = buf_printf(out, ", mx: %s}\n", or_default(o->mx, "3"));
	if (rc == 0)
		rc = put_allow(out, "stores", &o->allow_store, &o->deny_store);
	if (rc == 0)
		rc = buf_printf(out, ", quota: %s, max-message-size: %s}\n",
		    or_default(o->quota, "1G"),
		    or_default(o->max_message_size, "25M"));
	if (rc == 0)
		rc = buf_printf(out,
		    "  policy: {copies: %s, copies-before-250: %s, "
		    "within: %s, on-failure: %s, hold: %s, primary-up: %s}\n",
		    or_default(o->copies, "4"),
		    or_default(o->copies_before_250, "2"),
		    or_default(o->within, "10s"),
		    or_default(o->on_failure, "accept"),
		    or_default(o->hold, "60d"),
		    or_default(o->primary_up, "defer"));
	return rc;
}

static int
put_keys(
    struct buf *out, const struct init_options *o, const struct init_keys *keys)
{
	int rc;

	rc = put_armor(out, "openpgp", &keys->openpgp);
	if (rc == 0)
		rc = put_armor(out, "recovery", &keys->recovery);
	if (rc == 0)
		rc = buf_printf(out,
		    "  ticket-key: %s\n"
		    "  receipt-key: %s\n"
		    "  ssh:\n"
		    "    port: %s\n"
		    "    host-keys: ['%s']\n"
		    "    client-keys: ['%s']\n",
		    keys->ticket, keys->receipt,
		    or_default(o->ssh_port, "2222"), buf_str(&keys->ssh_host),
		    buf_str(&keys->ssh_client));
	return rc;
}

int
init_manifest_text(const struct init_options *o, const struct init_keys *keys,
    uint64_t serial, struct buf *out)
{
	int rc;

	rc = buf_printf(out, "version: 1\nserial: %llu\nnode:\n",
	    (unsigned long long)serial);
	if (rc == 0)
		rc = put_text(out, "name", o->name);
	if (rc == 0)
		rc = put_text(out, "network", o->network);
	if (rc == 0)
		rc = put_text(out, "host", o->host);
	if (rc == 0)
		rc = put_words(out, "addresses", &o->addresses);
	if (rc == 0)
		rc = put_text(out, "dynamic", o->dynamic);
	if (rc == 0)
		rc = put_text(out, "site", o->site);
	if (rc == 0)
		rc = put_words(out, "domains", &o->domains);
	if (rc == 0)
		rc = put_keys(out, o, keys);
	if (rc == 0)
		rc = put_mailboxes(out, &o->mailboxes);
	if (rc == 0)
		rc = put_terms(out, o);
	if (rc == 0)
		rc = put_text(out, "alert", o->alert);
	return rc == 0 ? buf_puts(out, "...\n") : rc;
}

static int
put_config_mailboxes(struct buf *out, const struct words *deliver_to)
{
	const char *to = "";
	char *name;
	size_t i;
	int rc;

	if (deliver_to->count == 0)
		return 0;
	rc = buf_puts(out, "mailboxes:\n");
	for (i = 0; rc == 0 && i < deliver_to->count; i++) {
		name = split_name(deliver_to->word[i], &to);
		rc = buf_printf(out, "  '%s': {deliver-to: ", name);
		free(name);
		if (rc == 0)
			rc = put_quoted(out, to);
		if (rc == 0)
			rc = buf_puts(out, "}\n");
	}
	return rc;
}

int
init_config_text(const struct init_options *o, const char *queue_dir,
    struct buf *out, struct error *error_r)
{
	int rc;

	rc = buf_printf(out,
	    "# Made by agamid init. What is left out has its default; see\n"
	    "# agamid.yaml(5), and agamid -T for what is in force.\n"
	    "node: %s\n",
	    o->name);
	if (rc == 0)
		rc = put_config_mailboxes(out, &o->deliver_to);
	if (rc == 0 && queue_dir != NULL) {
		rc = buf_puts(out, "postfix:\n");
		if (rc == 0)
			rc = put_text(out, "queue-directory", queue_dir);
	}
	if (rc < 0)
		error_set(error_r, rc, "the configuration is too long");
	return rc;
}
