// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/cleanup.h"
#include "agent/base/words.h"
#include "agent/cli/batch.h"
#include "agent/cli/change.h"

/* Lines as "number:word|word;", so that a case fits a line. */
static void check_lines(const char *text, const char *expected)
{
	_cleanup_free_ char *copy = strdup(text);
	struct batch_reader reader = {copy, copy + strlen(copy), 1};
	char joined[512] = "", *line;
	size_t number;

	while (batch_next(&reader, &line, &number) > 0) {
		char *words[16], head[24];
		int count = words_split(line, words, ARRAY_SIZE(words));

		assert_true(count > 0);
		snprintf(head, sizeof(head), "%zu:", number);
		strcat(joined, head);
		for (int i = 0; i < count; i++) {
			strcat(joined, i ? "|" : "");
			strcat(joined, words[i]);
		}
		strcat(joined, ";");
	}
	assert_string_equal(joined, expected);
}

static void test_lines(void **state)
{
	(void)state;
	check_lines("", "");
	check_lines("\n \n#x\n  # y\n", "");
	check_lines("a b", "1:a|b;");
	check_lines("a\n\nb\n", "1:a;3:b;");
	check_lines("a\r\nb\r\n", "1:a;2:b;");
	check_lines("a \\\nb\nc\n", "1:a|b;3:c;");
	check_lines("a\\\r\n b \\\n c\nd\n", "1:a|b|c;4:d;");
	check_lines("a \\", "1:a|\\;"); /* nothing follows: it is a backslash */
	check_lines("\\\n\\\na\nb", "1:a;4:b;");
}

static void test_a_comment_swallows_nothing(void **state)
{
	(void)state;
	check_lines("# note \\\na\n", "2:a;");
	check_lines("a # note \\\nb\n", "1:a;2:b;");
	check_lines("a \"# no comment\" \\\nb\n", "1:a|# no comment|b;");
	check_lines("a x#y \\\nb\n", "1:a|x#y|b;");
	check_lines("a \\\nb # c \\\nd\n", "1:a|b;3:d;");
}

static void test_a_nul_is_refused(void **state)
{
	char text[] = "a\n\nb\0c\nd\n", *line;
	struct batch_reader reader = {text, text + sizeof(text) - 1, 1};
	size_t number;

	(void)state;
	assert_int_equal(batch_next(&reader, &line, &number), 1);
	assert_int_equal(batch_next(&reader, &line, &number), -EINVAL);
	assert_int_equal(number, 3);
}

/* ---- the guards over a whole change ---- */

static struct policy *make_policy(void)
{
	struct report report = {0};
	struct policy *policy;

	assert_int_equal(policy_new(&policy), 0);
	assert_true(policy_add_set(policy, "apim", POLICY_OWNER_STATIC, &report) >= 0);
	assert_true(policy_add_set(policy, "unused", POLICY_OWNER_STATIC, &report) >= 0);
	for (unsigned int i = 0; i < 10; i++) {
		struct prefix prefix = {.address = {20, 1, (uint8_t)i}, .family = 4, .length = 24};

		for (uint8_t set = 1; set <= 2; set++)
			assert_int_equal(
				policy_add_entry(policy, set, &prefix, NULL, 0, NULL, &report), 0);
	}
	policy->services[0] =
		(struct policy_service){.name = "web", .proto = POLICY_TCP, .sets = 2};
	return policy;
}

static void delete_some(struct policy *policy, int set, unsigned int from, unsigned int to)
{
	struct report report = {0};

	for (unsigned int i = from; i < to; i++) {
		struct prefix prefix = {.address = {20, 1, (uint8_t)i}, .family = 4, .length = 24};
		size_t deleted;

		assert_int_equal(policy_delete_entry(policy, set, &prefix, &deleted, &report), 0);
	}
}

static int guard(const struct change_counts *before, const struct policy *policy)
{
	struct report report = {0};
	int rc = change_guard(before, policy, &report);

	if (rc)
		assert_int_equal(report.kind, REPORT_GUARD);
	report_clear(&report);
	return rc;
}

static void test_a_change_is_guarded_as_a_whole(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = make_policy();
	struct change_counts before;

	(void)state;
	change_count(policy, &before);
	assert_int_equal(before.of[1], 10);
	assert_int_equal(guard(&before, policy), 0);
	/* Nothing depends on this one. */
	delete_some(policy, 2, 0, 10);
	assert_int_equal(guard(&before, policy), 0);
	/* One at a time is no way around the guard. */
	delete_some(policy, 1, 0, 5);
	assert_int_equal(guard(&before, policy), 0);
	delete_some(policy, 1, 5, 6);
	assert_int_equal(guard(&before, policy), -EPERM);
	delete_some(policy, 1, 6, 10);
	assert_int_equal(guard(&before, policy), -EPERM);
}

static void test_force_in_a_line_is_for_that_line(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = make_policy();
	struct change_counts before, edit_before, edit_after;

	(void)state;
	change_count(policy, &before);
	edit_before = before;
	delete_some(policy, 1, 0, 8);
	change_count(policy, &edit_after);
	assert_int_equal(guard(&before, policy), -EPERM);
	change_forgive(&before, &edit_before, &edit_after);
	assert_int_equal(before.of[1], 2);
	assert_int_equal(guard(&before, policy), 0);
	delete_some(policy, 1, 8, 10);
	assert_int_equal(guard(&before, policy), -EPERM);
}

static void test_sets_of_a_source_are_refused(void **state)
{
	struct policy_set set = {.name = "apim", .owner = "arm-prod"};
	struct report report = {0};

	(void)state;
	assert_int_equal(change_check_owner(&set, true, &report), 0);
	assert_int_equal(change_check_owner(&set, false, &report), -EPERM);
	assert_int_equal(report.kind, REPORT_GUARD);
	assert_non_null(strstr(report.error, "arm-prod"));
	report_clear(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_a_comment_swallows_nothing),
		cmocka_unit_test(test_a_nul_is_refused),
		cmocka_unit_test(test_a_change_is_guarded_as_a_whole),
		cmocka_unit_test(test_force_in_a_line_is_for_that_line),
		cmocka_unit_test(test_sets_of_a_source_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
