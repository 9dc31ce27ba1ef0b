// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/cleanup.h"
#include "agent/cli/record.h"
#include "agent/cli/render.h"
#include "agent/cli/stats.h"
#include "agent/cli/text.h"

static const struct view_column columns[] = {
	{.title = "NAME", .key = "name", .shrinks = true},
	{.title = "HITS", .key = "hits", .right = true},
	{.title = "COMMENT", .key = "comment", .shrinks = true},
};

static bool is_kept(const json_t *row)
{
	return !json_is_true(json_object_get(row, "hidden"));
}

static const struct view_section sections[] = {
	{.key = "rows",
	 .empty = "nothing",
	 .keep = is_kept,
	 .columns = columns,
	 .column_count = ARRAY_SIZE(columns)},
};

static const struct view view = {sections, ARRAY_SIZE(sections)};

static char *render(const char *json, size_t width)
{
	json_t *record = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(record);
	render_view(out, width, &view, record);
	fclose(out);
	json_decref(record);
	return text;
}

static void check(const char *json, size_t width, const char *expected)
{
	_cleanup_free_ char *text = render(json, width);

	assert_string_equal(text, expected);
}

static void test_table(void **state)
{
	(void)state;
	check("{\"rows\": []}", 80, "nothing\n");
	check("{\"rows\": [{\"name\": \"x\", \"hidden\": true}]}", 80, "nothing\n");
	check("{\"rows\": [{\"name\": \"apim\", \"hits\": 12, \"comment\": null},"
	      " {\"name\": \"management\", \"hits\": 123456, \"comment\": \"hello\"}]}",
	      80,
	      "NAME          HITS  COMMENT\n"
	      "apim            12  -\n"
	      "management  123456  hello\n");
	check("{\"rows\": [{\"name\": [\"a\", \"b\"], \"hits\": null, \"comment\": true}]}", 0,
	      "NAME  HITS  COMMENT\n"
	      "a,b      -  yes\n");
	check("{\"rows\": [{\"name\": [], \"hits\": 1.25, \"comment\": \"\"}]}", 0,
	      "NAME  HITS  COMMENT\n"
	      "-      1.2  \n");
}

#define LONG_ROW                                                                                 \
	"{\"rows\": [{\"name\": \"n234567890123456789012345678901\", \"hits\": "                 \
	"18446744073709,\"comment\": \"c2345678901234567890123456789012345678901234567890123456" \
	"7890123456789012345678901234567890\"}]}"

static void test_a_terminal_is_not_overrun(void **state)
{
	(void)state;
	for (size_t width = 40; width <= 140; width++) {
		_cleanup_free_ char *text = render(LONG_ROW, width);

		for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
			assert_true(strcspn(line, "\n") <= width);
		assert_true(width > 120 || strstr(text, "..."));
		assert_non_null(strstr(text, "18446744073709")); /* numbers are never cut */
	}
}

static void test_a_pipe_gets_everything(void **state)
{
	_cleanup_free_ char *text = render(LONG_ROW, 0);

	(void)state;
	assert_null(strstr(text, "..."));
	assert_non_null(strstr(text, "n234567890123456789012345678901 "));
}

static void test_cells_are_escaped(void **state)
{
	(void)state;
	check("{\"rows\": [{\"name\": \"a\\u001b[2Jb\", \"hits\": 0, \"comment\": "
	      "\"l1\\nl2\\u009b\\u202e\\u00e9\"}]}",
	      80,
	      "NAME       HITS  COMMENT\n"
	      "a\\x1b[2Jb     0  l1\\x0al2\\xc2\\x9b\\xe2\\x80\\xae\xc3\xa9\n");
}

static void check_escape(const char *text, const char *expected)
{
	_cleanup_free_ char *escaped = text_escape(text, false);

	assert_string_equal(escaped, expected);
	assert_true(text_is_clean(escaped));
	assert_int_equal(text_is_clean(text), !strcmp(text, expected));
}

