// SPDX-License-Identifier: Apache-2.0
/*
 * What a root or a bucket leads to. The prefixes below one value become, where
 * they are few, one or two levels of lines; where they are many, a node; and
 * where they share bits that would only be walked, a line that checks these.
 */
#include <errno.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/trie_internal.h"

#define STEP_BITS 8
#define STEP_POSITIONS (1U << STEP_BITS)

#define LINE32_VALUES 8
#define LINE64_VALUES 6
#define MAX_SEGMENTS (LINE32_VALUES * LINE32_VALUES)

_Static_assert(ARRAY_SIZE(((struct gate_line32 *)0)->value) == LINE32_VALUES, "line32");
_Static_assert(ARRAY_SIZE(((struct gate_line64 *)0)->value) == LINE64_VALUES, "line64");

/* The keys from `from` on have one value: `value`, or what entries [first, end) make of it. */
struct segment {
	uint64_t from;
	uint32_t value;
	size_t first, end; /* no entries: it is the value itself */
};

/* The keys of a window, cut into segments. */
struct segments {
	struct segment list[MAX_SEGMENTS + 2];
	size_t count;
	size_t most; /* that two levels of lines can hold */
	uint32_t bit, width;
};

/* What is being covered while the window is swept from its first key to the last. */
struct cover {
	uint64_t last;
	uint32_t value;
};

struct sweep {
	struct cover stack[66];
	size_t depth;
};

static uint64_t key_of(const struct trie_entry *entry, const struct segments *s)
{
	return trie_window(entry->high, entry->low, s->bit) >> (64 - s->width);
}

static void add_segment(struct segments *s, struct segment segment)
{
	struct segment *last = s->count ? &s->list[s->count - 1] : NULL;

	if (last && last->from == segment.from)
		s->count--;
	last = s->count ? &s->list[s->count - 1] : NULL;
	if (last && last->first == last->end && segment.first == segment.end &&
	    last->value == segment.value)
		return;
	/* One more than fit is enough to know that they do not. */
	if (s->count <= s->most)
		s->list[s->count++] = segment;
}

/* Ends the covers whose last key is before this one. */
static void close_covers(struct sweep *sweep, struct segments *s, uint64_t key)
{
	uint64_t next;

	while (sweep->stack[sweep->depth - 1].last < key) {
		next = sweep->stack[--sweep->depth].last + 1;
		add_segment(s, (struct segment){.from = next,
						.value = sweep->stack[sweep->depth - 1].value});
	}
}

/* Entries that are longer than the window and have this one's key. Returns their end. */
static size_t group_end(const struct trie_builder *b, size_t first, size_t end,
			const struct segments *s)
{
	uint64_t key = key_of(&b->entries[first], s);

	while (first < end && key_of(&b->entries[first], s) == key)
		first++;
	return first;
}

/* Cuts the window into segments; s->count > s->most where they are too many. */
static void cut(const struct trie_builder *b, size_t first, size_t end, uint32_t inherited,
		struct segments *s)
{
	const uint64_t greatest = ~0ULL >> (64 - s->width);
	struct sweep sweep = {.stack = {{greatest, inherited}}, .depth = 1};
	const struct trie_entry *entry;
	struct segment segment;
	uint32_t rest;
	uint64_t last;

	s->count = 0;
	add_segment(s, (struct segment){.value = inherited});
	while (first < end && s->count <= s->most) {
		entry = &b->entries[first];
		segment = (struct segment){.from = key_of(entry, s), .value = entry->value};
		rest = entry->length - s->bit;
		close_covers(&sweep, s, segment.from);
		last = segment.from;
		if (rest <= s->width) {
			/* rest is not zero: the caller took what covers the window */
			last |= greatest >> 1 >> (rest - 1);
			first++;
		} else {
			segment.value = sweep.stack[sweep.depth - 1].value;
			segment.first = first;
			segment.end = first = group_end(b, first, end, s);
		}
		add_segment(s, segment);
		if (last != greatest)
			sweep.stack[sweep.depth++] = (struct cover){last, segment.value};
		else /* nothing comes after it: it is the new bottom */
			sweep.stack[sweep.depth - 1].value = segment.value;
	}
	/* What ends with the window has no end; the rest does. */
	while (sweep.depth > 1)
		close_covers(&sweep, s, sweep.stack[sweep.depth - 1].last + 1);
}

