/* SPDX-License-Identifier: MIT */
/*
 * spf - what this machine's own Postfix says about SPF (RFC 7208), in a
 * field that it puts on top of a mail: Received-SPF, or
 * Authentication-Results (RFC 8601) under this node's host.
 *
 * Pure. Whether Postfix does so is the operator's to say (agamid.yaml,
 * spf: header); without that a stranger could write it himself.
 */
#ifndef AGAMID_MILTER_SPF_H
#define AGAMID_MILTER_SPF_H

#include <stdbool.h>
#include <stddef.h>

/* The result for MAIL FROM in a field, into out; false if it has none. */
bool spf_result(const char *name, const char *value, const char *host,
    char *out, size_t size);

#endif
