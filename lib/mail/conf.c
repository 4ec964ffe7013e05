/* SPDX-License-Identifier: MIT */
/*
 * conf - the node's own configuration. See conf.h and agamid.yaml(5).
 *
 * conf_parse() is pure; only conf_load() reads a file. A setting that is
 * added here goes into conf_print() and the man page too; a test compares
 * the three.
 *
 * SECURITY: root writes the file, so it is trusted, but what goes on into
 * a Postfix table (deliver-to) is held to characters that mean nothing
 * there.
 */
#include "mail/conf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/error.h"
#include "util/file.h"
#include "util/text.h"
#include "util/yaml.h"

#define CONF_FILE_MAX (1U << 20)
#define KILO 1024ULL
#define MEGA (1024 * KILO)
#define GIGA (1024 * MEGA)
#define TERA (1024 * GIGA)
#define MINUTE 60
#define HOUR 3600
#define DAY 86400

static const char *const log_words[] = {
    [LOG_LVL_DEBUG] = "debug",
    [LOG_LVL_INFO] = "info",
    [LOG_LVL_WARN] = "warn",
    [LOG_LVL_ERROR] = "error",
    NULL,
};

static const char *const openpgp_words[] = {
    [OPENPGP_AUTO] = "auto",
    [OPENPGP_GPGME] = "gpgme",
    [OPENPGP_RNP] = "rnp",
    NULL,
};

static const char *const dsn_words[] = {
    [CONF_DSN_OWN] = "own",
    [CONF_DSN_ALL] = "all",
    NULL,
};

static const char *const spf_words[] = {
    [CONF_SPF_NONE] = "none",
    [CONF_SPF_HEADER] = "header",
    NULL,
};

static const char *const seal_words[] = {"held", "always", NULL};

static void
conf_set_defaults(struct conf *c)
{
	c->log = LOG_LVL_INFO;
	c->openpgp = OPENPGP_AUTO;
	c->max_message_size = 100 * MEGA;
	c->reserve = 1 * GIGA;
	c->sealing_max = 8;
	c->sealing_timeout = 2 * MINUTE;
	c->retry_min = 1 * MINUTE;
	c->retry_max = 30 * MINUTE;
	c->idle = 10 * MINUTE;
	c->gate_wait = 5 * MINUTE;
	c->deliver_parallel = 2;
	c->deliver_retry = 5 * MINUTE;
}

/* The value of key, for an error about it. */
static struct ynode *
conf_value(struct ynode *map, const char *key)
{
	struct ynode *n = NULL;

	yaml_get_any(map, key, YAML_MAY, &n);
	return n;
}

/* The get_ functions leave *r alone where the setting (or its whole
 * mapping) is left out. */

static struct ynode *
get_map(struct ynode *map, const char *key)
{
	struct ynode *n;

	return yaml_get_map(map, key, YAML_MAY, &n) ? n : NULL;
}

static void
get_number(
    struct ynode *map, const char *key, unsigned min, unsigned max, unsigned *r)
{
	uint64_t n;

	if (map != NULL && yaml_get_uint(map, key, YAML_MAY, min, max, &n))
		*r = (unsigned)n;
}

static void
get_seconds(
    struct ynode *map, const char *key, unsigned min, unsigned max, unsigned *r)
{
	struct ynode *value;
	uint64_t n;

	if (map == NULL || !yaml_get_duration(map, key, YAML_MAY, &n))
		return;
	if (n < min || n > max) {
		value = conf_value(map, key);
		yaml_error(value, "%s: expected %us to %us, found %s",
		    ynode_path(value), min, max, ynode_text(value));
		return;
	}
	*r = (unsigned)n;
}

static void
get_size(
    struct ynode *map, const char *key, uint64_t min, uint64_t max, uint64_t *r)
{
	struct ynode *value;
	uint64_t n;

	if (!yaml_get_size(map, key, YAML_MAY, &n))
		return;
	if (n < min || n > max) {
		value = conf_value(map, key);
		yaml_error(value,
		    "%s: expected %" PRIu64 " to %" PRIu64 " bytes, found %s",
		    ynode_path(value), min, max, ynode_text(value));
		return;
	}
	*r = n;
}

static void
conf_read_node(struct conf *c, struct ynode *root)
{
	const char *name;

	if (!yaml_get_text(root, "node", YAML_NEED, &name))
		return;
	if (text_is_node_name(name))
		c->node = xstrdup(name);
	else
		yaml_error(conf_value(root, "node"),
		    "node: expected a name of 1 to 32 of a-z, 0-9 and \"-\", "
		    "found \"%.40s\"",
		    name);
}

