// SPDX-License-Identifier: Apache-2.0
/*
 * How long does the kernel keep a core to itself? On every core a thread of real-time priority
 * sleeps for a moment, again and again, and notes how much too late it woke up. Nothing but the
 * kernel itself (or, in a virtual machine, the host) can make it late. Runs until its standard
 * input ends; prints "ready" when all threads run, and at the end one JSON document.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"

#define PERIOD_NS 100000
#define LONG_NS 1000000
#define PRIORITY 50
#define STACK_SIZE 65536
#define SECOND_NS 1000000000LL

struct probe {
	pthread_t thread;
	int cpu;
	unsigned long samples, late; /* late: by more than LONG_NS */
	long long worst;	     /* ns */
};

static atomic_bool over;

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

static void *watch(void *argument)
{
	struct probe *probe = argument;
	long long next = now();

	while (!atomic_load(&over)) {
		struct timespec until;
		long long late;

		next += PERIOD_NS;
		until = (struct timespec){next / SECOND_NS, next % SECOND_NS};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		late = now() - next;
		probe->samples++;
		probe->late += late > LONG_NS;
		if (late > probe->worst)
			probe->worst = late;
		/* What was slept through is one stall, not many. */
		if (late > PERIOD_NS)
			next += late;
	}
	return NULL;
}

static int start(struct probe *probe)
{
	struct sched_param priority = {.sched_priority = PRIORITY};
	pthread_attr_t attributes;
	cpu_set_t set;
	int err;

	CPU_ZERO(&set);
	CPU_SET((size_t)probe->cpu, &set);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
	pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
	pthread_attr_setschedparam(&attributes, &priority);
	err = pthread_create(&probe->thread, &attributes, watch, probe);
	pthread_attr_destroy(&attributes);
	return -err;
}

static void stop(const struct probe *probes, int count)
{
	int i;

	atomic_store(&over, true);
	for (i = 0; i < count; i++)
		pthread_join(probes[i].thread, NULL);
}

static void report(const struct probe *probes, int count)
{
	int i;

	printf("{\"cpus\": [");
	for (i = 0; i < count; i++)
		printf("%s{\"cpu\": %d, \"samples\": %lu, \"late\": %lu, \"worst_us\": %.1f}",
		       i ? ", " : "", probes[i].cpu, probes[i].samples, probes[i].late,
		       (double)probes[i].worst / 1e3);
	printf("]}\n");
}

static int wait_for_end(void)
{
	char byte;
	ssize_t r;

	while ((r = read(STDIN_FILENO, &byte, 1)))
		if (r < 0 && errno != EINTR)
			return -errno;
	return 0;
}

static int run(void)
{
	int err = 0, count = 0, cpu;
	struct probe *probes __free = NULL;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) || mlockall(MCL_CURRENT | MCL_FUTURE))
		return -errno;
	probes = calloc((size_t)CPU_COUNT(&set), sizeof(*probes));
	if (!probes)
		return -ENOMEM;
	for (cpu = 0; !err && cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET((size_t)cpu, &set))
			continue;
		probes[count].cpu = cpu;
		err = start(&probes[count]);
		count += !err;
	}
	if (!err && puts("ready") >= 0 && !fflush(stdout))
		err = wait_for_end();
	stop(probes, count);
	if (!err)
		report(probes, count);
	return err;
}

int main(void)
{
	int err = run();

	if (err)
		fprintf(stderr, "stall: %s\n", strerror(-err));
	return err ? 1 : 0;
}
