/* SPDX-License-Identifier: MIT */
/*
 * world - what the world's DNS says about a domain. See world.h.
 *
 * SECURITY: the answer comes from the network. It is read by the C
 * library's parser, bounded, and printed by functions that escape.
 */
#include "cli/world.h"

#include <sys/types.h>
#include <netinet/in.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX 16384
#define MX_MAX 16
#define TRY_SECONDS 3

struct mx {
	unsigned preference;
	char host[NS_MAXDNAME];
};

static int
compare_mx(const void *a, const void *b)
{
	const struct mx *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return strcmp(x->host, y->host);
}

static size_t
collect(ns_msg *msg, struct mx *list)
{
	const unsigned char *data;
	size_t n = 0;
	ns_rr rr;
	int i;

	for (i = 0; i < ns_msg_count(*msg, ns_s_an) && n < MX_MAX; i++) {
		if (ns_parserr(msg, ns_s_an, i, &rr) < 0)
			break;
		if (ns_rr_type(rr) != ns_t_mx || ns_rr_rdlen(rr) < 3)
			continue;
		data = ns_rr_rdata(rr);
		if (ns_name_uncompress(ns_msg_base(*msg), ns_msg_end(*msg),
			data + 2, list[n].host, sizeof(list[n].host)) < 0)
			continue;
		list[n++].preference = (unsigned)data[0] << 8 | data[1];
	}
	return n;
}

void
world_read_mx(const unsigned char *answer, size_t len, struct buf *out)
{
	struct mx *list = calloc(MX_MAX, sizeof(*list));
	size_t i, n = 0;
	ns_msg msg;

	if (list != NULL && ns_initparse(answer, (int)len, &msg) == 0)
		n = collect(&msg, list);
	if (n > 0)
		qsort(list, n, sizeof(*list), compare_mx);
	for (i = 0; i < n; i++)
		(void)buf_printf(out, "%s%u %s", i > 0 ? ", " : "",
		    list[i].preference,
		    list[i].host[0] != '\0' ? list[i].host : ".");
	if (n == 0)
		(void)buf_puts(out, "no MX");
	free(list);
}

static const char *
why_not(int h_error)
{
	switch (h_error) {
	case HOST_NOT_FOUND:
		return "no such domain";
	case NO_DATA:
		return "no MX";
	default:
		return "not known: DNS can't be asked now";
	}
}

void
world_mx(const char *domain, struct buf *out)
{
	unsigned char *answer = malloc(ANSWER_MAX);
	struct __res_state state;
	int len = -1;

	memset(&state, 0, sizeof(state));
	if (answer == NULL || res_ninit(&state) < 0) {
		(void)buf_puts(out, why_not(TRY_AGAIN));
		free(answer);
		return;
	}
	state.retrans = TRY_SECONDS;
	state.retry = 1;
	len = res_nquery(&state, domain, ns_c_in, ns_t_mx, answer, ANSWER_MAX);
	if (len < 0)
		(void)buf_puts(out, why_not(state.res_h_errno));
	else
		world_read_mx(
		    answer, (size_t)(len < ANSWER_MAX ? len : ANSWER_MAX), out);
	res_nclose(&state);
	free(answer);
}
