// SPDX-License-Identifier: Apache-2.0
/* Fragments of both families: what is known of them, and what is not. */
#include "agent/base/cleanup.h"
#include "tests/packet/rig.h"

struct row {
	const char *frame;
	enum gate_reason reason;
};

/* TCP 443 and UDP 53 are protected, everything else is not. */
static const struct row rows[] = {
	/* First fragments have ports. */
	{"v4 D>H mf tcp=1000>443 data=4", GATE_NOT_ALLOWED},
	{"v4 D>H mf tcp=1000>80 data=4", GATE_UNPROTECTED},
	{"v4 D>H mf udp=1000>53 data=8", GATE_NOT_ALLOWED},
	{"v4 A>H mf udp=1000>53 data=8", GATE_ALLOWED},
	{"v4 D>H mf udp=1000>443 data=8", GATE_UNPROTECTED},
	{"v6 D>H fh=0+ tcp=1000>443 data=4", GATE_NOT_ALLOWED},
	{"v6 D>H fh=0+ tcp=1000>80 data=4", GATE_UNPROTECTED},
	{"v6 A>H fh=0+ udp=1000>53", GATE_ALLOWED},
	/* A first fragment need not hold the whole header, but the ports. */
	{"v4 D>H mf tcp=1000>443 short=12", GATE_NOT_ALLOWED},
	{"v4 D>H mf tcp=1000>443 short=16", GATE_NOT_ALLOWED},
	{"v4 D>H mf tcp=1000>80 short=16", GATE_UNPROTECTED},
	{"v4 D>H mf tcp=1000>443 short=17", GATE_FRAGMENT},
	{"v4 D>H mf tcp=1000>80 short=17", GATE_FRAGMENT},
	{"v4 A>H mf tcp=1000>80 short=17", GATE_ALLOWED},
	{"v4 D>H mf tcp=1000>80 short=20", GATE_FRAGMENT},
	{"v4 D>H mf udp=1000>80 short=5", GATE_FRAGMENT},
	{"v4 D>H mf sctp=1000>443 short=9", GATE_UNPROTECTED},
	{"v6 D>H fh=0+ tcp=1000>443 short=16", GATE_NOT_ALLOWED},
	{"v6 D>H fh=0+ tcp=1000>80 short=17", GATE_FRAGMENT},
	{"v6 A>H fh=0+ tcp=1000>80 short=20", GATE_ALLOWED},
	/* Later ones match any port of their protocol. */
	{"v4 D>H off=1 next=6 data=16", GATE_FRAGMENT},
	{"v4 D>H off=8191 next=6 data=8", GATE_FRAGMENT},
	{"v4 D>H off=1 mf next=6 data=16", GATE_FRAGMENT},
	{"v4 D>H off=1 next=17 data=16", GATE_FRAGMENT},
	{"v4 D>H off=1 next=47 data=16", GATE_UNPROTECTED},
	{"v4 D>H off=1 next=6", GATE_FRAGMENT},
	{"v6 D>H fh=1 next=6 data=16", GATE_FRAGMENT},
	{"v6 D>H fh=8191 next=6 data=8", GATE_FRAGMENT},
	{"v6 D>H fh=1+ next=17 data=16", GATE_FRAGMENT},
	{"v6 D>H fh=1 next=47 data=16", GATE_UNPROTECTED},
	{"v6 A>H fh=1 next=6 data=16", GATE_ALLOWED},
	/* What looks like an allowed port at the start of a later one is data. */
	{"v4 D>H off=1 tcp=1000>80", GATE_FRAGMENT},
	{"v4 D>H off=1 udp=67>68", GATE_FRAGMENT},
	{"v6 D>H fh=1 tcp=1000>80", GATE_FRAGMENT},
	{"v6 D>H fh=1 udp=547>546", GATE_FRAGMENT},
	/* Overlaps: offsets that would put ports over those of the first. */
	{"v4 D>H off=1 mf tcp=1000>80 data=8", GATE_FRAGMENT},
	{"v6 D>H fh=0+ fh=1 tcp=1000>80", GATE_FRAGMENT},
	/* The flag that must be zero, and "do not fragment", change nothing. */
	{"v4 D>H off=0x8000 tcp=1000>443", GATE_NOT_ALLOWED},
	{"v4 D>H off=0x4000 tcp=1000>443", GATE_NOT_ALLOWED},
	{"v4 D>H off=0xc000 mf tcp=1000>443", GATE_NOT_ALLOWED},
	/* Atomic fragments are whole packets. */
	{"v6 D>H fh=0 tcp=1000>443", GATE_NOT_ALLOWED},
	{"v6 D>H fh=0 tcp=1000>80", GATE_UNPROTECTED},
	{"v6 D>H fh=0 tcp=1000>443 short=1", GATE_MALFORMED},
	{"v6 D>H fh=0 fh=0 tcp=1000>443", GATE_NOT_ALLOWED},
	{"v6 D>H fh=0 fh=0+ tcp=1000>443 short=17", GATE_FRAGMENT},
	{"v6 D>H fh=0+ fh=0 tcp=1000>443 short=17", GATE_FRAGMENT},
	/* Headers behind the fragment header. */
	{"v6 D>H fh=0+ dst tcp=1000>443", GATE_NOT_ALLOWED},
	{"v6 D>H fh=0+ dst tcp=1000>80", GATE_UNPROTECTED},
	{"v6 D>H fh=0+ dst=24 tcp=1000>80 short=28", GATE_FRAGMENT},
	{"v6 D>H fh=0+ dst=24 tcp=1000>80 short=40", GATE_FRAGMENT},
	{"v6 D>H fh=0+ dst=24 next=47 short=17", GATE_FRAGMENT},
	{"v6 A>H fh=0+ dst=24 next=47 short=17", GATE_ALLOWED},
	{"v6 D>H fh=1 dst tcp=1000>80", GATE_FRAGMENT},
	{"v6 D>H fh=1 hbh", GATE_FRAGMENT},
	{"v6 D>H fh=1 rh=0", GATE_FRAGMENT},
	{"v6 D>H fh=1 ah", GATE_FRAGMENT},
	{"v6 D>H fh=1 fh=0", GATE_FRAGMENT},
	{"v6 D>H fh=1 next=59", GATE_UNPROTECTED},
	/* What always passes does not, in fragments. */
	{"v4 D>H mf udp=67>68 data=8", GATE_UNPROTECTED},
	{"v4 D>H mf icmp=3 data=8", GATE_UNPROTECTED},
	{"v6 D>H hop=255 fh=0+ icmp6=135 data=16", GATE_UNPROTECTED},
	{"v6 D>H hop=1 fh=0+ icmp6=143 data=16", GATE_UNPROTECTED},
	{"v6 D>H fh=0+ icmp6=2 data=40", GATE_UNPROTECTED},
};

