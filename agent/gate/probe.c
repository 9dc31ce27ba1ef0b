// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/file.h>

#include "agent/base/cleanup.h"
#include "agent/gate/change.h"
#include "agent/gate/counters.h"
#include "agent/gate/link.h"
#include "agent/gate/lock.h"

/* A frame: Ethernet, IPv4 or IPv6, and enough of a transport header. */
#define FRAME_SIZE 96
#define LOCK_SECONDS 10

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static size_t put_ipv4(uint8_t *at, const struct probe_question *q, uint16_t payload)
{
	at[0] = 0x45;
	put16(at + 2, (uint16_t)(20 + payload));
	at[8] = 64;
	at[9] = q->proto;
	memcpy(at + 12, q->source, 4);
	memcpy(at + 16, q->destination, 4);
	return 20;
}

static size_t put_ipv6(uint8_t *at, const struct probe_question *q, uint16_t payload)
{
	at[0] = 0x60;
	put16(at + 4, payload);
	at[6] = q->proto;
	at[7] = 64;
	memcpy(at + 8, q->source, 16);
	memcpy(at + 24, q->destination, 16);
	return 40;
}

/* A new connection's first packet; for ICMP an echo request. */
static size_t make_frame(const struct probe_question *q, uint8_t frame[FRAME_SIZE])
{
	uint16_t payload = 20;
	uint8_t *at = frame + 14;

	memset(frame, 0, FRAME_SIZE);
	put16(frame + 12, q->family == 4 ? 0x0800 : 0x86dd);
	at += q->family == 4 ? put_ipv4(at, q, payload) : put_ipv6(at, q, payload);
	if (q->proto == IPPROTO_ICMP)
		at[0] = 8;
	if (q->proto == IPPROTO_ICMPV6)
		at[0] = 128;
	if (q->proto == IPPROTO_TCP || q->proto == IPPROTO_UDP) {
		put16(at, q->sport);
		put16(at + 2, q->dport);
	}
	if (q->proto == IPPROTO_TCP) {
		at[12] = 5 << 4;
		at[13] = 0x02; /* SYN */
	}
	return (size_t)(at - frame) + payload;
}

static int run(const struct link_programs *programs, const void *frame, size_t length,
	       struct gate_explanation *explanation, uint32_t *verdict, struct report *report)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = (uint32_t)length,
		    .repeat = 1);
	uint32_t zero = 0;
	int r;

	r = bpf_prog_test_run_opts(programs->probe, &options);
	if (r == -EINVAL && length < 14)
		return report_error(report, REPORT_USAGE, EINVAL, NULL,
				    "the kernel tries no frame shorter than 14 bytes");
	if (r < 0)
		return report_errno(report, -r, "cannot run the gate's program");
	r = bpf_map_lookup_elem(programs->explanation, &zero, explanation);
	if (r < 0)
		return report_errno(report, -r, "cannot read the program's explanation");
	*verdict = options.retval;
	return 0;
}

/* With no link: a pair of its own, which enforces. */
static int load_alone(struct kernel *kernel, struct link_programs *programs, struct report *report)
{
	const struct gate_link_config config = {.policy = GATE_ENFORCE};
	int r;

	r = link_load(kernel, programs, report);
	return r < 0 ? r : link_config_write(programs->config, &config, report);
}

/* Opens the probe to ask: of the device, else of the first link, else one for this question. */
static int choose(struct kernel *kernel, const char *device, struct link_programs *programs,
		  char name[IF_NAMESIZE], struct report *report)
{
	_cleanup_free_ char(*devices)[IF_NAMESIZE] = NULL;
	size_t count, i;
	int r;

	name[0] = '\0';
	if (device) {
		r = link_open(kernel, device, programs, NULL, report);
		if (r == -ENOENT)
			return report_error(report, REPORT_NOT_FOUND, ENOENT,
					    "leave out 'dev' to ask the policy alone",
					    "no link is attached to %s", device);
		snprintf(name, IF_NAMESIZE, "%s", device);
		return r;
	}
	r = link_list(kernel, &devices, &count, report);
	for (i = 0; r == 0 && i < count; i++) {
		r = link_open(kernel, devices[i], programs, NULL, report);
		if (r == 0) {
			memcpy(name, devices[i], IF_NAMESIZE);
			return 0;
		}
		r = r == -ENOENT ? 0 : r;
	}
	return r < 0 ? r : load_alone(kernel, programs, report);
}

static void name_prefix(struct probe_answer *answer, const struct policy *policy, uint32_t slot)
{
	size_t i;

	for (i = 0; slot && i < policy->entry_count; i++) {
		if (policy->entries[i].slot != slot)
			continue;
		answer->has_prefix = true;
		answer->prefix = policy->entries[i].prefix;
		return;
	}
}

static void name_all(struct probe_answer *answer, const struct policy *policy,
		     const struct gate_explanation *e)
{
	if (e->service < GATE_MAX_SERVICES)
		snprintf(answer->service, sizeof(answer->service), "%s",
			 policy->services[e->service].name);
	if (e->set < GATE_MAX_SETS)
		snprintf(answer->set, sizeof(answer->set), "%s", policy->sets[e->set].name);
	name_prefix(answer, policy, e->slot);
}

static void fill(struct probe_answer *answer, const struct gate_explanation *e, uint32_t verdict)
{
	answer->verdict = verdict == XDP_PASS ? GATE_VERDICT_PASS : GATE_VERDICT_DROP;
	answer->reason = e->reason;
	answer->would_drop = e->would_drop;
	answer->generation = e->generation;
}

/* The lock keeps other probes off the explanation, and writers off the names. */
static int ask_locked(const struct gate_options *options, struct kernel *kernel, const char *device,
		      const void *frame, size_t length, struct probe_answer *answer,
		      struct report *report)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct link_programs programs = LINK_PROGRAMS_NONE;
	struct gate_explanation explanation = {};
	uint32_t verdict = XDP_DROP;
	int r;

	*answer = (struct probe_answer){};
	r = choose(kernel, device, &programs, answer->device, report);
	if (r == 0)
		r = run(&programs, frame, length, &explanation, &verdict, report);
	link_programs_close(&programs);
	if (r < 0)
		return r;
	fill(answer, &explanation, verdict);
	r = gate_read_policy(options, &policy, NULL, report);
	if (r == 0)
		name_all(answer, policy, &explanation);
	return r;
}

int probe_ask_frame(const struct gate_options *options, const char *device, const void *frame,
		    size_t length, struct probe_answer *answer, struct report *report)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	_cleanup_close_ int lock = -1;
	int r;

	r = gate_open_kernel(options, &kernel, report);
	if (r == -ENOENT)
		return report_error(report, REPORT_NOT_FOUND, ENOENT,
				    "'apimgate restore' loads what is saved; so does any change",
				    "no gate is loaded in %s", options->pin_dir);
	if (r < 0)
		return r;
	lock = lock_acquire(options->pin_dir, LOCK_SECONDS, report);
	if (lock < 0)
		return lock;
	return ask_locked(options, kernel, device, frame, length, answer, report);
}

int probe_ask(const struct gate_options *options, const struct probe_question *question,
	      struct probe_answer *answer, struct report *report)
{
	uint8_t frame[FRAME_SIZE];
	size_t length = make_frame(question, frame);

	return probe_ask_frame(options, question->device, frame, length, answer, report);
}
