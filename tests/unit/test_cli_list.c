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
#include "agent/cli/list.h"

static void check_list(const char *text, const char *expected)
{
	struct report report = {0};
	struct list list = {0};
	char joined[512] = "";

	assert_int_equal(list_parse("list", text, strlen(text), &list, &report), 0);
	for (size_t i = 0; i < list.count; i++) {
		char prefix[PREFIX_TEXT_LEN], one[PREFIX_TEXT_LEN + 16];

		snprintf(one, sizeof(one), "%s%u:%s", i ? " " : "", list.lines[i],
			 prefix_format(&list.prefixes[i], prefix));
		strcat(joined, one);
	}
	assert_string_equal(joined, expected);
	list_clear(&list);
	report_clear(&report);
}

static void test_good_lists(void **state)
{
	(void)state;
	check_list("", "");
	check_list("\n\n", "");
	check_list("# only a comment", "");
	check_list("1.2.3.0/24", "1:1.2.3.0/24");
	check_list("1.2.3.4\n2001:db8::/32\n", "1:1.2.3.4/32 2:2001:db8::/32");
	check_list("1.2.3.4\r\n\r\n5.6.7.8\r\n", "1:1.2.3.4/32 3:5.6.7.8/32");
	check_list("  1.2.3.4 \t# why\n#5.6.7.8\n\t9.9.9.9#\n", "1:1.2.3.4/32 3:9.9.9.9/32");
	check_list("\xef\xbb\xbf"
		   "1.2.3.4\n",
		   "1:1.2.3.4/32");
	/* Duplicates are for the policy to merge. */
	check_list("1.2.3.4\n1.2.3.4\n", "1:1.2.3.4/32 2:1.2.3.4/32");
}

static void check_error(const char *text, size_t length, const char *expected)
{
	struct report report = {0};
	struct list list = {0};

	assert_int_equal(list_parse("apim.txt", text, length, &list, &report), -EINVAL);
	assert_int_equal(report.kind, REPORT_USAGE);
	assert_string_equal(report.error, expected);
	assert_null(list.prefixes);
	report_clear(&report);
}

static void test_every_bad_line_is_told(void **state)
{
	static const char text[] = "1.2.3.4\n20.1.2.3/24 # region\nfoo bar\n2001:db8::/129\n";

	(void)state;
	check_error(text, strlen(text),
		    "apim.txt: 3 of 4 entries are bad, and nothing is changed\n"
		    "  line 2: '20.1.2.3/24': bits behind the length are set; the prefix is "
		    "20.1.2.0/24\n"
		    "  line 3: 'foo bar': not an IP prefix\n"
		    "  line 4: '2001:db8::/129': the length is not right");
	check_error("1.2.3.4\0", 8,
		    "apim.txt: 1 of 1 entries are bad, and nothing is changed\n"
		    "  line 1: '1.2.3.4': not an IP prefix");
}

static void test_not_more_than_twenty(void **state)
{
	char text[30 * 4 + 1] = "";
	struct report report = {0};
	struct list list = {0};
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 30; i++)
		strcat(text, "bad\n");
	assert_int_equal(list_parse("x", text, strlen(text), &list, &report), -EINVAL);
	for (const char *at = report.error; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, LIST_MAX_SHOWN + 1);
	assert_non_null(strstr(report.error, "30 of 30"));
	assert_non_null(strstr(report.error, "\n  and 10 more"));
	report_clear(&report);
}

static void test_a_long_line_is_cut(void **state)
{
	struct report report = {0};
	struct list list = {0};
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(list_parse("x", text, sizeof(text), &list, &report), -EINVAL);
	assert_true(strlen(report.error) < 200);
	assert_non_null(strstr(report.error, "xxx...'"));
	report_clear(&report);
}

static void test_guard_names_the_line(void **state)
{
	static const char text[] = "# all\n1.2.3.4\n0.0.0.0/0\n";
	struct report report = {0};
	struct list list = {0};

	(void)state;
	assert_int_equal(list_parse("x", text, strlen(text), &list, &report), 0);
	assert_int_equal(list_guard("x", &list, &report), -EPERM);
	assert_int_equal(report.kind, REPORT_GUARD);
	assert_int_equal(strncmp(report.error, "x:3: ", 5), 0);
	list_clear(&list);
	report_clear(&report);
}

static void test_large_lists_are_fast(void **state)
{
	struct report report = {0};
	struct list list = {0};
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	clock_t begin;

	(void)state;
	for (unsigned int i = 0; i < 100000; i++)
		fprintf(out, "%u.%u.%u.0/24 # region\r\n", 1 + (i >> 16), i >> 8 & 255, i & 255);
	fclose(out);
	begin = clock();
	assert_int_equal(list_parse("x", text, length, &list, &report), 0);
	assert_int_equal(list.count, 100000);
	assert_true(clock() - begin < CLOCKS_PER_SEC / 2);
	list_clear(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_lists),
		cmocka_unit_test(test_every_bad_line_is_told),
		cmocka_unit_test(test_not_more_than_twenty),
		cmocka_unit_test(test_a_long_line_is_cut),
		cmocka_unit_test(test_guard_names_the_line),
		cmocka_unit_test(test_large_lists_are_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
