// SPDX-License-Identifier: Apache-2.0
/* Services, and the questions that they answer. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/cleanup.h"
#include "agent/gate/policy.h"

static int make_policy(void **state)
{
	return policy_new((struct policy **)state);
}

static int free_policy(void **state)
{
	policy_free(*state);
	return 0;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, strlen(text), &prefix), PREFIX_OK);
	return prefix;
}

static uint8_t add_set(struct policy *policy, const char *name)
{
	int set;

	assert_int_equal(policy_add_set(policy, name, POLICY_OWNER_STATIC, NULL), 0);
	set = policy_find_set(policy, name, NULL);
	assert_true(set > 0);
	return (uint8_t)set;
}

static void add(struct policy *policy, uint8_t set, const char *text)
{
	struct prefix prefix = prefix_of(text);

	assert_int_equal(policy_add_entry(policy, set, &prefix, NULL, 0, NULL, NULL), 0);
}

static void assert_report(struct report *report, enum report_kind kind, const char *error,
			  const char *hint)
{
	assert_int_equal(report->kind, kind);
	assert_string_equal(report->error, error);
	if (hint)
		assert_string_equal(report->hint, hint);
	report_clear(report);
}

/* ---- Services ---- */

static struct policy_service web(void)
{
	return (struct policy_service){.name = "web",
				       .proto = POLICY_TCP,
				       .ports = {{443, 443}},
				       .port_count = 1,
				       .sets = 2};
}

static void check_service(struct policy *policy, const struct policy_service *service, int code,
			  enum report_kind kind, const char *error, const char *hint)
{
	struct report report = {0};

	assert_int_equal(policy_add_service(policy, service, &report), -code);
	assert_report(&report, kind, error, hint);
	assert_int_equal(policy_find_service(policy, service->name, NULL) >= 0, code == EEXIST);
}

static void test_bad_services(void **state)
{
	struct policy *policy = *state;
	struct policy_service service = web();
	struct prefix to = {.family = 4, .length = 8, .address = {10, 1}};

	add_set(policy, "a");
	service.ports[0] = (struct policy_ports){443, 80};
	check_service(policy, &service, EINVAL, REPORT_USAGE,
		      "the port range 443-80 is upside down", "did you mean 80-443?");
	service.ports[0] = (struct policy_ports){0, 80};
	check_service(policy, &service, EINVAL, REPORT_USAGE, "port 0 does not exist", NULL);
	service = web();
	service.port_count = POLICY_MAX_PORTS + 1;
	check_service(policy, &service, E2BIG, REPORT_USAGE,
		      "service 'web' has more than 32 port ranges", NULL);
	service = web();
	service.sets = 0;
	check_service(policy, &service, EINVAL, REPORT_USAGE,
		      "service 'web' does not say who may reach it", "name at least one set");
	service.sets = 1;
	check_service(policy, &service, EINVAL, REPORT_USAGE, "nobody could reach service 'web'",
		      NULL);
	service.sets = 1ULL << 63;
	check_service(policy, &service, ENOENT, REPORT_NOT_FOUND, "there is no set of number 63",
		      NULL);
	service = web();
	service.proto = (enum policy_proto)3;
	check_service(policy, &service, EINVAL, REPORT_USAGE,
		      "service 'web' has an unknown protocol", NULL);
	service = web();
	service.to = &to;
	service.to_count = 1;
	check_service(policy, &service, EINVAL, REPORT_FAILED,
		      "destination 1 of service 'web' is not a prefix", NULL);
	service.to_count = POLICY_MAX_TO + 1;
	check_service(policy, &service, E2BIG, REPORT_USAGE,
		      "service 'web' has more than 1024 destinations", NULL);
	service = web();
	strcpy(service.name, "we b");
	check_service(policy, &service, EINVAL, REPORT_USAGE, "'we b' is not a valid service name",
		      NULL);
	service = web();
	memset(service.name, 'x', sizeof(service.name));
	assert_int_equal(policy_add_service(policy, &service, NULL), -EINVAL);
	service = web();
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
	check_service(policy, &service, EEXIST, REPORT_FAILED, "there is a service 'web' already",
		      NULL);
}

static void test_ports_are_merged(void **state)
{
	struct policy *policy = *state;
	struct policy_service service = web();
	static const struct policy_ports given[] = {
		{8443, 8450}, {443, 443},     {1, 1},	      {8446, 8460}, {444, 450},
		{445, 446},   {65535, 65535}, {65534, 65535}, {3, 3},
	};
	static const struct policy_ports expected[] = {
		{1, 1}, {3, 3}, {443, 450}, {8443, 8460}, {65534, 65535},
	};
	const struct policy_service *added;

	add_set(policy, "a");
	memcpy(service.ports, given, sizeof(given));
	service.port_count = ARRAY_SIZE(given);
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
	added = &policy->services[0];
	assert_int_equal(added->port_count, ARRAY_SIZE(expected));
	assert_memory_equal(added->ports, expected, sizeof(expected));
	assert_int_equal(added->ports[ARRAY_SIZE(expected)].first, 0);
}

static void test_destinations_are_copied(void **state)
{
	struct policy *policy = *state;
	struct policy_service service = web();
	struct prefix to[] = {prefix_of("2001:db8::1"), prefix_of("10.0.0.4"),
			      prefix_of("10.0.0.4"), prefix_of("10.0.0.0/8")};
	const struct policy_service *added = &policy->services[0];

	add_set(policy, "a");
	service.to = to;
	service.to_count = 4;
	service.sets |= 1; /* the platform is implied */
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
	assert_ptr_not_equal(added->to, to);
	assert_int_equal(added->to_count, 3);
	assert_int_equal(added->to[0].length, 8);
	assert_int_equal(added->to[2].family, 6);
	assert_int_equal(added->sets, 2);
}

