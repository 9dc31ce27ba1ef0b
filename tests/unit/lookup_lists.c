// SPDX-License-Identifier: Apache-2.0
/* Lists of either family, and the machinery. */
#include "tests/unit/lookup_lists.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"

/* splitmix64 */
uint64_t lookup_next(struct lookup_random *r)
{
	uint64_t x = r->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

uint32_t lookup_below(struct lookup_random *r, uint32_t n)
{
	return (uint32_t)((lookup_next(r) >> 32) * n >> 32);
}

lookup_address lookup_any(struct lookup_random *r)
{
	lookup_address high = lookup_next(r);

	return high << 64 | lookup_next(r);
}

void lookup_add(struct lookup_list *list, lookup_address address, uint32_t length)
{
	struct lookup_item *grown;

	if (list->count == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : 256;
		grown = realloc(list->items, list->capacity * sizeof(*grown));
		if (!grown)
			abort();
		list->items = grown;
	}
	list->items[list->count++] = (struct lookup_item){
		.first = address & ~lookup_host_mask(length), .length = length};
}

void lookup_list_clear(struct lookup_list *list)
{
	free(list->items);
	list->items = NULL;
	list->count = list->capacity = 0;
}

static int compare(const void *a, const void *b)
{
	const struct lookup_item *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->length > y->length) - (x->length < y->length);
}

static uint32_t value_of(struct lookup_list *list, size_t i, enum lookup_values values)
{
	static const uint32_t few[] = {1, 0x40000000, 0x7fffffff};

	if (values == LOOKUP_UNIQUE) /* an odd factor: all different, and all bits in use */
		return (uint32_t)(i + 1) * 0x9e3779b1U & 0x7fffffff;
	return values == LOOKUP_FEW ? few[lookup_below(&list->random, 3)] : 0x12345678;
}

void lookup_list_make(struct lookup_list *list, const struct lookup_choice *choice)
{
	size_t i, kept = 0;

	*list = (struct lookup_list){
		.bits = choice->bits, .variant = choice->variant, .random = {choice->seed}};
	choice->kind->fill(list, choice->size);
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare);
	for (i = 0; i < list->count; i++)
		if (!kept || compare(&list->items[kept - 1], &list->items[i]))
			list->items[kept++] = list->items[i];
	list->count = kept;
	for (i = 0; i < kept; i++)
		list->items[i].value = value_of(list, i, choice->values);
}

/* One in the last place of an address of the list's family. */
static lookup_address unit(const struct lookup_list *list)
{
	return (lookup_address)1 << (128 - list->bits);
}

lookup_address lookup_probe(const struct lookup_list *list, const struct lookup_item *item,
			    uint32_t probe, struct lookup_random *r)
{
	lookup_address ones = ~lookup_host_mask(list->bits);
	lookup_address host = lookup_host_mask(item->length) & ones;
	lookup_address last = item->first | host;
	lookup_address near = unit(list) * (1 + lookup_below(r, 16));

	switch (probe) {
	case 0:
		return item->first;
	case 1:
		return last;
	case 2:
		return item->first - unit(list); /* may wrap, which is an address as well */
	case 3:
		return last + unit(list);
	case 4:
		return item->first | (lookup_any(r) & host);
	case 5:
		return item->first ^ near;
	case 6:
		return last ^ near;
	default:
		return (item->first | (lookup_any(r) & host)) ^
		       (unit(list) << lookup_below(r, list->bits));
	}
}

struct prefix lookup_prefix(const struct lookup_list *list, const struct lookup_item *item)
{
	struct prefix prefix = {.family = list->bits == 32 ? 4 : 6,
				.length = (uint8_t)item->length};

	lookup_to_bytes(item->first, prefix.address, list->bits / 8);
	return prefix;
}

/* ---- lists ---- */

static void fill_nothing(struct lookup_list *list, size_t size)
{
	(void)list;
	(void)size;
}

