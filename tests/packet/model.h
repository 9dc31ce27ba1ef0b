/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy of docs/policy.md once more, in plain loops over plain lists. It
 * shares no code with the gate: what both say the same is probably right.
 */
#ifndef APIMGATE_TESTS_PACKET_MODEL_H
#define APIMGATE_TESTS_PACKET_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/gate/policy.h"

/* What a frame says, as far as it can be known. */
struct model_packet {
	int settled; /* the reason that follows from the frame alone, or -1 */
	int family;
	uint8_t source[16];
	uint8_t destination[16];
	int proto;   /* -1: not known */
	int port;    /* -1: not known, or the protocol has none */
	int unclear; /* the reason for a refusal, or -1 */
	bool any_destination;
	bool later_fragment;
	bool echo_reply;
};

struct model_verdict {
	enum gate_reason reason;
	uint64_t candidates;
	int service; /* -1: none */
	int set;     /* -1: none */
	uint32_t slot;
};

void model_parse(const uint8_t *frame, size_t length, struct model_packet *out);

/* now: seconds since 1970. No sockets exist in the model's world. */
void model_judge(const struct policy *policy, uint64_t now, const uint8_t *frame, size_t length,
		 struct model_verdict *out);

#endif