static void test_service_numbers(void **state)
{
	struct policy *policy = *state;
	struct policy_service service = web();
	struct report report = {0};

	add_set(policy, "a");
	for (int i = 0; i < GATE_MAX_SERVICES; i++) {
		snprintf(service.name, sizeof(service.name), "s%d", i);
		assert_int_equal(policy_add_service(policy, &service, NULL), 0);
		assert_int_equal(policy_find_service(policy, service.name, NULL), i);
	}
	strcpy(service.name, "x");
	assert_int_equal(policy_add_service(policy, &service, &report), -ENOSPC);
	assert_report(&report, REPORT_FAILED,
		      "there is no place for 'x': a gate has at most 64 services", NULL);
	policy->running_services = 1ULL << 5;
	policy_delete_service(policy, "s5", NULL);
	policy_delete_service(policy, "s7", NULL);
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
	assert_int_equal(policy_find_service(policy, "x", NULL), 7);
	strcpy(service.name, "y");
	assert_int_equal(policy_add_service(policy, &service, NULL), -ENOSPC);
	assert_int_equal(policy_delete_service(policy, "s5", &report), -ENOENT);
	assert_string_equal(report.hint,
			    "there is s0, s1, s2, s3, s4, s6, x, s8, s9, s10 and 53 more");
	report_clear(&report);
}

/* ---- Questions ---- */

struct asked {
	const char *source;
	const char *destination;
	uint8_t proto;
	uint16_t port;
	enum policy_answer answer;
};

static void check_answers(const struct policy *policy, const struct asked *asked, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct prefix source = prefix_of(asked[i].source);
		struct prefix destination =
			prefix_of(asked[i].destination ? asked[i].destination : "::");
		struct policy_question question = {
			.family = source.family,
			.source = source.address,
			.destination = asked[i].destination ? destination.address : NULL,
			.proto = asked[i].proto,
			.port = asked[i].port,
		};

		if (policy_ask(policy, &question, 1000) != asked[i].answer)
			fail_msg("%s to port %u is answered wrongly", asked[i].source,
				 asked[i].port);
	}
}

static void test_ask(void **state)
{
	static const struct asked asked[] = {
		{"10.1.1.1", "192.0.2.1", IPPROTO_TCP, 443, POLICY_ADMITTED},
		{"10.1.1.1", "192.0.2.1", IPPROTO_TCP, 444, POLICY_UNCOVERED},
		{"10.1.1.1", "192.0.2.1", IPPROTO_UDP, 443, POLICY_UNCOVERED},
		{"11.1.1.1", "192.0.2.1", IPPROTO_TCP, 443, POLICY_REFUSED},
		{"168.63.129.16", "192.0.2.1", IPPROTO_TCP, 443, POLICY_ADMITTED},
		/* The rights of 10.0.0.0/8 and 10.9.0.0/16 add up. */
		{"10.9.1.1", "192.0.2.1", IPPROTO_TCP, 443, POLICY_ADMITTED},
		{"10.9.1.1", "192.0.2.9", IPPROTO_TCP, 22, POLICY_ADMITTED},
		{"10.1.1.1", "192.0.2.9", IPPROTO_TCP, 22, POLICY_REFUSED},
		{"10.1.1.1", "192.0.2.8", IPPROTO_TCP, 22, POLICY_UNCOVERED},
		{"10.1.1.1", NULL, IPPROTO_TCP, 22, POLICY_REFUSED},
		{"10.9.1.1", NULL, IPPROTO_UDP, 22, POLICY_ADMITTED},
		{"10.9.1.1", "192.0.2.9", IPPROTO_ICMP, 22, POLICY_UNCOVERED},
		/* Expired. */
		{"10.10.1.1", "192.0.2.9", IPPROTO_TCP, 22, POLICY_REFUSED},
		/* The service on 22 has destinations of IPv4 only. */
		{"2001:db8::1", NULL, IPPROTO_TCP, 22, POLICY_UNCOVERED},
		{"2001:db8::1", NULL, IPPROTO_TCP, 443, POLICY_REFUSED},
		/* "any" without ports is every protocol. */
		{"10.9.1.1", "198.51.100.1", IPPROTO_ICMP, 0, POLICY_ADMITTED},
		{"10.1.1.1", "198.51.100.1", IPPROTO_ICMP, 0, POLICY_REFUSED},
	};
	struct policy *policy = *state;
	struct policy_service service = web();
	struct prefix to = prefix_of("192.0.2.9");
	struct prefix expired = prefix_of("10.10.0.0/16");

	add_set(policy, "apim");
	add_set(policy, "mgmt");
	add(policy, 1, "10.0.0.0/8");
	add(policy, 2, "10.9.0.0/16");
	policy_add_entry(policy, 2, &expired, NULL, 1000, NULL, NULL);
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
	service = (struct policy_service){.name = "ssh", .ports = {{22, 22}}, .port_count = 1};
	service.sets = 4;
	service.to = &to;
	service.to_count = 1;
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
	to = prefix_of("198.51.100.0/24");
	strcpy(service.name, "all");
	service.port_count = 0;
	assert_int_equal(policy_add_service(policy, &service, NULL), 0);
	check_answers(policy, asked, ARRAY_SIZE(asked));
}

#define ON_POLICY(test) cmocka_unit_test_setup_teardown(test, make_policy, free_policy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_POLICY(test_bad_services),
		ON_POLICY(test_ports_are_merged),
		ON_POLICY(test_destinations_are_copied),
		ON_POLICY(test_service_numbers),
		ON_POLICY(test_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
