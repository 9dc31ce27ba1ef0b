/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The longest prefix that covers an address, told from sorted intervals and a
 * binary search. It shares no code with the tables of the gate, and knows
 * nothing of how they are laid out.
 *
 * An address is one number, first bit on top: IPv4 has zeros behind its 32 bits.
 */
#ifndef APIMGATE_TESTS_UNIT_LOOKUP_MODEL_H
#define APIMGATE_TESTS_UNIT_LOOKUP_MODEL_H

#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 lookup_address;

#define LOOKUP_ALL_ONES (~(lookup_address)0)

struct lookup_item {
	lookup_address first;
	uint32_t length;
	uint32_t value;
};

struct lookup_interval {
	lookup_address from; /* to before the next one's */
	uint32_t value;
};

struct lookup_model {
	struct lookup_interval *intervals; /* the first is from 0 */
	size_t count;
};

/* The bits that differ inside a prefix of this length. */
static inline lookup_address lookup_host_mask(uint32_t length)
{
	return length > 127 ? 0 : LOOKUP_ALL_ONES >> length;
}

static inline lookup_address lookup_last(const struct lookup_item *item)
{
	return item->first | lookup_host_mask(item->length);
}

/* In any order, none twice. The model is to be cleared. */
void lookup_model_build(struct lookup_model *model, const struct lookup_item *items, size_t count);
void lookup_model_clear(struct lookup_model *model);

/* The value of the longest prefix that covers the address, or 0. */
uint32_t lookup_model_ask(const struct lookup_model *model, lookup_address address);

/* The same from the list itself, item by item: what the model is held against. */
uint32_t lookup_linear(const struct lookup_item *items, size_t count, lookup_address address);

/* As bytes in network order; size is 4 or 16. */
void lookup_to_bytes(lookup_address address, uint8_t *out, size_t size);
lookup_address lookup_from_bytes(const uint8_t *bytes, size_t size);

#endif
