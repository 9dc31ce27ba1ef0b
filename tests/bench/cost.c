// SPDX-License-Identifier: Apache-2.0
/*
 * Runs one command on one core and says what it cost: a last line of JSON behind what the command
 * itself prints. The peak of a process counts what it held before its exec, too, so whoever starts
 * the command must be small; the interpreter that drives the benchmark is not.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_NOT_RUN 127

static int pin_to_cpu(const char *text)
{
	unsigned long cpu;
	cpu_set_t set;
	char *end;

	errno = 0;
	cpu = strtoul(text, &end, 10);
	if (errno || end == text || *end || cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static double milliseconds(const struct timeval *time)
{
	return (double)time->tv_sec * 1e3 + (double)time->tv_usec / 1e3;
}

static double elapsed(const struct timespec *from, const struct timespec *to)
{
	return (double)(to->tv_sec - from->tv_sec) * 1e3 +
	       (double)(to->tv_nsec - from->tv_nsec) / 1e6;
}

/* Waits for the command, however often a signal comes between. */
static int wait_for(pid_t pid, int *status, struct rusage *use)
{
	while (wait4(pid, status, 0, use) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int measure(char **argv, int *status)
{
	struct timespec start, end;
	struct rusage use;
	pid_t pid;
	int err;

	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		execvp(*argv, argv);
		fprintf(stderr, "cost: %s: %s\n", *argv, strerror(errno));
		_exit(EXIT_NOT_RUN);
	}
	err = wait_for(pid, status, &use);
	if (err)
		return err;
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("{\"wall_ms\": %.3f, \"user_ms\": %.3f, \"system_ms\": %.3f, \"peak_kib\": %ld}\n",
	       elapsed(&start, &end), milliseconds(&use.ru_utime), milliseconds(&use.ru_stime),
	       use.ru_maxrss);
	return 0;
}

int main(int argc, char **argv)
{
	int err, status = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: cost CPU PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	err = pin_to_cpu(argv[1]);
	if (!err)
		err = measure(argv + 2, &status);
	if (err) {
		fprintf(stderr, "cost: %s\n", strerror(-err));
		return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
