// SPDX-License-Identifier: Apache-2.0
/* Links, as gate.h has them: what is in the kernel and what is in the policy, together. */
#include <errno.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/change.h"
#include "agent/gate/guard.h"
#include "agent/gate/iface.h"
#include "agent/gate/link.h"

/* ---- what there is ---- */

/* Adds what is in the policy to what is pinned. */
static void add_from_policy(struct gate_link_info *links, size_t *count,
			    const struct policy *policy)
{
	const struct policy_link *link;
	size_t j;
	int i;

	for (i = 0; i < POLICY_MAX_LINKS; i++) {
		link = &policy->links[i];
		if (!link->device[0])
			continue;
		for (j = 0; j < *count; j++)
			if (!strcmp(links[j].device, link->device))
				break;
		if (j < *count)
			continue;
		links[*count] = (struct gate_link_info){.state = GATE_LINK_MISSING,
							.ifindex = if_nametoindex(link->device),
							.asked = link->mode,
							.enforce = link->enforce};
		memcpy(links[(*count)++].device, link->device, sizeof(link->device));
	}
}

static int compare_links(const void *a, const void *b)
{
	return strcmp(((const struct gate_link_info *)a)->device,
		      ((const struct gate_link_info *)b)->device);
}

static int add_pinned(struct kernel *kernel, char (*devices)[IF_NAMESIZE], size_t device_count,
		      struct gate_link_info *links, size_t *count, struct report *report)
{
	size_t i;
	int r;

	for (i = 0; i < device_count; i++) {
		r = link_inspect(kernel, devices[i], &links[*count], report);
		if (r == -ENOENT)
			continue; /* half-made by a killed attach */
		if (r < 0)
			return r;
		(*count)++;
	}
	return 0;
}

int gate_links(const struct gate_options *options, struct gate_link_info **out, size_t *count,
	       struct report *report)
{
	_cleanup_free_ char(*devices)[IF_NAMESIZE] = NULL;
	_cleanup_free_ struct gate_link_info *links = NULL;
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	_cleanup_(policy_freep) struct policy *policy = NULL;
	size_t device_count = 0, n = 0;
	int r;

	r = gate_read_policy(options, &policy, NULL, report);
	if (r < 0)
		return r;
	r = gate_open_kernel(options, &kernel, report);
	if (r == 0)
		r = link_list(kernel, &devices, &device_count, report);
	if (r < 0 && r != -ENOENT)
		return r;
	links = calloc(device_count + POLICY_MAX_LINKS, sizeof(*links));
	if (!links)
		return report_errno(report, ENOMEM, "cannot list the links");
	r = add_pinned(kernel, devices, device_count, links, &n, report);
	if (r < 0)
		return r;
	add_from_policy(links, &n, policy);
	if (n)
		qsort(links, n, sizeof(*links), compare_links);
	*out = TAKE_PTR(links);
	*count = n;
	return 0;
}

/* ---- changes ---- */

static int no_such_link(const char *device, struct report *report)
{
	return report_error(report, REPORT_NOT_FOUND, ENOENT,
			    "'apimgate link show' lists the links; 'apimgate link attach dev NAME' "
			    "makes one",
			    "no link is attached to %s", device);
}

/* The attached link's info and open pins; anything but attached is an error. */
static int open_attached(struct gate_change *change, const char *device,
			 struct gate_link_info *info, struct link_programs *programs,
			 struct report *report)
{
	int r;

	r = link_inspect(change->kernel, device, info, report);
	if (r == -ENOENT)
		return no_such_link(device, report);
	if (r < 0)
		return r;
	if (info->state != GATE_LINK_ATTACHED)
		return report_error(report, REPORT_FAILED, ENODEV,
				    "attach it again: 'apimgate restore'",
				    "the interface %s is gone or was made anew since the link was "
				    "attached",
				    device);
	return link_open(change->kernel, device, programs, NULL, report);
}

static int record_link(struct gate_change *change, const char *device, enum policy_link_mode mode,
		       bool enforce, struct report *report)
{
	struct policy_link link = {.mode = mode, .enforce = enforce};

	snprintf(link.device, sizeof(link.device), "%s", device);
	return policy_set_link(change->policy, &link, report);
}

