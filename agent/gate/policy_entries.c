// SPDX-License-Identifier: Apache-2.0
/* Entries of the policy: one array, always in order. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/base/words.h"
#include "agent/gate/policy.h"

#define LEAST_CAPACITY 16

static int compare_key(const struct prefix *prefix, uint8_t set, const struct policy_entry *entry)
{
	int order = prefix_compare(prefix, &entry->prefix);

	return order ? order : (int)set - (int)entry->set;
}

static int compare_entries(const void *a, const void *b)
{
	const struct policy_entry *left = a;

	return compare_key(&left->prefix, left->set, b);
}

static int compare_prefixes(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

/* Index of the first entry that is not before the key. */
static size_t lower_bound(const struct policy *policy, const struct prefix *prefix, uint8_t set)
{
	size_t low = 0;
	size_t high = policy->entry_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_key(prefix, set, &policy->entries[middle]) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Is the entry of that key at the index that lower_bound() gave? */
static bool is_at(const struct policy *policy, size_t index, const struct prefix *prefix,
		  uint8_t set)
{
	return index < policy->entry_count &&
	       compare_key(prefix, set, &policy->entries[index]) == 0;
}

const struct policy_entry *policy_find_entry(const struct policy *policy, uint8_t set,
					     const struct prefix *prefix)
{
	size_t index = lower_bound(policy, prefix, set);

	return is_at(policy, index, prefix, set) ? &policy->entries[index] : NULL;
}

/* ---- Adding ---- */

static int report_no_memory(struct report *report)
{
	return report_errno(report, ENOMEM, "not enough memory");
}

static int report_full(struct report *report)
{
	return report_error(report, REPORT_FAILED, ENOSPC, NULL,
			    "a gate has at most %u entries in all sets", POLICY_MAX_ENTRIES);
}

/* Makes room for one more. */
static int reserve(struct policy *policy, struct report *report)
{
	size_t capacity = policy->entry_capacity * 2;
	struct policy_entry *entries;

	if (policy->entry_count >= POLICY_MAX_ENTRIES)
		return report_full(report);
	if (policy->entry_count < policy->entry_capacity)
		return 0;
	if (capacity < LEAST_CAPACITY)
		capacity = LEAST_CAPACITY;
	entries = realloc(policy->entries, capacity * sizeof(*entries));
	if (!entries)
		return report_no_memory(report);
	policy->entries = entries;
	policy->entry_capacity = capacity;
	return 0;
}

static int check_set_number(const struct policy *policy, uint8_t set, struct report *report)
{
	if (set < GATE_MAX_SETS && *policy->sets[set].name)
		return 0;
	return report_error(report, REPORT_NOT_FOUND, ENOENT, NULL, "there is no set of number %u",
			    set);
}

static int check_prefix(const struct prefix *prefix, struct report *report)
{
	if (prefix_is_valid(prefix))
		return 0;
	return report_error(report, REPORT_FAILED, EINVAL, NULL,
			    "an entry is not a canonical prefix");
}

static int check_comment(const char *comment, struct report *report)
{
	if (!comment)
		return 0;
	if (strlen(comment) >= POLICY_COMMENT_LEN)
		return report_error(report, REPORT_USAGE, EINVAL, NULL,
				    "the comment is longer than %d bytes", POLICY_COMMENT_LEN - 1);
	if (!words_is_text(comment))
		return report_error(report, REPORT_USAGE, EINVAL, NULL,
				    "the comment is not UTF-8 text on one line");
	return 0;
}

static int check_entry(const struct policy *policy, uint8_t set, const struct prefix *prefix,
		       const char *comment, struct report *report)
{
	int r = check_set_number(policy, set, report);

	if (r == 0)
		r = check_prefix(prefix, report);
	return r < 0 ? r : check_comment(comment, report);
}

int policy_add_entry(struct policy *policy, uint8_t set, const struct prefix *prefix,
		     const char *comment, uint64_t expires, bool *added, struct report *report)
{
	struct policy_entry entry = {.prefix = *prefix, .set = set, .expires = expires};
	_cleanup_free_ char *text = NULL;
	struct policy_entry *place;
	size_t index;
	bool is_new;
	int r = check_entry(policy, set, prefix, comment, report);

	if (r < 0)
		return r;
	if (comment && *comment) {
		text = strdup(comment);
		if (!text)
			return report_no_memory(report);
	}
	index = lower_bound(policy, prefix, set);
	is_new = !is_at(policy, index, prefix, set);
	if (is_new) {
		r = reserve(policy, report);
		if (r < 0)
			return r;
		place = &policy->entries[index];
		memmove(place + 1, place, (policy->entry_count - index) * sizeof(*place));
		*place = entry;
		policy->entry_count++;
	}
	place = &policy->entries[index];
	free(place->comment);
	place->comment = TAKE_PTR(text);
	place->expires = expires;
	if (added)
		*added = is_new;
	return 0;
}

int policy_append_entry(struct policy *policy, const struct policy_entry *entry,
			struct report *report)
{
	int r = check_entry(policy, entry->set, &entry->prefix, entry->comment, report);

	if (r == 0)
		r = reserve(policy, report);
	if (r < 0)
		return r;
	policy->entries[policy->entry_count++] = *entry;
	return 0;
}

static bool are_sorted(const struct policy *policy)
{
	for (size_t i = 1; i < policy->entry_count; i++)
		if (compare_entries(&policy->entries[i - 1], &policy->entries[i]) > 0)
			return false;
	return true;
}

int policy_sort_entries(struct policy *policy, struct report *report)
{
	char text[PREFIX_TEXT_LEN];

	if (!are_sorted(policy))
		qsort(policy->entries, policy->entry_count, sizeof(policy->entries[0]),
		      compare_entries);
	for (size_t i = 1; i < policy->entry_count; i++) {
		const struct policy_entry *entry = &policy->entries[i];

		if (compare_entries(entry - 1, entry) == 0)
			return report_error(report, REPORT_FAILED, EEXIST, NULL,
					    "%s is twice in set '%s'",
					    prefix_format(&entry->prefix, text),
					    policy->sets[entry->set].name);
	}
	return 0;
}

/* ---- Removing ---- */

/* Removes entries [first, last). */
static void remove_range(struct policy *policy, size_t first, size_t last)
{
	for (size_t i = first; i < last; i++)
		free(policy->entries[i].comment);
	memmove(&policy->entries[first], &policy->entries[last],
		(policy->entry_count - last) * sizeof(policy->entries[0]));
	policy->entry_count -= last - first;
}

/* The longest entry that covers the prefix, in the set or, with set < 0, in any. */
static const struct policy_entry *find_covering(const struct policy *policy, int set,
						const struct prefix *prefix)
{
	const struct policy_entry *best = NULL;

	for (size_t i = 0; i < policy->entry_count; i++) {
		const struct policy_entry *entry = &policy->entries[i];

		if ((set < 0 || entry->set == set) && entry->prefix.length <= prefix->length &&
		    prefix_covers(&entry->prefix, prefix->family, prefix->address))
			best = entry; /* later ones that cover it are longer */
	}
	return best;
}

static int report_no_entry(const struct policy *policy, int set, const struct prefix *prefix,
			   struct report *report)
{
	const struct policy_entry *covering = find_covering(policy, set, prefix);
	char text[PREFIX_TEXT_LEN];
	char other[PREFIX_TEXT_LEN];
	char hint[PREFIX_TEXT_LEN + GATE_NAME_LEN + 32];

	prefix_format(prefix, text);
	if (covering)
		snprintf(hint, sizeof(hint), "%s in set '%s' covers it",
			 prefix_format(&covering->prefix, other), policy->sets[covering->set].name);
	if (set < 0)
		return report_error(report, REPORT_NOT_FOUND, ENOENT, covering ? hint : NULL,
				    "%s is in no set", text);
	return report_error(report, REPORT_NOT_FOUND, ENOENT, covering ? hint : NULL,
			    "%s is not in set '%s'", text, policy->sets[set].name);
}

int policy_delete_entry(struct policy *policy, int set, const struct prefix *prefix,
			size_t *deleted, struct report *report)
{
	size_t first;
	size_t last;
	int r = set < 0 ? 0 : check_set_number(policy, (uint8_t)set, report);

	if (r < 0)
		return r;
	first = lower_bound(policy, prefix, set < 0 ? 0 : (uint8_t)set);
	last = first;
	while (last < policy->entry_count &&
	       prefix_compare(&policy->entries[last].prefix, prefix) == 0 &&
	       (set < 0 || policy->entries[last].set == set))
		last++;
	if (first == last)
		return report_no_entry(policy, set, prefix, report);
	remove_range(policy, first, last);
	if (deleted)
		*deleted = last - first;
	return 0;
}

size_t policy_count_entries(const struct policy *policy, uint8_t set)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->entry_count; i++)
		count += policy->entries[i].set == set;
	return count;
}

