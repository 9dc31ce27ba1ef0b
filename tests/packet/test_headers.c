// SPDX-License-Identifier: Apache-2.0
/* IP headers and what stands behind them: extension headers, lengths, what always passes. */
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "tests/packet/rig.h"

struct row {
	const char *frame;
	enum gate_reason reason;
};

/* TCP port 443 is protected. */
static const struct row malformed[] = {
	{"v4 A>H tcp=1>443 total=0", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 total=19", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 total=20", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 total=39", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 total=40", GATE_ALLOWED},
	{"v4 A>H tcp=1>443 total=41", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 total=65535", GATE_MALFORMED},
	/* A total length in the other byte order. */
	{"v4 A>H tcp=1>443 total=10240", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 ihl=0", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 ihl=1", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 ihl=4", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 ihl=11", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 ihl=15", GATE_MALFORMED},
	{"v4 A>H opts=40 tcp=1>443", GATE_ALLOWED},
	{"v4 A>H opts=40 tcp=1>443 total=59", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 ver=6", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 ver=0", GATE_MALFORMED},
	{"v4 A>H tcp=1>443 ver=5", GATE_MALFORMED},
	{"v6 A>H tcp=1>443 ver=4", GATE_MALFORMED},
	{"v6 A>H tcp=1>443 ver=0", GATE_MALFORMED},
	{"v6 A>H tcp=1>443 ver=7", GATE_MALFORMED},
	{"type=0x86dd v4 A>H tcp=1>443 data=20", GATE_MALFORMED},
	{"type=0x0800 v6 A>H tcp=1>443", GATE_MALFORMED},
	{"v6 A>H tcp=1>443 plen=0", GATE_MALFORMED},
	{"v6 A>H tcp=1>443 plen=19", GATE_MALFORMED},
	{"v6 A>H tcp=1>443 plen=20", GATE_ALLOWED},
	{"v6 A>H tcp=1>443 plen=21", GATE_MALFORMED},
	{"v6 A>H tcp=1>443 plen=65535", GATE_MALFORMED},
	{"v6 D>H next=59", GATE_UNPROTECTED},
	{"v6 D>H next=59 data=20 plen=0", GATE_UNPROTECTED},
	/* Jumbograms: the frame is the bound, whether or not the option is there. */
	{"v6 A>H hbh tcp=1>443 plen=0", GATE_ALLOWED},
	{"v6 D>H hbh tcp=1>443 plen=0", GATE_NOT_ALLOWED},
	{"v6 D>H hbh tcp=1>443 plen=0 cut=1", GATE_MALFORMED},
	{"v6 D>H hbh tcp=1>443 plen=0 cut=21", GATE_MALFORMED},
	{"v6 D>H dst tcp=1>443 plen=0", GATE_MALFORMED},
	/* Headers that are cut short, whatever is said to be behind them. */
	{"v6 A>H hbh=2048 tcp=1>443 short=1000", GATE_MALFORMED},
	{"v6 A>H dst=24 sctp=1>443 short=13", GATE_MALFORMED},
	{"v6 A>H dst=24 sctp=1>443 short=28", GATE_MALFORMED},
	{"v6 A>H dst=24 next=47 short=1", GATE_MALFORMED},
	{"v6 A>H dst=24 next=59 short=16", GATE_MALFORMED},
	{"v6 A>H dst=24 next=59 short=17", GATE_MALFORMED},
	{"v6 A>H rh=0 next=47 short=1", GATE_MALFORMED},
	{"v6 A>H ah next=47 short=1", GATE_MALFORMED},
	{"v6 A>H ah hop=255 icmp6=135 short=9", GATE_MALFORMED},
	{"v6 A>H fh=0 next=47 short=1", GATE_MALFORMED},
	{"v4 A>H ah next=47 short=1", GATE_MALFORMED},
	{"v4 A>H ah next=47 short=17", GATE_MALFORMED},
	{"v4 A>H ah tcp=1>443 short=1", GATE_MALFORMED},
	{"v4 D>H mf ah next=47 short=1", GATE_FRAGMENT},
	{"v4 D>H mf ah next=47 short=20", GATE_FRAGMENT},
	{"v4 A>H mf ah next=47 short=20", GATE_ALLOWED},
	{"v4 D>H udp=1>443 short=1", GATE_MALFORMED},
	{"v4 D>H icmp=8 short=1", GATE_MALFORMED},
	{"v6 D>H icmp6=128 short=5", GATE_MALFORMED},
	{"v6 D>H icmp6=128 short=4", GATE_UNPROTECTED},
};

static const struct row always[] = {
	{"v6 D>H hop=255 icmp6=132", GATE_NOT_ALLOWED},
	{"v6 D>H hop=255 icmp6=133", GATE_NEIGHBOUR},
	{"v6 D>H hop=255 icmp6=134", GATE_NEIGHBOUR},
	{"v6 D>H hop=255 icmp6=135", GATE_NEIGHBOUR},
	{"v6 D>H hop=255 icmp6=136", GATE_NEIGHBOUR},
	{"v6 D>H hop=255 icmp6=137", GATE_NEIGHBOUR},
	{"v6 D>H hop=255 icmp6=138", GATE_NOT_ALLOWED},
	{"v6 D>H hop=254 icmp6=135", GATE_NOT_ALLOWED},
	{"v6 D>H hop=0 icmp6=135", GATE_NOT_ALLOWED},
	{"v6 D>H hop=1 icmp6=135", GATE_NOT_ALLOWED},
	{"v6 A>H hop=254 icmp6=135", GATE_ALLOWED},
	{"v6 D>H hop=1 icmp6=129", GATE_NOT_ALLOWED},
	{"v6 D>H hop=1 icmp6=130", GATE_NEIGHBOUR},
	{"v6 D>H hop=1 icmp6=131", GATE_NEIGHBOUR},
	{"v6 D>H hop=1 icmp6=132", GATE_NEIGHBOUR},
	{"v6 D>H hop=1 icmp6=143", GATE_NEIGHBOUR},
	{"v6 D>H hop=1 icmp6=142", GATE_NOT_ALLOWED},
	{"v6 D>H hop=1 icmp6=144", GATE_NOT_ALLOWED},
	{"v6 D>H hop=2 icmp6=143", GATE_NOT_ALLOWED},
	{"v6 D>H hop=0 icmp6=130", GATE_NOT_ALLOWED},
	{"v6 D>H hop=255 icmp6=130", GATE_NOT_ALLOWED},
	{"v6 D>ff02::16 hop=1 hbh icmp6=143", GATE_NEIGHBOUR},
	{"vlan v6 D>ff02::1 hop=255 icmp6=135", GATE_NEIGHBOUR},
	{"v6 D>H icmp6=0", GATE_NOT_ALLOWED},
	{"v6 D>H icmp6=1", GATE_ICMP_ERROR},
	{"v6 D>H icmp6=2", GATE_ICMP_ERROR},
	{"v6 D>H icmp6=3", GATE_ICMP_ERROR},
	{"v6 D>H icmp6=4", GATE_ICMP_ERROR},
	{"v6 D>H icmp6=5", GATE_NOT_ALLOWED},
	{"v6 D>H icmp6=127", GATE_NOT_ALLOWED},
	{"v6 D>H icmp6=128", GATE_NOT_ALLOWED},
	{"v4 D>H icmp=3", GATE_ICMP_ERROR},
	{"v4 D>H icmp=11", GATE_ICMP_ERROR},
	{"v4 D>H icmp=12", GATE_ICMP_ERROR},
	{"v4 D>H icmp=0", GATE_NOT_ALLOWED},
	{"v4 D>H icmp=2", GATE_NOT_ALLOWED},
	{"v4 D>H icmp=4", GATE_NOT_ALLOWED},
	{"v4 D>H icmp=5", GATE_NOT_ALLOWED},
	{"v4 D>H icmp=8", GATE_NOT_ALLOWED},
	{"v4 D>H icmp=10", GATE_NOT_ALLOWED},
	{"v4 D>H icmp=13", GATE_NOT_ALLOWED},
	/* The other family's protocol is none of these. */
	{"v4 D>H icmp6=135", GATE_NOT_ALLOWED},
	{"v4 D>H icmp6=2", GATE_NOT_ALLOWED},
	{"v6 D>H icmp=3", GATE_NOT_ALLOWED},
	{"v6 D>H hop=255 icmp=135", GATE_NOT_ALLOWED},
	{"v4 D>H udp=67>68", GATE_DHCP},
	{"v4 D>H udp=68>67", GATE_NOT_ALLOWED},
	{"v4 D>H udp=67>67", GATE_NOT_ALLOWED},
	{"v4 D>H udp=68>68", GATE_NOT_ALLOWED},
	{"v4 D>H udp=17152>17408", GATE_NOT_ALLOWED},
	{"v4 D>H tcp=67>68", GATE_NOT_ALLOWED},
	{"v4 D>H udp=547>546", GATE_NOT_ALLOWED},
	{"v6 D>H udp=547>546", GATE_DHCP},
	{"v6 D>H udp=546>547", GATE_NOT_ALLOWED},
	{"v6 D>H udp=67>68", GATE_NOT_ALLOWED},
	{"v6 D>H tcp=547>546", GATE_NOT_ALLOWED},
	{"v6 D>H dst udp=547>546", GATE_DHCP},
	{"v4 D>H opts=12 udp=67>68", GATE_DHCP},
};

static void expect_rows(const struct row *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		rig_expect(rows[i].reason, "%s", rows[i].frame);
}

static void test_malformed(const void *row)
{
	(void)row;
	rig_policy("set apim 20.1.2.0/24 2603:1030:1::/48; service web tcp 443 * apim;");
	/* What the row allows is to port 443 or hidden; the rest decides by itself. */
	expect_rows(malformed, ARRAY_SIZE(malformed));
}

static void test_always(const void *row)
{
	(void)row;
	rig_policy("set apim 20.1.2.0/24 2603:1030:1::/48; service all any * * apim;");
	expect_rows(always, ARRAY_SIZE(always));
}

/* 0 to 10 headers of each kind, in front of each transport header. */
static void test_chains(const void *row)
{
	static const char *const kinds[] = {"hbh",  "dst", "dst=40", "rh=0",
					    "fh=0", "ah",  "ah=12",  "rh=1"};
	char frame[256], chain[128];
	enum gate_reason refused;
	size_t kind, count;

	(void)row;
	rig_policy("set apim 20.1.2.0/24 2603:1030:1::/48; service web tcp 443 * apim;");
	for (kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		for (*chain = '\0', count = 0; count <= 10; count++) {
			bool hidden = count > 8, turns = count && !strcmp(kinds[kind], "rh=1");

			refused = hidden || turns ? GATE_EXT_HEADERS : GATE_NOT_ALLOWED;
			snprintf(frame, sizeof(frame), "v6 D>H %s tcp=1>443", chain);
			rig_expect(refused, "%s", frame);
			snprintf(frame, sizeof(frame), "v6 A>H %s tcp=1>443", chain);
			rig_expect(GATE_ALLOWED, "%s", frame);
			snprintf(frame, sizeof(frame), "v6 D>H %s tcp=1>80", chain);
			rig_expect(hidden ? GATE_EXT_HEADERS : GATE_UNPROTECTED, "%s", frame);
			snprintf(frame, sizeof(frame), "v6 D>H %s next=50 data=20", chain);
			rig_expect(hidden ? GATE_EXT_HEADERS : GATE_UNPROTECTED, "%s", frame);
			strcat(strcat(chain, " "), kinds[kind]);
		}
	}
}

/* A routing header with segments left may turn to a destination of its own. */
static void test_routing(const void *row)
{
	(void)row;
	rig_policy("set apim 2603:1030:1::/48; service web tcp 443 fd00:9::/32 apim;");
	rig_expect(GATE_NOT_ALLOWED, "v6 D>fd00:9::1 tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v6 D>fd00:a::1 tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v6 D>fd00:a::1 rh=0 tcp=1>443");
	rig_expect(GATE_EXT_HEADERS, "v6 D>fd00:a::1 rh=1 tcp=1>443");
	rig_expect(GATE_EXT_HEADERS, "v6 D>fd00:a::1 rh=255 tcp=1>443");
	rig_expect(GATE_EXT_HEADERS, "v6 D>fd00:a::1 dst rh=1 dst tcp=1>443");
	rig_expect(GATE_EXT_HEADERS, "v6 D>fd00:a::1 rh=1 rh=0 tcp=1>443");
	rig_expect(GATE_ALLOWED, "v6 A>fd00:a::1 rh=1 tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v6 D>fd00:a::1 rh=1 tcp=1>80");
	rig_expect(GATE_UNPROTECTED, "v6 D>fd00:a::1 rh=1 udp=1>443");
	rig_expect(GATE_FRAGMENT, "v6 D>fd00:a::1 rh=1 fh=1 next=6 data=8");
	rig_expect(GATE_UNPROTECTED, "v6 D>fd00:a::1 fh=1 next=6 data=8");
}

/* No header of an upper protocol is looked into. */
static void test_protocols(const void *row)
{
	char frame[128];
	int proto;

	(void)row;
	rig_policy("set apim 20.1.2.0/24; service web tcp 443 * apim; service dns udp 443 * apim;"
		   "service both any 8443 * apim;");
	for (proto = 0; proto < 256; proto++) {
		bool v4 = proto == NEXT_TCP || proto == NEXT_UDP || proto == NEXT_ICMP ||
			  proto == NEXT_AH;

		if (v4)
			continue;
		snprintf(frame, sizeof(frame), "v4 D>H next=%d data=40", proto);
		rig_expect(GATE_UNPROTECTED, "%s", frame);
	}
	rig_policy("set apim 20.1.2.0/24; service all any * * apim;");
	for (proto = 0; proto < 256; proto++) {
		if (proto == NEXT_AH)
			continue;
		snprintf(frame, sizeof(frame), "v4 D>H next=%d data=40", proto);
		rig_expect(GATE_NOT_ALLOWED, "%s", frame);
		snprintf(frame, sizeof(frame), "v4 A>H next=%d data=40", proto);
		rig_expect(GATE_ALLOWED, "%s", frame);
	}
}

static void test_vlans(const void *row)
{
	static const char *const inner[] = {"arp", "lldp", "v4 D>H tcp=1>443", "v6 D>H tcp=1>443"};
	static const enum gate_reason reasons[] = {GATE_ARP, GATE_NON_IP, GATE_NOT_ALLOWED,
						   GATE_NOT_ALLOWED};
	char tags[64];
	size_t i, mix, depth;

	(void)row;
	rig_policy("set apim 20.1.2.0/24; service web tcp 443 * apim;");
	/* Every mix of the two kinds of tag, 0 to 6 deep. */
	for (depth = 0; depth <= 6; depth++) {
		for (mix = 0; mix < 1U << depth; mix++) {
			for (*tags = '\0', i = 0; i < depth; i++)
				strcat(tags, mix >> i & 1 ? "vlan " : "qinq ");
			for (i = 0; i < ARRAY_SIZE(inner); i++)
				rig_expect(depth > 4 ? GATE_VLAN_DEPTH : reasons[i], "%s%s", tags,
					   inner[i]);
		}
	}
}

void add_header_tests(void)
{
	rig_add_test("headers: lengths and versions", test_malformed, NULL);
	rig_add_test("headers: what always passes, and its neighbours", test_always, NULL);
	rig_add_test("headers: chains of 0 to 10", test_chains, NULL);
	rig_add_test("headers: routing with segments left", test_routing, NULL);
	rig_add_test("headers: every protocol", test_protocols, NULL);
	rig_add_test("headers: every mix of tags", test_vlans, NULL);
}