/* Builds what the segments lead to, and joins neighbours that turn out to be equal. */
static int resolve(const struct trie_builder *b, struct segments *s)
{
	size_t i, kept = 0;
	struct segment *segment;
	int r;

	for (i = 0; i < s->count; i++) {
		segment = &s->list[i];
		if (segment->first != segment->end) {
			r = trie_build_value(b, segment->first, segment->end, s->bit + s->width,
					     segment->value, &segment->value);
			if (r < 0)
				return r;
		}
		if (kept && s->list[kept - 1].value == segment->value)
			continue;
		s->list[kept++] = (struct segment){.from = segment->from, .value = segment->value};
	}
	s->count = kept;
	return 0;
}

static void fill_line32(struct gate_line32 *line, const struct segment *segments, size_t count)
{
	size_t i;

	for (i = 0; i < LINE32_VALUES; i++)
		line->value[i] = segments[i < count ? i : count - 1].value;
	for (i = 1; i < LINE32_VALUES; i++)
		line->from[i - 1] = i < count ? (uint32_t)segments[i].from : UINT32_MAX;
}

static void fill_line64(struct gate_line64 *line, const struct segment *segments, size_t count)
{
	size_t i;

	for (i = 0; i < LINE64_VALUES; i++)
		line->value[i] = segments[i < count ? i : count - 1].value;
	for (i = 1; i < LINE64_VALUES; i++)
		line->from[i - 1] = i < count ? segments[i].from : GATE_KEY_UNUSED;
}

static size_t line_values(uint32_t width)
{
	return width == 32 ? LINE32_VALUES : LINE64_VALUES;
}

static int make_line(const struct trie_builder *b, const struct segments *s, size_t at,
		     size_t count, uint32_t *out)
{
	uint32_t ref;
	int r;

	r = image_allocate(b->image, GATE_UNIT, GATE_UNIT, true, &ref);
	if (r < 0)
		return r;
	if (s->width == 32)
		fill_line32(image_at(b->image, ref), &s->list[at], count);
	else
		fill_line64(image_at(b->image, ref), &s->list[at], count);
	*out = trie_child(s->width == 32 ? GATE_LINE32 : GATE_LINE64, s->bit, ref);
	return 0;
}

/* One value for all needs no line; few take one, more a second level. */
static int make_lines(const struct trie_builder *b, const struct segments *s, uint32_t *out)
{
	size_t most = line_values(s->width);
	struct segments above = {.bit = s->bit, .width = s->width};
	size_t at, count;
	int r;

	if (s->count == 1) {
		*out = s->list[0].value;
		return 0;
	}
	if (s->count <= most)
		return make_line(b, s, 0, s->count, out);
	for (at = 0; at < s->count; at += most) {
		count = s->count - at < most ? s->count - at : most;
		above.list[above.count].from = s->list[at].from;
		r = make_line(b, s, at, count, &above.list[above.count].value);
		if (r < 0)
			return r;
		above.count++;
	}
	return make_line(b, &above, 0, above.count, out);
}

static uint32_t count_runs(const uint32_t *values)
{
	uint32_t i, runs = 1;

	for (i = 1; i < STEP_POSITIONS; i++)
		runs += values[i] != values[i - 1];
	return runs;
}

/* Encodes 256 values as a node. One value for all needs no node: it is the result. */
static int make_node(struct image *image, const uint32_t *values, uint32_t bit, uint32_t *out)
{
	uint32_t runs = count_runs(values);
	uint32_t i, ref, rank = 0;
	struct gate_node *node;
	uint32_t *run_values;
	size_t size = sizeof(*node);
	int r;

	if (runs == 1) {
		*out = values[0];
		return 0;
	}
	if (runs > ARRAY_SIZE(node->own))
		size += runs * sizeof(uint32_t);
	r = image_allocate(image, size, sizeof(*node), true, &ref);
	if (r < 0)
		return r;

	node = image_at(image, ref);
	run_values = runs > ARRAY_SIZE(node->own) ? (uint32_t *)(node + 1) : node->own;
	node->values = (ref + (uint32_t)((uint8_t *)run_values - (uint8_t *)node)) / 4;
	for (i = 0; i < STEP_POSITIONS; i++) {
		if (i % 64 == 0)
			node->before[i / 64] = (uint8_t)rank;
		if (i && values[i] == values[i - 1])
			continue;
		node->starts[i / 64] |= 1ULL << (i % 64);
		run_values[rank++] = values[i];
	}
	*out = trie_child(GATE_NODE, bit, ref);
	return 0;
}

/*
 * Entries in their order make this one pass: whatever covers a position comes
 * before what is longer inside it.
 */
