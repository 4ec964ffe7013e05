/* SPDX-License-Identifier: MIT */
/*
 * lmtp_home - the door to the own mail store; see lmtp_home.h.
 *
 * Recipients that share a key share a connection to the store, on which
 * MAIL and RCPT are said as they come: so the store's answer to RCPT is
 * the answer. DATA follows when it is known what is to be stored: a
 * wrapper when it is whole, all else as it streams in.
 *
 * SECURITY: the beginning of a message, held back until it is known
 * whether it is sealed already, is in memory only, and is wiped. Postfix
 * alone reaches the socket; what it sends has CRLF lines, so no line end
 * that only one of us and the store would know can end a message early.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "milter/at_home.h"
#include "milter/lmtp_home.h"
#include "milter/marker.h"
#include "milter/store.h"
#include "milter/wrap.h"
#include "util/fault.h"
#include "util/log.h"

#define HEAD_MAX 65536 /* held back, looking whether it is sealed */
#define PIECE 16384

/* What is done with a group's mail. */
enum how { LOOKING, WRAPPING, PASSING };

struct group {
	char mailbox[SEALED_MAILBOX_MAX + 1]; /* "": not sealed here */
	const char *key; /* its fingerprint; the view's */
	struct store *store;
	unsigned rcpts; /* that the store accepts */
	enum how how;
	struct wrap_look look;
	struct buf head;
	struct wrap *wrap;
	char reply[STORE_LINE_MAX]; /* to all of it; "": the store's */
};

struct home {
	const struct lmtp_context *ctx;
	struct store *idle; /* a connection for the next group */
	struct buf table; /* at_home.h; of the transaction */
	struct group groups[LMTP_GROUPS_MAX];
	size_t group_count;
	unsigned char rcpt_group[LMTP_RCPT_MAX]; /* in their order */
	size_t rcpt_count;
};

/* ---- the connection's life ---- */

static void *
home_open(const struct lmtp_context *ctx)
{
	struct home *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->ctx = ctx;
	buf_init(&h->table, AT_HOME_MAX);
	return h;
}

static void
put_back(struct home *h, struct store **s)
{
	if (h->idle == NULL && *s != NULL && store_is_idle(*s)) {
		h->idle = *s;
		*s = NULL;
	}
	store_free(s);
}

static void
home_reset(void *door)
{
	struct home *h = door;
	struct group *g;
	size_t i;

	for (i = 0; i < h->group_count; i++) {
		g = &h->groups[i];
		wrap_free(&g->wrap);
		buf_wipe(&g->head);
		put_back(h, &g->store);
	}
	h->group_count = h->rcpt_count = 0;
	buf_reset(&h->table);
}

static void
home_close(void *door)
{
	struct home *h = door;

	store_free(&h->idle);
	buf_free(&h->table);
	free(h);
}

/* Who says LHLO to the store. */
static const char *
own_host(const struct network *net)
{
	return net != NULL ? network_self(net)->host : "localhost";
}

static int
connect_store(struct home *h, const struct network *net, struct store **s_r)
{
	const char *path = sealer_conf(h->ctx->sealer)->lmtp_socket;
	struct error error = {""};
	int rc;

	*s_r = h->idle;
	h->idle = NULL;
	if (*s_r != NULL)
		return 0;
	rc = store_open(path, own_host(net), s_r, &error);
	if (rc < 0)
		log_warn("the mail store does not answer socket=%s error=%s",
		    path, error.text);
	return rc;
}

static int
home_hello(void *door)
{
	struct home *h = door;
	struct network *net = network_current(h->ctx->source, NULL);
	const struct smtp_offer *o;
	struct store *s;
	int rc, offers = 0;

	store_free(&h->idle); /* it may be long gone */
	rc = connect_store(h, net, &s);
	network_unref(&net);
	if (rc < 0)
		return -1;
	o = store_offer(s);
	offers |= o->eightbitmime ? LMTP_8BITMIME : 0;
	offers |= o->smtputf8 ? LMTP_SMTPUTF8 : 0;
	offers |= o->dsn ? LMTP_DSN : 0;
	h->idle = s;
	return offers;
}

