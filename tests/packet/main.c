// SPDX-License-Identifier: Apache-2.0
/*
 * The packet table: what the program says of frames. Needs root and nothing
 * else; exits with 77 and a reason where it cannot run. One argument or
 * PACKET_ONLY chooses tests by a part of their name.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/packet/rig.h"

#define MAX_TESTS 512

struct packet_test {
	void (*run)(const void *row);
	const void *row;
};

static struct packet_test tests[MAX_TESTS];
static struct CMUnitTest listed[MAX_TESTS];
static size_t test_count;
static const char *only;

static void run_listed(void **state)
{
	const struct packet_test *test = *state;

	rig.failures = 0;
	rig_context(NULL);
	rig_link(GATE_ENFORCE, 0);
	test->run(test->row);
	if (rig.failures)
		fail_msg("%u expectations failed", rig.failures);
}

void rig_add_test(const char *name, void (*run)(const void *row), const void *row)
{
	struct packet_test *test = &tests[test_count];

	if (only && !strstr(name, only))
		return;
	if (test_count == MAX_TESTS)
		abort();
	*test = (struct packet_test){run, row};
	listed[test_count++] =
		(struct CMUnitTest){.name = name, .test_func = run_listed, .initial_state = test};
}

static void list_tests(void)
{
	add_battery_tests();
	add_reason_tests();
	add_reply_tests();
	add_truncation_tests();
	add_prefix_tests();
	add_fragment_tests();
	add_header_tests();
	add_service_tests();
	add_link_tests();
	add_event_tests();
	add_source_tests();
	add_large_tests();
	add_lookup_tests();
	add_random_tests();
	add_fuzz_tests();
	if (!only)
		add_completeness_test();
}

/* Pins outlive a process: a test that gives up takes them along. */
static void clean_up(int number)
{
	rig_close();
	signal(number, SIG_DFL);
	raise(number);
}

int main(int argc, char **argv)
{
	int r;

	only = argc > 1 ? argv[1] : getenv("PACKET_ONLY");
	atexit(rig_close);
	signal(SIGABRT, clean_up);
	signal(SIGINT, clean_up);
	signal(SIGTERM, clean_up);
	r = rig_open();
	if (r)
		return r;
	list_tests();
	if (rig.slow > 1)
		printf("this machine is slow: long tests do 1/%u of their rounds\n", rig.slow);
	r = _cmocka_run_group_tests("packet", listed, test_count, NULL, NULL);
	printf("%llu frames were run\n", (unsigned long long)rig.frames);
	return r ? 1 : 0;
}
