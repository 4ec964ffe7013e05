/* SPDX-License-Identifier: MIT */
/*
 * session_out - what a session has still to write: lines and bundles, in
 * order. Written as the descriptor takes it; nothing here ever waits.
 *
 * Fault point: relay.send.
 */
#ifndef AGAMID_RELAYD_SESSION_OUT_H
#define AGAMID_RELAYD_SESSION_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session_out;

struct session_out *session_out_new(void); /* NULL when memory is out */
void session_out_free(struct session_out **o);

/* Append text. AG_ETOOBIG: the peer lets too much lie. AG_ENOMEM. */
int session_out_text(struct session_out *o, const char *text, size_t len);
/* Append size bytes of a file from its start; the descriptor is taken
 * over, whatever happens. 0, AG_ENOMEM. */
int session_out_file(struct session_out *o, int fd, uint64_t size);

bool session_out_empty(const struct session_out *o);
/* Write what fd (non-blocking) takes now; *wrote_r: bytes. 0; AG_EIO: the
 * peer has gone, or a file was too short. */
int session_out_write(struct session_out *o, int fd, size_t *wrote_r);

#endif
