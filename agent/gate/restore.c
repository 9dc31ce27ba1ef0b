// SPDX-License-Identifier: Apache-2.0
/* Makes the kernel match the policy: at boot, after an upgrade, after an interface was made anew. */
#include <errno.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/change.h"
#include "agent/gate/iface.h"
#include "agent/gate/link.h"

/* The new program over the old one's maps; the interface is never without one. */
static int upgrade(struct gate_change *change, const char *device, struct report *report)
{
	struct link_programs programs = LINK_PROGRAMS_NONE;
	struct gate_link_config config;
	_cleanup_close_ int link = -1;
	int r;

	r = link_open(change->kernel, device, &programs, &link, report);
	if (r < 0)
		return r;
	cleanup_close(&programs.program);
	cleanup_close(&programs.probe);
	programs.program = programs.probe = -1;
	r = link_load(change->kernel, &programs, report);
	if (r == 0)
		r = link_replace(change->kernel, device, link, &programs, report);
	if (r == 0)
		r = link_config_read(programs.config, &config, report);
	if (r == 0) {
		snprintf(config.build, sizeof(config.build), "%s", kernel_build());
		r = link_config_write(programs.config, &config, report);
	}
	link_programs_close(&programs);
	return r;
}

static int attach(struct gate_change *change, const struct policy_link *link, struct report *report)
{
	struct gate_attach request = {.device = link->device,
				      .mode = link->mode,
				      .enforce = link->enforce,
				      .force = true};
	struct gate_attached result;
	int r;

	r = gate_attach(change, &request, &result, report);
	if (r == 0 && result.fallback[0])
		report_warn(report, "%s: %s", link->device, result.fallback);
	return r;
}

static int restore_one(struct gate_change *change, const struct policy_link *link,
		       enum gate_restored *what, struct report *report)
{
	struct gate_link_info info;
	int r;

	r = link_inspect(change->kernel, link->device, &info, report);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT || info.state != GATE_LINK_ATTACHED) {
		*what = GATE_RESTORED_ATTACHED;
		return attach(change, link, report);
	}
	*what = info.other_build ? GATE_RESTORED_UPGRADED : GATE_RESTORED_SAME;
	return info.other_build ? upgrade(change, link->device, report) : 0;
}

/* A link that is pinned but not in the policy: its attach was killed before the commit. */
static int adopt_pinned(struct gate_change *change, struct report *report)
{
	_cleanup_free_ char(*devices)[IF_NAMESIZE] = NULL;
	struct policy_link link;
	struct gate_link_info info;
	size_t count, i;
	int r;

	r = link_list(change->kernel, &devices, &count, report);
	for (i = 0; r == 0 && i < count; i++) {
		if (policy_find_link(change->policy, devices[i]) >= 0)
			continue;
		r = link_inspect(change->kernel, devices[i], &info, report);
		if (r == -ENOENT) {
			r = link_remove(change->kernel, devices[i], report);
			continue;
		}
		if (r < 0)
			return r;
		link = (struct policy_link){.mode = info.asked,
					    .enforce = info.enforce && !info.deadline};
		memcpy(link.device, devices[i], sizeof(link.device));
		r = policy_set_link(change->policy, &link, report);
	}
	if (r == 0) {
		change->session_was_asked = true; /* nothing filters that did not before */
		r = gate_commit(change, false, report);
	}
	return r;
}

static int keep_error(struct gate_restored_link *out, struct report *one, struct report *report,
		      int code)
{
	size_t i;

	out->what = GATE_RESTORED_FAILED;
	out->error = one->error ? strdup(one->error) : NULL;
	for (i = 0; i < one->warning_count; i++)
		report_warn(report, "%s", one->warnings[i]);
	return report_error(report, one->kind, -code, one->hint, "%s",
			    one->error ? one->error : "a link could not be restored");
}

int gate_restore(struct gate_change *change, struct gate_restored_link **out, size_t *count,
		 struct report *report)
{
	struct gate_restored_link *links = calloc(POLICY_MAX_LINKS, sizeof(*links));
	struct report one;
	size_t n = 0, j;
	int i, r, first = 0;

	if (!links)
		return report_errno(report, ENOMEM, "cannot restore the links");
	first = adopt_pinned(change, report);
	for (i = 0; i < POLICY_MAX_LINKS; i++) {
		struct policy_link link = change->policy->links[i];

		if (!link.device[0])
			continue;
		one = (struct report){};
		memcpy(links[n].device, link.device, sizeof(links[n].device));
		r = restore_one(change, &link, &links[n].what, &one);
		if (r < 0) {
			r = keep_error(&links[n], &one, report, r);
			first = first ? first : r;
		} else {
			for (j = 0; j < one.warning_count; j++)
				report_warn(report, "%s", one.warnings[j]);
		}
		report_clear(&one);
		n++;
	}
	*out = links;
	*count = n;
	return first;
}

void gate_free_restored(struct gate_restored_link *links, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free(links[i].error);
	free(links);
}
