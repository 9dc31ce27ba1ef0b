/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which services a frame could reach, and whether its source may reach one of
 * them. Services are bits: a port gives a mask, a destination gives a mask, a
 * source gives a mask, and the verdict is their AND, whatever their number.
 */
#ifndef APIMGATE_BPF_CLASSIFY_H
#define APIMGATE_BPF_CLASSIFY_H

#include "lookup.h"
#include "parse.h"

/* What a decision found out, for counters, events and the probe. */
struct gate_decision {
	__u64 candidates;
	__u64 admitting; /* candidates that admit the source */
	__u64 sets;	 /* sets that the source is in */
	__u32 slot;
};

static __always_inline __u64 gate_services_to(struct gate_generation *g,
					      const struct gate_packet *p)
{
	__u32 value = p->family == 4 ? gate_lookup(g, GATE_DST4, p->destination, 4)
				     : gate_lookup(g, GATE_DST6, p->destination, 16);

	return value ? g->head->rights[(value - 1) & (GATE_MAX_RIGHTS - 1)].services : 0;
}

static __always_inline __u64 gate_candidates(struct gate_generation *g, const struct gate_packet *p)
{
	struct gate_head *head = g->head;
	__u64 dport = bpf_ntohs(p->dport);
	__u64 to = head->to_services;
	__u64 services;

	/* To 6.12's verifier a swapped number may be any; a mask that clang cannot drop bounds it. */
	asm volatile("%0 &= 0xffff" : "+r"(dport));

	if (!p->proto_known)
		services = head->all_services;
	else if (p->ports_known)
		services = head->class_services[head->port_class[p->proto == PROTO_UDP][dport]];
	else
		services = head->proto_services[p->proto];

	if (!(services & to) || !p->destination_known)
		return services;
	return services & (~to | gate_services_to(g, p));
}

static __always_inline __u32 gate_source_slot(struct gate_generation *g,
					      const struct gate_packet *p)
{
	return p->family == 4 ? gate_lookup(g, GATE_SRC4, p->source, 4)
			      : gate_lookup(g, GATE_SRC6, p->source, 16);
}

static __always_inline struct gate_temporary *gate_temporary_at(const struct gate_generation *g,
								__u32 index)
{
	__u32 size = sizeof(struct gate_temporary);

	return gate_object(g, g->head->temporaries + (index - 1) * size, size);
}

/* Adds the rights that end by themselves and have not ended. */
static __always_inline void gate_add_temporary(const struct gate_generation *g, __u32 index,
					       struct gate_rights *rights)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct gate_temporary *t;
	int i;

	for (i = 0; i < GATE_MAX_TEMPORARY && index; i++) {
		t = gate_temporary_at(g, index);
		if (!t)
			return;
		if (now < t->expires) {
			rights->services |= t->services;
			rights->sets |= t->sets;
		}
		index = t->next;
	}
}

/* What the source may do. d->slot is set where any prefix covers it. */
static __always_inline struct gate_rights gate_source_rights(struct gate_generation *g,
							     const struct gate_packet *p,
							     struct gate_decision *d)
{
	struct gate_rights rights = {};
	struct gate_entry *entry;

	d->slot = gate_source_slot(g, p);
	if (!d->slot)
		return rights;
	entry = gate_object(g, g->head->entries + d->slot * (__u32)sizeof(*entry), sizeof(*entry));
	if (!entry)
		return rights;
	rights = g->head->rights[entry->rights & (GATE_MAX_RIGHTS - 1)];
	if (entry->temporary)
		gate_add_temporary(g, entry->temporary, &rights);
	return rights;
}

#endif
