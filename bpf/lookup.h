/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The longest prefix that covers an address: gate_lookup(generation, table,
 * family, address) -> value, 0 where there is none. Everything that knows how
 * prefixes are laid out in a generation is in this file and in
 * agent/gate/trie*.c; docs/lookup.md says why it is so.
 *
 * Cost: a flood from random sources meets a clear bit in the front, one load
 * (two in IPv6). Anything else takes one load in the root (or a bucket) and
 * then a step or two for most addresses, each of them in one cache line or
 * two, without a branch that depends on the address but for the step's kind.
 */
#ifndef APIMGATE_BPF_LOOKUP_H
#define APIMGATE_BPF_LOOKUP_H

#include "maps.h"

/* The part of the address that is a number of 128 bits. IPv4: the first 32 of it. */
struct gate_address {
	__u64 high;
	__u64 low;
};

/* A page of the generation behind the head, by the ref of anything in it. */
static __always_inline __u8 *gate_page(const struct gate_head *head, __u32 ref)
{
	__u32 index = head->pages + (ref >> GATE_PAGE_SHIFT);
	__u32 zero = 0;
	void *page = bpf_map_lookup_elem(&gate_pages, &index);

	return page ? bpf_map_lookup_elem(page, &zero) : NULL;
}

/*
 * The size bytes at ref, which never straddle a page; size is a power of two.
 * The verifier can follow either branch: the head is one bounded value, and so
 * is a page.
 */
