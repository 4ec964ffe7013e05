/* SPDX-License-Identifier: MIT */
/*
 * settings24 - the plugin's settings. See settings24.h.
 *
 * The password is one in which no variable is expanded.
 */
#include "dovecot-plugin/settings24.h"

#define EXPORT __attribute__((visibility("default")))
#define DEF(type, name) \
	SETTING_DEFINE_STRUCT_##type(#name, name, struct agamid_settings)

extern EXPORT const char *agamid_settings_version;
extern EXPORT const struct setting_parser_info *agamid_settings_set_infos[];

static const struct setting_define defines[] = {
    DEF(STR, agamid_key),
    DEF(STR, agamid_mode),
    DEF(STR, agamid_mailbox),
    DEF(STR, agamid_sealed_pub),
    DEF(STR_NOVARS, agamid_pass),
    SETTING_DEFINE_LIST_END,
};

static const struct agamid_settings defaults = {
    .agamid_key = "",
    .agamid_mode = "",
    .agamid_mailbox = "",
    .agamid_sealed_pub = "",
    .agamid_pass = "",
};

const struct setting_parser_info agamid_setting_parser_info = {
    .name = "agamid",
    .defines = defines,
    .defaults = &defaults,
    .struct_size = sizeof(struct agamid_settings),
    .pool_offset1 = 1 + offsetof(struct agamid_settings, pool),
};

/* What the module is loaded for; in the plugin nobody looks at it. */
const char *agamid_settings_version = DOVECOT_ABI_VERSION;
const struct setting_parser_info *agamid_settings_set_infos[] = {
    &agamid_setting_parser_info,
    NULL,
};
