/* SPDX-License-Identifier: MIT */
/*
 * doctor_judge - judges of sockets, files, keys, peers and the clock. See
 * doctor_judge.h.
 */
#include "cli/doctor_judge.h"

#include <string.h>

#include "cli/show.h"
#include "util/sandbox.h"

#define SKEW_MAX 60 /* seconds */
#define DAY 86400

void
judge_socket(const struct socket_facts *f, struct verdict *v)
{
	size_t len = strlen(f->exe);
	char start[128], restart[128];

	snprintf(start, sizeof(start), "systemctl start %s", f->service);
	snprintf(restart, sizeof(restart), "systemctl restart %s", f->service);
	verdict_begin(v, "%s answers at %s (%s, mode %04o)", f->service,
	    f->path, f->want_owner, (unsigned)f->want_mode);
	if (!f->there)
		verdict_fail(v, start, "the socket is not there");
	else if (!f->is_socket)
		verdict_fail(v, restart, "it is no socket");
	else if (!f->listening)
		verdict_fail(
		    v, start, "nobody listens: %s does not run", f->service);
	else if (strcmp(f->server, f->want_user) != 0)
		verdict_fail(
		    v, restart, "it is served by the user %s", f->server);
	else if (f->complaint[0] != '\0')
		verdict_fail(v, restart, "%s", f->complaint);
	else if (strcmp(f->owner, f->want_owner) != 0 ||
	    f->mode != f->want_mode)
		verdict_fail(v, restart, "the socket is %s, mode %04o",
		    f->owner, (unsigned)f->mode);
	else if (len > 10 && strcmp(f->exe + len - 10, " (deleted)") == 0)
		verdict_warn(v, restart,
		    "it still runs the program of before an upgrade");
}

void
judge_file(const struct file_facts *f, struct verdict *v)
{
	bool open = (f->mode & 077) != 0 && !f->is_dir;

	if (!f->there && f->is_secret && !f->is_dir)
		verdict_fail(v, "bring it back from your backup",
		    "%s is missing", f->path);
	else if (!f->there)
		verdict_fail(v, "agamid apply", "%s is missing", f->path);
	else if (!f->right_kind)
		verdict_fail(v, "see who put it there", "%s is no %s", f->path,
		    f->is_dir ? "directory" : "file");
	else if (f->is_secret && open)
		verdict_fail(v, "agamid apply",
		    "%s is open to others: mode %04o, not %04o", f->path,
		    (unsigned)f->mode, (unsigned)f->want_mode);
	else if (f->mode != f->want_mode)
		verdict_fail(v, "agamid apply", "%s has mode %04o, not %04o",
		    f->path, (unsigned)f->mode, (unsigned)f->want_mode);
	else if (strcmp(f->owner, f->want_owner) != 0)
		verdict_fail(v, "agamid apply", "%s belongs to %s, not %s",
		    f->path, f->owner, f->want_owner);
}

void
judge_expiry(const char *whose, bool own, int64_t expires, int64_t now,
    struct verdict *v)
{
	int64_t left = expires - now;
	const char *fix = own
	    ? "agamid manifest rotate openpgp"
	    : "ask its operator to renew the key and to publish";
	char age[32];

	if (expires == 0)
		return;
	show_age(left < 0 ? -left : left, age);
	if (left <= 0 && own)
		verdict_fail(v, fix, "%s has expired %s ago", whose, age);
	else if (left <= 0)
		verdict_warn(v, fix, "%s has expired %s ago", whose, age);
	else if (left <= 7 * DAY && own)
		verdict_fail(v, fix, "%s expires in %s", whose, age);
	else if (left <= 14 * DAY)
		verdict_warn(v, fix, "%s expires in %s, soon", whose, age);
	else if (left <= 30 * DAY)
		verdict_warn(v, fix, "%s expires in %s", whose, age);
	else
		verdict_found(v, "%s expires in %s", whose, age);
}

