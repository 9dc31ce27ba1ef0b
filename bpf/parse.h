/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a frame to what the policy needs to know of it. Reads only what lies
 * inside both the frame and the lengths that its headers claim: Ethernet
 * padding is never taken for a header.
 *
 * Every function returns a reason when the frame is settled by itself, or
 * GATE_UNDECIDED. Cost: about 3 ns for an untagged TCP frame.
 *
 * IPv4: RFC 791. IPv6 and its extension headers: RFC 8200; which headers are
 * walked follows ipv6_ext_hdr() in net/ipv6/exthdrs_core.c. Neighbour
 * discovery: RFC 4861 (hop limit 255). MLD: RFC 3810 (hop limit 1).
 */
#ifndef APIMGATE_BPF_PARSE_H
#define APIMGATE_BPF_PARSE_H

#include <linux/bpf.h> /* before libbpf's headers, which use its types */

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"

#define GATE_UNDECIDED GATE_REASON_COUNT

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_QINQ = 0x88a8,
};

enum {
	PROTO_HOP_BY_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_DEST_OPTIONS = 60,
};

enum {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
	ICMPV6_UNREACHABLE = 1,
	ICMPV6_PARAMETER = 4,
	ICMPV6_ECHO_REPLY = 129,
	ICMPV6_MLD_QUERY = 130,
	ICMPV6_MLD_DONE = 132,
	ICMPV6_ROUTER_SOLICIT = 133,
	ICMPV6_REDIRECT = 137,
	ICMPV6_MLD2_REPORT = 143,
};

#define DHCP_SERVER bpf_htons(67)
#define DHCP_CLIENT bpf_htons(68)
#define DHCPV6_CLIENT bpf_htons(546)
#define DHCPV6_SERVER bpf_htons(547)

/*
 * It lies in the CPU's own element of a map instead of on the stack. That costs
 * the same, and what the parser found out is then unknown to the verifier, which
 * would otherwise check all that follows for each combination of findings.
 */
struct gate_packet {
	__u32 length; /* of the frame: its first buffer, and all of them where that mattered */
	__u8 family;
	__u8 proto;
	__u8 icmp_type;
	__u8 hop_limit;
	__u8 proto_known;
	__u8 ports_known;
	__u8 destination_known;
	__u8 unclear; /* the reason to drop with, where something is not known */
	/*
	 * A whole packet, or the first fragment that stands for one, hides its port,
	 * protocol or destination: it may be for any of the candidates. (A later
	 * fragment hides its port, too, but its first one shows it.)
	 */
	__u8 hidden;
	__be16 sport;
	__be16 dport;
	__be32 source[4];
	__be32 destination[4];
};

_Static_assert(sizeof(struct gate_packet) <= sizeof(((struct gate_cpu *)0)->frame), "frame");

/* Where the parser stands: next byte, and the end that the headers claim. */
struct gate_cursor {
	struct xdp_md *ctx;
	void *data;
	void *end;
	__u32 offset;
	__u32 limit;
};

struct vlan_tag {
	__be16 tci;
	__be16 ethertype;
};

struct ipv4_header {
	__u8 version_ihl;
	__u8 tos;
	__be16 total_length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 proto;
	__be16 checksum;
	__be32 source;
	__be32 destination;
};

struct ipv6_header {
	__u8 version_class;
	__u8 flow[3];
	__be16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__be32 source[4];
	__be32 destination[4];
};

/* The first eight bytes of any extension header. */
struct ext_header {
	__u8 next_header;
	__u8 length;
	__be16 fragment;
	__u8 rest[4];
};

#define ROUTING_SEGMENTS_LEFT(ext) (((const __u8 *)(ext))[3])

/* A frame's byte 0..65,535 is all that the parser can ever stand on. */
#define GATE_MAX_OFFSET 0xffffU

/*
 * A packet that claims more than the first buffer holds: either the frame has
 * further buffers, or the claim is false. Asking the kernel costs a call, so
 * only such packets pay for it. Returns 0 if the packet ends within the frame.
 */
static __always_inline int gate_extend(struct gate_cursor *c, struct gate_packet *p, __u32 end)
{
	if (end <= c->limit)
		return 0;
	if (!has_frags)
		return -1;
	p->length = bpf_xdp_get_buff_len(c->ctx);
	return end <= p->length ? 0 : -1;
}

/* size bytes at the cursor, or NULL where the frame or the claim ends before. */
static __always_inline void *gate_at(const struct gate_cursor *c, __u32 size)
{
	__u8 *at = (__u8 *)c->data + (c->offset & GATE_MAX_OFFSET);

	if (c->offset + size > c->limit || at + size > (__u8 *)c->end)
		return NULL;
	return at;
}

static __always_inline __u32 gate_unclear(struct gate_packet *p, __u8 reason)
{
	p->ports_known = 0;
	p->unclear = reason;
	return GATE_UNDECIDED;
}

/* Ends a header that is cut short: a first fragment may be, a whole packet may not. */
static __always_inline __u32 gate_cut_short(struct gate_packet *p, int first_fragment)
{
	p->hidden = 1;
	return first_fragment ? gate_unclear(p, GATE_FRAGMENT) : (__u32)GATE_MALFORMED;
}

