/* SPDX-License-Identifier: MIT */
/*
 * make_network - many pinned peers for a node below a --root, to measure
 * what agamid apply needs.
 *
 * Their keys are real OpenPGP keys as far as sealing looks at them, made
 * in no time by way of openpgp_cert.h; their signatures are nobody's: the
 * file of remembered checks says that they were found good.
 *
 * SECURITY: for tests only; installed nowhere.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/text.h"
#include "mail/conf.h"
#include "mail/openpgp_cert.h"
#include "mail/openpgp_packet.h"
#include "manifests/manifest.h"
#include "manifests/verified.h"
#include "cli/pin.h"
#include "cli/store.h"

#define KEY_MAX 16384

static void die(const char *what) __attribute__((noreturn));

static void
die(const char *what)
{
	fprintf(stderr, "make_network: %s\n", what);
	exit(1);
}

/* The sample key's encryption subkey, as a packet. */
struct sample {
	struct buf packets;
};

#define ECDH_KDF_SIZE 4 /* behind the point, RFC 6637 */
#define POINT_SIZE 32

static void
read_sample(const char *armored, struct sample *s)
{
	struct openpgp_packet packet;
	struct buf key;
	struct cursor c;

	buf_init(&s->packets, KEY_MAX);
	buf_init(&key, KEY_MAX);
	if (openpgp_packet_dearmor(armored, "PUBLIC KEY BLOCK", &key, NULL) < 0)
		die("the sample key can't be read");
	cursor_init(&c, key.data, key.len);
	while (openpgp_packet_next(&c, &packet) > 0) {
		if (packet.tag == PACKET_PUBLIC_SUBKEY &&
		    openpgp_packet_put(
			&s->packets, packet.tag, packet.body, packet.len) < 0)
			die("can't keep the sample key");
	}
	buf_free(&key);
}

/* Another subkey than all before: nobody has its secret. */
static void
change_sample(struct sample *s, char enc_fpr[2 * PACKET_SHA1_SIZE + 1])
{
	uint8_t fpr[PACKET_SHA1_SIZE];
	struct openpgp_packet packet;
	struct cursor c;

	randombytes_buf(
	    s->packets.data + s->packets.len - ECDH_KDF_SIZE - POINT_SIZE,
	    POINT_SIZE);
	cursor_init(&c, s->packets.data, s->packets.len);
	if (openpgp_packet_next(&c, &packet) <= 0)
		die("the sample has no subkey");
	openpgp_packet_fingerprint(packet.body, packet.len, fpr);
	text_hex(fpr, sizeof(fpr), enc_fpr);
}

/* "-----BEGIN ..." of a key that binds the sample's subkey, and its
 * fingerprint. */
static void
make_key(struct sample *s, const char *uid, struct buf *armored, char fpr_r[41])
{
	uint8_t seed[CERT_SEED_SIZE], fpr[PACKET_SHA1_SIZE];
	char enc_fpr[2 * PACKET_SHA1_SIZE + 1];
	struct openpgp_packet packet;
	struct cursor c;
	struct buf key;
	char *text;
	size_t len, at, i;

	buf_init(&key, KEY_MAX);
	randombytes_buf(seed, sizeof(seed));
	change_sample(s, enc_fpr);
	if (openpgp_cert_make(s->packets.data, s->packets.len, enc_fpr, uid,
		seed, &key, NULL) < 0)
		die("can't make a key");
	cursor_init(&c, key.data, key.len);
	if (openpgp_packet_next(&c, &packet) <= 0)
		die("can't read a key");
	openpgp_packet_fingerprint(packet.body, packet.len, fpr);
	for (i = 0; i < sizeof(fpr); i++)
		snprintf(fpr_r + 2 * i, 3, "%02X", fpr[i]);
	len =
	    sodium_base64_encoded_len(key.len, sodium_base64_VARIANT_ORIGINAL);
	text = xcalloc(1, len);
	sodium_bin2base64(text, len, (uint8_t *)key.data, key.len,
	    sodium_base64_VARIANT_ORIGINAL);
	(void)buf_puts(armored, "    -----BEGIN PGP PUBLIC KEY BLOCK-----\n\n");
	for (at = 0; at < strlen(text); at += 64)
		(void)buf_printf(armored, "    %.64s\n", text + at);
	(void)buf_puts(armored, "    -----END PGP PUBLIC KEY BLOCK-----\n");
	free(text);
	buf_free(&key);
}

static void
put_base64(struct buf *out, const void *data, size_t len)
{
	char text[128];

	sodium_bin2base64(
	    text, sizeof(text), data, len, sodium_base64_VARIANT_ORIGINAL);
	(void)buf_puts(out, text);
}

