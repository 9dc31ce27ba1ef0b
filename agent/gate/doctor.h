/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at everything the gate depends on, and says of each whether it is
 * fine, and if not, the way out. Changes nothing.
 */
#ifndef APIMGATE_GATE_DOCTOR_H
#define APIMGATE_GATE_DOCTOR_H

#include "agent/gate/gate.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_finding {
	enum doctor_level level;
	const char *check;	  /* stable name, such as "kernel" or "lro"; static */
	char device[IF_NAMESIZE]; /* or empty */
	char *text;		  /* what was found; owned */
	char *hint;		  /* the way out, or NULL; owned */
};

struct doctor_findings {
	struct doctor_finding *items;
	size_t count;
	size_t capacity;
};

/* device: one interface, or NULL for those of the policy's links, else all. */
int doctor_examine(const struct gate_options *options, const char *device,
		   struct doctor_findings *out, struct report *report);
void doctor_free(struct doctor_findings *findings);

#endif