static __always_inline __u32 gate_unclear_proto(struct gate_packet *p, __u8 reason)
{
	p->proto_known = 0;
	return gate_unclear(p, reason);
}

/* The same within a chain of headers, where the protocol is still to come. */
static __always_inline __u32 gate_chain_cut_short(struct gate_packet *p, int first_fragment)
{
	p->hidden = 1;
	return first_fragment ? gate_unclear_proto(p, GATE_FRAGMENT) : (__u32)GATE_MALFORMED;
}

static __always_inline __u32 gate_parse_ports(struct gate_cursor *c, struct gate_packet *p,
					      int first_fragment)
{
	__be16 *ports = gate_at(c, 4);
	__u32 whole = p->proto == PROTO_TCP ? 20 : 8;

	if (!ports)
		return gate_cut_short(p, first_fragment);
	if (!first_fragment && c->offset + whole > c->limit)
		return GATE_MALFORMED;

	p->sport = ports[0];
	p->dport = ports[1];
	p->ports_known = 1;
	if (p->proto != PROTO_UDP || first_fragment)
		return GATE_UNDECIDED;
	if (p->family == 4 && p->sport == DHCP_SERVER && p->dport == DHCP_CLIENT)
		return GATE_DHCP;
	if (p->family == 6 && p->sport == DHCPV6_SERVER && p->dport == DHCPV6_CLIENT)
		return GATE_DHCP;
	return GATE_UNDECIDED;
}

static __always_inline __u32 gate_parse_icmp(struct gate_cursor *c, struct gate_packet *p,
					     int first_fragment)
{
	__u8 *type = gate_at(c, 8);

	if (!type)
		return gate_cut_short(p, first_fragment);
	p->icmp_type = *type;
	if (first_fragment)
		return GATE_UNDECIDED;
	if (*type == ICMP_UNREACHABLE || *type == ICMP_TIME_EXCEEDED || *type == ICMP_PARAMETER)
		return GATE_ICMP_ERROR;
	return GATE_UNDECIDED;
}

static __always_inline __u32 gate_parse_icmpv6(struct gate_cursor *c, struct gate_packet *p,
					       int first_fragment)
{
	__u8 *type = gate_at(c, 4);

	if (!type)
		return gate_cut_short(p, first_fragment);
	p->icmp_type = *type;
	if (first_fragment)
		return GATE_UNDECIDED; /* RFC 6980: discovery is never fragmented */
	if (*type >= ICMPV6_UNREACHABLE && *type <= ICMPV6_PARAMETER)
		return GATE_ICMP_ERROR;
	if (*type >= ICMPV6_ROUTER_SOLICIT && *type <= ICMPV6_REDIRECT && p->hop_limit == 255)
		return GATE_NEIGHBOUR;
	if (((*type >= ICMPV6_MLD_QUERY && *type <= ICMPV6_MLD_DONE) ||
	     *type == ICMPV6_MLD2_REPORT) &&
	    p->hop_limit == 1)
		return GATE_NEIGHBOUR;
	return GATE_UNDECIDED;
}

static __always_inline __u32 gate_parse_transport(struct gate_cursor *c, struct gate_packet *p,
						  int first_fragment)
{
	if (p->proto == PROTO_TCP || p->proto == PROTO_UDP)
		return gate_parse_ports(c, p, first_fragment);
	if (p->family == 4 && p->proto == PROTO_ICMP)
		return gate_parse_icmp(c, p, first_fragment);
	if (p->family == 6 && p->proto == PROTO_ICMPV6)
		return gate_parse_icmpv6(c, p, first_fragment);
	return GATE_UNDECIDED;
}

static __always_inline __u32 gate_parse_ipv4(struct gate_cursor *c, struct gate_packet *p)
{
	struct ipv4_header *ip = gate_at(c, sizeof(*ip));
	struct ext_header *ah;
	__u32 header, total, fragment;

	if (!ip || ip->version_ihl >> 4 != 4)
		return GATE_MALFORMED;
	header = (ip->version_ihl & 15) * 4;
	total = bpf_ntohs(ip->total_length);
	if (header < sizeof(*ip) || total < header || gate_extend(c, p, c->offset + total))
		return GATE_MALFORMED;

	p->family = 4;
	p->proto = ip->proto;
	p->proto_known = 1;
	p->hop_limit = ip->ttl;
	p->source[0] = ip->source;
	p->destination[0] = ip->destination;
	fragment = bpf_ntohs(ip->fragment);
	c->limit = c->offset + total;
	c->offset += header;

	if (fragment & 0x1fff)
		return gate_unclear(p, GATE_FRAGMENT);
	if (p->proto == PROTO_AH) {
		ah = gate_at(c, sizeof(*ah));
		if (!ah || c->offset + (ah->length + 2) * 4 > c->limit)
			return gate_chain_cut_short(p, fragment & 0x2000);
		p->proto = ah->next_header;
		c->offset += (ah->length + 2) * 4;
	}
	return gate_parse_transport(c, p, fragment & 0x2000);
}