/* Own mail: Postfix's limit, and the store's, are enough. */
static uint64_t
home_limit(const void *door)
{
	(void)door;
	return 0;
}

/* ---- recipients ---- */

/* Whose mail is it, and with which key is it sealed? */
static enum answer
judge(struct home *h, const struct lmtp_mail *m, const char *path,
    char mailbox_r[SEALED_MAILBOX_MAX + 1], const char **key_r)
{
	const struct manifest_mailbox *box;
	struct error error = {""};
	struct address rcpt;

	mailbox_r[0] = '\0';
	*key_r = "";
	if (address_parse(path, &rcpt) != AG_OK || rcpt.null)
		return ANSWER_BAD_RCPT;
	if (h->rcpt_count == 0) {
		buf_reset(&h->table);
		if (at_home_load(network_dir(m->net), &h->table, &error) < 0) {
			log_warn(
			    "can't tell who is sealed error=%s", error.text);
			return ANSWER_TROUBLE;
		}
	}
	if (!at_home_find(&h->table, &rcpt, mailbox_r))
		return ANSWER_OK;
	box = manifest_mailbox(network_self(m->net), mailbox_r);
	if (box == NULL || !sealer_key_usable(h->ctx->sealer, m->net, box->fpr))
		return ANSWER_NO_KEY;
	*key_r = box->fpr;
	return ANSWER_OK;
}

/* Armor is a third longer. */
static uint64_t
stored_size(const struct group *g, uint64_t size)
{
	return g->key[0] != '\0' && size < UINT64_MAX / 2 ? size + size / 2
							  : size;
}

/* 0, or negative with what was said to MAIL in line_r ("": nothing). */
static int
begin_group(struct home *h, const struct lmtp_mail *m, struct group *g,
    char line_r[STORE_LINE_MAX])
{
	struct error error = {""};
	int rc;

	line_r[0] = '\0';
	if ((rc = connect_store(h, m->net, &g->store)) < 0)
		return rc;
	rc = store_mail(
	    g->store, &m->envelope.mail, stored_size(g, m->size), &error);
	if (rc < 0) {
		log_warn("the mail store fails error=%s", error.text);
		return rc;
	}
	if (store_accepts(g->store))
		return 0;
	store_reply(g->store, line_r);
	return AG_EAGAIN;
}

/* The group of this mailbox, made if need be. NULL: line_r says why. */
static struct group *
find_group(struct home *h, const struct lmtp_mail *m, const char *mailbox,
    const char *key, char line_r[STORE_LINE_MAX])
{
	struct group *g;
	size_t i;

	for (i = 0; i < h->group_count; i++) {
		if (strcmp(h->groups[i].mailbox, mailbox) == 0)
			return &h->groups[i];
	}
	answer_write(ANSWER_TOO_MANY, line_r, STORE_LINE_MAX);
	if (h->group_count == LMTP_GROUPS_MAX)
		return NULL;
	g = &h->groups[h->group_count];
	memset(g, 0, sizeof(*g));
	strcpy(g->mailbox, mailbox);
	g->key = key;
	buf_init(&g->head, HEAD_MAX);
	wrap_look_init(&g->look);
	if (begin_group(h, m, g, line_r) < 0) {
		store_free(&g->store);
		if (line_r[0] == '\0')
			answer_write(ANSWER_NO_STORE, line_r, STORE_LINE_MAX);
		return NULL;
	}
	h->group_count++;
	return g;
}

/* True if the store takes it; line_r is what is said. */
static bool
add_rcpt(struct home *h, const struct lmtp_mail *m,
    const struct bsmtp_path *rcpt, char line_r[STORE_LINE_MAX])
{
	char mailbox[SEALED_MAILBOX_MAX + 1];
	struct error error = {""};
	const char *key;
	struct group *g;
	enum answer a;

	if ((a = judge(h, m, rcpt->path, mailbox, &key)) != ANSWER_OK) {
		answer_write(a, line_r, STORE_LINE_MAX);
		return false;
	}
	if ((g = find_group(h, m, mailbox, key, line_r)) == NULL)
		return false;
	if (store_rcpt(g->store, rcpt, &error) < 0) {
		log_warn("the mail store fails error=%s", error.text);
		answer_write(ANSWER_NO_STORE, line_r, STORE_LINE_MAX);
		return false;
	}
	store_reply(g->store, line_r);
	if (!store_accepts(g->store))
		return false;
	h->rcpt_group[h->rcpt_count++] = g - h->groups;
	g->rcpts++;
	return true;
}

