// SPDX-License-Identifier: Apache-2.0
/* Sections 1 to 4 of docs/policy.md. */
#include <string.h>

#include "tests/packet/frame.h"
#include "tests/packet/model.h"

/* What is left to read: all reading is at its start. */
struct view {
	const uint8_t *at;
	size_t left;
};

static void skip(struct view *v, size_t size)
{
	v->at += size;
	v->left -= size;
}

static void settle(struct model_packet *p, enum gate_reason reason)
{
	p->settled = (int)reason;
}

static void no_ports(struct model_packet *p, enum gate_reason reason)
{
	p->port = -1;
	p->unclear = (int)reason;
}

static void no_proto(struct model_packet *p, enum gate_reason reason)
{
	no_ports(p, reason);
	p->proto = -1;
}

static bool is_extension(int number)
{
	return number == NEXT_HOP_BY_HOP || number == NEXT_DEST || number == NEXT_ROUTING ||
	       number == NEXT_FRAGMENT || number == NEXT_AH;
}

static void read_icmp(struct view v, struct model_packet *p, bool fragment)
{
	uint8_t type = v.at[0];

	p->echo_reply = type == 0;
	if (!fragment && (type == 3 || type == 11 || type == 12))
		settle(p, GATE_ICMP_ERROR);
}

static void read_icmpv6(struct view v, struct model_packet *p, bool fragment, uint8_t hop_limit)
{
	uint8_t type = v.at[0];
	bool listener = (type >= 130 && type <= 132) || type == 143;

	p->echo_reply = type == 129;
	if (fragment)
		return;
	if (type >= 1 && type <= 4)
		settle(p, GATE_ICMP_ERROR);
	else if (type >= 133 && type <= 137 && hop_limit == 255)
		settle(p, GATE_NEIGHBOUR);
	else if (listener && hop_limit == 1)
		settle(p, GATE_NEIGHBOUR);
}

static void read_ports(struct view v, struct model_packet *p, bool fragment)
{
	uint32_t from = get16(v.at), to = get16(v.at + 2);
	bool dhcp = p->family == 4 ? from == 67 && to == 68 : from == 547 && to == 546;

	p->port = (int)to;
	if (p->proto == NEXT_UDP && dhcp && !fragment)
		settle(p, GATE_DHCP);
}

/* fragment: it is the first one of several. */
static void read_transport(struct view v, struct model_packet *p, bool fragment, uint8_t hop_limit)
{
	bool icmp = p->family == 4 && p->proto == NEXT_ICMP;
	bool icmpv6 = p->family == 6 && p->proto == NEXT_ICMPV6;
	bool ports = p->proto == NEXT_TCP || p->proto == NEXT_UDP;
	size_t whole = p->proto == NEXT_TCP ? 20 : icmpv6 ? 4 : 8;

	if (!icmp && !icmpv6 && !ports)
		return;
	if (!fragment && v.left < whole) {
		settle(p, GATE_MALFORMED);
		return;
	}
	if (v.left < (ports ? 4 : whole)) {
		no_ports(p, GATE_FRAGMENT);
		return;
	}
	if (icmp)
		read_icmp(v, p, fragment);
	else if (icmpv6)
		read_icmpv6(v, p, fragment, hop_limit);
	else
		read_ports(v, p, fragment);
}

/* Steps over an authentication header of IPv4. Returns false where that ends it. */
static bool skip_ah(struct view *v, struct model_packet *p, bool fragment)
{
	size_t size = v->left >= 2 ? (v->at[1] + 2U) * 4 : 0;

	if (v->left >= 8 && v->left >= size) {
		p->proto = v->at[0];
		skip(v, size);
		return true;
	}
	if (fragment)
		no_proto(p, GATE_FRAGMENT);
	else
		settle(p, GATE_MALFORMED);
	return false;
}

