// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/image.h"

#include <errno.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/image_internal.h"
#include "agent/gate/trie.h"

#define IMAGE_MAX_PAGES (GATE_MAX_PAGES - GATE_PAGES_START / GATE_PAGE_SIZE)

int image_new(struct image **out)
{
	_cleanup_(image_freep) struct image *image = calloc(1, sizeof(*image));

	if (!image)
		return -ENOMEM;
	image->head = calloc(1, GATE_HEAD_SIZE);
	if (!image->head)
		return -ENOMEM;
	image->head_used = offsetof(struct gate_head, arena);
	*out = TAKE_PTR(image);
	return 0;
}

void image_free(struct image *image)
{
	if (!image)
		return;
	free(image->head);
	free(image->pages);
	free(image->notes);
	free(image->fresh_slots);
	free(image);
}

void image_freep(struct image **image)
{
	image_free(*image);
}

static size_t round_up(size_t value, size_t align)
{
	return (value + align - 1) / align * align;
}

static int grow_pages(struct image *image, uint32_t pages)
{
	uint32_t capacity = image->page_capacity ? image->page_capacity : 4;
	uint8_t *grown;

	if (pages > IMAGE_MAX_PAGES)
		return -E2BIG;
	while (capacity < pages)
		capacity *= 2;
	if (capacity != image->page_capacity) {
		grown = realloc(image->pages, (size_t)capacity * GATE_PAGE_SIZE);
		if (!grown)
			return -ENOMEM;
		image->pages = grown;
		image->page_capacity = capacity;
	}
	memset(image->pages + (size_t)image->page_count * GATE_PAGE_SIZE, 0,
	       (size_t)(pages - image->page_count) * GATE_PAGE_SIZE);
	image->page_count = pages;
	return 0;
}

int image_allocate(struct image *image, size_t size, size_t align, bool whole, uint32_t *ref)
{
	size_t at = round_up(image->head_used, align);
	uint32_t pages;
	int r;

	if (at + size <= GATE_HEAD_SIZE) {
		image->head_used = (uint32_t)(at + size);
		*ref = (uint32_t)at;
		return 0;
	}
	at = round_up(image->page_used, align);
	if (whole && at / GATE_PAGE_SIZE != (at + size - 1) / GATE_PAGE_SIZE)
		at = round_up(at, GATE_PAGE_SIZE);
	if (at + size > (size_t)IMAGE_MAX_PAGES * GATE_PAGE_SIZE)
		return -E2BIG;
	pages = (uint32_t)(round_up(at + size, GATE_PAGE_SIZE) / GATE_PAGE_SIZE);
	if (pages > image->page_count) {
		r = grow_pages(image, pages);
		if (r < 0)
			return r;
	}
	image->page_used = (uint32_t)(at + size);
	*ref = (uint32_t)(GATE_PAGES_START + at);
	return 0;
}

void *image_at(struct image *image, uint32_t ref)
{
	if (ref < GATE_HEAD_SIZE)
		return (uint8_t *)image->head + ref;
	return image->pages + (ref - GATE_PAGES_START);
}

uint64_t image_services_of_sets(const struct image *image, uint64_t sets)
{
	const struct gate_head *head = image->head;
	uint64_t services = 0;
	int i;

	for (i = 0; i < GATE_MAX_SERVICES; i++)
		if (head->all_services >> i & 1 && head->service_sets[i] & sets)
			services |= 1ULL << i;
	return services;
}

int image_add_rights(struct image *image, uint64_t services, uint64_t sets, uint32_t *index,
		     struct report *report)
{
	struct gate_head *head = image->head;
	uint32_t i;

	for (i = head->rights_count; i-- > 0;) {
		if (head->rights[i].services == services && head->rights[i].sets == sets) {
			*index = i;
			return 0;
		}
	}
	if (head->rights_count == GATE_MAX_RIGHTS)
		return report_error(report, REPORT_FAILED, E2BIG,
				    "use fewer sets whose prefixes lie inside each other",
				    "the prefixes have more than %d different combinations of sets",
				    GATE_MAX_RIGHTS);
	head->rights[head->rights_count].services = services;
	head->rights[head->rights_count].sets = sets;
	*index = head->rights_count++;
	return 0;
}

/* Upper bounds do: a prefix may be in several sets, or a destination of several services. */
static int reserve_tables(struct image *image, const struct policy *policy)
{
	size_t counts[GATE_TABLES] = {0};
	const struct policy_service *service;
	size_t i, j;
	int r = 0;

	for (i = 0; i < policy->entry_count; i++)
		counts[policy->entries[i].prefix.family == 4 ? GATE_SRC4 : GATE_SRC6]++;
	for (i = 0; i < GATE_MAX_SERVICES; i++) {
		service = &policy->services[i];
		for (j = 0; service->name[0] && j < service->to_count; j++)
			counts[service->to[j].family == 4 ? GATE_DST4 : GATE_DST6]++;
	}
	/* Destinations are few: before the sources, which may need more than there is. */
	for (i = GATE_TABLES; r == 0 && i-- > 0;)
		r = trie_reserve(image, (enum gate_table)i, counts[i]);
	return r;
}

/* The slots are there already; the document goes behind them. */
static int add_document(struct image *image, const char *document, size_t length)
{
	uint8_t *notes = realloc(image->notes, image->notes_length + length + 1);

	if (!notes)
		return -ENOMEM;
	memcpy(notes + image->notes_length, document, length);
	image->notes = notes;
	image->notes_length += length;
	image->head->document_length = (uint32_t)length;
	return 0;
}

static int compile(struct image *image, const struct policy *policy, const char *document,
		   size_t length, struct report *report)
{
	struct gate_head *head = image->head;
	int r;

	head->magic = GATE_MAGIC;
	head->layout = GATE_LAYOUT;
	head->generation = policy->generation;
	head->default_drop = policy->default_drop;
	head->non_ip_drop = policy->non_ip_drop;
	head->rights_count = 1; /* rights[0]: none */

	r = reserve_tables(image, policy);
	if (r < 0)
		return r;
	r = image_compile_services(image, policy, report);
	if (r < 0)
		return r;
	/* Before the sources, too: what is little stays in the head. */
	r = image_compile_destinations(image, policy, report);
	if (r < 0)
		return r;
	r = image_compile_sources(image, policy, report);
	if (r < 0)
		return r;
	head->page_count = image->page_count;
	return add_document(image, document, length);
}

int image_compile(const struct policy *policy, const char *document, size_t document_length,
		  struct image **out, struct report *report)
{
	_cleanup_(image_freep) struct image *image = NULL;
	int r;

	r = image_new(&image);
	if (r == 0)
		r = compile(image, policy, document, document_length, report);
	if (r == -E2BIG)
		return report_error(report, REPORT_FAILED, E2BIG, "split the list, or shorten it",
				    "the lists are too large for one generation");
	if (r < 0)
		return report_errno(report, -r, "cannot compile the policy");
	*out = TAKE_PTR(image);
	return 0;
}
