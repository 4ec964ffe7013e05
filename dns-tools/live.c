/* SPDX-License-Identifier: MIT */
/*
 * live - talking to name servers. See live.h.
 *
 * SECURITY: what comes back is strangers' bytes until its TSIG was checked;
 * where no key is given it stays so, and is only compared, never run. An
 * update's prerequisites make the server itself check what was seen.
 */
#include "dns-tools/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_SECONDS 15 /* for one message */
#define TRANSFER_SECONDS 300
#define TSIG_FUDGE 300

int
live_init(struct live *l, const char *address, unsigned port,
    const struct tsig_key *key, struct error *error_r)
{
	struct sockaddr_in6 six = {
	    .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	struct sockaddr_in four = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	memset(l, 0, sizeof(*l));
	l->key = key;
	if (inet_pton(AF_INET, address, &four.sin_addr) == 1) {
		memcpy(&l->to, &four, sizeof(four));
		l->to_len = sizeof(four);
	} else if (inet_pton(AF_INET6, address, &six.sin6_addr) == 1) {
		memcpy(&l->to, &six, sizeof(six));
		l->to_len = sizeof(six);
	} else
		return error_set(
		    error_r, AG_EINVAL, "%s: not an address", address);
	return 0;
}

/* ---- one message each way ---- */

/* A question or update that is under way. */
struct talk {
	const struct live *l;
	struct error *error_r;
	ldns_rdf *mac; /* of what was sent, or received last */
	unsigned unsigned_since; /* messages without TSIG */
	uint16_t id;
	int fd;
};

static ldns_rdf *
origin_rdf(const char *origin)
{
	char text[300];

	snprintf(text, sizeof(text), "%.255s.", origin);
	return ldns_dname_new_frm_str(text);
}

/* The MAC in a packet's TSIG. */
static ldns_rdf *
packet_mac(const ldns_pkt *p)
{
	ldns_rr *tsig = ldns_pkt_tsig(p);

	if (tsig == NULL || ldns_rr_rd_count(tsig) < 4)
		return NULL;
	return ldns_rdf_clone(ldns_rr_rdf(tsig, 3));
}

static int
talk_connect(struct talk *t)
{
	struct timeval wait = {.tv_sec = WAIT_SECONDS};

	t->fd = ldns_tcp_connect2(&t->l->to, t->l->to_len, wait);
	if (t->fd < 0)
		return error_set_errno(
		    t->error_r, AG_EIO, "can't reach the name server");
	return 0;
}

static int
talk_send(struct talk *t, ldns_pkt *p)
{
	const struct tsig_key *key = t->l->key;
	ldns_buffer *wire = ldns_buffer_new(LDNS_MAX_PACKETLEN);
	ldns_status status;
	int rc = 0;

	ldns_pkt_set_random_id(p);
	t->id = ldns_pkt_id(p);
	status = key == NULL ? LDNS_STATUS_OK
			     : ldns_pkt_tsig_sign(p, key->name, key->secret,
				   TSIG_FUDGE, key->algorithm, NULL);
	if (status == LDNS_STATUS_OK)
		status = ldns_pkt2buffer_wire(wire, p);
	if (status != LDNS_STATUS_OK)
		rc = error_set(t->error_r, AG_EINVAL, "no DNS message: %s",
		    ldns_get_errorstr_by_id(status));
	else if (ldns_tcp_send_query(wire, t->fd, &t->l->to, t->l->to_len) == 0)
		rc = error_set_errno(
		    t->error_r, AG_EIO, "can't send to the name server");
	ldns_rdf_deep_free(t->mac);
	t->mac = key != NULL ? packet_mac(p) : NULL;
	ldns_buffer_free(wire);
	return rc;
}

/* Is it signed as it must be? The first message of an answer is, with all
 * its fields; those that follow with the times only (RFC 8945 section
 * 5.3.1). */
static int
check_signature(
    struct talk *t, ldns_pkt *p, const uint8_t *wire, size_t size, bool first)
{
	const struct tsig_key *key = t->l->key;
	ldns_rdf *mac = packet_mac(p);
	bool good;

	if (mac == NULL)
		return error_set(t->error_r, AG_ESIG,
		    "the name server's answer is not signed with the key %s",
		    key->name);
	good = first ? ldns_pkt_tsig_verify(
			   p, wire, size, key->name, key->secret, t->mac)
		     : ldns_pkt_tsig_verify_next(
			   p, wire, size, key->name, key->secret, t->mac, 1);
	ldns_rdf_deep_free(t->mac);
	t->mac = mac;
	if (!good)
		return error_set(t->error_r, AG_ESIG,
		    "the signature of the name server's answer is not right; "
		    "are key, algorithm and both clocks the same?");
	return 0;
}

static int
talk_receive(struct talk *t, bool first, ldns_pkt **p_r)
{
	struct timeval wait = {.tv_sec = WAIT_SECONDS};
	size_t size = 0;
	uint8_t *wire;
	int rc = 0;

	*p_r = NULL;
	errno = 0;
	wire = ldns_tcp_read_wire_timeout(t->fd, &size, wait);
	if (wire == NULL)
		return error_set(t->error_r, AG_EIO,
		    "the name server closed the connection, or was silent");
	if (ldns_wire2pkt(p_r, wire, size) != LDNS_STATUS_OK)
		rc = error_set(t->error_r, AG_EINVAL,
		    "the name server's answer is not DNS");
	else if (ldns_pkt_id(*p_r) != t->id || !ldns_pkt_qr(*p_r))
		rc = error_set(t->error_r, AG_EINVAL,
		    "the name server answers something else");
	/* A refusal may come without (RFC 8945 section 5.2). */
	else if (t->l->key != NULL &&
	    (ldns_pkt_get_rcode(*p_r) == LDNS_RCODE_NOERROR ||
		ldns_pkt_tsig(*p_r) != NULL) &&
	    ldns_pkt_get_rcode(*p_r) != LDNS_RCODE_NOTAUTH)
		rc = check_signature(t, *p_r, wire, size, first);
	free(wire);
	if (rc != 0) {
		ldns_pkt_free(*p_r);
		*p_r = NULL;
	}
	return rc;
}

static void
talk_end(struct talk *t)
{
	if (t->fd >= 0)
		close(t->fd);
	ldns_rdf_deep_free(t->mac);
}

static int
rcode_error(ldns_pkt_rcode rcode, const char *what, struct error *error_r)
{
	char *text = ldns_pkt_rcode2str(rcode);

	error_set(error_r, AG_EPERM, "the name server answers %s to %s%s",
	    text != NULL ? text : "an error", what,
	    rcode == LDNS_RCODE_NOTAUTH
		? ": is it its zone, and the key one that it knows?"
		: "");
	free(text);
	return AG_EPERM;
}

/* ---- AXFR ---- */

struct transfer {
	struct records *rs;
	uint32_t serial;
	unsigned soas;
};

static int
take_answer(struct transfer *t, ldns_pkt *p)
{
	ldns_rr_list *answer = ldns_pkt_answer(p);
	ldns_rr *rr;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < ldns_rr_list_rr_count(answer); i++) {
		rr = ldns_rr_list_rr(answer, i);
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_SOA &&
		    ldns_rr_rd_count(rr) == 7) {
			t->serial = ldns_rdf2native_int32(ldns_rr_rdf(rr, 2));
			t->soas++;
		} else if (t->soas != 1)
			return AG_EINVAL;
		else
			rc = records_add_rr(t->rs, rr);
	}
	return rc;
}

