/* SPDX-License-Identifier: MIT */
/*
 * openpgp_rnp_open - opening with librnp. See openpgp_rnp_open.h.
 */
#include "mail/openpgp_rnp_open.h"

#include <rnp/rnp_err.h>
#include <string.h>

rnp_result_t
openpgp_rnp_begin(
    rnp_ffi_t ffi, rnp_input_t in, rnp_output_t out, rnp_op_verify_t *op_r)
{
	rnp_result_t err;

	*op_r = NULL;
	err = rnp_op_verify_create(op_r, ffi, in, out);
	if (err == RNP_SUCCESS)
		err = rnp_op_verify_set_flags(
		    *op_r, RNP_VERIFY_IGNORE_SIGS_ON_DECRYPT);
	return err;
}

bool
openpgp_rnp_is_protected(rnp_op_verify_t op)
{
	char *mode = NULL, *cipher = NULL;
	bool valid = false, ok;

	ok = rnp_op_verify_get_protection_info(op, &mode, &cipher, &valid) ==
		RNP_SUCCESS &&
	    valid && mode != NULL && strcmp(mode, "cfb-mdc") == 0;
	rnp_buffer_destroy(mode);
	rnp_buffer_destroy(cipher);
	return ok;
}
