// SPDX-License-Identifier: Apache-2.0
/*
 * Long lists that are hard on a prefix table, looked up by the program itself.
 * The model of random policies goes through a whole list for each frame; here
 * the lists are long, so that a sorted one says what slot and verdict it has to be.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/cleanup.h"
#include "agent/gate/counters.h"
#include "tests/packet/random.h"
#include "tests/packet/rig.h"
#include "tests/unit/lookup_lists.h"

#define FRAMES 4000
/* So many addresses are asked about again as destinations. */
#define TO_FRAMES 1000

struct row {
	const char *kind;
	uint32_t bits;
	size_t size;
	uint32_t variant;
};

/* What is known of one family of a policy. */
struct expected {
	struct lookup_list list;
	struct lookup_model slots;   /* of the longest prefix */
	struct lookup_model allowed; /* 1: in some prefix of a set that the service admits */
};

static bool is_of_family(const struct lookup_list *list, const struct prefix *prefix)
{
	return prefix->family == (list->bits == 32 ? 4 : 6);
}

/* Every third is in the set that the service admits, others in one of no use; one in nine in both. */
static bool in_set(size_t number, bool admitted)
{
	return admitted ? number % 3 == 0 : number % 3 != 0 || number % 9 == 0;
}

static int fill_set(struct policy *policy, const struct lookup_list *list, const char *name,
		    bool admitted)
{
	_cleanup_free_ struct prefix *prefixes = calloc(list->count + 1, sizeof(*prefixes));
	size_t count = 0, i;
	int r = prefixes ? policy_add_set(policy, name, POLICY_OWNER_STATIC, NULL) : -ENOMEM;

	if (r < 0)
		return r;
	for (i = 0; i < list->count; i++) {
		prefixes[count] = lookup_prefix(list, &list->items[i]);
		/* IPv4-mapped ones are no prefixes of a policy. */
		if (in_set(i, admitted) && prefix_is_valid(&prefixes[count]))
			count++;
	}
	return policy_replace_entries(policy, (uint8_t)policy_find_set(policy, name, NULL),
				      prefixes, count, NULL, NULL);
}

static int list_policy(struct policy *policy, void *data)
{
	struct policy_service service = {.name = "web", .proto = POLICY_TCP};
	const struct lookup_list *list = data;
	int r = fill_set(policy, list, "in", true);

	if (r == 0)
		r = fill_set(policy, list, "out", false);
	if (r < 0)
		return r;
	service.sets = 1ULL << policy_find_set(policy, "in", NULL);
	return policy_add_service(policy, &service, NULL);
}

static bool is_admitted(const struct policy_entry *entry)
{
	return entry->set == GATE_SET_PLATFORM || !strcmp(rig.policy->sets[entry->set].name, "in");
}

/* From the policy as the kernel gives it back, with its slots. */
static void make_models(struct expected *e)
{
	size_t count = 0, admitted = 0, i;
	_cleanup_free_ struct lookup_item *slots =
		calloc(rig.policy->entry_count + 1, sizeof(*slots));
	_cleanup_free_ struct lookup_item *allowed =
		calloc(rig.policy->entry_count + 1, sizeof(*allowed));
	const struct policy_entry *entry, *before = NULL;
	struct lookup_item item;

	for (i = 0; i < rig.policy->entry_count; i++) {
		entry = &rig.policy->entries[i];
		if (!is_of_family(&e->list, &entry->prefix))
			continue;
		item = (struct lookup_item){lookup_from_bytes(entry->prefix.address,
							      e->list.bits / 8),
					    entry->prefix.length, entry->slot};
		/* A prefix in two sets has two entries and one slot. */
		if (!before || prefix_compare(&before->prefix, &entry->prefix))
			slots[count++] = item;
		else if (before->slot != entry->slot)
			rig_fail("one prefix has the slots %u and %u", before->slot, entry->slot);
		before = entry;
		item.value = 1;
		if (is_admitted(entry) && (!admitted || allowed[admitted - 1].first != item.first ||
					   allowed[admitted - 1].length != item.length))
			allowed[admitted++] = item;
	}
	lookup_model_build(&e->slots, slots, count);
	lookup_model_build(&e->allowed, allowed, admitted);
}

