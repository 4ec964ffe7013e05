/* SPDX-License-Identifier: MIT */
/*
 * trace - what became of one bundle. See trace.h.
 *
 * SECURITY: texts are of peers, of senders and of Postfix: cleaned by
 * screen_word() where they stand in a line.
 */
#include "cli/trace.h"

#include <stdlib.h>
#include <string.h>

#include "cli/jsonout.h"
#include "cli/relay.h"
#include "cli/show.h"
#include "util/text.h"

#define WORDS_MAX 512

struct event {
	int64_t at;
	char what[16], id[BUNDLE_ID_LEN + 1], who[NODE_NAME_MAX + 1];
	char text[WORDS_MAX];
};

static bool
parse_event(const char *line, size_t len, struct event *e_r)
{
	memset(e_r, 0, sizeof(*e_r));
	if (!relay_value(line, len, "what", e_r->what, sizeof(e_r->what)))
		return false;
	e_r->at = (int64_t)relay_number(line, len, "at");
	relay_value(line, len, "id", e_r->id, sizeof(e_r->id));
	relay_value(line, len, "who", e_r->who, sizeof(e_r->who));
	relay_value(line, len, "text", e_r->text, sizeof(e_r->text));
	return true;
}

/* What it means, and who said it. */
static void
describe(const struct event *e, char *out, size_t size)
{
	static const struct {
		const char *what, *words;
	} kinds[] = {
	    {"accepted", "%s accepted and sealed it, and keeps it"},
	    {"brought", "%s brought it here"},
	    {"drawn", "%s was drawn to hold it"},
	    {"stored", "%s took it from here, and has it safely"},
	    {"has", "%s says that it has it"},
	    {"refused", "%s would not take it"},
	    {"receipt", "%s, its home, signed that it is there"},
	    {"removed", "%s removed its copy"},
	    {"outcome", "agamid-deliver: %s"},
	    {"told", "%s offered it, and was told that it is at home"},
	    {"expired", "its time was over at %s, which deleted its copy"},
	};
	const char *words = "%s";
	char who[NODE_NAME_MAX + 1], text[WORDS_MAX];
	size_t i, at;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].what, e->what) == 0)
			words = kinds[i].words;
	}
	screen_word(e->who, who, sizeof(who));
	screen_word(e->text, text, sizeof(text));
	at = (size_t)(strstr(words, "%s") - words);
	snprintf(out, size, "%.*s%s%s%s%s", (int)at, words, who, words + at + 2,
	    text[0] != '\0' && strcmp(text, "-") != 0 ? ": " : "",
	    strcmp(text, "-") != 0 ? text : "");
}

static bool
first_line(const struct buf *answer, const char **line_r, size_t *len_r)
{
	struct cursor c;

	cursor_init(&c, buf_str(answer), answer->len);
	return cursor_line(&c, line_r, len_r);
}

void
trace_init(struct trace *t, const char *self, const struct buf *relay,
    const struct buf *deliver)
{
	const char *line;
	size_t len;

	memset(t, 0, sizeof(*t));
	t->self = self;
	t->relay = relay;
	t->deliver = deliver;
	if (first_line(relay, &line, &len))
		relay_value(line, len, "id", t->id, sizeof(t->id));
}

bool
trace_is_empty(const struct trace *t)
{
	const char *line;
	char here[8];
	size_t len;

	return first_line(t->relay, &line, &len) &&
	    (!relay_value(line, len, "here", here, sizeof(here)) ||
		strcmp(here, "yes") != 0) &&
	    strstr(buf_str(t->relay), "what=") == NULL &&
	    strchr(buf_str(t->deliver), '\n') ==
	    (t->deliver->len > 0 ? t->deliver->data + t->deliver->len - 1
				 : NULL);
}

/* Text --------------------------------------------------------------------- */

static void
text_copies(
    const char *line, size_t len, const struct screen *s, struct buf *out)
{
	char holders[256], drawn[256], state[32];

	if (relay_value(line, len, "state", state, sizeof(state))) {
		screen_line(out, s, "state    %s", state);
		return;
	}
	relay_value(line, len, "holders", holders, sizeof(holders));
	relay_value(line, len, "drawn", drawn, sizeof(drawn));
	screen_line(out, s, "copies   %llu, known at %s%s%s",
	    (unsigned long long)relay_number(line, len, "copies"),
	    holders[0] != '\0' ? holders : "nobody else",
	    drawn[0] != '\0' ? "; to go to " : "", drawn);
}