int trie_fill_positions(const struct trie_builder *b, size_t first, size_t end, uint32_t skip,
			uint32_t bits, uint32_t *values)
{
	const struct segments positions = {.bit = skip, .width = bits};
	uint32_t rest, i;
	uint64_t position;
	size_t group;
	int r;

	while (first < end) {
		rest = b->entries[first].length - skip;
		position = key_of(&b->entries[first], &positions);
		if (rest <= bits) {
			for (i = 0; i < 1U << (bits - rest); i++)
				values[position + i] = b->entries[first].value;
			first++;
			continue;
		}
		group = group_end(b, first, end, &positions);
		r = trie_build_value(b, first, group, skip + bits, values[position],
				     &values[position]);
		if (r < 0)
			return r;
		first = group;
	}
	return 0;
}

static int build_node(const struct trie_builder *b, size_t first, size_t end, uint32_t bit,
		      uint32_t inherited, uint32_t *out)
{
	uint32_t values[STEP_POSITIONS];
	uint32_t i;
	int r;

	for (i = 0; i < STEP_POSITIONS; i++)
		values[i] = inherited;
	r = trie_fill_positions(b, first, end, bit, STEP_BITS, values);
	return r < 0 ? r : make_node(b->image, values, bit, out);
}

/* The number of leading bits that all these share, and that all are as long as; even. */
static uint32_t common_bits(const struct trie_builder *b, size_t first, size_t end)
{
	const struct trie_entry *one = &b->entries[first], *two = &b->entries[end - 1];
	uint64_t high = one->high ^ two->high, low = one->low ^ two->low;
	uint32_t common = 128;
	size_t i;

	if (high)
		common = (uint32_t)__builtin_clzll(high);
	else if (low)
		common = 64 + (uint32_t)__builtin_clzll(low);
	for (i = first; i < end && b->entries[i].length < common; i++)
		common = b->entries[i].length;
	return common & ~1U;
}

/* A line that lets through only what has the bits that all share. */
static int build_skip(const struct trie_builder *b, size_t first, size_t end, uint32_t to,
		      uint32_t inherited, struct segments *s, uint32_t *out)
{
	uint64_t from = key_of(&b->entries[first], s);
	uint32_t left = s->width - (to - s->bit);
	uint64_t last = from | ((1ULL << left) - 1);
	uint32_t value;
	int r;

	r = trie_build_value(b, first, end, to, inherited, &value);
	if (r < 0)
		return r;
	from = last - ((1ULL << left) - 1);
	s->count = 0;
	s->most = 3;
	add_segment(s, (struct segment){.value = inherited});
	add_segment(s, (struct segment){.from = from, .value = value});
	if (last != ~0ULL >> (64 - s->width))
		add_segment(s, (struct segment){.from = last + 1, .value = inherited});
	return make_lines(b, s, out);
}

static bool all_within(const struct trie_builder *b, size_t first, size_t end, uint32_t bit)
{
	for (; first < end; first++)
		if (b->entries[first].length > bit)
			return false;
	return true;
}

/* How many of a node's positions would lead further. */
static size_t count_children(const struct trie_builder *b, size_t first, size_t end, uint32_t bit)
{
	const struct segments positions = {.bit = bit, .width = STEP_BITS};
	size_t count = 0;

	while (first < end) {
		if (b->entries[first].length <= bit + STEP_BITS) {
			first++;
			continue;
		}
		count++;
		first = group_end(b, first, end, &positions);
	}
	return count;
}

/*
 * A node is one step where two levels of lines are two, but each of its
 * children takes a line of its own: it must not take more room.
 */
static bool node_is_better(const struct trie_builder *b, size_t first, size_t end,
			   const struct segments *s)
{
	size_t values = line_values(s->width);
	size_t lines = (s->count + values - 1) / values + 1;
	size_t node = 1 + (s->count * sizeof(uint32_t)) / GATE_UNIT;

	return node + count_children(b, first, end, s->bit) <= lines;
}

int trie_build_value(const struct trie_builder *b, size_t first, size_t end, uint32_t bit,
		     uint32_t inherited, uint32_t *out)
{
	struct segments s = {.bit = bit, .width = 32};
	uint32_t common;
	int r;

	for (; first < end && b->entries[first].length <= bit; first++)
		inherited = b->entries[first].value;
	if (first == end) {
		*out = inherited;
		return 0;
	}
	if (b->family == 6 && !all_within(b, first, end, bit + 32))
		s.width = GATE_LINE64_BITS;
	s.most = line_values(s.width) * line_values(s.width);
	cut(b, first, end, inherited, &s);
	if (s.count <= line_values(s.width) ||
	    (s.count <= s.most && !node_is_better(b, first, end, &s))) {
		r = resolve(b, &s);
		return r < 0 ? r : make_lines(b, &s, out);
	}
	/* Not more than the window: they would all be one segment. */
	common = common_bits(b, first, end);
	if (common >= bit + STEP_BITS)
		return build_skip(b, first, end, common, inherited, &s, out);
	return build_node(b, first, end, bit, inherited, out);
}
