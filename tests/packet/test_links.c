// SPDX-License-Identifier: Apache-2.0
/* Audit, enforcement, and a deadline that the program itself looks at. */
#include <unistd.h>

#include "agent/base/cleanup.h"
#include "tests/packet/rig.h"

#define SECOND 1000000000ULL

/* Frames that drop, each for another reason. */
static const struct {
	const char *frame;
	enum gate_reason reason;
} dropped[] = {
	{"v4 D>H tcp=1>443", GATE_NOT_ALLOWED},
	{"v4 D>H tcp=1>80", GATE_DEFAULT_DROP},
	{"v4 D>H off=1 next=6 data=8", GATE_FRAGMENT},
	{"v6 D>H dst dst dst dst dst dst dst dst dst tcp=1>443", GATE_EXT_HEADERS},
	{"v4 D>H tcp=1>443 cut=1", GATE_MALFORMED},
	{"vlan vlan vlan vlan vlan arp", GATE_VLAN_DEPTH},
	{"lldp data=46", GATE_NON_IP_DROP},
};

static void expect_all(bool drops)
{
	struct outcome o;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dropped); i++) {
		o = rig_expect(dropped[i].reason, "%s", dropped[i].frame);
		if (o.ran && (o.drops != drops || o.said.would_drop == drops))
			rig_fail("'%s' %s", dropped[i].frame, o.drops ? "drops" : "passes");
	}
	o = rig_expect(GATE_ALLOWED, "v4 A>H tcp=1>443");
	if (o.ran && (o.drops || o.said.would_drop))
		rig_fail("an allowed source is dropped");
}

static void prepare(void)
{
	rig_policy("set apim 20.1.2.0/24; service web tcp 443 * apim; default drop; nonip drop;");
}

static void test_audit(const void *row)
{
	(void)row;
	prepare();
	rig_link(GATE_AUDIT, 0);
	expect_all(false);
	rig_link(GATE_ENFORCE, 0);
	expect_all(true);
	rig_link(GATE_AUDIT, 0);
	expect_all(false);
	/* A deadline means nothing to a link that audits. */
	rig_link(GATE_AUDIT, rig_boot_time() + 1000 * SECOND);
	expect_all(false);
}

static void test_deadline(const void *row)
{
	(void)row;
	prepare();
	rig_link(GATE_ENFORCE, rig_boot_time() + 1000 * SECOND);
	expect_all(true);
	rig_link(GATE_ENFORCE, rig_boot_time() - 1);
	expect_all(false);
	rig_link(GATE_ENFORCE, 1);
	expect_all(false);
	rig_link(GATE_ENFORCE, UINT64_MAX);
	expect_all(true);
	/* Confirmed. */
	rig_link(GATE_ENFORCE, 0);
	expect_all(true);
}

/* Nobody does anything, and it falls back. */
static void test_expiry(const void *row)
{
	uint64_t deadline;

	(void)row;
	prepare();
	deadline = rig_boot_time() + SECOND / 2 * rig.slow;
	rig_link(GATE_ENFORCE, deadline);
	expect_all(true);
	if (rig_boot_time() >= deadline)
		rig_fail("this machine is too slow for the test");
	while (rig_boot_time() < deadline)
		usleep(10000);
	rig.enforces = false;
	expect_all(false);
}

void add_link_tests(void)
{
	rig_add_test("link: audit", test_audit, NULL);
	rig_add_test("link: deadlines in the past and the future", test_deadline, NULL);
	rig_add_test("link: a deadline passes", test_expiry, NULL);
}