static void
text_head(const struct trace *t, const struct screen *s, struct buf *out)
{
	char home[40], acceptor[40], size[32], time[21], word[40];
	const char *line;
	size_t len;

	if (!first_line(t->relay, &line, &len))
		return;
	screen_line(out, s, "bundle   " SCREEN_STRONG "%s" SCREEN_PLAIN, t->id);
	relay_value(line, len, "here", word, sizeof(word));
	if (strcmp(word, "yes") == 0) {
		relay_value(line, len, "home", home, sizeof(home));
		show_size(relay_number(line, len, "size"), size);
		screen_line(out, s, "here     yes, for %s, %s", home, size);
		if (relay_value(
			line, len, "acceptor", acceptor, sizeof(acceptor))) {
			text_time(
			    (int64_t)relay_number(line, len, "time"), time);
			screen_line(out, s,
			    "ticket   by %s at %s, wants %llu nodes", acceptor,
			    time,
			    (unsigned long long)relay_number(
				line, len, "wanted"));
		}
		text_copies(line, len, s, out);
	} else {
		screen_line(out, s, "here     no");
	}
	if (relay_value(line, len, "receipt", home, sizeof(home))) {
		relay_value(line, len, "receipt-key", word, sizeof(word));
		text_time(
		    (int64_t)relay_number(line, len, "receipt-time"), time);
		screen_line(
		    out, s, "receipt  by %s at %s, key %s", home, time, word);
	}
}

static void
text_events(const struct buf *relay, const struct screen *s, bool with_id,
    struct buf *out)
{
	char words[2 * WORDS_MAX], time[21];
	const char *line;
	struct cursor c;
	struct event e;
	size_t len;

	cursor_init(&c, buf_str(relay), relay->len);
	while (cursor_line(&c, &line, &len)) {
		if (!parse_event(line, len, &e))
			continue;
		describe(&e, words, sizeof(words));
		text_time(e.at, time);
		screen_line(out, s, "%s  %s%.*s%s%s", time, with_id ? "" : "",
		    with_id ? 12 : 0, e.id, with_id ? "  " : "", words);
	}
}

/* agamid-deliver's lines as they are, behind the first. */
static void
text_deliver(const struct trace *t, const struct screen *s, struct buf *out)
{
	char words[2 * WORDS_MAX];
	const char *line;
	struct cursor c;
	size_t len;

	cursor_init(&c, buf_str(t->deliver), t->deliver->len);
	if (!cursor_line(&c, &line, &len) || c.left == 0)
		return;
	screen_line(out, s, "At home, agamid-deliver says:");
	while (cursor_line(&c, &line, &len)) {
		snprintf(words, sizeof(words), "%.*s", (int)len, line);
		screen_word(words, words, sizeof(words));
		screen_line(out, s, "  %s", words);
	}
}

void
trace_text(const struct trace *t, const struct screen *s, struct buf *out)
{
	text_head(t, s, out);
	text_events(t->relay, s, false, out);
	text_deliver(t, s, out);
}

void
trace_events_text(
    const struct buf *relay, const struct screen *s, struct buf *out)
{
	text_events(relay, s, true, out);
}

/* JSON ----------------------------------------------------------------------- */

static json_t *
json_events(const struct trace *t)
{
	json_t *list = json_array();
	const char *line;
	struct cursor c;
	struct event e;
	size_t len;

	cursor_init(&c, buf_str(t->relay), t->relay->len);
	while (cursor_line(&c, &line, &len)) {
		if (!parse_event(line, len, &e))
			continue;
		json_array_append_new(list,
		    json_pack("{s:I, s:o, s:o, s:o}", "time", (json_int_t)e.at,
			"what", jsonout_text(e.what), "who",
			jsonout_text(e.who), "text", jsonout_text(e.text)));
	}
	return list;
}

