/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs read and write, shared with userspace: the only variable in .bss. */
#ifndef BENCH_LOOKUP_STREAM_H
#define BENCH_LOOKUP_STREAM_H

#include <linux/types.h>

#define STREAM_ADDRESSES 65536U

struct lookup_address {
	__u64 high, low; /* host byte order; IPv4: the first 32 bits of high */
};

struct lookup_stream {
	struct lookup_address address[STREAM_ADDRESSES];
	__u32 result[STREAM_ADDRESSES];
	__u32 position;
};

#endif
