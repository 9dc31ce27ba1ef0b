// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/cleanup.h"
#include "tests/packet/random.h"

/* More of them over one address would be refused. */
#define MAX_TEMPORARY GATE_MAX_TEMPORARY

uint32_t random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return (uint32_t)((r->state * 0x2545f4914f6cdd1dULL) >> 32);
}

uint32_t random_below(struct random *r, uint32_t n)
{
	return random_next(r) % n;
}

bool random_one_in(struct random *r, uint32_t n)
{
	return random_below(r, n) == 0;
}

void random_bytes(struct random *r, uint8_t *out, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		out[i] = (uint8_t)random_next(r);
}

struct random random_seeded(const char *what)
{
	const char *text = getenv("PACKET_SEED");
	struct random r = {text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL)};

	printf("%s: PACKET_SEED=%llu\n", what, (unsigned long long)r.state);
	/* Neighbouring seeds give nothing alike, and none is the one that stays 0. */
	r.state = r.state * 0x9e3779b97f4a7c15ULL + 0x632be59bd9b4e019ULL;
	if (!r.state)
		r.state = 1;
	random_next(&r);
	return r;
}

uint16_t random_port(struct random *r)
{
	static const uint16_t ports[] = {1,    22,   53,    68,	   80,	  187,
					 443,  546,  547,   8080,  32768, 47873,
					 8443, 1024, 65534, 65535, 20480, 36895};

	return ports[random_below(r, ARRAY_SIZE(ports))];
}

static void clear_host_bits(struct prefix *prefix)
{
	int bit;

	for (bit = prefix->length; bit < 128; bit++)
		prefix->address[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

/* Inside, around or beside one that is there, or anywhere. */
static struct prefix random_prefix(struct random *r, const struct policy *policy)
{
	struct prefix prefix = {};
	uint8_t bits, flip;

	if (policy->entry_count && !random_one_in(r, 4)) {
		prefix = policy->entries[random_below(r, (uint32_t)policy->entry_count)].prefix;
	} else {
		prefix.family = random_one_in(r, 2) ? 4 : 6;
		random_bytes(r, prefix.address, prefix.family == 4 ? 4 : 16);
		if (prefix.family == 6 && random_one_in(r, 2))
			memset(prefix.address + random_below(r, 14), 0, 2);
		prefix.length = 255;
	}
	bits = prefix.family == 4 ? 32 : 128;
	if (prefix.length <= bits && random_one_in(r, 3)) {
		/* The neighbour: its last bit is the other. */
		flip = (uint8_t)(prefix.length ? prefix.length - 1 : 0);
		prefix.address[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
	} else if (prefix.length <= bits && random_one_in(r, 2)) {
		/* Longer, with bits of its own. */
		bits = (uint8_t)(prefix.length + random_below(r, bits - prefix.length + 1U));
		for (flip = prefix.length; flip < bits; flip++)
			if (random_one_in(r, 2))
				prefix.address[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
		prefix.length = bits;
	} else {
		prefix.length = (uint8_t)random_below(r, bits + 1U);
		/* Very short ones cover everything, and then there is nothing to find. */
		if (prefix.length < 6 && !random_one_in(r, 16))
			prefix.length = (uint8_t)(bits - prefix.length);
	}
	clear_host_bits(&prefix);
	return prefix;
}

/* set0, set1, ... have whatever numbers they got; the platform's is one of them. */
static uint8_t numbered_set(const struct policy *policy, uint32_t i)
{
	char name[GATE_NAME_LEN];

	snprintf(name, sizeof(name), "set%u", i);
	return (uint8_t)policy_find_set(policy, name, NULL);
}

static uint8_t random_set(struct random *r, const struct policy *policy, uint32_t sets)
{
	uint32_t i = random_below(r, sets + 1);

	return i == sets ? GATE_SET_PLATFORM : numbered_set(policy, i);
}

static int random_entries(struct random *r, struct policy *policy, uint32_t sets)
{
	static const uint32_t sizes[] = {0, 3, 20, 60, 70, 150, 400};
	uint32_t count = sizes[random_below(r, ARRAY_SIZE(sizes))];
	uint32_t temporary = 0;
	struct prefix prefix;
	uint64_t expires;
	uint32_t i;
	int error;

	for (i = 0; i < count; i++) {
		prefix = random_prefix(r, policy);
		expires = 0;
		if (temporary < MAX_TEMPORARY && random_one_in(r, 16)) {
			temporary++;
			expires = (uint64_t)time(NULL) + 3600;
		}
		if (!prefix_is_valid(&prefix))
			continue; /* IPv4-mapped */
		error = policy_add_entry(policy, random_set(r, policy, sets), &prefix, NULL,
					 expires, NULL, NULL);
		if (error < 0)
			return error;
	}
	return 0;
}

static void random_ports(struct random *r, struct policy_service *service)
{
	uint16_t a, b;
	uint32_t i;

	service->port_count = random_below(r, 4);
	for (i = 0; i < service->port_count; i++) {
		a = random_port(r);
		b = random_one_in(r, 3) ? random_port(r) : a;
		service->ports[i].first = a < b ? a : b;
		service->ports[i].last = a < b ? b : a;
	}
}

static int random_service(struct random *r, struct policy *policy, uint32_t number, uint32_t sets)
{
	struct policy_service service = {};
	struct prefix to[8];
	uint32_t i;

	snprintf(service.name, sizeof(service.name), "service%u", number);
	service.proto = (enum policy_proto)random_below(r, 3);
	random_ports(r, &service);
	service.to = to;
	service.to_count = random_one_in(r, 2) ? random_below(r, ARRAY_SIZE(to)) : 0;
	for (i = 0; i < service.to_count; i++) {
		to[i] = random_prefix(r, policy);
		if (!prefix_is_valid(&to[i]))
			to[i] = (struct prefix){.family = 4, .length = 1};
	}
	for (i = 0; i < sets; i++)
		if (i == number % sets || random_one_in(r, 4))
			service.sets |= 1ULL << numbered_set(policy, i);
	return policy_add_service(policy, &service, NULL);
}

int random_policy(struct policy *policy, void *data)
{
	static const uint32_t counts[] = {0, 1, 1, 2, 5, 20, 64};
	struct random *r = data;
	uint32_t services = counts[random_below(r, ARRAY_SIZE(counts))];
	uint32_t sets = 1 + random_below(r, random_one_in(r, 4) ? 30 : 4);
	char name[GATE_NAME_LEN];
	uint32_t i;
	int error;

	policy->default_drop = random_one_in(r, 2);
	policy->non_ip_drop = random_one_in(r, 4);
	for (i = 0; i < sets; i++) {
		snprintf(name, sizeof(name), "set%u", i);
		error = policy_add_set(policy, name, POLICY_OWNER_STATIC, NULL);
		if (error < 0)
			return error;
	}
	error = random_entries(r, policy, sets);
	for (i = 0; error == 0 && i < services; i++)
		error = random_service(r, policy, i, sets);
	return error;
}