static void
conf_read_words(struct conf *c, struct ynode *root)
{
	unsigned i;

	if (yaml_get_word(root, "log", YAML_MAY, log_words, &i))
		c->log = (enum log_level)i;
	if (yaml_get_word(root, "openpgp", YAML_MAY, openpgp_words, &i)) {
		c->openpgp = (enum openpgp_engine)i;
		if (c->openpgp != OPENPGP_AUTO &&
		    !openpgp_engine_built(c->openpgp))
			yaml_error(conf_value(root, "openpgp"),
			    "openpgp: this build has no %s engine; "
			    "expected auto",
			    openpgp_words[i]);
	}
	if (yaml_get_word(root, "dsn", YAML_MAY, dsn_words, &i))
		c->dsn = (enum conf_dsn)i;
	if (yaml_get_word(root, "spf", YAML_MAY, spf_words, &i))
		c->spf = (enum conf_spf)i;
}

static void
conf_read_relay(struct conf *c, struct ynode *root)
{
	struct ynode *map = get_map(root, "relay");

	get_seconds(map, "retry-min", 1, DAY, &c->retry_min);
	get_seconds(map, "retry-max", 1, DAY, &c->retry_max);
	get_seconds(map, "idle", 10, DAY, &c->idle);
	get_seconds(map, "gate-wait", 1, DAY, &c->gate_wait);
	if (map != NULL && c->retry_min > c->retry_max)
		yaml_error(map,
		    "relay: expected retry-min (%us) not above retry-max "
		    "(%us)",
		    c->retry_min, c->retry_max);
}

static void
conf_read_networks(struct conf *c, struct ynode *deliver)
{
	struct ynode *list, *item;
	const char *text;
	size_t i;

	if (deliver == NULL ||
	    !yaml_get_seq(deliver, "networks", YAML_MAY, &list))
		return;
	c->networks = xcalloc(ynode_count(list), sizeof(*c->networks));
	for (i = 0; (item = ynode_item(list, i)) != NULL; i++) {
		if (!ynode_need_text(item, &text))
			continue;
		if (text_is_network(text))
			c->networks[c->network_count++] = xstrdup(text);
		else
			yaml_error(item,
			    "%s: expected an address or a network such as "
			    "192.168.1.0/24, found \"%.60s\"",
			    ynode_path(item), text);
	}
}

static void
conf_read_deliver(struct conf *c, struct ynode *root)
{
	struct ynode *map = get_map(root, "deliver");

	get_number(map, "parallel", 1, 16, &c->deliver_parallel);
	get_seconds(map, "retry", 1, DAY, &c->deliver_retry);
	conf_read_networks(c, map);
}

/* An address or a local part that is no more than itself to Postfix: no
 * blank, comma, "$", "|", "/", ":" or quote. */
static bool
conf_is_target(const char *s)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._+-@";
	const size_t len = strlen(s);
	const char *at = strchr(s, '@');

	if (len == 0 || len > 254 || strspn(s, good) != len)
		return false;
	if (strchr(".-@", s[0]) != NULL)
		return false;
	return at == NULL || text_is_domain(at + 1);
}

static void
conf_read_mailbox(
    struct ynode *map, size_t i, struct conf_mailbox *m, const char *name)
{
	struct ynode *value = ynode_value(map, i);
	enum yaml_need need = YAML_NEED;
	const char *target;
	unsigned seal;

	m->name = xstrdup(name);
	m->deliver_to = xstrdup(name);
	if (!text_is_mailbox_name(name))
		yaml_error(value,
		    "mailboxes: expected names of 1 to 64 letters, digits, "
		    "\".\", \"_\" and \"-\", found \"%.60s\"",
		    name);
	if (yaml_get_word(value, "seal", YAML_MAY, seal_words, &seal)) {
		m->seal_always = seal == 1;
		need = YAML_MAY;
	}
	if (!yaml_get_text(value, "deliver-to", need, &target))
		return;
	if (!conf_is_target(target)) {
		value = conf_value(value, "deliver-to");
		yaml_error(value,
		    "%s: expected a user or an address, found \"%.60s\"",
		    ynode_path(value), target);
		return;
	}
	free(m->deliver_to);
	m->deliver_to = xstrdup(target);
}