size_t policy_expire(struct policy *policy, uint64_t now)
{
	size_t before = policy->entry_count;
	size_t kept = 0;

	for (size_t i = 0; i < before; i++) {
		struct policy_entry *entry = &policy->entries[i];

		if (entry->expires && entry->expires <= now)
			free(entry->comment);
		else
			policy->entries[kept++] = *entry;
	}
	policy->entry_count = kept;
	return before - kept;
}

/* ---- Replacing a whole set ---- */

/* Sorts, and drops duplicates; returns how many are left. Lists often come sorted. */
static size_t sort_unique(struct prefix *prefixes, size_t count)
{
	size_t unique = 0;
	bool sorted = true;

	for (size_t i = 1; sorted && i < count; i++)
		sorted = prefix_compare(&prefixes[i - 1], &prefixes[i]) <= 0;
	if (!sorted)
		qsort(prefixes, count, sizeof(*prefixes), compare_prefixes);
	for (size_t i = 0; i < count; i++)
		if (unique == 0 || prefix_compare(&prefixes[unique - 1], &prefixes[i]) != 0)
			prefixes[unique++] = prefixes[i];
	return unique;
}

/*
 * Merges the entries of other sets, those of this set that stay, and new ones,
 * into merged, which has room for all. Frees what goes: nothing fails from here.
 */
