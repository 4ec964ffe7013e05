/* SPDX-License-Identifier: MIT */
/*
 * idle_milter - a milter that is told everything of each mail and does
 * nothing: what any milter costs Postfix, for tests/bench.
 *
 *	idle_milter SOCKET
 *
 * SECURITY: for measurements only; installed nowhere.
 */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>

static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	(void)ctx, (void)name, (void)address;
	return SMFIS_CONTINUE;
}

static sfsistat
on_words(SMFICTX *ctx, char **words)
{
	(void)ctx, (void)words;
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx, (void)name, (void)value;
	return SMFIS_CONTINUE;
}

static sfsistat
on_event(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t len)
{
	(void)ctx, (void)data, (void)len;
	return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
	static char name[] = "idle";
	struct smfiDesc milter = {
	    .xxfi_name = name,
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_connect = on_connect,
	    .xxfi_envfrom = on_words,
	    .xxfi_envrcpt = on_words,
	    .xxfi_header = on_header,
	    .xxfi_eoh = on_event,
	    .xxfi_body = on_body,
	    .xxfi_eom = on_event,
	    .xxfi_abort = on_event,
	    .xxfi_close = on_event,
	};

	if (argc != 2) {
		fprintf(stderr, "usage: idle_milter SOCKET\n");
		return 2;
	}
	if (smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_register(milter) != MI_SUCCESS)
		return 1;
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
