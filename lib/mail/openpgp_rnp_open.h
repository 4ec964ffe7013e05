/* SPDX-License-Identifier: MIT */
/*
 * openpgp_rnp_open - how a sealed message is opened with librnp, for the
 * engine and for the Dovecot plugin.
 *
 * SECURITY: rnp_decrypt() takes messages without integrity protection. So
 * the verify operation is used, and asked afterwards what it found: what
 * came out before openpgp_rnp_is_protected() said true is worth nothing.
 */
#ifndef AGAMID_MAIL_OPENPGP_RNP_OPEN_H
#define AGAMID_MAIL_OPENPGP_RNP_OPEN_H

#include <rnp/rnp.h>
#include <stdbool.h>

/* The operation that opens in to out, which rnp_op_verify_execute() then
 * does; a signature inside is nothing to it. *op_r is the caller's to
 * destroy, on an error as well. */
rnp_result_t openpgp_rnp_begin(
    rnp_ffi_t ffi, rnp_input_t in, rnp_output_t out, rnp_op_verify_t *op_r);
/* After it was executed: was the message integrity protected (SEIPD v1,
 * RFC 4880 section 5.13), and found good? */
bool openpgp_rnp_is_protected(rnp_op_verify_t op);

#endif
