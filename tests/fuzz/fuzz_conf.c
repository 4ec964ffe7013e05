/* SPDX-License-Identifier: MIT */
/*
 * fuzz_conf - lib/mail/conf.c: any bytes give a configuration within its
 * ranges or errors; what is printed of one is read again as the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/conf.h"

#define ERRORS_MAX (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_ranges(const struct conf *c)
{
	size_t i;

	if (c->node == NULL || c->node[0] == '\0' || strlen(c->node) > 32 ||
	    c->max_message_size < 65536 || c->sealing_max < 1 ||
	    c->sealing_max > 256 || c->sealing_timeout < 5 ||
	    c->retry_min < 1 || c->retry_min > c->retry_max ||
	    c->retry_max > 86400 || c->deliver_parallel < 1 ||
	    c->deliver_parallel > 16 || c->queue_dir[0] != '/')
		abort();
	for (i = 0; i < c->mailbox_count; i++) {
		if (conf_deliver_to(c, c->mailboxes[i].name) == NULL ||
		    strpbrk(c->mailboxes[i].deliver_to, " ,\t\r\n$|/\"':") !=
			NULL)
			abort();
	}
}

static char *
print(const struct conf *c, size_t *len_r)
{
	char *text = NULL;
	FILE *out;

	*len_r = 0;
	out = open_memstream(&text, len_r);
	if (out == NULL || conf_print(c, out) != 0 || fclose(out) != 0)
		abort();
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct conf *c, *again;
	char *text, *text2;
	struct buf errors;
	size_t n, n2;

	buf_init(&errors, ERRORS_MAX);
	c = conf_parse("fuzz", data, len, "/root", &errors);
	if (c == NULL) {
		if (errors.len == 0)
			abort();
	} else {
		check_ranges(c);
		text = print(c, &n);
		again = conf_parse("fuzz", text, n, "/root", &errors);
		if (again == NULL)
			abort();
		text2 = print(again, &n2);
		if (n != n2 || memcmp(text, text2, n) != 0)
			abort();
		free(text);
		free(text2);
		conf_free(&again);
	}
	conf_free(&c);
	buf_free(&errors);
	return 0;
}
