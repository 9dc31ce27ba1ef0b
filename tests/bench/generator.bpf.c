// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Makes the frames. Live-frame BPF_PROG_TEST_RUN hands over a ready TCP SYN; this writes a source
 * address into it and sends it out of the device, from where it reaches the peer's native XDP hook
 * without ever having been a socket buffer.
 *
 * It keeps the clock too: every 2^slice_shift frames it notes the time. One run so yields many
 * short slices, and neither the start-up cost of a run nor a preemption gets into their median.
 */
#include <linux/bpf.h> /* before libbpf's headers, which use its types */

#include <bpf/bpf_helpers.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "generator.h"

const volatile __u32 family = 4;
const volatile __u32 slice_shift = 15;
const volatile __u32 from_list = 0;
const volatile __u32 list_mask = 0; /* the list's length is a power of two: this plus one */
const volatile __u32 base_sum = 0;  /* of the IPv4 header with no source address in it */

__u64 rng_state = 1;
__u64 sent = 0;
__u64 marks[GEN_MAX_MARKS];

/* Walked front to back, so that the memory this touches is prefetched and costs next to nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gen_source);
} sources SEC(".maps");

static __always_inline __u64 xorshift(void)
{
	__u64 x = rng_state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	rng_state = x;
	return x;
}

static __always_inline void mark_time(__u64 n)
{
	if (!(n & ((1ULL << slice_shift) - 1)))
		marks[(n >> slice_shift) & (GEN_MAX_MARKS - 1)] = bpf_ktime_get_ns();
}

/* The receiver's stack checks the header before netfilter sees it, so the sum must be right. */
static __always_inline void write_ipv4(struct iphdr *ip, __u32 source)
{
	__u32 sum = base_sum + (source & 0xffff) + (source >> 16);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->saddr = source;
	ip->check = (__u16)~sum;
}

static __always_inline void random_ipv6(__u32 *addr)
{
	__u64 high = xorshift(), low = xorshift();

	addr[0] = (__u32)high;
	addr[1] = (__u32)(high >> 32);
	addr[2] = (__u32)low;
	addr[3] = (__u32)(low >> 32);
	/* 2000::/3, the space that the Internet routes */
	*(__u8 *)addr = (*(__u8 *)addr & 0x1f) | 0x20;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *l3 = (void *)(long)ctx->data + GEN_ETH_LEN;
	void *end = (void *)(long)ctx->data_end;
	const struct gen_source *source = 0;
	struct ipv6hdr *ip6 = l3;
	struct iphdr *ip = l3;
	__u64 n = sent++;
	__u32 key;

	mark_time(n);
	if (from_list) {
		key = (__u32)n & list_mask;
		source = bpf_map_lookup_elem(&sources, &key);
		if (!source)
			return XDP_ABORTED;
	}

	if (family == 4) {
		if ((void *)(ip + 1) > end)
			return XDP_ABORTED;
		write_ipv4(ip, source ? source->addr[0] : (__u32)(xorshift() >> 16));
		return XDP_TX;
	}

	if ((void *)(ip6 + 1) > end)
		return XDP_ABORTED;
	if (source)
		__builtin_memcpy(&ip6->saddr, source->addr, sizeof(ip6->saddr));
	else
		random_ipv6((__u32 *)&ip6->saddr);
	return XDP_TX;
}

char _license[] SEC("license") = "Dual BSD/GPL";
