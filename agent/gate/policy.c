// SPDX-License-Identifier: Apache-2.0
/* The policy as a whole: its life, its sets and its links. */
#include "agent/gate/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/base/words.h"

#define NAMES_LISTED 10
#define LIST_LEN (NAMES_LISTED * (GATE_NAME_LEN + 2) + 64)

static const char *const PROTO_NAMES[] = {
	[POLICY_ANY] = "any",
	[POLICY_TCP] = "tcp",
	[POLICY_UDP] = "udp",
};

static const char *const MODE_NAMES[] = {
	[POLICY_MODE_AUTO] = "auto",
	[POLICY_MODE_NATIVE] = "native",
	[POLICY_MODE_GENERIC] = "generic",
};

/* What the platform needs of every host: DNS, probes and agent; instance metadata. */
static int add_platform(struct policy *policy)
{
	static const struct prefix addresses[] = {
		{.address = {168, 63, 129, 16}, .family = 4, .length = 32},
		{.address = {169, 254, 169, 254}, .family = 4, .length = 32},
	};
	int r = policy_place_set(policy, GATE_SET_PLATFORM, POLICY_PLATFORM_NAME,
				 POLICY_OWNER_STATIC, NULL);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(addresses); i++)
		r = policy_add_entry(policy, GATE_SET_PLATFORM, &addresses[i], NULL, 0, NULL, NULL);
	return r;
}

int policy_new(struct policy **out)
{
	_cleanup_(policy_freep) struct policy *policy = calloc(1, sizeof(*policy));
	int r;

	if (!policy)
		return -ENOMEM;
	r = add_platform(policy);
	if (r < 0)
		return r;
	*out = TAKE_PTR(policy);
	return 0;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->entry_count; i++)
		free(policy->entries[i].comment);
	for (size_t i = 0; i < GATE_MAX_SERVICES; i++)
		free(policy->services[i].to);
	free(policy->entries);
	free(policy->running_slots);
	free(policy);
}

void policy_freep(struct policy **policy)
{
	policy_free(*policy);
	*policy = NULL;
}

/* ---- Names ---- */

/* Names lie at the same place in equal structs: first is the first of them, step bytes apart. */
struct names {
	const char *first;
	size_t step;
	size_t count;
};

static const char *name_at(const struct names *names, size_t i)
{
	return names->first + i * names->step;
}

static int find_name(const struct names *names, const char *name)
{
	if (*name)
		for (size_t i = 0; i < names->count; i++)
			if (strcmp(name_at(names, i), name) == 0)
				return (int)i;
	return -ENOENT;
}

/* "there is: a, b, c and 2 more" */
static void list_names(const struct names *names, char out[LIST_LEN])
{
	size_t length = (size_t)snprintf(out, LIST_LEN, "there is ");
	size_t found = 0;

	for (size_t i = 0; i < names->count; i++) {
		if (!*name_at(names, i))
			continue;
		if (++found > NAMES_LISTED)
			continue;
		length += (size_t)snprintf(out + length, LIST_LEN - length, "%s%s",
					   found > 1 ? ", " : "", name_at(names, i));
	}
	if (found == 0)
		snprintf(out + length, LIST_LEN - length, "none yet");
	if (found > NAMES_LISTED)
		snprintf(out + length, LIST_LEN - length, " and %zu more", found - NAMES_LISTED);
}

static int find_or_list(const struct names *names, const char *what, const char *name,
			struct report *report)
{
	char hint[LIST_LEN];
	int found = find_name(names, name);

	if (found >= 0)
		return found;
	list_names(names, hint);
	return report_error(report, REPORT_NOT_FOUND, ENOENT, hint, "there is no %s '%s'", what,
			    name);
}

static struct names set_names(const struct policy *policy)
{
	return (struct names){policy->sets[0].name, sizeof(policy->sets[0]), GATE_MAX_SETS};
}

int policy_find_set(const struct policy *policy, const char *name, struct report *report)
{
	struct names names = set_names(policy);

	return find_or_list(&names, "set", name, report);
}

int policy_find_service(const struct policy *policy, const char *name, struct report *report)
{
	struct names names = {policy->services[0].name, sizeof(policy->services[0]),
			      GATE_MAX_SERVICES};

	return find_or_list(&names, "service", name, report);
}

int policy_find_link(const struct policy *policy, const char *device)
{
	struct names names = {policy->links[0].device, sizeof(policy->links[0]), POLICY_MAX_LINKS};

	return find_name(&names, device);
}

/* ---- Sets ---- */

static int check_set(const struct policy *policy, const char *name, const char *owner,
		     struct report *report)
{
	struct names names = set_names(policy);
	int r = words_check_name("set name", name, report);

	if (r == 0)
		r = words_check_name("owner of a set", owner, report);
	if (r < 0)
		return r;
	if (find_name(&names, name) >= 0)
		return report_error(report, REPORT_FAILED, EEXIST, NULL,
				    "there is a set '%s' already", name);
	return 0;
}

int policy_place_set(struct policy *policy, uint64_t number, const char *name, const char *owner,
		     struct report *report)
{
	bool platform = strcmp(name, POLICY_PLATFORM_NAME) == 0;
	int r = check_set(policy, name, owner, report);

