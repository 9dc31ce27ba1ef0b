// SPDX-License-Identifier: Apache-2.0
/*
 * The prefix tables against a model, over lists that are hard on a table: some
 * million answers. TRIE_SEED repeats a run, TRIE_ROUNDS does it so many times.
 */
#include <errno.h>
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
#include "tests/unit/lookup_lists.h"

#if defined(__SANITIZE_ADDRESS__)
#define SLOW 4
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOW 4
#endif
#endif
#ifndef SLOW
#define SLOW 1
#endif

/* Of random addresses that a list is asked about, its own not counted. */
#define ANYWHERE (20000 / SLOW)
/* A list of more is asked about so many of its prefixes. */
#define ABOUT_MOST (12000 / SLOW)
/* Longer ones cost too much where everything is slow. */
#define LONGEST_LIST (SLOW == 1 ? SIZE_MAX : 60000)

/* Where the table is: IPv4 or IPv6 is up to the list. */
enum place {
	IN_HEAD,  /* a source table, in the head as far as it fits */
	IN_PAGES, /* a destination table, with no room left in the head */
	PLACES,
};

static uint64_t seed;
static uint32_t rounds = 1;
static uint64_t asked;

struct table {
	struct image *image;
	enum gate_table kind;
	struct lookup_choice choice;
	struct lookup_list list;
	struct lookup_model model;
};

static void choose_seed(void)
{
	const char *text = getenv("TRIE_SEED");

	seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	text = getenv("TRIE_ROUNDS");
	if (text)
		rounds = (uint32_t)strtoul(text, NULL, 0);
	printf("TRIE_SEED=%llu TRIE_ROUNDS=%u\n", (unsigned long long)seed, rounds);
}

static void make_model(struct table *t)
{
	lookup_list_make(&t->list, &t->choice);
	lookup_model_build(&t->model, t->list.items, t->list.count);
}

static void clear_model(struct table *t)
{
	lookup_model_clear(&t->model);
	lookup_list_clear(&t->list);
}

static int try_build(struct table *t)
{
	_cleanup_free_ struct prefix *prefixes = calloc(t->list.count + 1, sizeof(*prefixes));
	_cleanup_free_ struct trie_item *items = calloc(t->list.count + 1, sizeof(*items));
	size_t i;
	int r;

	for (i = 0; i < t->list.count; i++) {
		prefixes[i] = lookup_prefix(&t->list, &t->list.items[i]);
		items[i] = (struct trie_item){&prefixes[i], t->list.items[i].value};
	}
	r = trie_build(t->image, t->kind, items, t->list.count);
	assert_true(r == 0 || r == -E2BIG);
	return r;
}

static void build(struct table *t)
{
	assert_int_equal(try_build(t), 0);
}

static void fail_at(const struct table *t, lookup_address address, const char *what, uint32_t got,
		    uint32_t expected)
{
	char text[PREFIX_TEXT_LEN];
	uint8_t bytes[16];

	lookup_to_bytes(address, bytes, sizeof(bytes));
	fail_msg("TRIE_SEED=%llu: list '%s' variant %u of %zu prefixes (%zu asked for, values %u, "
		 "seed %llu), table %u: %s: %s %#x, expected %#x",
		 (unsigned long long)seed, t->choice.kind->name, t->choice.variant, t->list.count,
		 t->choice.size, t->choice.values, (unsigned long long)t->choice.seed, t->kind,
		 prefix_format_address(t->list.bits == 32 ? 4 : 6, bytes, text), what, got,
		 expected);
}

static void check_address(const struct table *t, lookup_address address)
{
	uint32_t most = t->list.bits == 32 ? GATE_MAX_STEPS4 : GATE_MAX_STEPS6;
	uint32_t got, expected, steps;
	uint8_t bytes[16];

	address &= ~lookup_host_mask(t->list.bits);
	lookup_to_bytes(address, bytes, sizeof(bytes));
	expected = lookup_model_ask(&t->model, address);
	got = trie_lookup(t->image, t->kind, bytes);
	if (got != expected)
		fail_at(t, address, "value", got, expected);
	/* The loops of the program are bounded by these. */
	steps = trie_steps(t->image, t->kind, bytes);
	if (steps > most)
		fail_at(t, address, "steps", steps, most);
	asked++;
}

