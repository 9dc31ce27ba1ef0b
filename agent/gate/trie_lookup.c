// SPDX-License-Identifier: Apache-2.0
/* What bpf/lookup.h does, for an image: bounded by what was built instead of by masks. */
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/trie_internal.h"

struct address {
	uint64_t high, low;
};

static struct address read_address(enum gate_table table, const uint8_t *bytes)
{
	struct address address = {};
	uint64_t parts[2] = {};

	memcpy(parts, bytes, table == GATE_SRC4 || table == GATE_DST4 ? 4 : 16);
	address.high = __builtin_bswap64(parts[0]);
	address.low = __builtin_bswap64(parts[1]);
	return address;
}

static bool front_bit(struct image *image, uint32_t front, uint64_t bit)
{
	const uint64_t *words = image_at(image, front);

	return words[bit / 64] >> (bit % 64) & 1;
}

static uint32_t node_value(struct image *image, const struct gate_node *node, uint32_t position)
{
	uint32_t word = position / 64;
	uint64_t upto = node->starts[word] << (63 - position % 64);
	uint32_t rank = node->before[word] + (uint32_t)__builtin_popcountll(upto) - 1;

	return *(const uint32_t *)image_at(image, (node->values + rank) * 4);
}

static uint32_t line32_value(const struct gate_line32 *line, uint32_t key)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(line->from) && key >= line->from[i])
		i++;
	return line->value[i];
}

static uint32_t line64_value(const struct gate_line64 *line, uint64_t key)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(line->from) && key >= line->from[i])
		i++;
	return line->value[i];
}

static uint32_t bucket_value(const struct gate_bucket *bucket, uint64_t high)
{
	size_t i = 0;

	while (i < GATE_BUCKET_KEYS && bucket->key[i] != high >> (64 - GATE_BUCKET_BITS))
		i++;
	return bucket->value[i];
}

static uint32_t step(struct image *image, uint32_t value, const struct address *address)
{
	const void *at = image_at(image, (value & GATE_UNIT_MASK) * GATE_UNIT);
	uint32_t bit = (value >> GATE_BIT_SHIFT & 63) * 2;
	uint64_t key = trie_window(address->high, address->low, bit);

	switch ((enum gate_kind)(value >> GATE_KIND_SHIFT & 3)) {
	case GATE_NODE:
		return node_value(image, at, (uint32_t)(key >> 56));
	case GATE_LINE32:
		return line32_value(at, (uint32_t)(key >> 32));
	case GATE_LINE64:
		return line64_value(at, key >> (64 - GATE_LINE64_BITS));
	case GATE_BUCKET:
		return bucket_value(at, address->high);
	}
	return GATE_TRIE_NONE;
}

static uint32_t lookup(struct image *image, enum gate_table table, const uint8_t *bytes,
		       uint32_t *steps)
{
	const struct gate_trie *trie = &image->head->tries[table];
	struct address address = read_address(table, bytes);
	uint64_t high = address.high >> 32;
	uint32_t value = GATE_TRIE_NONE;
	uint32_t bucket;

	*steps = 0;
	if (!trie->root)
		return GATE_TRIE_NONE;
	if (!front_bit(image, trie->front, high >> trie->front_shift) &&
	    !(trie->hashed &&
	      front_bit(image, trie->hashed, high * GATE_HASH >> trie->hashed_shift)))
		return GATE_TRIE_NONE;
	if (trie->buckets) {
		bucket = (uint32_t)((address.high >> (64 - GATE_BUCKET_BITS)) * GATE_HASH >>
				    trie->buckets_shift);
		value = trie_child(GATE_BUCKET, 0, (trie->buckets + bucket) * GATE_UNIT);
		while (value & GATE_TRIE_CHILD && (value >> GATE_KIND_SHIFT & 3) == GATE_BUCKET)
			value = step(image, value, &address);
	}
	if (!value)
		value = ((const uint32_t *)image_at(image, trie->root))[high >> trie->root_shift];
	for (; value & GATE_TRIE_CHILD; ++*steps)
		value = step(image, value, &address);
	return value;
}

uint32_t trie_lookup(struct image *image, enum gate_table table, const uint8_t *address)
{
	uint32_t steps;

	return lookup(image, table, address, &steps);
}

uint32_t trie_steps(struct image *image, enum gate_table table, const uint8_t *address)
{
	uint32_t steps;

	lookup(image, table, address, &steps);
	return steps;
}
