// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/cleanup.h"
#include "agent/gate/guard.h"

#define PEER "203.0.113.9"
#define SESSION PEER " 50000 10.0.0.4 22"

/* How this program is started again, as an ancestor of the one that asks. */
#define AS_ANCESTOR "--ancestor"

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, strlen(text), &prefix), PREFIX_OK);
	return prefix;
}

/* The set's number; it is made where it is not there. */
static uint8_t set_of(struct policy *policy, const char *name)
{
	int index = policy_find_set(policy, name, NULL);

	if (index < 0) {
		policy_add_set(policy, name, POLICY_OWNER_STATIC, NULL);
		index = policy_find_set(policy, name, NULL);
	}
	assert_true(index >= 0);
	return (uint8_t)index;
}

static void allow(struct policy *policy, const char *set, const char *text, uint64_t expires)
{
	struct prefix prefix = prefix_of(text);

	assert_int_equal(policy_add_entry(policy, set_of(policy, set), &prefix, NULL, expires, NULL,
					  NULL),
			 0);
}

static void protect(struct policy *policy, const char *name, uint16_t port, const char *set,
		    const char *to)
{
	struct policy_service service = {.proto = POLICY_TCP, .port_count = 1};
	struct prefix destination;

	snprintf(service.name, sizeof(service.name), "%s", name);
	service.ports[0] = (struct policy_ports){port, port};
	service.sets = 1ULL << set_of(policy, set);
	if (to) {
		destination = prefix_of(to);
		service.to = &destination;
		service.to_count = 1;
	}
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
}

static struct policy *new_policy(void)
{
	struct policy *policy = NULL;

	assert_int_equal(policy_new(&policy), 0);
	return policy;
}

static void expect_refused(int r, struct report *report, const char *text)
{
	assert_int_equal(r, -EPERM);
	assert_int_equal(report->kind, REPORT_GUARD);
	assert_non_null(report->error);
	assert_non_null(report->hint);
	if (!strstr(report->error, text))
		fail_msg("'%s' does not say '%s'", report->error, text);
	assert_non_null(strstr(report->hint, "force"));
	report_clear(report);
}

static int no_session(void **state)
{
	(void)state;
	return unsetenv("SSH_CONNECTION");
}

/* Of the one who runs the tests: then what is asked without a session has one after all. */
static bool has_own_session(void)
{
	struct guard_session session;

	unsetenv("SSH_CONNECTION");
	return guard_find_session(&session);
}

static void short_prefixes_are_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} refused[] = {{"0.0.0.0/0", "everybody"},
		       {"::/0", "everybody"},
		       {"8.0.0.0/7", "8.0.0.0/7 is shorter than /8"},
		       {"2000::/15", "2000::/15 is shorter than /16"}};
	static const char *const fine[] = {"10.0.0.0/8", "2001::/16", "1.2.3.4/32", "::1/128"};
	struct report report = {0};
	struct prefix prefix;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		prefix = prefix_of(refused[i].text);
		expect_refused(guard_prefix(&prefix, &report), &report, refused[i].says);
	}
	for (i = 0; i < ARRAY_SIZE(fine); i++) {
		prefix = prefix_of(fine[i]);
		assert_int_equal(guard_prefix(&prefix, &report), 0);
	}
	assert_null(report.error);
}

static void shrinking_sets_are_refused(void **state)
{
	static const struct {
		size_t before, after;
		bool refused;
	} cases[] = {
		{0, 0, false},	  {0, 100, false}, {1, 0, true},     {1, 1, false},   {3, 1, false},
		{3, 0, true},	  {4, 2, false},   {4, 1, true},     {5, 3, false},   {5, 2, true},
		{100, 50, false}, {100, 49, true}, {101, 51, false}, {101, 50, true}, {7, 9, false},
	};
	struct report report = {0};
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		r = guard_shrink("apim", cases[i].before, cases[i].after, &report);
		if (cases[i].refused)
			expect_refused(r, &report, "set 'apim' would");
		else
			assert_int_equal(r, 0);
	}
}

