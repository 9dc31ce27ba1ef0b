// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The gate. docs/policy.md says in words what this file does; the steps have
 * the same numbers. Fails closed: whatever cannot be read is dropped, with a
 * reason that is counted.
 */
#include "account.h"
#include "reply.h"

/* 5. No service covers the frame, and the default is to drop. */
static __always_inline __u32 gate_decide_default(struct xdp_md *ctx, const struct gate_packet *p,
						 const struct gate_decision *d)
{
	if (d->sets & (1ULL << GATE_SET_PLATFORM))
		return GATE_PLATFORM;
	if (gate_is_reply(ctx, p))
		return GATE_REPLY;
	return GATE_DEFAULT_DROP;
}

/*
 * What hides its port, protocol or destination may be for any candidate, and
 * with `default drop` for none. So every one of them has to admit the source:
 * the right to one service must not open another through a tiny fragment.
 */
static __always_inline int gate_admits_hidden(const struct gate_head *head,
					      const struct gate_decision *d)
{
	if (d->admitting != d->candidates)
		return 0;
	return !head->default_drop || d->sets & (1ULL << GATE_SET_PLATFORM);
}

/* 4. to 6. The frame is IP, and is not one of those that always pass. */
static __always_inline __u32 gate_decide(struct xdp_md *ctx, struct gate_head *head,
					 const struct gate_packet *p, struct gate_decision *d)
{
	struct gate_rights rights;

	d->candidates = gate_candidates(head, p);
	if (!d->candidates && !head->default_drop)
		return GATE_UNPROTECTED;
	rights = gate_source_rights(head, p, d);
	d->sets = rights.sets;
	if (!d->candidates)
		return gate_decide_default(ctx, p, d);
	d->admitting = rights.services & d->candidates;
	if (p->hidden && !gate_admits_hidden(head, d))
		d->admitting = 0;
	if (d->admitting)
		return GATE_ALLOWED;
	return p->unclear ? p->unclear : (__u32)GATE_NOT_ALLOWED;
}

/* 7. Does the link enforce? Past an unconfirmed deadline it does not, whoever is alive. */
static __always_inline int gate_enforces(void)
{
	__u64 deadline = link_config.deadline;

	if (link_config.policy != GATE_ENFORCE)
		return 0;
	return !deadline || bpf_ktime_get_boot_ns() < deadline;
}

static __always_inline void gate_explain(const struct gate_head *head,
					 const struct gate_decision *d, __u32 reason,
					 __u32 would_drop)
{
	__u64 services = d->admitting ? d->admitting : d->candidates;
	__u64 sets;

	explanation.reason = reason;
	explanation.would_drop = would_drop;
	explanation.candidates = d->candidates;
	explanation.slot = d->slot;
	explanation.service = services ? gate_lowest(services) : GATE_NO_SERVICE;
	explanation.set = GATE_MAX_SETS;
	explanation.generation = head ? head->generation : 0;
	if (!head || !d->admitting)
		return;
	sets = d->sets & head->service_sets[explanation.service & (GATE_MAX_SERVICES - 1)];
	if (sets)
		explanation.set = gate_lowest(sets);
}

static __always_inline int gate_finish(struct xdp_md *ctx, const struct gate_head *head,
				       struct gate_cpu *cpu, __u32 index,
				       const struct gate_packet *p, const struct gate_decision *d,
				       __u32 reason)
{
	int drops = GATE_REASON_DROPS >> reason & 1;
	int would_drop = drops && !gate_enforces();

	if (is_probe) {
		gate_explain(head, d, reason, would_drop);
		return drops && !would_drop ? XDP_DROP : XDP_PASS;
	}

	reason &= GATE_MAX_REASONS - 1;
	gate_count_one(would_drop ? &cpu->would_drop[reason] : &cpu->reason[reason], p->length);
	if (d->candidates && head)
		gate_count_services(head, cpu, d, p->length);
	if (!drops) {
		if (d->admitting)
			gate_count_hit(index, d->slot);
		return XDP_PASS;
	}
	if (gate_event_due(cpu))
		gate_emit(ctx, cpu, p, d, reason | (would_drop ? GATE_EVENT_WOULD_DROP << 8 : 0));
	return would_drop ? XDP_PASS : XDP_DROP;
}

/* What the parser finds out starts from nothing; the addresses are only read where there are some. */
static __always_inline void gate_start_packet(struct gate_packet *p, __u32 length)
{
	__builtin_memset(p, 0, offsetof(struct gate_packet, source));
	p->length = length;
}

SEC("xdp")
int apimgate(struct xdp_md *ctx)
{
	struct gate_cursor cursor = {
		.ctx = ctx,
		.data = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.limit = ctx->data_end - ctx->data,
	};
	struct gate_decision decision = {};
	__u32 reason, zero = 0, index = bpf_get_smp_processor_id();
	struct gate_head *head = NULL;
	struct gate_packet *packet;
	struct gate_cpu *cpu;
	void *heads;

	cpu = bpf_map_lookup_elem(&gate_cpus, &index);
	if (!cpu)
		return XDP_DROP; /* it cannot be: there is an element for every possible CPU */
	packet = (struct gate_packet *)cpu->frame;
	gate_start_packet(packet, cursor.limit);

	heads = bpf_map_lookup_elem(&gate_heads, &zero);
	if (heads)
		head = bpf_map_lookup_elem(heads, &zero);
	if (!head)
		return gate_finish(ctx, head, cpu, index, packet, &decision, GATE_NO_GENERATION);

	reason = gate_parse(&cursor, packet);
	asm volatile("" ::: "memory"); /* from here on it is read from the map, see parse.h */
	if (reason == GATE_NON_IP && head->non_ip_drop)
		reason = GATE_NON_IP_DROP;
	if (reason == GATE_UNDECIDED)
		reason = gate_decide(ctx, head, packet, &decision);
	return gate_finish(ctx, head, cpu, index, packet, &decision, reason);
}

char _license[] SEC("license") = "Dual BSD/GPL";
