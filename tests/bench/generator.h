/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the generator's two halves share. */
#ifndef BENCH_GENERATOR_H
#define BENCH_GENERATOR_H

#include <linux/types.h>

#define GEN_MAX_MARKS 4096
#define GEN_ETH_LEN 14

struct gen_source {
	__u32 addr[4]; /* network order; IPv4 uses the first word */
};

/* Where a frame goes to; network order. Arrays of the kernel have elements of whole 8 bytes. */
struct gen_target {
	__u32 addr[4];
	__u16 port;
	__u16 pad[3];
};

#endif
