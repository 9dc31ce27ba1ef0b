/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of trie_build(). */
#ifndef APIMGATE_GATE_TRIE_INTERNAL_H
#define APIMGATE_GATE_TRIE_INTERNAL_H

#include "agent/gate/trie.h"

/* A prefix as numbers: the first 64 bits of the address and the others. */
struct trie_entry {
	uint64_t high;
	uint64_t low;
	uint32_t value;
	uint32_t length;
};

struct trie_builder {
	struct image *image;
	const struct trie_entry *entries; /* ordered */
	uint32_t family;
};

/* The 64 bits of the address from this one on; zeros follow its end. bit < 128. */
static inline uint64_t trie_window(uint64_t high, uint64_t low, uint32_t bit)
{
	if (bit >= 64)
		return low << (bit - 64);
	return high << bit | low >> 1 >> (63 - bit);
}

static inline uint32_t trie_child(enum gate_kind kind, uint32_t bit, uint32_t ref)
{
	return GATE_TRIE_CHILD | (uint32_t)kind << GATE_KIND_SHIFT | bit / 2 << GATE_BIT_SHIFT |
	       ref / GATE_UNIT;
}

/*
 * The value of an address whose first `bit` bits are those of entries [first,
 * end), which share them: a plain value, or a child that looks further.
 * inherited: the value of what covers them all. bit is even.
 */
int trie_build_value(const struct trie_builder *b, size_t first, size_t end, uint32_t bit,
		     uint32_t inherited, uint32_t *out);

/* Sets values[0 .. 2^bits) for the bits of the address from bit `skip` on; as above. */
int trie_fill_positions(const struct trie_builder *b, size_t first, size_t end, uint32_t skip,
			uint32_t bits, uint32_t *values);

/*
 * Puts the prefixes of 48 bits and more into buckets. *done: false, and nothing
 * made, where the keys hash too badly for that.
 */
int trie_build_buckets(const struct trie_builder *b, size_t count, struct gate_trie *trie,
		       bool *done);

#endif
