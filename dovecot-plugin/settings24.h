/* SPDX-License-Identifier: MIT */
/*
 * settings24 - the plugin's settings as Dovecot 2.4 wants them declared:
 * in the plugin, and in a module of their own (libagamid_settings.so) that
 * the process which reads dovecot.conf loads.
 */
#ifndef AGAMID_PLUGIN_SETTINGS24_H
#define AGAMID_PLUGIN_SETTINGS24_H

#include "lib.h"
#include "settings-parser.h"

struct agamid_settings {
	pool_t pool;
	const char *agamid_key, *agamid_mode, *agamid_mailbox;
	const char *agamid_sealed_pub, *agamid_pass;
};

extern const struct setting_parser_info agamid_setting_parser_info;

#endif