/* Is it an extension header that the walk goes on behind? */
static __always_inline int gate_is_ext_header(__u8 proto)
{
	return proto == PROTO_HOP_BY_HOP || proto == PROTO_ROUTING || proto == PROTO_FRAGMENT ||
	       proto == PROTO_AH || proto == PROTO_DEST_OPTIONS;
}

/*
 * A later fragment: its next-header field is that of the first header of what
 * was cut up. The first fragment, which the stack needs as well, is judged by
 * its real ports, so a lie here wins nothing.
 */
static __always_inline __u32 gate_later_fragment(struct gate_packet *p)
{
	if (gate_is_ext_header(p->proto))
		return gate_unclear_proto(p, GATE_FRAGMENT);
	return gate_unclear(p, GATE_FRAGMENT);
}

static __always_inline __u32 gate_walk_ext_headers(struct gate_cursor *c, struct gate_packet *p)
{
	int first_fragment = 0;
	struct ext_header *ext;
	__u32 i, length;

	for (i = 0; i < GATE_MAX_EXT_HEADERS; i++) {
		/*
		 * Not a return: with one, clang lets the loop's end fall through into its
		 * head, and the verifiers of 5.10 and 6.1 take that for endless.
		 */
		if (!gate_is_ext_header(p->proto))
			break;
		ext = gate_at(c, sizeof(*ext));
		if (!ext)
			return gate_chain_cut_short(p, first_fragment);

		length = (ext->length + 1) * 8;
		if (p->proto == PROTO_AH)
			length = (ext->length + 2) * 4;
		if (p->proto == PROTO_ROUTING && ROUTING_SEGMENTS_LEFT(ext)) {
			/* The stack may turn to another destination of its own. */
			p->destination_known = 0;
			p->hidden = 1;
			p->unclear = GATE_EXT_HEADERS;
		}
		if (p->proto == PROTO_FRAGMENT) {
			length = sizeof(*ext);
			p->proto = ext->next_header;
			if (ext->fragment & bpf_htons(0xfff8))
				return gate_later_fragment(p);
			first_fragment |= ext->fragment & bpf_htons(1);
		} else {
			p->proto = ext->next_header;
		}
		c->offset += length;
		if (c->offset > c->limit)
			return gate_chain_cut_short(p, first_fragment);
	}
	if (!gate_is_ext_header(p->proto))
		return gate_parse_transport(c, p, first_fragment);
	p->hidden = 1;
	return gate_unclear_proto(p, GATE_EXT_HEADERS);
}

static __always_inline __u32 gate_parse_ipv6(struct gate_cursor *c, struct gate_packet *p)
{
	struct ipv6_header *ip = gate_at(c, sizeof(*ip));
	__u32 payload;

	if (!ip || ip->version_class >> 4 != 6)
		return GATE_MALFORMED;
	payload = bpf_ntohs(ip->payload_length);
	c->offset += sizeof(*ip);
	/* Zero with a hop-by-hop header is a jumbogram (RFC 2675): the frame is the bound. */
	if (payload || ip->next_header != PROTO_HOP_BY_HOP) {
		if (gate_extend(c, p, c->offset + payload))
			return GATE_MALFORMED;
		c->limit = c->offset + payload;
	}

	p->family = 6;
	p->proto = ip->next_header;
	p->proto_known = 1;
	p->hop_limit = ip->hop_limit;
	__builtin_memcpy(p->source, ip->source, sizeof(p->source));
	__builtin_memcpy(p->destination, ip->destination, sizeof(p->destination));

	if (!gate_is_ext_header(p->proto))
		return gate_parse_transport(c, p, 0);
	return gate_walk_ext_headers(c, p);
}

/* c: offset 0, limit the frame's length. p: zeroed, but for length and addresses. */
static __always_inline __u32 gate_parse(struct gate_cursor *c, struct gate_packet *p)
{
	struct vlan_tag *tag;
	__be16 *ethertype;
	__be16 type;
	int i;

	p->destination_known = 1;
	if (!gate_at(c, 14))
		return GATE_MALFORMED;
	c->offset = 12;
	ethertype = gate_at(c, 2);
	if (!ethertype)
		return GATE_MALFORMED;
	type = *ethertype;
	c->offset = 14;
	for (i = 0; i < GATE_MAX_VLANS; i++) {
		if (type != bpf_htons(ETHERTYPE_VLAN) && type != bpf_htons(ETHERTYPE_QINQ))
			break;
		tag = gate_at(c, sizeof(*tag));
		if (!tag)
			return GATE_MALFORMED;
		type = tag->ethertype;
		c->offset += sizeof(*tag);
	}

	if (type == bpf_htons(ETHERTYPE_IPV4))
		return gate_parse_ipv4(c, p);
	if (type == bpf_htons(ETHERTYPE_IPV6))
		return gate_parse_ipv6(c, p);
	if (type == bpf_htons(ETHERTYPE_ARP))
		return GATE_ARP;
	if (type == bpf_htons(ETHERTYPE_VLAN) || type == bpf_htons(ETHERTYPE_QINQ))
		return GATE_VLAN_DEPTH;
	return GATE_NON_IP;
}

#endif