static void fill_everything(struct lookup_list *list, size_t size)
{
	(void)size;
	lookup_add(list, 0, 0);
}

static void fill_lengths(struct lookup_list *list, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		lookup_add(list, lookup_any(&list->random), (uint32_t)(i % list->bits) + 1);
}

static void fill_default_and_others(struct lookup_list *list, size_t size)
{
	fill_everything(list, size);
	fill_lengths(list, size);
}

/* Behind some bit there may be only zeros or only ones, where a step's last position is. */
static lookup_address special_address(struct lookup_list *list)
{
	lookup_address address = lookup_any(&list->random);
	lookup_address mask = lookup_host_mask(lookup_below(&list->random, list->bits + 1));

	switch (lookup_below(&list->random, 4)) {
	case 0:
		return address | mask;
	case 1:
		return address & ~mask;
	default:
		return address;
	}
}

/* Chains of all lengths. */
static void fill_nested(struct lookup_list *list, size_t size)
{
	lookup_address address;
	uint32_t length;

	while (list->count < size) {
		address = special_address(list);
		for (length = 0; length <= list->bits; length++)
			lookup_add(list, address, length);
	}
}

/* Chains of some lengths. */
static void fill_chains(struct lookup_list *list, size_t size)
{
	lookup_address address;
	uint32_t length;

	while (list->count < size) {
		address = special_address(list);
		length = lookup_below(&list->random, list->bits);
		for (; length <= list->bits; length += 1 + lookup_below(&list->random, 20))
			lookup_add(list, address, length);
	}
}

/* All that is beside an address, so that everything but this is covered, in all lengths. */
static void fill_all_but_one(struct lookup_list *list, size_t size)
{
	lookup_address address;
	uint32_t length;

	while (list->count < size) {
		address = special_address(list);
		for (length = 1; length <= list->bits; length++)
			lookup_add(list, address ^ (lookup_address)1 << (128 - length), length);
	}
}

/* From a random block on: size neighbours, of which every step-th is there. */
static void fill_row(struct lookup_list *list, uint32_t length, size_t size, size_t step)
{
	lookup_address block = (lookup_address)1 << (128 - length);
	lookup_address address = lookup_any(&list->random) & ~((size * step) * block - 1);
	size_t i;

	for (i = 0; i < size; i++)
		lookup_add(list, address + i * step * block, length);
}

/* All 256 that share all but 8 bits, at the end and at each byte. */
static void fill_all_256(struct lookup_list *list, size_t size)
{
	uint32_t length;

	(void)size;
	for (length = 8; length <= list->bits; length += 8)
		fill_row(list, length, 256, 1);
}

static void fill_every_second(struct lookup_list *list, size_t size)
{
	fill_row(list, list->bits, size, 2);
	fill_row(list, list->bits - 8, size, 2);
	fill_row(list, list->bits - 1, size, 2);
}

/* Neighbours that are a larger block together; with it or without it. */
static void fill_split_blocks(struct lookup_list *list, size_t size)
{
	uint32_t length, deeper;
	lookup_address first;
	size_t i;

	while (list->count < size) {
		first = special_address(list);
		length = lookup_below(&list->random, list->bits);
		deeper = 1 + lookup_below(&list->random, 7);
		if (length + deeper > list->bits)
			deeper = list->bits - length;
		if (lookup_below(&list->random, 2))
			lookup_add(list, first, length);
		first &= ~lookup_host_mask(length);
		for (i = 0; i < 1U << deeper; i++)
			lookup_add(list, first + i * ((lookup_address)1 << (128 - length - deeper)),
				   length + deeper);
	}
}