static void check_table(const struct table *t)
{
	struct lookup_random r = {t->choice.seed + 1};
	const struct lookup_item *item;
	uint32_t probe;
	size_t i;

	for (i = 0; i < t->list.count && i < ABOUT_MOST; i++) {
		item = &t->list.items[i];
		if (t->list.count > ABOUT_MOST)
			item = &t->list.items[lookup_below(&r, (uint32_t)t->list.count)];
		for (probe = 0; probe < LOOKUP_PROBES; probe++)
			check_address(t, lookup_probe(&t->list, item, probe, &r));
	}
	for (i = 0; i < ANYWHERE; i++)
		check_address(t, lookup_any(&r));
	check_address(t, 0);
	check_address(t, LOOKUP_ALL_ONES);
}

/* Takes what is left of the head, so that all that follows lies in pages. */
static void fill_head(struct image *image)
{
	size_t left = GATE_HEAD_SIZE - image->head_used;
	uint32_t ref;

	if (left)
		assert_int_equal(image_allocate(image, left, 1, false, &ref), 0);
}

static void run(const struct lookup_choice *choice, enum place place)
{
	struct table t = {.choice = *choice};
	bool is_ipv4 = choice->bits == 32;

	if (place == IN_HEAD)
		t.kind = is_ipv4 ? GATE_SRC4 : GATE_SRC6;
	else
		t.kind = is_ipv4 ? GATE_DST4 : GATE_DST6;
	make_model(&t);
	assert_int_equal(image_new(&t.image), 0);
	if (place == IN_PAGES)
		fill_head(t.image);
	assert_int_equal(trie_reserve(t.image, t.kind, t.list.count), 0);
	build(&t);
	check_table(&t);
	image_free(t.image);
	clear_model(&t);
}

/* One size of one kind and variant, in each place and with other values in each. */
static void run_places(struct lookup_choice *choice, uint32_t number)
{
	int place;

	for (place = 0; place < PLACES; place++) {
		choice->values = (enum lookup_values)((number + (uint32_t)place) % 3);
		choice->seed++;
		run(choice, (enum place)place);
	}
}

static void run_kind(const struct lookup_kind *kind, uint32_t bits, uint64_t first_seed)
{
	struct lookup_choice choice = {.kind = kind, .bits = bits, .seed = first_seed};
	uint32_t number = (uint32_t)first_seed, i;

	do {
		for (i = 0; i < ARRAY_SIZE(kind->sizes) && kind->sizes[i]; i++) {
			choice.size = kind->sizes[i];
			if (choice.size <= LONGEST_LIST)
				run_places(&choice, number++);
		}
	} while (++choice.variant < kind->variants);
}

static void test_kind(void **state)
{
	const struct lookup_kind *kind = *state;
	uint32_t round;

	for (round = 0; round < rounds; round++) {
		if (!kind->variants)
			run_kind(kind, 32, seed + round * 1000003ULL);
		run_kind(kind, 128, seed + round * 1000003ULL + 500000);
	}
}

/* The model is no better than what it is held against: the list, item by item. */
static void check_model(const struct lookup_choice *choice)
{
	struct table t = {.choice = *choice};
	struct lookup_random r = {choice->seed};
	lookup_address address;
	uint32_t probe, got, expected;
	size_t i;

	make_model(&t);
	for (i = 0; i < 300; i++)
		for (probe = 0; probe <= LOOKUP_PROBES; probe++) {
			address = lookup_any(&r);
			if (t.list.count && probe < LOOKUP_PROBES)
				address = lookup_probe(
					&t.list,
					&t.list.items[lookup_below(&r, (uint32_t)t.list.count)],
					probe, &r);
			address &= ~lookup_host_mask(t.list.bits);
			got = lookup_model_ask(&t.model, address);
			expected = lookup_linear(t.list.items, t.list.count, address);
			if (got != expected)
				fail_at(&t, address, "the model says", got, expected);
		}
	clear_model(&t);
}