/* The first blank-separated words of a line; the rest stays in the last. */
static unsigned
split(char *line, char **words, unsigned max)
{
	unsigned n = 0;
	char *p = line;

	while (n < max) {
		words[n++] = p;
		p = n < max ? strchr(p, ' ') : NULL;
		if (p == NULL)
			break;
		*p++ = '\0';
	}
	return n;
}

/* "STATE PATH REPLY": a path may hold blanks in quotes. */
static json_t *
json_recipient(char *line)
{
	char *path = strchr(line, ' '), *reply;

	if (path == NULL)
		return json_null();
	*path++ = '\0';
	reply = strstr(path, "> ");
	if (reply != NULL) {
		reply[1] = '\0';
		reply += 2;
	}
	return json_pack("{s:o, s:o, s:o}", "state", jsonout_text(line), "path",
	    jsonout_text(path), "reply",
	    jsonout_text(reply != NULL ? reply : ""));
}

static json_t *
json_delivery(const struct trace *t)
{
	json_t *rcpts = json_array(), *o = NULL;
	char text[2 * WORDS_MAX], *words[6];
	const char *line;
	struct cursor c;
	size_t len;

	cursor_init(&c, buf_str(t->deliver), t->deliver->len);
	if (cursor_line(&c, &line, &len) && cursor_line(&c, &line, &len)) {
		snprintf(text, sizeof(text), "%.*s", (int)len, line);
		if (split(text, words, 6) == 6)
			o = json_pack("{s:o, s:o, s:o, s:o, s:o}", "state",
			    jsonout_text(words[0]), "acceptor",
			    jsonout_text(words[2]), "accepted",
			    jsonout_text(words[3]), "changed",
			    jsonout_text(words[4]), "reason",
			    jsonout_text(words[5]));
	}
	while (o != NULL && cursor_line(&c, &line, &len)) {
		snprintf(text, sizeof(text), "%.*s", (int)len, line);
		json_array_append_new(rcpts, json_recipient(text));
	}
	if (o == NULL) {
		json_decref(rcpts);
		return json_null();
	}
	json_object_set_new(o, "recipients", rcpts);
	return o;
}

static json_t *
json_here(const char *line, size_t len)
{
	char home[40], acceptor[40], holders[256], drawn[256];

	relay_value(line, len, "home", home, sizeof(home));
	relay_value(line, len, "acceptor", acceptor, sizeof(acceptor));
	relay_value(line, len, "holders", holders, sizeof(holders));
	relay_value(line, len, "drawn", drawn, sizeof(drawn));
	return json_pack("{s:o, s:I, s:o, s:I, s:I, s:o, s:o}", "home",
	    jsonout_text(home), "size",
	    (json_int_t)relay_number(line, len, "size"), "acceptor",
	    jsonout_text(acceptor), "accepted",
	    (json_int_t)relay_number(line, len, "time"), "wanted",
	    (json_int_t)relay_number(line, len, "wanted"), "holders",
	    jsonout_names(holders), "drawn", jsonout_names(drawn));
}

static json_t *
json_receipt(const char *line, size_t len)
{
	char home[40], key[40];

	if (!relay_value(line, len, "receipt", home, sizeof(home)))
		return json_null();
	relay_value(line, len, "receipt-key", key, sizeof(key));
	return json_pack("{s:o, s:I, s:o}", "by", jsonout_text(home), "time",
	    (json_int_t)relay_number(line, len, "receipt-time"), "key",
	    jsonout_text(key));
}

json_t *
trace_json(const struct trace *t)
{
	json_t *o = json_object();
	const char *line = "";
	char here[8];
	size_t len = 0;

	if (!first_line(t->relay, &line, &len))
		len = 0;
	relay_value(line, len, "here", here, sizeof(here));
	json_object_set_new(o, "version", json_integer(1));
	json_object_set_new(o, "node", jsonout_text(t->self));
	json_object_set_new(o, "id", jsonout_text(t->id));
	json_object_set_new(o, "here",
	    strcmp(here, "yes") == 0 ? json_here(line, len) : json_null());
	json_object_set_new(o, "receipt", json_receipt(line, len));
	json_object_set_new(o, "events", json_events(t));
	json_object_set_new(o, "delivery", json_delivery(t));
	return o;
}
