// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/hits.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/base/cleanup.h"
#include "agent/base/parallel.h"
#include "agent/gate/inner.h"

#define ARRAY_BYTES (GATE_HITS_SLOTS * sizeof(uint64_t))

uint32_t hits_chunks(uint32_t slots)
{
	return (slots + GATE_HITS_SLOTS - 1) >> GATE_HITS_SHIFT;
}

static uint32_t element(uint32_t shard, uint32_t chunk)
{
	return shard * GATE_HITS_CHUNKS + chunk;
}

/* Numbers of work: chunk by chunk, all shards of each. */
struct range {
	struct kernel *kernel;
	uint32_t from;
};

static uint32_t element_of(const struct range *range, uint32_t number)
{
	uint32_t shards = range->kernel->info.shards;

	return element(number % shards, range->from + number / shards);
}

/*
 * First the pin, then the element: an element always has its own pin. What a
 * killed change left there is replaced, so that all counts begin at zero.
 */
static int add_array(void *context, uint32_t number)
{
	const struct range *range = context;
	uint32_t index = element_of(range, number);
	_cleanup_close_ int fd = inner_make("hits", ARRAY_BYTES, 1);
	int r;

	if (fd < 0)
		return fd;
	r = inner_pin(range->kernel, "hits", index, fd);
	return r < 0 ? r : inner_put(range->kernel->hits, index, fd);
}

static int remove_array(void *context, uint32_t number)
{
	const struct range *range = context;
	uint32_t index = element_of(range, number);
	int r = inner_remove(range->kernel->hits, index);

	return r < 0 ? r : inner_unpin(range->kernel, "hits", index);
}

int hits_add(struct kernel *kernel, uint32_t from, uint32_t to)
{
	struct range range = {kernel, from};

	return to > from ? parallel_run((to - from) * kernel->info.shards, add_array, &range) : 0;
}

int hits_remove(struct kernel *kernel, uint32_t from, uint32_t to)
{
	struct range range = {kernel, from};

	return to > from ? parallel_run((to - from) * kernel->info.shards, remove_array, &range)
			 : 0;
}

/* NULL with errno set; unmapped with ARRAY_BYTES. */
static uint64_t *map_array(const struct kernel *kernel, uint32_t shard, uint32_t chunk, int access)
{
	_cleanup_close_ int fd = inner_open(kernel, "hits", element(shard, chunk));
	void *view;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	view = mmap(NULL, ARRAY_BYTES, access, MAP_SHARED, fd, 0);
	return view == MAP_FAILED ? NULL : view;
}

/* Zeroes these slots, all of one chunk. */
static int zero_chunk(const struct kernel *kernel, uint32_t chunk, const uint32_t *slots,
		      size_t count)
{
	uint32_t shard;
	uint64_t *counts;
	size_t i;

	for (shard = 0; shard < kernel->info.shards; shard++) {
		counts = map_array(kernel, shard, chunk, PROT_READ | PROT_WRITE);
		if (!counts)
			return -errno;
		for (i = 0; i < count; i++)
			counts[slots[i] & (GATE_HITS_SLOTS - 1)] = 0;
		munmap(counts, ARRAY_BYTES);
	}
	return 0;
}

int hits_zero(struct kernel *kernel, const uint32_t *slots, size_t count, uint32_t chunks)
{
	uint32_t chunk;
	size_t first, end;
	int r;

	for (first = 0; first < count; first = end) {
		chunk = slots[first] >> GATE_HITS_SHIFT;
		for (end = first + 1; end < count; end++)
			if (slots[end] >> GATE_HITS_SHIFT != chunk)
				break;
		if (chunk >= chunks)
			return 0;
		r = zero_chunk(kernel, chunk, &slots[first], end - first);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Adds what all shards counted for the slots of a chunk. */
static int add_chunk(const struct kernel *kernel, uint32_t chunk, uint64_t *sums, uint32_t slots)
{
	const uint64_t *counts;
	uint32_t shard, slot;

	for (shard = 0; shard < kernel->info.shards; shard++) {
		counts = map_array(kernel, shard, chunk, PROT_READ);
		if (!counts && errno == ENOENT)
			continue; /* a change removed it meanwhile, and its slots with it */
		if (!counts)
			return -errno;
		for (slot = 0; slot < slots; slot++)
			sums[slot] += __atomic_load_n(&counts[slot], __ATOMIC_RELAXED);
		munmap((void *)(uintptr_t)counts, ARRAY_BYTES);
	}
	return 0;
}

int kernel_read_hits(struct kernel *kernel, const struct generation *generation, uint64_t **out,
		     size_t *count, struct report *report)
{
	_cleanup_free_ uint64_t *sums = NULL;
	uint32_t chunk, first, slots = generation->head->slot_count;
	int r;

	sums = calloc(slots ? slots : 1, sizeof(*sums));
	if (!sums)
		return report_errno(report, ENOMEM, "cannot read the hit counters");
	for (chunk = 0; chunk < hits_chunks(slots); chunk++) {
		first = chunk << GATE_HITS_SHIFT;
		r = add_chunk(kernel, chunk, sums + first,
			      slots - first < GATE_HITS_SLOTS ? slots - first : GATE_HITS_SLOTS);
		if (r < 0)
			return report_errno(report, -r, "cannot read the hit counters");
	}
	*out = TAKE_PTR(sums);
	*count = slots;
	return 0;
}

uint64_t generation_bytes(const struct kernel *kernel, const struct generation *generation)
{
	const struct gate_head *head = generation->head;
	uint64_t hits = (uint64_t)hits_chunks(head->slot_count) * kernel->info.shards * ARRAY_BYTES;

	return GATE_HEAD_SIZE + (uint64_t)head->page_count * GATE_PAGE_SIZE + hits +
	       generation->notes_length;
}
