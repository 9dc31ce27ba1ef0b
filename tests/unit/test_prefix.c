// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/base/cleanup.h"
#include "agent/base/prefix.h"

static enum prefix_problem parse(const char *text, struct prefix *out)
{
	return prefix_parse(text, strlen(text), out);
}

static struct prefix must_parse(const char *text)
{
	struct prefix prefix;

	assert_int_equal(parse(text, &prefix), PREFIX_OK);
	return prefix;
}

static void test_canonical_text(void **state)
{
	static const char *const pairs[][2] = {
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"255.255.255.255", "255.255.255.255/32"},
		{"20.1.2.128/25", "20.1.2.128/25"},
		{"::/0", "::/0"},
		{"::", "::/128"},
		{"::1", "::1/128"},
		{"1::", "1::/128"},
		{"2001:0DB8::/32", "2001:db8::/32"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1/128"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1/128"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1/128"},
		{"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0/128"},
		{"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8/128"},
		{"1:0:0:4:5:6:0:0", "1::4:5:6:0:0/128"},
		{"64:ff9b::192.0.2.33", "64:ff9b::c000:221/128"},
		{"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304/128"},
		{"fe80::/10", "fe80::/10"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct prefix prefix = must_parse(pairs[i][0]);
		char text[PREFIX_TEXT_LEN];

		assert_string_equal(prefix_format(&prefix, text), pairs[i][1]);
		assert_true(prefix_is_valid(&prefix));
	}
}

static void test_what_is_no_address(void **state)
{
	static const char *const texts[] = {
		"",
		"/",
		"/8",
		"10",
		"10.0.0",
		"10.0.0.",
		"10.0.0.0.0",
		".10.0.0.0",
		"10..0.0",
		"256.0.0.1",
		"1.2.3.999",
		"010.0.0.1",
		"10.0.0.00",
		"0x0a.0.0.1",
		"10.0.0.1 ",
		" 10.0.0.1",
		"+1.2.3.4",
		"-1.2.3.4",
		"1.2.3.4\n",
		"10.0.0.-1",
		"10,0,0,1",
		"a.b.c.d",
		"4294967297.0.0.1",
		":",
		":::",
		":1",
		"1:",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7:8::",
		"::1:2:3:4:5:6:7:8",
		"1::2::3",
		"1:::2",
		"12345::",
		"g::",
		"::g",
		"fe80::1%eth0",
		"::1.2.3",
		"::1.2.3.4.5",
		"1.2.3.4::",
		"::1.2.3.4:5",
		"1:2:3:4:5:6:7:1.2.3.4",
		"::ffff:1.2.3.4",
		"::ffff:0:0/96",
		"0:0:0:0:0:ffff:102:304/128",
		"[::1]",
		"::01.2.3.4",
		"localhost",
		"1:2:3:4:5:6:7:",
		"::1:",
		"1:2:3:4:5:6:7:8:",
		"::/0/0.0.0.0",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct prefix untouched;
		struct prefix prefix;

		memset(&prefix, 0x5a, sizeof(prefix));
		untouched = prefix;
		if (strcmp(texts[i], "::/0/0.0.0.0") == 0)
			assert_int_equal(parse(texts[i], &prefix), PREFIX_BAD_LENGTH);
		else if (parse(texts[i], &prefix) != PREFIX_NOT_AN_ADDRESS)
			fail_msg("'%s' was taken for an address", texts[i]);
		assert_memory_equal(&prefix, &untouched, sizeof(prefix));
	}
}

static void test_bad_length(void **state)
{
	static const char *const texts[] = {"10.0.0.0/",    "10.0.0.0/33",   "10.0.0.0/08",
					    "10.0.0.0/-1",  "10.0.0.0/ 8",   "10.0.0.0/8 ",
					    "10.0.0.0/8/8", "::/129",	     "::/0x10",
					    "::/+1",	    "::/4294967297", "10.0.0.0/255.0.0.0"};
	struct prefix prefix;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (parse(texts[i], &prefix) != PREFIX_BAD_LENGTH)
			fail_msg("'%s' was taken", texts[i]);
}

static void test_host_bits(void **state)
{
	static const char *const pairs[][2] = {
		{"10.1.2.3/8", "10.0.0.0/8"},
		{"10.1.2.3/31", "10.1.2.2/31"},
		{"1.2.3.4/0", "0.0.0.0/0"},
		{"2001:db8::1/64", "2001:db8::/64"},
		{"2001:db8::ff/121", "2001:db8::80/121"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct prefix prefix;
		char text[PREFIX_TEXT_LEN];

		assert_int_equal(parse(pairs[i][0], &prefix), PREFIX_HOST_BITS);
		assert_string_equal(prefix_format(&prefix, text), pairs[i][1]);
	}
}

static void test_text_needs_no_nul(void **state)
{
	struct prefix prefix;
	char *text = malloc(10);

	(void)state;
	memcpy(text, "10.0.0.0/8", 10);
	assert_int_equal(prefix_parse(text, 10, &prefix), PREFIX_OK);
	assert_int_equal(prefix_parse(text, 8, &prefix), PREFIX_OK);
	assert_int_equal(prefix.length, 32);
	assert_int_equal(prefix_parse(text, 9, &prefix), PREFIX_BAD_LENGTH);
	free(text);
	/* And a NUL is a character like any other that is out of place. */
	assert_int_equal(prefix_parse("10.0.0.0\0", 9, &prefix), PREFIX_NOT_AN_ADDRESS);
}

static void check_read(const char *text, const char *error, const char *hint)
{
	struct report report = {0};
	struct prefix prefix;

	assert_int_equal(prefix_read(text, &prefix, &report), -EINVAL);
	assert_int_equal(report.kind, REPORT_USAGE);
	assert_string_equal(report.error, error);
	if (!strstr(report.hint, hint))
		fail_msg("the hint is '%s'", report.hint);
	report_clear(&report);
}

static void test_errors_for_users(void **state)
{
	struct prefix prefix;
	struct report report = {0};

	(void)state;
	check_read("10.1.2.3/8", "'10.1.2.3/8' has bits set behind its /8",
		   "did you mean 10.0.0.0/8?");
	check_read("10.0.0.0/33", "'10.0.0.0/33' has no valid length behind its slash", "0 to 32");
	check_read("::/x", "'::/x' has no valid length behind its slash", "0 to 128");
	check_read("fe80::1%eth0", "'fe80::1%eth0' has a zone", "'%'");
	check_read("::ffff:1.2.3.4/128",
		   "'::ffff:1.2.3.4/128' is an IPv4-mapped address, which no packet carries",
		   "did you mean 1.2.3.4?");
	check_read("example.org", "'example.org' is not an IP address or prefix", "20.1.2.0/24");
	assert_int_equal(prefix_read("10.0.0.0/8", &prefix, &report), 0);
	assert_int_equal(prefix.length, 8);
	assert_int_equal(report.kind, REPORT_OK);
}

static void test_valid(void **state)
{
	struct prefix prefix = must_parse("10.0.0.0/8");

	(void)state;
	prefix.length = 33;
	assert_false(prefix_is_valid(&prefix));
	prefix.length = 6;
	assert_false(prefix_is_valid(&prefix));
	prefix = must_parse("10.0.0.0/8");
	prefix.address[15] = 1;
	assert_false(prefix_is_valid(&prefix));
	prefix = must_parse("::1");
	prefix.length = 129;
	assert_false(prefix_is_valid(&prefix));
	prefix = (struct prefix){
		.family = 6, .length = 128, .address = {[10] = 255, 255, 1, 2, 3, 4}};
	assert_false(prefix_is_valid(&prefix));
	prefix = (struct prefix){.family = 5};
	assert_false(prefix_is_valid(&prefix));
}

static void test_covers(void **state)
{
	static const uint8_t inside[4] = {10, 255, 3, 4};
	static const uint8_t outside[4] = {11, 0, 0, 0};
	struct prefix ten = must_parse("10.0.0.0/8");
	struct prefix odd = must_parse("10.254.0.0/15");
	struct prefix host = must_parse("10.255.3.4");
	struct prefix all = must_parse("0.0.0.0/0");
	struct prefix all6 = must_parse("::/0");

	(void)state;
	assert_true(prefix_covers(&ten, 4, inside));
	assert_true(prefix_covers(&odd, 4, inside));
	assert_true(prefix_covers(&host, 4, inside));
	assert_true(prefix_covers(&all, 4, outside));
	assert_false(prefix_covers(&ten, 4, outside));
	assert_false(prefix_covers(&odd, 4, outside));
	/* The families never share a key space. */
	assert_false(prefix_covers(&all6, 4, inside));
	assert_false(prefix_covers(&all, 6, all6.address));
}

static void test_order(void **state)
{
	static const char *const texts[] = {"0.0.0.0/0",     "10.0.0.0/8",    "10.0.0.0/9",
					    "10.0.0.0/32",   "10.0.0.1/32",   "255.0.0.0/8",
					    "::/0",	     "::/128",	      "::1",
					    "2001:db8::/32", "2001:db8::/48", "2001:db8:0:1::/64"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (size_t j = 0; j < ARRAY_SIZE(texts); j++) {
			struct prefix a = must_parse(texts[i]);
			struct prefix b = must_parse(texts[j]);
			int order = prefix_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

static void random_prefix(struct prefix *out)
{
	char text[INET6_ADDRSTRLEN];
	char full[PREFIX_TEXT_LEN];
	uint8_t address[16];
	uint8_t family = random() % 2 ? 4 : 6;

	for (size_t i = 0; i < sizeof(address); i++)
		address[i] = random() % 3 ? 0 : (uint8_t)random();
	address[0] |= 0x40; /* neither mapped, nor what inet_ntop() writes as a quad */
	inet_ntop(family == 4 ? AF_INET : AF_INET6, address, text, sizeof(text));
	snprintf(full, sizeof(full), "%s/%ld", text, random() % (family == 4 ? 33 : 129));
	if (parse(full, out) > PREFIX_HOST_BITS)
		fail_msg("'%s' was not taken", full);
	if (parse(text, out) != PREFIX_OK)
		fail_msg("'%s' was not taken", text);
	assert_memory_equal(out->address, address, family == 4 ? 4 : 16);
	assert_string_equal(prefix_format_address(family, address, full), text);
	out->length = (uint8_t)(random() % (family == 4 ? 33 : 129));
}

/* libc as the model: both directions, on random addresses with many zeros. */
static void test_against_libc(void **state)
{
	(void)state;
	srandom(1);
	for (int i = 0; i < 50000; i++) {
		struct prefix prefix;
		struct prefix canonical;
		struct prefix again;
		char text[PREFIX_TEXT_LEN];
		uint8_t bits;

		random_prefix(&prefix);
		bits = prefix.length;
		prefix_format(&prefix, text);
		assert_true(parse(text, &canonical) != PREFIX_NOT_AN_ADDRESS);
		assert_int_equal(canonical.length, bits);
		assert_true(prefix_covers(&canonical, prefix.family, prefix.address));
		assert_int_equal(parse(prefix_format(&canonical, text), &again), PREFIX_OK);
		assert_memory_equal(&again, &canonical, sizeof(again));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical_text),
		cmocka_unit_test(test_what_is_no_address),
		cmocka_unit_test(test_bad_length),
		cmocka_unit_test(test_host_bits),
		cmocka_unit_test(test_text_needs_no_nul),
		cmocka_unit_test(test_errors_for_users),
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_covers),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_against_libc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
