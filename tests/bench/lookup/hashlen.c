// SPDX-License-Identifier: Apache-2.0
/*
 * Binary search on prefix lengths (M. Waldvogel, G. Varghese, J. Turner,
 * B. Plattner: "Scalable high speed IP routing lookups", SIGCOMM 1997): a hash
 * table a length; markers on the way to longer prefixes, with what covers them.
 */
#include "hashlen.h"

#include <stdlib.h>
#include <string.h>

#include "lookup.h"

struct mark {
	uint64_t high, low;
	uint32_t value;
	uint32_t table;
	bool prefix;
};

struct marks {
	struct mark *list;
	size_t count;
};

static uint64_t masked(uint64_t word, uint32_t bits)
{
	return bits >= 64 ? word : bits ? word >> (64 - bits) << (64 - bits) : 0;
}

static int compare(const void *a, const void *b)
{
	const struct mark *one = a, *two = b;

	if (one->table != two->table)
		return one->table < two->table ? -1 : 1;
	if (one->high != two->high)
		return one->high < two->high ? -1 : 1;
	if (one->low != two->low)
		return one->low < two->low ? -1 : 1;
	return (int)two->prefix - (int)one->prefix;
}

/* Where the search for a prefix of table `wanted` passes by. */
static void add_marks(struct marks *marks, const struct hashlen_head *head,
		      const struct entry *entry, uint32_t wanted, const struct entry **covers,
		      size_t depth)
{
	uint32_t low = 0, high = head->lengths, middle, length;
	struct mark *mark;
	size_t i;

	while (low < high) {
		middle = (low + high) / 2;
		if (middle > wanted) {
			high = middle;
			continue;
		}
		length = head->table[middle].length;
		mark = &marks->list[marks->count++];
		*mark = (struct mark){.high = masked(entry->high, length),
				      .low = length > 64 ? masked(entry->low, length - 64) : 0,
				      .table = middle,
				      .prefix = middle == wanted};
		for (i = 0; i < depth && covers[i]->length <= length; i++)
			mark->value = covers[i]->value;
		if (middle == wanted)
			return;
		low = middle + 1;
	}
}

static bool covers_it(const struct entry *cover, const struct entry *entry)
{
	return masked(entry->high, cover->length) == cover->high &&
	       (cover->length > 64 ? masked(entry->low, cover->length - 64) : 0) == cover->low;
}

static void collect(const struct list *list, const struct hashlen_head *head, struct marks *marks)
{
	const struct entry *stack[130], *entry;
	size_t depth = 0, i;
	uint32_t table;

	for (i = 0; i < list->count; i++) {
		entry = &list->entries[i];
		while (depth && !covers_it(stack[depth - 1], entry))
			depth--;
		stack[depth++] = entry;
		for (table = 0; head->table[table].length != entry->length; table++)
			;
		add_marks(marks, head, entry, table, stack, depth);
	}
	qsort(marks->list, marks->count, sizeof(*marks->list), compare);
}

static bool put(struct hashlen_place *places, uint32_t shift, const struct mark *mark)
{
	uint64_t hash = hashlen_hash(mark->high, mark->low) >> shift, i, at;

	for (i = 0; i < HASHLEN_PROBES; i++) {
		at = (hash + i) & ((1ULL << (64 - shift)) - 1);
		if (places[at].used)
			continue;
		places[at] = (struct hashlen_place){
			.high = mark->high, .low = mark->low, .value = mark->value, .used = 1};
		return true;
	}
	return false;
}

/* Marks [first, end) are of one length: a table at most half full, larger where probes run out. */
static void store(struct block *block, const struct marks *marks, size_t first, size_t end,
		  uint32_t table)
{
	uint32_t bits = 1;
	size_t i = first, at = 0, kept = block->size;
	struct hashlen_head *head;

	while (1ULL << bits < (end - first) * 2)
		bits++;
	for (; i < end; bits++) {
		block->size = kept;
		at = block_allocate(block, sizeof(struct hashlen_place) << bits,
				    sizeof(struct hashlen_place));
		for (i = first; i < end; i++)
			if (!put((struct hashlen_place *)(void *)(block->data + at), 64 - bits,
				 &marks->list[i]))
				break;
	}
	head = (struct hashlen_head *)(void *)block->data;
	head->table[table].first = (uint32_t)(at / sizeof(struct hashlen_place));
	head->table[table].shift = 64 - (bits - 1);
}

void build_hashlen(const struct list *list, struct block *block)
{
	struct marks marks = {.list = calloc(list->count * 8 + 1, sizeof(*marks.list))};
	bool seen[HASHLEN_LENGTHS] = {};
	struct hashlen_head head = {};
	size_t i, kept, first;
	uint32_t length;

	if (!marks.list)
		fail("memory");
	for (i = 0; i < list->count; i++)
		seen[list->entries[i].length] = true;
	for (length = 0; length < HASHLEN_LENGTHS; length++)
		if (seen[length])
			head.table[head.lengths++].length = length;
	collect(list, &head, &marks);
	for (i = 0, kept = 0; i < marks.count; i++)
		if (!kept || marks.list[kept - 1].table != marks.list[i].table ||
		    marks.list[kept - 1].high != marks.list[i].high ||
		    marks.list[kept - 1].low != marks.list[i].low)
			marks.list[kept++] = marks.list[i];
	block_allocate(block, sizeof(head), sizeof(struct hashlen_place));
	memcpy(block->data, &head, sizeof(head));
	for (i = first = 0; i <= kept; i++) {
		if (i < kept && marks.list[i].table == marks.list[first].table)
			continue;
		store(block, &marks, first, i, marks.list[first].table);
		first = i;
		if (i == kept)
			break;
	}
	free(marks.list);
}
