// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/trie.h"

#include <errno.h>
#include <string.h>

#include "agent/base/cleanup.h"

#define STEP_BITS 8
#define STEP_POSITIONS (1U << STEP_BITS)
#define WIDE_BITS 16
#define WIDE_POSITIONS (1U << WIDE_BITS)

/*
 * From this many prefixes on the first 16 bits are looked up in one table of
 * 256 KiB: three nodes less to walk, where the memory no longer matters.
 */
#define WIDE_FROM 64

/*
 * Bits of a front for each prefix, within limits. The fronts of all tables
 * must fit in the head's arena together, hence the small one of destinations.
 */
#define FRONT_BITS_PER_PREFIX 128
#define FRONT_MIN_BITS 16
#define FRONT_MAX_BITS 19
#define FRONT_MAX_BYTES (2 * ((1U << FRONT_MAX_BITS) + (1U << FRONT_MIN_BITS)) / 8)

GATE_STATIC_ASSERT("the head has room for the fronts of all tables",
		   sizeof(struct gate_head) + FRONT_MAX_BYTES <= GATE_HEAD_SIZE);

struct build {
	struct image *image;
	const struct trie_item *items;
};

static uint32_t high_bits(const uint8_t *address)
{
	return (uint32_t)address[0] << 24 | (uint32_t)address[1] << 16 | (uint32_t)address[2] << 8 |
	       address[3];
}

/* Bits [skip, skip + bits) of the address, bits <= 16, skip a multiple of 8. */
static uint32_t step_of(const uint8_t *address, uint32_t skip, uint32_t bits)
{
	const uint8_t *at = address + skip / 8;

	return bits == STEP_BITS ? at[0] : (uint32_t)at[0] << 8 | at[1];
}

static uint32_t count_runs(const uint32_t *values)
{
	uint32_t i, runs = 1;

	for (i = 1; i < STEP_POSITIONS; i++)
		runs += values[i] != values[i - 1];
	return runs;
}

/* Encodes 256 values as a node. One value for all needs no node: it is the result. */
static int encode_node(struct image *image, const uint32_t *values, uint32_t *out)
{
	uint32_t runs = count_runs(values);
	uint32_t i, ref, rank = 0;
	struct gate_node *node;
	uint32_t *run_values;
	size_t size = sizeof(*node);
	int r;

	if (runs == 1 && !(values[0] & GATE_TRIE_CHILD)) {
		*out = values[0];
		return 0;
	}
	if (runs > ARRAY_SIZE(node->own))
		size += runs * sizeof(uint32_t);
	r = image_allocate(image, size, sizeof(*node), true, &ref);
	if (r < 0)
		return r;

	node = image_at(image, ref);
	run_values = runs > ARRAY_SIZE(node->own) ? (uint32_t *)(node + 1) : node->own;
	node->values = (ref + (uint32_t)((uint8_t *)run_values - (uint8_t *)node)) / 4;
	for (i = 0; i < STEP_POSITIONS; i++) {
		if (i % 64 == 0)
			node->before[i / 64] = (uint8_t)rank;
		if (i && values[i] == values[i - 1])
			continue;
		node->starts[i / 64] |= 1ULL << (i % 64);
		run_values[rank++] = values[i];
	}
	*out = GATE_TRIE_CHILD | ref / (uint32_t)sizeof(*node);
	return 0;
}

static int build_node(struct build *b, size_t first, size_t end, uint32_t skip, uint32_t inherited,
		      uint32_t *out);

/*
 * Fills the positions of one step from items [first, end), all of which share
 * the first skip bits. Their order makes this one pass: whatever covers a
 * position comes before what is longer inside it.
 */
static int fill_positions(struct build *b, size_t first, size_t end, uint32_t skip, uint32_t bits,
			  uint32_t *values)
{
	const struct prefix *prefix;
	uint32_t position, rest, i;
	size_t group;
	int r;

	while (first < end) {
		prefix = b->items[first].prefix;
		rest = prefix->length - skip;
		position = step_of(prefix->address, skip, bits);
		if (rest <= bits) {
			for (i = 0; i < 1U << (bits - rest); i++)
				values[position + i] = b->items[first].value;
			first++;
			continue;
		}
		for (group = first + 1; group < end; group++)
			if (step_of(b->items[group].prefix->address, skip, bits) != position)
				break;
		r = build_node(b, first, group, skip + bits, values[position], &values[position]);
		if (r < 0)
			return r;
		first = group;
	}
	return 0;
}

