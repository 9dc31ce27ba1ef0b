// SPDX-License-Identifier: Apache-2.0
/* Generations as they are compiled: sizes, rights, ports, slots, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/base/cleanup.h"
#include "agent/gate/image.h"
#include "agent/gate/trie.h"

static int make_policy(void **state)
{
	return policy_new((struct policy **)state);
}

static int free_policy(void **state)
{
	policy_free(*state);
	return 0;
}

static struct prefix parse(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, strlen(text), &prefix), PREFIX_OK);
	return prefix;
}

static uint8_t add_set(struct policy *policy, const char *name)
{
	assert_int_equal(policy_add_set(policy, name, POLICY_OWNER_STATIC, NULL), 0);
	return (uint8_t)policy_find_set(policy, name, NULL);
}

static void add_entry(struct policy *policy, uint8_t set, const char *text, uint64_t expires)
{
	struct prefix prefix = parse(text);

	assert_int_equal(policy_add_entry(policy, set, &prefix, NULL, expires, NULL, NULL), 0);
}

static void add_service(struct policy *policy, const char *name, uint16_t first, uint16_t last,
			const char *to, uint64_t sets)
{
	struct prefix prefix = to ? parse(to) : (struct prefix){};
	struct policy_service service = {
		.proto = POLICY_TCP,
		.ports = {{first, last}},
		.port_count = 1,
		.to = &prefix,
		.to_count = to ? 1 : 0,
		.sets = sets,
	};

	snprintf(service.name, sizeof(service.name), "%s", name);
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
}

static struct image *compile(const struct policy *policy)
{
	struct report report = {};
	struct image *image = NULL;

	if (image_compile(policy, "{}", 2, &image, &report) < 0)
		fail_msg("%s", report.error);
	report_clear(&report);
	return image;
}

/* Spread over the whole space, each alone. */
static void add_many(struct policy *policy, uint8_t set, uint8_t family, uint32_t count)
{
	struct policy_entry entry = {.set = set};
	uint32_t i, spread;

	for (i = 0; i < count; i++) {
		spread = (i + 1) * 2654435761U;
		memset(&entry.prefix, 0, sizeof(entry.prefix));
		entry.prefix.family = family;
		entry.prefix.length = family == 4 ? 32 : 64;
		memcpy(entry.prefix.address, &spread, 4);
		assert_int_equal(policy_append_entry(policy, &entry, NULL), 0);
	}
	assert_int_equal(policy_sort_entries(policy, NULL), 0);
}

static uint32_t source_value(struct image *image, const char *text)
{
	struct prefix prefix = parse(text);

	return trie_lookup(image, prefix.family == 4 ? GATE_SRC4 : GATE_SRC6, prefix.address);
}

/* What the program makes of a value: NULL, or the one whose rights do not fit into it. */
static const struct gate_special *special_of(struct image *image, uint32_t value)
{
	const struct gate_special *specials = image_at(image, image->head->specials);

	if (value >> GATE_SLOT_BITS != GATE_RIGHTS_SPECIAL)
		return NULL;
	return &specials[value & (GATE_MAX_SLOTS - 1)];
}

static uint32_t source_slot(struct image *image, const char *text)
{
	uint32_t value = source_value(image, text);
	const struct gate_special *special = special_of(image, value);

	return special ? special->slot : value & (GATE_MAX_SLOTS - 1);
}

static const struct gate_rights *rights_of(struct image *image, const char *text)
{
	uint32_t value = source_value(image, text);
	const struct gate_special *special = special_of(image, value);

	assert_true(source_slot(image, text) > 0);
	return &image->head->rights[special ? special->rights : value >> GATE_SLOT_BITS];
}

static void check_all(struct image *image, const struct policy *policy)
{
	const struct policy_entry *entry;
	size_t i;

	for (i = 0; i < policy->entry_count; i++) {
		entry = &policy->entries[i];
		assert_true(trie_lookup(image, entry->prefix.family == 4 ? GATE_SRC4 : GATE_SRC6,
					entry->prefix.address) > 0);
	}
}

/*
 * Large lists of both families together, and destinations: whatever the one
 * takes of the head, the others still find their place.
 */
