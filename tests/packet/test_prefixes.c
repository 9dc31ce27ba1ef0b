// SPDX-License-Identifier: Apache-2.0
/* Addresses at the borders of prefixes, and those that are on the list only if read wrongly. */
#include <stdio.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "tests/packet/rig.h"

/* What a border test is about; prefixes far from the border make the list longer. */
struct list {
	uint8_t address[16];
	uint8_t family;
	const char *others;
};

/* Adds a number to the address, as to a number of size bytes. False: it wrapped. */
static bool add(uint8_t *address, size_t size, int number)
{
	int carry = number;
	size_t i = size;

	while (i-- > 0 && carry) {
		carry += address[i];
		address[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return !carry;
}

static void expect_address(const uint8_t *address, uint8_t family, bool allowed)
{
	char text[PREFIX_TEXT_LEN];

	prefix_format_address(family, address, text);
	rig_expect(allowed ? GATE_ALLOWED : GATE_NOT_ALLOWED, "v%u %s>H tcp=1>443", family, text);
}

static void check_borders(const struct list *list, uint8_t length)
{
	size_t size = list->family == 4 ? 4 : 16, bit;
	struct prefix prefix = {.family = list->family, .length = length};
	uint8_t address[16], last[16];
	char text[PREFIX_TEXT_LEN];

	memcpy(prefix.address, list->address, size);
	for (bit = length; bit < size * 8; bit++)
		prefix.address[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	memcpy(last, prefix.address, 16);
	for (bit = length; bit < size * 8; bit++)
		last[bit / 8] |= (uint8_t)(0x80 >> bit % 8);

	rig_policy("set apim %s; service all any * * apim; set other %s;",
		   prefix_format(&prefix, text), list->others);
	expect_address(prefix.address, list->family, true);
	expect_address(last, list->family, true);
	memcpy(address, prefix.address, 16);
	if (add(address, size, -1))
		expect_address(address, list->family, false);
	memcpy(address, last, 16);
	if (add(address, size, 1))
		expect_address(address, list->family, false);
}

/*
 * All lengths of IPv4; of IPv6 those where a step of the lookup ends, begins
 * or is cut. Every length is a new generation, which takes a slow machine long.
 */
static void test_borders(const void *row)
{
	const struct list *list = row;
	unsigned int length;

	for (length = 1; length <= (list->family == 4 ? 32 : 128); length++) {
		if (list->family == 6 && length % 8 > 1 && length % 8 != 7)
			continue;
		if (rig.slow == 1 || length % 11 == 0)
			check_borders(list, (uint8_t)length);
	}
}

/* In no set that a service admits, and enough of them for the wide root. */
#define OTHER4(n)                                                                          \
#n ".1.0.0/24 " #n ".2.0.0/23 " #n ".4.0.1/32 " #n ".4.0.2/31 " #n ".9.8.0/22 " #n \
	   ".77.0.0/17 "
#define OTHERS4    \
	OTHER4(1)  \
	OTHER4(2)  \
	OTHER4(3)  \
	OTHER4(5)  \
	OTHER4(33) \
	OTHER4(77) \
	OTHER4(100) OTHER4(101) OTHER4(191) OTHER4(192) OTHER4(200) OTHER4(201) OTHER4(222)
#define OTHER6(n)                                                                           \
#n ":1::/32 " #n ":1:8000::/33 " #n ":2::1/128 " #n ":2::2/127 " #n ":3:4::/48 " #n \
	   ":3:4:5::/64 "
#define OTHERS6      \
	OTHER6(2001) \
	OTHER6(2002) \
	OTHER6(2003) \
	OTHER6(2601) \
	OTHER6(2602) OTHER6(2604) OTHER6(2a00) OTHER6(2a01) OTHER6(2a02) OTHER6(fd00) OTHER6(fd01)

static const struct list lists[] = {
	{{20, 85, 170, 90}, 4, ""},
	{{20, 85, 170, 90}, 4, OTHERS4},
	{{255, 255, 255, 255}, 4, ""},
	{{0, 0, 0, 0}, 4, OTHERS4},
	{{0x26, 0x03, 0x10, 0x30, 0xa5, 0x5a, 0x3c, 0xc3, 0x81, 0x18, 0xff, 0x00, 0x7f, 0x80, 1, 2},
	 6,
	 ""},
	{{0x26, 0x03, 0x10, 0x30, 0xa5, 0x5a, 0x3c, 0xc3, 0x81, 0x18, 0xff, 0x00, 0x7f, 0x80, 1, 2},
	 6,
	 OTHERS6},
};

/* An address whose bytes are in the other order, whole, in halves, or in words. */
static void test_swapped_addresses(const void *row)
{
	(void)row;
	rig_policy("set apim 20.1.2.3/32 2603:1030:1::5/128; service all any * * apim;");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 3.2.1.20>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 1.20.3.2>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 2.3.20.1>H tcp=1>443");
	rig_expect(GATE_ALLOWED, "v6 2603:1030:1::5>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 500::100:3010:326>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 326:3010:100::500>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 3010:326:0:100::500>H tcp=1>443");
	/* Source and destination the wrong way round. */
	rig_expect(GATE_NOT_ALLOWED, "v4 H>20.1.2.3 tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 H>2603:1030:1::5 tcp=1>443");

	rig_policy("set apim 20.1.0.0/16; service all any * * apim;");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 1.20.2.3>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 3.2.1.20>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 2.3.20.1>H tcp=1>443");
}

/* 443 is 0x01bb: swapped it is 47873. */
static void test_swapped_ports(const void *row)
{
	(void)row;
	rig_policy("set apim 20.1.2.0/24; service web tcp 443 * apim;");
	rig_expect(GATE_NOT_ALLOWED, "v4 D>H tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v4 D>H tcp=1>47873");
	rig_expect(GATE_UNPROTECTED, "v4 D>H tcp=443>1");
	rig_expect(GATE_UNPROTECTED, "v4 D>H tcp=443>47873");
	rig_policy("set apim 20.1.2.0/24; service web tcp 47873 * apim;");
	rig_expect(GATE_UNPROTECTED, "v4 D>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 D>H tcp=1>47873");
	/* A range that holds 443 only if its ends are swapped: 0x0100-0x0200. */
	rig_policy("set apim 20.1.2.0/24; service web tcp 1-2 * apim;");
	rig_expect(GATE_NOT_ALLOWED, "v4 D>H tcp=1>2");
	rig_expect(GATE_UNPROTECTED, "v4 D>H tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v4 D>H tcp=1>256");
}

/* Destinations have tables of their own, and the same traps. */
static void test_destinations(const void *row)
{
	(void)row;
	rig_policy("set apim 20.1.2.0/24; service all any * 32.1.13.184/32 apim;");
	rig_expect(GATE_NOT_ALLOWED, "v4 D>32.1.13.184 tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v4 D>32.1.13.183 tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v4 D>32.1.13.185 tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v4 D>184.13.1.32 tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v6 D>2001:db8::9 tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v6 D>2001:db8:: tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v6 D>::ffff:32.1.13.184 tcp=1>443");
	/* A source that is a protected destination is nothing special. */
	rig_expect(GATE_UNPROTECTED, "v4 32.1.13.184>H tcp=1>443");
	rig_policy("set apim 20.1.2.0/24; service all any * 2001:db8::/32 apim;");
	rig_expect(GATE_NOT_ALLOWED, "v6 D>2001:db8:ffff:ffff:ffff:ffff:ffff:ffff tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v6 D>2001:db9:: tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v6 D>2001:db7:ffff:ffff:ffff:ffff:ffff:ffff tcp=1>443");
	rig_expect(GATE_UNPROTECTED, "v4 D>32.1.13.184 tcp=1>443");
}

/* Everybody, in one family and not in the other. */
static void test_whole_family(const void *row)
{
	(void)row;
	rig_policy("set apim 0.0.0.0/0; service all any * * apim;");
	rig_expect(GATE_ALLOWED, "v4 0.0.0.0>H tcp=1>443");
	rig_expect(GATE_ALLOWED, "v4 255.255.255.255>H tcp=1>443");
	rig_expect(GATE_ALLOWED, "v4 D>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 ::>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 D>H tcp=1>443");
	rig_policy("set apim ::/0; service all any * * apim;");
	rig_expect(GATE_ALLOWED, "v6 ::>H tcp=1>443");
	rig_expect(GATE_ALLOWED, "v6 ::ffff:1.2.3.4>H tcp=1>443");
	rig_expect(GATE_ALLOWED, "v6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 0.0.0.0>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 D>H tcp=1>443");
	rig_policy("set apim; service all any * * apim; platform;");
	rig_expect(GATE_NOT_ALLOWED, "v4 D>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v6 D>H tcp=1>443");
	rig_expect(GATE_NOT_ALLOWED, "v4 P>H tcp=1>443");
}

void add_prefix_tests(void)
{
	static char names[ARRAY_SIZE(lists)][64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		snprintf(names[i], sizeof(names[i]), "prefixes: borders of every length, list %zu",
			 i + 1);
		rig_add_test(names[i], test_borders, &lists[i]);
	}
	rig_add_test("prefixes: swapped addresses", test_swapped_addresses, NULL);
	rig_add_test("prefixes: swapped ports", test_swapped_ports, NULL);
	rig_add_test("prefixes: destinations", test_destinations, NULL);
	rig_add_test("prefixes: a whole family", test_whole_family, NULL);
}
