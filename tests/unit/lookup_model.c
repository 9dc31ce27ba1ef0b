// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/lookup_model.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"

#define MAX_NESTED 130

static int compare(const void *a, const void *b)
{
	const struct lookup_item *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->length > y->length) - (x->length < y->length);
}

/* What starts where the last one did takes its place. */
static void start(struct lookup_model *model, lookup_address from, uint32_t value)
{
	if (model->count && model->intervals[model->count - 1].from == from)
		model->count--;
	model->intervals[model->count++] = (struct lookup_interval){from, value};
}

/* Prefixes of which the sweep has met the first address but not the last one. */
struct open {
	const struct lookup_item *items[MAX_NESTED];
	size_t count;
};

/* Closes the innermost one; what is around it goes on behind it. */
static void close_one(struct lookup_model *model, struct open *open)
{
	lookup_address last = lookup_last(open->items[--open->count]);

	if (last != LOOKUP_ALL_ONES)
		start(model, last + 1, open->count ? open->items[open->count - 1]->value : 0);
}

void lookup_model_build(struct lookup_model *model, const struct lookup_item *items, size_t count)
{
	_cleanup_free_ struct lookup_item *sorted = malloc((count + 1) * sizeof(*sorted));
	struct open open = {};
	size_t i;

	model->intervals = malloc((2 * count + 1) * sizeof(*model->intervals));
	if (!sorted || !model->intervals)
		abort();
	if (count)
		memcpy(sorted, items, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	model->count = 0;
	start(model, 0, 0);
	for (i = 0; i < count; i++) {
		while (open.count && lookup_last(open.items[open.count - 1]) < sorted[i].first)
			close_one(model, &open);
		open.items[open.count++] = &sorted[i];
		start(model, sorted[i].first, sorted[i].value);
	}
	while (open.count)
		close_one(model, &open);
}

void lookup_model_clear(struct lookup_model *model)
{
	free(model->intervals);
	*model = (struct lookup_model){};
}

uint32_t lookup_model_ask(const struct lookup_model *model, lookup_address address)
{
	size_t low = 0, high = model->count, middle;

	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (model->intervals[middle].from <= address)
			low = middle;
		else
			high = middle;
	}
	return model->intervals[low].value;
}

uint32_t lookup_linear(const struct lookup_item *items, size_t count, lookup_address address)
{
	uint32_t length = 0, value = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if ((address & ~lookup_host_mask(items[i].length)) != items[i].first)
			continue;
		if (!value || items[i].length > length) {
			length = items[i].length;
			value = items[i].value;
		}
	}
	return value;
}

void lookup_to_bytes(lookup_address address, uint8_t *out, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		out[i] = (uint8_t)(address >> (120 - 8 * i));
}

lookup_address lookup_from_bytes(const uint8_t *bytes, size_t size)
{
	lookup_address address = 0;
	size_t i;

	for (i = 0; i < size; i++)
		address |= (lookup_address)bytes[i] << (120 - 8 * i);
	return address;
}