	if (r < 0)
		return r;
	if (number >= GATE_MAX_SETS || *policy->sets[number].name)
		return report_error(report, REPORT_FAILED, EINVAL, NULL,
				    "there is no place for a set of number %llu",
				    (unsigned long long)number);
	if (platform != (number == GATE_SET_PLATFORM) ||
	    (platform && strcmp(owner, POLICY_OWNER_STATIC) != 0))
		return report_error(report, REPORT_FAILED, EINVAL, NULL,
				    "the set of number %d is " POLICY_PLATFORM_NAME
				    ", owned by " POLICY_OWNER_STATIC,
				    GATE_SET_PLATFORM);
	snprintf(policy->sets[number].name, GATE_NAME_LEN, "%s", name);
	snprintf(policy->sets[number].owner, GATE_NAME_LEN, "%s", owner);
	return 0;
}

int policy_add_set(struct policy *policy, const char *name, const char *owner,
		   struct report *report)
{
	int r = check_set(policy, name, owner, report);

	if (r < 0)
		return r;
	for (uint64_t i = GATE_SET_PLATFORM + 1; i < GATE_MAX_SETS; i++)
		if (!*policy->sets[i].name && !(policy->running_sets >> i & 1))
			return policy_place_set(policy, i, name, owner, report);
	return report_error(report, REPORT_FAILED, ENOSPC,
			    "delete one that is not used; its place is free once that is in force",
			    "there is no place for '%s': a gate has at most %d sets", name,
			    GATE_MAX_SETS);
}

/* -EBUSY with an error that names the services that need the set. */
static int check_unused(const struct policy *policy, int set, struct report *report)
{
	char users[GATE_MAX_SERVICES * (GATE_NAME_LEN + 2)];
	size_t length = 0;

	for (size_t i = 0; i < GATE_MAX_SERVICES; i++) {
		const struct policy_service *service = &policy->services[i];

		if (*service->name && service->sets >> set & 1)
			length += (size_t)snprintf(users + length, sizeof(users) - length, "%s%s",
						   length ? ", " : "", service->name);
	}
	if (length == 0)
		return 0;
	return report_error(report, REPORT_FAILED, EBUSY,
			    "delete the service first, or empty the set instead",
			    "set '%s' is used by service %s", policy->sets[set].name, users);
}

int policy_delete_set(struct policy *policy, const char *name, struct report *report)
{
	int set = policy_find_set(policy, name, report);
	int r;

	if (set < 0)
		return set;
	if (set == GATE_SET_PLATFORM)
		return report_error(report, REPORT_FAILED, EBUSY,
				    "it can be emptied: delete its prefixes",
				    "set '%s' is always there", name);
	r = check_unused(policy, set, report);
	if (r < 0)
		return r;
	/* Replacing with nothing cannot fail for want of space or sense, but for memory. */
	r = policy_replace_entries(policy, (uint8_t)set, NULL, 0, NULL, report);
	if (r < 0)
		return r;
	memset(&policy->sets[set], 0, sizeof(policy->sets[set]));
	return 0;
}

/* ---- Links ---- */

/* As the kernel's dev_valid_name() has it. */
static bool is_device_name(const char device[IF_NAMESIZE])
{
	size_t length = strnlen(device, IF_NAMESIZE);

	if (length == 0 || length == IF_NAMESIZE)
		return false;
	if (strcmp(device, ".") == 0 || strcmp(device, "..") == 0)
		return false;
	return device[strcspn(device, "/: \t\n\v\f\r")] == '\0';
}

int policy_set_link(struct policy *policy, const struct policy_link *link, struct report *report)
{
	int number;

	if (!is_device_name(link->device))
		return report_error(report, REPORT_USAGE, EINVAL, "`ip link` shows what there is",
				    "'%.*s' is not the name of an interface", IF_NAMESIZE,
				    link->device);
	number = policy_find_link(policy, link->device);
	for (int i = 0; number < 0 && i < POLICY_MAX_LINKS; i++)
		if (!*policy->links[i].device)
			number = i;
	if (number < 0)
		return report_error(report, REPORT_FAILED, ENOSPC, "detach one first",
				    "there is no place for '%s': a gate has at most %d links",
				    link->device, POLICY_MAX_LINKS);
	policy->links[number] = *link;
	return 0;
}

int policy_delete_link(struct policy *policy, const char *device)
{
	int number = policy_find_link(policy, device);

	if (number < 0)
		return number;
	memset(&policy->links[number], 0, sizeof(policy->links[number]));
	return 0;
}

/* ---- Words ---- */

const char *policy_proto_name(enum policy_proto proto)
{
	return (size_t)proto < ARRAY_SIZE(PROTO_NAMES) ? PROTO_NAMES[proto] : "?";
}

const char *policy_mode_name(enum policy_link_mode mode)
{
	return (size_t)mode < ARRAY_SIZE(MODE_NAMES) ? MODE_NAMES[mode] : "?";
}

static int word_of(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	return -1;
}

int policy_proto_of(const char *name)
{
	return word_of(PROTO_NAMES, ARRAY_SIZE(PROTO_NAMES), name);
}

int policy_mode_of(const char *name)
{
	return word_of(MODE_NAMES, ARRAY_SIZE(MODE_NAMES), name);
}