static void test_sizes(void **state)
{
	static const uint32_t sizes[][2] = {
		{0, 0},	      {1, 1},	      {63, 63},	      {64, 64},		{500, 500},
		{1000, 1000}, {5000, 10},     {10, 5000},     {10000, 2000},	{100000, 1},
		{1, 100000},  {100000, 1000}, {40000, 40000}, {300000, 100000},
	};
	struct policy *policy;
	struct image *image;
	uint8_t set;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct report report = {};
		int r;

		assert_int_equal(policy_new(&policy), 0);
		set = add_set(policy, "apim");
		add_many(policy, set, 4, sizes[i][0]);
		add_many(policy, set, 6, sizes[i][1]);
		add_service(policy, "web", 443, 443, "10.0.0.0/8", 1ULL << set);
		add_service(policy, "web6", 443, 443, "fd00::/8", 1ULL << set);
		r = image_compile(policy, "{}", 2, &image, &report);
		if (r < 0)
			fail_msg("%u IPv4 and %u IPv6 prefixes: %s", sizes[i][0], sizes[i][1],
				 report.error);
		check_all(image, policy);
		assert_true(image->head->tries[GATE_DST4].front);
		assert_true(image->head->tries[GATE_DST6].front);
		image_free(image);
		policy_free(policy);
	}
}

static void test_rights(void **state)
{
	struct policy *policy = *state;
	uint8_t a = add_set(policy, "a"), b = add_set(policy, "b");
	_cleanup_(image_freep) struct image *image = NULL;

	add_entry(policy, a, "20.0.0.0/8", 0);
	add_entry(policy, b, "20.1.0.0/16", 0);
	add_entry(policy, a, "20.1.0.0/16", 0);
	add_entry(policy, b, "2603::/16", 0);
	add_service(policy, "pa", 1, 1, NULL, 1ULL << a);
	add_service(policy, "pb", 2, 2, NULL, 1ULL << b);
	image = compile(policy);
	assert_int_equal(rights_of(image, "20.2.0.0/32")->services, 1);
	assert_int_equal(rights_of(image, "20.1.0.0/32")->services, 3);
	assert_int_equal(rights_of(image, "20.1.0.0/32")->sets, 1U << a | 1U << b);
	assert_int_equal(rights_of(image, "2603::/128")->services, 2);
	/* The platform's may reach all. */
	assert_int_equal(rights_of(image, "168.63.129.16/32")->services, 3);
	assert_int_equal(source_slot(image, "21.0.0.0/32"), 0);
	assert_int_equal(source_slot(image, "2604::/128"), 0);
}

static uint64_t services_at(const struct gate_head *head, int udp, uint32_t port)
{
	return head->class_services[head->port_class[udp][port]];
}

static void test_ports(void **state)
{
	struct policy *policy = *state;
	uint8_t a = add_set(policy, "a");
	_cleanup_(image_freep) struct image *image = NULL;
	const struct gate_head *head;

	add_service(policy, "first", 1, 1, NULL, 1ULL << a);
	add_service(policy, "last", 65535, 65535, NULL, 1ULL << a);
	add_service(policy, "most", 1, 65534, NULL, 1ULL << a);
	image = compile(policy);
	head = image->head;
	assert_int_equal(services_at(head, 0, 0), 0);
	assert_int_equal(services_at(head, 0, 1), 5);
	assert_int_equal(services_at(head, 0, 2), 4);
	assert_int_equal(services_at(head, 0, 65534), 4);
	assert_int_equal(services_at(head, 0, 65535), 2);
	assert_int_equal(services_at(head, 1, 1), 0);
	assert_int_equal(head->proto_services[6], 7);
	assert_int_equal(head->proto_services[17], 0);
	assert_int_equal(head->all_services, 7);
}

