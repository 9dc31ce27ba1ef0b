// SPDX-License-Identifier: Apache-2.0
/* From the running generation back to the policy that it was made from. */
#include <errno.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/document.h"
#include "agent/gate/kernel.h"

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
	const char *text = generation_at(generation, head->document, head->document_length);
	const uint32_t *slots = generation_at(generation, head->slots, size);
	int r;

	if (!text || !slots)
		return damaged(report);
	r = document_read("the running generation", text, head->document_length, &policy, report);
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
