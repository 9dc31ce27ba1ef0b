// SPDX-License-Identifier: Apache-2.0
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
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/gate/lock.h"

static int make_directory(void **state)
{
	char *path = strdup("/tmp/apimgate-test-XXXXXX");

	*state = path;
	return mkdtemp(path) ? 0 : -1;
}

static int remove_directory(void **state)
{
	int r = rmdir(*state);

	free(*state);
	return r;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void sleep_ms(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* A child that holds the lock for that long, or until it is killed. */
static pid_t start_holder(const char *directory, long ms)
{
	int ends[2];
	char byte = 0;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		int fd = lock_acquire(directory, 0, NULL);

		if (write(ends[1], fd < 0 ? "n" : "y", 1) != 1)
			_exit(1);
		sleep_ms(ms);
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	close(ends[0]);
	return child;
}

static void end_holder(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void test_acquired_again(void **state)
{
	for (int i = 0; i < 3; i++) {
		int fd = lock_acquire(*state, 0, NULL);

		assert_true(fd >= 0);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		close(fd);
	}
}

static void test_busy_names_the_holder(void **state)
{
	struct report report = {0};
	char name[32] = "";
	char expected[160];
	pid_t child = start_holder(*state, 60000);
	double start = now();

	assert_int_equal(lock_acquire(*state, 0, &report), -EBUSY);
	assert_true(now() - start < 0.5);
	prctl(PR_GET_NAME, name);
	snprintf(expected, sizeof(expected), "process %d (%s) holds the lock of '%s'", (int)child,
		 name, (char *)*state);
	assert_string_equal(report.error, expected);
	assert_int_equal(report.kind, REPORT_FAILED);
	report_clear(&report);
	end_holder(child);
}

static void test_wait_is_bounded(void **state)
{
	pid_t child = start_holder(*state, 60000);
	double start = now();

	assert_int_equal(lock_acquire(*state, 1, NULL), -EBUSY);
	assert_true(now() - start >= 0.99);
	assert_true(now() - start < 2);
	end_holder(child);
}

static void test_wait_ends_with_the_holder(void **state)
{
	pid_t child = start_holder(*state, 200);
	double start = now();
	int fd = lock_acquire(*state, 20, NULL);

	assert_true(fd >= 0);
	assert_true(now() - start < 5);
	close(fd);
	end_holder(child);
}

/* However it ends. */
static void test_killed_holder(void **state)
{
	pid_t child = start_holder(*state, 60000);
	int fd;

	end_holder(child);
	fd = lock_acquire(*state, 0, NULL);
	assert_true(fd >= 0);
	close(fd);
}

static void on_alarm(int number)
{
	(void)number;
}

static void test_signals_are_as_before(void **state)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct sigaction after;
	sigset_t blocked;
	sigset_t mask;
	pid_t child = start_holder(*state, 60000);

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGALRM);
	sigaction(SIGALRM, &action, NULL);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	/* Neither a blocked signal nor its handler stands in the way of the limit. */
	assert_int_equal(lock_acquire(*state, 1, NULL), -EBUSY);
	sigaction(SIGALRM, NULL, &after);
	assert_true(after.sa_handler == on_alarm);
	sigprocmask(SIG_UNBLOCK, &blocked, &mask);
	assert_true(sigismember(&mask, SIGALRM));
	signal(SIGALRM, SIG_DFL);
	/* A timer that lived on would end this process now. */
	sleep_ms(100);
	end_holder(child);
}

/* The last link of a gate takes the directory with it; the next one makes a new one. */
static void test_directory_is_replaced(void **state)
{
	const char *directory = *state;
	struct stat ours;
	struct stat theirs;
	pid_t child = start_holder(directory, 300);
	pid_t replacer = fork();
	int fd;

	if (replacer == 0) {
		sleep_ms(150);
		/* The old one keeps its inode number while it is open. */
		_exit(rmdir(directory) == 0 && mkdir(directory, 0700) == 0 ? 0 : 1);
	}
	fd = lock_acquire(directory, 20, NULL);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &ours), 0);
	assert_int_equal(stat(directory, &theirs), 0);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	close(fd);
	waitpid(replacer, NULL, 0);
	end_holder(child);
}

static void test_no_directory(void **state)
{
	struct report report = {0};

	(void)state;
	assert_int_equal(lock_acquire("/nonexistent/pins", 0, &report), -ENOENT);
	assert_string_equal(report.error,
			    "cannot open '/nonexistent/pins': No such file or directory");
	report_clear(&report);
	assert_int_equal(lock_acquire("/etc/passwd", 0, NULL), -ENOTDIR);
}

/* Many writers, each of which needs the lock for a moment: all get it, one at a time. */
static void test_queue(void **state)
{
	int ends[2];
	char order[64];
	ssize_t length = 0;
	ssize_t r;

	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < 10; i++) {
		if (fork())
			continue;
		if (lock_acquire(*state, 30, NULL) < 0 || write(ends[1], "(", 1) != 1)
			_exit(1);
		sleep_ms(10);
		_exit(write(ends[1], ")", 1) != 1);
	}
	close(ends[1]);
	while ((r = read(ends[0], order + length, sizeof(order) - (size_t)length)) > 0)
		length += r;
	close(ends[0]);
	while (wait(NULL) > 0)
		;
	assert_int_equal(length, 20);
	assert_memory_equal(order, "()()()()()()()()()()", 20);
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIRECTORY(test_acquired_again),
		WITH_DIRECTORY(test_busy_names_the_holder),
		WITH_DIRECTORY(test_wait_is_bounded),
		WITH_DIRECTORY(test_wait_ends_with_the_holder),
		WITH_DIRECTORY(test_killed_holder),
		WITH_DIRECTORY(test_signals_are_as_before),
		WITH_DIRECTORY(test_directory_is_replaced),
		WITH_DIRECTORY(test_queue),
		cmocka_unit_test(test_no_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
