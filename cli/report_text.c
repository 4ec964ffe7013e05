/* SPDX-License-Identifier: MIT */
/*
 * report_text - one screen of `agamid status`. See report.h. Pure.
 *
 * What is wrong comes last, where the eye is; a table of peers that is too
 * long for the terminal is cut, never the problems.
 */
#include "cli/report.h"

#include <string.h>

#include "cli/show.h"
#include "util/text.h"

#define NAME_COLUMNS 14
#define FIXED_LINES 14 /* besides peers and problems */
#define PEERS_MIN 3
#define SILENT_DAYS 3 /* SPEC */
#define FOREVER 253402300799LL /* SPEC */

static const char *const daemons[REPORT_DAEMONS] = {
    "milter", "seal", "relayd", "deliver"};

/* "2 of 3 bundles" and the like: a count with its noun. */
static void
plural(unsigned long long n, const char *noun, char *out, size_t size)
{
	snprintf(out, size, "%llu %s%s", n, noun, n == 1 ? "" : "s");
}

static void
text_node(const struct report *r, const struct screen *s, struct buf *out)
{
	char time[21];

	screen_line(out, s,
	    "node     " SCREEN_STRONG "%s" SCREEN_PLAIN
	    " in %s, serial %llu, in force: %s",
	    r->self->name, r->self->network,
	    (unsigned long long)r->self->serial,
	    r->derived[0] != '\0' ? r->derived : "nothing");
	if (r->leaving)
		screen_line(out, s,
		    "state    " SCREEN_WARN "leaving the network" SCREEN_PLAIN
		    "; agamid leave shows how far");
	if (r->paused > r->now) {
		text_time(r->paused, time);
		screen_line(out, s,
		    "state    " SCREEN_WARN "away until %s" SCREEN_PLAIN
		    "; agamid resume ends it",
		    time);
	}
}

static void
text_daemons(const struct report *r, const struct screen *s, struct buf *out)
{
	char line[256] = "";
	size_t at = 0, i;

	for (i = 0; i < REPORT_DAEMONS; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at,
		    "%s%s %s" SCREEN_PLAIN, i > 0 ? ", " : "", daemons[i],
		    r->runs[i] ? SCREEN_GOOD "runs"
			       : SCREEN_BAD "does not run");
	screen_line(out, s, "daemons  %s", line);
}

static void
text_mail(const struct report *r, const struct screen *s, struct buf *out)
{
	const struct report_total *mine = &r->totals[BUNDLE_MINE];
	char size[32];

	show_size(mine->bytes, size);
	if (mine->count == 0)
		screen_line(out, s, "our mail none waiting here%s",
		    r->refused + r->quarantined > 0 ? "" : "; none refused");
	else
		screen_line(out, s,
		    "our mail " SCREEN_WARN "%zu waiting" SCREEN_PLAIN
		    " for delivery here, %s",
		    mine->count, size);
	if (r->retry + r->refused + r->quarantined > 0)
		screen_line(out, s,
		    "         %llu to be tried again, %llu refused, "
		    "%llu in quarantine",
		    (unsigned long long)r->retry,
		    (unsigned long long)r->refused,
		    (unsigned long long)r->quarantined);
}

static void
text_held(const struct report *r, const struct screen *s, struct buf *out)
{
	const struct report_total *t = r->totals;
	char held[40], size[32], passing[80] = "";

	plural(t[BUNDLE_HELD].count, "bundle", held, sizeof(held));
	show_size(t[BUNDLE_HELD].bytes, size);
	if (t[BUNDLE_NEW].count + t[BUNDLE_INCOMING].count > 0)
		snprintf(passing, sizeof(passing),
		    "; %zu just sealed, %zu arriving", t[BUNDLE_NEW].count,
		    t[BUNDLE_INCOMING].count);
	screen_line(out, s, "held     %s for peers, %s%s", held, size, passing);
}

/* What is truly guaranteed for what was accepted here. */
static void
text_copies(const struct report *r, const struct screen *s, struct buf *out)
{
	char line[512] = "", few[80] = "";
	size_t at = 0, i;

	if (!r->runs[REPORT_RELAYD])
		return;
	for (i = 0; i < r->spread_count && at + 64 < sizeof(line); i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at,
		    "%s%u on %u node%s", i > 0 ? ", " : ": ",
		    r->spreads[i].bundles, r->spreads[i].nodes,
		    r->spreads[i].nodes == 1 ? "" : "s");
	if (r->below > 0)
		snprintf(few, sizeof(few),
		    "; " SCREEN_WARN "%llu on too few" SCREEN_PLAIN,
		    (unsigned long long)r->below);
	screen_line(out, s, "copies   of %llu accepted here%s%s",
	    (unsigned long long)r->own, line, few);
}

