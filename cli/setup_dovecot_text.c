/* SPDX-License-Identifier: MIT */
/*
 * setup_dovecot_text - the settings that setup writes for Dovecot, in the
 * words of 2.3 or of 2.4. Pure; see setup_dovecot.h.
 */
#include "cli/setup_dovecot.h"

#include <stdlib.h>
#include <string.h>

#include "mail/conf.h"
#include "util/text.h"

static bool
includes_conf_d(const char *line)
{
	return strncmp(line, "!include ", 9) == 0 &&
	    strncmp(line + 9 + strspn(line + 9, " "), "conf.d/*.conf", 13) == 0;
}

bool
dovecot_reads_conf_d(const char *conf)
{
	const char *line, *end;

	for (line = conf; *line != '\0'; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		if (includes_conf_d(line + strspn(line, " \t")))
			return true;
	}
	return false;
}

bool
dovecot_is_new(const char *version)
{
	char *end;
	long major = strtol(version, &end, 10), minor = 0;

	if (*end == '.')
		minor = strtol(end + 1, NULL, 10);
	return major > 2 || (major == 2 && minor >= 4);
}

static char *
before_name(unsigned n)
{
	return n == 1 ? xstrdup("sieve_before")
		      : xasprintf("sieve_before%u", n);
}

/* "\n  NAME = value\n" in the section. */
static const char *
find_setting(const char *plugin, const char *name)
{
	char *key = xasprintf("  %s = ", name);
	const char *at = strstr(plugin, key);

	if (at != NULL)
		at += strlen(key);
	free(key);
	return at;
}

unsigned
dovecot_before_number(const char *plugin, const char *script)
{
	const char *value;
	unsigned n;
	char *name;

	for (n = 1; n < 1000; n++) {
		name = before_name(n);
		value = find_setting(plugin, name);
		free(name);
		if (value == NULL ||
		    (strncmp(value, script, strlen(script)) == 0 &&
			strchr("\n", value[strlen(script)]) != NULL))
			break;
	}
	return n;
}

static char *
sieve_settings(const struct dovecot_wants *w)
{
	char *name, *out;

	if (w->is_new)
		return xasprintf("protocol lmtp {\n"
				 "  mail_plugins {\n"
				 "    sieve = yes\n"
				 "  }\n"
				 "}\n"
				 "protocol lda {\n"
				 "  mail_plugins {\n"
				 "    sieve = yes\n"
				 "  }\n"
				 "}\n"
				 "sieve_script agamid {\n"
				 "  type = before\n"
				 "  path = %s\n"
				 "}\n"
				 "sieve_duplicate_max_period = 90d\n",
		    w->script);
	name = before_name(w->number);
	out = xasprintf("protocol lmtp {\n"
			"  mail_plugins = $mail_plugins sieve\n"
			"}\n"
			"protocol lda {\n"
			"  mail_plugins = $mail_plugins sieve\n"
			"}\n"
			"plugin {\n"
			"  %s = %s\n"
			"  sieve_duplicate_max_period = 90d\n"
			"}\n",
	    name, w->script);
	free(name);
	return out;
}

/* Where agamid-seal brings what it has sealed here. 2.4 wants the name
 * without its own base_dir, and warns of it at each start. */
static char *
listener_settings(const struct dovecot_wants *w)
{
	static const char base[] = "/run/dovecot/";
	const char *socket = w->socket;

	if (w->is_new && strncmp(socket, base, sizeof(base) - 1) == 0)
		socket += sizeof(base) - 1;
	return xasprintf("service lmtp {\n"
			 "  unix_listener %s {\n"
			 "    user = " USER_MILTER "\n"
			 "    mode = 0600\n"
			 "  }\n"
			 "}\n",
	    socket);
}

static const char plugin_settings[] = "protocol imap {\n"
				      "  mail_plugins = $mail_plugins agamid\n"
				      "}\n"
				      "protocol pop3 {\n"
				      "  mail_plugins = $mail_plugins agamid\n"
				      "}\n";
static const char new_plugin_settings[] = "protocol imap {\n"
					  "  mail_plugins {\n"
					  "    agamid = yes\n"
					  "  }\n"
					  "}\n"
					  "protocol pop3 {\n"
					  "  mail_plugins {\n"
					  "    agamid = yes\n"
					  "  }\n"
					  "}\n";

char *
dovecot_settings(const struct dovecot_wants *w)
{
	char *sieve = w->script != NULL ? sieve_settings(w) : xstrdup("");
	char *listener = w->socket != NULL ? listener_settings(w) : xstrdup("");
	const char *plugin = !w->plugin ? ""
	    : w->is_new			? new_plugin_settings
					: plugin_settings;
	char *out = xasprintf(DOVECOT_MADE "%s%s%s", sieve, listener, plugin);

	free(listener);
	free(sieve);
	return out;
}

/*
 * A passdb of our own, asked before all others, which says nothing of the
 * password ("noauthenticate") and hands it on: so the operator's own
 * stays as it is, whatever it is.
 *
 * 2.3 takes a "%" in a password for its own: one that it doesn't know would
 * end the session. In hex there is none; the key of zeros is public.
 */
#define ZEROS "00000000000000000000000000000000"
#define PASSDB                             \
	DOVECOT_MADE "passdb {\n"          \
		     "  driver = static\n" \
		     "  args = noauthenticate=y\n"

const char *
dovecot_passdb(const struct dovecot_wants *w)
{
	if (w->is_new)
		return DOVECOT_MADE "passdb agamid {\n"
				    "  driver = static\n"
				    "  fields {\n"
				    "    noauthenticate = yes\n"
				    "    userdb_agamid_pass = %{password}\n"
				    "  }\n"
				    "}\n";
	if (!w->hides)
		return PASSDB "  override_fields = userdb_agamid_pass=%w\n"
			      "}\n";
	return PASSDB "  override_fields = userdb_agamid_hidden_pass="
		      "%{encrypt;algo=chacha20,key=" ZEROS ZEROS ",iv=" ZEROS
		      ",noiv=yes:password}\n"
		      "}\n";
}

bool
dovecot_passdb_place(const char *conf, size_t *at_r)
{
	const char *line, *end, *p, *include = NULL;

	for (line = conf; *line != '\0'; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		p = line + strspn(line, " \t");
		*at_r = (size_t)(line - conf);
		if (strncmp(p, "passdb", 6) == 0)
			return true;
		if (includes_conf_d(p))
			return false;
		if (include == NULL && strncmp(p, "!include", 8) == 0)
			include = line;
	}
	*at_r = (size_t)((include != NULL ? include : line) - conf);
	return true;
}
