// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "agent/base/cleanup.h"
#include "tests/packet/random.h"

/* Adds or takes one, as of a number of that many bytes. */
static void step(uint8_t *address, size_t size, bool up)
{
	size_t i = size;

	while (i-- > 0) {
		address[i] = (uint8_t)(up ? address[i] + 1 : address[i] - 1);
		if (address[i] != (up ? 0 : 255))
			return;
	}
}

/* The first or last address of the prefix, one beside them, or any inside. */
static void near_prefix(struct random *r, const struct prefix *prefix, uint8_t out[16])
{
	size_t size = prefix->family == 4 ? 4 : 16;
	uint32_t what = random_below(r, 5);
	size_t bit;

	memcpy(out, prefix->address, 16);
	for (bit = prefix->length; bit < size * 8; bit++)
		if (what == 2 || what == 3 || (what == 4 && random_one_in(r, 2)))
			out[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	if (what == 1)
		step(out, size, false);
	if (what == 3)
		step(out, size, true);
}

static const struct prefix *any_entry(struct random *r, const struct policy *policy)
{
	if (!policy->entry_count)
		return NULL;
	return &policy->entries[random_below(r, (uint32_t)policy->entry_count)].prefix;
}

static const struct prefix *any_destination(struct random *r, const struct policy *policy)
{
	uint32_t from = random_below(r, GATE_MAX_SERVICES), i;
	const struct policy_service *service;

	for (i = 0; i < GATE_MAX_SERVICES; i++) {
		service = &policy->services[(from + i) % GATE_MAX_SERVICES];
		if (service->name[0] && service->to_count)
			return &service->to[random_below(r, service->to_count)];
	}
	return NULL;
}

/* Half of the time close to a prefix, of whichever family that is. */
static void random_address(struct random *r, const struct prefix *prefix, uint8_t out[16])
{
	uint8_t swapped[16];
	int i;

	random_bytes(r, out, 16);
	if (!prefix || random_one_in(r, 4))
		return;
	near_prefix(r, prefix, out);
	if (random_one_in(r, 8)) {
		memcpy(swapped, out, 16);
		for (i = 0; i < 4; i++)
			out[i] = swapped[3 - i];
	}
}

static void add_links(struct random *r, struct frame *f)
{
	uint32_t tags = random_one_in(r, 4) ? random_below(r, 6) : 0;

	while (tags--)
		frame_vlan(f, random_one_in(r, 2) ? TYPE_VLAN : TYPE_QINQ,
			   (uint16_t)random_next(r));
}

static void add_ipv4(struct random *r, struct frame *f, const uint8_t *source,
		     const uint8_t *destination)
{
	uint32_t what = random_below(r, 8);

	frame_ipv4(f, source, destination, random_one_in(r, 4) ? random_below(r, 11) * 4 : 0);
	if (what == 0)
		frame_ipv4_fragment(f, (uint16_t)(random_next(r) & 0x1fff), random_one_in(r, 2));
	if (what == 1)
		frame_ipv4_fragment(f, 0, true);
	if (random_one_in(r, 16))
		frame_ext(f, NEXT_AH, 12 + 4 * random_below(r, 4));
}

static void add_extensions(struct random *r, struct frame *f)
{
	static const uint8_t kinds[] = {NEXT_HOP_BY_HOP, NEXT_DEST, NEXT_ROUTING, NEXT_FRAGMENT,
					NEXT_AH};
	uint32_t count = random_one_in(r, 2) ? random_below(r, 11) : 0;

	for (; count > 0; count--) {
		uint8_t kind = kinds[random_below(r, ARRAY_SIZE(kinds))];

		if (kind == NEXT_ROUTING)
			frame_routing(f, random_one_in(r, 4) ? (uint8_t)random_next(r) : 0);
		else if (kind == NEXT_FRAGMENT)
			frame_fragment(f, random_one_in(r, 6) ? (uint16_t)random_below(r, 9) : 0,
				       random_one_in(r, 4));
		else
			frame_ext(f, kind,
				  8 * (1 + (random_one_in(r, 4) ? random_below(r, 5) : 0)));
	}
}

static uint16_t near_port(struct random *r)
{
	uint16_t port = random_port(r);

	if (random_one_in(r, 4))
		port = (uint16_t)(port + random_below(r, 3) - 1);
	if (random_one_in(r, 8))
		port = (uint16_t)(port << 8 | port >> 8);
	return random_one_in(r, 8) ? (uint16_t)random_next(r) : port;
}

static void add_transport(struct random *r, struct frame *f)
{
	static const uint8_t types[] = {0,   3,	  8,   11,  12,	 1,   2,   4,  128,
					129, 130, 132, 133, 135, 137, 138, 143};
	uint8_t type = types[random_below(r, ARRAY_SIZE(types))];

	switch (random_below(r, 10)) {
	case 0:
		frame_icmp(f, type);
		break;
	case 1:
		frame_icmpv6(f, type);
		break;
	case 2:
		frame_next(f, (uint8_t)random_next(r));
		break;
	case 3:
		frame_sctp(f, near_port(r), near_port(r));
		break;
	case 4:
		frame_udp(f, random_one_in(r, 2) ? 67 : 547, random_one_in(r, 2) ? 68 : 546);
		break;
	case 5:
	case 6:
		frame_udp(f, near_port(r), near_port(r));
		break;
	default:
		frame_tcp(f, near_port(r), near_port(r));
	}
	frame_add(f, random_below(r, 24));
}

/* Shorter than its headers need, longer than they say, or a few wrong bytes. */
static void damage(struct random *r, struct frame *f)
{
	uint32_t cut = random_below(r, 40), what = random_below(r, 12);

	if (what < 2 && f->length > 14 + cut)
		f->length -= cut;
	if (what != 0)
		frame_finish(f);
	if (what == 2 || what == 3)
		random_bytes(r, frame_add(f, cut), cut);
	for (; what == 4 && cut > 30; cut--)
		f->bytes[12 + random_below(r, (uint32_t)f->length - 12)] = (uint8_t)random_next(r);
}

void random_frame(struct random *r, const struct policy *policy, struct frame *f)
{
	const struct prefix *from = any_entry(r, policy), *to = any_destination(r, policy);
	uint8_t family = from && !random_one_in(r, 4) ? from->family : random_one_in(r, 2) ? 4 : 6;
	static const uint8_t limits[] = {0, 1, 2, 64, 254, 255};
	uint8_t source[16], destination[16];

	random_address(r, from, source);
	random_address(r, to, destination);
	frame_start(f);
	add_links(r, f);
	if (random_one_in(r, 32)) {
		frame_type(f, random_one_in(r, 3) ? TYPE_ARP : (uint16_t)random_next(r));
		random_bytes(r, frame_add(f, 46), 46);
		return;
	}
	if (family == 4) {
		add_ipv4(r, f, source, destination);
	} else {
		frame_ipv6(f, source, destination);
		f->bytes[f->ip[0] + 7] = limits[random_below(r, ARRAY_SIZE(limits))];
		add_extensions(r, f);
	}
	add_transport(r, f);
	damage(r, f);
}
