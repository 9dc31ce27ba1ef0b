// SPDX-License-Identifier: Apache-2.0
/* Lists of IPv6: dense ones, and those whose first bits are bad for a hash. */
#include "agent/base/cleanup.h"
#include "apimgate/abi.h"
#include "tests/unit/lookup_lists.h"

#define KEY_BITS GATE_BUCKET_BITS

static lookup_address masked(lookup_address address, uint32_t length)
{
	return address & ~lookup_host_mask(length);
}

/* size prefixes of that length anywhere in one block of the other length. */
static void fill_inside(struct lookup_list *list, uint32_t block, uint32_t length, size_t size)
{
	lookup_address first = masked(lookup_any(&list->random), block);

	while (size-- > 0)
		lookup_add(list, first | (lookup_any(&list->random) & lookup_host_mask(block)),
			   length);
}

void lookup_fill_dense64(struct lookup_list *list, size_t size)
{
	fill_inside(list, 48, 64, size);
}

/* Some anywhere in the /64, as random interface identifiers are; some in a row. */
void lookup_fill_dense128(struct lookup_list *list, size_t size)
{
	lookup_address first;
	size_t i;

	fill_inside(list, 64, 128, size / 2);
	first = masked(list->items[0].first, 64);
	for (i = 0; i < size / 2; i++)
		lookup_add(list, first | i * 2, 128);
}

void lookup_fill_dense124(struct lookup_list *list, size_t size)
{
	fill_inside(list, 112, 124, size);
}

void lookup_fill_dense48(struct lookup_list *list, size_t size)
{
	fill_inside(list, 32, 48, size);
	lookup_add(list, list->items[0].first, 32);
}

static uint64_t reverse(uint64_t value, uint32_t bits)
{
	uint64_t reversed = 0;
	uint32_t i;

	for (i = 0; i < bits; i++)
		reversed |= (value >> i & 1) << (bits - 1 - i);
	return reversed;
}

/* The i-th of a row of keys that are far from random. */
static uint64_t patterned_key(uint32_t pattern, uint64_t i, uint32_t bits)
{
	static const uint64_t base = 0x26031030a55a;

	switch (pattern) {
	case 0:
		return (base >> (48 - bits)) + i;
	case 1:
		return reverse(i, bits);
	case 2:
		return i << 8;
	case 3:
		return i << (bits - 16);
	case 4:
		return i << 16 | (i & 0xff);
	default: /* a Fibonacci number: its multiples have hashes that are close to each other */
		return i * 14930352;
	}
}

/* Of one pattern, or of all but the last mixed; what is behind the key is random. */
static void fill_keys(struct lookup_list *list, uint32_t bits, size_t size, uint32_t longest)
{
	uint32_t pattern = list->variant, length;
	lookup_address key, rest;
	size_t i;

	for (i = 0; i < size; i++) {
		if (list->variant == LOOKUP_PATTERNS)
			pattern = (uint32_t)i % (LOOKUP_PATTERNS - 1);
		key = patterned_key(pattern, i, bits);
		rest = lookup_any(&list->random) & lookup_host_mask(bits);
		length = bits + lookup_below(&list->random, longest - bits + 1);
		lookup_add(list, key << (128 - bits) | rest, length);
	}
}

void lookup_fill_keys48(struct lookup_list *list, size_t size)
{
	fill_keys(list, 48, size, 48);
}

void lookup_fill_keys48_deep(struct lookup_list *list, size_t size)
{
	fill_keys(list, 48, size, 128);
	fill_keys(list, 44, size / 8, 50);
}

void lookup_fill_keys32(struct lookup_list *list, size_t size)
{
	fill_keys(list, 32, size, 47);
	fill_keys(list, 31, size / 8, 33);
}

/* x with x * GATE_HASH == 1: each step of Newton's doubles the bits that are right. */
static uint64_t inverse_of_hash(void)
{
	uint64_t x = GATE_HASH;
	int i;

	for (i = 0; i < 5; i++)
		x *= 2 - GATE_HASH * x;
	return x;
}

/* A key whose hash starts with these bits. One number in 65,536 is a key. */
static uint64_t key_with_hash(struct lookup_list *list, uint64_t top, uint32_t bits)
{
	const uint64_t inverse = inverse_of_hash();
	uint64_t key;

	do
		key = (lookup_next(&list->random) >> bits | top << (64 - bits)) * inverse;
	while (key >> KEY_BITS);
	return key;
}

static void add_key(struct lookup_list *list, uint64_t key)
{
	lookup_address rest = lookup_any(&list->random) & lookup_host_mask(KEY_BITS);
	uint32_t more = lookup_below(&list->random, 2) ? 0 : lookup_below(&list->random, 81);

	lookup_add(list, (lookup_address)key << (128 - KEY_BITS) | rest, KEY_BITS + more);
}

static void add_same_hash(struct lookup_list *list, size_t size)
{
	uint64_t top = lookup_next(&list->random) >> 32;

	while (size-- > 0)
		add_key(list, key_with_hash(list, top, 32));
}

void lookup_fill_same_hash(struct lookup_list *list, size_t size)
{
	add_same_hash(list, size);
}

/* As many of one hash as buckets hold, one less and one more, among many others. */
void lookup_fill_hash_groups(struct lookup_list *list, size_t size)
{
	uint32_t one = GATE_BUCKET_KEYS, most = GATE_MAX_BUCKETS * GATE_BUCKET_KEYS, i;

	for (i = one - 1; i <= most; i++)
		add_same_hash(list, i);
	/* One more than fit at all is another list: it undoes what the others are for. */
	if (list->variant)
		add_same_hash(list, most + 1);
	while (list->count < size)
		add_key(list, lookup_next(&list->random) >> (64 - KEY_BITS));
}

/* No buckets, and the longest path there is. */
void lookup_fill_same_hash_ladder(struct lookup_list *list, size_t size)
{
	add_same_hash(list, 400);
	lookup_add_ladder(list, 4, 8);
	lookup_add_ladder(list, lookup_below(&list->random, 8), 9 + lookup_below(&list->random, 5));
	while (list->count < size)
		add_key(list, lookup_next(&list->random) >> (64 - KEY_BITS));
}

/* Few /32, below them /40 and /48, below these subnets, and in some of those single addresses. */
void lookup_fill_service_tags(struct lookup_list *list, size_t size)
{
	static const uint32_t blocks[] = {32, 40, 44, 48}, subnets[] = {56, 60, 62, 64};
	lookup_address region[6], site, subnet;
	uint32_t i, j;

	for (i = 0; i < ARRAY_SIZE(region); i++)
		region[i] = masked(lookup_any(&list->random), 32);
	lookup_add(list, region[0], 32);
	while (list->count < size) {
		site = region[lookup_below(&list->random, ARRAY_SIZE(region))] |
		       (lookup_any(&list->random) & lookup_host_mask(32));
		lookup_add(list, site, blocks[lookup_below(&list->random, ARRAY_SIZE(blocks))]);
		for (i = lookup_below(&list->random, 12); i > 0; i--) {
			subnet = masked(site, 48) |
				 (lookup_any(&list->random) & lookup_host_mask(48));
			lookup_add(list, subnet,
				   subnets[lookup_below(&list->random, ARRAY_SIZE(subnets))]);
			for (j = lookup_below(&list->random, 8); j > 0; j--)
				lookup_add(list,
					   masked(subnet, 64) | lookup_below(&list->random, 4096),
					   120 + lookup_below(&list->random, 9));
		}
	}
}
