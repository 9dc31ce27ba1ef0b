// SPDX-License-Identifier: Apache-2.0
/* Is what was asked for in force, and does it make sense? */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/gate/doctor_internal.h"
#include "agent/gate/guard.h"

#define NS_PER_SECOND 1000000000ULL
#define PLATFORM (1ULL << GATE_SET_PLATFORM)

/* ---- links ---- */

static uint64_t boot_time(void)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static void check_attached(struct doctor *doctor, const struct gate_link_info *link)
{
	const char *mode = link->native ? "native" : "generic";
	uint64_t now = boot_time();

	if (!link->enforce) {
		doctor_add(doctor, DOCTOR_WARN, "link", link->device,
			   "attached (%s) in audit: drops are counted, and the packets pass", mode);
		doctor_hint(doctor, "`apimgate link enforce dev %s confirm 60`", link->device);
	} else if (link->expired) {
		doctor_add(doctor, DOCTOR_WARN, "link", link->device,
			   "attached (%s); its trial was not confirmed, so it audits: packets pass",
			   mode);
		doctor_hint(doctor, "`apimgate link enforce dev %s confirm 60`", link->device);
	} else if (link->deadline) {
		doctor_add(doctor, DOCTOR_WARN, "link", link->device,
			   "attached (%s) on trial: falls back to audit in %llu s", mode,
			   link->deadline > now
				   ? (unsigned long long)((link->deadline - now) / NS_PER_SECOND)
				   : 0ULL);
		doctor_hint(doctor, "`apimgate link confirm dev %s`", link->device);
	} else {
		doctor_add(doctor, DOCTOR_OK, "link", link->device, "attached (%s), enforces",
			   mode);
	}
}

static void check_mode(struct doctor *doctor, const struct gate_link_info *link)
{
	if (link->native || link->asked == POLICY_MODE_GENERIC)
		return;
	doctor_add(doctor, DOCTOR_WARN, "mode", link->device,
		   "runs in generic mode: the same verdicts, at several times the cost");
	doctor_hint(doctor,
		    "see the lines on its driver, MTU and LRO; then detach and attach again");
}

static void check_absent(struct doctor *doctor, const struct gate_link_info *link)
{
	bool was_attached = link->state == GATE_LINK_STALE;

	if (!link->ifindex) {
		doctor_add(doctor, DOCTOR_FAIL, "link", link->device, "%s",
			   was_attached ? "the interface is gone"
					: "should have a gate, and there is no such interface");
		doctor_hint(
			doctor,
			"bring it back, then `apimgate restore`; or `apimgate link detach dev %s`",
			link->device);
		return;
	}
	doctor_add(doctor, DOCTOR_FAIL, "link", link->device, "%s",
		   was_attached ? "the interface was made anew, and has no gate"
				: "should have a gate, and has none");
	doctor_hint(doctor, "`apimgate restore`");
}

static void check_link(struct doctor *doctor, const struct gate_link_info *link)
{
	if (link->state != GATE_LINK_ATTACHED) {
		check_absent(doctor, link);
		return;
	}
	check_attached(doctor, link);
	check_mode(doctor, link);
	if (!link->other_build)
		return;
	doctor_add(doctor, DOCTOR_WARN, "build", link->device,
		   "runs the program of another build than this one (%s)", gate_build());
	doctor_hint(doctor, "`apimgate restore` replaces it, with no packet unfiltered");
}

void doctor_check_links(struct doctor *doctor)
{
	size_t i;

	for (i = 0; i < doctor->link_count; i++)
		check_link(doctor, &doctor->links[i]);
	if (doctor->link_count || doctor->policy_error)
		return;
	doctor_add(doctor, DOCTOR_WARN, "link", NULL,
		   "the gate is on no interface: nothing is filtered");
	doctor_hint(doctor, "`apimgate link attach dev NAME audit`");
}

/* ---- sets and services ---- */

/* The sets that have an entry whose time is not over. */
static uint64_t inhabited_sets(const struct policy *policy)
{
	uint64_t now = (uint64_t)time(NULL), sets = 0;
	const struct policy_entry *entry;
	size_t i;

	for (i = 0; i < policy->entry_count; i++) {
		entry = &policy->entries[i];
		if (!entry->expires || entry->expires > now)
			sets |= 1ULL << entry->set;
	}
	return sets;
}

static size_t check_services(struct doctor *doctor, uint64_t inhabited)
{
	const struct policy_service *service;
	size_t count = 0;
	int i;

	for (i = 0; i < GATE_MAX_SERVICES; i++) {
		service = &doctor->policy->services[i];
		if (!service->name[0])
			continue;
		count++;
		if (service->sets & inhabited)
			continue;
		doctor_add(doctor, DOCTOR_WARN, "policy", NULL,
			   "service '%s' lets in nobody but the platform: its sets are empty",
			   service->name);
		doctor_hint(doctor, "`apimgate allow add PREFIX set NAME`");
	}
	return count;
}

static void check_platform(struct doctor *doctor, uint64_t inhabited)
{
	if (inhabited & PLATFORM)
		return;
	doctor_add(doctor, DOCTOR_WARN, "policy", NULL,
		   "set '%s' is empty: load-balancer probes do not reach protected services",
		   POLICY_PLATFORM_NAME);
	doctor_hint(doctor, "on Azure: `apimgate allow add 168.63.129.16/32 set %s`",
		    POLICY_PLATFORM_NAME);
}

static bool is_wide(const struct prefix *prefix)
{
	return prefix->length < (prefix->family == 4 ? GUARD_MIN_IPV4 : GUARD_MIN_IPV6);
}

static void check_wide(struct doctor *doctor)
{
	const struct policy *policy = doctor->policy;
	char text[PREFIX_TEXT_LEN];
	size_t i;

	for (i = 0; i < policy->entry_count; i++) {
		if (!is_wide(&policy->entries[i].prefix))
			continue;
		doctor_add(doctor, DOCTOR_WARN, "policy", NULL, "%s in set '%s' lets in %s",
			   prefix_format(&policy->entries[i].prefix, text),
			   policy->sets[policy->entries[i].set].name,
			   policy->entries[i].prefix.length ? "much of the internet" : "everybody");
		doctor_hint(doctor, "`apimgate allow delete %s set %s`", text,
			    policy->sets[policy->entries[i].set].name);
	}
}

void doctor_check_policy(struct doctor *doctor)
{
	uint64_t inhabited;
	size_t services;

	if (!doctor->policy) {
		if (!doctor->policy_error)
			return;
		doctor_add(doctor, DOCTOR_FAIL, "policy", NULL, "the policy cannot be read: %s",
			   doctor->policy_error);
		doctor_hint(doctor, "run as root; after an upgrade, see `apimgate version`");
		return;
	}
	inhabited = inhabited_sets(doctor->policy);
	services = check_services(doctor, inhabited);
	check_platform(doctor, inhabited);
	check_wide(doctor);
	if (services) {
		doctor_add(doctor, DOCTOR_OK, "policy", NULL, "%zu service%s, default %s", services,
			   services == 1 ? "" : "s",
			   doctor->policy->default_drop ? "drop" : "pass");
		return;
	}
	doctor_add(doctor, DOCTOR_WARN, "policy", NULL,
		   doctor->policy->default_drop
			   ? "no service, and default drop: only the platform and replies get in"
			   : "no service, and default pass: everything gets in");
	doctor_hint(doctor, "`apimgate service add NAME proto tcp port 443 from SET`");
}
