// SPDX-License-Identifier: Apache-2.0
/*
 * Every length of every header. A frame is cut at each byte in four ways: as
 * a cable would (its lengths say more), with lengths that say so, and with
 * padding behind those, of zeros and of what the frame had there before, which
 * looks like the rest of a good packet. Padding is never read.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "tests/packet/rig.h"

#define NEVER 9999

struct row {
	const char *frame;
	/* From which length on it passes where everything is protected, cut or whole. */
	size_t passes;
};

/* 14 Ethernet, 20 IPv4, 40 IPv6; NEVER: no length of it may pass. */
static const struct row rows[] = {
	{"v4 D>H tcp=1000>443 data=20", NEVER},
	{"v4 D>H opts=40 tcp=1000>443 data=4", NEVER},
	{"v4 D>H udp=1000>443 data=20", NEVER},
	{"v4 D>H udp=67>68 data=20", 14 + 20 + 8},
	{"v4 D>H icmp=8 data=8", NEVER},
	{"v4 D>H icmp=3 data=28", 14 + 20 + 8},
	{"v4 D>H opts=4 icmp=11 data=28", 14 + 24 + 8},
	{"v4 D>H ah tcp=1000>443", NEVER},
	{"v4 D>H ah udp=67>68", 14 + 20 + 24 + 8},
	{"v4 D>H mf tcp=1000>443 data=4", NEVER},
	{"v4 D>H mf udp=67>68 data=8", NEVER},
	{"v4 D>H mf ah tcp=1000>443 data=4", NEVER},
	{"v4 D>H off=5 next=6 data=24", NEVER},
	{"v4 D>H sctp=1000>443", NEVER},
	{"vlan v4 D>H tcp=1000>443", NEVER},
	{"qinq vlan qinq vlan v4 D>H tcp=1000>443", NEVER},
	{"qinq vlan vlan vlan vlan v4 D>H tcp=1000>443", NEVER},
	{"qinq vlan vlan vlan v4 D>H udp=67>68", 14 + 16 + 20 + 8},
	{"v4 D>H v4 A>H tcp=1000>443", NEVER},
	{"v6 D>H tcp=1000>443 data=20", NEVER},
	{"v6 D>H udp=547>546 data=8", 14 + 40 + 8},
	{"v6 D>H icmp6=128 data=8", NEVER},
	{"v6 D>H icmp6=2 data=40", 14 + 40 + 4},
	{"v6 D>H hop=255 icmp6=135 data=16", 14 + 40 + 4},
	{"v6 D>H hop=255 icmp6=134 data=32", 14 + 40 + 4},
	{"v6 D>H hbh hop=1 icmp6=143 data=24", 14 + 40 + 8 + 4},
	{"v6 D>H hbh=24 tcp=1000>443", NEVER},
	{"v6 D>H dst=24 tcp=1000>443", NEVER},
	{"v6 D>H rh=0 tcp=1000>443", NEVER},
	{"v6 D>H rh=2 tcp=1000>443", NEVER},
	{"v6 D>H fh=0 tcp=1000>443", NEVER},
	{"v6 D>H fh=0+ dst=16 tcp=1000>443 data=4", NEVER},
	{"v6 D>H fh=4 next=6 data=24", NEVER},
	{"v6 D>H ah tcp=1000>443", NEVER},
	{"v6 D>H dst=24 sctp=1000>443", NEVER},
	{"v6 D>H ah next=47 data=24", NEVER},
	{"v6 D>H hbh dst rh=0 fh=0 ah dst dst dst udp=1000>443", NEVER},
	{"v6 D>H hbh dst rh=0 fh=0 ah dst dst dst hop=255 icmp6=136", 14 + 40 + 96 + 4},
	{"v6 D>H v6 A>H tcp=1000>443", NEVER},
};

static void check(const struct row *row, size_t cut, const struct frame *f, size_t claimed,
		  const char *how)
{
	struct outcome outcome = rig_run(f->bytes, f->length);

	if (outcome.ran && outcome.drops != (claimed < row->passes))
		rig_fail("'%s' at %zu bytes, %s, %s", row->frame, cut, how,
			 outcome.drops ? "drops" : "passes");
	rig_agrees(f->bytes, f->length);
}

/* The last 34 or more bytes of what a service would let in. */
static void pad_with_good(struct frame *f, const struct frame *whole)
{
	size_t at = f->length;

	memcpy(f->bytes + at, whole->bytes + at, whole->length - at);
	f->length = whole->length;
	frame_add(f, 60);
}

/*
 * Does an IP header say where the packet ends, so that the rest is padding?
 * Not one that is cut itself, nor a jumbogram, which the frame ends.
 */
