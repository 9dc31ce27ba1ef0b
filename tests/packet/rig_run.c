// SPDX-License-Identifier: Apache-2.0
/* Runs frames through both programs and holds them against each other and the model. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/cleanup.h"
#include "agent/gate/counters.h"
#include "tests/packet/model.h"
#include "tests/packet/rig.h"

/* Prints no more than this of one test. */
#define FAILURES_SHOWN 12

static char context[512];

void rig_context(const char *format, ...)
{
	va_list arguments;

	*context = '\0';
	if (!format)
		return;
	va_start(arguments, format);
	vsnprintf(context, sizeof(context), format, arguments);
	va_end(arguments);
}

void rig_fail(const char *format, ...)
{
	va_list arguments;

	if (rig.failures++ >= FAILURES_SHOWN)
		return;
	fprintf(stderr, "  ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "%s%s\n", *context ? "\n      with " : "", context);
}

static void print_frame(const uint8_t *frame, size_t length)
{
	size_t i;

	if (rig.failures > FAILURES_SHOWN)
		return;
	fprintf(stderr, "      frame of %zu bytes:", length);
	for (i = 0; i < length && i < 200; i++)
		fprintf(stderr, "%s%02x", i % 2 ? "" : " ", frame[i]);
	fprintf(stderr, "\n");
}

void rig_link(enum gate_link_policy policy, uint64_t deadline)
{
	const struct gate_link_config config = {.policy = policy, .deadline = deadline};

	if (link_config_write(rig.programs.config, &config, NULL) < 0)
		abort();
	rig.enforces = policy == GATE_ENFORCE && (!deadline || deadline > rig_boot_time());
}

/* The counters as they were after the last frame, unless something else ran since. */
static struct gate_cpu known;
static bool is_known;

void rig_forget(void)
{
	is_known = false;
}

struct gate_cpu rig_counters(void)
{
	struct gate_cpu cpu;

	if (link_read_cpus(rig.programs.cpus, &cpu, NULL) < 0)
		abort();
	return cpu;
}

uint64_t rig_services(const char *letters)
{
	uint64_t mask = 0;

	for (; *letters; letters++) {
		const char name[2] = {*letters};
		int number = policy_find_service(rig.policy, name, NULL);

		if (number < 0)
			abort();
		mask |= 1ULL << number;
	}
	return mask;
}

uint64_t rig_hits(const char *text)
{
	_cleanup_free_ uint64_t *hits = NULL;
	const struct policy *policy = rig.policy;
	struct prefix prefix;
	size_t count, i;

	if (prefix_parse(text, strlen(text), &prefix) != PREFIX_OK ||
	    counters_read_hits(&rig.options, &hits, &count, NULL) < 0)
		abort();
	for (i = 0; i < policy->entry_count; i++)
		if (!prefix_compare(&policy->entries[i].prefix, &prefix))
			return policy->entries[i].slot < count ? hits[policy->entries[i].slot] : 0;
	return 0;
}

static int run_program(int program, const uint8_t *frame, size_t length, uint32_t times,
		       uint32_t *verdict)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = (uint32_t)length,
		    .repeat = (int)times);
	int r = bpf_prog_test_run_opts(program, &options);

	*verdict = options.retval;
	return r;
}

void rig_flood(const struct frame *frame, uint32_t times)
{
	uint32_t verdict;

	rig_forget();
	if (run_program(rig.programs.program, frame->bytes, frame->length, times, &verdict) < 0)
		rig_fail("the program does not run");
}

static void add(struct gate_count *count, size_t length)
{
	count->packets++;
	count->bytes += length;
}

/* What the counters have to be after a frame of which the probe said this. */
static void predict(struct gate_cpu *cpu, const struct gate_explanation *said, size_t length)
{
	if (said->reason >= GATE_REASON_COUNT)
		return;
	add(said->would_drop ? &cpu->would_drop[said->reason] : &cpu->reason[said->reason], length);
	if (said->service >= GATE_MAX_SERVICES)
		return;
	if (said->reason != GATE_ALLOWED) {
		add(&cpu->service_drop[said->service], length);
		return;
	}
	add(&cpu->service_pass[said->service], length);
	if (said->set < GATE_MAX_SETS)
		add(&cpu->set[said->set], length);
}

/* Events and their budget are another test's matter. */
static bool same_counts(const struct gate_cpu *a, const struct gate_cpu *b)
{
	return !memcmp(a, b, offsetof(struct gate_cpu, window));
}

