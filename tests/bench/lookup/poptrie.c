// SPDX-License-Identifier: Apache-2.0
/*
 * Poptrie (H. Asai, Y. Ohara: "Poptrie: a compressed trie with population
 * count for fast and scalable software IP routing table lookup", SIGCOMM 2015):
 * steps of 6 bits behind a direct root of 16 (their "direct pointing"). Root:
 * __u32[65536] at offset 0; top bit set: number of a node.
 */
#include "poptrie.h"

#include <stdlib.h>
#include <string.h>

#include "lookup.h"

static uint32_t store_leaf(struct block *block, uint32_t value)
{
	size_t at = block_allocate(block, 4, 4);

	memcpy(block->data + at, &value, 4);
	return (uint32_t)(at / 4);
}

static void fill(const struct list *list, struct block *block, size_t at, const struct slot *slot,
		 uint32_t skip)
{
	struct poptrie_node node = {};
	struct slot slots[64];
	uint32_t i, children = 0, previous = 0, leaf;
	bool first = true;

	split(list, slot->first, slot->end, skip, 6, slot->value, slots);
	for (i = 0; i < 64; i++) {
		if (slots[i].first != slots[i].end) {
			node.vector |= 1ULL << i;
			children++;
		} else if (first || slots[i].value != previous) {
			leaf = store_leaf(block, slots[i].value);
			if (first)
				node.leaves = leaf;
			node.leafvec |= 1ULL << i;
			previous = slots[i].value;
			first = false;
		}
	}
	if (children)
		node.nodes =
			(uint32_t)(block_allocate(block, children * sizeof(node), sizeof(node)) /
				   sizeof(node));
	memcpy(block->data + at, &node, sizeof(node));
	for (i = 0, children = 0; i < 64; i++)
		if (node.vector >> i & 1)
			fill(list, block, ((size_t)node.nodes + children++) * sizeof(node),
			     &slots[i], skip + 6);
}

void build_poptrie(const struct list *list, struct block *block)
{
	struct slot *slots = calloc(65536, sizeof(*slots));
	uint32_t i, value;
	size_t at;

	if (!slots)
		fail("memory");
	block_allocate(block, 65536 * 4, 64);
	split(list, 0, list->count, 0, 16, 0, slots);
	for (i = 0; i < 65536; i++) {
		value = slots[i].value;
		if (slots[i].first != slots[i].end) {
			at = block_allocate(block, sizeof(struct poptrie_node),
					    sizeof(struct poptrie_node));
			fill(list, block, at, &slots[i], 16);
			value = 0x80000000U | (uint32_t)(at / sizeof(struct poptrie_node));
		}
		memcpy(block->data + i * 4, &value, 4);
	}
	free(slots);
}
