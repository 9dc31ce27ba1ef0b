/* SPDX-License-Identifier: Apache-2.0 */
/* The pins of a link; see link.h for the layout. */
#ifndef APIMGATE_GATE_LINK_PINS_H
#define APIMGATE_GATE_LINK_PINS_H

#include "agent/gate/link.h"

/* Removes what a killed attach or a stale link left, so that pinning can begin. */
int link_pins_clear(const struct kernel *kernel, const char *device, struct report *report);

/*
 * Pins everything, the link (unless -1) last. What is pinned already is
 * replaced by renaming, so that a reader finds the old or the new.
 */
int link_pins_write(const struct kernel *kernel, const char *device,
		    const struct link_programs *programs, int link, struct report *report);

#endif