static void test_text(void **state)
{
	_cleanup_free_ char *lines = text_escape("a\nb\t\x1b", true);

	(void)state;
	check_escape("plain", "plain");
	check_escape("Gr\xc3\xbc\xc3\x9f"
		     "e \xe2\x82\xac \xf0\x9f\x98\x80",
		     "Gr\xc3\xbc\xc3\x9f"
		     "e \xe2\x82\xac \xf0\x9f\x98\x80");
	check_escape("\x7f\r\n\t", "\\x7f\\x0d\\x0a\\x09");
	check_escape("\xff\xfe", "\\xff\\xfe");
	check_escape("\xc0\xaf", "\\xc0\\xaf");			  /* overlong '/' */
	check_escape("\xed\xa0\x80", "\\xed\\xa0\\x80");	  /* a surrogate */
	check_escape("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* past the end */
	check_escape("\xe2\x82", "\\xe2\\x82");			  /* cut short */
	assert_string_equal(lines, "a\nb\\x09\\x1b");
	assert_int_equal(text_width("Gr\xc3\xbc\xc3\x9f"
				    "e"),
			 5);
	assert_int_equal(text_bytes("\xc3\xbc\xc3\xbc\xc3\xbc", 2), 4);
	assert_int_equal(text_bytes("abc", 9), 3);
}

static void check_json_text(const char *text, const char *expected)
{
	json_t *value = text_json(text);

	assert_string_equal(json_string_value(value), expected);
	json_decref(value);
}

static void test_json(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	json_t *value = text_json(NULL);

	(void)state;
	assert_true(json_is_null(value));
	json_decref(value);
	check_json_text("a\x1b", "a\x1b");
	check_json_text("a\xff"
			"b",
			"a\\xffb");
	value = json_pack("{s:s}", "k", "\x1b\xc2\x9b");
	render_json(out, value, false);
	fclose(out);
	json_decref(value);
	/* What goes to a terminal is ASCII, whatever it says. */
	assert_string_equal(text, "{\"k\":\"\\u001B\\u009B\"}\n");
}

static void test_records(void **state)
{
	char text[RECORD_TIME_LEN], count[RECORD_COUNT_LEN];

	(void)state;
	assert_string_equal(record_time(0, -1, text), "1970-01-01T00:00:00Z");
	assert_string_equal(record_time(1767225600, 7, text), "2026-01-01T00:00:00.000000007Z");
	assert_string_equal(record_duration(0, text), "0s");
	assert_string_equal(record_duration(59, text), "59s");
	assert_string_equal(record_duration(3599, text), "59m 59s");
	assert_string_equal(record_duration(7199, text), "1h 59m");
	assert_string_equal(record_duration(90000, text), "1d 1h");
	assert_string_equal(record_count(1, "prefix", count), "1 prefix");
	assert_string_equal(record_count(2, "prefix", count), "2 prefixes");
	assert_string_equal(record_count(0, "edit", count), "0 edits");
	assert_int_equal(record_remaining(1), 0);
}

static void check_bytes(json_int_t number, const char *expected)
{
	json_t *value = json_integer(number);
	_cleanup_free_ char *text = render_bytes(NULL, value);

	assert_string_equal(text, expected);
	json_decref(value);
}

static void test_bytes(void **state)
{
	(void)state;
	check_bytes(0, "0 B");
	check_bytes(1023, "1023 B");
	check_bytes(1024, "1.0 KiB");
	check_bytes(1536, "1.5 KiB");
	check_bytes(5LL << 30, "5.0 GiB");
}

static json_int_t rate(const json_t *record, size_t row)
{
	const json_t *rows = json_object_get(record, "sets");

	return json_integer_value(json_object_get(json_array_get(rows, row), "packets_per_second"));
}

static void test_rates(void **state)
{
	json_t *before = json_loads("{\"sets\": [{\"name\": \"a\", \"packets\": 10},"
				    "{\"name\": \"b\", \"packets\": 50}]}",
				    0, NULL);
	json_t *now = json_loads("{\"sets\": [{\"name\": \"b\", \"packets\": 40},"
				 "{\"name\": \"new\", \"packets\": 7},"
				 "{\"name\": \"a\", \"packets\": 31}]}",
				 0, NULL);

	(void)state;
	stats_add_rates(now, before, 2.0);
	assert_int_equal(rate(now, 0), 0);  /* counted anew */
	assert_int_equal(rate(now, 1), 0);  /* was not there */
	assert_int_equal(rate(now, 2), 11); /* 21 in two seconds, rounded */
	json_decref(before);
	json_decref(now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_a_terminal_is_not_overrun),
		cmocka_unit_test(test_a_pipe_gets_everything),
		cmocka_unit_test(test_cells_are_escaped),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
