/* SPDX-License-Identifier: MIT */
/* test_relay_addresses - relayd/addresses.c: whoever answers first, of
 * addresses on the loopback interface. */
#include "help.h"

#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relayd/addresses.h"

#define HOSTS 3
#define FILLERS 4
#define PATIENT_MS 30000

enum door { OPEN, CLOSED, SILENT };

struct lane { /* one address, 127.0.0.(2 + n) */
	int listener, fillers[FILLERS];
};

struct street {
	struct lane lanes[HOSTS];
	unsigned port;
	char text[HOSTS][16];
	char *list[HOSTS];
	struct manifest m;
	/* what was heard */
	char heard[512];
	const char *wanted; /* NULL: whoever answers */
};

static struct sockaddr_in
address(unsigned host, unsigned port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(0x7f000002 + host)};

	return sin;
}

static int
make_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

/* A listener whose queue is full answers no SYN. */
static void
fill(struct lane *l, const struct sockaddr_in *sin)
{
	int i;

	for (i = 0; i < FILLERS; i++) {
		l->fillers[i] = make_socket();
		(void)connect(
		    l->fillers[i], (const struct sockaddr *)sin, sizeof(*sin));
	}
}

static void
build(struct street *s, unsigned host, enum door door)
{
	struct sockaddr_in sin = address(host, s->port);
	socklen_t len = sizeof(sin);
	struct lane *l = &s->lanes[host];

	snprintf(s->text[host], sizeof(s->text[host]), "127.0.0.%u", 2 + host);
	s->list[host] = s->text[host];
	l->listener = make_socket();
	memset(l->fillers, -1, sizeof(l->fillers));
	assert_return_code(
	    bind(l->listener, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_return_code(
	    getsockname(l->listener, (struct sockaddr *)&sin, &len), 0);
	s->port = ntohs(sin.sin_port);
	if (door != CLOSED)
		assert_return_code(
		    listen(l->listener, door == OPEN ? 8 : 0), 0);
	if (door == SILENT)
		fill(l, &sin);
}

static void
build_all(struct street *s, enum door first, enum door second, enum door third)
{
	memset(s, 0, sizeof(*s));
	build(s, 0, first);
	build(s, 1, second);
	build(s, 2, third);
	s->m.addresses = s->list;
	s->m.address_count = HOSTS;
}

static void
tear_down(struct street *s)
{
	unsigned host;
	int i;

	for (host = 0; host < HOSTS; host++) {
		close(s->lanes[host].listener);
		for (i = 0; i < FILLERS; i++) {
			if (s->lanes[host].fillers[i] >= 0)
				close(s->lanes[host].fillers[i]);
		}
	}
}

/* address_fn */
static bool
hear(const char *where, int fd, const char *error, void *ctx)
{
	struct street *s = ctx;
	size_t len = strlen(s->heard);

	snprintf(s->heard + len, sizeof(s->heard) - len, "%s%c%s",
	    len == 0 ? "" : " ", where[strlen(where) - 1],
	    fd >= 0				   ? ""
		: strstr(error, "refused") != NULL ? "r"
						   : "t");
	if (fd >= 0)
		close(fd);
	return fd >= 0 && (s->wanted == NULL || strcmp(where, s->wanted) == 0);
}

static bool
dial(struct street *s, int timeout_ms)
{
	return addresses_dial(&s->m, s->port, timeout_ms, hear, s);
}

static void
first_answers(void **state)
{
	struct street s;

	(void)state;
	build_all(&s, OPEN, OPEN, OPEN);
	assert_true(dial(&s, PATIENT_MS));
	assert_string_equal(s.heard, "2");
	tear_down(&s);
}

static void
refused_is_passed(void **state)
{
	struct street s;

	(void)state;
	build_all(&s, CLOSED, CLOSED, OPEN);
	assert_true(dial(&s, PATIENT_MS));
	assert_string_equal(s.heard, "2r 3r 4");
	tear_down(&s);
}

/* SPEC */
static void
silence_holds_nobody_up(void **state)
{
	struct street s;

	(void)state;
	build_all(&s, SILENT, SILENT, OPEN);
	assert_true(dial(&s, PATIENT_MS)); /* else "2t" stood there */
	assert_string_equal(s.heard, "4");
	tear_down(&s);
}

/* It answers, and is another: the rest is still tried. */
static void
others_follow(void **state)
{
	struct street s;

	(void)state;
	build_all(&s, OPEN, SILENT, OPEN);
	s.wanted = s.text[2];
	assert_true(dial(&s, PATIENT_MS));
	assert_string_equal(s.heard, "2 4");
	tear_down(&s);
}

static void
nobody(void **state)
{
	struct street s;

	(void)state;
	build_all(&s, SILENT, CLOSED, SILENT);
	assert_false(dial(&s, 600));
	assert_string_equal(s.heard, "3r 2t 4t");
	s.m.address_count = 0;
	s.heard[0] = '\0';
	assert_false(dial(&s, 600));
	assert_string_equal(s.heard, "");
	tear_down(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    help_test(first_answers),
	    help_test(refused_is_passed),
	    help_test(silence_holds_nobody_up),
	    help_test(others_follow),
	    help_test(nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
