/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the loaded program what it would do with a frame (BPF_PROG_TEST_RUN).
 * Each link is loaded as a pair: the program that filters, and the same one
 * with `is_probe` set, which explains and counts nothing. With no link the
 * probe is loaded for this question alone, and enforces.
 */
#ifndef APIMGATE_GATE_PROBE_H
#define APIMGATE_GATE_PROBE_H

#include "agent/gate/gate.h"

struct probe_question {
	const char *device; /* NULL: the first link, or none */
	uint8_t family;
	uint8_t source[16];
	uint8_t destination[16];
	uint8_t proto; /* IPPROTO_ */
	uint16_t sport;
	uint16_t dport;
};

struct probe_answer {
	char device[IF_NAMESIZE];  /* empty: no link is attached */
	enum gate_verdict verdict; /* what happens to the packet, audit included */
	enum gate_reason reason;
	bool would_drop; /* audit: passes, but would be dropped */
	uint64_t generation;
	/* From the same generation; empty where none. */
	char service[GATE_NAME_LEN];
	char set[GATE_NAME_LEN];
	bool has_prefix;
	struct prefix prefix; /* the longest that covers the source */
};

int probe_ask(const struct gate_options *options, const struct probe_question *question,
	      struct probe_answer *answer, struct report *report);

/* The same for a frame as it is on the wire. */
int probe_ask_frame(const struct gate_options *options, const char *device, const void *frame,
		    size_t length, struct probe_answer *answer, struct report *report);

#endif
