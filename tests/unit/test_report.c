// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/report.h"

static void test_error_is_kept(void **state)
{
	struct report report = {0};

	(void)state;
	assert_int_equal(report_error(&report, REPORT_NOT_FOUND, ENOENT, "look", "no '%s'", "x"),
			 -ENOENT);
	assert_int_equal(report.kind, REPORT_NOT_FOUND);
	assert_string_equal(report.error, "no 'x'");
	assert_string_equal(report.hint, "look");
	report_clear(&report);
	assert_int_equal(report.kind, REPORT_OK);
	assert_null(report.error);
	assert_null(report.hint);
}

static void test_first_cause_wins(void **state)
{
	struct report report = {0};

	(void)state;
	report_error(&report, REPORT_GUARD, EPERM, NULL, "first");
	assert_int_equal(report_error(&report, REPORT_USAGE, EINVAL, "h", "second"), -EINVAL);
	assert_int_equal(report_errno(&report, EIO, "third"), -EIO);
	assert_int_equal(report.kind, REPORT_GUARD);
	assert_string_equal(report.error, "first");
	assert_null(report.hint);
	report_clear(&report);
}

static void test_errno_says_why(void **state)
{
	struct report report = {0};

	(void)state;
	assert_int_equal(report_errno(&report, ENOENT, "cannot open '%s'", "/x"), -ENOENT);
	assert_int_equal(report.kind, REPORT_FAILED);
	assert_string_equal(report.error, "cannot open '/x': No such file or directory");
	assert_null(report.hint);
	report_clear(&report);
	report_errno(&report, ENOSPC, "w");
	assert_non_null(strstr(report.hint, "free some space"));
	report_clear(&report);
}

static void test_errno_of_permission(void **state)
{
	static const int codes[] = {EPERM, EACCES};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct report report = {0};

		assert_int_equal(report_errno(&report, codes[i], "open"), -codes[i]);
		assert_int_equal(report.kind, REPORT_PERMISSION);
		assert_non_null(strstr(report.hint, "root"));
		assert_non_null(strstr(report.hint, "CAP_BPF"));
		report_clear(&report);
	}
}

static void test_warnings_add_up(void **state)
{
	struct report report = {0};

	(void)state;
	for (int i = 0; i < 20; i++)
		report_warn(&report, "warning %d", i);
	assert_int_equal(report.warning_count, 20);
	assert_string_equal(report.warnings[0], "warning 0");
	assert_string_equal(report.warnings[19], "warning 19");
	assert_int_equal(report.kind, REPORT_OK);
	report_clear(&report);
	assert_int_equal(report.warning_count, 0);
}

static void test_nobody_listens(void **state)
{
	(void)state;
	assert_int_equal(report_error(NULL, REPORT_FAILED, EIO, NULL, "x"), -EIO);
	assert_int_equal(report_errno(NULL, EPERM, "x"), -EPERM);
	report_warn(NULL, "x");
	report_clear(NULL);
}

static void test_kinds(void **state)
{
	(void)state;
	assert_string_equal(report_kind_name(REPORT_OK), "ok");
	assert_string_equal(report_kind_name(REPORT_FAILED), "failed");
	assert_string_equal(report_kind_name(REPORT_USAGE), "usage");
	assert_string_equal(report_kind_name(REPORT_NOT_FOUND), "not-found");
	assert_string_equal(report_kind_name(REPORT_PERMISSION), "not-permitted");
	assert_string_equal(report_kind_name(REPORT_GUARD), "refused");
	/* The exit statuses that DESIGN.md promises. */
	assert_int_equal(REPORT_FAILED, 1);
	assert_int_equal(REPORT_USAGE, 2);
	assert_int_equal(REPORT_NOT_FOUND, 3);
	assert_int_equal(REPORT_PERMISSION, 4);
	assert_int_equal(REPORT_GUARD, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_is_kept),
		cmocka_unit_test(test_first_cause_wins),
		cmocka_unit_test(test_errno_says_why),
		cmocka_unit_test(test_warnings_add_up),
		cmocka_unit_test(test_errno_of_permission),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
