/* SPDX-License-Identifier: Apache-2.0 */
/* A change in the making; shared by the files that implement gate.h. */
#ifndef APIMGATE_GATE_CHANGE_H
#define APIMGATE_GATE_CHANGE_H

#include "agent/gate/gate.h"
#include "agent/gate/kernel.h"

struct gate_change {
	struct gate_options options;
	int lock; /* descriptor */
	struct kernel *kernel;
	struct policy *policy; /* being edited */
	char *document;	       /* of the running generation, as text */
	size_t document_length;
	bool session_was_asked; /* the session guard has had its say for this change */
};

/* Opens the gate where it is loaded, without the lock. -ENOENT, without an error, where not. */
int gate_open_kernel(const struct gate_options *options, struct kernel **out,
		     struct report *report);

/* Is any link attached and enforcing now? Negative on failure. */
int gate_any_enforcing(struct kernel *kernel, struct report *report);

/* Now, and seconds from now, on CLOCK_BOOTTIME in ns. */
uint64_t gate_boot_time(uint32_t seconds);

#endif
