/* SPDX-License-Identifier: MIT */
/*
 * compat - Dovecot 2.3 and 2.4. See compat.h.
 *
 * 2.3: settings are in plugin {}; passing user->set to raw_storage_create
 * panics (its variables are expanded already), unexpanded_set works. The
 * password is taken from unexpanded_set as well: p%u would become pfrank.
 * But with "% " in it, which is no variable, Dovecot itself gives the whole
 * session up before any plugin is asked; so it may come hidden: in hex,
 * under ChaCha20 with a key of zeros, which is what the settings of 2.3
 * can make of it without loss (agamid-dovecot(7)). It is no secret then.
 *
 * 2.4: settings are declared, and come from the user's event.
 */
#include "dovecot-plugin/compat.h"

#include "raw-storage.h"

#include <sodium.h>

/* Where a part that is decoded (FETCH BINARY) lies while it is sent: in
 * memory, and without a name. */
#define TEMP_DIR "/dev/shm"

#if DOVECOT_VERSION_MINOR >= 4

#include "mail-storage-service.h"
#include "settings.h"

#include "dovecot-plugin/settings24.h"

bool
compat_get_settings(struct mail_user *user, struct compat_settings *s_r)
{
	const struct agamid_settings *set;
	const char *error;

	if (settings_get(user->event, &agamid_setting_parser_info, 0, &set,
		&error) < 0) {
		e_error(user->event, "agamid: %s", error);
		return FALSE;
	}
	s_r->key = p_strdup(user->pool, set->agamid_key);
	s_r->mode = p_strdup(user->pool, set->agamid_mode);
	s_r->mailbox = p_strdup(user->pool, set->agamid_mailbox);
	s_r->sealed_pub = p_strdup(user->pool, set->agamid_sealed_pub);
	s_r->pass = p_strdup(user->pool, set->agamid_pass);
	settings_free(set);
	return TRUE;
}

static struct mail_user *
raw_user(struct mail_user *user)
{
	struct mail_storage_service_ctx *ctx =
	    mail_storage_service_user_get_service_ctx(user->service_user);
	struct settings_instance *set =
	    mail_storage_service_user_get_settings_instance(user->service_user);

	return raw_storage_create_from_set(ctx, set);
}

#else

#include "buffer.h"
#include "hex-binary.h"

static const char *
setting(struct mail_user *user, const char *name)
{
	const char *value = mail_user_plugin_getenv(user, name);

	return value == NULL ? "" : value;
}

static const char *
unhide(struct mail_user *user, const char *hidden)
{
	static const unsigned char zeros[crypto_stream_chacha20_ietf_KEYBYTES];
	buffer_t *buf = t_buffer_create(strlen(hidden) / 2 + 1);
	const char *pass;
	unsigned char *data;

	if (hex_to_binary(hidden, buf) < 0) {
		e_error(user->event,
		    "agamid: agamid_hidden_pass is not in hexadecimal");
		return "";
	}
	data = buffer_get_modifiable_data(buf, NULL);
	crypto_stream_chacha20_ietf_xor(data, data, buf->used, zeros, zeros);
	pass = p_strndup(user->pool, data, buf->used);
	explicit_bzero(data, buf->used);
	return pass;
}

/* The password, as the user typed it. */
static const char *
get_pass(struct mail_user *user)
{
	const struct mail_user_settings *set = user->unexpanded_set;
	const char *hidden, *plain;

	hidden = mail_user_set_plugin_getenv(set, "agamid_hidden_pass");
	if (hidden != NULL && *hidden != '\0')
		return unhide(user, hidden);
	plain = mail_user_set_plugin_getenv(set, "agamid_pass");
	return plain == NULL ? "" : p_strdup(user->pool, plain);
}

bool
compat_get_settings(struct mail_user *user, struct compat_settings *s_r)
{
	s_r->key = setting(user, "agamid_key");
	s_r->mode = setting(user, "agamid_mode");
	s_r->mailbox = setting(user, "agamid_mailbox");
	s_r->sealed_pub = setting(user, "agamid_sealed_pub");
	s_r->pass = get_pass(user);
	return TRUE;
}

static struct mail_user *
raw_user(struct mail_user *user)
{
	return raw_storage_create_from_set(
	    user->set_info, user->unexpanded_set);
}

#endif

/* The copy of it: Dovecot's own is Dovecot's. */
void
compat_forget_pass(struct compat_settings *s)
{
	explicit_bzero((char *)s->pass, strlen(s->pass));
	s->pass = NULL;
}

struct mail_user *
compat_raw_user(struct mail_user *user)
{
	struct mail_user *raw = raw_user(user);
	struct mail_user_settings *set =
	    p_new(raw->pool, struct mail_user_settings, 1);

	*set = *raw->set;
	set->mail_temp_dir = TEMP_DIR;
	raw->set = set;
	return raw;
}
