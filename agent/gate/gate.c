// SPDX-License-Identifier: Apache-2.0
#include "agent/gate/gate.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/base/cleanup.h"
#include "agent/gate/change.h"
#include "agent/gate/document.h"
#include "agent/gate/guard.h"
#include "agent/gate/link.h"
#include "agent/gate/lock.h"
#include "agent/gate/state.h"

/* How long a command waits for another one that writes. */
#define LOCK_SECONDS 30

const char *gate_build(void)
{
	return kernel_build();
}

uint64_t gate_boot_time(uint32_t seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return ((uint64_t)now.tv_sec + seconds) * 1000000000 + (uint64_t)now.tv_nsec;
}

int gate_open_kernel(const struct gate_options *options, struct kernel **out, struct report *report)
{
	return kernel_open(options->pin_dir, out, report);
}

/* The policy of the running generation; -ENOENT, without an error, where there is none. */
static int read_running(struct kernel *kernel, struct policy **out, char **document, size_t *length,
			struct report *report)
{
	struct generation generation;
	int r;

	r = generation_map(kernel, &generation, report);
	if (r < 0)
		return r;
	r = generation_policy(&generation, out, report);
	if (r == 0 && document) {
		*length = generation.head->document_length;
		*document = strndup(generation_document(&generation), *length);
		if (!*document)
			r = report_errno(report, ENOMEM, "cannot read the running generation");
	}
	generation_unmap(&generation);
	return r;
}

int gate_read_policy(const struct gate_options *options, struct policy **out, bool *loaded,
		     struct report *report)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	int r;

	r = gate_open_kernel(options, &kernel, report);
	if (r == 0)
		r = read_running(kernel, out, NULL, NULL, report);
	if (loaded)
		*loaded = r == 0;
	return r == -ENOENT ? state_read(options->state_dir, out, report) : r;
}

static int compile_and_publish(struct kernel *kernel, const struct policy *policy,
			       const char *document, size_t length, struct report *report)
{
	_cleanup_(image_freep) struct image *image = NULL;
	int r;

	r = image_compile(policy, document, length, &image, report);
	return r < 0 ? r : kernel_publish(kernel, image, report);
}

/* Loads the gate with what the state file says, or with the policy of a new gate. */
static int load_saved(struct gate_change *change, struct report *report)
{
	_cleanup_free_ char *document = NULL;
	struct policy *policy = change->policy;
	size_t length;
	int r;

	r = state_recover(change->options.state_dir, &policy, report);
	if (r < 0)
		return r;
	change->policy = policy;
	policy_expire(policy, (uint64_t)time(NULL));
	r = document_write(policy, &document, &length);
	if (r < 0)
		return report_errno(report, -r, "cannot load the gate");
	r = compile_and_publish(change->kernel, policy, document, length, report);
	if (r < 0)
		return r;
	/* Read back, so that the slots and what runs are known like at any other change. */
	policy_free(TAKE_PTR(change->policy));
	return read_running(change->kernel, &change->policy, &change->document,
			    &change->document_length, report);
}

static int begin(struct gate_change *change, struct report *report)
{
	int r;

	r = kernel_make_pin_dir(change->options.pin_dir, report);
	if (r < 0)
		return r;
	change->lock = lock_acquire(change->options.pin_dir, LOCK_SECONDS, report);
	if (change->lock < 0)
		return change->lock;
	r = gate_open_kernel(&change->options, &change->kernel, report);
	if (r == -ENOENT)
		r = kernel_create(change->options.pin_dir, &change->kernel, report);
	if (r < 0)
		return r;
	r = read_running(change->kernel, &change->policy, &change->document,
			 &change->document_length, report);
	return r == -ENOENT ? load_saved(change, report) : r;
}

int gate_begin(const struct gate_options *options, struct gate_change **out, struct report *report)
{
	_cleanup_(gate_endp) struct gate_change *change = calloc(1, sizeof(*change));
	int r;

	if (!change)
		return report_errno(report, ENOMEM, "cannot begin a change");
	change->lock = -1;
	change->options = *options;
	r = begin(change, report);
	if (r < 0)
		return r;
	*out = TAKE_PTR(change);
	return 0;
}

struct policy *gate_policy(struct gate_change *change)
{
	return change->policy;
}

void gate_end(struct gate_change *change)
{
	if (!change)
		return;
	policy_free(change->policy);
	kernel_free(change->kernel);
	free(change->document);
	cleanup_close(&change->lock);
	free(change);
}

void gate_endp(struct gate_change **change)
{
	gate_end(*change);
}

