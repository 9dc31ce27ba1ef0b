// SPDX-License-Identifier: Apache-2.0
/*
 * Steps of 8 bits with run-coded nodes, behind a direct root of 16 bits. Root:
 * __u32[65536] at offset 0. A value with its top bit set is a node, in units of
 * 64 bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "lookup.h"
#include "stride8.h"

static uint32_t build(const struct list *list, struct block *block, const struct slot *slot,
		      uint32_t skip)
{
	struct slot slots[256];
	uint32_t values[256], runs = 1, rank = 0, i;
	struct stride8_node node = {};
	size_t at;

	if (slot->first == slot->end)
		return slot->value;
	split(list, slot->first, slot->end, skip, 8, slot->value, slots);
	for (i = 0; i < 256; i++)
		values[i] = build(list, block, &slots[i], skip + 8);
	for (i = 1; i < 256; i++)
		runs += values[i] != values[i - 1];
	if (runs == 1)
		return values[0];
	at = block_allocate(block, sizeof(node) + (runs > 6 ? runs * 4 : 0), sizeof(node));
	node.values =
		(uint32_t)(at / 4 +
			   (runs > 6 ? sizeof(node) : offsetof(struct stride8_node, own)) / 4);
	memcpy(block->data + at, &node, sizeof(node));
	for (i = 0; i < 256; i++) {
		if (i % 64 == 0)
			node.before[i / 64] = (uint8_t)rank;
		if (i && values[i] == values[i - 1])
			continue;
		node.starts[i / 64] |= 1ULL << (i % 64);
		if (runs <= 6)
			node.own[rank] = values[i];
		else
			memcpy(block->data + ((size_t)node.values + rank) * 4, &values[i], 4);
		rank++;
	}
	memcpy(block->data + at, &node, sizeof(node));
	return 0x80000000U | (uint32_t)(at / sizeof(node));
}

void build_stride8(const struct list *list, struct block *block)
{
	struct slot *slots = calloc(65536, sizeof(*slots));
	uint32_t i, value;

	if (!slots)
		fail("memory");
	block_allocate(block, 65536 * 4, 64);
	split(list, 0, list->count, 0, 16, 0, slots);
	for (i = 0; i < 65536; i++) {
		value = build(list, block, &slots[i], 16);
		memcpy(block->data + i * 4, &value, 4);
	}
	free(slots);
}
