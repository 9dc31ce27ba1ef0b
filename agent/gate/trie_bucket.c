// SPDX-License-Identifier: Apache-2.0
/* IPv6 prefixes of 48 bits and more, hashed by these 48. */
#include <errno.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/trie_internal.h"

/* Keys of a bucket on average, at most: with three, one bucket of twelve needs a second line. */
#define LOAD 3
/* How often the table is doubled where one hash has too many keys. */
#define MAX_DOUBLINGS 4

/* Entries [first, end) have the key; cover is the value of what is shorter and covers it. */
struct key {
	uint64_t key;
	size_t first, end;
	uint32_t cover;
};

struct keys {
	struct key *list;
	size_t count;
};

static uint64_t key_of(const struct trie_entry *entry)
{
	return entry->high >> (64 - GATE_BUCKET_BITS);
}

static bool covers(const struct trie_entry *shorter, uint64_t high)
{
	return !shorter->length || !((shorter->high ^ high) >> (64 - shorter->length));
}

/* Collects the distinct keys; list has room for all entries. */
static void collect(const struct trie_builder *b, size_t count, struct keys *keys)
{
	const struct trie_entry *stack[GATE_BUCKET_BITS];
	const struct trie_entry *entry;
	struct key *key = NULL;
	size_t depth = 0, i;

	for (i = 0; i < count; i++) {
		entry = &b->entries[i];
		while (depth && !covers(stack[depth - 1], entry->high))
			depth--;
		if (entry->length < GATE_BUCKET_BITS) {
			stack[depth++] = entry;
			continue;
		}
		if (!key || key->key != key_of(entry)) {
			key = &keys->list[keys->count++];
			*key = (struct key){.key = key_of(entry),
					    .first = i,
					    .cover = depth ? stack[depth - 1]->value : 0};
		}
		key->end = i + 1;
	}
}

/* Would no hash have more keys than a chain of buckets can hold? */
static bool fits(const struct keys *keys, uint32_t shift, uint8_t *counts)
{
	size_t i;

	memset(counts, 0, 1ULL << (64 - shift));
	for (i = 0; i < keys->count; i++)
		if (++counts[keys->list[i].key * GATE_HASH >> shift] >
		    GATE_MAX_BUCKETS * GATE_BUCKET_KEYS)
			return false;
	return true;
}

/* The shift for which they fit; 0 where there is none. */
static int find_shift(const struct keys *keys, uint32_t *shift)
{
	_cleanup_free_ uint8_t *counts = NULL;
	uint32_t bits = 1;
	int i;

	while ((1ULL << bits) * LOAD < keys->count)
		bits++;
	counts = malloc(1ULL << (bits + MAX_DOUBLINGS));
	if (!counts)
		return -ENOMEM;
	*shift = 0;
	for (i = 0; i <= MAX_DOUBLINGS && !*shift; i++, bits++)
		if (fits(keys, 64 - bits, counts))
			*shift = 64 - bits;
	return 0;
}

static void empty_bucket(struct gate_bucket *bucket)
{
	size_t i;

	memset(bucket, 0, sizeof(*bucket));
	for (i = 0; i < GATE_BUCKET_KEYS; i++)
		bucket->key[i] = GATE_KEY_UNUSED;
}

/* From the bucket at *ref on: the one with a free place. The chain grows where there is none. */
static int find_place(struct image *image, uint32_t *ref, size_t *place)
{
	struct gate_bucket *bucket;
	uint32_t next;
	int r;

	for (;;) {
		bucket = image_at(image, *ref);
		for (*place = 0; *place < GATE_BUCKET_KEYS; ++*place)
			if (bucket->key[*place] == GATE_KEY_UNUSED)
				return 0;
		if (!bucket->value[GATE_BUCKET_KEYS]) {
			r = image_allocate(image, sizeof(*bucket), sizeof(*bucket), true, &next);
			if (r < 0)
				return r;
			empty_bucket(image_at(image, next));
			bucket = image_at(image, *ref); /* the image may have moved */
			bucket->value[GATE_BUCKET_KEYS] = trie_child(GATE_BUCKET, 0, next);
		}
		*ref = (bucket->value[GATE_BUCKET_KEYS] & GATE_UNIT_MASK) * GATE_UNIT;
	}
}

static int insert(const struct trie_builder *b, const struct key *key, uint32_t table,
		  uint32_t shift)
{
	uint32_t hash = (uint32_t)(key->key * GATE_HASH >> shift);
	struct gate_bucket *bucket;
	uint32_t ref = table + hash * GATE_UNIT;
	uint32_t value;
	size_t place = 0;
	int r;

	r = trie_build_value(b, key->first, key->end, GATE_BUCKET_BITS, key->cover, &value);
	if (r == 0)
		r = find_place(b->image, &ref, &place);
	if (r < 0)
		return r;
	bucket = image_at(b->image, ref);
	bucket->key[place] = key->key;
	bucket->value[place] = value;
	return 0;
}

static int build(const struct trie_builder *b, const struct keys *keys, uint32_t shift,
		 struct gate_trie *trie)
{
	uint32_t buckets = 1U << (64 - shift);
	uint32_t ref, i;
	size_t k;
	int r;

	r = image_allocate(b->image, (size_t)buckets * GATE_UNIT, GATE_UNIT, false, &ref);
	if (r < 0)
		return r;
	for (i = 0; i < buckets; i++)
		empty_bucket(image_at(b->image, ref + i * GATE_UNIT));
	for (k = 0; k < keys->count; k++) {
		r = insert(b, &keys->list[k], ref, shift);
		if (r < 0)
			return r;
	}
	trie->buckets = ref / GATE_UNIT;
	trie->buckets_shift = shift;
	return 0;
}

int trie_build_buckets(const struct trie_builder *b, size_t count, struct gate_trie *trie,
		       bool *done)
{
	_cleanup_free_ struct key *list = malloc(count * sizeof(*list));
	struct keys keys = {.list = list};
	uint32_t shift;
	int r;

	if (!list)
		return -ENOMEM;
	collect(b, count, &keys);
	r = keys.count ? find_shift(&keys, &shift) : 0;
	if (r < 0)
		return r;
	*done = keys.count && shift;
	return *done ? build(b, &keys, shift, trie) : 0;
}
