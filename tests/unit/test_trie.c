// SPDX-License-Identifier: Apache-2.0
/* The prefix tables against a plain list: every answer of a million. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/base/cleanup.h"
#include "agent/gate/trie.h"

#define MAX_ITEMS 2048
#define LOOKUPS 40000

/* One table and the list that it was built from, in the list's order. */
struct table {
	struct image *image;
	enum gate_table kind;
	uint8_t family;
	struct prefix prefixes[MAX_ITEMS];
	struct trie_item items[MAX_ITEMS];
	size_t count;
};

static uint64_t state = 88172645463325252ULL;

static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static int compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static void clear_host_bits(struct prefix *prefix)
{
	int bit;

	for (bit = prefix->length; bit < 128; bit++)
		prefix->address[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

static void add(struct table *t, const uint8_t *address, uint32_t length)
{
	struct prefix *prefix = &t->prefixes[t->count];

	if (t->count == MAX_ITEMS)
		return;
	*prefix = (struct prefix){.family = t->family, .length = (uint8_t)length};
	memcpy(prefix->address, address, t->family == 4 ? 4 : 16);
	clear_host_bits(prefix);
	t->count++;
}

/* Sorts, drops duplicates and builds. */
static void build(struct table *t)
{
	size_t i, count = 0;

	qsort(t->prefixes, t->count, sizeof(*t->prefixes), compare);
	for (i = 0; i < t->count; i++)
		if (!count || prefix_compare(&t->prefixes[count - 1], &t->prefixes[i]))
			t->prefixes[count++] = t->prefixes[i];
	t->count = count;
	for (i = 0; i < count; i++)
		t->items[i] = (struct trie_item){&t->prefixes[i], (uint32_t)i + 1};
	assert_int_equal(image_new(&t->image), 0);
	assert_int_equal(trie_reserve(t->image, t->kind, count), 0);
	assert_int_equal(trie_build(t->image, t->kind, t->items, count), 0);
}

static bool covers(const struct prefix *prefix, const uint8_t *address)
{
	int bit;

	for (bit = 0; bit < prefix->length; bit++)
		if ((prefix->address[bit / 8] ^ address[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static uint32_t longest(const struct table *t, const uint8_t *address)
{
	uint32_t found = 0;
	int length = -1;
	size_t i;

	for (i = 0; i < t->count; i++)
		if (t->prefixes[i].length > length && covers(&t->prefixes[i], address)) {
			length = t->prefixes[i].length;
			found = (uint32_t)i + 1;
		}
	return found;
}

static void step(uint8_t *address, size_t size, bool up)
{
	while (size-- > 0) {
		address[size] = (uint8_t)(up ? address[size] + 1 : address[size] - 1);
		if (address[size] != (up ? 0 : 255))
			return;
	}
}

/* Half of them at a border: first, first - 1, last, last + 1; and inside. */
static void choose(const struct table *t, uint8_t *address)
{
	size_t size = t->family == 4 ? 4 : 16, bit, i;
	const struct prefix *prefix;
	uint32_t what = next() % 8;

	for (i = 0; i < size; i++)
		address[i] = (uint8_t)next();
	if (what > 5 || !t->count)
		return;
	prefix = &t->prefixes[next() % t->count];
	for (bit = 0; bit < size * 8; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if (bit < prefix->length)
			address[bit / 8] = (uint8_t)((address[bit / 8] & ~mask) |
						     (prefix->address[bit / 8] & mask));
		else if (what < 2)
			address[bit / 8] &= (uint8_t)~mask;
		else if (what < 4)
			address[bit / 8] |= mask;
	}
	if (what == 1 || what == 3)
		step(address, size, what == 3);
}

static void check(struct table *t)
{
	uint8_t address[16] = {0};
	char text[PREFIX_TEXT_LEN];
	uint32_t found, i;

	for (i = 0; i < LOOKUPS; i++) {
		choose(t, address);
		found = trie_lookup(t->image, t->kind, address);
		if (found != longest(t, address))
			fail_msg("%s: entry %u, expected %u of %zu",
				 prefix_format_address(t->family, address, text), found,
				 longest(t, address), t->count);
		/* The program's loops are bounded by these. */
		assert_true(trie_steps(t->image, t->kind, address) <=
			    (t->family == 4 ? GATE_MAX_STEPS4 : GATE_MAX_STEPS6));
	}
}

static void run(void (*fill)(struct table *t), uint8_t family, enum gate_table kind)
{
	_cleanup_free_ struct table *t = calloc(1, sizeof(*t));

	t->family = family;
	t->kind = kind;
	fill(t);
	build(t);
	check(t);
	image_free(t->image);
}

/* Both families, and destinations too: they are tables of their own. */
static void run_all(void (*fill)(struct table *t))
{
	run(fill, 4, GATE_SRC4);
	run(fill, 6, GATE_SRC6);
}

static void random_address(uint8_t address[16])
{
	int i;

	for (i = 0; i < 16; i++)
		address[i] = (uint8_t)next();
}

static void fill_nothing(struct table *t)
{
	(void)t;
}

static void fill_everything(struct table *t)
{
	const uint8_t zero[16] = {0};

	add(t, zero, 0);
}

/* All lengths of one address, one inside the other. */
static void fill_nested(struct table *t)
{
	uint32_t bits = t->family == 4 ? 32 : 128, length;
	uint8_t address[16];

	random_address(address);
	for (length = 0; length <= bits; length++)
		add(t, address, length);
}

/* Every second of a row of neighbours, so that each run of positions is one. */
static void fill_alternating(struct table *t)
{
	uint8_t address[16] = {0x26, 0x03, 0x10, 0x30};
	uint32_t bits = t->family == 4 ? 32 : 128, i;

	for (i = 0; i < 512; i++) {
		address[bits / 8 - 1] = (uint8_t)(i * 2);
		address[bits / 8 - 2] = (uint8_t)(i >> 7);
		add(t, address, bits);
	}
}

/* All 256 of one step, at each step in turn. */
static void fill_steps(struct table *t)
{
	uint32_t bytes = t->family == 4 ? 4 : 16, byte, i;
	uint8_t address[16];

	for (byte = 0; byte < bytes; byte += t->family == 4 ? 1 : 4) {
		random_address(address);
		for (i = 0; i < 256; i++) {
			address[byte] = (uint8_t)i;
			add(t, address, byte * 8 + 8);
		}
	}
}

/* Lengths on both sides of where a step, a root, a front or a bucket's key ends. */
static void fill_step_borders(struct table *t)
{
	static const uint8_t lengths[] = {7,  8,  9,  15, 16, 17, 18, 19, 20, 23,  24,
					  25, 31, 32, 33, 47, 48, 49, 64, 65, 127, 128};
	uint32_t bits = t->family == 4 ? 32 : 128, i;
	uint8_t address[16];

	for (i = 0; i < 400; i++) {
		if (i % 8 == 0)
			random_address(address);
		address[i % (bits / 8)] ^= (uint8_t)(1U << i % 8);
		if (lengths[i % ARRAY_SIZE(lengths)] <= bits)
			add(t, address, lengths[i % ARRAY_SIZE(lengths)]);
	}
}

/* Around one that is there: inside it, beside it, or around it. */
static void fill_random(struct table *t, uint32_t count)
{
	uint32_t bits = t->family == 4 ? 32 : 128;
	uint8_t address[16];

	while (count-- > 0) {
		if (t->count && next() % 4) {
			memcpy(address, t->prefixes[next() % t->count].address, 16);
			address[next() % (bits / 8)] ^= (uint8_t)(1U << next() % 8);
		} else {
			random_address(address);
		}
		add(t, address, next() % 16 ? 4 + next() % (bits - 3) : next() % (bits + 1));
	}
}

static void fill_15(struct table *t)
{
	fill_random(t, 15);
}

static void fill_16(struct table *t)
{
	fill_random(t, 16);
}

static void fill_17(struct table *t)
{
	fill_random(t, 17);
}

static void fill_100(struct table *t)
{
	fill_random(t, 100);
}

static void fill_2000(struct table *t)
{
	fill_random(t, 2000);
}

#define TEST(name)                           \
	static void test_##name(void **data) \
	{                                    \
		(void)data;                  \
		run_all(fill_##name);        \
	}

TEST(nothing)
TEST(everything)
TEST(nested)
TEST(alternating)
TEST(steps)
TEST(step_borders)
TEST(15)
TEST(16)
TEST(17)
TEST(2000)

static void test_small_lists(void **data)
{
	uint32_t i;

	(void)data;
	for (i = 0; i < 6; i++)
		run_all(fill_100);
}

/* Four tables in one image do not write over each other. */
static void test_four_tables(void **data)
{
	static const enum gate_table kinds[] = {GATE_SRC4, GATE_SRC6, GATE_DST4, GATE_DST6};
	struct table *tables = calloc(4, sizeof(*tables));
	struct image *image;
	size_t i;

	(void)data;
	for (i = 0; i < 4; i++) {
		tables[i].kind = kinds[i];
		tables[i].family = i % 2 ? 6 : 4;
		fill_random(&tables[i], i < 2 ? 200 : 20);
		build(&tables[i]);
		image_free(TAKE_PTR(tables[i].image));
	}
	assert_int_equal(image_new(&image), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(trie_reserve(image, kinds[i], tables[i].count), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(trie_build(image, kinds[i], tables[i].items, tables[i].count), 0);
	for (i = 0; i < 4; i++) {
		tables[i].image = image;
		check(&tables[i]);
	}
	image_free(image);
	free(tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),	    cmocka_unit_test(test_everything),
		cmocka_unit_test(test_nested),	    cmocka_unit_test(test_alternating),
		cmocka_unit_test(test_steps),	    cmocka_unit_test(test_step_borders),
		cmocka_unit_test(test_15),	    cmocka_unit_test(test_16),
		cmocka_unit_test(test_17),	    cmocka_unit_test(test_2000),
		cmocka_unit_test(test_small_lists), cmocka_unit_test(test_four_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
