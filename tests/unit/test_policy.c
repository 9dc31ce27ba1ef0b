// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/base/cleanup.h"
#include "agent/gate/policy.h"

static int make_policy(void **state)
{
	return policy_new((struct policy **)state);
}

static int free_policy(void **state)
{
	policy_free(*state);
	return 0;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, strlen(text), &prefix), PREFIX_OK);
	return prefix;
}

static uint8_t add_set(struct policy *policy, const char *name)
{
	int set;

	assert_int_equal(policy_add_set(policy, name, POLICY_OWNER_STATIC, NULL), 0);
	set = policy_find_set(policy, name, NULL);
	assert_true(set > 0);
	return (uint8_t)set;
}

static bool add(struct policy *policy, uint8_t set, const char *text)
{
	struct prefix prefix = prefix_of(text);
	bool added = false;

	assert_int_equal(policy_add_entry(policy, set, &prefix, NULL, 0, &added, NULL), 0);
	return added;
}

static void assert_in_order(const struct policy *policy)
{
	for (size_t i = 1; i < policy->entry_count; i++) {
		const struct policy_entry *a = &policy->entries[i - 1];
		const struct policy_entry *b = &policy->entries[i];
		int order = prefix_compare(&a->prefix, &b->prefix);

		assert_true(order < 0 || (order == 0 && a->set < b->set));
	}
}

static void assert_report(struct report *report, enum report_kind kind, const char *error,
			  const char *hint)
{
	assert_int_equal(report->kind, kind);
	assert_string_equal(report->error, error);
	if (hint)
		assert_string_equal(report->hint, hint);
	report_clear(report);
}

/* ---- Sets ---- */

static void test_new(void **state)
{
	struct policy *policy = *state;

	assert_false(policy->default_drop);
	assert_false(policy->non_ip_drop);
	assert_int_equal(policy_find_set(policy, "azure-platform", NULL), 0);
	assert_string_equal(policy->sets[0].owner, "static");
	assert_int_equal(policy_count_entries(policy, 0), 2);
	assert_non_null(policy_find_entry(policy, 0, &(struct prefix){{168, 63, 129, 16}, 4, 32}));
	assert_non_null(
		policy_find_entry(policy, 0, &(struct prefix){{169, 254, 169, 254}, 4, 32}));
	assert_in_order(policy);
}

static void test_sets(void **state)
{
	struct policy *policy = *state;
	struct report report = {0};

	assert_int_equal(add_set(policy, "mgmt"), 1);
	assert_int_equal(add_set(policy, "apim"), 2);
	assert_int_equal(policy_add_set(policy, "mgmt", "static", &report), -EEXIST);
	assert_report(&report, REPORT_FAILED, "there is a set 'mgmt' already", NULL);
	assert_int_equal(policy_add_set(policy, "no good", "static", &report), -EINVAL);
	assert_report(&report, REPORT_USAGE, "'no good' is not a valid set name", NULL);
	assert_int_equal(policy_add_set(policy, "x", "", &report), -EINVAL);
	report_clear(&report);
	assert_int_equal(policy_add_set(policy, "", "static", NULL), -EINVAL);
	assert_int_equal(policy_find_set(policy, "", NULL), -ENOENT);
	assert_int_equal(policy_find_set(policy, "mgm", &report), -ENOENT);
	assert_report(&report, REPORT_NOT_FOUND, "there is no set 'mgm'",
		      "there is azure-platform, mgmt, apim");
}

static void test_list_of_names_is_bounded(void **state)
{
	struct policy *policy = *state;
	struct report report = {0};
	char name[GATE_NAME_LEN];

	for (int i = 1; i < GATE_MAX_SETS; i++) {
		snprintf(name, sizeof(name), "a-name-as-long-as-they-may-be%02d", i - 1);
		add_set(policy, name);
	}
	assert_int_equal(policy_find_set(policy, "x", &report), -ENOENT);
	assert_non_null(strstr(report.hint, "-they-may-be08 and 54 more"));
	report_clear(&report);
	assert_int_equal(policy_add_set(policy, "x", "static", &report), -ENOSPC);
	assert_report(&report, REPORT_FAILED,
		      "there is no place for 'x': a gate has at most 64 sets", NULL);
	assert_int_equal(policy_find_service(policy, "x", &report), -ENOENT);
	assert_report(&report, REPORT_NOT_FOUND, "there is no service 'x'", "there is none yet");
}

