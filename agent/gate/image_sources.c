// SPDX-License-Identifier: Apache-2.0
/*
 * Sources: every distinct prefix gets a slot (its hit counter, stable over
 * generations), the rights of itself and all that cover it, and a place in the
 * table of its family.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/base/cleanup.h"
#include "agent/gate/image_internal.h"
#include "agent/gate/trie.h"

/* One distinct prefix: entries [first, end) of the policy. */
struct source {
	const struct prefix *prefix;
	size_t first, end;
	uint32_t slot;
	uint64_t sets;	    /* permanent: its own and those of all that cover it */
	uint32_t temporary; /* as gate_special.temporary */
	uint32_t depth;	    /* of the chain of temporary rights */
};

struct sources {
	const struct policy *policy;
	struct source *list;
	size_t count;
	size_t ipv4_count;
	size_t temporary_count; /* entries with an expiry */
	uint32_t slot_count;	/* highest slot + 1 */
	int64_t boot_offset;	/* CLOCK_BOOTTIME - CLOCK_REALTIME, ns */
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int group_entries(struct sources *s)
{
	const struct policy_entry *entries = s->policy->entries;
	size_t count = s->policy->entry_count, i;
	struct source *source = NULL;

	s->list = calloc(count ? count : 1, sizeof(*s->list));
	if (!s->list)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		if (!source || prefix_compare(source->prefix, &entries[i].prefix)) {
			source = &s->list[s->count++];
			source->prefix = &entries[i].prefix;
			source->first = i;
			s->ipv4_count += entries[i].prefix.family == 4;
		}
		source->end = i + 1;
		if (entries[i].slot)
			source->slot = entries[i].slot;
		s->temporary_count += entries[i].expires != 0;
	}
	return 0;
}

/* Marks a slot as taken; the map grows with the highest. */
static void mark(uint8_t *taken, uint32_t slot)
{
	taken[slot / 8] |= (uint8_t)(1U << (slot % 8));
}

/*
 * New prefixes get the lowest slots that neither they nor the running
 * generation use: a slot that was given up counts for another prefix only
 * after the kernel has let go of it.
 */
static int assign_slots(struct sources *s, struct image *image)
{
	const struct policy *policy = s->policy;
	_cleanup_free_ uint8_t *taken = NULL;
	uint32_t highest = 0, next = 1;
	size_t i;

	for (i = 0; i < policy->running_slot_count; i++)
		highest = policy->running_slots[i] > highest ? policy->running_slots[i] : highest;
	for (i = 0; i < s->count; i++)
		highest = s->list[i].slot > highest ? s->list[i].slot : highest;
	taken = calloc(1, (highest + s->count) / 8 + 2);
	image->fresh_slots = calloc(s->count ? s->count : 1, sizeof(*image->fresh_slots));
	if (!taken || !image->fresh_slots)
		return -ENOMEM;
	for (i = 0; i < policy->running_slot_count; i++)
		mark(taken, policy->running_slots[i]);
	for (i = 0; i < s->count; i++)
		mark(taken, s->list[i].slot);

	s->slot_count = 1;
	for (i = 0; i < s->count; i++) {
		if (!s->list[i].slot) {
			while (taken[next / 8] >> (next % 8) & 1)
				next++;
			s->list[i].slot = next++;
			image->fresh_slots[image->fresh_slot_count++] = s->list[i].slot;
		}
		if (s->list[i].slot >= s->slot_count)
			s->slot_count = s->list[i].slot + 1;
	}
	return s->slot_count > GATE_MAX_SLOTS ? -E2BIG : 0;
}

static uint64_t boot_time(const struct sources *s, uint64_t seconds)
{
	int64_t ns = (int64_t)seconds * 1000000000 + s->boot_offset;

	return ns > 0 ? (uint64_t)ns : 1;
}

/* Adds the temporary rights of one source in front of the chain of what covers it. */
static int chain_temporary(struct sources *s, struct image *image, struct source *source,
			   uint32_t *used, struct report *report)
{
	const struct policy_entry *entry;
	struct gate_temporary *t;
	char text[PREFIX_TEXT_LEN];
	size_t i;

	for (i = source->first; i < source->end; i++) {
		entry = &s->policy->entries[i];
		if (!entry->expires)
			continue;
		if (++source->depth > GATE_MAX_TEMPORARY)
			return report_error(
				report, REPORT_FAILED, E2BIG,
				"make one of the shorter prefixes permanent, or delete it",
				"more than %d entries with an expiry cover %s", GATE_MAX_TEMPORARY,
				prefix_format(source->prefix, text));
		t = image_at(image, image->head->temporaries + *used * (uint32_t)sizeof(*t));
		t->sets = 1ULL << entry->set;
		t->services = image_services_of_sets(image, t->sets);
		t->expires = boot_time(s, entry->expires);
		t->next = source->temporary;
		source->temporary = ++*used;
	}
	return 0;
}

static uint64_t permanent_sets(const struct sources *s, const struct source *source)
{
	uint64_t sets = 0;
	size_t i;

	for (i = source->first; i < source->end; i++)
		if (!s->policy->entries[i].expires)
			sets |= 1ULL << s->policy->entries[i].set;
	return sets;
}

