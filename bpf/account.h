/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counters and events. Each CPU writes its own counters only, so nothing here
 * is atomic. Cost on the drop path: about 2 ns; an event costs about 200 ns,
 * and a CPU emits at most events_per_window of them in window_jiffies.
 */
#ifndef APIMGATE_BPF_ACCOUNT_H
#define APIMGATE_BPF_ACCOUNT_H

#include "classify.h"

static const __u8 debruijn_position[64] = {
	0,  1,	48, 2,	57, 49, 28, 3,	61, 58, 50, 42, 38, 29, 17, 4,	62, 55, 59, 36, 53, 51,
	43, 22, 45, 39, 33, 30, 24, 18, 12, 5,	63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21,
	44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,	13, 8,	7,  6,
};

/* The number of the lowest bit that is set; x is not zero. */
static __always_inline __u32 gate_lowest(__u64 x)
{
	return debruijn_position[((x & -x) * 0x03f79d71b4cb0a89ULL) >> 58] & 63;
}

static __always_inline void gate_count_one(struct gate_count *count, __u32 bytes)
{
	count->packets++;
	count->bytes += bytes;
}

static __always_inline void gate_count_hit(__u32 cpu, __u32 slot)
{
	__u32 index = (cpu & shard_mask) * GATE_HITS_CHUNKS + (slot >> GATE_HITS_SHIFT);
	__u32 zero = 0;
	struct gate_hits *hits;
	void *chunk;
	__u64 *count;

	chunk = bpf_map_lookup_elem(&gate_hits, &index);
	if (!chunk)
		return;
	hits = bpf_map_lookup_elem(chunk, &zero);
	if (!hits)
		return;
	count = &hits->count[slot & (GATE_HITS_SLOTS - 1)];
	if (shards_are_shared)
		__sync_fetch_and_add(count, 1);
	else
		*count += 1;
}

/* Counts what the services and sets saw of a frame that had candidates. */
static __always_inline void gate_count_services(const struct gate_head *head, struct gate_cpu *cpu,
						const struct gate_decision *d, __u32 bytes)
{
	__u32 service;
	__u64 sets;

	if (!d->admitting) {
		gate_count_one(&cpu->service_drop[gate_lowest(d->candidates)], bytes);
		return;
	}
	service = gate_lowest(d->admitting);
	gate_count_one(&cpu->service_pass[service], bytes);
	sets = d->sets & head->service_sets[service];
	if (sets)
		gate_count_one(&cpu->set[gate_lowest(sets)], bytes);
}

/* May this CPU emit an event now? Counts those that it may not. */
static __always_inline int gate_event_due(struct gate_cpu *cpu)
{
	__u64 now = bpf_jiffies64();

	if (now - cpu->window >= window_jiffies) {
		cpu->window = now;
		cpu->credit = events_per_window;
	}
	if (cpu->credit) {
		cpu->credit--;
		return 1;
	}
	cpu->skipped++;
	return 0;
}

static __always_inline void gate_event_packet(struct gate_event *event, const struct gate_packet *p)
{
	event->frame_length = p->length;
	event->family = p->family;
	event->proto = p->proto;
	event->ports_known = p->ports_known;
	event->sport = p->ports_known ? bpf_ntohs(p->sport) : 0;
	event->dport = p->ports_known ? bpf_ntohs(p->dport) : 0;
	__builtin_memset(event->source, 0, sizeof(event->source));
	__builtin_memset(event->destination, 0, sizeof(event->destination));
	if (p->family == 4) {
		__builtin_memcpy(event->source, p->source, sizeof(p->source[0]));
		__builtin_memcpy(event->destination, p->destination, sizeof(p->destination[0]));
	}
	if (p->family == 6) {
		__builtin_memcpy(event->source, p->source, sizeof(event->source));
		__builtin_memcpy(event->destination, p->destination, sizeof(event->destination));
	}
}

static __noinline int gate_emit(struct xdp_md *ctx, struct gate_cpu *cpu,
				const struct gate_packet *p, const struct gate_decision *d,
				__u32 reason_and_flags)
{
	__u8 *data = (void *)(long)ctx->data;
	__u8 *end = (void *)(long)ctx->data_end;
	struct gate_event *event;
	__u32 i;

	event = bpf_ringbuf_reserve(&gate_events, sizeof(*event), 0);
	if (!event) {
		cpu->events_lost++;
		cpu->skipped++;
		return 0;
	}
	event->time = bpf_ktime_get_boot_ns();
	event->ifindex = ctx->ingress_ifindex;
	event->skipped = cpu->skipped;
	event->reason = reason_and_flags & 0xff;
	event->flags = reason_and_flags >> 8;
	event->service = d->candidates ? gate_lowest(d->candidates) : GATE_NO_SERVICE;
	gate_event_packet(event, p);
	__builtin_memset(event->bytes, 0, sizeof(event->bytes));
	for (i = 0; i < GATE_EVENT_BYTES; i++) {
		if (data + i + 1 > end)
			break;
		event->bytes[i] = data[i];
	}
	event->captured = i;
	bpf_ringbuf_submit(event, 0);
	cpu->skipped = 0;
	cpu->events_sent++;
	return 0;
}

#endif
