// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes are prefixes, each like the one before but for some bits, alone or as a
 * row of neighbours. Whatever is asked about, the prefix table has to say what
 * a scan of the list says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/trie.h"

#define MAX_PREFIXES 1024
#define MAX_ASKED 4096
/* A slow scan of a long list has to end at some time. */
#define MAX_SCANNED (1U << 19)

struct input {
	const uint8_t *data;
	size_t size;
};

/* 16 bytes as they are, so that a scan of many is quick. */
struct raw {
	uint64_t words[2];
};

struct table {
	struct image *image;
	enum gate_table kind;
	uint8_t family;
	struct prefix prefixes[MAX_PREFIXES];
	struct trie_item items[MAX_PREFIXES];
	struct raw addresses[MAX_PREFIXES];
	struct raw masks[MAX_PREFIXES];
	size_t count;
};

static void check(int condition)
{
	if (!condition)
		abort();
}

static uint8_t take(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

static size_t size_of(const struct table *t)
{
	return t->family == 4 ? 4 : 16;
}

static void clear_host_bits(struct prefix *prefix)
{
	int bit;

	for (bit = prefix->length; bit < 128; bit++)
		prefix->address[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

/* Adds 1 at this bit. */
static void step(uint8_t *address, uint32_t bit)
{
	size_t i = bit / 8;

	address[i] = (uint8_t)(address[i] + (0x80 >> bit % 8));
	if (address[i] >= 0x80 >> bit % 8)
		return;
	while (i-- > 0 && ++address[i] == 0)
		;
}

static void add(struct table *t, const uint8_t *address, uint32_t length)
{
	struct prefix *prefix = &t->prefixes[t->count];

	if (t->count == MAX_PREFIXES)
		return;
	*prefix = (struct prefix){.family = t->family, .length = (uint8_t)length};
	memcpy(prefix->address, address, size_of(t));
	clear_host_bits(prefix);
	t->count++;
}

/* Length; how many, and how far apart; where the address differs, and bytes for there. */
static void read_prefixes(struct table *t, struct input *in)
{
	uint32_t bits = t->family == 4 ? 32 : 128, length, count, apart, at;
	uint8_t address[16] = {0}, what;

	while (in->size && t->count < MAX_PREFIXES) {
		length = take(in) % (bits + 1);
		what = take(in);
		count = what & 128 ? 1U << (what & 7) : 1;
		apart = what >> 3 & 3;
		at = take(in);
		for (what = at >> 4; what > 0; what--)
			address[at++ % size_of(t)] = take(in);
		for (; count > 0; count--) {
			add(t, address, length);
			if (length)
				step(address, length > apart ? length - apart - 1 : length - 1);
		}
	}
}

static int compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static struct raw read_raw(const uint8_t *bytes, size_t size)
{
	struct raw raw = {};

	memcpy(&raw, bytes, size);
	return raw;
}

static struct raw mask_of(uint32_t length)
{
	uint8_t bytes[16] = {0};
	uint32_t bit;

	for (bit = 0; bit < length; bit++)
		bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return read_raw(bytes, sizeof(bytes));
}

static void build(struct table *t, uint8_t different_values)
{
	size_t i, kept = 0;

	qsort(t->prefixes, t->count, sizeof(*t->prefixes), compare);
	for (i = 0; i < t->count; i++)
		if (!kept || prefix_compare(&t->prefixes[kept - 1], &t->prefixes[i]))
			t->prefixes[kept++] = t->prefixes[i];
	t->count = kept;
	for (i = 0; i < kept; i++) {
		t->items[i].prefix = &t->prefixes[i];
		t->items[i].value = (uint32_t)(different_values ? i % different_values : i) + 1;
		t->addresses[i] = read_raw(t->prefixes[i].address, 16);
		t->masks[i] = mask_of(t->prefixes[i].length);
	}
	check(image_new(&t->image) == 0);
	check(trie_reserve(t->image, t->kind, kept) == 0);
	check(trie_build(t->image, t->kind, t->items, kept) == 0);
}

/* Nothing in here is news to the fuzzer, which would take most of the time to be told. */
__attribute__((no_sanitize("coverage", "address", "undefined"))) static uint32_t longest(
	const struct table *t, const struct raw *address)
{
	uint64_t different;
	uint32_t found = 0;
	int length = -1;
	size_t i;

	for (i = 0; i < t->count; i++) {
		different = (t->addresses[i].words[0] ^ address->words[0]) & t->masks[i].words[0];
		different |= (t->addresses[i].words[1] ^ address->words[1]) & t->masks[i].words[1];
		if (!different && t->prefixes[i].length > length) {
			length = t->prefixes[i].length;
			found = t->items[i].value;
		}
	}
	return found;
}

static void check_address(struct table *t, const uint8_t *address)
{
	const struct raw raw = read_raw(address, size_of(t));

	check(trie_lookup(t->image, t->kind, address) == longest(t, &raw));
	check(trie_steps(t->image, t->kind, address) <=
	      (t->family == 4 ? GATE_MAX_STEPS4 : GATE_MAX_STEPS6));
}

/* Both ends, and one beyond each. */
static void check_borders(struct table *t, const struct prefix *prefix)
{
	uint32_t bits = t->family == 4 ? 32 : 128, bit;
	uint8_t address[16], i;

	memcpy(address, prefix->address, sizeof(address));
	check_address(t, address);
	for (i = 0; i < size_of(t); i++)
		address[i] = (uint8_t)~address[i];
	step(address, bits - 1); /* -first: its complement is one before the first */
	for (i = 0; i < size_of(t); i++)
		address[i] = (uint8_t)~address[i];
	check_address(t, address);
	memcpy(address, prefix->address, sizeof(address));
	for (bit = prefix->length; bit < bits; bit++)
		address[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	check_address(t, address);
	step(address, bits - 1);
	check_address(t, address);
}

/* The prefixes' borders, and whatever the bytes are from any place on. */
static void check_table(struct table *t, struct input *in)
{
	size_t most = t->count ? MAX_SCANNED / t->count : MAX_ASKED, i;
	uint8_t address[16];

	for (i = 0; i < t->count && i * 4 < most; i++)
		check_borders(t, &t->prefixes[i]);
	for (i = 0; i + size_of(t) <= in->size && i < most; i++) {
		memset(address, 0, sizeof(address));
		memcpy(address, in->data + i, size_of(t));
		check_address(t, address);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ struct table *t = calloc(1, sizeof(*t));
	struct input in = {data, size}, all = in;
	uint8_t values;

	t->kind = (enum gate_table)(take(&in) % GATE_TABLES);
	t->family = t->kind == GATE_SRC4 || t->kind == GATE_DST4 ? 4 : 6;
	values = take(&in);
	read_prefixes(t, &in);
	build(t, values);
	check_table(t, &all);
	image_free(t->image);
	return 0;
}
