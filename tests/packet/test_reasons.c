// SPDX-License-Identifier: Apache-2.0
/* Every reason by its plainest frame, and the gate that was never given a generation. */
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/counters.h"
#include "tests/packet/rig.h"

struct row {
	const char *policy;
	const char *frame;
	enum gate_reason reason;
};

#define WEB "set apim 20.1.2.0/24 2603:1030:1::/48; service web tcp 443 * apim;"

static const struct row rows[] = {
	{WEB, "v4 A>H tcp=1>443", GATE_ALLOWED},
	{WEB, "v4 D>H tcp=1>80", GATE_UNPROTECTED},
	{WEB, "arp", GATE_ARP},
	{WEB, "lldp", GATE_NON_IP},
	{WEB, "v6 D>H hop=255 icmp6=136", GATE_NEIGHBOUR},
	{WEB, "v6 D>H icmp6=1", GATE_ICMP_ERROR},
	{WEB, "v4 D>H udp=67>68", GATE_DHCP},
	{WEB "default drop;", "v4 P>H udp=53>4000", GATE_PLATFORM},
	{WEB "default drop;", "v4 D>H icmp=0", GATE_REPLY},
	{WEB "default drop;", "v6 D>H icmp6=129", GATE_REPLY},
	{WEB, "v4 D>H tcp=1>443", GATE_NOT_ALLOWED},
	{WEB "default drop;", "v4 D>H tcp=1>80", GATE_DEFAULT_DROP},
	{WEB "default drop;", "v4 A>H tcp=1>80", GATE_DEFAULT_DROP},
	{WEB, "v4 D>H off=1 next=6 data=8", GATE_FRAGMENT},
	{WEB, "v6 D>H dst dst dst dst dst dst dst dst dst tcp=1>443", GATE_EXT_HEADERS},
	{WEB, "v4 D>H ihl=4", GATE_MALFORMED},
	{WEB, "vlan vlan vlan vlan vlan arp", GATE_VLAN_DEPTH},
	{WEB "nonip drop;", "lldp", GATE_NON_IP_DROP},
	{WEB "nonip drop;", "type=0x0600", GATE_NON_IP_DROP},
	{WEB "nonip drop;", "arp", GATE_ARP},
	{WEB "nonip drop; default drop;", "arp", GATE_ARP},
	{WEB "default drop;", "lldp", GATE_NON_IP},
	/* Lengths of 802.3, and ethertypes that are one bit or one swap off. */
	{WEB, "type=46 data=46", GATE_NON_IP},
	{WEB, "type=0x0008 data=46", GATE_NON_IP},
	{WEB, "type=0x0081 data=46", GATE_NON_IP},
	{WEB, "type=0xdd86 data=46", GATE_NON_IP},
	{WEB, "type=0x0801 data=46", GATE_NON_IP},
	{WEB, "type=0x9100 data=46", GATE_NON_IP},
	{WEB, "type=0x0000", GATE_NON_IP},
	{WEB, "type=0xffff", GATE_NON_IP},
};

static void test_rows(const void *row)
{
	size_t i;

	(void)row;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		rig_policy("%s", rows[i].policy);
		rig_expect(rows[i].reason, "%s", rows[i].frame);
	}
}

/* Runs the frame where nothing was published: every frame has to drop. */
static void expect_closed(struct link_programs *programs, const struct frame *f)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = f->bytes,
		    .data_size_in = (uint32_t)f->length, .repeat = 1);
	struct gate_explanation said = {};
	struct gate_cpu cpu;
	uint32_t zero = 0;

	if (bpf_prog_test_run_opts(programs->probe, &options) < 0 ||
	    bpf_map_lookup_elem(programs->explanation, &zero, &said) < 0)
		rig_fail("the probe does not run");
	if (options.retval != 1 || said.reason != GATE_NO_GENERATION || said.would_drop)
		rig_fail("the probe returns %u, reason %u", options.retval, said.reason);
	if (bpf_prog_test_run_opts(programs->program, &options) < 0 || options.retval != 1)
		rig_fail("the program returns %u", options.retval);
	if (link_read_cpus(programs->cpus, &cpu, NULL) < 0 ||
	    cpu.reason[GATE_NO_GENERATION].packets != 1 ||
	    cpu.reason[GATE_NO_GENERATION].bytes != f->length)
		rig_fail("no-generation is not counted");
	rig.expected[GATE_NO_GENERATION]++;
}

static void test_no_generation(const void *row)
{
	const struct gate_link_config config = {.policy = GATE_ENFORCE};
	struct link_programs programs = LINK_PROGRAMS_NONE;
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	_cleanup_free_ char *directory = rig_pin_dir("empty");
	struct report report = {};
	int r;

	(void)row;
	r = kernel_make_pin_dir(directory, &report);
	if (r == 0)
		r = kernel_create(directory, &kernel, &report);
	if (r == 0)
		r = link_load(kernel, &programs, &report);
	if (r == 0)
		r = link_config_write(programs.config, &config, &report);
	frame_parse(f, "arp");
	if (r < 0)
		rig_fail("%s", report.error);
	else
		expect_closed(&programs, f);
	link_programs_close(&programs);
	report_clear(&report);
}

/* The mask of drops and the table of names have to say the same. */
static void test_verdicts(const void *row)
{
	unsigned int reason;

	(void)row;
	for (reason = 0; reason < GATE_REASON_COUNT; reason++) {
		bool drops = GATE_REASON_DROPS >> reason & 1;

		if (drops != (counters_reason_verdict(reason) == GATE_VERDICT_DROP))
			rig_fail("%s: two opinions on its verdict", counters_reason_name(reason));
		if (!*counters_reason_text(reason))
			rig_fail("%s has no text", counters_reason_name(reason));
	}
}

static void test_complete(const void *row)
{
	unsigned int reason;

	(void)row;
	for (reason = 0; reason < GATE_REASON_COUNT; reason++)
		if (!rig.expected[reason])
			rig_fail("no test reaches reason %s", counters_reason_name(reason));
}

void add_reason_tests(void)
{
	rig_add_test("reasons: the plainest frame of each", test_rows, NULL);
	rig_add_test("reasons: no generation drops everything", test_no_generation, NULL);
	rig_add_test("reasons: verdicts and names", test_verdicts, NULL);
}

void add_completeness_test(void)
{
	rig_add_test("reasons: each was reached by a test", test_complete, NULL);
}
