/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guards: changes that are more often a mistake than a wish. Each refuses
 * with REPORT_GUARD (exit status 5), -EPERM, and says how to insist.
 */
#ifndef APIMGATE_GATE_GUARD_H
#define APIMGATE_GATE_GUARD_H

#include "agent/gate/policy.h"

/* Prefixes shorter than these let in much of the internet. */
#define GUARD_MIN_IPV4 8
#define GUARD_MIN_IPV6 16

int guard_prefix(const struct prefix *prefix, struct report *report);

/*
 * What a whole set would become: an empty list where there was one, or less
 * than half of what there was (of 4 or more).
 */
int guard_shrink(const char *set, size_t before, size_t after, struct report *report);

/* `default drop` while no service lets any set but the platform reach SSH. */
int guard_default_drop(const struct policy *policy, struct report *report);

/*
 * The SSH session that the caller works in, from SSH_CONNECTION of the process
 * or of one of its ancestors (sudo drops it from the environment).
 */
struct guard_session {
	uint8_t family;
	uint8_t peer[16];
	uint8_t local[16];
	uint16_t local_port;
	char peer_text[PREFIX_TEXT_LEN];
};

/* Returns 1 and fills *out, or 0 where the caller does not work over SSH. */
int guard_find_session(struct guard_session *out);

/*
 * Would the policy, enforced, keep the caller's session out where the one
 * before let it in? before may be NULL (nothing was enforced).
 */
int guard_session(const struct policy *before, const struct policy *after, struct report *report);

#endif