static int
transfer_all(struct talk *t, struct transfer *tr)
{
	time_t end = time(NULL) + TRANSFER_SECONDS;
	ldns_pkt *p;
	bool first = true;
	int rc = 0;

	while (rc == 0 && tr->soas < 2) {
		if (time(NULL) > end)
			return error_set(
			    t->error_r, AG_EIO, "the transfer takes too long");
		if ((rc = talk_receive(t, first, &p)) != 0)
			return rc;
		if (ldns_pkt_get_rcode(p) != LDNS_RCODE_NOERROR)
			rc = rcode_error(ldns_pkt_get_rcode(p),
			    "the zone's transfer (AXFR)", t->error_r);
		else if ((rc = take_answer(tr, p)) != 0 ||
		    (first && tr->soas == 0))
			rc = error_set(t->error_r, rc != 0 ? rc : AG_EPERM,
			    "the name server's transfer is not whole");
		ldns_pkt_free(p);
		first = false;
	}
	return rc;
}

int
live_transfer(const struct live *l, const char *origin, struct records *rs,
    uint32_t *serial_r, struct error *error_r)
{
	struct talk t = {.l = l, .error_r = error_r, .fd = -1};
	struct transfer tr = {.rs = rs};
	ldns_pkt *p;
	int rc;

	/* ldns takes the name over. */
	p = ldns_pkt_query_new(
	    origin_rdf(origin), LDNS_RR_TYPE_AXFR, LDNS_RR_CLASS_IN, 0);
	if (p == NULL)
		return error_set(error_r, AG_ENOMEM, "no memory");
	if ((rc = talk_connect(&t)) == 0 && (rc = talk_send(&t, p)) == 0)
		rc = transfer_all(&t, &tr);
	*serial_r = tr.serial;
	ldns_pkt_free(p);
	talk_end(&t);
	return rc;
}