static bool
home_rcpt(void *door, const struct lmtp_mail *m, const struct bsmtp_path *rcpt,
    struct buf *reply)
{
	char line[STORE_LINE_MAX];
	bool taken = add_rcpt(door, m, rcpt, line);

	lmtp_say(reply, line);
	if (!taken)
		log_info("refused rcpt=%s queue=%s reply=%.3s", rcpt->path,
		    m->client.ident, line);
	return taken;
}

/* ---- a group's message ---- */

static void
fail(struct group *g, enum answer a)
{
	if (g->reply[0] == '\0')
		answer_write(a, g->reply, sizeof(g->reply));
}

/* The last word to the store was heard if rc says so. */
static bool
went_well(struct group *g, int rc, const struct error *error)
{
	if (rc < 0) {
		log_warn("the mail store fails error=%s", error->text);
		fail(g, ANSWER_NO_STORE);
	}
	return rc >= 0;
}

/* DATA; false: there is a reply to all. */
static bool
begin_data(struct group *g)
{
	struct error error = {""};

	if (!went_well(g, store_data(g->store, &error), &error))
		return false;
	if (store_accepts(g->store))
		return true;
	store_reply(g->store, g->reply);
	return false;
}

static void
pass(struct group *g, const void *data, size_t len)
{
	struct error error = {""};

	if (g->reply[0] == '\0')
		went_well(g, store_write(g->store, data, len, &error), &error);
}

static void
seal(struct group *g, const void *data, size_t len)
{
	enum answer a = wrap_push(g->wrap, data, len);

	if (a != ANSWER_OK)
		fail(g, a);
}

/* It is known whether it is sealed here: what was held back goes its way. */
static void
decide(struct home *h, const struct lmtp_mail *m, struct group *g, bool here)
{
	enum answer a;

	g->how = here ? WRAPPING : PASSING;
	if (!here) {
		if (begin_data(g))
			pass(g, g->head.data, g->head.len);
	} else {
		a = wrap_new(
		    h->ctx->sealer, m->net, g->key, time(NULL), &g->wrap);
		if (a != ANSWER_OK)
			fail(g, a);
		else
			seal(g, g->head.data, g->head.len);
	}
	buf_wipe(&g->head);
	buf_init(&g->head, HEAD_MAX);
}

/* Hold it back until it is known what it is; how much was taken. */
static size_t
look(struct home *h, const struct lmtp_mail *m, struct group *g,
    const void *data, size_t len)
{
	size_t room = HEAD_MAX - g->head.len, n = len < room ? len : room;
	int found = wrap_look_put(&g->look, data, n);

	if (buf_put(&g->head, data, n) < 0)
		fail(g, ANSWER_TROUBLE);
	else if (found != AG_EAGAIN || g->head.len == HEAD_MAX)
		decide(h, m, g, found != 1);
	return n;
}

static void
push(struct home *h, const struct lmtp_mail *m, struct group *g,
    const char *data, size_t len)
{
	size_t n;

	if (g->how == LOOKING && g->key[0] == '\0')
		decide(h, m, g, false);
	while (len > 0 && g->reply[0] == '\0' && g->how == LOOKING) {
		n = look(h, m, g, data, len);
		data += n;
		len -= n;
	}
	if (len == 0 || g->reply[0] != '\0')
		return;
	if (g->how == PASSING)
		pass(g, data, len);
	else
		seal(g, data, len);
}

