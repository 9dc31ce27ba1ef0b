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

static __always_inline __u64 gate_services_to(const struct gate_head *head,
					      const struct gate_packet *p)
{
	__u32 value = p->family == 4 ? gate_lookup(head, GATE_DST4, 4, p->destination)
				     : gate_lookup(head, GATE_DST6, 6, p->destination);

	return value ? head->rights[(value - 1) & (GATE_MAX_RIGHTS - 1)].services : 0;
}

static __always_inline __u64 gate_candidates(const struct gate_head *head,
					     const struct gate_packet *p)
{
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
	return services & (~to | gate_services_to(head, p));
}

static __always_inline struct gate_temporary *gate_temporary_at(const struct gate_head *head,
								__u32 index)
{
	__u32 size = sizeof(struct gate_temporary);

	return gate_object(head, head->temporaries + (index - 1) * size, size);
}

/* Adds the rights that end by themselves and have not ended. */
static __always_inline void gate_add_temporary(const struct gate_head *head, __u32 index,
					       struct gate_rights *rights)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct gate_temporary *t;
	int i;

	for (i = 0; i < GATE_MAX_TEMPORARY && index; i++) {
		t = gate_temporary_at(head, index);
		if (!t)
			return;
		if (now < t->expires) {
			rights->services |= t->services;
			rights->sets |= t->sets;
		}
		index = t->next;
	}
}

/* Rights that do not fit into the value of a table. */
static __always_inline struct gate_rights gate_special_rights(const struct gate_head *head,
							      __u32 index, struct gate_decision *d)
{
	__u32 size = sizeof(struct gate_special);
	struct gate_rights rights = {};
	struct gate_special *special;

	special = gate_object(head, head->specials + index * size, size);
	if (!special)
		return rights;
	d->slot = special->slot;
	rights = head->rights[special->rights & (GATE_MAX_RIGHTS - 1)];
	if (special->temporary)
		gate_add_temporary(head, special->temporary, &rights);
	return rights;
}

/* What the source may do. d->slot is set where any prefix covers it. */
static __always_inline struct gate_rights gate_source_rights(const struct gate_head *head,
							     const struct gate_packet *p,
							     struct gate_decision *d)
{
	__u32 value = p->family == 4 ? gate_lookup(head, GATE_SRC4, 4, p->source)
				     : gate_lookup(head, GATE_SRC6, 6, p->source);
	__u32 rights = value >> GATE_SLOT_BITS;

	d->slot = value & (GATE_MAX_SLOTS - 1);
	if (rights == GATE_RIGHTS_SPECIAL)
		return gate_special_rights(head, d->slot, d);
	return head->rights[rights & (GATE_MAX_RIGHTS - 1)];
}

#endif