static void default_drop_wants_a_way_in(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct report report = {0};

	(void)state;
	if (has_own_session()) {
		printf("skipped: run over SSH, whose port may be another\n");
		skip();
	}
	policy = new_policy();
	assert_int_equal(guard_default_drop(policy, &report), 0);
	policy->default_drop = true;
	expect_refused(guard_default_drop(policy, &report), &report, "SSH (port 22)");

	/* The platform's addresses are no way in; nor is a set with nobody in it. */
	protect(policy, "ssh", 22, "mgmt", NULL);
	expect_refused(guard_default_drop(policy, &report), &report, "SSH");
	allow(policy, "mgmt", "192.0.2.0/24", 1); /* long over */
	expect_refused(guard_default_drop(policy, &report), &report, "SSH");
	allow(policy, "mgmt", "198.51.100.0/24", 0);
	assert_int_equal(guard_default_drop(policy, &report), 0);
}

static void default_drop_knows_the_port(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = new_policy();
	struct report report = {0};

	(void)state;
	policy->default_drop = true;
	setenv("SSH_CONNECTION", PEER " 50000 10.0.0.4 2222", 1);
	expect_refused(guard_default_drop(policy, &report), &report, "port 2222");
	allow(policy, "mgmt", PEER "/32", 0);
	protect(policy, "web", 443, "mgmt", NULL);
	expect_refused(guard_default_drop(policy, &report), &report, "port 2222");
	protect(policy, "ssh", 2222, "mgmt", NULL);
	assert_int_equal(guard_default_drop(policy, &report), 0);
}

static void sessions_are_read(void **state)
{
	static const struct {
		const char *value, *peer;
		uint8_t family;
		uint16_t port;
	} cases[] = {
		{SESSION, PEER, 4, 22},
		{"2001:db8::9 50000 2001:db8::1 2222", "2001:db8::9", 6, 2222},
		{"::ffff:203.0.113.9 1 ::ffff:10.0.0.4 22", PEER, 4, 22},
		{"fe80::1%eth0 1 fe80::2%eth0 65535", "fe80::1", 6, 65535},
	};
	struct guard_session session;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		setenv("SSH_CONNECTION", cases[i].value, 1);
		assert_int_equal(guard_find_session(&session), 1);
		assert_string_equal(session.peer_text, cases[i].peer);
		assert_int_equal(session.family, cases[i].family);
		assert_int_equal(session.local_port, cases[i].port);
	}
	setenv("SSH_CONNECTION", cases[2].value, 1);
	assert_int_equal(guard_find_session(&session), 1);
	assert_memory_equal(session.local, ((uint8_t[16]){10, 0, 0, 4}), 16);
}

static void broken_sessions_are_none(void **state)
{
	static const char *const broken[] = {
		"",
		"x",
		PEER,
		PEER " 1 10.0.0.4",
		PEER " 1 10.0.0.4 0",
		PEER " 1 10.0.0.4 65536",
		PEER " 1 10.0.0.4 22x",
		PEER " 1 10.0.0.4 -1",
		PEER " 1 10.0.0.4 22 more",
		PEER " 1 2001:db8::1 22",
		"203.0.113.900 1 10.0.0.4 22",
		"%eth0 1 %eth0 22",
		"UNKNOWN 65535 UNKNOWN 65535",
	};
	struct guard_session session;
	size_t i;

	(void)state;
	if (has_own_session()) {
		printf("skipped: run over SSH, an ancestor has a session\n");
		skip();
	}
	for (i = 0; i < ARRAY_SIZE(broken); i++) {
		setenv("SSH_CONNECTION", broken[i], 1);
		if (guard_find_session(&session))
			fail_msg("'%s' was taken for a session", broken[i]);
	}
}

static void a_covered_session_is_guarded(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = new_policy();
	_cleanup_(policy_freep) struct policy *worse = new_policy();
	struct report report = {0};

	(void)state;
	setenv("SSH_CONNECTION", SESSION, 1);
	assert_int_equal(guard_session(NULL, policy, &report), 0);

	allow(policy, "apim", "198.51.100.0/24", 0);
	protect(policy, "web", 443, "apim", NULL);
	assert_int_equal(guard_session(NULL, policy, &report), 0);
	protect(policy, "ssh", 22, "apim", NULL);
	expect_refused(guard_session(NULL, policy, &report), &report,
		       "no set would let your own SSH session from " PEER
		       " back in (service 'ssh' covers port 22)");

	/* It was out before: this change is not to blame. */
	assert_int_equal(guard_session(policy, policy, &report), 0);
	expect_refused(guard_session(worse, policy, &report), &report, PEER);

	allow(policy, "apim", "203.0.113.0/24", 1);
	expect_refused(guard_session(NULL, policy, &report), &report, PEER);
	allow(policy, "apim", "203.0.113.0/24", (uint64_t)time(NULL) + 3600);
	assert_int_equal(guard_session(NULL, policy, &report), 0);
}