/* A counter of the running generation must not be given to another set. */
static void test_running_numbers_rest(void **state)
{
	struct policy *policy = *state;

	add_set(policy, "a");
	add_set(policy, "b");
	policy->running_sets = 0x7;
	assert_int_equal(policy_delete_set(policy, "a", NULL), 0);
	assert_int_equal(add_set(policy, "c"), 3);
	assert_int_equal(add_set(policy, "a"), 4);
	policy->running_sets = 0x1d;
	assert_int_equal(add_set(policy, "d"), 1);
}

static void test_delete_set(void **state)
{
	struct policy *policy = *state;
	struct policy_service service = {.name = "web", .proto = POLICY_TCP};
	struct report report = {0};
	uint8_t set = add_set(policy, "mgmt");

	add_set(policy, "other");
	add(policy, set, "10.0.0.0/8");
	add(policy, 2, "10.0.0.0/8");
	service.sets = 1ULL << set;
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
	strcpy(service.name, "ssh");
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
	assert_int_equal(policy_delete_set(policy, "mgmt", &report), -EBUSY);
	assert_report(&report, REPORT_FAILED, "set 'mgmt' is used by service web, ssh", NULL);
	assert_int_equal(policy->entry_count, 4);
	assert_int_equal(policy_delete_service(policy, "web", NULL), 0);
	assert_int_equal(policy_delete_service(policy, "ssh", NULL), 0);
	assert_int_equal(policy_delete_set(policy, "mgmt", NULL), 0);
	assert_int_equal(policy->entry_count, 3);
	assert_int_equal(policy_delete_set(policy, "mgmt", &report), -ENOENT);
	report_clear(&report);
	assert_int_equal(policy_delete_set(policy, "azure-platform", &report), -EBUSY);
	assert_report(&report, REPORT_FAILED, "set 'azure-platform' is always there",
		      "it can be emptied: delete its prefixes");
	assert_int_equal(policy_count_entries(policy, 0), 2);
}

/* ---- Entries ---- */

static void test_add_entries(void **state)
{
	struct policy *policy = *state;
	struct prefix ten = prefix_of("10.0.0.0/8");
	const struct policy_entry *entry;
	bool added;

	add_set(policy, "a");
	add_set(policy, "b");
	assert_true(add(policy, 2, "10.0.0.0/8"));
	assert_true(add(policy, 1, "2001:db8::/32"));
	assert_true(add(policy, 1, "10.0.0.0/9"));
	assert_true(add(policy, 1, "10.0.0.0/8"));
	assert_false(add(policy, 1, "10.0.0.0/9"));
	assert_in_order(policy);
	assert_int_equal(policy->entry_count, 6);
	assert_int_equal(policy_add_entry(policy, 1, &ten, "on call", 99, &added, NULL), 0);
	assert_false(added);
	entry = policy_find_entry(policy, 1, &ten);
	assert_string_equal(entry->comment, "on call");
	assert_int_equal(entry->expires, 99);
	assert_null(policy_find_entry(policy, 2, &ten)->comment);
	assert_int_equal(policy_add_entry(policy, 1, &ten, NULL, 0, NULL, NULL), 0);
	entry = policy_find_entry(policy, 1, &ten);
	assert_null(entry->comment);
	assert_int_equal(entry->expires, 0);
}

