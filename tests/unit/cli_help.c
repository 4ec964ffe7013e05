/* SPDX-License-Identifier: MIT */
/*
 * cli_help - manifests and rosters in memory. See cli_help.h.
 */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "cli_help.h"
#include "mail/conf.h"
#include "util/file.h"
#include "util/text.h"

static char *
filled(const char *what, char fill)
{
	return xasprintf("%s %c\n", what, fill);
}

struct manifest *
fake_manifest(const char *name, char fill, const char *ssh)
{
	struct manifest *m = xcalloc(1, sizeof(*m));

	m->serial = 2026112201;
	m->name = xstrdup(name);
	m->network = xstrdup("friends.example");
	m->host = xasprintf("%s.friends.example", name);
	memset(m->fpr, fill, 40);
	memset(m->recovery_fpr, fill + 1, 40);
	m->openpgp = filled("public key", fill);
	m->recovery = filled("recovery key", fill);
	m->ssh_port = 2222;
	m->ssh_client_keys = xcalloc(1, sizeof(char *));
	m->ssh_client_keys[m->ssh_client_key_count++] = xstrdup(ssh);
	m->text = filled("the manifest of", fill);
	m->text_len = strlen(m->text);
	fake_domain(m, help_path("%s.example", name) + strlen(help_dir()) + 1);
	return m;
}

void
fake_domain(struct manifest *m, const char *domain)
{
	m->domains =
	    realloc(m->domains, (m->domain_count + 1) * sizeof(*m->domains));
	assert_non_null(m->domains);
	m->domains[m->domain_count++] = xstrdup(domain);
}

void
fake_mailbox(struct manifest *m, const char *name, const char *pattern)
{
	struct manifest_mailbox *box;
	struct error why;

	m->has_mailboxes = true;
	m->mailboxes = realloc(
	    m->mailboxes, (m->mailbox_count + 1) * sizeof(*m->mailboxes));
	assert_non_null(m->mailboxes);
	box = &m->mailboxes[m->mailbox_count++];
	memset(box, 0, sizeof(*box));
	box->name = xstrdup(name);
	if (pattern != NULL) {
		box->matches = xstrdup(pattern);
		assert_int_equal(match_compile(pattern, &box->match, &why), 0);
	}
}

void
fake_free(struct manifest **m)
{
	manifest_free(m);
}

void
fake_roster(struct roster *r, struct manifest *self, struct manifest *peer)
{
	memset(r, 0, sizeof(*r));
	r->self = self;
	r->peers = xcalloc(1, sizeof(*r->peers));
	if (peer != NULL)
		r->peers[r->peer_count++] = peer;
}

void
fake_unroster(struct roster *r)
{
	free(r->peers);
}

struct conf *
fake_conf(const char *yaml)
{
	const char *path = help_path("agamid.yaml");
	char *text = xasprintf("node: carol\n%s", yaml);
	struct buf errors;
	struct conf *conf;

	help_write(path, text, strlen(text));
	free(text);
	buf_init(&errors, 4096);
	conf = conf_load(path, help_dir(), &errors);
	if (conf == NULL)
		fail_msg("%s", buf_str(&errors));
	buf_free(&errors);
	assert_int_equal(file_mkdirs(conf->manifest_dir, 0755, NULL), 0);
	return conf;
}