static int build_node(struct build *b, size_t first, size_t end, uint32_t skip, uint32_t inherited,
		      uint32_t *out)
{
	uint32_t values[STEP_POSITIONS];
	uint32_t i;
	int r;

	for (i = 0; i < STEP_POSITIONS; i++)
		values[i] = inherited;
	r = fill_positions(b, first, end, skip, STEP_BITS, values);
	if (r < 0)
		return r;
	return encode_node(b->image, values, out);
}

static int build_wide_root(struct build *b, size_t count, struct gate_trie *trie)
{
	_cleanup_free_ uint32_t *values = calloc(WIDE_POSITIONS, sizeof(*values));
	uint32_t ref;
	int r;

	if (!values)
		return -ENOMEM;
	r = fill_positions(b, 0, count, 0, WIDE_BITS, values);
	if (r < 0)
		return r;
	r = image_allocate(b->image, WIDE_POSITIONS * sizeof(*values), sizeof(*values), false,
			   &ref);
	if (r < 0)
		return r;
	memcpy(image_at(b->image, ref), values, WIDE_POSITIONS * sizeof(*values));
	trie->root = ref;
	trie->root_wide = 1;
	return 0;
}

static uint32_t front_bits(enum gate_table table, size_t count)
{
	uint32_t bits = FRONT_MIN_BITS;

	if (table == GATE_DST4 || table == GATE_DST6)
		return bits;
	while (bits < FRONT_MAX_BITS && (1ULL << bits) < count * FRONT_BITS_PER_PREFIX)
		bits++;
	return bits;
}

int trie_reserve_front(struct image *image, enum gate_table table, size_t count)
{
	struct gate_trie *trie = &image->head->tries[table];
	uint32_t bits = front_bits(table, count);
	uint32_t ref;
	int r;

	if (!count)
		return 0;
	r = image_allocate(image, (1U << bits) / 8, sizeof(uint64_t), false, &ref);
	if (r < 0)
		return r;
	trie->front = ref;
	trie->front_shift = 32 - bits;
	return 0;
}

static void fill_front(struct image *image, const struct gate_trie *trie,
		       const struct trie_item *items, size_t count)
{
	uint64_t *words = image_at(image, trie->front);
	uint32_t bits = 32 - trie->front_shift;
	uint32_t bit, last;
	size_t i;

	for (i = 0; i < count; i++) {
		bit = high_bits(items[i].prefix->address) >> trie->front_shift;
		last = bit;
		if (items[i].prefix->length < bits)
			last += (1U << (bits - items[i].prefix->length)) - 1;
		for (; bit <= last; bit++)
			words[bit / 64] |= 1ULL << (bit % 64);
	}
}

int trie_build(struct image *image, enum gate_table table, const struct trie_item *items,
	       size_t count)
{
	struct build b = {.image = image, .items = items};
	struct gate_trie trie = image->head->tries[table];
	int r;

	if (!count)
		return 0;
	fill_front(image, &trie, items, count);
	if (count >= WIDE_FROM)
		r = build_wide_root(&b, count, &trie);
	else
		r = build_node(&b, 0, count, 0, GATE_TRIE_NONE, &trie.root);
	if (r < 0)
		return r;
	image->head->tries[table] = trie;
	return 0;
}

static uint32_t node_value(struct image *image, uint32_t value, uint32_t position)
{
	const struct gate_node *node =
		image_at(image, (value & ~GATE_TRIE_CHILD) * (uint32_t)sizeof(*node));
	uint32_t word = position / 64;
	uint64_t upto = node->starts[word] << (63 - position % 64);
	uint32_t rank = node->before[word] + (uint32_t)__builtin_popcountll(upto) - 1;

	return *(const uint32_t *)image_at(image, (node->values + rank) * 4);
}

uint32_t trie_lookup(struct image *image, enum gate_table table, const uint8_t *address)
{
	const struct gate_trie *trie = &image->head->tries[table];
	uint32_t high = high_bits(address);
	uint32_t bit = high >> trie->front_shift;
	uint32_t value = trie->root;
	uint32_t at = 0;

	if (!trie->front)
		return GATE_TRIE_NONE;
	if (!(((const uint64_t *)image_at(image, trie->front))[bit / 64] >> (bit % 64) & 1))
		return GATE_TRIE_NONE;
	if (trie->root_wide) {
		value = *(const uint32_t *)image_at(image, trie->root + (high >> 16) * 4);
		at = 2;
	}
	while (value & GATE_TRIE_CHILD)
		value = node_value(image, value, address[at++]);
	return value;
}
