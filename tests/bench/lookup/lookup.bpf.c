// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The lookups of the candidates but for the product's own: see the C files of their names. */
#include "programs.h"

#include "fronts.h"
#include "hashlen.h"
#include "poptrie.h"
#include "stride8.h"

/* The size of the table, a power of two, less one: userspace sets it, and the value's size. */
const volatile __u32 table_mask = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, 4);
} table SEC(".maps");

struct lpm_key {
	__u32 length;
	__u8 address[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lpm_key);
	__type(value, __u32);
} lpm SEC(".maps");

static __always_inline __u8 *get_table(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&table, &zero);
}

/* Objects are as large as their alignment, so masking their offset bounds them. */
#define AT(type, base, offset) \
	((const type *)((base) + ((offset)&table_mask & ~(__u32)(sizeof(type) - 1))))

static __always_inline __u32 popcount(__u64 x)
{
	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (x * 0x0101010101010101ULL) >> 56;
}

/* The 64 bits from this one on, which is not above 127. */
static __always_inline __u64 bits_from(__u64 high, __u64 low, __u32 bit)
{
	if (bit >= 64)
		return low << (bit & 63);
	return high << (bit & 63) | low >> 1 >> (63 - bit);
}

static __always_inline __u32 stride8(__u64 high, __u64 low, __u32 steps)
{
	const struct stride8_node *node;
	const __u8 *base = get_table();
	__u32 value, position, word, i;

	if (!base)
		return 0;
	value = *AT(__u32, base, (__u32)(high >> 48) * 4);
	for (i = 0; i < steps && value & 0x80000000U; i++) {
		node = AT(struct stride8_node, base, value * (__u32)sizeof(*node));
		position = bits_from(high, low, 16 + 8 * i) >> 56;
		word = position >> 6 & 3;
		value = node->values + node->before[word] - 1 +
			popcount(node->starts[word] << (63 - (position & 63)));
		value = *AT(__u32, base, value * 4);
	}
	return value;
}

static __always_inline __u32 stride8_4(__u64 high, __u64 low)
{
	return stride8(high, low, 2);
}

static __always_inline __u32 stride8_6(__u64 high, __u64 low)
{
	return stride8(high, low, 14);
}

static __always_inline __u32 poptrie(__u64 high, __u64 low, __u32 steps)
{
	const struct poptrie_node *node;
	const __u8 *base = get_table();
	__u32 value, position, i;
	__u64 upto;

	if (!base)
		return 0;
	value = *AT(__u32, base, (__u32)(high >> 48) * 4);
	if (!(value & 0x80000000U))
		return value;
	for (i = 0; i < steps; i++) {
		node = AT(struct poptrie_node, base, value * (__u32)sizeof(*node));
		position = bits_from(high, low, 16 + 6 * i) >> 58;
		upto = ~0ULL >> (63 - position);
		if (!(node->vector >> position & 1))
			return *AT(__u32, base,
				   (node->leaves + popcount(node->leafvec & upto) - 1) * 4);
		value = node->nodes + popcount(node->vector & upto) - 1;
	}
	return 0;
}

static __always_inline __u32 poptrie_4(__u64 high, __u64 low)
{
	return poptrie(high, low, 3);
}

static __always_inline __u32 poptrie_6(__u64 high, __u64 low)
{
	return poptrie(high, low, 19);
}

static __always_inline __u32 dir24_4(__u64 high, __u64 low)
{
	const __u8 *base = get_table();
	__u32 value;

	(void)low;
	if (!base)
		return 0;
	value = *AT(__u32, base, (__u32)(high >> 40) * 4);
	if (value & 0x80000000U)
		value = *AT(__u32, base, ((value << 8) + (__u32)(high >> 32 & 255)) * 4);
	return value;
}

