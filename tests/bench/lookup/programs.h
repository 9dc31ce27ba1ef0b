/* SPDX-License-Identifier: Apache-2.0 */
/* One address a run: the next of the stream. Its cost is also in the program `empty`. */
#ifndef BENCH_LOOKUP_PROGRAMS_H
#define BENCH_LOOKUP_PROGRAMS_H

#include <linux/bpf.h> /* before libbpf's headers, which use its types */

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "stream.h"

struct lookup_stream stream SEC(".bss");

static __always_inline __u32 next_position(void)
{
	return stream.position++ & (STREAM_ADDRESSES - 1);
}

/* A program that looks up as the function does, which gets the address. */
#define PROGRAM(name, function)                                                \
	SEC("xdp")                                                             \
	int name(struct xdp_md *ctx)                                           \
	{                                                                      \
		__u32 position = next_position();                              \
		struct lookup_address address = stream.address[position];      \
                                                                               \
		(void)ctx;                                                     \
		stream.result[position] = function(address.high, address.low); \
		return XDP_DROP;                                               \
	}

static __always_inline __u32 look_nowhere(__u64 high, __u64 low)
{
	return high ^ low;
}

PROGRAM(empty, look_nowhere)

char _license[] SEC("license") = "Dual BSD/GPL";

#endif
