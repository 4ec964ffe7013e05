/* SPDX-License-Identifier: MIT */
/*
 * check - is this file a bundle for us? See check.h.
 *
 * relayd has looked at all this before; but relayd talks with programs
 * that talk with peers, and this one holds the keys: it believes nobody.
 */
#include "deliver/check.h"

#include <sys/stat.h>
#include <string.h>

#include "mail/spool.h"

static int
check_acceptor(
    const struct network *n, const struct ticket *t, struct error *error_r)
{
	const struct manifest *self = network_self(n), *acceptor;

	acceptor = network_find(n, t->acceptor);
	if (acceptor == NULL || acceptor == self)
		return error_set(error_r, AG_EPERM,
		    "the acceptor %s is no peer", t->acceptor);
	if (!manifest_may_hold(acceptor, self))
		return error_set(error_r, AG_EPERM,
		    "the acceptor %s may not hold mail for us", t->acceptor);
	return 0;
}

/* 0; AG_EPERM or AG_ESIG with the reason. */
static int
check_ticket(const struct network *n, const char *id, const struct ticket *t,
    struct error *error_r)
{
	const struct manifest *self = network_self(n);
	const struct verify_key *key;
	int rc;

	if (strcmp(t->id, id) != 0)
		return error_set(
		    error_r, AG_EPERM, "the ticket is another bundle's");
	if (strcmp(t->network, self->network) != 0)
		return error_set(error_r, AG_EPERM,
		    "the ticket is of the network %s", t->network);
	if (strcmp(t->home, self->name) != 0)
		return error_set(
		    error_r, AG_EPERM, "the ticket is for %s", t->home);
	rc = check_acceptor(n, t, error_r);
	if (rc < 0)
		return rc;
	key = network_ticket_key(n, t->acceptor, t->key);
	if (key == NULL)
		return error_set(error_r, AG_ESIG,
		    "%s never had the ticket key %s", t->acceptor, t->key);
	if (ticket_verify(t, key) < 0)
		return error_set(
		    error_r, AG_ESIG, "the ticket's signature is wrong");
	return 0;
}

int
check_bundle(int fd, const struct network *n, const char *id,
    struct ticket *t_r, struct error *error_r)
{
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return error_set_errno(error_r, AG_EIO, "can't look at it");
	if (!S_ISREG(st.st_mode))
		return error_set(error_r, AG_EINVAL, "not a regular file");
	rc = spool_read_head(fd, t_r, error_r);
	if (rc == 0)
		rc = check_ticket(n, id, t_r, error_r);
	if (rc == 0)
		rc = spool_verify(fd, t_r, error_r);
	return rc;
}