static void
home_data(void *door, const struct lmtp_mail *m, const void *data, size_t len)
{
	struct home *h = door;
	size_t i;

	for (i = 0; i < h->group_count; i++) {
		if (h->groups[i].rcpts > 0)
			push(h, m, &h->groups[i], data, len);
	}
}

/* ---- its end ---- */

/* The mark, as a header field. A node without the key for it (its keys are
 * older than marks) stores without: any OpenPGP program opens that. */
static bool
make_mark(const struct home *h, struct group *g,
    const uint8_t hash[SEALED_HASH_SIZE], struct buf *field)
{
	const char *run_dir = sealer_conf(h->ctx->sealer)->run_dir;
	char value[SEALED_MARK_MAX];
	struct error error = {""};
	int rc;

	rc = marker_ask(run_dir, g->mailbox, hash, value, &error);
	if (rc == 0)
		rc = buf_printf(field, SEALED_FIELD ": %s\r\n", value);
	else if (rc == AG_ENOENT)
		rc = 0;
	if (rc == 0)
		return true;
	log_warn("not marked mailbox=%s error=%s", g->mailbox, error.text);
	fail(g, ANSWER_TROUBLE);
	return false;
}

static void
copy_wrapper(struct group *g)
{
	char piece[PIECE];
	ssize_t n;

	while ((n = wrap_read(g->wrap, piece, sizeof(piece))) > 0 &&
	    g->reply[0] == '\0')
		pass(g, piece, (size_t)n);
	if (n < 0)
		fail(g, ANSWER_TROUBLE);
}

static void
store_wrapper(struct home *h, struct group *g)
{
	uint8_t hash[SEALED_HASH_SIZE];
	struct buf field;
	enum answer a;

	if ((a = wrap_end(g->wrap, hash)) != ANSWER_OK) {
		fail(g, a);
		return;
	}
	buf_init(&field, SEALED_MARK_MAX + 64);
	if (make_mark(h, g, hash, &field) && begin_data(g)) {
		pass(g, field.data, field.len);
		copy_wrapper(g);
	}
	buf_free(&field);
}

static void
finish(struct home *h, const struct lmtp_mail *m, struct group *g)
{
	struct error error = {""};

	if (g->reply[0] == '\0' && g->how == LOOKING)
		decide(h, m, g, g->key[0] != '\0');
	if (g->reply[0] == '\0' && g->how == WRAPPING)
		store_wrapper(h, g);
	if (g->reply[0] == '\0' && fault_point("home.dot"))
		fail(g, ANSWER_TROUBLE);
	if (g->reply[0] == '\0')
		went_well(g, store_end(g->store, &error), &error);
}

/* For the next recipient of this group. */
static void
take_reply(struct group *g, char line_r[STORE_LINE_MAX])
{
	struct error error = {""};

	if (g->reply[0] == '\0')
		went_well(g, store_next(g->store, &error), &error);
	if (g->reply[0] == '\0')
		store_reply(g->store, line_r);
	else
		strcpy(line_r, g->reply);
}

static void
log_result(const struct lmtp_mail *m, const struct group *g, const char *line)
{
	static const char *const how[] = {"failed", "sealed", "passed"};

	log_info("stored mailbox=%s how=%s queue=%s reply=%.3s",
	    g->mailbox[0] != '\0' ? g->mailbox : "-", how[g->how],
	    m->client.ident, line);
}

static void
home_end(void *door, const struct lmtp_mail *m, struct buf *reply)
{
	char line[STORE_LINE_MAX];
	struct home *h = door;
	struct group *g;
	size_t i;

	for (i = 0; i < h->group_count; i++) {
		if (h->groups[i].rcpts > 0)
			finish(h, m, &h->groups[i]);
	}
	for (i = 0; i < h->rcpt_count; i++) {
		g = &h->groups[h->rcpt_group[i]];
		take_reply(g, line);
		lmtp_say(reply, line);
		log_result(m, g, line);
	}
}

const struct lmtp_door lmtp_home = {
    .open = home_open,
    .close = home_close,
    .hello = home_hello,
    .limit = home_limit,
    .rcpt = home_rcpt,
    .data = home_data,
    .end = home_end,
    .reset = home_reset,
};