static void
text_reach(const struct report *r, const struct screen *s, struct buf *out)
{
	unsigned wanted = r->wanted;
	const char *mark = r->reach < wanted ? SCREEN_WARN : SCREEN_GOOD;

	char asked[64] = "";

	if (r->self->survive > 0 && r->sites > 0)
		snprintf(asked, sizeof(asked),
		    ", %u%% of those that may hold (%u%% asked)",
		    (r->reach > 0 ? r->reach - 1 : 0) * 100 / r->sites,
		    r->self->survive);
	if (r->reach == 0) {
		screen_line(out, s,
		    "for us   " SCREEN_BAD "nobody may take our mail"
		    " while we are away" SCREEN_PLAIN);
		return;
	}
	screen_line(out, s,
	    "for us   while away our mail is on %s%u node%s" SCREEN_PLAIN
	    " (%u wanted, %u may hold)%s",
	    mark, r->reach, r->reach == 1 ? "" : "s", wanted, r->may_hold_ours,
	    r->reach < 2 ? ": none may fail" : "");
	if (r->reach > 1)
		screen_line(out, s, "         and survives any %u of them%s",
		    r->reach - 1, asked);
}

static void
text_rest(const struct report *r, const struct screen *s, struct buf *out)
{
	char room[32], reserve[32], left[32];

	show_size(r->room, room);
	show_size(r->reserve, reserve);
	screen_line(out, s,
	    "room     %s%s free" SCREEN_PLAIN ", %s of it are never used",
	    r->room < r->reserve ? SCREEN_BAD : SCREEN_PLAIN, room, reserve);
	if (!r->has_key) {
		screen_line(out, s, "key      can't be looked at");
	} else if (r->key_expires == 0) {
		screen_line(out, s, "key      does not expire");
	} else {
		show_age(r->key_expires - r->now, left);
		screen_line(out, s, "key      expires in %s%s" SCREEN_PLAIN,
		    r->key_expires - r->now < 30 * 86400 ? SCREEN_BAD
							 : SCREEN_PLAIN,
		    left);
	}
}

/* Peers ----------------------------------------------------------------- */

static const char *
session_word(const struct report *r, const struct report_peer *p)
{
	if (p->m == NULL)
		return "removed";
	if (p->away >= FOREVER)
		return "leaving";
	if (p->away > r->now)
		return "away";
	if (strcmp(p->session, "none") == 0)
		return "-";
	return p->session[0] != '\0' ? p->session : "?";
}

static const char *
session_mark(const struct report *r, const struct report_peer *p)
{
	if (strcmp(p->session, "dialled") == 0 ||
	    strcmp(p->session, "accepted") == 0)
		return SCREEN_GOOD;
	if (p->away > r->now || p->failures == 0 || p->m == NULL)
		return SCREEN_PLAIN;
	return SCREEN_WARN;
}

static void
seen_word(const struct report *r, const struct report_peer *p, char out[32])
{
	if (strcmp(p->session, "dialled") == 0 ||
	    strcmp(p->session, "accepted") == 0)
		snprintf(out, 32, "now");
	else if (p->seen == 0)
		snprintf(out, 32, "-");
	else
		show_age(r->now - p->seen, out);
}

/* "12 (3.4 MB) 1%": what is held for it, and of what we lend. */
static void
held_word(
    const struct report *r, const struct report_peer *p, char *out, size_t size)
{
	unsigned percent = 0;
	char bytes[32];

	if (!p->we_hold && p->held == 0) {
		snprintf(out, size, "-");
		return;
	}
	if (r->self->quota > 0)
		percent =
		    (unsigned)(p->held_bytes * 100.0 / (double)r->self->quota);
	show_size(p->held_bytes, bytes);
	snprintf(out, size, "%llu, %s (%u%%)", (unsigned long long)p->held,
	    bytes, percent);
}

/* The other way, and what is under way. */
static void
note_word(
    const struct report *r, const struct report_peer *p, char *out, size_t size)
{
	char time[21];

	out[0] = '\0';
	if (p->away >= FOREVER) {
		return;
	} else if (p->away > r->now) {
		text_time(p->away, time);
		snprintf(out, size, "to %.5s %.5s", time + 5, time + 11);
	} else if (p->drawn + p->wants > 0)
		snprintf(out, size, "%llu out, %llu in",
		    (unsigned long long)p->drawn, (unsigned long long)p->wants);
	else if (p->error[0] != '\0')
		screen_word(p->error, out, size);
	else if (p->few > 0)
		snprintf(
		    out, size, "%llu lack holders", (unsigned long long)p->few);
}