static void make_frame(struct frame *f, const struct expected *e, lookup_address from,
		       lookup_address to)
{
	uint8_t source[16], destination[16];

	lookup_to_bytes(from, source, sizeof(source));
	lookup_to_bytes(to, destination, sizeof(destination));
	frame_start(f);
	if (e->list.bits == 32)
		frame_ipv4(f, source, destination, 0);
	else
		frame_ipv6(f, source, destination);
	frame_tcp(f, 1, 443);
	frame_finish(f);
}

static void expect(const struct outcome *o, const struct expected *e, lookup_address address,
		   enum gate_reason reason, uint32_t slot)
{
	char text[PREFIX_TEXT_LEN];
	uint8_t bytes[16];

	if (!o->ran || (o->said.reason == reason && o->said.slot == slot))
		return;
	lookup_to_bytes(address, bytes, sizeof(bytes));
	rig_fail("%s: %s, slot %u; expected %s, slot %u",
		 prefix_format_address(e->list.bits == 32 ? 4 : 6, bytes, text),
		 counters_reason_name(o->said.reason), o->said.slot, counters_reason_name(reason),
		 slot);
}

/* Mostly about some prefix of the list, else anything. */
static lookup_address choose(const struct expected *e, struct lookup_random *r)
{
	uint32_t probe = lookup_below(r, LOOKUP_PROBES + 1);
	const struct lookup_item *item;
	lookup_address address;

	if (probe == LOOKUP_PROBES || !e->list.count)
		address = lookup_any(r);
	else {
		item = &e->list.items[lookup_below(r, (uint32_t)e->list.count)];
		address = lookup_probe(&e->list, item, probe, r);
	}
	return address & ~lookup_host_mask(e->list.bits);
}

static void check_sources(const struct expected *e, struct lookup_random *r)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	uint32_t frames = rig_rounds(FRAMES), i, slot;
	lookup_address address;
	enum gate_reason reason;
	struct outcome o;

	for (i = 0; i < frames; i++) {
		address = choose(e, r);
		make_frame(f, e, address, (lookup_address)0x0a090807 << 96);
		slot = lookup_model_ask(&e->slots, address);
		reason = lookup_model_ask(&e->allowed, address) ? GATE_ALLOWED : GATE_NOT_ALLOWED;
		o = rig_run(f->bytes, f->length);
		expect(&o, e, address, reason, slot);
	}
}

/* The row's list, of this seed. */
static void make_list(struct expected *e, const struct row *row, uint64_t seed)
{
	const struct lookup_choice choice = {.kind = lookup_find_kind(row->kind),
					     .variant = row->variant,
					     .bits = row->bits,
					     .size = row->size / (rig.slow > 1 ? 10 : 1) + 1,
					     .seed = seed};

	lookup_list_make(&e->list, &choice);
	rig_context("'%s' of %zu, variant %u, IPv%c, seed %llu", row->kind, choice.size,
		    row->variant, row->bits == 32 ? '4' : '6', (unsigned long long)seed);
}

static void clear(struct expected *e)
{
	lookup_model_clear(&e->slots);
	lookup_model_clear(&e->allowed);
	lookup_list_clear(&e->list);
}

static const struct row source_rows[] = {
	{"cloud mix", 32, 20000, 0},
	{"every length", 32, 5000, 0},
	{"nested", 32, 2000, 0},
	{"all but one", 32, 500, 0},
	{"sequential hosts", 32, 20000, 0},
	{"split blocks", 32, 5000, 0},
	{"relatives", 32, 3000, 0},
	{"wide ladder", 32, 3, 0},
	{"ends of the space", 32, 1, 0},
	{"cloud mix", 128, 20000, 0},
	{"every length", 128, 5000, 0},
	{"nested", 128, 2000, 0},
	{"all but one", 128, 500, 0},
	{"split blocks", 128, 5000, 0},
	{"relatives", 128, 3000, 0},
	{"ladder", 128, 10000, 0},
	{"wide ladder", 128, 3, 0},
	{"ends of the space", 128, 1, 0},
	{"/128s in a /64", 128, 5000, 0},
	{"/64s in a /48", 128, 2000, 0},
	{"regular first 48 bits, long", 128, 5000, LOOKUP_PATTERNS},
	{"regular first 48 bits", 128, 5000, LOOKUP_PATTERNS - 1},
	{"first 48 bits of one hash", 128, 400, 0},
	{"first 48 bits of few hashes", 128, 2000, 0},
	{"first 48 bits of few hashes", 128, 2000, 1},
	{"one hash and a ladder", 128, 3000, 0},
	{"service tags", 128, 20000, 0},
};

