/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of prefixes that a prefix table may get wrong, and addresses that would show it. */
#ifndef APIMGATE_TESTS_UNIT_LOOKUP_LISTS_H
#define APIMGATE_TESTS_UNIT_LOOKUP_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/prefix.h"
#include "tests/unit/lookup_model.h"

/* The same numbers from the same seed, everywhere. */
struct lookup_random {
	uint64_t state;
};

uint64_t lookup_next(struct lookup_random *r);
uint32_t lookup_below(struct lookup_random *r, uint32_t n);
lookup_address lookup_any(struct lookup_random *r);

enum lookup_values {
	LOOKUP_UNIQUE, /* of each prefix its own */
	LOOKUP_FEW,    /* three, so that neighbours and what is nested are often alike */
	LOOKUP_ONE,
};

struct lookup_list {
	uint32_t bits;	  /* of an address */
	uint32_t variant; /* of the kind */
	struct lookup_random random;
	struct lookup_item *items; /* owned */
	size_t count, capacity;
};

struct lookup_kind {
	const char *name;
	/* Adds about size prefixes; a kind that is what it is does not look at it. */
	void (*fill)(struct lookup_list *list, size_t size);
	size_t sizes[4];   /* to test it with, up to the first 0 */
	uint32_t variants; /* 0: one, for both families; else for IPv6 only */
};

/* All that a list follows from. */
struct lookup_choice {
	const struct lookup_kind *kind;
	uint32_t variant;
	uint32_t bits;
	size_t size;
	enum lookup_values values;
	uint64_t seed;
};

extern const struct lookup_kind lookup_kinds[];
extern const size_t lookup_kind_count;

/* The kind of that name, which has to be there. */
const struct lookup_kind *lookup_find_kind(const char *name);

/* In order, no prefix twice, with values. To be cleared. */
void lookup_list_make(struct lookup_list *list, const struct lookup_choice *choice);
void lookup_list_clear(struct lookup_list *list);

/* For the makers of lists: adds the prefix of that length that covers the address. */
void lookup_add(struct lookup_list *list, lookup_address address, uint32_t length);

/* All 256 (or fewer, at the end) of the next 8 bits of one path, at every step from this bit on. */
void lookup_add_ladder(struct lookup_list *list, uint32_t bit, uint32_t step);

/* The variants of regular keys. */
#define LOOKUP_PATTERNS 6

/* IPv6 lists, see lookup_lists6.c. */
void lookup_fill_dense64(struct lookup_list *list, size_t size);
void lookup_fill_dense128(struct lookup_list *list, size_t size);
void lookup_fill_dense124(struct lookup_list *list, size_t size);
void lookup_fill_dense48(struct lookup_list *list, size_t size);
void lookup_fill_keys48(struct lookup_list *list, size_t size);
void lookup_fill_keys48_deep(struct lookup_list *list, size_t size);
void lookup_fill_keys32(struct lookup_list *list, size_t size);
void lookup_fill_same_hash(struct lookup_list *list, size_t size);
void lookup_fill_hash_groups(struct lookup_list *list, size_t size);
void lookup_fill_same_hash_ladder(struct lookup_list *list, size_t size);
void lookup_fill_service_tags(struct lookup_list *list, size_t size);

/*
 * Addresses about one prefix, LOOKUP_PROBES of them: both ends, one beyond
 * each, one inside, one near either end, and one that differs in one bit.
 */
#define LOOKUP_PROBES 8
lookup_address lookup_probe(const struct lookup_list *list, const struct lookup_item *item,
			    uint32_t probe, struct lookup_random *r);

/* The prefix in the gate's own words. */
struct prefix lookup_prefix(const struct lookup_list *list, const struct lookup_item *item);

#endif