static void fill_ends_of_space(struct lookup_list *list, size_t size)
{
	static const uint32_t lengths[] = {1, 2, 7, 8, 9, 12, 16, 20, 24, 31, 32, 48, 62, 64, 128};
	size_t i;

	(void)size;
	lookup_add(list, 0, list->bits);
	lookup_add(list, LOOKUP_ALL_ONES, list->bits);
	for (i = 0; i < ARRAY_SIZE(lengths) && lengths[i] <= list->bits; i++) {
		lookup_add(list, 0, lengths[i]);
		lookup_add(list, LOOKUP_ALL_ONES, lengths[i]);
		lookup_add(list, (lookup_address)1 << 127, lengths[i]);
		lookup_add(list, LOOKUP_ALL_ONES >> 1, lengths[i]);
	}
}

static void fill_hosts_of_ends(struct lookup_list *list, size_t size)
{
	(void)size;
	lookup_add(list, 0, list->bits);
	lookup_add(list, LOOKUP_ALL_ONES, list->bits);
}

static void fill_halves(struct lookup_list *list, size_t size)
{
	(void)size;
	lookup_add(list, 0, 1);
	lookup_add(list, LOOKUP_ALL_ONES, 1);
}

/* A row of addresses in which some are missing. */
static void fill_sequential(struct lookup_list *list, size_t size)
{
	lookup_address one = unit(list);
	lookup_address address = lookup_any(&list->random) & ~lookup_host_mask(list->bits - 20);
	size_t i;

	for (i = 0; i < size; i++, address += one) {
		if (!lookup_below(&list->random, 50))
			address += one * (1 + lookup_below(&list->random, 5));
		lookup_add(list, address, list->bits);
	}
}

static void fill_sequential_blocks(struct lookup_list *list, size_t size)
{
	fill_row(list, list->bits == 32 ? 24 : 48, size, 1);
}

struct share {
	uint32_t length, percent;
};

/* As the lists of clouds are: see tests/bench/prefixes.py. */
static void fill_cloud(struct lookup_list *list, size_t size)
{
	static const struct share mix4[] = {{32, 28}, {31, 28}, {30, 2}, {29, 2}, {28, 26},
					    {27, 2},  {26, 2},	{25, 2}, {24, 8}};
	static const struct share mix6[] = {{40, 1},  {44, 2},	{48, 12},  {52, 3},
					    {56, 12}, {60, 5},	{64, 25},  {80, 2},
					    {96, 2},  {112, 4}, {124, 22}, {128, 10}};
	const struct share *share;
	uint32_t percent;

	while (size-- > 0) {
		share = list->bits == 32 ? mix4 : mix6;
		percent = lookup_below(&list->random, 100);
		for (; percent >= share->percent; share++)
			percent -= share->percent;
		lookup_add(list, lookup_any(&list->random), share->length);
	}
}

static uint32_t random_length(struct lookup_list *list, uint32_t from)
{
	return from + lookup_below(&list->random, list->bits - from + 1);
}

/* Around one that is there: inside it, beside it, or around it. */
static void fill_relatives(struct lookup_list *list, size_t size)
{
	lookup_address address;

	while (list->count < size) {
		address = lookup_any(&list->random);
		if (list->count && lookup_below(&list->random, 8))
			address = list->items[lookup_below(&list->random, (uint32_t)list->count)]
					  .first ^
				  unit(list) << lookup_below(&list->random, list->bits);
		lookup_add(list, address, random_length(list, list->count % 32 ? 4 : 0));
	}
}

/*
 * One path from the top to the bottom, with many branches at every so many
 * bits: what a lookup has to follow is as long as it can be.
 */
static void fill_ladder(struct lookup_list *list, size_t size)
{
	lookup_address path = special_address(list);
	uint32_t step = 2 + lookup_below(&list->random, 15);
	uint32_t bit = lookup_below(&list->random, 9), wide, i;

	while (list->count < size) {
		wide = 1 + lookup_below(&list->random, 8);
		if (bit + wide > list->bits) {
			path = special_address(list);
			step = 2 + lookup_below(&list->random, 15);
			bit = lookup_below(&list->random, 9);
			continue;
		}
		for (i = 0; i < 1U << wide; i++)
			lookup_add(list, path ^ (lookup_address)i << (128 - bit - wide),
				   bit + wide);
		bit += step;
	}
}