static void test_model(void **state)
{
	struct lookup_choice choice;
	size_t i;

	(void)state;
	for (i = 0; i < lookup_kind_count; i++) {
		choice = (struct lookup_choice){.kind = &lookup_kinds[i],
						.size = 300,
						.bits = 128,
						.values = (enum lookup_values)(i % 2),
						.seed = seed + i};
		check_model(&choice);
		choice.bits = 32;
		if (!choice.kind->variants)
			check_model(&choice);
	}
}

/* Tables of one image do not write over each other. */
static void test_together(void **state)
{
	static const size_t sizes[][GATE_TABLES] = {
		{3, 3, 3, 3}, {2000, 2000, 100, 100}, {20, 20000, 1000, 5}, {50000, 30, 1, 1000}};
	struct table tables[GATE_TABLES];
	struct image *image;
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(image_new(&image), 0);
		for (j = 0; j < GATE_TABLES; j++) {
			tables[j] = (struct table){.image = image, .kind = (enum gate_table)j};
			tables[j].choice = (struct lookup_choice){
				.kind = lookup_find_kind(j % 2 ? "relatives" : "cloud mix"),
				.bits = j == GATE_SRC4 || j == GATE_DST4 ? 32 : 128,
				.size = sizes[i][j],
				.seed = seed + 10 * i + j};
			make_model(&tables[j]);
			assert_int_equal(
				trie_reserve(image, (enum gate_table)j, tables[j].list.count), 0);
		}
		for (j = 0; j < GATE_TABLES; j++)
			build(&tables[j]);
		for (j = 0; j < GATE_TABLES; j++) {
			check_table(&tables[j]);
			clear_model(&tables[j]);
		}
		image_free(image);
	}
}

/*
 * However much room a generation has left: either all fits, or it is refused.
 * The last pages are used again and again, so that they are made only once.
 */
static void test_no_room(void **state)
{
	const uint32_t all = (GATE_MAX_PAGES - GATE_PAGES_START / GATE_PAGE_SIZE) * GATE_PAGE_SIZE;
	struct table t = {.kind = GATE_SRC6};
	uint32_t left, used, ref, refused = 0, built = 0;
	struct gate_trie reserved;

	(void)state;
	t.choice = (struct lookup_choice){
		.kind = lookup_find_kind("relatives"), .bits = 128, .size = 2000, .seed = seed};
	make_model(&t);
	assert_int_equal(image_new(&t.image), 0);
	assert_int_equal(trie_reserve(t.image, t.kind, t.list.count), 0);
	reserved = t.image->head->tries[t.kind];
	fill_head(t.image);
	assert_int_equal(image_allocate(t.image, all, 1, false, &ref), 0);
	assert_int_equal(image_allocate(t.image, 1, 1, false, &ref), -E2BIG);
	for (left = 0; !built; left += 37 * GATE_UNIT) {
		used = all - left;
		memset(t.image->pages + used, 0, left);
		t.image->page_used = used;
		t.image->head->tries[t.kind] = reserved;
		if (try_build(&t) == 0)
			built++;
		else
			refused++;
	}
	assert_true(refused > 10);
	check_table(&t);
	image_free(t.image);
	clear_model(&t);
}

int main(void)
{
	_cleanup_free_ struct CMUnitTest *tests = calloc(lookup_kind_count + 3, sizeof(*tests));
	size_t i;
	int r;

	choose_seed();
	tests[0] = (struct CMUnitTest)cmocka_unit_test(test_model);
	tests[1] = (struct CMUnitTest)cmocka_unit_test(test_together);
	tests[2] = (struct CMUnitTest)cmocka_unit_test(test_no_room);
	for (i = 0; i < lookup_kind_count; i++)
		tests[i + 3] = (struct CMUnitTest){.name = lookup_kinds[i].name,
						   .test_func = test_kind,
						   .initial_state = (void *)&lookup_kinds[i]};
	r = _cmocka_run_group_tests("trie model", tests, lookup_kind_count + 3, NULL, NULL);
	printf("%llu addresses were looked up\n", (unsigned long long)asked);
	return r;
}