static void test_rows(const void *row)
{
	size_t i;

	(void)row;
	rig_policy("set apim 20.1.2.0/24 2603:1030:1::/48;"
		   "service web tcp 443 * apim; service dns udp 53 * apim;");
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		rig_expect(rows[i].reason, "%s", rows[i].frame);
}

/* A fragment of what always passes is judged like any other. */
static void test_always(const void *row)
{
	(void)row;
	rig_policy("set apim 20.1.2.0/24; service all any * * apim;");
	rig_expect(GATE_NOT_ALLOWED, "v4 D>H mf udp=67>68 data=8");
	rig_expect(GATE_NOT_ALLOWED, "v4 D>H mf icmp=3 data=8");
	rig_expect(GATE_FRAGMENT, "v4 D>H off=2 icmp=3 data=8");
	rig_expect(GATE_FRAGMENT, "v4 D>H mf icmp=3 short=1");
	rig_expect(GATE_NOT_ALLOWED, "v6 D>H hop=255 fh=0+ icmp6=135 data=16");
	rig_expect(GATE_FRAGMENT, "v6 D>H hop=255 fh=2 icmp6=135 data=16");
	rig_expect(GATE_FRAGMENT, "v6 D>H hop=255 fh=0+ icmp6=135 short=5");
	rig_expect(GATE_NOT_ALLOWED, "v6 D>H hop=1 fh=0+ icmp6=143 data=16");
	rig_expect(GATE_NOT_ALLOWED, "v6 D>H fh=0+ icmp6=2 data=40");
	rig_expect(GATE_FRAGMENT, "v6 D>H fh=2 icmp6=2 data=40");
	rig_expect(GATE_FRAGMENT, "v6 D>H fh=3 udp=547>546 data=8");
}

/* Later fragments and destinations: those are known. */
static void test_destinations(const void *row)
{
	(void)row;
	rig_policy("set apim 20.1.2.0/24 2603:1030:1::/48;"
		   "service web tcp 443 10.9.0.0/16,fd00:9::/32 apim;");
	rig_expect(GATE_FRAGMENT, "v4 D>H off=1 next=6 data=8");
	rig_expect(GATE_UNPROTECTED, "v4 D>10.10.0.1 off=1 next=6 data=8");
	rig_expect(GATE_FRAGMENT, "v4 D>H mf tcp=1>80 short=17");
	rig_expect(GATE_UNPROTECTED, "v4 D>10.10.0.1 mf tcp=1>80 short=17");
	rig_expect(GATE_FRAGMENT, "v6 D>H fh=1 next=6 data=8");
	rig_expect(GATE_UNPROTECTED, "v6 D>fd00:a::1 fh=1 next=6 data=8");
	rig_expect(GATE_FRAGMENT, "v6 D>H fh=1 next=60 data=8");
	rig_expect(GATE_UNPROTECTED, "v6 D>fd00:a::1 fh=1 next=60 data=8");
	rig_expect(GATE_EXT_HEADERS, "v6 D>H dst dst dst dst dst dst dst dst dst tcp=1>80");
	rig_expect(GATE_UNPROTECTED, "v6 D>fd00:a::1 dst dst dst dst dst dst dst dst dst tcp=1>80");
}

