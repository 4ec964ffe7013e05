/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tsig - dns-tools/tsig.c and tlsa.c: any text is a key, a list of
 * keys, or an error; a key is whole, and no message has its secret in it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns-tools/tlsa.h"
#include "dns-tools/tsig.h"
#include "util/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_tsig(const char *text)
{
	struct tsig_key key;
	struct error why = {""};
	size_t name;

	if (tsig_parse(text, &key, &why) != 0) {
		if (why.text[0] == '\0' || key.secret[0] != '\0')
			abort();
		return;
	}
	name = strlen(key.name);
	if (name < 2 || name > 254 || key.name[name - 1] != '.' ||
	    key.secret[0] == '\0' ||
	    (strcmp(key.algorithm, "hmac-sha256.") != 0 &&
		strcmp(key.algorithm, "hmac-sha512.") != 0))
		abort();
}

static void
check_tlsa(const char *text)
{
	struct zone_tlsa *list;
	struct error why;
	size_t i, count;

	if (tlsa_parse(text, &list, &count, &why) != 0) {
		if (list != NULL || count != 0)
			abort();
		return;
	}
	for (i = 0; i < count; i++) {
		if (!text_is_hex(list[i].hash, 64) || list[i].node[0] == '\0')
			abort();
	}
	tlsa_free((const struct zone_tlsa **)(uintptr_t)&list, count);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	if (text == NULL)
		return 0;
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	check_tsig(text);
	check_tlsa(text);
	free(text);
	return 0;
}