static void test_bad_entries(void **state)
{
	struct policy *policy = *state;
	struct prefix ten = prefix_of("10.0.0.0/8");
	struct prefix odd = ten;
	struct report report = {0};
	char comment[POLICY_COMMENT_LEN + 1] = "";

	add_set(policy, "a");
	assert_int_equal(policy_add_entry(policy, 2, &ten, NULL, 0, NULL, &report), -ENOENT);
	report_clear(&report);
	assert_int_equal(policy_add_entry(policy, 200, &ten, NULL, 0, NULL, NULL), -ENOENT);
	odd.address[3] = 1;
	assert_int_equal(policy_add_entry(policy, 1, &odd, NULL, 0, NULL, NULL), -EINVAL);
	assert_int_equal(policy_add_entry(policy, 1, &ten, "a\nb", 0, NULL, &report), -EINVAL);
	assert_report(&report, REPORT_USAGE, "the comment is not UTF-8 text on one line", NULL);
	memset(comment, 'x', POLICY_COMMENT_LEN);
	assert_int_equal(policy_add_entry(policy, 1, &ten, comment, 0, NULL, &report), -EINVAL);
	assert_report(&report, REPORT_USAGE, "the comment is longer than 127 bytes", NULL);
	comment[POLICY_COMMENT_LEN - 1] = '\0';
	assert_int_equal(policy->entry_count, 2);
	assert_int_equal(policy_add_entry(policy, 1, &ten, comment, 0, NULL, NULL), 0);
	assert_int_equal(policy_add_entry(policy, 1, &ten, "", 0, NULL, NULL), 0);
	assert_null(policy_find_entry(policy, 1, &ten)->comment);
}

static void test_delete_entries(void **state)
{
	struct policy *policy = *state;
	struct prefix ten = prefix_of("10.0.0.0/8");
	struct prefix inner = prefix_of("10.1.0.0/16");
	struct prefix far = prefix_of("2001:db8::/32");
	struct report report = {0};
	size_t deleted = 7;

	add_set(policy, "a");
	add_set(policy, "b");
	add(policy, 1, "10.0.0.0/8");
	add(policy, 2, "10.0.0.0/8");
	add(policy, 1, "10.0.0.0/9");
	assert_int_equal(policy_delete_entry(policy, 1, &inner, &deleted, &report), -ENOENT);
	assert_report(&report, REPORT_NOT_FOUND, "10.1.0.0/16 is not in set 'a'",
		      "10.0.0.0/9 in set 'a' covers it");
	assert_int_equal(policy_delete_entry(policy, -1, &far, &deleted, &report), -ENOENT);
	assert_null(report.hint);
	assert_report(&report, REPORT_NOT_FOUND, "2001:db8::/32 is in no set", NULL);
	assert_int_equal(deleted, 7);
	assert_int_equal(policy_delete_entry(policy, 2, &ten, &deleted, NULL), 0);
	assert_int_equal(deleted, 1);
	add(policy, 2, "10.0.0.0/8");
	assert_int_equal(policy_delete_entry(policy, -1, &ten, &deleted, NULL), 0);
	assert_int_equal(deleted, 2);
	assert_int_equal(policy->entry_count, 3);
	assert_in_order(policy);
	assert_int_equal(policy_delete_entry(policy, 9, &ten, NULL, NULL), -ENOENT);
}

static void test_expire(void **state)
{
	struct policy *policy = *state;
	static const char *const texts[] = {"10.0.0.0/8", "10.0.0.0/16", "11.0.0.0/8"};

	add_set(policy, "a");
	for (size_t i = 0; i < 3; i++) {
		struct prefix prefix = prefix_of(texts[i]);

		policy_add_entry(policy, 1, &prefix, "x", 100 + i, NULL, NULL);
	}
	assert_int_equal(policy_expire(policy, 99), 0);
	assert_int_equal(policy_expire(policy, 101), 2);
	assert_int_equal(policy_count_entries(policy, 1), 1);
	assert_in_order(policy);
	assert_int_equal(policy_expire(policy, UINT64_MAX), 1);
	assert_int_equal(policy->entry_count, 2);
}

