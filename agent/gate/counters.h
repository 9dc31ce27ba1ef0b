/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads counters: of a link (reasons, services, sets), and hits by entry.
 * Reading costs no system call a counter, takes no lock, and disturbs nothing.
 */
#ifndef APIMGATE_GATE_COUNTERS_H
#define APIMGATE_GATE_COUNTERS_H

#include "agent/gate/gate.h"

/* Of one link, all CPUs added up; indexed by reason, service number, set number. */
struct counters {
	char device[IF_NAMESIZE];
	struct gate_count reason[GATE_REASON_COUNT];
	struct gate_count would_drop[GATE_REASON_COUNT];
	struct gate_count service_pass[GATE_MAX_SERVICES];
	struct gate_count service_drop[GATE_MAX_SERVICES];
	struct gate_count set[GATE_MAX_SETS];
	uint64_t events_sent;
	uint64_t events_lost;	 /* the ring was full */
	uint64_t events_skipped; /* not sampled, since the last event of each CPU */
};

/* All pinned links by name; none is fine. *out owned by the caller. */
int counters_read(const struct gate_options *options, struct counters **out, size_t *count,
		  struct report *report);

/* Adds what b counted to a. */
void counters_add(struct counters *a, const struct counters *b);

/*
 * Packets by slot (policy_entry.slot). *out has *count elements; owned by the
 * caller. A gate that is not loaded has none.
 */
int counters_read_hits(const struct gate_options *options, uint64_t **out, size_t *count,
		       struct report *report);

const char *counters_reason_name(enum gate_reason reason);
const char *counters_reason_text(enum gate_reason reason);
enum gate_verdict counters_reason_verdict(enum gate_reason reason);

#endif