/* The place of this key in a table of the head; NULL: it has none. */
static __always_inline const struct hashlen_place *hashlen_find(const __u8 *base, __u32 first,
								__u32 shift, __u64 high, __u64 low)
{
	__u64 mask = (1ULL << ((64 - shift) & 63)) - 1;
	__u64 hash = hashlen_hash(high, low) >> (shift & 63);
	const struct hashlen_place *place;
	__u32 i;

	for (i = 0; i < HASHLEN_PROBES; i++) {
		place = AT(struct hashlen_place, base,
			   (first + (__u32)((hash + i) & mask)) * (__u32)sizeof(*place));
		if (!place->used)
			return NULL;
		if (place->high == high && place->low == low)
			return place;
	}
	return NULL;
}

static __always_inline __u32 hashlen_6(__u64 high, __u64 low)
{
	const struct hashlen_head *head = (void *)get_table();
	const struct hashlen_place *place;
	__u32 from = 0, to, middle, length, i, value = 0;
	__u64 mask_high, mask_low;

	if (!head)
		return 0;
	to = head->lengths;
	for (i = 0; i < 8 && from < to; i++) {
		middle = (from + to) >> 1;
		if (middle >= HASHLEN_LENGTHS)
			return 0;
		length = head->table[middle].length;
		mask_high = length >= 64 ? ~0ULL : ~(~0ULL >> (length & 63));
		mask_low = length >= 128 ? ~0ULL : length <= 64 ? 0 : ~(~0ULL >> (length & 63));
		place = hashlen_find((const __u8 *)head, head->table[middle].first,
				     head->table[middle].shift, high & mask_high, low & mask_low);
		if (!place) {
			to = middle;
			continue;
		}
		value = place->value;
		from = middle + 1;
	}
	return value;
}

static __always_inline __u32 look_lpm(__u64 high, __u64 low, __u32 bits)
{
	struct lpm_key key = {.length = bits};
	__u64 swapped[2] = {bpf_cpu_to_be64(high), bpf_cpu_to_be64(low)};
	__u32 *value;

	__builtin_memcpy(key.address, swapped, sizeof(key.address));
	value = bpf_map_lookup_elem(&lpm, &key);
	return value ? *value : 0;
}

static __always_inline __u32 lpm_4(__u64 high, __u64 low)
{
	return look_lpm(high, low, 32);
}

static __always_inline __u32 lpm_6(__u64 high, __u64 low)
{
	return look_lpm(high, low, 128);
}

static __always_inline __u32 front_bit(const __u8 *base, __u32 at, __u32 bit)
{
	return *AT(__u64, base, at + (bit >> 6) * 8) >> (bit & 63) & 1;
}

static __always_inline __u32 look_front16(__u64 high, __u64 low)
{
	const __u8 *base = get_table();

	(void)low;
	return base ? front_bit(base, 0, high >> 48) : 0;
}

static __always_inline __u32 look_front24(__u64 high, __u64 low)
{
	const __u8 *base = get_table();

	(void)low;
	return base ? front_bit(base, 0, high >> 40) : 0;
}

static __always_inline __u32 look_fronthash(__u64 high, __u64 low)
{
	const __u8 *base = get_table();
	__u64 shift;

	(void)low;
	if (!base)
		return 0;
	shift = *AT(__u64, base, 0);
	return front_bit(base, 8, high >> 48) ||
	       front_bit(base, sizeof(struct fronthash_head),
			 (high >> 32) * FRONTHASH >> (shift & 63));
}

PROGRAM(stride8_ipv4, stride8_4)
PROGRAM(stride8_ipv6, stride8_6)
PROGRAM(poptrie_ipv4, poptrie_4)
PROGRAM(poptrie_ipv6, poptrie_6)
PROGRAM(dir24_ipv4, dir24_4)
PROGRAM(hashlen_ipv6, hashlen_6)
PROGRAM(lpm_ipv4, lpm_4)
PROGRAM(lpm_ipv6, lpm_6)
PROGRAM(front16_ipv4, look_front16)
PROGRAM(front16_ipv6, look_front16)
PROGRAM(front24_ipv4, look_front24)
PROGRAM(front24_ipv6, look_front24)
PROGRAM(fronthash_ipv6, look_fronthash)
