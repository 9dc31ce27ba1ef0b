// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/cleanup.h"
#include "agent/gate/document.h"
#include "agent/gate/state.h"

#define DIR_NAME "state/of/gate"

/* Every test has a directory of its own, and works in it. */
static int enter_directory(void **state)
{
	char *path = strdup("/tmp/apimgate-test-XXXXXX");

	*state = path;
	return mkdtemp(path) && chdir(path) == 0 ? 0 : -1;
}

static int leave_directory(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
	free(*state);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void save(uint64_t generation)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(file_draft_discard) struct file_draft draft = {0};
	_cleanup_free_ char *text = NULL;
	size_t length;

	assert_int_equal(policy_new(&policy), 0);
	policy->generation = generation;
	assert_int_equal(document_write(policy, &text, &length), 0);
	assert_int_equal(state_draft(DIR_NAME, text, length, &draft, NULL), 0);
	assert_int_equal(state_commit(DIR_NAME, &draft, NULL), 0);
}

static void damage(const char *name)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), DIR_NAME "/%s", name);
	file = fopen(path, "r+");
	assert_non_null(file);
	fseek(file, 30, SEEK_SET);
	fputc('x', file);
	fclose(file);
}

static bool exists(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), DIR_NAME "/%s", name);
	return access(path, F_OK) == 0;
}

/* Reads, expecting that generation and that many warnings. */
static void check_read(uint64_t generation, size_t warnings, const char *warning)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct report report = {0};

	assert_int_equal(state_recover(DIR_NAME, &policy, &report), 0);
	assert_int_equal(report.kind, REPORT_OK);
	assert_int_equal(policy->generation, generation);
	assert_int_equal(report.warning_count, warnings);
	if (warning)
		assert_string_equal(report.warnings[0], warning);
	report_clear(&report);
}

static void check_lost(int code, const char *error)
{
	struct policy *policy = NULL;
	struct report report = {0};

	assert_int_equal(state_recover(DIR_NAME, &policy, &report), -code);
	assert_null(policy);
	assert_int_equal(report.warning_count, 0);
	assert_string_equal(report.error, error);
	assert_non_null(report.hint);
	report_clear(&report);
}

static void test_none(void **state)
{
	(void)state;
	check_read(0, 0, NULL);
	/* Reading makes nothing. */
	assert_int_equal(access("state", F_OK), -1);
}

static void test_save_and_read(void **state)
{
	struct stat status;

	(void)state;
	save(1);
	check_read(1, 0, NULL);
	assert_false(exists(STATE_PREVIOUS));
	save(2);
	check_read(2, 0, NULL);
	assert_true(exists(STATE_PREVIOUS));
	assert_int_equal(stat(DIR_NAME, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(stat(DIR_NAME "/" STATE_FILE, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void test_draft_alone_changes_nothing(void **state)
{
	struct file_draft draft = {0};

	(void)state;
	save(1);
	assert_int_equal(state_draft(DIR_NAME, "x", 1, &draft, NULL), 0);
	check_read(1, 0, NULL);
	file_draft_discard(&draft);
	check_read(1, 0, NULL);
	assert_false(exists(STATE_PREVIOUS));
}

static void test_damaged(void **state)
{
	(void)state;
	save(1);
	save(2);
	damage(STATE_FILE);
	check_read(1, 1,
		   DIR_NAME "/gate.state: line 7: the checksum does not fit: the state before it "
			    "is used, the damaged one is kept as '" DIR_NAME
			    "/gate.state.damaged'");
	assert_true(exists(STATE_DAMAGED));
	assert_false(exists(STATE_FILE));
	check_read(1, 1, "'" DIR_NAME "/gate.state' is missing: the state before it is used");
	save(3);
	check_read(3, 0, NULL);
	assert_true(exists(STATE_PREVIOUS));
}

static void test_reading_changes_nothing(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct report report = {0};

	(void)state;
	save(1);
	save(2);
	damage(STATE_FILE);
	assert_int_equal(state_read(DIR_NAME, &policy, &report), 0);
	assert_int_equal(policy->generation, 1);
	assert_int_equal(report.warning_count, 1);
	assert_true(exists(STATE_FILE));
	assert_false(exists(STATE_DAMAGED));
	report_clear(&report);
}

/* A file that is damaged while the gate runs must not push out the last good one. */
static void test_commit_keeps_the_last_good(void **state)
{
	(void)state;
	save(1);
	save(2);
	damage(STATE_FILE);
	save(3);
	assert_true(exists(STATE_DAMAGED));
	check_read(3, 0, NULL);
	damage(STATE_FILE);
	check_read(1, 1, NULL);
}

static void test_missing(void **state)
{
	(void)state;
	save(1);
	save(2);
	assert_int_equal(unlink(DIR_NAME "/" STATE_FILE), 0);
	check_read(1, 1, "'" DIR_NAME "/gate.state' is missing: the state before it is used");
}

/* An empty policy in its place would open the gate, today or at the boot after. */
static void test_all_lost(void **state)
{
	(void)state;
	save(1);
	damage(STATE_FILE);
	for (int i = 0; i < 2; i++)
		check_lost(EBADMSG, DIR_NAME "/gate.state: line 7: the checksum does not fit, and "
					     "there is no older state to fall back on");
	assert_true(exists(STATE_FILE));
	save(2);
	save(3);
	damage(STATE_FILE);
	damage(STATE_PREVIOUS);
	for (int i = 0; i < 2; i++)
		check_lost(EBADMSG, DIR_NAME "/gate.state: line 7: the checksum does not fit, and "
					     "there is no older state to fall back on");
	assert_int_equal(unlink(DIR_NAME "/" STATE_FILE), 0);
	check_lost(EBADMSG, DIR_NAME "/gate.state.previous: line 7: the checksum does not fit, and "
				     "there is no older state to fall back on");
}

static void test_later_version(void **state)
{
	FILE *file;

	(void)state;
	save(1);
	save(2);
	file = fopen(DIR_NAME "/" STATE_FILE, "w");
	fputs("apimgate-document 2\n", file);
	fclose(file);
	/* It is whole, so it is neither moved nor passed over. */
	check_lost(EPROTONOSUPPORT,
		   DIR_NAME "/gate.state: this version of apimgate cannot read it");
	assert_true(exists(STATE_FILE));
}

static void test_unreadable(void **state)
{
	struct policy *policy = NULL;

	(void)state;
	save(1);
	save(2);
	assert_int_equal(unlink(DIR_NAME "/" STATE_FILE), 0);
	assert_int_equal(mkdir(DIR_NAME "/" STATE_FILE, 0700), 0);
	assert_int_equal(state_recover(DIR_NAME, &policy, NULL), -EISDIR);
	assert_null(policy);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(test_none),
		IN_DIRECTORY(test_save_and_read),
		IN_DIRECTORY(test_draft_alone_changes_nothing),
		IN_DIRECTORY(test_damaged),
		IN_DIRECTORY(test_reading_changes_nothing),
		IN_DIRECTORY(test_commit_keeps_the_last_good),
		IN_DIRECTORY(test_missing),
		IN_DIRECTORY(test_all_lost),
		IN_DIRECTORY(test_later_version),
		IN_DIRECTORY(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
