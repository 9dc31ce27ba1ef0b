// SPDX-License-Identifier: Apache-2.0
/* Services: ports, protocols, destinations, and 64 of them at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "tests/packet/rig.h"

#define SET "set apim 20.1.2.0/24 2603:1030:1::/48;"

static void expect_port(const char *proto, unsigned int port, bool covered)
{
	rig_expect(covered ? GATE_NOT_ALLOWED : GATE_UNPROTECTED, "v4 D>H %s=9>%u", proto, port);
	rig_expect(covered ? GATE_ALLOWED : GATE_UNPROTECTED, "v6 A>H %s=9>%u", proto, port);
}

static void test_port_edges(const void *row)
{
	(void)row;
	rig_policy(SET "service a tcp 1 * apim; service b tcp 65535 * apim;"
		       "service c udp 1000-2000 * apim;");
	expect_port("tcp", 0, false);
	expect_port("tcp", 1, true);
	expect_port("tcp", 2, false);
	expect_port("tcp", 256, false);
	expect_port("tcp", 65534, false);
	expect_port("tcp", 65535, true);
	expect_port("udp", 65535, false);
	expect_port("udp", 999, false);
	expect_port("udp", 1000, true);
	expect_port("udp", 1500, true);
	expect_port("udp", 2000, true);
	expect_port("udp", 2001, false);
	expect_port("tcp", 1500, false);
	rig_policy(SET "service all tcp 1-65535 * apim;");
	expect_port("tcp", 0, false);
	expect_port("tcp", 1, true);
	expect_port("tcp", 65535, true);
	/* Without ports a service covers port 0 too. */
	rig_policy(SET "service all tcp * * apim;");
	expect_port("tcp", 0, true);
	expect_port("tcp", 65535, true);
	expect_port("udp", 443, false);
}

/* Every port there is: neither a range nor a list loses one. */
static void test_every_port(const void *row)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	uint32_t port, step = rig.slow > 1 ? 97 : 1;

	(void)row;
	rig_policy(SET "service web tcp 80,443,1024-2047,8443,32768-40000,65535 * apim;");
	frame_parse(f, "v4 D>H tcp=9>0");
	for (port = 0; port < 65536; port += step) {
		put16(f->bytes + 14 + 20 + 2, port);
		rig_expect_frame(f,
				 port == 80 || port == 443 || (port >> 10) == 1 || port == 8443 ||
						 (port >= 32768 && port <= 40000) || port == 65535
					 ? GATE_NOT_ALLOWED
					 : GATE_UNPROTECTED);
	}
}

static void test_protocols(const void *row)
{
	(void)row;
	/* any with ports: TCP and UDP, and nothing else. */
	rig_policy(SET "service both any 443 * apim;");
	expect_port("tcp", 443, true);
	expect_port("udp", 443, true);
	expect_port("sctp", 443, false);
	rig_expect(GATE_UNPROTECTED, "v4 D>H icmp=8");
	rig_expect(GATE_UNPROTECTED, "v4 D>H next=47 data=20");
	rig_expect(GATE_FRAGMENT, "v4 D>H off=1 next=6 data=8");
	rig_expect(GATE_FRAGMENT, "v4 D>H off=1 next=17 data=8");
	rig_expect(GATE_UNPROTECTED, "v4 D>H off=1 next=132 data=8");
	rig_policy(SET "service udp udp * * apim;");
	expect_port("udp", 0, true);
	expect_port("udp", 443, true);
	expect_port("tcp", 443, false);
	rig_expect(GATE_DHCP, "v4 D>H udp=67>68");
	rig_expect(GATE_UNPROTECTED, "v4 D>H off=1 next=6 data=8");
}

/* Several services cover one frame: the source has to be in a set of one of them. */
static void test_overlap(const void *row)
{
	struct outcome o;

	(void)row;
	rig_policy("set a 20.1.0.0/16; set b 20.2.0.0/16; set c 20.3.0.0/16;"
		   "service w tcp 1-1000 * a; service b tcp 443 * b;"
		   "service h any * 10.9.8.7/32 c;");
	rig_expect(GATE_ALLOWED, "v4 20.1.0.1>H tcp=1>443");
	o = rig_expect(GATE_ALLOWED, "v4 20.2.0.1>H tcp=1>443");
	if (o.said.candidates != rig_services("wbh") || 1ULL << o.said.service != rig_services("b"))
		rig_fail("candidates %llx, service %u", (unsigned long long)o.said.candidates,
			 o.said.service);
	rig_expect(GATE_ALLOWED, "v4 20.3.0.1>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 20.3.0.1>10.9.8.6 tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 20.2.0.1>10.9.8.6 tcp=1>80");
	rig_expect(GATE_ALLOWED, "v4 20.1.0.1>10.9.8.6 tcp=1>80");
	rig_expect(GATE_UNPROTECTED, "v4 20.2.0.1>10.9.8.6 udp=1>80");
	rig_expect(GATE_NOT_ALLOWED, "v4 20.2.0.1>10.9.8.7 udp=1>80");
	o = rig_expect(GATE_NOT_ALLOWED, "v4 D>H tcp=1>443");
	if (1ULL << o.said.service != rig_services("w"))
		rig_fail("the drop is of service %u", o.said.service);
}

