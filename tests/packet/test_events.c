// SPDX-License-Identifier: Apache-2.0
/* Drop events: their fields, and how few a flood gives. */
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/cleanup.h"
#include "agent/gate/events.h"
#include "tests/packet/rig.h"

#define SECOND 1000000000ULL

struct seen {
	uint64_t count;
	uint64_t skipped;
	struct gate_event last;
};

static int note(void *data, const struct gate_event *event)
{
	struct seen *seen = data;

	seen->count++;
	seen->skipped += event->skipped;
	seen->last = *event;
	return 0;
}

/* Reads what is there. Returns false, with a failure noted, where it cannot. */
static bool drain(struct seen *seen)
{
	struct events *events = NULL;
	struct report report = {};
	int r = events_open(&rig.options, &events, &report);

	*seen = (struct seen){};
	while (r >= 0) {
		r = events_wait(events, 0, note, seen);
		if (r <= 0)
			break;
	}
	if (r < 0)
		rig_fail("events: %s", report.error ? report.error : strerror(-r));
	events_close(events);
	report_clear(&report);
	return r >= 0;
}

/* A budget is of one CPU, so the test stays on one. */
static void stay_on_one_cpu(cpu_set_t *before)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	sched_getaffinity(0, sizeof(*before), before);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* Longer than any window. */
static void wait_for_budget(void)
{
	usleep(300000);
}

static void check_address(const char *what, uint8_t family, const uint8_t said[16],
			  const char *text)
{
	uint8_t address[16];

	frame_address(text, strlen(text), family, address);
	if (memcmp(address, said, 16) != 0)
		rig_fail("an event has another %s", what);
}

struct row {
	const char *frame;
	enum gate_reason reason;
	uint8_t family, proto;
	bool ports;
	uint16_t sport, dport;
	const char *service;
	const char *source, *destination;
};

static const struct row rows[] = {
	{"v4 D>H tcp=1000>443 data=200", GATE_NOT_ALLOWED, 4, 6, true, 1000, 443, "w", "D", "H"},
	{"v4 D>H udp=258>53", GATE_NOT_ALLOWED, 4, 17, true, 258, 53, "d", "D", "H"},
	{"v6 D>H dst tcp=65535>443", GATE_NOT_ALLOWED, 6, 6, true, 65535, 443, "w", "D", "H"},
	{"v4 D>H udp=7>8", GATE_DEFAULT_DROP, 4, 17, true, 7, 8, NULL, "D", "H"},
	{"v4 D>H icmp=8", GATE_DEFAULT_DROP, 4, 1, false, 0, 0, NULL, "D", "H"},
	{"vlan v4 D>H off=1 next=6 data=8", GATE_FRAGMENT, 4, 6, false, 0, 0, "w", "D", "H"},
	{"v6 D>H rh=1 tcp=5>443", GATE_EXT_HEADERS, 6, 6, true, 5, 443, "w", "D", "H"},
	{"vlan vlan vlan vlan vlan arp", GATE_VLAN_DEPTH, 0, 0, false, 0, 0, NULL, NULL, NULL},
	{"lldp data=3", GATE_NON_IP_DROP, 0, 0, false, 0, 0, NULL, NULL, NULL},
	{"type=2048", GATE_MALFORMED, 0, 0, false, 0, 0, NULL, NULL, NULL},
};

static void check_event(const struct row *row, const struct gate_event *e, const struct frame *f,
			uint64_t started)
{
	size_t captured = f->length < GATE_EVENT_BYTES ? f->length : GATE_EVENT_BYTES;
	uint64_t now = rig_boot_time();
	int service = row->service ? policy_find_service(rig.policy, row->service, NULL)
				   : GATE_NO_SERVICE;

	rig_context("event of '%s'", row->frame);
	if (e->time < started || e->time > now)
		rig_fail("its time is not between before and after");
	if (e->ifindex != if_nametoindex("lo"))
		rig_fail("ifindex %u", e->ifindex);
	if (e->frame_length != f->length || e->captured != captured)
		rig_fail("length %u, captured %u", e->frame_length, e->captured);
	if (e->reason != row->reason || e->flags != (rig.enforces ? 0 : GATE_EVENT_WOULD_DROP))
		rig_fail("reason %u, flags %u", e->reason, e->flags);
	if (e->family != row->family || e->proto != row->proto || e->service != service)
		rig_fail("family %u, proto %u, service %u", e->family, e->proto, e->service);
	if (e->ports_known != row->ports || e->sport != row->sport || e->dport != row->dport)
		rig_fail("ports known %u: %u to %u", e->ports_known, e->sport, e->dport);
	if (memcmp(e->bytes, f->bytes, captured) != 0)
		rig_fail("other bytes");
	if (row->source) {
		check_address("source", row->family, e->source, row->source);
		check_address("destination", row->family, e->destination, row->destination);
	}
}