static void
conf_read_mailboxes(struct conf *c, struct ynode *root)
{
	struct ynode *map = get_map(root, "mailboxes");
	const char *name;
	size_t i;

	if (map == NULL)
		return;
	c->mailboxes = xcalloc(ynode_count(map), sizeof(*c->mailboxes));
	for (i = 0; (name = ynode_key(map, i)) != NULL; i++)
		conf_read_mailbox(
		    map, i, &c->mailboxes[c->mailbox_count++], name);
}

/* map.key, an absolute path, below root; malloc'ed. */
static char *
get_path(struct conf *c, struct ynode *map, const char *key, const char *path)
{
	const char *given = NULL;
	struct ynode *value;

	if (map != NULL && yaml_get_text(map, key, YAML_MAY, &given) &&
	    (given[0] != '/' || !text_is_line(given))) {
		value = conf_value(map, key);
		yaml_error(value,
		    "%s: expected a path that begins with \"/\", found "
		    "\"%.60s\"",
		    ynode_path(value), given);
	}
	return xasprintf("%s%s", c->root, given != NULL ? given : path);
}

static void
conf_read(struct conf *c, struct ynode *root)
{
	struct ynode *map;

	conf_read_node(c, root);
	conf_read_words(c, root);
	get_size(
	    root, "max-message-size", 64 * KILO, TERA, &c->max_message_size);
	get_size(root, "reserve", 0, 1024 * TERA, &c->reserve);
	map = get_map(root, "sealing");
	get_number(map, "max", 1, 256, &c->sealing_max);
	get_seconds(map, "timeout", 5, HOUR, &c->sealing_timeout);
	conf_read_relay(c, root);
	conf_read_deliver(c, root);
	conf_read_mailboxes(c, root);
	c->queue_dir = get_path(c, get_map(root, "postfix"), "queue-directory",
	    "/var/spool/postfix");
	c->lmtp_socket = get_path(
	    c, get_map(root, "dovecot"), "lmtp", "/run/dovecot/agamid-lmtp");
}

/* Where things are, below root. */
static void
conf_set_paths(struct conf *c)
{
	c->spool_dir =
	    xasprintf("%s" AG_LOCALSTATEDIR "/spool/agamid", c->root);
	c->state_dir = xasprintf("%s" AG_LOCALSTATEDIR "/lib/agamid", c->root);
	c->derived_dir = xasprintf("%s/derived", c->state_dir);
	c->manifest_dir = xasprintf("%s/manifests", c->state_dir);
	c->secret_dir =
	    xasprintf("%s" AG_LOCALSTATEDIR "/lib/agamid-key", c->root);
	c->run_dir = xasprintf("%s/run/agamid", c->root);
}

struct conf *
conf_parse(const char *path, const void *data, size_t len, const char *root,
    struct buf *errors)
{
	struct conf *c;
	struct yaml *doc;
	unsigned wrong;

	doc = yaml_parse(path, data, len, errors);
	if (doc == NULL)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->path = xstrdup(path);
	c->root = xstrdup(root != NULL ? root : "");
	conf_set_defaults(c);
	conf_set_paths(c);
	conf_read(c, yaml_root(doc));
	yaml_finish(doc);
	wrong = yaml_errors(doc);
	yaml_doc_free(&doc);
	if (wrong > 0)
		conf_free(&c);
	return c;
}

struct conf *
conf_load(const char *path, const char *root, struct buf *errors)
{
	char *file = path != NULL ? xstrdup(path)
				  : xasprintf("%s" AG_SYSCONFDIR "/agamid.yaml",
					root != NULL ? root : "");
	struct conf *c = NULL;
	struct error error;
	struct buf b;

	buf_init(&b, CONF_FILE_MAX);
	if (file_read(file, &b, &error) < 0)
		buf_printf(errors, "%s\n", error.text);
	else
		c = conf_parse(file, b.data, b.len, root, errors);
	buf_free(&b);
	free(file);
	return c;
}

void
conf_free(struct conf **cp)
{
	struct conf *c = *cp;
	size_t i;

	*cp = NULL;
	if (c == NULL)
		return;
	for (i = 0; i < c->network_count; i++)
		free(c->networks[i]);
	for (i = 0; i < c->mailbox_count; i++) {
		free(c->mailboxes[i].name);
		free(c->mailboxes[i].deliver_to);
	}
	free(c->networks);
	free(c->mailboxes);
	free(c->path);
	free(c->node);
	free(c->queue_dir);
	free(c->lmtp_socket);
	free(c->root);
	free(c->spool_dir);
	free(c->state_dir);
	free(c->derived_dir);
	free(c->manifest_dir);
	free(c->secret_dir);
	free(c->run_dir);
	free(c);
}

