/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same work for many numbers, from several threads: for system calls that
 * mostly wait, where waiting together takes no longer than waiting once.
 */
#ifndef APIMGATE_BASE_PARALLEL_H
#define APIMGATE_BASE_PARALLEL_H

#include <stdint.h>

/*
 * Calls work(context, number) for each number below count, in any order, from
 * this thread and at most 31 others. Returns 0, or the first -errno that work
 * returned; then some numbers were not worked on.
 */
int parallel_run(uint32_t count, int (*work)(void *context, uint32_t number), void *context);

#endif