static void expect_events(const struct row *row)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	uint64_t started;
	struct seen seen;

	frame_parse(f, row->frame);
	if (!drain(&seen))
		return;
	started = rig_boot_time();
	rig_expect(row->reason, "%s", row->frame);
	if (!drain(&seen))
		return;
	if (seen.count != 1)
		rig_fail("'%s' gives %llu events", row->frame, (unsigned long long)seen.count);
	else
		check_event(row, &seen.last, f, started);
}

static void test_fields(const void *row)
{
	cpu_set_t before;
	size_t i;

	(void)row;
	rig_policy("set apim 20.1.2.0/24; service w tcp 443 * apim; service d udp 53 * apim;"
		   "default drop; nonip drop;");
	stay_on_one_cpu(&before);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		/* The budget is 16: two here, and nothing else drops. */
		if (i % 8 == 0)
			wait_for_budget();
		rig_link(i % 2 ? GATE_AUDIT : GATE_ENFORCE, 0);
		expect_events(&rows[i]);
	}
	sched_setaffinity(0, sizeof(before), &before);
}

/* What passes, and the probe, give none. */
static void test_none(const void *row)
{
	static const char *const passing[] = {"v4 A>H tcp=1>443", "v4 D>H tcp=1>80", "arp", "lldp"};
	struct seen seen;
	size_t i;

	(void)row;
	rig_policy("set apim 20.1.2.0/24; service w tcp 443 * apim;");
	wait_for_budget();
	if (!drain(&seen))
		return;
	for (i = 0; i < ARRAY_SIZE(passing); i++)
		rig_expect(i == 0   ? GATE_ALLOWED
			   : i == 1 ? GATE_UNPROTECTED
			   : i == 2 ? GATE_ARP
				    : GATE_NON_IP,
			   "%s", passing[i]);
	if (drain(&seen) && seen.count)
		rig_fail("%llu events of frames that passed", (unsigned long long)seen.count);
}

/* 10,000 at once: few events, and what they say was skipped adds up with them. */
static void test_flood(const void *row)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	struct gate_cpu before, after;
	struct seen flood, last;
	cpu_set_t cpus;
	uint64_t start, took;

	(void)row;
	rig_policy("set apim 20.1.2.0/24; service w tcp 443 * apim;");
	stay_on_one_cpu(&cpus);
	frame_parse(f, "v4 D>H tcp=1>443");
	wait_for_budget();
	rig_flood(f, 1); /* says what others left over */
	wait_for_budget();
	if (!drain(&flood))
		return;
	before = rig_counters();
	start = rig_boot_time();
	rig_flood(f, 10000);
	took = rig_boot_time() - start;
	if (!drain(&flood))
		return;
	wait_for_budget();
	rig_flood(f, 1);
	after = rig_counters();
	if (!drain(&last))
		return;
	/* 16 in each window, which is 25 ms at the least. */
	if (flood.count < 16 || flood.count > 16 * (took / (SECOND / 40) + 2))
		rig_fail("%llu events in %llu us", (unsigned long long)flood.count,
			 (unsigned long long)took / 1000);
	if (last.count != 1 || flood.count + flood.skipped + 1 + last.skipped != 10001)
		rig_fail("events %llu, skipped %llu; then %llu and %llu",
			 (unsigned long long)flood.count, (unsigned long long)flood.skipped,
			 (unsigned long long)last.count, (unsigned long long)last.skipped);
	if (after.reason[GATE_NOT_ALLOWED].packets - before.reason[GATE_NOT_ALLOWED].packets !=
	    10001)
		rig_fail("the flood is not counted whole");
	/* What other CPUs have skipped stays as it is. */
	if (after.events_sent - before.events_sent != flood.count + 1 ||
	    after.skipped != before.skipped)
		rig_fail("events sent %llu, still skipped %u",
			 (unsigned long long)(after.events_sent - before.events_sent),
			 after.skipped);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

void add_event_tests(void)
{
	rig_add_test("events: fields", test_fields, NULL);
	rig_add_test("events: none of what passes", test_none, NULL);
	rig_add_test("events: a flood gives few, and the rest is counted", test_flood, NULL);
}
