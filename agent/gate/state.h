/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy on disk, for the next boot: DIR/gate.state, and the one before it
 * as DIR/gate.state.previous. Written atomically (mode 0600, directory 0700).
 */
#ifndef APIMGATE_GATE_STATE_H
#define APIMGATE_GATE_STATE_H

#include "agent/base/file.h"
#include "agent/gate/policy.h"

#define STATE_FILE "gate.state"
#define STATE_PREVIOUS "gate.state.previous"
#define STATE_DAMAGED "gate.state.damaged"
#define STATE_MAX_BYTES (512U << 20)

/*
 * Reads the state, and changes nothing. A damaged file is named in a warning,
 * and the previous one is used; none that can be read: -EBADMSG. A missing
 * file with a previous one: the previous one, with a warning. No file at all:
 * a new policy. A state of a later version: -EPROTONOSUPPORT.
 */
int state_read(const char *directory, struct policy **out, struct report *report);

/*
 * The same for a writer, who holds the lock: a damaged file is moved aside as
 * gate.state.damaged where the previous one serves, so that the next commit
 * does not keep it as the previous state. With no state that can be read,
 * nothing is moved, and it stays an error.
 */
int state_recover(const char *directory, struct policy **out, struct report *report);

/* Writes and syncs the draft; then, once the kernel runs it, put it in place. */
int state_draft(const char *directory, const char *text, size_t length, struct file_draft *draft,
		struct report *report);
int state_commit(const char *directory, struct file_draft *draft, struct report *report);

#endif
