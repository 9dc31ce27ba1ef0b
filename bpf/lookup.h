/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The longest prefix that covers an address: gate_lookup(generation, table,
 * address) -> value, 0 where there is none. Everything that knows how prefixes
 * are laid out in a generation is in this file and in agent/gate/trie.c.
 *
 * Cost: a miss in the front bitmap, which is what a flood from random sources
 * meets, is one load. A hit is one load (wide root) or one node, and then a
 * node for every further 8 bits: two loads and a population count each, in one
 * cache line. Only pages behind the head cost a helper call.
 */
#ifndef APIMGATE_BPF_LOOKUP_H
#define APIMGATE_BPF_LOOKUP_H

#include "maps.h"

/* What a lookup reads: the head, and (once a front has let it through) the pages behind it. */
struct gate_generation {
	struct gate_head *head;
	void *pages; /* a map */
};

/*
 * The size bytes at ref, which never straddle a page; size is a power of two.
 * The verifier can follow either branch: the head is one bounded value, and so
 * is a page.
 */
static __always_inline void *gate_object(const struct gate_generation *g, __u32 ref, __u32 size)
{
	__u32 page = (ref >> GATE_PAGE_SHIFT) - GATE_HEAD_PAGES;
	__u8 *window;

	if (ref <= GATE_HEAD_SIZE - size)
		return (__u8 *)g->head + ref;
	window = bpf_map_lookup_elem(g->pages, &page);
	if (!window)
		return NULL;
	return window + (ref & (GATE_PAGE_SIZE - 1) & ~(size - 1));
}

/* The kernel's instruction sets have no population count for us. */
static __always_inline __u32 gate_popcount(__u64 x)
{
	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (x * 0x0101010101010101ULL) >> 56;
}

/* The ref of the value that a position of the node has. */
static __always_inline __u32 gate_value_ref(const struct gate_node *node, __u32 position)
{
	__u32 word = (position >> 6) & 3;
	__u32 rank = node->before[word] +
		     gate_popcount(node->starts[word] << (63 - (position & 63))) - 1;

	return (node->values + rank) * 4;
}

/* The value of one position of the node in unit `index`. */
static __always_inline __u32 gate_node_value(const struct gate_generation *g, __u32 index,
					     __u32 position)
{
	__u32 ref = index * (__u32)sizeof(struct gate_node);
	__u32 page = (ref >> GATE_PAGE_SHIFT) - GATE_HEAD_PAGES;
	__u8 *window;

	if (ref <= GATE_HEAD_SIZE - sizeof(struct gate_node)) {
		window = (__u8 *)g->head;
		ref = gate_value_ref((struct gate_node *)(window + ref), position);
		return ref <= GATE_HEAD_SIZE - 4 ? *(__u32 *)(window + ref) : GATE_TRIE_NONE;
	}
	window = bpf_map_lookup_elem(g->pages, &page);
	if (!window)
		return GATE_TRIE_NONE;
	ref &= (GATE_PAGE_SIZE - 1) & ~(__u32)(sizeof(struct gate_node) - 1);
	ref = gate_value_ref((struct gate_node *)(window + ref), position);
	return *(__u32 *)(window + (ref & (GATE_PAGE_SIZE - 4)));
}

static __always_inline int gate_front_misses(const struct gate_head *head,
					     const struct gate_trie *trie, __u32 high)
{
	__u32 bit = high >> (trie->front_shift & 31);
	__u32 ref = trie->front + (bit >> 6) * 8;

	if (!trie->front || ref > GATE_HEAD_SIZE - 8)
		return 1;
	return !(*(__u64 *)((__u8 *)head + ref) >> (bit & 63) & 1);
}

/*
 * table is a constant at every call, bytes the length of the address. The
 * loop is bounded by it: 4 steps for IPv4, 16 for IPv6.
 */
static __always_inline __u32 gate_lookup(struct gate_generation *g, __u32 table,
					 const __be32 *address, __u32 bytes)
{
	const struct gate_trie *trie = &g->head->tries[table];
	__u32 high = bpf_ntohl(address[0]);
	__u32 i, slot, value, *wide;

	if (gate_front_misses(g->head, trie, high))
		return GATE_TRIE_NONE;
	slot = g->head->pages_slot;
	g->pages = bpf_map_lookup_elem(&gate_pages, &slot);
	if (!g->pages)
		return GATE_TRIE_NONE;
	value = trie->root;
	i = 0;
	if (trie->root_wide) {
		wide = gate_object(g, trie->root + (high >> 16) * 4, sizeof(*wide));
		value = wide ? *wide : GATE_TRIE_NONE;
		i = 2;
	}
	for (; i < bytes; i++) {
		if (!(value & GATE_TRIE_CHILD))
			return value;
		value = gate_node_value(g, value & ~GATE_TRIE_CHILD,
					bpf_ntohl(address[(i >> 2) & 3]) >> (24 - 8 * (i & 3)) &
						255);
	}
	return value & GATE_TRIE_CHILD ? GATE_TRIE_NONE : value;
}

#endif