static void read_ipv4(struct view v, struct model_packet *p)
{
	size_t header, total;
	uint32_t fragment;

	if (v.left < 20 || v.at[0] >> 4 != 4) {
		settle(p, GATE_MALFORMED);
		return;
	}
	header = (v.at[0] & 15U) * 4;
	total = get16(v.at + 2);
	if (header < 20 || total < header || total > v.left) {
		settle(p, GATE_MALFORMED);
		return;
	}
	p->family = 4;
	p->proto = v.at[9];
	memcpy(p->source, v.at + 12, 4);
	memcpy(p->destination, v.at + 16, 4);
	fragment = get16(v.at + 6);
	v.left = total;
	skip(&v, header);

	if (fragment & 0x1fff) {
		p->later_fragment = true;
		no_ports(p, GATE_FRAGMENT);
		return;
	}
	if (p->proto == NEXT_AH && !skip_ah(&v, p, fragment & 0x2000))
		return;
	read_transport(v, p, fragment & 0x2000, 0);
}

/* The header that v starts with, of kind p->proto. Returns false where it ends the walk. */
static bool walk_one(struct view *v, struct model_packet *p, bool *first)
{
	int kind = p->proto;
	size_t size = 0;

	if (v->left >= 8)
		size = kind == NEXT_AH	       ? (v->at[1] + 2U) * 4
		       : kind == NEXT_FRAGMENT ? 8
					       : (v->at[1] + 1U) * 8;
	if (size && kind == NEXT_ROUTING && v->at[3]) {
		p->any_destination = true;
		p->unclear = GATE_EXT_HEADERS;
	}
	if (!size || size > v->left) {
		if (*first)
			no_proto(p, GATE_FRAGMENT);
		else
			settle(p, GATE_MALFORMED);
		return false;
	}
	p->proto = v->at[0];
	if (kind == NEXT_FRAGMENT && get16(v->at + 2) >> 3) {
		if (is_extension(p->proto))
			p->proto = -1;
		p->later_fragment = true;
		no_ports(p, GATE_FRAGMENT);
		return false;
	}
	if (kind == NEXT_FRAGMENT && v->at[3] & 1)
		*first = true;
	skip(v, size);
	return true;
}

static void read_ipv6(struct view v, struct model_packet *p)
{
	uint8_t hop_limit;
	bool first = false;
	size_t payload;
	int headers;

	if (v.left < 40 || v.at[0] >> 4 != 6) {
		settle(p, GATE_MALFORMED);
		return;
	}
	payload = get16(v.at + 4);
	if (payload > v.left - 40) {
		settle(p, GATE_MALFORMED);
		return;
	}
	p->family = 6;
	p->proto = v.at[6];
	hop_limit = v.at[7];
	memcpy(p->source, v.at + 8, 16);
	memcpy(p->destination, v.at + 24, 16);
	if (payload || p->proto != NEXT_HOP_BY_HOP)
		v.left = 40 + payload;
	skip(&v, 40);

	for (headers = 0; is_extension(p->proto); headers++) {
		if (headers == GATE_MAX_EXT_HEADERS) {
			no_proto(p, GATE_EXT_HEADERS);
			return;
		}
		if (!walk_one(&v, p, &first))
			return;
	}
	read_transport(v, p, first, hop_limit);
}

void model_parse(const uint8_t *frame, size_t length, struct model_packet *p)
{
	struct view v = {frame, length};
	uint32_t type;
	int tags;

	memset(p, 0, sizeof(*p));
	p->settled = p->proto = p->port = p->unclear = -1;
	if (length < 14) {
		settle(p, GATE_MALFORMED);
		return;
	}
	type = get16(v.at + 12);
	skip(&v, 14);
	for (tags = 0; type == TYPE_VLAN || type == TYPE_QINQ; tags++) {
		if (tags == GATE_MAX_VLANS || v.left < 4) {
			settle(p, tags == GATE_MAX_VLANS ? GATE_VLAN_DEPTH : GATE_MALFORMED);
			return;
		}
		type = get16(v.at + 2);
		skip(&v, 4);
	}
	if (type == TYPE_IPV4)
		read_ipv4(v, p);
	else if (type == TYPE_IPV6)
		read_ipv6(v, p);
	else
		settle(p, type == TYPE_ARP ? GATE_ARP : GATE_NON_IP);
}
