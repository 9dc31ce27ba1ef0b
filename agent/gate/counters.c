// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/counters.h"

#include <errno.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/change.h"
#include "agent/gate/link.h"

#define REASON_NAME(symbol, name, verdict, text) [GATE_##symbol] = (name),
#define REASON_TEXT(symbol, name, verdict, text) [GATE_##symbol] = (text),

const char *counters_reason_name(enum gate_reason reason)
{
	static const char *const names[] = {GATE_REASONS(REASON_NAME)};

	_Static_assert(ARRAY_SIZE(names) == GATE_REASON_COUNT, "a name for every reason");
	return reason < GATE_REASON_COUNT ? names[reason] : "unknown";
}

const char *counters_reason_text(enum gate_reason reason)
{
	static const char *const texts[] = {GATE_REASONS(REASON_TEXT)};

	return reason < GATE_REASON_COUNT ? texts[reason]
					  : "a reason that this apimgate does not know";
}

enum gate_verdict counters_reason_verdict(enum gate_reason reason)
{
	return GATE_REASON_DROPS >> reason & 1 ? GATE_VERDICT_DROP : GATE_VERDICT_PASS;
}

static void copy(struct counters *out, const struct gate_cpu *sum)
{
	memcpy(out->reason, sum->reason, sizeof(out->reason));
	memcpy(out->would_drop, sum->would_drop, sizeof(out->would_drop));
	memcpy(out->service_pass, sum->service_pass, sizeof(out->service_pass));
	memcpy(out->service_drop, sum->service_drop, sizeof(out->service_drop));
	memcpy(out->set, sum->set, sizeof(out->set));
	out->events_sent = sum->events_sent;
	out->events_lost = sum->events_lost;
	out->events_skipped = sum->skipped;
}

static int read_link(struct kernel *kernel, const char *device, struct counters *out,
		     struct report *report)
{
	struct link_programs programs = LINK_PROGRAMS_NONE;
	struct gate_cpu sum;
	int r;

	r = link_open(kernel, device, &programs, NULL, report);
	if (r < 0)
		return r;
	r = link_read_cpus(programs.cpus, &sum, report);
	link_programs_close(&programs);
	if (r < 0)
		return r;
	snprintf(out->device, sizeof(out->device), "%s", device);
	copy(out, &sum);
	return 0;
}

int counters_read(const struct gate_options *options, struct counters **out, size_t *count,
		  struct report *report)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	_cleanup_free_ char(*devices)[IF_NAMESIZE] = NULL;
	_cleanup_free_ struct counters *all = NULL;
	size_t device_count = 0, n = 0, i;
	int r;

	r = gate_open_kernel(options, &kernel, report);
	if (r == 0)
		r = link_list(kernel, &devices, &device_count, report);
	if (r < 0 && r != -ENOENT)
		return r;
	all = calloc(device_count + 1, sizeof(*all));
	if (!all)
		return report_errno(report, ENOMEM, "cannot read the counters");
	for (i = 0; i < device_count; i++) {
		r = read_link(kernel, devices[i], &all[n], report);
		if (r < 0 && r != -ENOENT)
			return r;
		n += r == 0;
	}
	*out = TAKE_PTR(all);
	*count = n;
	return 0;
}

void counters_add(struct counters *a, const struct counters *b)
{
	link_add_counts(a->reason, b->reason, ARRAY_SIZE(a->reason));
	link_add_counts(a->would_drop, b->would_drop, ARRAY_SIZE(a->would_drop));
	link_add_counts(a->service_pass, b->service_pass, ARRAY_SIZE(a->service_pass));
	link_add_counts(a->service_drop, b->service_drop, ARRAY_SIZE(a->service_drop));
	link_add_counts(a->set, b->set, ARRAY_SIZE(a->set));
	a->events_sent += b->events_sent;
	a->events_lost += b->events_lost;
	a->events_skipped += b->events_skipped;
}

int counters_read_hits(const struct gate_options *options, uint64_t **out, size_t *count,
		       struct report *report)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct generation generation;
	int r;

	*out = NULL;
	*count = 0;
	r = gate_open_kernel(options, &kernel, report);
	if (r == 0)
		r = generation_map(kernel, &generation, report);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = kernel_read_hits(kernel, &generation, out, count, report);
	generation_unmap(&generation);
	return r;
}
