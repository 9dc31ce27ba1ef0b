// SPDX-License-Identifier: Apache-2.0
/* Bitmaps that only say where there may be a prefix. */
#include "fronts.h"

#include "lookup.h"

static void set_bits(struct block *block, size_t at, uint64_t first, uint64_t count)
{
	for (; count; count--, first++)
		block->data[at + first / 8] |= (uint8_t)(1U << first % 8);
}

static void build_direct(const struct list *list, struct block *block, size_t at, uint32_t bits,
			 uint32_t below)
{
	const struct entry *entry;
	size_t i;

	for (i = 0; i < list->count; i++) {
		entry = &list->entries[i];
		if (entry->length < below)
			set_bits(block, at, entry->high >> (64 - bits),
				 entry->length < bits ? 1ULL << (bits - entry->length) : 1);
	}
}

void build_front16(const struct list *list, struct block *block)
{
	build_direct(list, block, block_allocate(block, (1U << 16) / 8, 8), 16, 129);
}

void build_front24(const struct list *list, struct block *block)
{
	build_direct(list, block, block_allocate(block, (1U << 24) / 8, 8), 24, 129);
}

void build_fronthash(const struct list *list, struct block *block)
{
	struct fronthash_head *head;
	uint32_t bits = 16;
	size_t i;

	while (bits < 26 && 1ULL << bits < list->count * 32)
		bits++;
	block_allocate(block, sizeof(*head) + ((1ULL << bits) / 8), 8);
	head = (struct fronthash_head *)(void *)block->data;
	head->shift = 64 - bits;
	build_direct(list, block, offsetof(struct fronthash_head, direct), 16, 32);
	for (i = 0; i < list->count; i++)
		if (list->entries[i].length >= 32)
			set_bits(block, sizeof(*head),
				 (list->entries[i].high >> 32) * FRONTHASH >> head->shift, 1);
}