/* Rights add up from short prefixes to long ones; the order makes it one pass. */
static int add_up_rights(struct sources *s, struct image *image, struct report *report)
{
	const struct source *stack[129] = {NULL};
	size_t depth = 0, i;
	uint32_t temporaries = 0;
	struct source *source;
	int r;

	for (i = 0; i < s->count; i++) {
		source = &s->list[i];
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): group_entries() set it */
		while (depth && !prefix_covers(stack[depth - 1]->prefix, source->prefix->family,
					       source->prefix->address))
			depth--;
		source->sets = permanent_sets(s, source);
		if (depth) {
			source->sets |= stack[depth - 1]->sets;
			source->temporary = stack[depth - 1]->temporary;
			source->depth = stack[depth - 1]->depth;
		}
		r = chain_temporary(s, image, source, &temporaries, report);
		if (r < 0)
			return r;
		stack[depth++] = source;
	}
	return 0;
}

/* Must its rights be looked up in a table of their own? */
static bool is_special(const struct source *source, uint32_t rights)
{
	return source->temporary || rights >= GATE_RIGHTS_SPECIAL;
}

/*
 * What the tables say of each source: its rights and slot; or, where these do
 * not fit or are not for good, where they are. Specials are counted first.
 */
static int make_values(struct sources *s, struct image *image, uint32_t *rights,
		       struct trie_item *items)
{
	struct gate_special *specials;
	uint32_t count = 0;
	size_t i;
	int r;

	for (i = 0; i < s->count; i++)
		count += is_special(&s->list[i], rights[i]);
	r = image_allocate(image, (count ? count : 1) * sizeof(*specials), sizeof(*specials), false,
			   &image->head->specials);
	if (r < 0)
		return r;
	specials = image_at(image, image->head->specials);
	for (i = 0, count = 0; i < s->count; i++) {
		const struct source *source = &s->list[i];

		items[i].prefix = source->prefix;
		items[i].value = rights[i] << GATE_SLOT_BITS | source->slot;
		if (!is_special(source, rights[i]))
			continue;
		items[i].value = GATE_RIGHTS_SPECIAL << GATE_SLOT_BITS | count;
		specials[count++] = (struct gate_special){
			.slot = source->slot, .rights = rights[i], .temporary = source->temporary};
	}
	return 0;
}

static int find_rights(struct sources *s, struct image *image, uint32_t *rights,
		       struct report *report)
{
	size_t i;
	int r;

	for (i = 0; i < s->count; i++) {
		/* Neighbours in a list mostly have the same. */
		if (i && s->list[i].sets == s->list[i - 1].sets) {
			rights[i] = rights[i - 1];
			continue;
		}
		r = image_add_rights(image, image_services_of_sets(image, s->list[i].sets),
				     s->list[i].sets, &rights[i], report);
		if (r < 0)
			return r;
	}
	return 0;
}

static int build_tables(struct sources *s, struct image *image, struct report *report)
{
	_cleanup_free_ struct trie_item *items = calloc(s->count ? s->count : 1, sizeof(*items));
	_cleanup_free_ uint32_t *rights = calloc(s->count ? s->count : 1, sizeof(*rights));
	int r;

	if (!items || !rights)
		return -ENOMEM;
	r = find_rights(s, image, rights, report);
	if (r == 0)
		r = make_values(s, image, rights, items);
	if (r == 0)
		r = trie_build(image, GATE_SRC4, items, s->ipv4_count);
	if (r == 0)
		r = trie_build(image, GATE_SRC6, items + s->ipv4_count, s->count - s->ipv4_count);
	return r;
}

/* The slots in prefix order, from which the next change learns which prefix has which. */
static int store_slots(struct sources *s, struct image *image)
{
	uint32_t *slots = malloc((s->count ? s->count : 1) * sizeof(*slots));
	size_t i;

	if (!slots)
		return -ENOMEM;
	for (i = 0; i < s->count; i++)
		slots[i] = s->list[i].slot;
	image->notes = (uint8_t *)slots;
	image->notes_length = s->count * sizeof(*slots);
	image->head->slots_count = (uint32_t)s->count;
	image->head->slot_count = s->slot_count;
	return 0;
}

static int compile_sources(struct sources *s, struct image *image, struct report *report)
{
	int r;

	r = group_entries(s);
	if (r == 0)
		r = assign_slots(s, image);
	if (r == 0)
		r = image_allocate(image, (s->temporary_count + 1) * sizeof(struct gate_temporary),
				   sizeof(struct gate_temporary), false, &image->head->temporaries);
	if (r == 0)
		r = add_up_rights(s, image, report);
	if (r == 0)
		r = build_tables(s, image, report);
	return r < 0 ? r : store_slots(s, image);
}

int image_compile_sources(struct image *image, const struct policy *policy, struct report *report)
{
	struct sources s = {.policy = policy};
	uint64_t used = 0;
	int i, r;

	s.boot_offset = clock_ns(CLOCK_BOOTTIME) - clock_ns(CLOCK_REALTIME);
	for (i = 0; i < GATE_MAX_SETS; i++)
		used |= policy->sets[i].name[0] ? 1ULL << i : 0;
	image->fresh_sets = used & ~policy->running_sets;
	r = compile_sources(&s, image, report);
	free(s.list);
	return r;
}
