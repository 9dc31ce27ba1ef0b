/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LOOKUP_FRONTS_H
#define BENCH_LOOKUP_FRONTS_H

#include <linux/types.h>

#define FRONTHASH 0x9e3779b97f4a7c15ULL

/* Then the hashed bitmap of prefixes from /32 on; the direct one is for shorter ones. */
struct fronthash_head {
	__u64 shift;
	__u64 direct[65536 / 64];
};

#endif
