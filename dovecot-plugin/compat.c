/* SPDX-License-Identifier: MIT */
/*
 * compat - Dovecot 2.3 and 2.4. See compat.h.
 *
 * 2.3: settings are in plugin {}; passing user->set to raw_storage_create
 * panics (its variables are expanded already), unexpanded_set works. The
 * password is taken from unexpanded_set as well: p%u would become pfrank.
 *
 * 2.4: settings are declared, and come from the user's event.
 */
#include "dovecot-plugin/compat.h"

#include "raw-storage.h"

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

void
compat_forget_pass(struct compat_settings *s)
{
	explicit_bzero((char *)s->pass, strlen(s->pass));
	s->pass = NULL;
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

static const char *
setting(struct mail_user *user, const char *name)
{
	const char *value = mail_user_plugin_getenv(user, name);

	return value == NULL ? "" : value;
}

bool
compat_get_settings(struct mail_user *user, struct compat_settings *s_r)
{
	s_r->key = setting(user, "agamid_key");
	s_r->mode = setting(user, "agamid_mode");
	s_r->mailbox = setting(user, "agamid_mailbox");
	s_r->sealed_pub = setting(user, "agamid_sealed_pub");
	s_r->pass =
	    mail_user_set_plugin_getenv(user->unexpanded_set, "agamid_pass");
	if (s_r->pass == NULL)
		s_r->pass = "";
	return TRUE;
}

/* It is Dovecot's own. */
void
compat_forget_pass(struct compat_settings *s)
{
	s->pass = NULL;
}

static struct mail_user *
raw_user(struct mail_user *user)
{
	return raw_storage_create_from_set(
	    user->set_info, user->unexpanded_set);
}

#endif

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