void
judge_session(const struct peer_facts *f, int64_t now, struct verdict *v)
{
	char fix[64], age[32];

	snprintf(fix, sizeof(fix), "agamid flush %s", f->name);
	verdict_begin(v, "a session with %s, or one in the last day", f->name);
	if (!f->relay_up) {
		verdict_warn(v, "systemctl start agamid-relayd",
		    "not known: agamid-relayd does not answer");
		return;
	}
	show_age(now - f->seen, age);
	if (strcmp(f->session, "dialled") == 0 ||
	    strcmp(f->session, "accepted") == 0)
		verdict_found(v, "connected (%s)", f->session);
	else if (f->session[0] == '\0')
		verdict_warn(
		    v, "agamid apply", "agamid-relayd does not know this peer");
	else if (f->away > now) /* SPEC: it was announced */
		verdict_found(v, "away, as it said");
	else if (f->seen == 0)
		verdict_warn(v, fix, "not seen since agamid-relayd began%s%s",
		    f->error[0] == '\0' ? "" : ": ", f->error);
	else if (now - f->seen > DAY)
		verdict_warn(v, fix, "last seen %s ago%s%s", age,
		    f->error[0] == '\0' ? "" : ": ", f->error);
	else
		verdict_found(v, "last seen %s ago", age);
}

void
judge_confirmed(const struct peer_facts *f, int64_t now, struct verdict *v)
{
	char fix[64], age[32];

	snprintf(fix, sizeof(fix), "agamid flush %s", f->name);
	show_age(now - f->confirmed, age);
	verdict_begin(
	    v, "%s has confirmed its manifest within 7 days", f->name);
	if (f->confirmed < 0)
		verdict_warn(v, "systemctl restart agamid-relayd",
		    "not known: agamid-relayd has not written it down");
	else if (f->confirmed == 0)
		verdict_warn(v, fix, "never yet");
	else if (now - f->confirmed > 7 * DAY)
		verdict_warn(
		    v, fix, "%s ago: strangers' mail for it is put off", age);
	else
		verdict_found(v, "%s ago", age);
}

void
judge_allowed(const struct peer_facts *f, struct verdict *v)
{
	verdict_begin(v, "we and %s may hold mail for each other", f->name);
	if (!f->his_for_us && !f->ours_for_him)
		verdict_warn(v, "agamid manifest edit (backups, stores)",
		    "neither may hold anything for the other");
	else if (!f->his_for_us)
		verdict_found(v, "we may hold its mail, it may not hold ours");
	else if (!f->ours_for_him)
		verdict_found(v, "it may hold our mail, we may not hold its");
}

bool
judge_differs(const struct peer_facts *f)
{
	return f->has_skew && (f->skew > SKEW_MAX || f->skew < -SKEW_MAX);
}

void
judge_peer_clock(
    const struct peer_facts *f, bool most_differ, struct verdict *v)
{
	long long by = f->skew < 0 ? -f->skew : f->skew;

	verdict_begin(v, "%s's clock and ours agree to a minute", f->name);
	if (!f->has_skew)
		verdict_found(v, "not known before the next session");
	else if (judge_differs(f))
		verdict_warn(v,
		    most_differ ? "timedatectl (most peers say so)"
				: "ask its operator to look at the clock",
		    "its clock is %lld s %s ours", by,
		    f->skew < 0 ? "behind" : "ahead of");
	else
		verdict_found(v, "%lld s apart", by);
}

