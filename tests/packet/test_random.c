// SPDX-License-Identifier: Apache-2.0
/*
 * Random policies and frames: the program and the model have to agree in
 * everything, which is reason, candidates, service, set and slot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/counters.h"
#include "tests/packet/random.h"
#include "tests/packet/rig.h"

#define POLICIES 200
#define FRAMES 500

static uint32_t policies(void)
{
	const char *text = getenv("PACKET_ROUNDS");

	return text ? (uint32_t)strtoul(text, NULL, 0) : rig_rounds(POLICIES);
}

/* Frames that all meet the same few rules would prove little. */
static void check_variety(const struct gate_cpu *before, uint64_t frames)
{
	struct gate_cpu after = rig_counters();
	uint64_t count;
	uint32_t i;

	for (i = 0; i < GATE_REASON_COUNT; i++) {
		count = after.reason[i].packets - before->reason[i].packets;
		if (i != GATE_NO_GENERATION && frames > 20000 && count < frames / 10000)
			rig_fail("only %llu of %llu frames were %s", (unsigned long long)count,
				 (unsigned long long)frames, counters_reason_name(i));
	}
}

static void test_model(const void *row)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	struct random r = random_seeded("random model"), start;
	struct gate_cpu before = rig_counters();
	uint32_t i, j, count = policies();
	int error;

	(void)row;
	for (i = 0; i < count; i++) {
		start = r;
		error = rig_change(random_policy, &r);
		if (error < 0)
			rig_fail("policy %u is refused: %s", i, strerror(-error));
		rig_context("random policy %u, state %llu", i, (unsigned long long)start.state);
		for (j = 0; j < FRAMES; j++) {
			random_frame(&r, rig.policy, f);
			if (!rig_agrees(f->bytes, f->length))
				break; /* one of a policy is enough to read */
		}
	}
	rig_context(NULL);
	check_variety(&before, (uint64_t)count * FRAMES);
}

/* Both families, and much more than the head of a generation holds. */
static int long_list(struct policy *policy, void *data)
{
	struct policy_service service = {.name = "web", .proto = POLICY_TCP, .to_count = 2};
	struct prefix to[2] = {{.family = 4, .length = 1}, {.family = 6, .length = 1}};
	struct prefix *prefixes;
	uint32_t i, count = 24000;
	struct random *r = data;
	int set, error;

	error = policy_add_set(policy, "long", POLICY_OWNER_STATIC, NULL);
	prefixes = error < 0 ? NULL : calloc(count, sizeof(*prefixes));
	if (!prefixes)
		return -ENOMEM;
	set = policy_find_set(policy, "long", NULL);
	for (i = 0; i < count; i++) {
		prefixes[i].family = i % 6 ? 4 : 6;
		random_bytes(r, prefixes[i].address, 3);
		prefixes[i].length = 24;
		if (random_one_in(r, 2)) {
			random_bytes(r, prefixes[i].address, 4);
			prefixes[i].length = 32;
		}
	}
	error = policy_replace_entries(policy, (uint8_t)set, prefixes, count, NULL, NULL);
	free(prefixes);
	service.to = to;
	service.sets = 1ULL << set;
	return error < 0 ? error : policy_add_service(policy, &service, NULL);
}

static void test_long_list(const void *row)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	struct random r = random_seeded("long list");
	uint32_t j, frames = rig_rounds(5000);
	int error = rig_change(long_list, &r);

	(void)row;
	if (error < 0) {
		rig_fail("20,000 IPv4 and 4,000 IPv6 prefixes are refused: %s", strerror(-error));
		return;
	}
	for (j = 0; j < frames; j++) {
		random_frame(&r, rig.policy, f);
		if (!rig_agrees(f->bytes, f->length))
			break;
	}
}

void add_random_tests(void)
{
	rig_add_test("random: policies and frames against a linear model", test_model, NULL);
	rig_add_test("random: a list of 24,000", test_long_list, NULL);
}
