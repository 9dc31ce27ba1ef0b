/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LOOKUP_HASHLEN_H
#define BENCH_LOOKUP_HASHLEN_H

#include <linux/types.h>

#define HASHLEN_PROBES 8
#define HASHLEN_LENGTHS 129

/* At offset 0. */
struct hashlen_head {
	__u32 lengths;
	struct {
		__u32 length;
		__u32 first; /* number of the table's first place */
		__u32 shift;
		__u32 pad;
	} table[HASHLEN_LENGTHS];
};

/* A prefix or a marker that longer ones exist; value: of the longest that covers it. */
struct hashlen_place {
	__u64 high, low;
	__u32 value;
	__u32 used;
	__u64 unused;
};

static inline __attribute__((always_inline)) __u64 hashlen_hash(__u64 high, __u64 low)
{
	return (high ^ (low * 0xff51afd7ed558ccdULL)) * 0x9e3779b97f4a7c15ULL;
}

#endif
