/* SPDX-License-Identifier: MIT */
/*
 * dsn_keep - who is to be told. See dsn_keep.h.
 */
#include "milter/dsn_keep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define POINT "seal.dsn"

/* SPEC N-12.4 */
static bool
is_asked(const struct conf *conf, const struct sealing_request *req)
{
	return req->own ||
	    (conf->dsn == CONF_DSN_ALL &&
		strcasecmp(req->client->spf, "pass") == 0);
}

int
dsn_keep_new(const struct sealer *sealer, const struct sealing_request *req,
    struct dsn_record **r_r)
{
	struct dsn_record *r;
	int count;

	*r_r = NULL;
	if (!is_asked(sealer_conf(sealer), req))
		return 0;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return AG_ENOMEM;
	count = dsn_select(req->envelope, &r->envelope);
	if (count > 0) {
		*r_r = r;
		return 0;
	}
	if (count == 0)
		bsmtp_envelope_free(&r->envelope);
	free(r);
	return count;
}

void
dsn_keep_free(struct dsn_record **rp)
{
	struct dsn_record *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	bsmtp_envelope_free(&r->envelope);
	free(r);
}

static char *
path_of(const struct sealer *sealer, const char *id)
{
	return xasprintf("%s/dsn/%s", sealer_conf(sealer)->spool_dir, id);
}

/* A node that was not set up anew since there is a place for it. */
static bool
has_place(const struct sealer *sealer)
{
	char *dir = path_of(sealer, "");
	bool found = access(dir, F_OK) == 0 || errno != ENOENT;

	if (!found)
		log_info("nobody will be told if it expires path=%s", dir);
	free(dir);
	return found;
}

struct piece {
	const char *data;
	size_t left;
};

/* openpgp_source */
static ssize_t
piece_read(void *ctx, void *data, size_t len)
{
	struct piece *p = ctx;

	if (len > p->left)
		len = p->left;
	memcpy(data, p->data, len);
	p->data += len;
	p->left -= len;
	return (ssize_t)len;
}

/* openpgp_sink */
static int
buf_write(void *ctx, const void *data, size_t len)
{
	return buf_put(ctx, data, len);
}

static int
seal(struct sealer *sealer, const struct network *net, const struct buf *plain,
    struct buf *sealed, struct error *error_r)
{
	const struct manifest *self = network_self(net);
	struct piece piece = {buf_str(plain), plain->len};
	const struct openpgp_source source = {piece_read, &piece};
	const struct openpgp_sink sink = {buf_write, sealed};
	struct openpgp *pgp;
	int rc;

	rc = sealer_engine_get(sealer, net, &pgp, error_r);
	if (rc != AG_OK)
		return rc;
	rc = openpgp_seal(
	    pgp, self->fpr, self->recovery_fpr, false, &source, &sink, error_r);
	if (rc == AG_OK)
		sealer_engine_put(sealer, net, &pgp);
	else
		openpgp_free(&pgp);
	return rc;
}

int
dsn_keep_write(struct sealer *sealer, const struct network *net,
    struct dsn_record *r, const struct ticket *t, struct error *error_r)
{
	char *path;
	struct buf plain, sealed;
	int rc;

	if (!has_place(sealer))
		return 0;
	path = path_of(sealer, t->id);

	memcpy(r->network, t->network, sizeof(r->network));
	memcpy(r->acceptor, t->acceptor, sizeof(r->acceptor));
	memcpy(r->home, t->home, sizeof(r->home));
	memcpy(r->id, t->id, sizeof(r->id));
	r->time = t->time;
	buf_init(&plain, DSN_MAX);
	buf_init(&sealed, DSN_MAX);
	rc = dsn_write(r, network_self(net)->host, &plain);
	if (rc < 0)
		error_set(error_r, rc, "the sender can't be kept");
	if (rc == 0)
		rc = seal(sealer, net, &plain, &sealed, error_r);
	if (rc == 0)
		rc = file_replace(
		    path, buf_str(&sealed), sealed.len, 0640, POINT, error_r);
	buf_wipe(&plain);
	buf_free(&sealed);
	free(path);
	return rc;
}

void
dsn_keep_remove(const struct sealer *sealer, const char *id)
{
	char *path = path_of(sealer, id);

	if (unlink(path) < 0 && errno != ENOENT)
		log_warn("can't remove path=%s", path);
	free(path);
}