static void hints_name_both_ways_out(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = new_policy();
	struct report report = {0};

	(void)state;
	setenv("SSH_CONNECTION", SESSION, 1);
	protect(policy, "ssh", 22, "nobody", NULL);
	assert_int_equal(guard_session(NULL, policy, &report), -EPERM);
	assert_non_null(strstr(report.hint, "confirm 60"));
	assert_non_null(strstr(report.hint, "force"));
	report_clear(&report);
}

static void destinations_count(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = new_policy();
	struct report report = {0};

	(void)state;
	setenv("SSH_CONNECTION", SESSION, 1);
	protect(policy, "elsewhere", 22, "nobody", "10.0.0.5/32");
	assert_int_equal(guard_session(NULL, policy, &report), 0);
	protect(policy, "here", 22, "nobody", "10.0.0.4/32");
	expect_refused(guard_session(NULL, policy, &report), &report, "'here'");
}

static void default_drop_guards_the_next_session(void **state)
{
	_cleanup_(policy_freep) struct policy *before = new_policy();
	_cleanup_(policy_freep) struct policy *after = new_policy();
	struct report report = {0};

	(void)state;
	setenv("SSH_CONNECTION", SESSION, 1);
	after->default_drop = true;
	expect_refused(guard_session(NULL, after, &report), &report, "default drop");
	expect_refused(guard_session(before, after, &report), &report, "default drop");
	before->default_drop = true;
	assert_int_equal(guard_session(before, after, &report), 0);

	/* Azure's own addresses get in with default drop, too. */
	setenv("SSH_CONNECTION", "168.63.129.16 1 10.0.0.4 22", 1);
	assert_int_equal(guard_session(NULL, after, &report), 0);
}

static void sessions_from_this_host_are_free(void **state)
{
	static const char *const values[] = {
		"127.0.0.1 1 127.0.0.1 22",
		"127.0.0.1 1 10.0.0.4 22",
		"::1 1 ::1 22",
		"10.0.0.4 1 10.0.0.4 22",
	};
	_cleanup_(policy_freep) struct policy *policy = new_policy();
	struct report report = {0};
	size_t i;

	(void)state;
	protect(policy, "ssh", 22, "nobody", NULL);
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		setenv("SSH_CONNECTION", values[i], 1);
		assert_int_equal(guard_session(NULL, policy, &report), 0);
	}
}

/* The grandchild whose ancestor has the session, and whose parent has an odd name. */
static int run_as_ancestor(void)
{
	struct guard_session session;
	int status = 0;
	pid_t child = fork();

	if (child) {
		waitpid(child, &status, 0);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
	}
	/* As sudo does. /proc shows the environment that the ancestor was started with. */
	unsetenv("SSH_CONNECTION");
	prctl(PR_SET_NAME, "a) b (c\n) S 1");
	child = fork();
	if (child) {
		waitpid(child, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 98);
	}
	if (!guard_find_session(&session))
		_exit(1);
	_exit(strcmp(session.peer_text, "198.51.100.77") ? 2 : 0);
}

static void ancestors_are_asked(void **state)
{
	int status = 0;
	pid_t child;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		setenv("SSH_CONNECTION", "198.51.100.77 1 10.0.0.4 22", 1);
		execl("/proc/self/exe", "test_guard", AS_ANCESTOR, NULL);
		_exit(97);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_prefixes_are_refused),
		cmocka_unit_test(shrinking_sets_are_refused),
		cmocka_unit_test_teardown(default_drop_wants_a_way_in, no_session),
		cmocka_unit_test_teardown(default_drop_knows_the_port, no_session),
		cmocka_unit_test_teardown(sessions_are_read, no_session),
		cmocka_unit_test_teardown(broken_sessions_are_none, no_session),
		cmocka_unit_test_teardown(a_covered_session_is_guarded, no_session),
		cmocka_unit_test_teardown(hints_name_both_ways_out, no_session),
		cmocka_unit_test_teardown(destinations_count, no_session),
		cmocka_unit_test_teardown(default_drop_guards_the_next_session, no_session),
		cmocka_unit_test_teardown(sessions_from_this_host_are_free, no_session),
		cmocka_unit_test(ancestors_are_asked),
	};

	if (argc > 1 && !strcmp(argv[1], AS_ANCESTOR))
		return run_as_ancestor();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