/* ---- update ---- */

int
live_update(const struct live *l, ldns_pkt *update, ldns_pkt_rcode *rcode_r,
    struct error *error_r)
{
	struct talk t = {.l = l, .error_r = error_r, .fd = -1};
	ldns_pkt *p = NULL;
	int rc;

	if ((rc = talk_connect(&t)) == 0 && (rc = talk_send(&t, update)) == 0 &&
	    (rc = talk_receive(&t, true, &p)) == 0)
		*rcode_r = ldns_pkt_get_rcode(p);
	ldns_pkt_free(p);
	talk_end(&t);
	return rc;
}

/* ---- questions ---- */

static ldns_resolver *
make_resolver(const struct live *l)
{
	ldns_resolver *r = NULL;
	struct timeval wait = {.tv_sec = WAIT_SECONDS};
	ldns_rdf *address;
	uint16_t port = 0;

	if (l == NULL)
		return ldns_resolver_new_frm_file(&r, NULL) == LDNS_STATUS_OK
		    ? r
		    : NULL;
	address = ldns_sockaddr_storage2rdf(&l->to, &port);
	if (address == NULL || (r = ldns_resolver_new()) == NULL ||
	    ldns_resolver_push_nameserver(r, address) != LDNS_STATUS_OK) {
		ldns_resolver_deep_free(r);
		r = NULL;
	} else {
		ldns_resolver_set_port(r, port);
		ldns_resolver_set_recursive(r, false);
		ldns_resolver_set_timeout(r, wait);
		ldns_resolver_set_retry(r, 2);
	}
	ldns_rdf_deep_free(address);
	return r;
}

static int
take_found(struct records *have, ldns_pkt *p, const char *owner, uint16_t type,
    uint32_t *serial_r)
{
	ldns_rr_list *answer = ldns_pkt_answer(p);
	struct record *last;
	ldns_rr *rr;
	size_t i;

	for (i = 0; i < ldns_rr_list_rr_count(answer); i++) {
		rr = ldns_rr_list_rr(answer, i);
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_SOA) {
			if (ldns_rr_rd_count(rr) == 7)
				*serial_r =
				    ldns_rdf2native_int32(ldns_rr_rdf(rr, 2));
			continue;
		}
		if (records_add_rr(have, rr) != 0)
			return AG_ETOOBIG;
		if (have->count == 0)
			continue;
		/* The answer to this question, or an alias there. */
		last = &have->list[have->count - 1];
		if (strcmp(last->owner, owner) != 0 ||
		    (last->type != type && last->type != LDNS_RR_TYPE_CNAME)) {
			free(last->owner);
			free(last->data);
			have->count--;
		}
	}
	return 0;
}

static int
ask_one(ldns_resolver *r, const char *owner, uint16_t type,
    struct records *have, uint32_t *serial_r, struct error *error_r)
{
	ldns_rdf *name = origin_rdf(owner);
	ldns_pkt *p = NULL;
	ldns_pkt_rcode rcode;
	int rc = 0;

	if (name == NULL ||
	    ldns_resolver_query_status(&p, r, name, type, LDNS_RR_CLASS_IN,
		ldns_resolver_recursive(r) ? LDNS_RD : 0) != LDNS_STATUS_OK ||
	    p == NULL)
		rc = error_set(error_r, AG_EIO,
		    "no answer from a name server for %s", owner);
	else {
		rcode = ldns_pkt_get_rcode(p);
		if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN)
			rc = rcode_error(rcode, owner, error_r);
		else
			rc = take_found(have, p, owner, type, serial_r);
	}
	ldns_pkt_free(p);
	ldns_rdf_deep_free(name);
	return rc;
}

int
live_ask(const struct live *l, const char *origin, const struct records *want,
    struct records *have, uint32_t *serial_r, struct error *error_r)
{
	ldns_resolver *r = make_resolver(l);
	const struct record *w;
	size_t i;
	int rc;

	if (r == NULL)
		return error_set(error_r, AG_EIO, "no name server to ask");
	rc = ask_one(r, origin, LDNS_RR_TYPE_SOA, have, serial_r, error_r);
	for (i = 0; rc == 0 && i < want->count; i++) {
		w = &want->list[i];
		if (i > 0 && w->type == w[-1].type &&
		    strcmp(w->owner, w[-1].owner) == 0)
			continue;
		rc = ask_one(r, w->owner, w->type, have, serial_r, error_r);
	}
	ldns_resolver_deep_free(r);
	return rc;
}
