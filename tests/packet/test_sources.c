// SPDX-License-Identifier: Apache-2.0
/* Rights of a source: of several sets, of several prefixes, and of those that end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/cleanup.h"
#include "agent/gate/document.h"
#include "agent/gate/image.h"
#include "tests/packet/rig.h"

static void expect_hits(const char *prefix, uint64_t before, uint64_t more)
{
	uint64_t now = rig_hits(prefix);

	if (now != before + more)
		rig_fail("%s has %llu hits more, expected %llu", prefix,
			 (unsigned long long)(now - before), (unsigned long long)more);
}

/* The rights of all prefixes add up; the longest has the hit. */
static void test_add_up(const void *row)
{
	struct outcome o;

	(void)row;
	rig_policy("set a 20.0.0.0/8; set b 20.1.0.0/16; set c 20.1.2.0/24 20.1.2.3/32; set d;"
		   "service pa tcp 1 * a; service pb tcp 2 * b; service pc tcp 3 * c;"
		   "service pd tcp 4 * d;");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>1");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>2");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>3");
	rig_expect(GATE_NOT_ALLOWED, "v4 20.1.2.3>H tcp=9>4");
	expect_hits("20.0.0.0/8", 0, 0);
	expect_hits("20.1.0.0/16", 0, 0);
	expect_hits("20.1.2.0/24", 0, 0);
	/* Each frame counts once, in the program; the probe counts nothing. */
	expect_hits("20.1.2.3/32", 0, 3);
	rig_expect(GATE_ALLOWED, "v4 20.1.2.4>H tcp=9>1");
	expect_hits("20.1.2.0/24", 0, 1);
	rig_expect(GATE_ALLOWED, "v4 20.1.3.4>H tcp=9>2");
	rig_expect(GATE_NOT_ALLOWED, "v4 20.1.3.4>H tcp=9>3");
	expect_hits("20.1.0.0/16", 0, 1);
	rig_expect(GATE_ALLOWED, "v4 20.2.0.0>H tcp=9>1");
	rig_expect(GATE_NOT_ALLOWED, "v4 20.2.0.0>H tcp=9>2");
	expect_hits("20.0.0.0/8", 0, 1);
	/* What needs no set is no hit. */
	o = rig_expect(GATE_UNPROTECTED, "v4 20.2.0.0>H tcp=9>5");
	if (o.said.slot)
		rig_fail("an unprotected frame has slot %u", o.said.slot);
	expect_hits("20.0.0.0/8", 0, 1);
}

/* The same prefix in several sets is one entry with the rights of all. */
static void test_same_prefix(const void *row)
{
	struct outcome o;

	(void)row;
	rig_policy("set a 20.1.2.0/24 2603:1::/32; set b 20.1.2.0/24; set c 20.1.2.0/24;"
		   "service pa tcp 1 * a; service pb tcp 2 * b,c; service pc udp 2 * c;");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>1");
	o = rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>2");
	if (!strcmp(rig.policy->sets[o.said.set & 63].name, "a"))
		rig_fail("a set that the service does not admit is named");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H udp=9>2");
	rig_expect(GATE_ALLOWED, "v6 2603:1::1>H tcp=9>1");
	rig_expect(GATE_NOT_ALLOWED, "v6 2603:1::1>H tcp=9>2");
	expect_hits("20.1.2.0/24", 0, 3);
	expect_hits("2603:1::/32", 0, 1);
}

static void test_temporary(const void *row)
{
	(void)row;
	rig_policy("set a 20.1.0.0/16@+3600; set b 20.1.2.0/24@+3600; set c 20.1.2.3/32;"
		   "service pa tcp 1 * a; service pb tcp 2 * b; service pc tcp 3 * c;");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>1");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>2");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>3");
	rig_expect(GATE_ALLOWED, "v4 20.1.9.9>H tcp=9>1");
	rig_expect(GATE_NOT_ALLOWED, "v4 20.1.9.9>H tcp=9>2");
	rig_expect(GATE_NOT_ALLOWED, "v4 20.1.2.9>H tcp=9>3");
	/* As deep as a chain may be. */
	rig_policy("set a 20.0.0.0/8@+3600; set b 20.0.0.0/9@+3600; set c 20.0.0.0/10@+3600;"
		   "set d 20.0.0.0/11@+3600; set e 20.0.0.0/12@+3600; set f 20.0.0.0/13@+3600;"
		   "set g 20.0.0.0/14@+3600; set h 20.0.0.0/32@+3600; set i 20.0.0.0/24;"
		   "service pa tcp 1 * a; service ph tcp 2 * h; service pi tcp 3 * i;"
		   "service pd tcp 4 * d;");
	rig_expect(GATE_ALLOWED, "v4 20.0.0.0>H tcp=9>1");
	rig_expect(GATE_ALLOWED, "v4 20.0.0.0>H tcp=9>2");
	rig_expect(GATE_ALLOWED, "v4 20.0.0.0>H tcp=9>3");
	rig_expect(GATE_ALLOWED, "v4 20.0.0.0>H tcp=9>4");
	rig_expect(GATE_NOT_ALLOWED, "v4 20.0.0.1>H tcp=9>2");
}