static bool consistent(const struct outcome *outcome, uint32_t verdict)
{
	const struct gate_explanation *said = &outcome->said;
	bool drops;

	if (said->reason >= GATE_REASON_COUNT || verdict > XDP_TX)
		return false;
	drops = GATE_REASON_DROPS >> said->reason & 1;
	if (said->would_drop != (drops && !rig.enforces))
		return false;
	return outcome->drops == (drops && rig.enforces);
}

struct outcome rig_run(const uint8_t *frame, size_t length)
{
	struct outcome outcome = {};
	struct gate_cpu before, after;
	uint32_t probe = 0, program = 0, zero = 0;
	int r;

	rig.frames++;
	r = run_program(rig.programs.probe, frame, length, 1, &probe);
	if (r == 0)
		r = bpf_map_lookup_elem(rig.programs.explanation, &zero, &outcome.said);
	before = is_known ? known : rig_counters();
	if (r == 0)
		r = run_program(rig.programs.program, frame, length, 1, &program);
	after = known = rig_counters();
	is_known = true;
	if (r < 0) {
		rig_fail("a frame of %zu bytes does not run: %s", length, strerror(-r));
		return outcome;
	}
	outcome.ran = true;
	outcome.drops = program == XDP_DROP;
	predict(&before, &outcome.said, length);
	if (probe != program || !consistent(&outcome, program)) {
		rig_fail("probe returns %u, program %u, reason %u, would drop %u", probe, program,
			 outcome.said.reason, outcome.said.would_drop);
		print_frame(frame, length);
	} else if (!same_counts(&before, &after)) {
		rig_fail("the counters are not what reason %s makes them",
			 counters_reason_name(outcome.said.reason));
		print_frame(frame, length);
	}
	return outcome;
}

static int same_number(int expected, uint8_t said, int none)
{
	return said == (expected < 0 ? none : expected);
}

/* Is what the probe said what the model says? */
static bool agrees(const uint8_t *frame, size_t length, const struct gate_explanation *said)
{
	struct model_verdict v;

	model_judge(rig.policy, (uint64_t)time(NULL), frame, length, &v);
	if (said->reason == v.reason && said->candidates == v.candidates && said->slot == v.slot &&
	    same_number(v.service, said->service, GATE_NO_SERVICE) &&
	    same_number(v.set, said->set, GATE_MAX_SETS) &&
	    said->generation == rig.policy->generation)
		return true;
	rig_fail("model: %s, candidates %llx, service %d, set %d, slot %u; program: %s, candidates "
		 "%llx, service %u, set %u, slot %u",
		 counters_reason_name(v.reason), (unsigned long long)v.candidates, v.service, v.set,
		 v.slot, counters_reason_name(said->reason), (unsigned long long)said->candidates,
		 said->service, said->set, said->slot);
	print_frame(frame, length);
	return false;
}

bool rig_agrees(const uint8_t *frame, size_t length)
{
	struct outcome outcome = rig_run(frame, length);

	return outcome.ran && agrees(frame, length, &outcome.said);
}

static struct outcome expect_reason(const uint8_t *frame, size_t length, enum gate_reason reason,
				    const char *text)
{
	struct outcome outcome = rig_run(frame, length);

	if (!outcome.ran)
		return outcome;
	rig.expected[reason]++;
	if (outcome.said.reason != reason) {
		rig_fail("'%s' is %s, expected %s", text, counters_reason_name(outcome.said.reason),
			 counters_reason_name(reason));
		print_frame(frame, length);
	}
	return outcome;
}

struct outcome rig_expect_frame(const struct frame *frame, enum gate_reason reason)
{
	struct outcome outcome = expect_reason(frame->bytes, frame->length, reason, "a frame");

	if (outcome.ran)
		agrees(frame->bytes, frame->length, &outcome.said);
	return outcome;
}

struct outcome rig_expect(enum gate_reason reason, const char *format, ...)
{
	_cleanup_free_ struct frame *frame = malloc(sizeof(*frame));
	_cleanup_free_ char *text = NULL;
	struct outcome outcome;
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (r < 0 || !frame)
		abort();
	frame_parse(frame, text);
	outcome = expect_reason(frame->bytes, frame->length, reason, text);
	if (outcome.ran)
		agrees(frame->bytes, frame->length, &outcome.said);
	return outcome;
}

struct outcome rig_expect_reply(bool reply, const char *format, ...)
{
	_cleanup_free_ struct frame *frame = malloc(sizeof(*frame));
	_cleanup_free_ char *text = NULL;
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (r < 0 || !frame)
		abort();
	frame_parse(frame, text);
	return expect_reason(frame->bytes, frame->length, reply ? GATE_REPLY : GATE_DEFAULT_DROP,
			     text);
}
