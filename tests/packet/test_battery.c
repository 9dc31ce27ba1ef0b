// SPDX-License-Identifier: Apache-2.0
/*
 * The bypass battery: ways in which other filters were found to leak, each a
 * test. Every frame is tried against three policies, which differ in what is
 * protected, and so in what may happen to the frame.
 */
#include "agent/base/cleanup.h"
#include "tests/packet/rig.h"

#define SETS "set apim 20.1.2.0/24 2603:1030:1::/48;"

static const char *const policies[3] = {
	SETS "service all any * * apim;",
	SETS "service web tcp 443 * apim;",
	SETS "service web tcp 443 * apim; default drop;",
};

struct row {
	const char *name;
	const char *frame;
	enum gate_reason all;	 /* where everything is protected */
	enum gate_reason web;	 /* where TCP port 443 is */
	enum gate_reason closed; /* where TCP port 443 is, and the default is drop */
};

#define SAME(reason) GATE_##reason, GATE_##reason, GATE_##reason
#define OTHER_SERVICE GATE_NOT_ALLOWED, GATE_UNPROTECTED, GATE_DEFAULT_DROP

static const struct row rows[] = {
	{"TCP, denied", "v4 D>H tcp=1000>443", SAME(NOT_ALLOWED)},
	{"TCP, allowed", "v4 A>H tcp=1000>443", SAME(ALLOWED)},
	{"v6 TCP, denied", "v6 D>H tcp=1000>443", SAME(NOT_ALLOWED)},
	{"v6 TCP, allowed", "v6 A>H tcp=1000>443", SAME(ALLOWED)},
	{"one VLAN tag, denied", "vlan v4 D>H tcp=1000>443", SAME(NOT_ALLOWED)},
	{"one VLAN tag, allowed", "vlan v4 A>H tcp=1000>443", SAME(ALLOWED)},
	{"v6 in one VLAN tag, denied", "vlan v6 D>H tcp=1000>443", SAME(NOT_ALLOWED)},
	{"QinQ, denied", "qinq vlan v4 D>H tcp=1000>443", SAME(NOT_ALLOWED)},
	{"QinQ, allowed", "qinq vlan v4 A>H tcp=1000>443", SAME(ALLOWED)},
	{"v6 in QinQ, denied", "qinq vlan v6 D>H tcp=1000>443", SAME(NOT_ALLOWED)},
	{"four tags, denied", "qinq qinq vlan vlan v4 D>H tcp=1000>443", SAME(NOT_ALLOWED)},
	{"four tags, allowed", "qinq qinq vlan vlan v4 A>H tcp=1000>443", SAME(ALLOWED)},
	{"five tags, allowed", "qinq vlan vlan vlan vlan v4 A>H tcp=1000>443", SAME(VLAN_DEPTH)},
	{"IPv4 options, denied", "v4 D>H opts=8 tcp=1000>443", SAME(NOT_ALLOWED)},
	{"IPv4 options, allowed", "v4 A>H opts=8 tcp=1000>443", SAME(ALLOWED)},
	{"most IPv4 options, denied", "v4 D>H opts=40 tcp=1000>443", SAME(NOT_ALLOWED)},
	{"most IPv4 options, allowed", "v4 A>H opts=40 tcp=1000>443", SAME(ALLOWED)},
	{"first fragment, denied", "v4 D>H mf tcp=1000>443 data=4", SAME(NOT_ALLOWED)},
	{"first fragment, allowed", "v4 A>H mf tcp=1000>443 data=4", SAME(ALLOWED)},
	{"later fragment, denied", "v4 D>H off=3 next=6 data=32", SAME(FRAGMENT)},
	{"later fragment, allowed", "v4 A>H off=3 next=6 data=32", SAME(ALLOWED)},
	{"later fragment of UDP, denied", "v4 D>H off=3 next=17 data=32", GATE_FRAGMENT,
	 GATE_UNPROTECTED, GATE_DEFAULT_DROP},
	{"hop-by-hop, denied", "v6 D>H hbh tcp=1000>443", SAME(NOT_ALLOWED)},
	{"hop-by-hop, allowed", "v6 A>H hbh tcp=1000>443", SAME(ALLOWED)},
	{"destination options, denied", "v6 D>H dst tcp=1000>443", SAME(NOT_ALLOWED)},
	{"destination options, allowed", "v6 A>H dst tcp=1000>443", SAME(ALLOWED)},
	{"atomic fragment, denied", "v6 D>H fh=0 tcp=1000>443", SAME(NOT_ALLOWED)},
	{"atomic fragment, allowed", "v6 A>H fh=0 tcp=1000>443", SAME(ALLOWED)},
	{"v6 first fragment, denied", "v6 D>H fh=0+ tcp=1000>443 data=4", SAME(NOT_ALLOWED)},
	{"v6 later fragment, denied", "v6 D>H fh=3 next=6 data=32", SAME(FRAGMENT)},
	{"v6 later fragment, allowed", "v6 A>H fh=3 next=6 data=32", SAME(ALLOWED)},
	{"8 headers, denied", "v6 D>H hbh dst rh=0 fh=0 ah dst dst dst tcp=1000>443",
	 SAME(NOT_ALLOWED)},
	{"8 headers, allowed", "v6 A>H hbh dst rh=0 fh=0 ah dst dst dst tcp=1000>443",
	 SAME(ALLOWED)},
	{"9 headers, denied", "v6 D>H hbh dst rh=0 fh=0 ah dst dst dst dst tcp=1000>443",
	 SAME(EXT_HEADERS)},
	/* With default drop the port that it hides may be one that no service covers. */
	{"9 headers, allowed", "v6 A>H hbh dst rh=0 fh=0 ah dst dst dst dst tcp=1000>443",
	 GATE_ALLOWED, GATE_ALLOWED, GATE_EXT_HEADERS},
	{"GRE, denied", "v4 D>H next=47 data=24", OTHER_SERVICE},
	{"IPIP with an allowed source inside", "v4 D>H v4 A>H tcp=1000>443", OTHER_SERVICE},
	{"6in4 with an allowed source inside", "v4 D>H v6 A>H tcp=1000>443", OTHER_SERVICE},
	{"IP6IP6 with an allowed source inside", "v6 D>H v6 A>H tcp=1000>443", OTHER_SERVICE},
	{"4in6 with an allowed source inside", "v6 D>H v4 A>H tcp=1000>443", OTHER_SERVICE},
	{"TCP header of 4 bytes, denied", "v4 D>H tcp=1000>443 short=16", SAME(MALFORMED)},
	{"TCP header of 4 bytes, padded", "v4 D>H tcp=1000>443 short=16 pad", SAME(MALFORMED)},
	{"TCP header cut to 4 bytes, denied", "v4 D>H tcp=1000>443 cut=16", SAME(MALFORMED)},
	{"TCP header of 4 bytes, allowed", "v4 A>H tcp=1000>443 short=16", SAME(MALFORMED)},
	{"v6 TCP header of 4 bytes, denied", "v6 D>H tcp=1000>443 short=16", SAME(MALFORMED)},
	{"UDP on the port, denied", "v4 D>H udp=1000>443", OTHER_SERVICE},
	{"v6 UDP on the port, denied", "v6 D>H udp=1000>443", OTHER_SERVICE},
	{"ARP request from anybody", "arp", SAME(ARP)},
	{"ARP request in a VLAN", "vlan arp", SAME(ARP)},
	{"neighbour solicitation from anybody", "v6 D>ff02::1:ff00:7 hop=255 icmp6=135",
	 SAME(NEIGHBOUR)},
	{"DHCP reply from the platform", "v4 P>255.255.255.255 udp=67>68", SAME(DHCP)},
	{"DHCP reply from anybody", "v4 D>H udp=67>68", SAME(DHCP)},
	{"DHCPv6 reply from anybody", "v6 fe80::1>fe80::2 udp=547>546", SAME(DHCP)},
	{"DNS reply from the platform", "v4 P>H udp=53>40000", GATE_ALLOWED, GATE_UNPROTECTED,
	 GATE_PLATFORM},
	{"probe of the load balancer", "v4 P>H tcp=50000>443", SAME(ALLOWED)},
	{"LLDP", "lldp data=46", SAME(NON_IP)},
	{"LLDP in a VLAN", "vlan lldp data=46", SAME(NON_IP)},
	{"port unreachable", "v4 D>H icmp=3", SAME(ICMP_ERROR)},
	{"packet too big", "v6 D>H icmp6=2", SAME(ICMP_ERROR)},
	{"echo request, denied", "v4 D>H icmp=8", OTHER_SERVICE},
	{"echo reply, denied", "v4 D>H icmp=0", GATE_NOT_ALLOWED, GATE_UNPROTECTED, GATE_REPLY},
};