void lookup_add_ladder(struct lookup_list *list, uint32_t bit, uint32_t step)
{
	lookup_address path = lookup_any(&list->random);
	uint32_t wide, i;

	for (; bit < list->bits; bit += step) {
		wide = list->bits - bit < 8 ? list->bits - bit : 8;
		for (i = 0; i < 1U << wide; i++)
			lookup_add(list, path ^ (lookup_address)i << (128 - bit - wide),
				   bit + wide);
	}
}

/* Where the first step begins is what matters, since a table has steps of its own. */
static void fill_wide_ladder(struct lookup_list *list, size_t size)
{
	lookup_add_ladder(list, (uint32_t)size, 8);
}

const struct lookup_kind lookup_kinds[] = {
	{"empty", fill_nothing, {1}, 0},
	{"everything", fill_everything, {1}, 0},
	{"default and others", fill_default_and_others, {1, 15, 2000, 50000}, 0},
	{"every length", fill_lengths, {16, 128, 3000, 100000}, 0},
	{"nested", fill_nested, {1, 1000, 30000}, 0},
	{"chains", fill_chains, {1, 12, 1000, 30000}, 0},
	{"all but one", fill_all_but_one, {1, 1000, 20000}, 0},
	{"all 256 of each step", fill_all_256, {1}, 0},
	{"every second", fill_every_second, {8, 128, 512, 20000}, 0},
	{"split blocks", fill_split_blocks, {2, 100, 3000, 60000}, 0},
	{"ends of the space", fill_ends_of_space, {1}, 0},
	{"hosts at the ends", fill_hosts_of_ends, {1}, 0},
	{"both halves", fill_halves, {1}, 0},
	{"sequential hosts", fill_sequential, {64, 300, 5000, 100000}, 0},
	{"sequential blocks", fill_sequential_blocks, {64, 4096, 65536}, 0},
	{"cloud mix", fill_cloud, {17, 2000, 20000, 300000}, 0},
	{"relatives", fill_relatives, {15, 200, 3000, 100000}, 0},
	{"ladder", fill_ladder, {200, 2000, 30000}, 0},
	{"wide ladder", fill_wide_ladder, {8, 2, 4, 6}, 0},
	{"/64s in a /48", lookup_fill_dense64, {2000}, 1},
	{"/128s in a /64", lookup_fill_dense128, {50, 5000}, 1},
	{"/124s in a /112", lookup_fill_dense124, {300}, 1},
	{"/48s in a /32", lookup_fill_dense48, {20, 700, 30000}, 1},
	{"regular first 48 bits", lookup_fill_keys48, {100, 4000, 50000}, LOOKUP_PATTERNS + 1},
	{"regular first 48 bits, long",
	 lookup_fill_keys48_deep,
	 {100, 4000, 50000},
	 LOOKUP_PATTERNS + 1},
	{"regular first 32 bits", lookup_fill_keys32, {100, 4000, 50000}, LOOKUP_PATTERNS + 1},
	{"first 48 bits of one hash", lookup_fill_same_hash, {25, 400, 5000}, 1},
	{"first 48 bits of few hashes", lookup_fill_hash_groups, {300, 3000}, 2},
	{"one hash and a ladder", lookup_fill_same_hash_ladder, {3000, 10000}, 1},
	{"service tags", lookup_fill_service_tags, {200, 5000, 100000}, 1},
};
const size_t lookup_kind_count = ARRAY_SIZE(lookup_kinds);

const struct lookup_kind *lookup_find_kind(const char *name)
{
	size_t i;

	for (i = 0; i < lookup_kind_count; i++)
		if (!strcmp(lookup_kinds[i].name, name))
			return &lookup_kinds[i];
	abort();
}
