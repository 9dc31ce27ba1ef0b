// SPDX-License-Identifier: Apache-2.0
/*
 * DIR-24-8 (P. Gupta, S. Lin, N. McKeown: "Routing lookups in hardware at
 * memory access speeds", INFOCOM 1998): __u32[2^24] at offset 0; top bit set:
 * number of a block of 256 behind it.
 */
#include <string.h>

#include "lookup.h"

#define BLOCK 0x80000000U

static uint32_t *at(struct block *block, size_t index)
{
	return (uint32_t *)block->data + index;
}

/* The block of a /24, made of its one value where there is none yet. */
static size_t block_of(struct block *block, uint32_t index)
{
	uint32_t value = *at(block, index);
	size_t offset, i;

	if (value & BLOCK)
		return (size_t)(value & ~BLOCK) * 256;
	offset = block_allocate(block, 256 * 4, 1024) / 4;
	for (i = 0; i < 256; i++)
		*at(block, offset + i) = value;
	*at(block, index) = BLOCK | (uint32_t)(offset / 256);
	return offset;
}

void build_dir24(const struct list *list, struct block *block)
{
	const struct entry *entry;
	size_t i, j, first;

	block_allocate(block, 4ULL << 24, 64);
	for (i = 0; i < list->count; i++) {
		entry = &list->entries[i];
		first = entry->high >> 40;
		if (entry->length <= 24) {
			for (j = 0; j < 1ULL << (24 - entry->length); j++)
				*at(block, first + j) = entry->value;
			continue;
		}
		first = block_of(block, (uint32_t)first) + (entry->high >> 32 & 255);
		for (j = 0; j < 1ULL << (32 - entry->length); j++)
			*at(block, first + j) = entry->value;
	}
}