void
judge_host_key(const char *name, const char *host, unsigned port,
    const char *shown, char *const *pinned, size_t count, struct verdict *v)
{
	char fix[128];
	size_t i, len;

	snprintf(fix, sizeof(fix), "ping %s; agamid flush %s", host, name);
	verdict_begin(v, "%s port %u shows a host key of %s's manifest", host,
	    port, name);
	if (*shown == '\0') {
		verdict_warn(v, fix, "no SSH server answers there");
		return;
	}
	for (i = 0; i < count; i++) {
		len = strcspn(pinned[i], " ");
		if (pinned[i][len] == ' ')
			len += 1 + strcspn(pinned[i] + len + 1, " ");
		if (strlen(shown) == len && strncmp(shown, pinned[i], len) == 0)
			return;
	}
	verdict_fail(v, "ask its operator: a changed key, or another machine",
	    "it shows another key, %s", shown);
}

void
judge_holders(size_t peers, unsigned sites, unsigned copies, struct verdict *v)
{
	verdict_begin(v,
	    "%u copies of our mail find %u friends at different "
	    "sites",
	    copies, copies);
	if (peers == 0)
		verdict_warn(v, "agamid peer add FILE",
		    "there are no peers yet: there is no backup");
	else if (sites == 0)
		verdict_fail(v, "agamid peer add FILE",
		    "nobody may hold our mail: there is no backup");
	else if (sites < copies)
		verdict_warn(v, "agamid peer add FILE, or lower policy.copies",
		    "%u site%s: mail has at most %u cop%s", sites,
		    sites == 1 ? "" : "s", sites, sites == 1 ? "y" : "ies");
	else
		verdict_found(v, "%u sites", sites);
}

#define SILENT_DAYS 3 /* SPEC */

void
judge_holding(const struct peer_facts *f, struct verdict *v)
{
	verdict_begin(v, "%s has, and proves, what it took to hold", f->name);
	if (!f->relay_up)
		verdict_warn(v, "see sockets.relay", "relayd does not answer");
	if (f->unproven > 0)
		verdict_warn(v, "ask its operator to look at its disk",
		    "it can't prove that it has %llu bundles; others shall "
		    "hold them",
		    (unsigned long long)f->unproven);
	if (f->lost > 0)
		verdict_warn(v, "ask its operator to look at its disk",
		    "it has lost %llu bundles; others shall hold them",
		    (unsigned long long)f->lost);
	if (f->silent >= SILENT_DAYS)
		verdict_warn(v, "ask its operator, or agamid peer remove",
		    "it has been silent for %llu days: what it holds does not "
		    "count, others shall hold it",
		    (unsigned long long)f->silent);
	verdict_found(v, "nothing is missing");
}

void
judge_below(bool relay_up, uint64_t accepted, uint64_t below, struct verdict *v)
{
	verdict_begin(
	    v, "what came in here is on as many nodes as its home wants");
	if (!relay_up)
		verdict_warn(v, "see sockets.relay", "relayd does not answer");
	else if (below > 0)
		verdict_warn(v, "agamid queue shows where each of them is",
		    "%llu of %llu bundles are on fewer, for now",
		    (unsigned long long)below, (unsigned long long)accepted);
	else
		verdict_found(
		    v, "all of %llu bundles are", (unsigned long long)accepted);
}

void
judge_clock(const struct clock_facts *f, struct verdict *v)
{
	verdict_begin(v, "the kernel's clock is kept by a time service");
	if (!f->known)
		verdict_warn(v, "timedatectl", "the kernel does not tell");
	else if (!f->synchronised)
		verdict_warn(v, "systemctl enable --now systemd-timesyncd",
		    "it is not synchronised");
	else
		verdict_found(
		    v, "synchronised, to %ld ms", f->error_us / 1000 + 1);
}

void
judge_landlock(int abi, struct verdict *v)
{
	verdict_begin(v, "the kernel has Landlock, ABI %d or newer",
	    SANDBOX_LANDLOCK_LEAST);
	if (abi >= SANDBOX_LANDLOCK_LEAST)
		verdict_found(v, "ABI %d", abi);
	else
		verdict_warn(v, "cat /sys/kernel/security/lsm",
		    "%s: files are guarded by users' rights alone",
		    abi < 0 ? "there is none" : "it is too old");
}
