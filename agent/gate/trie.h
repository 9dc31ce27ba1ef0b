/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the prefix tables that bpf/lookup.h reads: a front bitmap, a root and
 * nodes of 8-bit steps with run-coded values. See docs/lookup.md.
 */
#ifndef APIMGATE_GATE_TRIE_H
#define APIMGATE_GATE_TRIE_H

#include "agent/gate/image.h"

struct trie_item {
	const struct prefix *prefix;
	uint32_t value; /* not 0, below GATE_TRIE_CHILD */
};

/*
 * Makes the front for at most count prefixes; none for 0. The fronts of all
 * tables come before anything else, since they must lie in the head.
 */
int trie_reserve_front(struct image *image, enum gate_table table, size_t count);

/*
 * items: of one family, in the order of prefix_compare(), no prefix twice.
 * An empty list leaves the table empty. Its front was reserved. -ENOMEM, -E2BIG.
 */
int trie_build(struct image *image, enum gate_table table, const struct trie_item *items,
	       size_t count);

/* The same answer as the program's, from the image: for tests and tools. */
uint32_t trie_lookup(struct image *image, enum gate_table table, const uint8_t *address);

#endif
