// SPDX-License-Identifier: Apache-2.0
#include "lookup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

void fail(const char *what)
{
	fprintf(stderr, "lookup: %s: %s\n", what, strerror(errno));
	exit(1);
}

size_t block_allocate(struct block *block, size_t size, size_t align)
{
	size_t at = (block->size + align - 1) / align * align;

	if (at + size > block->capacity) {
		block->capacity = (at + size) * 2;
		block->data = realloc(block->data, block->capacity);
		if (!block->data)
			fail("memory");
	}
	memset(block->data + block->size, 0, at + size - block->size);
	block->size = at + size;
	return at;
}

uint64_t window(const struct entry *entry, uint32_t bit)
{
	if (bit >= 64)
		return bit < 128 ? entry->low << (bit - 64) : 0;
	return entry->high << bit | entry->low >> 1 >> (63 - bit);
}

void split(const struct list *list, size_t first, size_t end, uint32_t skip, uint32_t bits,
	   uint32_t inherited, struct slot *slots)
{
	const struct entry *entry;
	uint64_t position, i;

	for (i = 0; i < 1ULL << bits; i++)
		slots[i] = (struct slot){.value = inherited};
	for (; first < end; first++) {
		entry = &list->entries[first];
		position = window(entry, skip) >> (64 - bits);
		if (entry->length > skip + bits) {
			if (slots[position].first == slots[position].end)
				slots[position].first = first;
			slots[position].end = first + 1;
			continue;
		}
		for (i = 0; i < 1ULL << (skip + bits - entry->length); i++)
			slots[position + i].value = entry->value;
	}
}