static void test_sources(const void *unused)
{
	struct random seed = random_seeded("lookup of sources");
	struct lookup_random r = {seed.state};
	struct expected e;
	size_t i;
	int error;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(source_rows); i++) {
		e = (struct expected){};
		make_list(&e, &source_rows[i], lookup_next(&r));
		error = rig_change(list_policy, &e.list);
		if (error < 0) {
			rig_fail("the policy is refused: %s", strerror(-error));
		} else {
			make_models(&e);
			check_sources(&e, &r);
		}
		clear(&e);
	}
	rig_context(NULL);
}

/* A service for so many destinations as one can have; nobody may reach it. */
static int to_policy(struct policy *policy, void *data)
{
	struct policy_service service = {.name = "web", .proto = POLICY_TCP};
	_cleanup_free_ struct prefix *to = calloc(POLICY_MAX_TO, sizeof(*to));
	struct expected *e = data;
	size_t kept = 0, i;
	int r = to ? policy_add_set(policy, "in", POLICY_OWNER_STATIC, NULL) : -ENOMEM;

	if (r < 0)
		return r;
	for (i = 0; i < e->list.count && kept < POLICY_MAX_TO; i++) {
		to[kept] = lookup_prefix(&e->list, &e->list.items[i]);
		if (prefix_is_valid(&to[kept]))
			e->list.items[kept++] = e->list.items[i];
	}
	e->list.count = kept;
	service.to = to;
	service.to_count = (uint32_t)kept;
	service.sets = 1ULL << policy_find_set(policy, "in", NULL);
	return policy_add_service(policy, &service, NULL);
}

static void check_destinations(const struct expected *e, struct lookup_random *r)
{
	_cleanup_free_ struct frame *f = malloc(sizeof(*f));
	uint32_t frames = rig_rounds(TO_FRAMES), i;
	lookup_address address;
	enum gate_reason reason;
	struct outcome o;

	for (i = 0; i < frames; i++) {
		address = choose(e, r);
		make_frame(f, e, (lookup_address)0x0b0c0d0e << 96, address);
		reason = lookup_model_ask(&e->allowed, address) ? GATE_NOT_ALLOWED
								: GATE_UNPROTECTED;
		o = rig_run(f->bytes, f->length);
		expect(&o, e, address, reason, 0);
	}
}

static const struct row to_rows[] = {
	{"cloud mix", 32, 1000, 0},
	{"relatives", 32, 1000, 0},
	{"nested", 32, 1000, 0},
	{"cloud mix", 128, 1000, 0},
	{"relatives", 128, 1000, 0},
	{"service tags", 128, 1000, 0},
	{"first 48 bits of one hash", 128, 300, 0},
};

static void test_destinations(const void *unused)
{
	struct random seed = random_seeded("lookup of destinations");
	struct lookup_random r = {seed.state};
	struct expected e;
	size_t i;
	int error;

	(void)unused;
	for (i = 0; i < ARRAY_SIZE(to_rows); i++) {
		e = (struct expected){};
		make_list(&e, &to_rows[i], lookup_next(&r));
		error = rig_change(to_policy, &e);
		if (error < 0) {
			rig_fail("the policy is refused: %s", strerror(-error));
		} else {
			lookup_model_build(&e.allowed, e.list.items, e.list.count);
			check_destinations(&e, &r);
		}
		clear(&e);
	}
	rig_context(NULL);
}

void add_lookup_tests(void)
{
	rig_add_test("lookup: sources in long lists", test_sources, NULL);
	rig_add_test("lookup: destinations of a service", test_destinations, NULL);
}
