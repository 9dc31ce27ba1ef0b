/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hit counters: packets by slot, in arrays of GATE_HITS_SLOTS for each shard
 * (a CPU, or several). More slots mean more arrays; those that there are stay
 * as they are, and go on counting across generations.
 */
#ifndef APIMGATE_GATE_HITS_H
#define APIMGATE_GATE_HITS_H

#include "agent/gate/kernel.h"

/* How many arrays each shard has for this many slots. */
uint32_t hits_chunks(uint32_t slots);

/* Adds the arrays of chunks [from, to) of all shards. */
int hits_add(struct kernel *kernel, uint32_t from, uint32_t to);
/* Removes them, as far as they exist. */
int hits_remove(struct kernel *kernel, uint32_t from, uint32_t to);

/* Zeroes the counters of these slots, in ascending order, that are in chunks below `chunks`. */
int hits_zero(struct kernel *kernel, const uint32_t *slots, size_t count, uint32_t chunks);

#endif
