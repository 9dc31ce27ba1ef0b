/* SPDX-License-Identifier: Apache-2.0 */
/* Random policies, and random frames that come close to what a policy is about. */
#ifndef APIMGATE_TESTS_PACKET_RANDOM_H
#define APIMGATE_TESTS_PACKET_RANDOM_H

#include <stdint.h>

#include "agent/gate/policy.h"
#include "tests/packet/frame.h"

/* xorshift64*: the same numbers from the same seed, everywhere. */
struct random {
	uint64_t state;
};

/* PACKET_SEED, or one from the clock; printed, so that a failure can be had again. */
struct random random_seeded(const char *what);
uint32_t random_next(struct random *r);
/* Below n, which is not 0. */
uint32_t random_below(struct random *r, uint32_t n);
/* One in n times. */
bool random_one_in(struct random *r, uint32_t n);
void random_bytes(struct random *r, uint8_t *out, size_t size);

/* Fills a new gate's policy. For rig_change(); data is a struct random. */
int random_policy(struct policy *policy, void *data);

/* A frame that has a chance to meet the policy's borders. */
void random_frame(struct random *r, const struct policy *policy, struct frame *f);

/* Ports that random services have: frames have them too, and their neighbours. */
uint16_t random_port(struct random *r);

#endif