static bool claims_length(const struct frame *f)
{
	const uint8_t *ip = f->bytes + f->ip[0];

	if (ip[0] >> 4 == 4)
		return f->length >= f->ip[0] + 20;
	return f->length >= f->ip[0] + 40 && (get16(ip + 4) || ip[6] != NEXT_HOP_BY_HOP);
}

static void cut_at(const struct row *row, const struct frame *whole, struct frame *f, size_t length)
{
	memcpy(f, whole, sizeof(*f));
	f->length = length;
	/* Its lengths say more than there is. */
	check(row, length, f, length < whole->length ? 0 : length, "cut off");
	frame_finish(f);
	check(row, length, f, length, "its lengths say so");
	if (!claims_length(f))
		return;
	frame_add(f, 60);
	check(row, length, f, length, "padded with zeros");
	f->length = length;
	pad_with_good(f, whole);
	check(row, length, f, length, "padded with its rest");
}

/* Every length; on a slow machine some of them. */
static size_t step(void)
{
	return rig.slow == 1 ? 1 : 1 + rig.frames % 11;
}

static void test_row(const void *data)
{
	_cleanup_free_ struct frame *whole = malloc(sizeof(*whole));
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	const struct row *row = data;
	size_t length;

	rig_policy("set apim 20.1.2.0/24; service all any * * apim;");
	frame_parse(whole, row->frame);
	for (length = 14; length <= whole->length; length += step())
		cut_at(row, whole, f, length);
	cut_at(row, whole, f, whole->length);
}

/* The same lengths where only a port is protected: here only the model knows. */
static void test_port(const void *data)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	size_t i, length, whole;

	rig_policy("%s", (const char *)data);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		frame_parse(f, rows[i].frame);
		whole = f->length;
		for (length = 14; length <= whole; length += step()) {
			frame_parse(f, rows[i].frame);
			f->length = length;
			rig_agrees(f->bytes, f->length);
			frame_finish(f);
			rig_agrees(f->bytes, f->length);
			frame_add(f, 60);
			rig_agrees(f->bytes, f->length);
		}
	}
}

/* A port that is not in the packet, but in the padding or behind the options. */
static void test_traps(const void *row)
{
	(void)row;
	rig_policy("set apim 20.1.2.0/24 2603:1030:1::/48; service web tcp 443 * apim;");
	/* The padding says port 80, which is of no service. */
	rig_expect(GATE_MALFORMED, "v4 D>H tcp=1000>80 total=22");
	rig_expect(GATE_MALFORMED, "v6 D>H tcp=1000>80 plen=2");
	rig_expect(GATE_FRAGMENT, "v4 D>H mf tcp=1000>80 total=22");
	rig_expect(GATE_FRAGMENT, "v6 D>H fh=0+ tcp=1000>80 plen=10");
	rig_expect(GATE_NOT_ALLOWED, "v4 D>H mf tcp=1000>443 total=24");
	rig_expect(GATE_UNPROTECTED, "v4 D>H mf tcp=1000>80 total=24");
	/* Options that look like a TCP header, and a TCP header that looks like options. */
	rig_expect(GATE_NOT_ALLOWED, "v4 D>H opts=4 tcp=257>443");
	rig_expect(GATE_UNPROTECTED, "v4 D>H opts=4 tcp=443>257");
	/* The minimum of Ethernet is more than a small packet. */
	rig_expect(GATE_NOT_ALLOWED, "v4 D>H tcp=1000>443 pad");
	rig_expect(GATE_ALLOWED, "v4 A>H tcp=1000>443 pad");
	rig_expect(GATE_MALFORMED, "v4 A>H tcp=1000>443 cut=1");
	rig_expect(GATE_MALFORMED, "v6 A>H tcp=1000>443 cut=1");
	rig_expect(GATE_MALFORMED, "v4 A>H tcp=1000>443 data=100 cut=1");
	rig_expect(GATE_ICMP_ERROR, "v4 D>H icmp=3 pad");
	rig_expect(GATE_MALFORMED, "v4 D>H icmp=3 short=1 pad");
	rig_expect(GATE_DHCP, "v4 D>H udp=67>68 pad");
	rig_expect(GATE_MALFORMED, "v4 D>H udp=67>68 short=1 pad");
}

void add_truncation_tests(void)
{
	static char names[ARRAY_SIZE(rows)][96];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(names[i], sizeof(names[i]), "truncation: %s", rows[i].frame);
		rig_add_test(names[i], test_row, &rows[i]);
	}
	rig_add_test("truncation: all, a port protected", test_port,
		     "set apim 20.1.2.0/24; service web tcp 443 * apim;");
	rig_add_test("truncation: all, default drop", test_port,
		     "set apim 20.1.2.0/24; service dns udp 443 * apim; default drop;");
	rig_add_test("truncation: headers in the padding", test_traps, NULL);
}
