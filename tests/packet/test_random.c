// SPDX-License-Identifier: Apache-2.0
/*
 * Random policies and frames: the program and the model have to agree in
 * everything, which is reason, candidates, service, set and slot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "tests/packet/random.h"
#include "tests/packet/rig.h"

#define POLICIES 200
#define FRAMES 500

static uint32_t policies(void)
{
	const char *text = getenv("PACKET_ROUNDS");

	return text ? (uint32_t)strtoul(text, NULL, 0) : rig_rounds(POLICIES);
}

static void test_model(const void *row)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	struct random r = random_seeded("random model");
	uint32_t i, j, count = policies();
	struct random start;
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
}

void add_random_tests(void)
{
	rig_add_test("random: policies and frames against a linear model", test_model, NULL);
}
