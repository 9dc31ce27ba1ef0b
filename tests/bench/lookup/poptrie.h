/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LOOKUP_POPTRIE_H
#define BENCH_LOOKUP_POPTRIE_H

#include <linux/types.h>

struct poptrie_node {
	__u64 vector;  /* a set bit: there is a child */
	__u64 leafvec; /* a set bit starts a new run of equal leaves */
	__u32 nodes;   /* number of the first child */
	__u32 leaves;  /* offset / 4 of the first leaf */
	__u64 unused;
};

#endif