static void test_replace(void **state)
{
	struct policy *policy = *state;
	struct prefix kept = prefix_of("10.0.0.0/8");
	struct prefix list[] = {prefix_of("2001:db8::/32"), prefix_of("10.0.0.0/8"),
				prefix_of("9.0.0.0/8"), prefix_of("10.0.0.0/8")};
	struct policy_change change = {0};

	add_set(policy, "a");
	add_set(policy, "b");
	policy_add_entry(policy, 1, &kept, "stays", 5, NULL, NULL);
	add(policy, 1, "10.1.0.0/16");
	add(policy, 1, "12.0.0.0/8");
	add(policy, 2, "10.0.0.0/8");
	policy->entries[0].slot = 77;
	assert_int_equal(policy->entries[0].set, 1);
	assert_int_equal(policy_replace_entries(policy, 1, list, 4, &change, NULL), 0);
	assert_int_equal(change.before, 3);
	assert_int_equal(change.after, 3);
	assert_int_equal(change.added, 2);
	assert_int_equal(change.removed, 2);
	assert_in_order(policy);
	assert_int_equal(policy_count_entries(policy, 1), 3);
	assert_int_equal(policy_count_entries(policy, 2), 1);
	assert_string_equal(policy_find_entry(policy, 1, &kept)->comment, "stays");
	assert_int_equal(policy_find_entry(policy, 1, &kept)->expires, 5);
	assert_int_equal(policy_find_entry(policy, 1, &kept)->slot, 77);
	assert_int_equal(policy_replace_entries(policy, 1, NULL, 0, &change, NULL), 0);
	assert_int_equal(change.removed, 3);
	assert_int_equal(policy_count_entries(policy, 1), 0);
	assert_int_equal(policy->entry_count, 3);
	add(policy, 1, "1.0.0.0/8");
	assert_in_order(policy);
}

static void test_replace_that_fails(void **state)
{
	struct policy *policy = *state;
	struct prefix list[] = {prefix_of("10.0.0.0/8"),
				{.family = 4, .length = 8, .address = {10, 1}}};
	struct policy_change change = {.before = 99};

	add_set(policy, "a");
	add(policy, 1, "12.0.0.0/8");
	assert_int_equal(policy_replace_entries(policy, 1, list, 2, &change, NULL), -EINVAL);
	assert_int_equal(policy_replace_entries(policy, 2, list, 1, &change, NULL), -ENOENT);
	assert_int_equal(policy_count_entries(policy, 1), 1);
	assert_int_equal(change.before, 99);
}

static struct prefix random_prefix(void)
{
	struct prefix prefix = {.family = 4, .length = (uint8_t)(random() % 7)};

	prefix.address[0] = (uint8_t)(random() << (8 - prefix.length));
	return prefix;
}

/* Random edits against a plain table of what must be in which set. */
static void test_against_a_table(void **state)
{
	struct policy *policy = *state;
	static bool model[3][256][8];

	srandom(2);
	add_set(policy, "a");
	add_set(policy, "b");
	for (int i = 0; i < 20000; i++) {
		struct prefix prefix = random_prefix();
		uint8_t set = (uint8_t)(1 + random() % 2);
		bool *expected = &model[set][prefix.address[0]][prefix.length];
		bool added;

		assert_int_equal(policy_find_entry(policy, set, &prefix) != NULL, *expected);
		if (random() % 2) {
			assert_int_equal(
				policy_add_entry(policy, set, &prefix, "c", 0, &added, NULL), 0);
			assert_int_equal(added, !*expected);
			*expected = true;
		} else {
			assert_int_equal(policy_delete_entry(policy, set, &prefix, NULL, NULL),
					 *expected ? 0 : -ENOENT);
			*expected = false;
		}
	}
	assert_in_order(policy);
}

#define MANY 100000

