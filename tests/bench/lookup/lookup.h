/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A candidate builds one block of memory from a list, and has a program in
 * lookup.bpf.c (gate.bpf.c) that looks addresses up in it.
 */
#ifndef BENCH_LOOKUP_H
#define BENCH_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream.h"

struct entry {
	uint64_t high, low;
	uint32_t length;
	uint32_t value; /* not 0 */
};

/* Sorted by address and length, each prefix once. */
struct list {
	uint32_t family;
	struct entry *entries;
	size_t count;
};

struct block {
	uint8_t *data;
	size_t size, capacity;
};

/* Zeroed room in the block; returns its offset. Ends the program where there is no memory. */
size_t block_allocate(struct block *block, size_t size, size_t align);

/*
 * What a step of `bits` bits from bit `skip` on makes of entries [first, end),
 * which share the bits before: a value, or the longer entries to look into.
 */
struct slot {
	uint32_t value;
	size_t first, end;
};

void split(const struct list *list, size_t first, size_t end, uint32_t skip, uint32_t bits,
	   uint32_t inherited, struct slot *slots);

uint64_t window(const struct entry *entry, uint32_t bit);

struct candidate {
	const char *name;
	bool ipv4, ipv6;
	bool only_front; /* says where there may be a prefix, not which */
	void (*build)(const struct list *list, struct block *block);
};

void build_stride8(const struct list *list, struct block *block);
void build_poptrie(const struct list *list, struct block *block);
void build_dir24(const struct list *list, struct block *block);
void build_hashlen(const struct list *list, struct block *block);
void build_front16(const struct list *list, struct block *block);
void build_front24(const struct list *list, struct block *block);
void build_fronthash(const struct list *list, struct block *block);

/* The product's own tables: fills the maps of a loaded gate.bpf.c. Returns their bytes. */
struct bpf_object;
size_t fill_gate(const struct list *list, const struct bpf_object *object, double *build_ms);

double cpu_ms(void);
_Noreturn void fail(const char *what);

#endif
