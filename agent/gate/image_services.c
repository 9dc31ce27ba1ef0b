// SPDX-License-Identifier: Apache-2.0
/* Services as bit masks: by port, by protocol, by destination. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/image_internal.h"
#include "agent/gate/trie.h"

#define PORTS 65536

static bool has_proto(const struct policy_service *service, int proto)
{
	if (service->proto == POLICY_TCP)
		return proto == IPPROTO_TCP;
	if (service->proto == POLICY_UDP)
		return proto == IPPROTO_UDP;
	/* any: with ports, both protocols that have them; without, every protocol */
	return !service->port_count || proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

static void add_ports(uint64_t *masks, const struct policy_service *service, uint64_t bit)
{
	uint32_t i, port;

	if (!service->port_count)
		for (port = 0; port < PORTS; port++)
			masks[port] |= bit;
	for (i = 0; i < service->port_count; i++)
		for (port = service->ports[i].first; port <= service->ports[i].last; port++)
			masks[port] |= bit;
}

/* Gives each distinct mask a class; neighbouring ports mostly share one. */
static int classify_ports(struct gate_head *head, const uint64_t *masks, uint8_t *classes,
			  uint32_t *class_count, struct report *report)
{
	uint32_t port, i = 0;

	for (port = 0; port < PORTS; port++) {
		if (!port || masks[port] != masks[port - 1])
			for (i = 0; i < *class_count; i++)
				if (head->class_services[i] == masks[port])
					break;
		if (i == *class_count) {
			if (i == GATE_MAX_CLASSES)
				return report_error(
					report, REPORT_FAILED, E2BIG,
					"give services that belong together the same port ranges",
					"the services' ports overlap in more than %d ways",
					GATE_MAX_CLASSES);
			head->class_services[(*class_count)++] = masks[port];
		}
		classes[port] = (uint8_t)i;
	}
	return 0;
}

static int compile_ports(struct gate_head *head, const struct policy *policy, struct report *report)
{
	static const int protos[] = {IPPROTO_TCP, IPPROTO_UDP};
	_cleanup_free_ uint64_t *masks = malloc(PORTS * sizeof(*masks));
	uint32_t classes = 1; /* class 0: no service */
	size_t p;
	int i, r;

	if (!masks)
		return -ENOMEM;
	for (p = 0; p < ARRAY_SIZE(protos); p++) {
		memset(masks, 0, PORTS * sizeof(*masks));
		for (i = 0; i < GATE_MAX_SERVICES; i++)
			if (head->all_services >> i & 1 &&
			    has_proto(&policy->services[i], protos[p]))
				add_ports(masks, &policy->services[i], 1ULL << i);
		r = classify_ports(head, masks, head->port_class[p], &classes, report);
		if (r < 0)
			return r;
	}
	return 0;
}

int image_compile_services(struct image *image, const struct policy *policy, struct report *report)
{
	struct gate_head *head = image->head;
	const struct policy_service *service;
	uint64_t bit;
	int i, proto;

	for (i = 0; i < GATE_MAX_SERVICES; i++) {
		service = &policy->services[i];
		bit = 1ULL << i;
		if (!service->name[0])
			continue;
		head->all_services |= bit;
		if (service->to_count)
			head->to_services |= bit;
		head->service_sets[i] = service->sets | 1ULL << GATE_SET_PLATFORM;
		for (proto = 0; proto < 256; proto++)
			if (has_proto(service, proto))
				head->proto_services[proto] |= bit;
	}
	image->fresh_services = head->all_services & ~policy->running_services;
	return compile_ports(head, policy, report);
}

struct destination {
	struct prefix prefix;
	uint64_t services;
};

static int compare_destinations(const void *a, const void *b)
{
	return prefix_compare(&((const struct destination *)a)->prefix,
			      &((const struct destination *)b)->prefix);
}

/* All destination prefixes, in order, each once. Returns how many, or -ENOMEM. */
static ssize_t collect_destinations(const struct policy *policy, struct destination **out)
{
	struct destination *list;
	size_t total = 0, count = 0, j;
	int i;

	for (i = 0; i < GATE_MAX_SERVICES; i++)
		total += policy->services[i].name[0] ? policy->services[i].to_count : 0;
	list = calloc(total ? total : 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (i = 0; i < GATE_MAX_SERVICES; i++)
		for (j = 0; policy->services[i].name[0] && j < policy->services[i].to_count; j++)
			list[count++] = (struct destination){policy->services[i].to[j], 1ULL << i};
	qsort(list, count, sizeof(*list), compare_destinations);

	total = count;
	for (count = 0, j = 0; j < total; j++) {
		if (count && !prefix_compare(&list[count - 1].prefix, &list[j].prefix))
			list[count - 1].services |= list[j].services;
		else
			list[count++] = list[j];
	}
	*out = list;
	return (ssize_t)count;
}

/* A destination belongs to the services of every prefix that covers it. */
static void add_covering(struct destination *list, size_t count)
{
	size_t stack[129];
	size_t depth = 0, i;

	for (i = 0; i < count; i++) {
		while (depth && !prefix_covers(&list[stack[depth - 1]].prefix,
					       list[i].prefix.family, list[i].prefix.address))
			depth--;
		if (depth)
			list[i].services |= list[stack[depth - 1]].services;
		stack[depth++] = i;
	}
}

static int build_table(struct image *image, enum gate_table table, const struct destination *list,
		       size_t count, struct report *report)
{
	_cleanup_free_ struct trie_item *items = calloc(count ? count : 1, sizeof(*items));
	uint32_t index;
	size_t i;
	int r;

	if (!items)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		r = image_add_rights(image, list[i].services, 0, &index, report);
		if (r < 0)
			return r;
		items[i] = (struct trie_item){&list[i].prefix, index + 1};
	}
	return trie_build(image, table, items, count);
}

int image_compile_destinations(struct image *image, const struct policy *policy,
			       struct report *report)
{
	_cleanup_free_ struct destination *list = NULL;
	ssize_t count = collect_destinations(policy, &list);
	size_t ipv4 = 0;
	int r;

	if (count < 0)
		return (int)count;
	add_covering(list, (size_t)count);
	while (ipv4 < (size_t)count && list[ipv4].prefix.family == 4)
		ipv4++;
	r = build_table(image, GATE_DST4, list, ipv4, report);
	if (r < 0)
		return r;
	return build_table(image, GATE_DST6, list + ipv4, (size_t)count - ipv4, report);
}
