// SPDX-License-Identifier: Apache-2.0
/* Reading the running generation, and from it the policy that it was made from. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/base/cleanup.h"
#include "agent/gate/document.h"
#include "agent/gate/inner.h"

/* NULL with errno set where fd is none, too. */
static const void *map_inner(int fd, size_t length)
{
	const void *view;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	view = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
	return view == MAP_FAILED ? NULL : view;
}

/* Takes the head that is in force, and the notes that it names: they belong together. */
static int map_once(struct kernel *kernel, struct generation *out)
{
	_cleanup_close_ int head = -1, notes = -1;
	uint32_t zero = 0, id;
	int r;

	r = bpf_map_lookup_elem(kernel->heads, &zero, &id);
	if (r < 0)
		return r;
	head = inner_open(kernel, "head", id);
	out->head = map_inner(head, GATE_HEAD_SIZE);
	if (!out->head)
		return -errno;
	out->notes_length = out->head->slots_count * sizeof(uint32_t) + out->head->document_length;
	notes = inner_open(kernel, "notes", out->head->notes);
	out->notes = map_inner(notes, out->notes_length);
	return out->notes ? 0 : -errno;
}

int generation_map(struct kernel *kernel, struct generation *out, struct report *report)
{
	int tries, r = -EAGAIN;
	uint32_t zero = 0, id;

	*out = (struct generation){};
	if (bpf_map_lookup_elem(kernel->heads, &zero, &id) == -ENOENT)
		return -ENOENT;
	/* A writer may remove the one that we found; it cannot do so every time. */
	for (tries = 0; tries < 100; tries++) {
		r = map_once(kernel, out);
		if (r == 0)
			return 0;
		generation_unmap(out);
	}
	return report_errno(report, -r, "cannot read the running generation");
}

void generation_unmap(struct generation *generation)
{
	if (generation->head)
		munmap((void *)(uintptr_t)generation->head, GATE_HEAD_SIZE);
	if (generation->notes)
		munmap((void *)(uintptr_t)generation->notes, generation->notes_length);
	*generation = (struct generation){};
}

const char *generation_document(const struct generation *generation)
{
	return (const char *)generation->notes + generation->head->slots_count * sizeof(uint32_t);
}

static int damaged(struct report *report)
{
	return report_error(report, REPORT_FAILED, EBADMSG,
			    "detach the links and attach them again: the state file has the policy",
			    "the running generation does not hold together");
}

/* Gives every entry the slot of its prefix; fails where the numbers do not match. */
static int take_slots(struct policy *policy, const uint32_t *slots, uint32_t count)
{
	size_t i, at = 0;

	for (i = 0; i < policy->entry_count; i++) {
		if (i && prefix_compare(&policy->entries[i - 1].prefix, &policy->entries[i].prefix))
			at++;
		if (at >= count)
			return -EBADMSG;
		policy->entries[i].slot = slots[at];
	}
	return policy->entry_count && at + 1 != count ? -EBADMSG : 0;
}

static void take_running(struct policy *policy)
{
	int i;

	policy->running_sets = policy->running_services = 0;
	for (i = 0; i < GATE_MAX_SETS; i++)
		policy->running_sets |= policy->sets[i].name[0] ? 1ULL << i : 0;
	for (i = 0; i < GATE_MAX_SERVICES; i++)
		policy->running_services |= policy->services[i].name[0] ? 1ULL << i : 0;
}

int generation_policy(const struct generation *generation, struct policy **out,
		      struct report *report)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	const struct gate_head *head = generation->head;
	size_t size = (size_t)head->slots_count * sizeof(uint32_t);
	const uint32_t *slots = (const uint32_t *)generation->notes;
	int r;

	r = document_read("the running generation", generation_document(generation),
			  head->document_length, &policy, report);
	if (r < 0)
		return r;
	if (take_slots(policy, slots, head->slots_count) < 0)
		return damaged(report);
	policy->running_slots = malloc(size ? size : 1);
	if (!policy->running_slots)
		return report_errno(report, ENOMEM, "cannot read the running generation");
	memcpy(policy->running_slots, slots, size);
	policy->running_slot_count = head->slots_count;
	take_running(policy);
	*out = TAKE_PTR(policy);
	return 0;
}
