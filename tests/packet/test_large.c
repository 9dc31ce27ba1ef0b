// SPDX-License-Identifier: Apache-2.0
/* Frames of more than one buffer, where the kernel has them (Linux 5.18). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "agent/base/cleanup.h"
#include "tests/packet/rig.h"

/* More than any page with its headroom. */
#define LARGE 9000

static bool kernel_can(void)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));

	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = f->bytes, .data_size_in = LARGE,
		    .repeat = 1);
	frame_parse(f, "v4 D>H tcp=1>443 data=8946");
	return bpf_prog_test_run_opts(rig.programs.probe, &options) == 0;
}

static void expect_sizes(const char *head, enum gate_reason reason)
{
	static const int sizes[] = {3466, 3467, 4000, 8946, 30000, 61000};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		rig_expect(reason, "%s data=%d", head, sizes[i]);
}

static void test_large(const void *row)
{
	(void)row;
	rig_policy("set apim 20.1.2.0/24 2603:1030:1::/48; service web tcp 443 * apim;");
	if (!kernel_can()) {
		print_message("skipped: this kernel runs no frame of more than one buffer\n");
		skip();
	}
	expect_sizes("v4 A>H tcp=1>443", GATE_ALLOWED);
	expect_sizes("v4 D>H tcp=1>443", GATE_NOT_ALLOWED);
	expect_sizes("v4 D>H tcp=1>80", GATE_UNPROTECTED);
	expect_sizes("vlan qinq v4 D>H opts=40 tcp=1>443", GATE_NOT_ALLOWED);
	expect_sizes("v6 A>H tcp=1>443", GATE_ALLOWED);
	expect_sizes("v6 D>H hbh dst tcp=1>443", GATE_NOT_ALLOWED);
	expect_sizes("v6 D>H fh=1 next=6", GATE_FRAGMENT);
	/* Lengths that say more than all buffers hold. */
	rig_expect(GATE_ALLOWED, "v4 A>H tcp=1>443 data=8946 total=8986");
	rig_expect(GATE_MALFORMED, "v4 A>H tcp=1>443 data=8946 total=8987");
	rig_expect(GATE_MALFORMED, "v4 A>H tcp=1>443 data=8946 cut=1");
	rig_expect(GATE_MALFORMED, "v4 A>H tcp=1>443 data=8946 total=65535");
	rig_expect(GATE_ALLOWED, "v6 A>H tcp=1>443 data=8946 plen=8966");
	rig_expect(GATE_MALFORMED, "v6 A>H tcp=1>443 data=8946 plen=8967");
	rig_expect(GATE_MALFORMED, "v6 A>H tcp=1>443 data=8946 cut=1");
	rig_expect(GATE_ALLOWED, "v4 A>H tcp=1>443 data=65495");
}

static void expect_drop(const char *text)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	struct outcome o;

	frame_parse(f, text);
	o = rig_run(f->bytes, f->length);
	if (o.ran && !o.drops)
		rig_fail("'%s' passes", text);
}

/* 2 x 2,048 bytes of options end behind the first 3,520 bytes. What is not seen drops. */
static void test_split(const void *row)
{
	(void)row;
	rig_policy("set apim 20.1.2.0/24 2603:1030:1::/48; service all any * * apim;");
	if (!kernel_can()) {
		print_message("skipped: this kernel runs no frame of more than one buffer\n");
		skip();
	}
	expect_drop("v6 D>H dst=2048 dst=2048 tcp=1>443 data=100");
	expect_drop("v6 D>H dst=2048 dst=2048 hop=255 icmp6=135 data=100");
	expect_drop("v6 D>H dst=2048 dst=2048 udp=547>546 data=100");
	expect_drop("v6 D>H dst=2048 dst=2048 next=47 data=100");
}

void add_large_tests(void)
{
	rig_add_test("large: frames of several buffers", test_large, NULL);
	rig_add_test("large: headers behind the first buffer", test_split, NULL);
}
