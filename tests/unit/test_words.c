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

/* Words joined by '|', so that a case fits a line. */
static void check_split(const char *line, const char *expected)
{
	_cleanup_free_ char *copy = strdup(line);
	char joined[256] = "";
	char *words[8];
	int count = words_split(copy, words, ARRAY_SIZE(words));

	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		strcat(joined, i ? "|" : "");
		strcat(joined, words[i]);
	}
	assert_string_equal(joined, expected);
}

static void test_split(void **state)
{
	(void)state;
	check_split("", "");
	check_split(" \t\r\n\v\f", "");
	check_split("allow add 10.0.0.0/8", "allow|add|10.0.0.0/8");
	check_split("  a\tb \r\n", "a|b");
	check_split("# all of it", "");
	check_split("a # rest", "a");
	check_split("a#b c", "a#b|c");
	check_split("\"# no\" x", "# no|x");
	check_split("comment \"on call\"", "comment|on call");
	check_split("\"\"", "");
	check_split("a \"\" b", "a||b");
	check_split("x\"y z\"w v", "xy zw|v");
	check_split("\"say \\\"hi\\\" \\\\ now\"", "say \"hi\" \\ now");
	check_split("\"a\\tb\"", "a\\tb");
	check_split("a\\ b\\\"c d\"", "a\\|b\\c d");
	check_split("\"a\"\"b\"", "ab");
}

static void test_split_limits(void **state)
{
	char *words[3] = {NULL, NULL, NULL};
	char three[] = "a b c";
	char four[] = "a b c d";
	char comment[] = "a b c # d";
	char open[] = "a \"b";
	char escaped[] = "\"a\\\"";

	(void)state;
	assert_int_equal(words_split(three, words, 3), 3);
	assert_int_equal(words_split(four, words, 3), -E2BIG);
	assert_int_equal(words_split(comment, words, 3), 3);
	assert_int_equal(words_split(open, words, 3), -EINVAL);
	assert_int_equal(words_split(escaped, words, 3), -EINVAL);
}

static void test_names(void **state)
{
	(void)state;
	assert_true(words_is_name("a"));
	assert_true(words_is_name("9"));
	assert_true(words_is_name("apim-prod_1.eu"));
	assert_true(words_is_name("ABCDEFGHIJKLMNOPQRSTUVWXYZ01234"));
	assert_false(words_is_name("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"));
	assert_false(words_is_name(""));
	assert_false(words_is_name("-a"));
	assert_false(words_is_name(".a"));
	assert_false(words_is_name("_a"));
	assert_false(words_is_name("a b"));
	assert_false(words_is_name("a/b"));
	assert_false(words_is_name("a,b"));
	assert_false(words_is_name("\xc3\xa4"));
}

static void test_name_errors(void **state)
{
	struct report report = {0};

	(void)state;
	assert_int_equal(words_check_name("set name", "ok", &report), 0);
	assert_int_equal(words_check_name("set name", "no good", &report), -EINVAL);
	assert_int_equal(report.kind, REPORT_USAGE);
	assert_string_equal(report.error, "'no good' is not a valid set name");
	assert_non_null(strstr(report.hint, "1 to 31 letters"));
	report_clear(&report);
}

static void test_text(void **state)
{
	(void)state;
	assert_true(words_is_text(""));
	assert_true(words_is_text("plain \"quoted\" \\ text"));
	assert_true(words_is_text("B\xc3\xbcro \xe2\x82\xac \xf0\x9f\x98\x80"));
	assert_false(words_is_text("two\nlines"));
	assert_false(words_is_text("tab\t"));
	assert_false(words_is_text("\x1b[31m"));
	assert_false(words_is_text("\x7f"));
	assert_false(words_is_text("\xc2\x9b")); /* CSI in one character */
	assert_false(words_is_text("\xff"));
	assert_false(words_is_text("\x80"));
	assert_false(words_is_text("\xc3"));
	assert_false(words_is_text("\xc0\xaf"));
	assert_false(words_is_text("\xe0\x80\xaf"));
	assert_false(words_is_text("\xed\xa0\x80"));
	assert_false(words_is_text("\xf4\x90\x80\x80"));
	assert_false(words_is_text("\xf8\x88\x80\x80\x80"));
}

static void test_quote(void **state)
{
	static const char *const texts[] = {"",	  "a",	  "on call",	   "\"",
					    "\\", "\\\"", "a\\b \"c\" # d"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_free_ char *quoted = malloc(2 * strlen(texts[i]) + 3);
		char *words[2];
		char *end = words_quote(texts[i], quoted);

		assert_ptr_equal(end, quoted + strlen(quoted));
		assert_int_equal(words_split(quoted, words, 2), 1);
		assert_string_equal(words[0], texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split), cmocka_unit_test(test_split_limits),
		cmocka_unit_test(test_names), cmocka_unit_test(test_name_errors),
		cmocka_unit_test(test_text),  cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
