/* SPDX-License-Identifier: MIT */
/*
 * plugin - the hooks of lib05_agamid_plugin.so. The number makes it the
 * outermost of Dovecot's usual plugins: what it calls "super" includes
 * mail_crypt and zlib.
 *
 * It works in imap and pop3 only, where a person with the password is at
 * the other end. In doveadm, dsync, lmtp or indexer it would write
 * plaintext into files, so there it does nothing, and says so.
 */
#include "dovecot-plugin/plugin.h"
#include "dovecot-plugin/quiet.h"

#include "master-service.h"
#include "module-dir.h"

#define CACHE_BYTES (8U << 20)
#define CACHE_MAILS 128
#define KEY_DEFAULT ".agamid/secret.pgp"

#define EXPORT __attribute__((visibility("default")))

extern EXPORT const char *agamid_plugin_version;
EXPORT void agamid_plugin_init(struct module *module);
EXPORT void agamid_plugin_deinit(void);

const char *agamid_plugin_version = DOVECOT_ABI_VERSION;

static MODULE_CONTEXT_DEFINE_INIT(plugin_module, &mail_user_module_register);

struct agamid_user *
agamid_user(struct mail_user *user)
{
	return (struct agamid_user *)MODULE_CONTEXT(user, plugin_module);
}

static bool
is_for_people(const char *service)
{
	return strcmp(service, "imap") == 0 || strcmp(service, "pop3") == 0;
}

static void
user_deinit(struct mail_user *user)
{
	struct agamid_user *u = agamid_user(user);

	opened_clear(&u->cache);
	if (u->raw_user != NULL)
		mail_user_deinit(&u->raw_user);
	unlock_free(&u->unlock);
	u->module_ctx.super.deinit(user);
}

/* The key's path, or NULL where the user has no home to have one in. */
static const char *
key_path(struct mail_user *user, const struct compat_settings *set)
{
	const char *home;

	if (*set->key != '\0')
		return set->key;
	if (mail_user_get_home(user, &home) <= 0)
		return NULL;
	return p_strdup_printf(user->pool, "%s/" KEY_DEFAULT, home);
}

/* The copy of the password that unlock.c has is wiped; Dovecot's own is
 * Dovecot's. */
static struct unlock *
make_unlock(struct mail_user *user, struct compat_settings *set)
{
	const char *path = key_path(user, set);

	if (path == NULL) {
		e_debug(user->event, "agamid: no home, no key");
		return NULL;
	}
	set->key = path;
	return unlock_new(path, set->pass);
}

static void
user_created(struct mail_user *user)
{
	struct mail_user_vfuncs *v = user->vlast;
	struct agamid_user *u;

	if (user->autocreated || !is_for_people(user->service))
		return;
	u = p_new(user->pool, struct agamid_user, 1);
	if (!compat_get_settings(user, &u->set) ||
	    (u->unlock = make_unlock(user, &u->set)) == NULL)
		return;
	compat_forget_pass(&u->set);
	u->unseals = strcmp(u->set.mode, "unseal") == 0;
	if (!u->unseals && *u->set.mode != '\0' &&
	    strcmp(u->set.mode, "view") != 0)
		e_error(user->event,
		    "agamid: agamid_mode=%s: expected view or unseal",
		    u->set.mode);
	u->cache.bytes_max = CACHE_BYTES;
	u->cache.count_max = CACHE_MAILS;
	u->module_ctx.super = *v;
	user->vlast = &u->module_ctx.super;
	v->deinit = user_deinit;
	MODULE_CONTEXT_SET(user, plugin_module, u);
}

static void
namespaces_created(struct mail_namespace *namespaces)
{
	struct mail_user *user = namespaces->user;
	struct agamid_user *u = agamid_user(user);

	if (u != NULL && u->unseals)
		unseal_inbox(user, u);
}

static struct mail_storage_hooks hooks = {
    .mail_user_created = user_created,
    .mail_namespaces_created = namespaces_created,
    .mailbox_allocated = view_mailbox_allocated,
    .mail_allocated = view_mail_allocated,
};

static bool is_hooked;

void
agamid_plugin_init(struct module *module)
{
	const char *name = master_service_get_name(master_service);

	is_hooked = is_for_people(name);
	if (is_hooked)
		mail_storage_hooks_add(module, &hooks);
	else
		i_warning("agamid: does nothing in %s; load it in protocol "
			  "imap and protocol pop3 only",
		    name);
}

void
agamid_plugin_deinit(void)
{
	if (is_hooked)
		mail_storage_hooks_remove(&hooks);
	quiet_free();
}
