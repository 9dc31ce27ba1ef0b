/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that knows the BPF object inside this binary (through its
 * generated skeleton): makes its maps and loads its programs, with what the
 * running kernel can and cannot do chosen here.
 */
#ifndef APIMGATE_GATE_LOADER_H
#define APIMGATE_GATE_LOADER_H

#include "agent/gate/kernel.h"
#include "agent/gate/link.h"

/* Makes the shared maps, for so many shards of hit counters; descriptors are the caller's. */
int loader_shared(uint32_t shards, int *heads, int *pages, int *hits, int *events, int *meta,
		  struct report *report);

/* Loads the program, or with probe the explaining one; see link_load(). */
int loader_program(const struct kernel *kernel, bool probe, struct link_programs *programs,
		   struct report *report);

#endif
