/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A generation in memory, before it is given to the kernel: the address space
 * of include/apimgate/abi.h, and what is needed to switch to it.
 *
 * Compiling touches nothing but memory. 100,000 prefixes take about 40 ms.
 */
#ifndef APIMGATE_GATE_IMAGE_H
#define APIMGATE_GATE_IMAGE_H

#include "agent/gate/policy.h"
#include "apimgate/abi.h"

struct image {
	struct gate_head *head; /* GATE_HEAD_SIZE bytes */
	uint8_t *pages;
	uint32_t page_count;
	uint32_t page_capacity;
	uint32_t head_used; /* bytes, of the head */
	uint32_t page_used; /* bytes, of all pages */
	uint8_t *notes;	    /* see struct gate_head */
	size_t notes_length;

	/* Slots, services and sets that the running generation does not use: to be zeroed. */
	uint32_t *fresh_slots;
	size_t fresh_slot_count;
	uint64_t fresh_services;
	uint64_t fresh_sets;
};

/*
 * Compiles the policy, with document as its text. -ENOMEM; -E2BIG with an
 * error where the policy exceeds what one generation can hold.
 */
int image_compile(const struct policy *policy, const char *document, size_t document_length,
		  struct image **out, struct report *report);

void image_free(struct image *image);
void image_freep(struct image **image);

/* ---- for the compilers of its parts ---- */

int image_new(struct image **out);

/*
 * Room for size bytes, aligned; the head is used while it has room. With
 * whole, it lies in one page (size <= GATE_PAGE_SIZE). *ref is never 0.
 */
int image_allocate(struct image *image, size_t size, size_t align, bool whole, uint32_t *ref);

/* The bytes at ref; valid until the next allocation. */
void *image_at(struct image *image, uint32_t ref);

#endif