/* Nobody compiles anything when their time is over: the program sees it. */
static void test_ends(const void *row)
{
	time_t start = time(NULL), life = 2 + (time_t)rig.slow / 4;

	(void)row;
	rig_policy("set a 20.1.2.0/24@+%ld; set b 20.1.0.0/16; service pa tcp 1 * a;"
		   "service pb tcp 2 * b; default drop; platform 20.9.0.0/16@+%ld;",
		   (long)life, (long)life);
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>1");
	rig_expect(GATE_PLATFORM, "v4 20.9.2.3>H tcp=9>7");
	if (time(NULL) >= start + life)
		rig_fail("this machine is too slow for the test");
	while (time(NULL) < start + life + 1)
		usleep(50000);
	rig_expect(GATE_NOT_ALLOWED, "v4 20.1.2.3>H tcp=9>1");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>2");
	rig_expect(GATE_NOT_ALLOWED, "v4 20.9.2.3>H tcp=9>1");
	rig_expect(GATE_DEFAULT_DROP, "v4 20.9.2.3>H tcp=9>7");
}

/*
 * A commit leaves out what has expired. What is compiled a moment too late
 * (or before the clock was set) still has no rights.
 */
static void test_past(const void *row)
{
	_cleanup_(image_freep) struct image *image = NULL;
	_cleanup_free_ char *document = NULL;
	size_t length, i;

	(void)row;
	rig_policy("set a 20.1.2.0/24@+3600; set b 20.1.0.0/16; service pa tcp 1 * a;"
		   "service pb tcp 2 * b; default drop;");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>1");
	for (i = 0; i < rig.policy->entry_count; i++)
		if (rig.policy->entries[i].expires)
			rig.policy->entries[i].expires = 1;
	if (document_write(rig.policy, &document, &length) < 0 ||
	    image_compile(rig.policy, document, length, &image, NULL) < 0 ||
	    kernel_publish(rig.kernel, image, NULL) < 0)
		rig_fail("cannot publish an expired entry");
	rig_expect(GATE_NOT_ALLOWED, "v4 20.1.2.3>H tcp=9>1");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>2");
	free(TAKE_PTR(rig.text)); /* what runs is not what the text says */
}

/* What is a hit, and what is not. */
static void test_hits(const void *row)
{
	static const char service[] = "service all any * * a";
	uint64_t before;

	(void)row;
	rig_policy("set a 20.1.2.0/24; %s;", service);
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>1");
	before = rig_hits("20.1.2.0/24");
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>1");
	expect_hits("20.1.2.0/24", before, 1);
	rig_expect(GATE_NOT_ALLOWED, "v4 D>H tcp=9>1");
	expect_hits("20.1.2.0/24", before, 1);
	/* Audit or not, a pass is a hit. */
	rig_link(GATE_AUDIT, 0);
	rig_expect(GATE_ALLOWED, "v4 20.1.2.3>H tcp=9>1");
	expect_hits("20.1.2.0/24", before, 2);
}

void add_source_tests(void)
{
	rig_add_test("sources: rights of all prefixes add up", test_add_up, NULL);
	rig_add_test("sources: one prefix in several sets", test_same_prefix, NULL);
	rig_add_test("sources: rights that end", test_temporary, NULL);
	rig_add_test("sources: rights that ended", test_ends, NULL);
	rig_add_test("sources: an expiry in the past", test_past, NULL);
	rig_add_test("sources: hits", test_hits, NULL);
}