static void test_default_drop(const void *row)
{
	(void)row;
	rig_policy("set apim 20.1.2.0/24; service web tcp 443 * apim; default drop;");
	rig_expect(GATE_DEFAULT_DROP, "v4 D>H off=1 next=17 data=8");
	rig_expect(GATE_PLATFORM, "v4 P>H off=1 next=17 data=8");
	rig_expect(GATE_ALLOWED, "v4 P>H off=1 next=6 data=8");
	rig_expect(GATE_FRAGMENT, "v4 D>H off=1 next=6 data=8");
	/* A first fragment of an echo reply is one; the later ones cannot be known. */
	rig_expect(GATE_REPLY, "v4 D>H mf icmp=0 data=8");
	rig_expect(GATE_DEFAULT_DROP, "v4 D>H off=2 icmp=0 data=8");
	rig_expect(GATE_DEFAULT_DROP, "v4 D>H mf icmp=0 short=1");
	rig_expect(GATE_DEFAULT_DROP, "v6 D>H fh=2 icmp6=129 data=8");
	rig_expect(GATE_DEFAULT_DROP, "v6 D>H rh=1 icmp6=129 data=8");
}

#define NINE "dst dst dst dst dst dst dst dst dst"

/*
 * The source may reach one service. It must not reach another by hiding the
 * port, in a first fragment or behind headers, or the destination, behind a
 * routing header. A later fragment may hide its port: its first one shows it.
 */
static void test_hidden(const void *row)
{
	(void)row;
	rig_policy("set one 20.1.2.0/24 2603:1030:1::/48; set two 20.7.0.0/16 2603:7::/32;"
		   "service web tcp 443 * one,two; service ssh tcp 22 * two;");
	rig_expect(GATE_ALLOWED, "v6 A>H tcp=1000>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 A>H tcp=1000>22");
	rig_expect(GATE_EXT_HEADERS, "v6 A>H " NINE " tcp=1000>22");
	rig_expect(GATE_EXT_HEADERS, "v6 A>H " NINE " tcp=1000>443");
	rig_expect(GATE_ALLOWED, "v6 2603:7::1>H " NINE " tcp=1000>22");
	rig_expect(GATE_FRAGMENT, "v6 A>H fh=0+ dst=24 tcp=1000>22 short=28");
	rig_expect(GATE_FRAGMENT, "v6 A>H fh=0+ tcp=1000>22 short=17");
	rig_expect(GATE_ALLOWED, "v6 2603:7::1>H fh=0+ tcp=1000>22 short=17");
	rig_expect(GATE_FRAGMENT, "v4 A>H mf tcp=1000>22 short=17");
	rig_expect(GATE_ALLOWED, "v4 20.7.1.1>H mf tcp=1000>22 short=17");
	rig_expect(GATE_ALLOWED, "v6 A>H fh=1 next=6 data=16");
	rig_expect(GATE_ALLOWED, "v4 A>H off=1 next=6 data=16");

	rig_policy("set one 2603:1030:1::/48; set two 2603:7::/32;"
		   "service a tcp 443 fd00:a::/32 one,two; service b tcp 443 fd00:b::/32 two;");
	rig_expect(GATE_ALLOWED, "v6 A>fd00:a::1 tcp=1000>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 A>fd00:b::1 tcp=1000>443");
	rig_expect(GATE_EXT_HEADERS, "v6 A>fd00:a::1 rh=1 tcp=1000>443");
	rig_expect(GATE_FRAGMENT, "v6 A>fd00:a::1 rh=1 fh=1 next=6 data=16");
	rig_expect(GATE_ALLOWED, "v6 2603:7::1>fd00:a::1 rh=1 tcp=1000>443");
}

void add_fragment_tests(void)
{
	rig_add_test("fragments: what is hidden opens no other service", test_hidden, NULL);
	rig_add_test("fragments: first, later, short, atomic", test_rows, NULL);
	rig_add_test("fragments: of what always passes", test_always, NULL);
	rig_add_test("fragments: destinations are known", test_destinations, NULL);
	rig_add_test("fragments: default drop", test_default_drop, NULL);
}
