// SPDX-License-Identifier: Apache-2.0
/* The examination: what is looked at, and in which order. */
#include "agent/gate/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "agent/gate/doctor_internal.h"

/* No directory, so no file is in it. */
#define NO_STATE "/dev/null"

/* ---- findings ---- */

__attribute__((format(printf, 2, 0))) static void set_text(struct doctor *doctor,
							   const char *format, va_list args,
							   char **out)
{
	if (vasprintf(out, format, args) >= 0)
		return;
	*out = NULL;
	doctor->no_memory = true;
}

void doctor_add(struct doctor *doctor, enum doctor_level level, const char *check,
		const char *device, const char *format, ...)
{
	struct doctor_findings *findings = doctor->findings;
	struct doctor_finding *items, *item;
	size_t capacity = findings->capacity ? 2 * findings->capacity : 32;
	va_list args;

	if (findings->count == findings->capacity) {
		items = reallocarray(findings->items, capacity, sizeof(*items));
		if (!items) {
			doctor->no_memory = true;
			return;
		}
		findings->items = items;
		findings->capacity = capacity;
	}
	item = &findings->items[findings->count++];
	*item = (struct doctor_finding){.level = level, .check = check};
	if (device)
		memcpy(item->device, device, strnlen(device, sizeof(item->device) - 1));
	va_start(args, format);
	set_text(doctor, format, args, &item->text);
	va_end(args);
}

void doctor_hint(struct doctor *doctor, const char *format, ...)
{
	struct doctor_finding *item;
	va_list args;

	if (!doctor->findings->count)
		return;
	item = &doctor->findings->items[doctor->findings->count - 1];
	free(item->hint);
	va_start(args, format);
	set_text(doctor, format, args, &item->hint);
	va_end(args);
}

void doctor_free(struct doctor_findings *findings)
{
	size_t i;

	for (i = 0; i < findings->count; i++) {
		free(findings->items[i].text);
		free(findings->items[i].hint);
	}
	free(findings->items);
	*findings = (struct doctor_findings){0};
}

/* ---- what several checks use ---- */

bool doctor_read_line(const char *path, char *out, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	if (!file || !fgets(out, (int)size, file))
		return false;
	out[strcspn(out, "\n")] = '\0';
	return true;
}

bool doctor_has_gate(const struct doctor *doctor, const char *device)
{
	size_t i;

	for (i = 0; i < doctor->link_count; i++)
		if (!strcmp(doctor->links[i].device, device))
			return doctor->links[i].state == GATE_LINK_ATTACHED;
	return false;
}

/* ---- the examination ---- */

static uint32_t kernel_version(void)
{
	unsigned int major = 0, minor = 0, patch = 0;
	struct utsname name;

	/* The patch level of a long-term kernel outgrows its byte. */
	if (uname(&name) < 0 || sscanf(name.release, "%u.%u.%u", &major, &minor, &patch) < 2)
		return 0;
	return KERNEL_VERSION(major, minor, patch < 255 ? patch : 255);
}

static void keep_reason(struct doctor *doctor, const struct report *report, int code)
{
	doctor->policy_error = strdup(report->error ? report->error : strerrordesc_np(-code));
	if (!doctor->policy_error)
		doctor->no_memory = true;
}

/*
 * Reads what is in force. The saved state is examined file by file elsewhere
 * (doctor_state.c), so gate_running() is shown none, and the others are only
 * asked where the kernel has the answer.
 */
static void read_gate(struct doctor *doctor)
{
	_cleanup_(report_clear) struct report running = {0}, policy = {0}, links = {0};
	struct gate_options stateless = *doctor->options;
	int r;

	stateless.state_dir = NO_STATE;
	r = gate_running(&stateless, &doctor->running, &running);
	if (r < 0)
		keep_reason(doctor, &running, r);
	if (!doctor->running.loaded)
		return;
	r = gate_read_policy(doctor->options, &doctor->policy, NULL, &policy);
	if (r < 0) {
		keep_reason(doctor, &policy, r);
		return;
	}
	r = gate_links(doctor->options, &doctor->links, &doctor->link_count, &links);
	if (r >= 0)
		return;
	doctor_add(doctor, DOCTOR_FAIL, "link", NULL, "the links cannot be read: %s",
		   links.error ? links.error : strerrordesc_np(-r));
	if (links.hint)
		doctor_hint(doctor, "%s", links.hint);
}

/* Nothing is loaded: the policy is what is saved, and all of its links are missing. */
static void use_saved(struct doctor *doctor)
{
	const struct policy_link *link;
	int i;

	if (doctor->running.loaded || doctor->policy_error || !doctor->saved)
		return;
	doctor->policy = TAKE_PTR(doctor->saved);
	doctor->links = calloc(POLICY_MAX_LINKS, sizeof(*doctor->links));
	if (!doctor->links) {
		doctor->no_memory = true;
		return;
	}
	for (i = 0; i < POLICY_MAX_LINKS; i++) {
		link = &doctor->policy->links[i];
		if (!link->device[0])
			continue;
		doctor->links[doctor->link_count] = (struct gate_link_info){
			.state = GATE_LINK_MISSING,
			.ifindex = if_nametoindex(link->device),
		};
		memcpy(doctor->links[doctor->link_count++].device, link->device, IF_NAMESIZE);
	}
}

static bool is_worth_a_gate(const struct iface *iface)
{
	if (!iface->is_up)
		return false;
	/* A veth without an address is the host's end of some container. */
	if (iface->kind == IFACE_ETHERNET)
		return iface->has_address || strcmp(iface->link_kind, "veth") != 0;
	return iface->kind == IFACE_BOND_MEMBER;
}

static bool is_wanted(const struct doctor *doctor, const struct iface *iface, const char *device,
		      bool has_links)
{
	if (device)
		return !strcmp(iface->name, device);
	if (has_links)
		return policy_find_link(doctor->policy, iface->name) >= 0;
	return is_worth_a_gate(iface);
}

static void check_devices(struct doctor *doctor, const char *device)
{
	bool has_links = false;
	size_t i;

	for (i = 0; doctor->policy && i < POLICY_MAX_LINKS; i++)
		has_links |= doctor->policy->links[i].device[0] != '\0';
	for (i = 0; i < doctor->iface_count; i++)
		if (is_wanted(doctor, &doctor->ifaces[i], device, has_links))
			doctor_check_device(doctor, &doctor->ifaces[i]);
}

static void doctor_close(struct doctor *doctor)
{
	policy_free(doctor->policy);
	policy_free(doctor->saved);
	free(doctor->policy_error);
	free(doctor->links);
	free(doctor->ifaces);
}

int doctor_examine(const struct gate_options *options, const char *device,
		   struct doctor_findings *out, struct report *report)
{
	struct doctor_findings findings = {0};
	_cleanup_(doctor_close) struct doctor doctor = {
		.options = options,
		.findings = &findings,
		.kernel = kernel_version(),
	};
	struct iface iface;
	int r;

	r = device ? iface_read(device, &iface, report) : 0;
	if (!r)
		r = iface_read_all(&doctor.ifaces, &doctor.iface_count, report);
	if (r < 0)
		return r;

	doctor_check_kernel(&doctor);
	read_gate(&doctor);
	doctor_check_state(&doctor);
	use_saved(&doctor);
	doctor_check_links(&doctor);
	doctor_check_policy(&doctor);
	doctor_check_unit(&doctor);
	check_devices(&doctor, device);
	doctor_check_tunnels(&doctor);

	if (doctor.no_memory) {
		doctor_free(&findings);
		return report_errno(report, ENOMEM, "cannot examine the host");
	}
	*out = findings;
	return 0;
}
