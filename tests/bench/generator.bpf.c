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
#include <linux/tcp.h>

#include "generator.h"

const volatile __u32 family = 4;
const volatile __u32 slice_shift = 15;
const volatile __u32 from_list = 0;
const volatile __u32 list_mask = 0; /* the list's length is a power of two: this plus one */
const volatile __u32 many_targets = 0;
const volatile __u32 target_mask = 0;
const volatile __u32 base_sum = 0; /* of the IPv4 header without what is written into it here */

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

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gen_target);
} targets SEC(".maps");

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

static __always_inline __u32 sum_of(__u32 addr)
{
	return (addr & 0xffff) + (addr >> 16);
}

/* The receiver's stack checks the header before netfilter sees it, so the sum must be right. */
static __always_inline void write_ipv4(struct iphdr *ip, __u32 source,
				       const struct gen_target *target)
{
	__u32 sum = base_sum + sum_of(source);

	if (target) {
		ip->daddr = target->addr[0];
		sum += sum_of(target->addr[0]);
	}
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

static __always_inline int make_ipv4(void *l3, void *end, const struct gen_source *source,
				     const struct gen_target *target)
{
	struct iphdr *ip = l3;
	struct tcphdr *tcp = (void *)(ip + 1);

	if ((void *)(tcp + 1) > end)
		return XDP_ABORTED;
	write_ipv4(ip, source ? source->addr[0] : (__u32)(xorshift() >> 16), target);
	if (target)
		tcp->dest = target->port;
	return XDP_TX;
}

static __always_inline int make_ipv6(void *l3, void *end, const struct gen_source *source,
				     const struct gen_target *target)
{
	struct ipv6hdr *ip = l3;
	struct tcphdr *tcp = (void *)(ip + 1);

	if ((void *)(tcp + 1) > end)
		return XDP_ABORTED;
	if (source)
		__builtin_memcpy(&ip->saddr, source->addr, sizeof(ip->saddr));
	else
		random_ipv6((__u32 *)&ip->saddr);
	if (target) {
		__builtin_memcpy(&ip->daddr, target->addr, sizeof(ip->daddr));
		tcp->dest = target->port;
	}
	return XDP_TX;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *l3 = (void *)(long)ctx->data + GEN_ETH_LEN;
	void *end = (void *)(long)ctx->data_end;
	const struct gen_source *source = 0;
	const struct gen_target *target = 0;
	__u64 n = sent++;
	__u32 key;

	mark_time(n);
	if (from_list) {
		key = (__u32)n & list_mask;
		source = bpf_map_lookup_elem(&sources, &key);
		if (!source)
			return XDP_ABORTED;
	}
	if (many_targets) {
		key = (__u32)n & target_mask;
		target = bpf_map_lookup_elem(&targets, &key);
		if (!target)
			return XDP_ABORTED;
	}
	return family == 4 ? make_ipv4(l3, end, source, target)
			   : make_ipv6(l3, end, source, target);
}

char _license[] SEC("license") = "Dual BSD/GPL";