static size_t merge(struct policy *policy, uint8_t set, const struct prefix *prefixes, size_t count,
		    struct policy_entry *merged, struct policy_change *change)
{
	size_t next = 0;
	size_t used = 0;
	size_t i = 0;

	while (i < policy->entry_count || next < count) {
		struct policy_entry *old = i < policy->entry_count ? &policy->entries[i] : NULL;
		int order = !old ? -1 : next == count ? 1 : compare_key(&prefixes[next], set, old);

		if (order < 0) {
			merged[used++] =
				(struct policy_entry){.prefix = prefixes[next++], .set = set};
			change->added++;
			continue;
		}
		if (order == 0)
			next++;
		if (order == 0 || old->set != set) {
			merged[used++] = *old;
		} else {
			free(old->comment);
			change->removed++;
		}
		i++;
	}
	return used;
}

int policy_replace_entries(struct policy *policy, uint8_t set, struct prefix *prefixes,
			   size_t count, struct policy_change *change, struct report *report)
{
	struct policy_change made = {0};
	struct policy_entry *merged;
	size_t capacity;
	int r = check_set_number(policy, set, report);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = check_prefix(&prefixes[i], report);
	if (r < 0)
		return r;
	made.before = policy_count_entries(policy, set);
	made.after = sort_unique(prefixes, count);
	capacity = policy->entry_count - made.before + made.after;
	if (capacity > POLICY_MAX_ENTRIES)
		return report_full(report);
	if (capacity < LEAST_CAPACITY)
		capacity = LEAST_CAPACITY;
	merged = malloc(capacity * sizeof(*merged));
	if (!merged)
		return report_no_memory(report);
	policy->entry_count = merge(policy, set, prefixes, made.after, merged, &made);
	policy->entry_capacity = capacity;
	free(policy->entries);
	policy->entries = merged;
	if (change)
		*change = made;
	return 0;
}