/* Enforcing must not shut out who asks for it, unless it ends by itself. */
static int ask_session(struct gate_change *change, bool enforce, uint32_t confirm, bool force,
		       struct report *report)
{
	change->session_was_asked = true;
	if (!enforce || confirm || force)
		return 0;
	return guard_session(NULL, change->policy, report);
}

static struct gate_link_config config_for(bool enforce, uint32_t confirm,
					  enum policy_link_mode asked)
{
	struct gate_link_config config = {.policy = enforce ? GATE_ENFORCE : GATE_AUDIT,
					  .asked = asked};

	if (enforce && confirm)
		config.deadline = gate_boot_time(confirm);
	snprintf(config.build, sizeof(config.build), "%s", kernel_build());
	return config;
}

/* A link on trial enforces only until then: the next boot begins in audit. */
static int commit_policy(struct gate_change *change, const char *device, int config,
			 enum policy_link_mode mode, bool enforce, uint32_t confirm, bool force,
			 struct report *report)
{
	struct gate_link_config before, value;
	int r;

	r = link_config_read(config, &before, report);
	if (r < 0)
		return r;
	r = record_link(change, device, mode, enforce && !confirm, report);
	if (r < 0)
		return r;
	r = gate_commit(change, force, report);
	if (r < 0)
		return r;
	value = config_for(enforce, confirm, mode);
	memcpy(value.build, before.build, sizeof(value.build));
	return link_config_write(config, &value, report);
}

static int attach_new(struct gate_change *change, const struct iface *iface,
		      enum policy_link_mode mode, bool enforce, uint32_t confirm,
		      struct gate_attached *result, struct report *report)
{
	struct gate_link_config config = config_for(enforce, confirm, mode);
	struct link_programs programs = LINK_PROGRAMS_NONE;
	int r;

	/* A stale link's counters are those of this interface: they go on. */
	r = link_open(change->kernel, iface->name, &programs, NULL, report);
	if (r < 0 && r != -ENOENT)
		return r;
	cleanup_close(&programs.program);
	cleanup_close(&programs.probe);
	programs.program = programs.probe = -1;

	r = link_load(change->kernel, &programs, report);
	if (r == 0)
		r = link_config_write(programs.config, &config, report);
	if (r == 0)
		r = link_attach(change->kernel, iface->name, iface->ifindex, mode, &programs,
				&result->native, result->fallback, sizeof(result->fallback),
				report);
	link_programs_close(&programs);
	return r;
}

static int refuse_other_program(const struct iface *iface, struct report *report)
{
	return report_error(
		report, REPORT_FAILED, EBUSY,
		"stop what loaded it, or remove it with 'bpftool link detach' or 'ip link "
		"set dev NAME xdp off'; two cannot share an interface",
		"the XDP program '%s' (id %u) is already attached to %s", iface->xdp_program_name,
		iface->xdp_program_id, iface->name);
}

/* The policy of a link that is attached, set anew. */
static int attach_again(struct gate_change *change, const struct gate_attach *attach,
			const struct gate_link_info *info, struct gate_attached *result,
			struct report *report)
{
	struct link_programs programs = LINK_PROGRAMS_NONE;
	int r;

	if (attach->mode != POLICY_MODE_AUTO &&
	    (attach->mode == POLICY_MODE_NATIVE) != info->native)
		return report_error(report, REPORT_FAILED, EBUSY,
				    "detach it first: the mode cannot change without a gap",
				    "%s is attached in %s mode", attach->device,
				    info->native ? "native" : "generic");
	r = link_open(change->kernel, attach->device, &programs, NULL, report);
	if (r < 0)
		return r;
	r = commit_policy(change, attach->device, programs.config, info->asked, attach->enforce,
			  attach->confirm, attach->force, report);
	link_programs_close(&programs);
	result->native = info->native;
	result->already = true;
	return r;
}

int gate_attach(struct gate_change *change, const struct gate_attach *attach,
		struct gate_attached *result, struct report *report)
{
	struct gate_link_info info;
	struct iface iface;
	int r;