/* The largest unit that a value is a whole number of. */
static void
print_unit(FILE *out, uint64_t n, const char *units, const uint64_t *factors)
{
	size_t i, best = 0;

	for (i = 0; units[i] != '\0'; i++) {
		if (n > 0 && n % factors[i] == 0)
			best = i;
	}
	fprintf(out, "%" PRIu64, n / factors[best]);
	if (units[best] != 'B')
		fputc(units[best], out);
}

static void
print_size(FILE *out, const char *key, uint64_t bytes)
{
	static const uint64_t factors[] = {1, KILO, MEGA, GIGA, TERA};

	fprintf(out, "%s: ", key);
	print_unit(out, bytes, "BKMGT", factors);
	fputc('\n', out);
}

static void
print_seconds(FILE *out, const char *key, unsigned seconds)
{
	static const uint64_t factors[] = {1, MINUTE, HOUR, DAY};

	fprintf(out, "  %s: ", key);
	print_unit(out, seconds, "smhd", factors);
	fputc('\n', out);
}

/* In single quotes, where only the quote itself is special. */
static void
print_quoted(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			fputc('\'', out);
		fputc(*text, out);
	}
	fputc('\'', out);
}

static void
print_lists(const struct conf *c, FILE *out)
{
	size_t i;

	fputs("  networks: [", out);
	for (i = 0; i < c->network_count; i++) {
		fputs(i > 0 ? ", " : "", out);
		print_quoted(out, c->networks[i]);
	}
	fputs(c->mailbox_count > 0 ? "]\nmailboxes:\n" : "]\nmailboxes: {}\n",
	    out);
	for (i = 0; i < c->mailbox_count; i++) {
		fputs("  ", out);
		print_quoted(out, c->mailboxes[i].name);
		fputs(": {deliver-to: ", out);
		print_quoted(out, c->mailboxes[i].deliver_to);
		fprintf(out, ", seal: %s}\n",
		    seal_words[c->mailboxes[i].seal_always ? 1 : 0]);
	}
}

int
conf_print(const struct conf *c, FILE *out)
{
	fprintf(out, "# %s\n# spool %s\n# state %s\n# secrets %s\n# run %s\n",
	    c->path, c->spool_dir, c->state_dir, c->secret_dir, c->run_dir);
	fprintf(out, "node: %s\nlog: %s\nopenpgp: %s\ndsn: %s\nspf: %s\n",
	    c->node, log_words[c->log], openpgp_words[c->openpgp],
	    dsn_words[c->dsn], spf_words[c->spf]);
	print_size(out, "max-message-size", c->max_message_size);
	print_size(out, "reserve", c->reserve);
	fprintf(out, "sealing:\n  max: %u\n", c->sealing_max);
	print_seconds(out, "timeout", c->sealing_timeout);
	fputs("relay:\n", out);
	print_seconds(out, "retry-min", c->retry_min);
	print_seconds(out, "retry-max", c->retry_max);
	print_seconds(out, "idle", c->idle);
	print_seconds(out, "gate-wait", c->gate_wait);
	fprintf(out, "deliver:\n  parallel: %u\n", c->deliver_parallel);
	print_seconds(out, "retry", c->deliver_retry);
	print_lists(c, out);
	fputs("postfix:\n  queue-directory: ", out);
	print_quoted(out, c->queue_dir + strlen(c->root));
	fputs("\ndovecot:\n  lmtp: ", out);
	print_quoted(out, c->lmtp_socket + strlen(c->root));
	fputc('\n', out);
	return fflush(out) != 0 || ferror(out) ? AG_EIO : 0;
}

static const struct conf_mailbox *
conf_find_mailbox(const struct conf *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->mailbox_count; i++) {
		if (strcmp(c->mailboxes[i].name, name) == 0)
			return &c->mailboxes[i];
	}
	return NULL;
}

const char *
conf_deliver_to(const struct conf *c, const char *mailbox)
{
	const struct conf_mailbox *m = conf_find_mailbox(c, mailbox);

	return m != NULL ? m->deliver_to : mailbox;
}

bool
conf_seals_always(const struct conf *c, const char *mailbox)
{
	const struct conf_mailbox *m = conf_find_mailbox(c, mailbox);

	return m != NULL && m->seal_always;
}

bool
conf_seals_any(const struct conf *c)
{
	size_t i;

	for (i = 0; i < c->mailbox_count; i++) {
		if (c->mailboxes[i].seal_always)
			return true;
	}
	return false;
}