/* Nested destinations: a longer one does not hide the services of those around it. */
static void test_destinations(const void *row)
{
	static const struct {
		const char *destination;
		const char *services;
	} rows[] = {
		{"v4 D>10.9.8.7", "abc"},  {"v4 D>10.9.8.6", "ab"},	{"v4 D>10.9.9.1", "a"},
		{"v4 D>10.10.0.1", ""},	   {"v4 D>10.8.255.255", ""},	{"v4 D>192.0.2.1", "d"},
		{"v4 D>192.0.2.2", ""},	   {"v6 D>fd00:9::7", "ac"},	{"v6 D>fd00:9::8", "a"},
		{"v6 D>fd00:a::", ""},	   {"v6 D>fd00:8:ffff::1", ""}, {"v6 D>2001:db8::1", "e"},
		{"v6 D>2001:db8::2", "e"}, {"v6 D>2001:db8::3", ""},
	};
	struct outcome o;
	size_t i;

	(void)row;
	rig_policy(SET "service a tcp 443 10.9.0.0/16,fd00:9::/32 apim;"
		       "service b tcp 443 10.9.8.0/24 apim;"
		       "service c tcp 443 10.9.8.7/32,fd00:9::7/128 apim;"
		       "service d tcp 443 192.0.2.1/32 apim;"
		       "service e tcp 443 2001:db8::1/128,2001:db8::2/128 apim;");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		o = rig_expect(*rows[i].services ? GATE_NOT_ALLOWED : GATE_UNPROTECTED,
			       "%s tcp=1>443", rows[i].destination);
		if (o.ran && o.said.candidates != rig_services(rows[i].services))
			rig_fail("%s: candidates %llx", rows[i].destination,
				 (unsigned long long)o.said.candidates);
	}
	rig_expect(GATE_UNPROTECTED, "v4 D>10.9.8.7 tcp=1>80");
	/* Alias of families in destinations. */
	rig_expect(GATE_UNPROTECTED, "v6 D>a09:807:: tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v6 D>::ffff:10.9.8.7 tcp=1>443");
}

/* Numbers 0 to 63, and none of them is another one. */
static void test_all_64(const void *row)
{
	char text[16384] = "", name[GATE_NAME_LEN], *at = text;
	struct outcome o;
	int number;
	unsigned int i;

	(void)row;
	for (i = 0; i < GATE_MAX_SERVICES - 1; i++)
		at += sprintf(at, "set s%u 20.1.%u.0/24;", i, i);
	for (i = 0; i < GATE_MAX_SERVICES; i++)
		at += sprintf(at, "service v%u %s %u%s %s s%u;", i, i % 2 ? "udp" : "tcp",
			      1000 + i / 2 * 10, i % 3 ? "" : "-65000", i % 5 ? "*" : "10.0.0.0/8",
			      i % (GATE_MAX_SERVICES - 1));
	rig_policy("%s", text);
	for (i = 0; i < GATE_MAX_SERVICES; i++) {
		const char *proto = i % 2 ? "udp" : "tcp";
		unsigned int set = i % (GATE_MAX_SERVICES - 1), port = 1000 + i / 2 * 10;

		snprintf(name, sizeof(name), "v%u", i);
		o = rig_expect(GATE_ALLOWED, "v4 20.1.%u.9>10.1.1.1 %s=1>%u", set, proto, port);
		number = policy_find_service(rig.policy, name, NULL);
		if (o.ran && !(o.said.candidates >> number & 1))
			rig_fail("service %u is no candidate of its own port", i);
		rig_expect(GATE_NOT_ALLOWED, "v4 D>10.1.1.1 %s=1>%u", proto, port);
		rig_expect(GATE_ALLOWED, "v4 P>10.1.1.1 %s=1>%u", proto, port);
	}
	rig_expect(GATE_UNPROTECTED, "v4 D>10.1.1.1 tcp=1>999");
	rig_expect(GATE_UNPROTECTED, "v4 D>10.1.1.1 tcp=1>65001");
}

/* The platform reaches every service, until its set is emptied. */
static void test_platform(const void *row)
{
	(void)row;
	rig_policy(SET "service web tcp 443 * apim;");
	rig_expect(GATE_ALLOWED, "v4 P>H tcp=1>443");
	rig_expect(GATE_ALLOWED, "v4 169.254.169.254>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 169.254.169.253>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 16.129.63.168>H tcp=1>443");
	rig_policy(SET "service web tcp 443 * apim; default drop; platform;");
	rig_expect(GATE_NOT_ALLOWED, "v4 P>H tcp=1>443");
	rig_expect(GATE_DEFAULT_DROP, "v4 P>H udp=53>4000");
	rig_policy(SET "service web tcp 443 * apim; default drop; platform fd00::/64;");
	rig_expect(GATE_ALLOWED, "v6 fd00::5>H tcp=1>443");
	rig_expect(GATE_PLATFORM, "v6 fd00::5>H tcp=1>80");
	rig_expect(GATE_DEFAULT_DROP, "v6 fd00:0:0:1::>H tcp=1>80");
}

void add_service_tests(void)
{
	rig_add_test("services: ports at the edges", test_port_edges, NULL);
	rig_add_test("services: every port", test_every_port, NULL);
	rig_add_test("services: protocols", test_protocols, NULL);
	rig_add_test("services: several cover one frame", test_overlap, NULL);
	rig_add_test("services: nested destinations", test_destinations, NULL);
	rig_add_test("services: 64 of them", test_all_64, NULL);
	rig_add_test("services: the platform", test_platform, NULL);
}
