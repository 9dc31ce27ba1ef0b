/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the contestants of our own and their loader share. */
#ifndef BENCH_GATES_H
#define BENCH_GATES_H

#include <linux/types.h>

#define PROTECTED_PORT 443

enum count {
	COUNT_MISS,  /* protected, source not on the list: dropped */
	COUNT_HIT,   /* protected, source on the list: passed */
	COUNT_OTHER, /* anything else: a benchmark frame must never be that */
	COUNT_MAX,
};

struct key4 {
	__u32 len;
	__u32 addr;
};

struct key6 {
	__u32 len;
	__u32 addr[4];
};

#endif