/* What one generation cannot hold is refused with a reason, and nothing is made of it. */
static void test_refused(void **state)
{
	struct policy *policy = *state;
	uint8_t a = add_set(policy, "a");
	uint64_t later = (uint64_t)time(NULL) + 3600;
	struct report report = {};
	struct image *image = NULL;
	char text[PREFIX_TEXT_LEN];
	int length;

	for (length = 8; length < 8 + GATE_MAX_TEMPORARY; length++) {
		snprintf(text, sizeof(text), "20.0.0.0/%d", length);
		add_entry(policy, a, text, later);
	}
	image_free(compile(policy));
	add_entry(policy, a, "20.0.0.0/32", later);
	assert_int_equal(image_compile(policy, "{}", 2, &image, &report), -E2BIG);
	assert_non_null(strstr(report.error, "20.0.0.0/32"));
	assert_null(image);
	report_clear(&report);
}

static void test_too_many_classes(void **state)
{
	struct policy *policy = *state;
	uint8_t a = add_set(policy, "a");
	struct report report = {};
	struct image *image = NULL;
	struct policy_service service = {.proto = POLICY_TCP, .sets = 1ULL << a};
	uint32_t i, j;

	/* Services of 32 ports each, no two ports in the same services. */
	for (i = 0; i < 16; i++) {
		snprintf(service.name, sizeof(service.name), "s%u", i);
		service.port_count = POLICY_MAX_PORTS;
		for (j = 0; j < POLICY_MAX_PORTS; j++)
			service.ports[j].first = service.ports[j].last =
				(uint16_t)(1 + j * 100 + i * (j + 1));
		for (j = 0; j < POLICY_MAX_PORTS; j++)
			service.ports[j].last = (uint16_t)(service.ports[j].first + 40);
		assert_int_equal(policy_add_service(policy, &service, NULL), 0);
	}
	assert_int_equal(image_compile(policy, "{}", 2, &image, &report), -E2BIG);
	assert_non_null(report.hint);
	report_clear(&report);
}

/* A slot is the entry's for as long as it lives. */
static void test_slots(void **state)
{
	struct policy *policy = *state;
	uint8_t a = add_set(policy, "a"), b = add_set(policy, "b");
	_cleanup_(image_freep) struct image *image = NULL;
	size_t i;

	add_entry(policy, a, "20.0.0.0/8", 0);
	add_entry(policy, a, "20.1.0.0/16", 0);
	add_entry(policy, b, "20.1.0.0/16", 0);
	for (i = 0; i < policy->entry_count; i++)
		if (policy->entries[i].prefix.length == 16)
			policy->entries[i].slot = 77;
	image = compile(policy);
	assert_int_equal(source_slot(image, "20.1.0.0/32"), 77);
	assert_true(source_slot(image, "20.0.0.0/32") < 77);
	assert_int_equal(image->head->slot_count, 78);
	/* Two of the platform and one of ours are new. */
	assert_int_equal(image->fresh_slot_count, 3);
	assert_int_equal(image->head->slots_count, 4);
}

/* More combinations of sets than a value has room for: the others have a table of their own. */
static void test_many_rights(void **state)
{
	struct policy *policy = *state;
	_cleanup_(image_freep) struct image *image = NULL;
	uint8_t sets[11];
	char text[PREFIX_TEXT_LEN];
	uint32_t i, bit, specials = 0;

	for (bit = 0; bit < ARRAY_SIZE(sets); bit++) {
		snprintf(text, sizeof(text), "set%u", bit);
		sets[bit] = add_set(policy, text);
	}
	for (i = 1; i < 2000; i++) {
		snprintf(text, sizeof(text), "20.%u.%u.0/24", i / 256, i % 256);
		for (bit = 0; bit < ARRAY_SIZE(sets); bit++)
			if (i >> bit & 1)
				add_entry(policy, sets[bit], text, 0);
	}
	image = compile(policy);
	for (i = 1; i < 2000; i++) {
		uint64_t expected = 0;

		for (bit = 0; bit < ARRAY_SIZE(sets); bit++)
			expected |= (uint64_t)(i >> bit & 1) << sets[bit];
		snprintf(text, sizeof(text), "20.%u.%u.9/32", i / 256, i % 256);
		assert_int_equal(rights_of(image, text)->sets, expected);
		specials += special_of(image, source_value(image, text)) != NULL;
	}
	assert_true(specials > 900 && specials < 1000);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_policy, free_policy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes), TEST(test_rights),	   TEST(test_ports),
		TEST(test_refused),	      TEST(test_too_many_classes), TEST(test_slots),
		TEST(test_many_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