static void run_all(const void *data)
{
	const struct row *row = data;

	rig_policy("%s", policies[0]);
	rig_expect(row->all, "%s", row->frame);
}

static void run_web(const void *data)
{
	const struct row *row = data;

	rig_policy("%s", policies[1]);
	rig_expect(row->web, "%s", row->frame);
}

static void run_closed(const void *data)
{
	const struct row *row = data;

	rig_policy("%s", policies[2]);
	rig_expect(row->closed, "%s", row->frame);
}

/* One trie for both families, v4 bytes first, would let these through. */
static void test_families(const void *row)
{
	(void)row;
	rig_policy("set apim 32.1.13.184/32; service all any * * apim;");
	rig_expect(GATE_ALLOWED, "v4 32.1.13.184>H tcp=1000>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 2001:db8::9>H tcp=1000>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 2001:db8::>H tcp=1000>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 ::32.1.13.184>H tcp=1000>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 ::ffff:32.1.13.184>H tcp=1000>443");

	rig_policy("set apim 2001:db8::/32 ::/96; service all any * * apim;");
	rig_expect(GATE_ALLOWED, "v6 2001:db8::9>H tcp=1000>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 32.1.13.184>H tcp=1000>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 0.0.0.0>H tcp=1000>443");
}

static void add_rows(const char *what, void (*run)(const void *row), char names[][96])
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(names[i], sizeof(names[i]), "battery, %s: %s", what, rows[i].name);
		rig_add_test(names[i], run, &rows[i]);
	}
}

/* A policy at a time, since a change of policy is what takes the time. */
void add_battery_tests(void)
{
	static char names[3][ARRAY_SIZE(rows)][96];

	add_rows("all protected", run_all, names[0]);
	add_rows("port 443", run_web, names[1]);
	add_rows("default drop", run_closed, names[2]);
	rig_add_test("battery: families do not alias", test_families, NULL);
}
