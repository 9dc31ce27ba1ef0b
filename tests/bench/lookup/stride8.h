/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LOOKUP_STRIDE8_H
#define BENCH_LOOKUP_STRIDE8_H

#include <linux/types.h>

struct stride8_node {
	__u64 starts[4]; /* a set bit starts a new run of equal values */
	__u8 before[4];	 /* set bits in the words before this one */
	__u32 values;	 /* offset / 4 */
	__u32 own[6];
};

#endif