static void
put_ssh_key(struct buf *out)
{
	static const char head[] =
	    "\0\0\0\x0bssh-ed25519\0\0\0 "; /* RFC 8709 4 */
	uint8_t blob[sizeof(head) - 1 + 32];

	memcpy(blob, head, sizeof(head) - 1);
	randombytes_buf(blob + sizeof(head) - 1, 32);
	(void)buf_puts(out, "[\"ssh-ed25519 ");
	put_base64(out, blob, sizeof(blob));
	(void)buf_puts(out, "\"]");
}

static void
put_sign_key(struct buf *out, const char *key)
{
	uint8_t public[crypto_sign_PUBLICKEYBYTES];
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	crypto_sign_keypair(public, secret);
	(void)buf_printf(out, "  %s: ed25519:", key);
	put_base64(out, public, sizeof(public));
	(void)buf_puts(out, "\n");
}

static struct manifest *
make_manifest(struct sample *s, unsigned n, const char *network)
{
	char *name = xasprintf("n%04u", n), fpr[41], recovery_fpr[41];
	struct manifest *m;
	struct buf b, errors;

	buf_init(&b, MANIFEST_MAX);
	buf_init(&errors, MANIFEST_MAX);
	(void)buf_printf(&b,
	    "version: 1\nserial: 2026112101\nnode:\n  name: %s\n"
	    "  network: %s\n  host: %s.%s\n  addresses: [203.0.%u.%u]\n"
	    "  domains: [%s.example, mail.%s.example]\n  openpgp: |\n",
	    name, network, name, network, n / 200, n % 200 + 1, name, name);
	make_key(s, name, &b, fpr);
	(void)buf_puts(&b, "  recovery: |\n");
	make_key(s, name, &b, recovery_fpr);
	put_sign_key(&b, "ticket-key");
	put_sign_key(&b, "receipt-key");
	(void)buf_puts(&b, "  ssh:\n    host-keys: ");
	put_ssh_key(&b);
	(void)buf_puts(&b, "\n    client-keys: ");
	put_ssh_key(&b);
	(void)buf_printf(&b,
	    "\n  mailboxes:\n    info: {matches: '^(info|%s)(\\+\\w+)?'}\n"
	    "    post: {matches: 'post|mail[0-9]{1,3}'}\n...\n"
	    "-----BEGIN PGP SIGNATURE-----\n\n"
	    "iHUEABYIAB0WIQ==\n-----END PGP SIGNATURE-----\n",
	    name);
	m = manifest_parse(name, buf_str(&b), b.len, &errors);
	if (m == NULL)
		die(buf_str(&errors));
	memcpy(m->fpr, fpr, sizeof(fpr));
	memcpy(m->recovery_fpr, recovery_fpr, sizeof(recovery_fpr));
	buf_free(&errors);
	buf_free(&b);
	free(name);
	return m;
}

static void
keep(const struct conf *conf, const struct manifest *m, struct verified *v)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char hex[VERIFIED_SHA256];
	struct error why;
	struct buf pin;

	buf_init(&pin, PIN_MAX);
	if (store_install(conf, m, &why) < 0 || pin_make(m, 1, &pin) < 0 ||
	    pin_write(conf, m->name, &pin, &why) < 0)
		die(why.text);
	buf_free(&pin);
	crypto_hash_sha256(hash, (const uint8_t *)m->text, m->text_len);
	text_hex(hash, sizeof(hash), hex);
	verified_add(v, hex, m);
}

/* Those that are remembered already, so that they are kept. */
static struct verified *
read_verified(const char *path, struct buf *text)
{
	buf_init(text, VERIFIED_MAX);
	if (file_read(path, text, NULL) < 0)
		buf_reset(text);
	return verified_parse(buf_str(text), text->len);
}

int
main(int argc, char **argv)
{
	struct buf errors, text, out;
	struct manifest *m;
	struct sample sample;
	struct verified *v;
	struct error why;
	struct conf *conf;
	char *path;
	unsigned n;

	if (argc != 5 || sodium_init() < 0)
		die("usage: make_network ROOT NETWORK KEY COUNT");
	buf_init(&errors, KEY_MAX);
	buf_init(&text, KEY_MAX);
	buf_init(&out, VERIFIED_MAX);
	conf = conf_load(NULL, argv[1], &errors);
	if (conf == NULL || file_read(argv[3], &text, NULL) < 0)
		die("no configuration, or no key");
	read_sample(buf_str(&text), &sample);
	buf_free(&text);
	path = file_join(conf->state_dir, "verified");
	v = read_verified(path, &text);
	for (n = 0; n < (unsigned)strtoul(argv[4], NULL, 10); n++) {
		m = make_manifest(&sample, n, argv[2]);
		keep(conf, m, v);
		manifest_free(&m);
	}
	if (verified_write(v, &out) < 0 ||
	    file_replace(path, buf_str(&out), out.len, 0644, "t", &why) < 0)
		die("can't write what is verified");
	return 0;
}
