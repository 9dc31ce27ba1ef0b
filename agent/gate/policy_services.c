// SPDX-License-Identifier: Apache-2.0
/* Services of the policy. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/base/words.h"
#include "agent/gate/policy.h"

static int compare_ports(const void *a, const void *b)
{
	const struct policy_ports *left = a;
	const struct policy_ports *right = b;

	return left->first != right->first ? left->first - right->first : left->last - right->last;
}

static int compare_prefixes(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static int check_ports(const struct policy_service *service, struct report *report)
{
	char hint[64];

	if (service->port_count > POLICY_MAX_PORTS)
		return report_error(report, REPORT_USAGE, E2BIG, "split it into two services",
				    "service '%s' has more than %d port ranges", service->name,
				    POLICY_MAX_PORTS);
	for (uint32_t i = 0; i < service->port_count; i++) {
		const struct policy_ports *ports = &service->ports[i];

		if (ports->first == 0 || ports->last == 0)
			return report_error(report, REPORT_USAGE, EINVAL,
					    "ports are 1 to 65535; leave them out for every port",
					    "port 0 does not exist");
		if (ports->first > ports->last) {
			snprintf(hint, sizeof(hint), "did you mean %u-%u?", ports->last,
				 ports->first);
			return report_error(report, REPORT_USAGE, EINVAL, hint,
					    "the port range %u-%u is upside down", ports->first,
					    ports->last);
		}
	}
	return 0;
}

static int check_destinations(const struct policy_service *service, struct report *report)
{
	if (service->to_count > POLICY_MAX_TO)
		return report_error(report, REPORT_USAGE, E2BIG, "split it into two services",
				    "service '%s' has more than %d destinations", service->name,
				    POLICY_MAX_TO);
	for (uint32_t i = 0; i < service->to_count; i++)
		if (!prefix_is_valid(&service->to[i]))
			return report_error(report, REPORT_FAILED, EINVAL, NULL,
					    "destination %u of service '%s' is not a prefix", i + 1,
					    service->name);
	return 0;
}

static int check_sets(const struct policy *policy, const struct policy_service *service,
		      struct report *report)
{
	uint64_t sets = service->sets & ~(1ULL << GATE_SET_PLATFORM);

	for (int i = 0; i < GATE_MAX_SETS; i++)
		if (sets >> i & 1 && !*policy->sets[i].name)
			return report_error(report, REPORT_NOT_FOUND, ENOENT, NULL,
					    "there is no set of number %d", i);
	if (sets)
		return 0;
	if (service->sets)
		return report_error(report, REPORT_USAGE, EINVAL,
				    "name a set besides " POLICY_PLATFORM_NAME
				    ", which may reach every service anyway",
				    "nobody could reach service '%s'", service->name);
	return report_error(report, REPORT_USAGE, EINVAL, "name at least one set",
			    "service '%s' does not say who may reach it", service->name);
}

static int check_service(const struct policy *policy, const struct policy_service *service,
			 struct report *report)
{
	int r;

	/* Two steps: the error cannot show a name that does not end. */
	if (!memchr(service->name, '\0', sizeof(service->name)))
		return report_error(report, REPORT_USAGE, EINVAL, NULL,
				    "the name of the service is too long");
	r = words_check_name("service name", service->name, report);
	if (r < 0)
		return r;
	if (policy_find_service(policy, service->name, NULL) >= 0)
		return report_error(report, REPORT_FAILED, EEXIST, "delete it first to change it",
				    "there is a service '%s' already", service->name);
	if ((unsigned int)service->proto > POLICY_UDP)
		return report_error(report, REPORT_USAGE, EINVAL, "use tcp, udp or any",
				    "service '%s' has an unknown protocol", service->name);
	r = check_ports(service, report);
	if (r == 0)
		r = check_destinations(service, report);
	return r < 0 ? r : check_sets(policy, service, report);
}

/* Sorted, and ranges that overlap or touch made one, so that equal services look equal. */
static void merge_ports(struct policy_service *service)
{
	uint32_t count = 0;

	qsort(service->ports, service->port_count, sizeof(service->ports[0]), compare_ports);
	for (uint32_t i = 0; i < service->port_count; i++) {
		struct policy_ports ports = service->ports[i];

		if (count > 0 && ports.first <= service->ports[count - 1].last + 1) {
			if (ports.last > service->ports[count - 1].last)
				service->ports[count - 1].last = ports.last;
		} else {
			service->ports[count++] = ports;
		}
	}
	memset(service->ports + count, 0, (POLICY_MAX_PORTS - count) * sizeof(service->ports[0]));
	service->port_count = count;
}

/* A sorted copy of the destinations, each once; *out is NULL where there are none. */
static int copy_destinations(const struct policy_service *service, struct prefix **out,
			     uint32_t *out_count)
{
	_cleanup_free_ struct prefix *to = NULL;
	uint32_t count = 0;

	if (service->to_count > 0) {
		to = malloc(service->to_count * sizeof(*to));
		if (!to)
			return -ENOMEM;
		memcpy(to, service->to, service->to_count * sizeof(*to));
		qsort(to, service->to_count, sizeof(*to), compare_prefixes);
	}
	for (uint32_t i = 0; i < service->to_count; i++)
		if (count == 0 || prefix_compare(&to[count - 1], &to[i]) != 0)
			to[count++] = to[i];
	*out = TAKE_PTR(to);
	*out_count = count;
	return 0;
}

int policy_place_service(struct policy *policy, uint64_t number,
			 const struct policy_service *service, struct report *report)
{
	struct policy_service copy;
	int r = check_service(policy, service, report);

	if (r < 0)
		return r;
	if (number >= GATE_MAX_SERVICES || *policy->services[number].name)
		return report_error(report, REPORT_FAILED, EINVAL, NULL,
				    "there is no place for a service of number %llu",
				    (unsigned long long)number);
	copy = *service;
	r = copy_destinations(service, &copy.to, &copy.to_count);
	if (r < 0)
		return report_errno(report, -r, "not enough memory");
	merge_ports(&copy);
	copy.sets &= ~(1ULL << GATE_SET_PLATFORM);
	policy->services[number] = copy;
	return 0;
}

int policy_add_service(struct policy *policy, const struct policy_service *service,
		       struct report *report)
{
	int r = check_service(policy, service, report);

	if (r < 0)
		return r;
	for (uint64_t i = 0; i < GATE_MAX_SERVICES; i++)
		if (!*policy->services[i].name && !(policy->running_services >> i & 1))
			return policy_place_service(policy, i, service, report);
	return report_error(report, REPORT_FAILED, ENOSPC,
			    "delete one that is not used; its place is free once that is in force",
			    "there is no place for '%s': a gate has at most %d services",
			    service->name, GATE_MAX_SERVICES);
}

int policy_delete_service(struct policy *policy, const char *name, struct report *report)
{
	int number = policy_find_service(policy, name, report);

	if (number < 0)
		return number;
	free(policy->services[number].to);
	memset(&policy->services[number], 0, sizeof(policy->services[number]));
	return 0;
}