static __always_inline void *gate_object(const struct gate_head *head, __u32 ref, __u32 size)
{
	__u8 *page;

	if (ref <= GATE_HEAD_SIZE - size)
		return (__u8 *)head + ref;
	page = gate_page(head, ref);
	if (!page)
		return NULL;
	return page + (ref & (GATE_PAGE_SIZE - 1) & ~(size - 1));
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

static __always_inline __u32 gate_node_value(const struct gate_head *head, __u32 ref,
					     __u32 position)
{
	__u8 *page;

	if (ref <= GATE_HEAD_SIZE - sizeof(struct gate_node)) {
		page = (__u8 *)head;
		ref = gate_value_ref((struct gate_node *)(page + ref), position);
		return ref <= GATE_HEAD_SIZE - 4 ? *(__u32 *)(page + ref) : GATE_TRIE_NONE;
	}
	page = gate_page(head, ref);
	if (!page)
		return GATE_TRIE_NONE;
	ref &= (GATE_PAGE_SIZE - 1) & ~(__u32)(sizeof(struct gate_node) - 1);
	ref = gate_value_ref((struct gate_node *)(page + ref), position);
	return *(__u32 *)(page + (ref & (GATE_PAGE_SIZE - 4)));
}

/*
 * 1 if a < b, for numbers whose difference is below 2^63; never a branch,
 * which would be mispredicted. The barrier keeps clang from making it a
 * comparison again.
 */
static __always_inline __u64 gate_below(__u64 a, __u64 b)
{
	__u64 difference = a - b;

	asm("" : "+r"(difference));
	return difference >> 63;
}

static __always_inline __u32 gate_line32_value(const struct gate_line32 *line, __u32 key)
{
	const __u64 next = (__u64)key + 1;
	__u64 index = gate_below(line->from[0], next) + gate_below(line->from[1], next) +
		      gate_below(line->from[2], next) + gate_below(line->from[3], next) +
		      gate_below(line->from[4], next) + gate_below(line->from[5], next) +
		      gate_below(line->from[6], next);

	return line->value[index & 7];
}

/*
 * One of the values that a line64 or a bucket begins with. The mask, which
 * clang knows to be of no use, is for the verifier: it stays inside the line.
 */
static __always_inline __u32 gate_line_value(const void *line, __u64 index)
{
	asm("%0 &= 7" : "+r"(index));
	return ((const __u32 *)line)[index];
}

static __always_inline __u32 gate_line64_value(const struct gate_line64 *line, __u64 key)
{
	const __u64 next = key + 1;
	__u64 index = gate_below(line->from[0], next) + gate_below(line->from[1], next) +
		      gate_below(line->from[2], next) + gate_below(line->from[3], next) +
		      gate_below(line->from[4], next);

	return gate_line_value(line, index);
}

/* Both are below 2^63. */
static __always_inline __u64 gate_equal(__u64 a, __u64 b)
{
	return gate_below(a ^ b, 1);
}

static __always_inline __u32 gate_bucket_value(const struct gate_bucket *bucket, __u64 key)
{
	__u64 index = 5 - 5 * gate_equal(key, bucket->key[0]) -
		      4 * gate_equal(key, bucket->key[1]) - 3 * gate_equal(key, bucket->key[2]) -
		      2 * gate_equal(key, bucket->key[3]) - gate_equal(key, bucket->key[4]);

	return gate_line_value(bucket, index);
}

/* One step: from a value that has a child to the value that the child has for this address. */
static __always_inline __u32 gate_step(const struct gate_head *head, __u32 value,
				       const struct gate_address *address, __u32 family)
{
	__u32 ref = (value & GATE_UNIT_MASK) * GATE_UNIT;
	__u32 bit = (value >> GATE_BIT_SHIFT & 63) * 2;
	__u32 kind = value >> GATE_KIND_SHIFT & 3;
	__u64 key;
	void *line;

	if (family == 4 || bit < 64)
		key = address->high << (bit & 63);
	else
		key = address->low << (bit & 63);
	if (family == 6 && bit < 64)
		key |= address->low >> 1 >> (63 - bit);

	if (kind == GATE_NODE)
		return gate_node_value(head, ref, key >> 56);
	line = gate_object(head, ref, GATE_UNIT);
	if (!line)
		return GATE_TRIE_NONE;
	if (family == 4 || kind == GATE_LINE32)
		return gate_line32_value(line, key >> 32);
	return gate_line64_value(line, key >> (64 - GATE_LINE64_BITS));
}

static __always_inline int gate_front_bit(const struct gate_head *head, __u32 front, __u32 bit)
{
	__u64 *word = gate_object(head, front + (bit >> 6) * 8, sizeof(*word));

	return word && *word >> (bit & 63) & 1;
}

static __always_inline int gate_front_misses(const struct gate_head *head,
					     const struct gate_trie *trie,
					     const struct gate_address *address, __u32 family)
{
	__u32 high = address->high >> 32;

	if (gate_front_bit(head, trie->front, high >> (trie->front_shift & 31)))
		return 0;
	if (family == 4 || !trie->hashed)
		return 1;
	return !gate_front_bit(head, trie->hashed, (high * GATE_HASH) >> (trie->hashed_shift & 63));
}

/* What the buckets know: the value of the first 48 bits, or none. */
static __always_inline __u32 gate_buckets_value(const struct gate_head *head,
						const struct gate_trie *trie, __u64 high)
{
	__u64 key = high >> (64 - GATE_BUCKET_BITS);
	__u32 unit = trie->buckets + (key * GATE_HASH >> (trie->buckets_shift & 63));
	struct gate_bucket *bucket;
	__u32 i, value = GATE_TRIE_NONE;

	for (i = 0; i < GATE_MAX_BUCKETS; i++) {
		bucket = gate_object(head, (unit & GATE_UNIT_MASK) * GATE_UNIT, sizeof(*bucket));
		if (!bucket)
			return GATE_TRIE_NONE;
		value = gate_bucket_value(bucket, key);
		if (value >> GATE_KIND_SHIFT != (GATE_TRIE_CHILD >> GATE_KIND_SHIFT | GATE_BUCKET))
			return value;
		unit = value;
	}
	return GATE_TRIE_NONE;
}

/*
 * table and family are constants at every call. The chain is bounded by what
 * trie_build() makes: GATE_MAX_STEPS4 or 6.
 */
static __always_inline __u32 gate_lookup(const struct gate_head *head, __u32 table, __u32 family,
					 const __be32 *bytes)
{
	const struct gate_trie *trie = &head->tries[table];
	struct gate_address address = {};
	__u32 *root, value = GATE_TRIE_NONE;
	__u32 i;

	if (!trie->root)
		return GATE_TRIE_NONE;
	address.high = (__u64)bpf_ntohl(bytes[0]) << 32;
	if (family == 6) {
		address.high |= bpf_ntohl(bytes[1]);
		address.low = (__u64)bpf_ntohl(bytes[2]) << 32 | bpf_ntohl(bytes[3]);
	}
	if (gate_front_misses(head, trie, &address, family))
		return GATE_TRIE_NONE;
	if (family == 6 && trie->buckets)
		value = gate_buckets_value(head, trie, address.high);
	if (!value) {
		root = gate_object(head,
				   trie->root + (address.high >> 32 >> (trie->root_shift & 31)) * 4,
				   sizeof(*root));
		value = root ? *root : GATE_TRIE_NONE;
	}
	for (i = 0; i < (family == 4 ? GATE_MAX_STEPS4 : GATE_MAX_STEPS6); i++) {
		if (!(value & GATE_TRIE_CHILD))
			return value;
		value = gate_step(head, value, &address, family);
	}
	return value & GATE_TRIE_CHILD ? GATE_TRIE_NONE : value;
}

#endif