/* Is there something to be said of what it holds? */
static bool
has_holding(const struct report_peer *p)
{
	return p->ours > 0 || p->silent >= SILENT_DAYS;
}

/* The other way: what it holds for us, of what it lends; and whether what
 * it holds counts. */
static void
text_holding(
    const struct report_peer *p, const struct screen *s, struct buf *out)
{
	char bytes[32], ours[96] = "", silent[80] = "";
	unsigned percent = 0;

	if (p->ours > 0) {
		if (p->m != NULL && p->m->quota > 0)
			percent = (unsigned)((double)p->ours_bytes * 100.0 /
			    (double)p->m->quota);
		show_size(p->ours_bytes, bytes);
		snprintf(ours, sizeof(ours), "holds for us %llu, %s (%u%%)",
		    (unsigned long long)p->ours, bytes, percent);
	}
	if (p->silent >= SILENT_DAYS)
		snprintf(silent, sizeof(silent),
		    "%ssilent for %llu days: what it holds does not count",
		    ours[0] != '\0' ? "; " : "", (unsigned long long)p->silent);
	screen_line(out, s, "%*s %s" SCREEN_WARN "%s" SCREEN_PLAIN,
	    NAME_COLUMNS, "", ours, silent);
}

static void
text_peer(const struct report *r, const struct report_peer *p,
    const struct screen *s, struct buf *out)
{
	char name[NAME_COLUMNS + 1], seen[32], held[64], lent[32] = "-";
	char note[128];

	screen_word(p->name, name, sizeof(name));
	seen_word(r, p, seen);
	held_word(r, p, held, sizeof(held));
	if (p->m != NULL && p->holds_ours)
		show_size(p->m->quota, lent);
	note_word(r, p, note, sizeof(note));
	screen_line(out, s, "%-*s %s%-8s" SCREEN_PLAIN " %-10s %-19s %9s  %s",
	    NAME_COLUMNS, name, session_mark(r, p), session_word(r, p), seen,
	    held, lent, note);
	if (has_holding(p))
		text_holding(p, s, out);
}

static void
text_peers(const struct report *r, const struct screen *s, struct buf *out)
{
	size_t shown = r->peer_count, room, i, lines = 0;
	const char *p;

	for (p = buf_str(&r->problems); (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	for (i = 0; i < r->peer_count; i++)
		lines += has_holding(&r->peers[i]);
	if (s->height > 0) {
		room = s->height > FIXED_LINES + lines
		    ? s->height - FIXED_LINES - lines
		    : 0;
		if (room < PEERS_MIN)
			room = PEERS_MIN;
		if (shown > room)
			shown = room - 1;
	}
	if (r->peer_count == 0) {
		screen_line(out, s, "There are no peers.");
		return;
	}
	screen_line(out, s,
	    SCREEN_STRONG "%-*s %-8s %-10s %-19s %9s" SCREEN_PLAIN,
	    NAME_COLUMNS, "peer", "session", "seen", "held for it", "lends us");
	for (i = 0; i < shown; i++)
		text_peer(r, &r->peers[i], s, out);
	if (shown < r->peer_count)
		screen_line(out, s, "... and %zu more: agamid status --json",
		    r->peer_count - shown);
}

static void
text_problems(const struct report *r, const struct screen *s, struct buf *out)
{
	struct screen wide = *s;
	char text[1024];
	const char *line;
	struct cursor c;
	size_t len;

	if (r->problems.len == 0)
		return;
	(void)buf_putc(out, '\n');
	screen_line(out, s, SCREEN_BAD "Problems:" SCREEN_PLAIN);
	/* They are not cut: the end may be the line to type. */
	wide.width = sizeof(text);
	cursor_init(&c, buf_str(&r->problems), r->problems.len);
	while (cursor_line(&c, &line, &len)) {
		snprintf(text, sizeof(text), "%.*s", (int)len, line);
		screen_word(text, text, sizeof(text));
		screen_line(out, &wide, "%s", text);
	}
}

void
report_text(const struct report *r, const struct screen *s, struct buf *out)
{
	text_node(r, s, out);
	text_daemons(r, s, out);
	text_mail(r, s, out);
	text_held(r, s, out);
	text_copies(r, s, out);
	text_reach(r, s, out);
	text_rest(r, s, out);
	(void)buf_putc(out, '\n');
	text_peers(r, s, out);
	text_problems(r, s, out);
}
