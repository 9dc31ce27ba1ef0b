// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The contestants of our own: the two floors, which bound what any XDP gate can reach, and the
 * plain way to write such a gate, with the kernel's longest-prefix trie. The trie's program does
 * only what the benchmark needs (no VLAN, no extension headers, no fragments), so that it is as
 * fast as that way gets.
 */
#include <linux/bpf.h> /* before libbpf's headers, which use its types */

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "gates.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct key4);
	__type(value, __u32);
} allow4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct key6);
	__type(value, __u32);
} allow6 SEC(".maps");

static __always_inline int count(__u32 what, int verdict)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &what);

	if (n)
		++*n;
	return verdict;
}

SEC("xdp")
int floor_drop(struct xdp_md *ctx __attribute__((unused)))
{
	return count(COUNT_MISS, XDP_DROP);
}

SEC("xdp")
int floor_pass(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

static __always_inline int protected(void *l4, void *end)
{
	const struct tcphdr *tcp = l4;

	return (void *)(tcp + 1) <= end && tcp->dest == bpf_htons(PROTECTED_PORT);
}

static __always_inline int lpm_ipv4(void *l3, void *end)
{
	struct key4 key = {.len = 32};
	const struct iphdr *ip = l3;

	if ((void *)(ip + 1) > end || ip->ihl < 5)
		return count(COUNT_OTHER, XDP_DROP);
	if (ip->protocol != IPPROTO_TCP || !protected(l3 + ip->ihl * 4, end))
		return count(COUNT_OTHER, XDP_PASS);
	key.addr = ip->saddr;
	if (bpf_map_lookup_elem(&allow4, &key))
		return count(COUNT_HIT, XDP_PASS);
	return count(COUNT_MISS, XDP_DROP);
}

static __always_inline int lpm_ipv6(void *l3, void *end)
{
	struct key6 key = {.len = 128};
	const struct ipv6hdr *ip = l3;

	if ((void *)(ip + 1) > end)
		return count(COUNT_OTHER, XDP_DROP);
	if (ip->nexthdr != IPPROTO_TCP || !protected(l3 + sizeof(*ip), end))
		return count(COUNT_OTHER, XDP_PASS);
	__builtin_memcpy(key.addr, &ip->saddr, sizeof(key.addr));
	if (bpf_map_lookup_elem(&allow6, &key))
		return count(COUNT_HIT, XDP_PASS);
	return count(COUNT_MISS, XDP_DROP);
}

SEC("xdp")
int lpm_gate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return count(COUNT_OTHER, XDP_DROP);
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		return lpm_ipv4(data + sizeof(*eth), end);
	if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		return lpm_ipv6(data + sizeof(*eth), end);
	return count(COUNT_OTHER, XDP_PASS);
}

char _license[] SEC("license") = "Dual BSD/GPL";
