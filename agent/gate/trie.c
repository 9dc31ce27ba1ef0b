// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/trie_internal.h"

#include <errno.h>
#include <string.h>

#include "agent/base/cleanup.h"

/*
 * Bits of a front for each prefix, at least, within limits: with 32, one or two
 * of a hundred random sources get past it.
 */
#define FRONT_BITS_PER_PREFIX 32
#define FRONT_MIN_BITS 16
#define FRONT_MAX_BITS4 24
#define FRONT_MAX_BITS6 26

/* Prefixes for each value of a root, at most, as far as it may grow. */
#define ROOT_PREFIXES 8
#define ROOT_MAX_BITS 18

/* What the hashed front of IPv6 stands for: prefixes of this length and more. */
#define HASHED_FROM 32

static bool is_ipv4(enum gate_table table)
{
	return table == GATE_SRC4 || table == GATE_DST4;
}

static uint32_t bits_for(size_t count, uint32_t most)
{
	uint32_t bits = FRONT_MIN_BITS;

	while (bits < most && (1ULL << bits) < (uint64_t)count * FRONT_BITS_PER_PREFIX)
		bits++;
	return bits;
}

/*
 * A handful of prefixes for each value of the root: then lines are well filled,
 * and two levels of them suffice. More, and the lines would be many and nearly
 * empty: what counts most is how little of the cache a lookup needs. In IPv6
 * the root only has what is shorter than the key of a bucket, which is little.
 */
static uint32_t root_bits(enum gate_table table, size_t count)
{
	uint32_t bits = 12;

	if (count <= 16)
		return 8;
	while (is_ipv4(table) && bits < ROOT_MAX_BITS && count > (size_t)ROOT_PREFIXES << bits)
		bits += 2;
	return bits;
}

static uint32_t used(const struct image *image)
{
	return image->head_used + image->page_used;
}

/* Adds what the image grew by to what the lookup of sources takes. */
static void add_bytes(struct image *image, enum gate_table table, uint32_t before)
{
	if (table == GATE_SRC4 || table == GATE_SRC6)
		image->head->lookup_bytes += used(image) - before;
}

int trie_reserve(struct image *image, enum gate_table table, size_t count)
{
	struct gate_trie trie = {};
	uint32_t bits = is_ipv4(table) ? bits_for(count, FRONT_MAX_BITS4) : FRONT_MIN_BITS;
	uint32_t hashed = bits_for(count, FRONT_MAX_BITS6);
	uint32_t root = root_bits(table, count);
	uint32_t before = used(image);
	int r;

	if (!count)
		return 0;
	r = image_allocate(image, (1U << bits) / 8, GATE_UNIT, false, &trie.front);
	if (r == 0 && !is_ipv4(table))
		r = image_allocate(image, (1U << hashed) / 8, GATE_UNIT, false, &trie.hashed);
	if (r == 0)
		r = image_allocate(image, sizeof(uint32_t) << root, GATE_UNIT, false, &trie.root);
	if (r < 0)
		return r;
	trie.front_shift = 32 - bits;
	trie.hashed_shift = 64 - hashed;
	trie.root_shift = 32 - root;
	image->head->tries[table] = trie;
	add_bytes(image, table, before);
	return 0;
}

static struct trie_entry *make_entries(const struct trie_item *items, size_t count)
{
	struct trie_entry *entries = malloc(count * sizeof(*entries));
	uint64_t parts[2];
	size_t i;

	for (i = 0; entries && i < count; i++) {
		memcpy(parts, items[i].prefix->address, sizeof(parts));
		entries[i].high = __builtin_bswap64(parts[0]);
		entries[i].low = __builtin_bswap64(parts[1]);
		entries[i].value = items[i].value;
		entries[i].length = items[i].prefix->length;
	}
	return entries;
}

static void set_bit(uint64_t *words, uint64_t bit)
{
	words[bit / 64] |= 1ULL << (bit % 64);
}

static void fill_fronts(struct image *image, const struct gate_trie *trie,
			const struct trie_entry *entries, size_t count)
{
	uint64_t *front = image_at(image, trie->front);
	uint64_t *hashed = trie->hashed ? image_at(image, trie->hashed) : NULL;
	uint32_t bits = 32 - trie->front_shift;
	uint64_t bit, last;
	size_t i;

	for (i = 0; i < count; i++) {
		bit = entries[i].high >> 32;
		if (hashed && entries[i].length >= HASHED_FROM) {
			set_bit(hashed, bit * GATE_HASH >> trie->hashed_shift);
			continue;
		}
		bit >>= trie->front_shift;
		last = bit;
		if (entries[i].length < bits)
			last += (1ULL << (bits - entries[i].length)) - 1;
		for (; bit <= last; bit++)
			set_bit(front, bit);
	}
}

/* Leaves only what is shorter than the key of a bucket. Returns how many. */
static size_t keep_short(struct trie_entry *entries, size_t count)
{
	size_t kept = 0, i;

	for (i = 0; i < count; i++)
		if (entries[i].length < GATE_BUCKET_BITS)
			entries[kept++] = entries[i];
	return kept;
}

static int build_root(const struct trie_builder *b, size_t count, const struct gate_trie *trie)
{
	uint32_t bits = 32 - trie->root_shift;
	_cleanup_free_ uint32_t *values = calloc(1ULL << bits, sizeof(*values));
	int r;

	if (!values)
		return -ENOMEM;
	r = trie_fill_positions(b, 0, count, 0, bits, values);
	if (r < 0)
		return r;
	memcpy(image_at(b->image, trie->root), values, sizeof(*values) << bits);
	return 0;
}

int trie_build(struct image *image, enum gate_table table, const struct trie_item *items,
	       size_t count)
{
	_cleanup_free_ struct trie_entry *entries = NULL;
	struct gate_trie trie = image->head->tries[table];
	struct trie_builder b = {.image = image, .family = is_ipv4(table) ? 4 : 6};
	uint32_t before = used(image);
	bool in_buckets = false;
	int r = 0;

	if (!count)
		return 0;
	entries = make_entries(items, count);
	if (!entries)
		return -ENOMEM;
	b.entries = entries;
	fill_fronts(image, &trie, entries, count);
	if (b.family == 6)
		r = trie_build_buckets(&b, count, &trie, &in_buckets);
	if (in_buckets)
		count = keep_short(entries, count);
	if (r == 0)
		r = build_root(&b, count, &trie);
	if (r < 0)
		return r;
	image->head->tries[table] = trie;
	add_bytes(image, table, before);
	return 0;
}