static double cpu_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void test_replace_many(void **state)
{
	struct policy *policy = *state;
	_cleanup_free_ struct prefix *prefixes = calloc(MANY, sizeof(*prefixes));
	struct policy_change change;
	double start;

	srandom(3);
	add_set(policy, "a");
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < MANY; i++) {
			long bits = random();

			prefixes[i] = (struct prefix){.family = 4, .length = 32};
			memcpy(prefixes[i].address, &bits, 4);
		}
		start = cpu_ms();
		assert_int_equal(policy_replace_entries(policy, 1, prefixes, MANY, &change, NULL),
				 0);
		print_message("replaced %zu by %zu prefixes in %.1f ms\n", change.before,
			      change.after, cpu_ms() - start);
		/* The aim is 60 ms; what is quadratic takes minutes. */
		assert_true(cpu_ms() - start < 2000);
	}
	assert_in_order(policy);
	assert_int_equal(policy_count_entries(policy, 1), change.after);
}

/* ---- Links ---- */

static int set_link(struct policy *policy, const char *device, bool enforce, struct report *report)
{
	struct policy_link link = {.mode = POLICY_MODE_NATIVE, .enforce = enforce};

	memcpy(link.device, device, strnlen(device, sizeof(link.device)));
	return policy_set_link(policy, &link, report);
}

static void test_links(void **state)
{
	struct policy *policy = *state;
	struct report report = {0};
	char name[IF_NAMESIZE];

	assert_int_equal(set_link(policy, "eth0", false, NULL), 0);
	assert_int_equal(set_link(policy, "eth1", false, NULL), 0);
	assert_int_equal(set_link(policy, "eth0", true, NULL), 0);
	assert_int_equal(policy_find_link(policy, "eth0"), 0);
	assert_true(policy->links[0].enforce);
	assert_int_equal(policy_delete_link(policy, "eth0"), 0);
	assert_int_equal(policy_delete_link(policy, "eth0"), -ENOENT);
	assert_int_equal(policy_find_link(policy, "eth1"), 1);
	assert_int_equal(set_link(policy, "", true, NULL), -EINVAL);
	assert_int_equal(set_link(policy, "..", true, NULL), -EINVAL);
	assert_int_equal(set_link(policy, "a b", true, NULL), -EINVAL);
	assert_int_equal(set_link(policy, "a:1", true, NULL), -EINVAL);
	assert_int_equal(set_link(policy, "sixteen-bytes-xx", true, &report), -EINVAL);
	assert_report(&report, REPORT_USAGE, "'sixteen-bytes-xx' is not the name of an interface",
		      NULL);
	for (int i = 0; i < POLICY_MAX_LINKS - 1; i++) {
		snprintf(name, sizeof(name), "veth%d", i);
		assert_int_equal(set_link(policy, name, true, NULL), 0);
	}
	assert_int_equal(set_link(policy, "more", true, NULL), -ENOSPC);
	assert_int_equal(set_link(policy, "veth5", false, NULL), 0);
}

static void test_names(void **state)
{
	(void)state;
	for (int i = POLICY_ANY; i <= POLICY_UDP; i++)
		assert_int_equal(policy_proto_of(policy_proto_name((enum policy_proto)i)), i);
	for (int i = POLICY_MODE_AUTO; i <= POLICY_MODE_GENERIC; i++)
		assert_int_equal(policy_mode_of(policy_mode_name((enum policy_link_mode)i)), i);
	assert_int_equal(policy_proto_of("icmp"), -1);
	assert_int_equal(policy_mode_of("offload"), -1);
	assert_string_equal(policy_proto_name((enum policy_proto)9), "?");
}

#define ON_POLICY(test) cmocka_unit_test_setup_teardown(test, make_policy, free_policy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_POLICY(test_new),
		ON_POLICY(test_sets),
		ON_POLICY(test_list_of_names_is_bounded),
		ON_POLICY(test_running_numbers_rest),
		ON_POLICY(test_delete_set),
		ON_POLICY(test_add_entries),
		ON_POLICY(test_bad_entries),
		ON_POLICY(test_delete_entries),
		ON_POLICY(test_expire),
		ON_POLICY(test_replace),
		ON_POLICY(test_replace_that_fails),
		ON_POLICY(test_against_a_table),
		ON_POLICY(test_replace_many),
		ON_POLICY(test_links),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
