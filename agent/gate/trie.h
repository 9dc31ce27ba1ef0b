/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the prefix tables that bpf/lookup.h reads: fronts, buckets, a root,
 * and what they lead to. include/apimgate/abi.h has the layout, docs/lookup.md
 * the reasons. 100,000 prefixes take about 20 ms.
 */
#ifndef APIMGATE_GATE_TRIE_H
#define APIMGATE_GATE_TRIE_H

#include "agent/gate/image.h"

struct trie_item {
	const struct prefix *prefix;
	uint32_t value; /* not 0, below GATE_TRIE_CHILD */
};

/*
 * Makes room for the fronts and the root of at most count prefixes; none for 0.
 * Those of all tables come before anything else, so that they are in the head
 * where they fit: a flood then reads nothing else.
 */
int trie_reserve(struct image *image, enum gate_table table, size_t count);

/*
 * items: of one family, in the order of prefix_compare(), no prefix twice.
 * An empty list leaves the table empty. Room was reserved. -ENOMEM, -E2BIG.
 */
int trie_build(struct image *image, enum gate_table table, const struct trie_item *items,
	       size_t count);

/* The same answer as the program's, from the image: for tests and tools. */
uint32_t trie_lookup(struct image *image, enum gate_table table, const uint8_t *address);

/* How many children a lookup of this address reads after the root or a bucket: for tests. */
uint32_t trie_steps(struct image *image, enum gate_table table, const uint8_t *address);

#endif