int gate_any_enforcing(struct kernel *kernel, struct report *report)
{
	_cleanup_free_ char(*devices)[IF_NAMESIZE] = NULL;
	struct gate_link_info info;
	size_t count, i;
	int r;

	r = link_list(kernel, &devices, &count, report);
	if (r < 0)
		return r;
	for (i = 0; i < count; i++) {
		r = link_inspect(kernel, devices[i], &info, report);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		if (info.state == GATE_LINK_ATTACHED && info.enforce && !info.expired)
			return 1;
	}
	return 0;
}

/* The policy that runs, unless it was read before. */
static int read_before(const struct gate_change *change, struct policy **before,
		       struct report *report)
{
	if (*before)
		return 0;
	return document_read("the running generation", change->document, change->document_length,
			     before, report);
}

/*
 * What a commit may not do by mistake, whoever asks for it. Most changes need
 * no look at what there was before, which takes a while where lists are long.
 */
static int ask_guards(struct gate_change *change, struct report *report)
{
	_cleanup_(policy_freep) struct policy *before = NULL;
	int r;

	if (guard_default_drop(change->policy, NULL) < 0) {
		r = read_before(change, &before, report);
		if (r == 0 && !before->default_drop)
			r = guard_default_drop(change->policy, report);
		if (r < 0)
			return r;
	}
	if (change->session_was_asked)
		return 0;
	r = gate_any_enforcing(change->kernel, report);
	if (r <= 0 || guard_session(NULL, change->policy, NULL) == 0)
		return r < 0 ? r : 0;
	r = read_before(change, &before, report);
	return r < 0 ? r : guard_session(before, change->policy, report);
}

/* The state is written before the switch, where an error still costs nothing. */
static int save_and_publish(struct gate_change *change, const char *document, size_t length,
			    struct report *report)
{
	struct file_draft draft = {};
	int r = 0;

	if (!change->options.no_save)
		r = state_draft(change->options.state_dir, document, length, &draft, report);
	if (r == 0)
		r = compile_and_publish(change->kernel, change->policy, document, length, report);
	if (r == 0 && !change->options.no_save)
		r = state_commit(change->options.state_dir, &draft, report);
	file_draft_discard(&draft);
	return r;
}

/* Has the state file fallen behind what runs (a kill, or --no-save before)? */
static bool saved_is_current(struct gate_change *change)
{
	_cleanup_(policy_freep) struct policy *saved = NULL;
	struct report report = {};
	int r = state_read(change->options.state_dir, &saved, &report);

	report_clear(&report);
	return r == 0 && saved->generation == change->policy->generation;
}

static int save_again(struct gate_change *change, struct report *report)
{
	struct file_draft draft = {};
	int r;

	r = state_draft(change->options.state_dir, change->document, change->document_length,
			&draft, report);
	if (r == 0)
		r = state_commit(change->options.state_dir, &draft, report);
	file_draft_discard(&draft);
	return r;
}

/* What there is to do where the policy is what runs already. */
static int commit_nothing(struct gate_change *change, struct report *report)
{
	if (change->options.no_save || saved_is_current(change))
		return 0;
	return save_again(change, report);
}

int gate_commit(struct gate_change *change, bool force, struct report *report)
{
	_cleanup_free_ char *document = NULL;
	uint64_t running = change->policy->generation;
	bool is_same = false;
	size_t length;
	int r;

	policy_expire(change->policy, (uint64_t)time(NULL));
	change->policy->generation++;
	r = document_write(change->policy, &document, &length);
	if (r < 0)
		report_errno(report, -r, "cannot write the policy");
	else
		is_same = document_is_same(document, length, change->document,
					   change->document_length);
	if (r == 0 && !is_same && !force)
		r = ask_guards(change, report);
	if (r == 0 && !is_same)
		r = save_and_publish(change, document, length, report);
	if (r < 0 || is_same) {
		change->policy->generation = running;
		return r < 0 ? r : commit_nothing(change, report);
	}
	free(change->document);
	change->document = TAKE_PTR(document);
	change->document_length = length;
	return 0;
}

int gate_running(const struct gate_options *options, struct gate_running *out,
		 struct report *report)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	_cleanup_(policy_freep) struct policy *saved = NULL;
	struct generation generation = {};
	struct report ignored = {};
	int r;

	*out = (struct gate_running){.layout = GATE_LAYOUT};
	snprintf(out->build, sizeof(out->build), "%s", kernel_build());
	if (state_read(options->state_dir, &saved, &ignored) == 0)
		out->saved_generation = saved->generation;
	report_clear(&ignored);

	r = gate_open_kernel(options, &kernel, report);
	if (r == 0)
		r = generation_map(kernel, &generation, report);
	if (r < 0 || !generation.head)
		return r == -ENOENT ? 0 : r;
	out->loaded = true;
	out->generation = generation.head->generation;
	out->lookup_bytes = generation.head->lookup_bytes;
	out->kernel_bytes = generation_bytes(kernel, &generation);
	generation_unmap(&generation);
	return 0;
}