	*result = (struct gate_attached){};
	r = iface_read(attach->device, &iface, report);
	if (r == 0)
		r = iface_check_attach(&iface, attach->force, report);
	if (r == 0)
		r = ask_session(change, attach->enforce, attach->confirm, attach->force, report);
	if (r < 0)
		return r;
	r = link_inspect(change->kernel, attach->device, &info, report);
	if (r == 0 && info.state == GATE_LINK_ATTACHED)
		return attach_again(change, attach, &info, result, report);
	if (r < 0 && r != -ENOENT)
		return r;
	if (iface.xdp_program_id)
		return refuse_other_program(&iface, report);

	r = attach_new(change, &iface, attach->mode, attach->enforce, attach->confirm, result,
		       report);
	if (r < 0)
		return r;
	r = record_link(change, attach->device, attach->mode, attach->enforce && !attach->confirm,
			report);
	if (r == 0)
		r = gate_commit(change, attach->force, report);
	if (r < 0)
		link_remove(change->kernel, attach->device, report);
	return r;
}

/*
 * Less filtering is what somebody needs who is locked out, and that must work
 * on a full or read-only disk, too: it is done first, and what cannot be saved
 * is a warning. The kernel's policy learns of it all the same, so the next
 * change that can be saved saves it.
 */
static int commit_or_warn(struct gate_change *change, const char *device, const char *next_boot,
			  struct report *report)
{
	struct report said = {};
	int r = gate_commit(change, true, &said);

	if (r == 0)
		return 0;
	report_warn(report, "it cannot be saved, so until a change can be, the next boot %s %s: %s",
		    next_boot, device, said.error ? said.error : strerror(-r));
	report_clear(&said);
	change->options.no_save = true;
	return gate_commit(change, true, report);
}

static int audit_now(struct gate_change *change, const char *device, int config,
		     enum policy_link_mode mode, struct report *report)
{
	struct gate_link_config value;
	int r;

	r = link_config_read(config, &value, report);
	if (r < 0)
		return r;
	value.policy = GATE_AUDIT;
	value.deadline = 0;
	r = link_config_write(config, &value, report);
	if (r == 0)
		r = record_link(change, device, mode, false, report);
	return r < 0 ? r : commit_or_warn(change, device, "enforces on", report);
}

int gate_set_enforce(struct gate_change *change, const char *device, bool enforce, uint32_t confirm,
		     bool force, struct report *report)
{
	struct link_programs programs = LINK_PROGRAMS_NONE;
	struct gate_link_info info;
	int r;

	r = open_attached(change, device, &info, &programs, report);
	if (r == 0)
		r = ask_session(change, enforce, confirm, force, report);
	if (r == 0 && enforce)
		r = commit_policy(change, device, programs.config, info.asked, enforce, confirm,
				  force, report);
	else if (r == 0)
		r = audit_now(change, device, programs.config, info.asked, report);
	link_programs_close(&programs);
	return r;
}

static int check_trial(const struct gate_link_info *info, struct report *report)
{
	if (!info->enforce || !info->deadline)
		return report_error(report, REPORT_NOT_FOUND, ENOENT,
				    "'confirm' ends a trial that 'link attach ... confirm SECONDS' "
				    "or 'link enforce ... confirm SECONDS' began",
				    "no trial is running on %s", info->device);
	if (info->expired)
		return report_error(report, REPORT_FAILED, ETIME,
				    "begin again: 'apimgate link enforce dev NAME confirm SECONDS'",
				    "the trial on %s is over, and it audits", info->device);
	return 0;
}

int gate_confirm(struct gate_change *change, const char *device, struct report *report)
{
	struct link_programs programs = LINK_PROGRAMS_NONE;
	struct gate_link_info info;
	int r;

	r = open_attached(change, device, &info, &programs, report);
	if (r == 0)
		r = check_trial(&info, report);
	if (r == 0) {
		change->session_was_asked = true; /* who can still type this is let in */
		r = commit_policy(change, device, programs.config, info.asked, true, 0, false,
				  report);
	}
	link_programs_close(&programs);
	return r;
}

int gate_detach(struct gate_change *change, const char *device, struct report *report)
{
	struct gate_link_info info;
	int r;

	r = link_inspect(change->kernel, device, &info, report);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT && policy_find_link(change->policy, device) < 0)
		return no_such_link(device, report);
	r = link_remove(change->kernel, device, report);
	if (r < 0)
		return r;
	policy_delete_link(change->policy, device);
	return commit_or_warn(change, device, "attaches to", report);
}
