// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/cleanup.h"
#include "agent/base/file.h"

#define LIMIT 100000

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

static int count_files(void)
{
	DIR *directory = opendir(".");
	int count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_content(const char *path, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t length;

	assert_int_equal(file_read(path, LIMIT, &text, &length, NULL), 0);
	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
}

/* A whole write; returns what the first failing step did. */
static int replace(const char *path, const char *text, const char *keep)
{
	_cleanup_(file_draft_discard) struct file_draft draft = {0};
	int r = file_draft_write(&draft, path, text, strlen(text), 0640, NULL);

	return r < 0 ? r : file_draft_commit(&draft, keep, NULL);
}

/* ---- Reading ---- */

static void test_read_limit(void **state)
{
	struct report report = {0};
	char *text = NULL;
	size_t length = 77;

	(void)state;
	write_file("f", "0123456789");
	assert_int_equal(file_read("f", 10, &text, &length, &report), 0);
	assert_int_equal(length, 10);
	free(text);
	text = NULL;
	assert_int_equal(file_read("f", 9, &text, &length, &report), -EFBIG);
	assert_null(text);
	assert_int_equal(length, 10);
	assert_string_equal(report.error, "'f' is larger than 9 bytes");
	report_clear(&report);
}

static void test_read_what_is_not_there(void **state)
{
	struct report report = {0};
	char *text = NULL;
	size_t length;

	(void)state;
	assert_int_equal(file_read("nothing", LIMIT, &text, &length, &report), -ENOENT);
	assert_int_equal(report.kind, REPORT_NOT_FOUND);
	assert_string_equal(report.error, "there is no file 'nothing'");
	report_clear(&report);
	assert_int_equal(file_read(".", LIMIT, &text, &length, &report), -EISDIR);
	assert_int_equal(report.kind, REPORT_FAILED);
	report_clear(&report);
	assert_null(text);
}

static void test_read_empty_and_sizeless(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t length;

	(void)state;
	write_file("empty", "");
	assert_content("empty", "");
	/* Files of /proc have no size. */
	assert_int_equal(file_read("/proc/self/status", LIMIT, &text, &length, NULL), 0);
	assert_true(length > 100);
	assert_int_equal(strlen(text), length);
}

/* As a ConfigMap is mounted. */
static void test_read_through_link(void **state)
{
	(void)state;
	write_file("real", "content");
	assert_int_equal(symlink("real", "link"), 0);
	assert_content("link", "content");
}

static void test_read_standard_input(void **state)
{
	char block[5000];
	char *text = NULL;
	size_t length;
	int ends[2];
	int saved = dup(STDIN_FILENO);
	int r;

	(void)state;
	memset(block, 'x', sizeof(block));
	assert_int_equal(pipe(ends), 0);
	if (fork() == 0) {
		for (int i = 0; i < 10; i++)
			if (write(ends[1], block, sizeof(block)) != sizeof(block))
				_exit(1);
		_exit(0);
	}
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	r = file_read("-", LIMIT, &text, &length, NULL);
	/* It is still there: it was not ours to close. */
	assert_int_equal(fcntl(STDIN_FILENO, F_GETFD), 0);
	dup2(saved, STDIN_FILENO);
	close(saved);
	assert_int_equal(r, 0);
	assert_int_equal(length, 10 * sizeof(block));
	free(text);
	wait(NULL);
}

/* ---- Writing ---- */

static void test_new_file(void **state)
{
	struct stat status;
	mode_t mask = umask(077);

	(void)state;
	assert_int_equal(replace("new", "content", "old"), 0);
	umask(mask);
	assert_content("new", "content");
	assert_int_equal(stat("new", &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(count_files(), 1);
}

static void test_nothing_shows_before_commit(void **state)
{
	struct file_draft draft = {0};

	(void)state;
	write_file("f", "one");
	assert_int_equal(file_draft_write(&draft, "f", "two", 3, 0600, NULL), 0);
	assert_content("f", "one");
	assert_int_equal(count_files(), 2);
	file_draft_discard(&draft);
	assert_content("f", "one");
	assert_int_equal(count_files(), 1);
	file_draft_discard(&draft);
}

static void test_commit_keeps(void **state)
{
	(void)state;
	assert_int_equal(replace("f", "one", "f.old"), 0);
	assert_int_equal(access("f.old", F_OK), -1);
	assert_int_equal(replace("f", "two", "f.old"), 0);
	assert_content("f", "two");
	assert_content("f.old", "one");
	assert_int_equal(replace("f", "three", "f.old"), 0);
	assert_content("f.old", "two");
	assert_int_equal(replace("f", "four", NULL), 0);
	assert_content("f.old", "two");
	assert_int_equal(count_files(), 2);
	/* Both names for one file, as a crash between two steps leaves it. */
	assert_int_equal(unlink("f.old"), 0);
	assert_int_equal(link("f", "f.old"), 0);
	assert_int_equal(replace("f", "five", "f.old"), 0);
	assert_content("f.old", "four");
	assert_content("f", "five");
	assert_int_equal(count_files(), 2);
}

static void test_draft_is_empty_after_commit(void **state)
{
	struct file_draft draft = {0};

	(void)state;
	assert_int_equal(file_draft_write(&draft, "f", "x", 1, 0600, NULL), 0);
	assert_int_equal(file_draft_commit(&draft, NULL, NULL), 0);
	assert_null(draft.path);
	assert_null(draft.temporary);
}

static void test_absolute_path(void **state)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/f", (char *)*state);
	assert_int_equal(replace(path, "x", NULL), 0);
	assert_content("f", "x");
	assert_int_equal(count_files(), 1);
}

/* A reader that has the old file open keeps it, and so does a hard link to it. */
static void test_old_inode_is_not_touched(void **state)
{
	(void)state;
	write_file("f", "one");
	assert_int_equal(link("f", "elsewhere"), 0);
	assert_int_equal(replace("f", "two", NULL), 0);
	assert_content("elsewhere", "one");
}

static void test_target_must_be_a_file(void **state)
{
	struct report report = {0};
	struct file_draft draft = {0};

	(void)state;
	write_file("victim", "precious");
	assert_int_equal(symlink("victim", "link"), 0);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(mkdir("directory", 0700), 0);
	assert_int_equal(replace("link", "x", NULL), -ELOOP);
	assert_int_equal(replace("dangling", "x", NULL), -ELOOP);
	assert_int_equal(replace("directory", "x", NULL), -EISDIR);
	assert_int_equal(file_draft_write(&draft, "link", "x", 1, 0600, &report), -ELOOP);
	assert_string_equal(report.error, "cannot write 'link': it is not a regular file");
	report_clear(&report);
	assert_content("victim", "precious");
	assert_int_equal(count_files(), 4);
}

static void test_no_such_directory(void **state)
{
	struct report report = {0};
	struct file_draft draft = {0};

	(void)state;
	assert_int_equal(file_draft_write(&draft, "no/f", "x", 1, 0600, &report), -ENOENT);
	assert_string_equal(report.error, "cannot write 'no/f': No such file or directory");
	assert_null(draft.temporary);
	report_clear(&report);
}

/* Writes a draft in a child that then waits for its end. Returns its process id. */
static pid_t start_writer(const char *path)
{
	int ends[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		struct file_draft draft = {0};

		file_draft_write(&draft, path, "x", 1, 0600, NULL);
		if (write(ends[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	return child;
}

static void end_writer(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void test_leftovers(void **state)
{
	pid_t dead = start_writer("f");
	pid_t alive = start_writer("f");
	pid_t other = start_writer("g");

	(void)state;
	assert_int_equal(count_files(), 3);
	end_writer(dead);
	end_writer(other);
	write_file(".f.draft-not-one-of-ours", "");
	assert_int_equal(replace("f", "x", NULL), 0);
	/* f, the draft of the living writer, that of another target, and a foreign file. */
	assert_int_equal(count_files(), 4);
	end_writer(alive);
	assert_int_equal(replace("f", "x", NULL), 0);
	assert_int_equal(replace("g", "x", NULL), 0);
	assert_int_equal(count_files(), 3);
}

/* A run that was killed between link and rename leaves a second name. */
static void test_leftover_of_keeping(void **state)
{
	(void)state;
	write_file(".f.draft-0123456789abcdef", "");
	write_file(".f.draft-0123456789abcdef.keep", "");
	assert_int_equal(replace("f", "x", "f.old"), 0);
	assert_int_equal(count_files(), 1);
}

/* What a file system of 64 KiB does to a file of 100 KiB. */
static void test_full_disk(void **state)
{
	_cleanup_free_ char *data = calloc(1, LIMIT);
	struct file_draft draft = {0};
	struct report report = {0};

	(void)state;
	assert_int_equal(mkdir("disk", 0700), 0);
	if (mount("tmpfs", "disk", "tmpfs", 0, "size=64k") < 0) {
		print_message("skipped: no tmpfs can be mounted here: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(replace("disk/f", "old", NULL), 0);
	assert_int_equal(file_draft_write(&draft, "disk/f", data, LIMIT, 0600, &report), -ENOSPC);
	assert_null(draft.temporary);
	assert_content("disk/f", "old");
	assert_int_equal(chdir("disk"), 0);
	assert_int_equal(count_files(), 1);
	assert_int_equal(chdir(".."), 0);
	assert_int_equal(umount2("disk", MNT_DETACH), 0);
	assert_string_equal(report.error, "cannot write 'disk/f': No space left on device");
	assert_non_null(strstr(report.hint, "free some space"));
	report_clear(&report);
}

static void test_not_permitted(void **state)
{
	struct file_draft draft = {0};
	struct report report = {0};

	(void)state;
	if (geteuid() == 0) {
		print_message("skipped: root may write everywhere\n");
		skip();
	}
	assert_int_equal(mkdir("closed", 0500), 0);
	assert_int_equal(file_draft_write(&draft, "closed/f", "x", 1, 0600, &report), -EACCES);
	assert_int_equal(report.kind, REPORT_PERMISSION);
	report_clear(&report);
}

/* ---- Directories ---- */

static void test_make_directories(void **state)
{
	struct report report = {0};
	struct stat status;
	mode_t mask = umask(0077);

	(void)state;
	assert_int_equal(file_make_directories("a/b//c/", 0750, &report), 0);
	umask(mask);
	assert_int_equal(stat("a/b/c", &status), 0);
	assert_int_equal(status.st_mode & 07777, 0750);
	assert_int_equal(stat("a", &status), 0);
	assert_int_equal(status.st_mode & 07777, 0750);
	/* What is there keeps its mode. */
	assert_int_equal(file_make_directories("a/b", 0700, &report), 0);
	assert_int_equal(stat("a/b", &status), 0);
	assert_int_equal(status.st_mode & 07777, 0750);
	assert_int_equal(file_make_directories("/", 0700, &report), 0);
	write_file("a/file", "");
	assert_int_equal(file_make_directories("a/file/d", 0700, &report), -ENOTDIR);
	assert_string_equal(report.error, "cannot make the directory 'a/file': Not a directory");
	report_clear(&report);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(test_read_limit),
		IN_DIRECTORY(test_read_what_is_not_there),
		IN_DIRECTORY(test_read_empty_and_sizeless),
		IN_DIRECTORY(test_read_through_link),
		IN_DIRECTORY(test_read_standard_input),
		IN_DIRECTORY(test_new_file),
		IN_DIRECTORY(test_nothing_shows_before_commit),
		IN_DIRECTORY(test_commit_keeps),
		IN_DIRECTORY(test_draft_is_empty_after_commit),
		IN_DIRECTORY(test_absolute_path),
		IN_DIRECTORY(test_old_inode_is_not_touched),
		IN_DIRECTORY(test_target_must_be_a_file),
		IN_DIRECTORY(test_no_such_directory),
		IN_DIRECTORY(test_leftovers),
		IN_DIRECTORY(test_leftover_of_keeping),
		IN_DIRECTORY(test_full_disk),
		IN_DIRECTORY(test_not_permitted),
		IN_DIRECTORY(test_make_directories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
