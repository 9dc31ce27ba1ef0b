// SPDX-License-Identifier: Apache-2.0
/*
 * Frames with wrong bytes, from a denied source. Whatever they are, the
 * program has to say what the model says, and count it once; and what the
 * model takes for protected never passes.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "tests/packet/model.h"
#include "tests/packet/random.h"
#include "tests/packet/rig.h"

#define MUTATIONS 200000

static const char *const seeds[] = {
	"v4 D>H tcp=1000>443 data=8",
	"v4 D>H opts=12 tcp=1000>443",
	"vlan v4 D>H udp=1000>443 data=8",
	"qinq vlan v4 D>H tcp=1000>443 pad",
	"v4 D>H mf tcp=1000>443 data=4",
	"v4 D>H off=4 next=6 data=24",
	"v4 D>H ah tcp=1000>443",
	"v4 D>H icmp=8",
	"v4 D>H icmp=3 data=28",
	"v4 D>H udp=67>68 data=60",
	"v6 D>H tcp=1000>443 data=8",
	"v6 D>H hbh dst rh=0 tcp=1000>443",
	"v6 D>H fh=0+ tcp=1000>443 data=4",
	"v6 D>H fh=2 next=6 data=24",
	"v6 D>H hbh dst=16 ah fh=0 dst rh=1 dst dst udp=1000>443",
	"v6 D>H hop=255 icmp6=135 data=16",
	"v6 D>H hbh hop=1 icmp6=143 data=12",
	"v6 D>H udp=547>546",
	"v4 D>H v4 A>H tcp=1000>443",
	"v4 D>H next=47 data=40",
};

/* What may let a frame through that is to a protected destination. */
static bool may_pass(const struct model_verdict *v)
{
	return v->reason == GATE_ALLOWED || v->reason == GATE_NEIGHBOUR ||
	       v->reason == GATE_ICMP_ERROR || v->reason == GATE_DHCP || !v->candidates;
}

static void check(const struct frame *f)
{
	struct outcome outcome = rig_run(f->bytes, f->length);
	struct model_verdict v;

	if (!outcome.ran)
		return;
	model_judge(rig.policy, 0, f->bytes, f->length, &v);
	if (!outcome.drops && !may_pass(&v))
		rig_fail("a protected destination is reached");
	if (outcome.said.reason != v.reason || outcome.said.candidates != v.candidates)
		rig_agrees(f->bytes, f->length); /* says what differs */
}

static void mutate(struct random *r, struct frame *f)
{
	static const uint8_t values[] = {0,  1,	 6,    17,   43,   44,	 51,
					 58, 60, 0x45, 0x60, 0x7f, 0x80, 255};
	uint32_t count = 1 + random_below(r, 4);

	while (count--) {
		uint8_t *at = f->bytes + 12 + random_below(r, (uint32_t)f->length - 12);

		switch (random_below(r, 4)) {
		case 0:
			*at = values[random_below(r, ARRAY_SIZE(values))];
			break;
		case 1:
			*at ^= (uint8_t)(1U << random_below(r, 8));
			break;
		case 2:
			*at = (uint8_t)(*at + random_below(r, 3) - 1);
			break;
		default:
			*at = (uint8_t)random_next(r);
		}
	}
	if (random_one_in(r, 8))
		f->length -= random_below(r, (uint32_t)f->length - 13);
}

static void test_mutations(const void *row)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	struct random r = random_seeded("frame mutations");
	uint32_t i, count = rig_rounds(MUTATIONS);

	rig_policy("%s", (const char *)row);
	for (i = 0; i < count && rig.failures < 20; i++) {
		frame_parse(f, seeds[i % ARRAY_SIZE(seeds)]);
		mutate(&r, f);
		check(f);
	}
}

#define SETS "set apim 20.1.2.0/24 2603:1030:1::/48;"

void add_fuzz_tests(void)
{
	rig_add_test("fuzz: mutated frames, all protected", test_mutations,
		     SETS "service all any * * apim;");
	rig_add_test("fuzz: mutated frames, two ports and a destination", test_mutations,
		     SETS "service web tcp 443 * apim;"
			  "service dns udp 400-500 10.0.0.0/8,fd00::/16 apim; default drop;");
}
