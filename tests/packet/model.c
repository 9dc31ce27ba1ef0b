// SPDX-License-Identifier: Apache-2.0
/* Sections 5 and 6 of docs/policy.md. */
#include "tests/packet/model.h"

#include <string.h>

#include "tests/packet/frame.h"

static bool covers(const struct prefix *prefix, int family, const uint8_t *address)
{
	int bit;

	if (prefix->family != family)
		return false;
	for (bit = 0; bit < prefix->length; bit++)
		if ((prefix->address[bit / 8] ^ address[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static bool covers_proto(const struct policy_service *s, int proto)
{
	if (proto < 0)
		return true;
	if (s->proto == POLICY_TCP)
		return proto == NEXT_TCP;
	if (s->proto == POLICY_UDP)
		return proto == NEXT_UDP;
	return s->port_count ? proto == NEXT_TCP || proto == NEXT_UDP : true;
}

static bool covers_port(const struct policy_service *s, int port)
{
	uint32_t i;

	if (!s->port_count || port < 0)
		return true;
	for (i = 0; i < s->port_count; i++)
		if (port >= s->ports[i].first && port <= s->ports[i].last)
			return true;
	return false;
}

static bool covers_destination(const struct policy_service *s, const struct model_packet *p)
{
	uint32_t i;

	if (!s->to_count || p->any_destination)
		return true;
	for (i = 0; i < s->to_count; i++)
		if (covers(&s->to[i], p->family, p->destination))
			return true;
	return false;
}

static uint64_t find_candidates(const struct policy *policy, const struct model_packet *p)
{
	const struct policy_service *s;
	uint64_t found = 0;
	int i;

	for (i = 0; i < GATE_MAX_SERVICES; i++) {
		s = &policy->services[i];
		if (s->name[0] && covers_proto(s, p->proto) && covers_port(s, p->port) &&
		    covers_destination(s, p))
			found |= 1ULL << i;
	}
	return found;
}

/* The sets that the source is in now; *slot is of the longest prefix, in time or not. */
static uint64_t find_sets(const struct policy *policy, uint64_t now, const struct model_packet *p,
			  uint32_t *slot)
{
	const struct policy_entry *e;
	int longest = -1;
	uint64_t found = 0;
	size_t i;

	for (i = 0; i < policy->entry_count; i++) {
		e = &policy->entries[i];
		if (!covers(&e->prefix, p->family, p->source))
			continue;
		if (e->prefix.length > longest) {
			longest = e->prefix.length;
			*slot = e->slot;
		}
		if (!e->expires || now < e->expires)
			found |= 1ULL << e->set;
	}
	return found;
}

static void judge_default(const struct policy *policy, uint64_t now, const struct model_packet *p,
			  struct model_verdict *out)
{
	if (!policy->default_drop)
		out->reason = GATE_UNPROTECTED;
	else if (find_sets(policy, now, p, &out->slot) & 1ULL << GATE_SET_PLATFORM)
		out->reason = GATE_PLATFORM;
	else if (p->echo_reply && p->unclear < 0)
		out->reason = GATE_REPLY;
	else
		out->reason = GATE_DEFAULT_DROP;
}

static int lowest(uint64_t mask)
{
	int i;

	for (i = 0; i < 64; i++)
		if (mask >> i & 1)
			return i;
	return -1;
}

/* Does it hide what it is for, and is it not just the rest of what showed it? */
static bool may_be_for_any(const struct model_packet *p)
{
	return p->any_destination || (p->unclear >= 0 && !p->later_fragment);
}

static bool all_admit(const struct policy *policy, uint64_t candidates, uint64_t in)
{
	bool platform = in & 1ULL << GATE_SET_PLATFORM;
	int i;

	for (i = 0; i < GATE_MAX_SERVICES; i++)
		if (candidates >> i & 1 && !platform && !(policy->services[i].sets & in))
			return false;
	return platform || !policy->default_drop;
}

static void judge_services(const struct policy *policy, uint64_t now, const struct model_packet *p,
			   struct model_verdict *out)
{
	uint64_t in = find_sets(policy, now, p, &out->slot), admits;
	bool every = may_be_for_any(p);
	int i;

	for (i = 0; i < GATE_MAX_SERVICES; i++) {
		admits = policy->services[i].sets | 1ULL << GATE_SET_PLATFORM;
		if (!(out->candidates >> i & 1) || !(admits & in))
			continue;
		if (every && !all_admit(policy, out->candidates, in))
			break;
		out->reason = GATE_ALLOWED;
		out->service = i;
		out->set = lowest(admits & in);
		return;
	}
	out->service = lowest(out->candidates);
	out->reason = p->unclear < 0 ? GATE_NOT_ALLOWED : (enum gate_reason)p->unclear;
}

void model_judge(const struct policy *policy, uint64_t now, const uint8_t *frame, size_t length,
		 struct model_verdict *out)
{
	struct model_packet p;

	memset(out, 0, sizeof(*out));
	out->service = out->set = -1;
	model_parse(frame, length, &p);
	if (p.settled >= 0) {
		out->reason = (enum gate_reason)p.settled;
		if (out->reason == GATE_NON_IP && policy->non_ip_drop)
			out->reason = GATE_NON_IP_DROP;
		return;
	}
	out->candidates = find_candidates(policy, &p);
	if (out->candidates)
		judge_services(policy, now, &p, out);
	else
		judge_default(policy, now, &p, out);
}
