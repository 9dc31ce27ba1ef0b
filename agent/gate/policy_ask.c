// SPDX-License-Identifier: Apache-2.0
/* The policy asked, in plain loops: what the kernel must answer too. */
#include <netinet/in.h>

#include "agent/gate/policy.h"

static bool matches_port(const struct policy_service *service, uint8_t proto, uint16_t port)
{
	if (service->proto == POLICY_TCP && proto != IPPROTO_TCP)
		return false;
	if (service->proto == POLICY_UDP && proto != IPPROTO_UDP)
		return false;
	if (service->port_count == 0)
		return true;
	/* "any" with ports: the protocols that have ports. */
	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return false;
	for (uint32_t i = 0; i < service->port_count; i++)
		if (port >= service->ports[i].first && port <= service->ports[i].last)
			return true;
	return false;
}

static bool matches_destination(const struct policy_service *service, uint8_t family,
				const uint8_t *destination)
{
	if (service->to_count == 0)
		return true;
	for (uint32_t i = 0; i < service->to_count; i++) {
		const struct prefix *to = &service->to[i];

		if (destination ? prefix_covers(to, family, destination) : to->family == family)
			return true;
	}
	return false;
}

/* The sets that the source is in; rights of all covering prefixes add up. */
static uint64_t sets_of(const struct policy *policy, const struct policy_question *question,
			uint64_t now)
{
	uint64_t sets = 0;

	for (size_t i = 0; i < policy->entry_count; i++) {
		const struct policy_entry *entry = &policy->entries[i];

		if (entry->expires && entry->expires <= now)
			continue;
		if (prefix_covers(&entry->prefix, question->family, question->source))
			sets |= 1ULL << entry->set;
	}
	return sets;
}

enum policy_answer policy_ask(const struct policy *policy, const struct policy_question *question,
			      uint64_t now)
{
	uint64_t admitted = 1ULL << GATE_SET_PLATFORM;
	bool covered = false;

	for (int i = 0; i < GATE_MAX_SERVICES; i++) {
		const struct policy_service *service = &policy->services[i];

		if (!*service->name || !matches_port(service, question->proto, question->port) ||
		    !matches_destination(service, question->family, question->destination))
			continue;
		covered = true;
		admitted |= service->sets;
	}
	if (!covered)
		return POLICY_UNCOVERED;
	return sets_of(policy, question, now) & admitted ? POLICY_ADMITTED : POLICY_REFUSED;
}
