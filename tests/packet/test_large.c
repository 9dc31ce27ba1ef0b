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
#include <linux/bpf.h>

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

/* Runs the program with only so many bytes in the first buffer. */
static int run_split(const struct frame *f, size_t first, uint32_t *verdict)
{
	struct xdp_md context = {.data_end = (uint32_t)first};

	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = f->bytes,
		    .data_size_in = (uint32_t)f->length, .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = 1);
	int r = bpf_prog_test_run_opts(rig.programs.program, &options);

	*verdict = options.retval;
	return r;
}

/* A driver may put as little as it likes into the first buffer. */
static void test_first_buffer(const void *row)
{
	static const char *const frames[] = {"v4 D>H opts=8 tcp=1>443 data=100",
					     "vlan v4 D>H mf udp=1>443 data=104",
					     "v6 D>H hbh dst tcp=1>443 data=100",
					     "v6 D>H fh=0+ dst tcp=1>443 data=100",
					     "v6 D>H hbh tcp=1>443 plen=0 data=100"};
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	uint32_t verdict;
	size_t i, first;

	(void)row;
	rig_policy("set apim 20.1.2.0/24 2603:1030:1::/48; service all any * * apim;");
	frame_parse(f, frames[0]);
	if (run_split(f, 64, &verdict) < 0) {
		print_message("skipped: this kernel does not let a test split a frame\n");
		skip();
	}
	frame_parse(f, "v4 A>H opts=8 tcp=1>443 data=100");
	if (run_split(f, 64, &verdict) < 0 || verdict != XDP_PASS)
		rig_fail("headers in the first buffer are not enough");
	for (i = 0; i < ARRAY_SIZE(frames); i++) {
		frame_parse(f, frames[i]);
		for (first = 14; first < f->length; first++)
			if (run_split(f, first, &verdict) == 0 && verdict != XDP_DROP)
				rig_fail("'%s' passes with %zu bytes in the first buffer",
					 frames[i], first);
	}
	rig_forget();
}

void add_large_tests(void)
{
	rig_add_test("large: frames of several buffers", test_large, NULL);
	rig_add_test("large: little in the first buffer", test_first_buffer, NULL);
	rig_add_test("large: headers behind the first buffer", test_split, NULL);
}
