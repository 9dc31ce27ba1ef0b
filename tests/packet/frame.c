// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/frame.h"

#include <stdlib.h>
#include <string.h>

void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

uint8_t *frame_add(struct frame *f, size_t size)
{
	uint8_t *at = f->bytes + f->length;

	if (size > FRAME_MAX - f->length)
		abort();
	memset(at, 0, size);
	f->length += size;
	return at;
}

void frame_start(struct frame *f)
{
	f->length = 0;
	f->ip_count = 0;
	memset(f->ip, 0, sizeof(f->ip));
	f->next_at = 0;
	memset(frame_add(f, 6), 0x02, 6);
	memset(frame_add(f, 6), 0x06, 6);
	f->type_at = f->length;
	frame_add(f, 2);
}

void frame_type(struct frame *f, uint16_t ethertype)
{
	if (f->type_at)
		put16(f->bytes + f->type_at, ethertype);
	f->type_at = 0;
}

void frame_next(struct frame *f, uint8_t number)
{
	if (f->next_at)
		f->bytes[f->next_at] = number;
	f->next_at = 0;
}

void frame_vlan(struct frame *f, uint16_t ethertype, uint16_t id)
{
	frame_type(f, ethertype);
	put16(frame_add(f, 2), id);
	f->type_at = f->length;
	frame_add(f, 2);
}

void frame_arp(struct frame *f)
{
	static const uint8_t request[8] = {0, 1, 8, 0, 6, 4, 0, 1};

	frame_type(f, TYPE_ARP);
	memcpy(frame_add(f, 28), request, sizeof(request));
}

/* An IP header behind an IP header is a tunnel. */
static void begin_ip(struct frame *f, uint16_t ethertype, uint8_t number)
{
	frame_type(f, ethertype);
	frame_next(f, number);
	if (f->ip_count == FRAME_MAX_IPS)
		abort();
	f->ip[f->ip_count++] = f->length;
}

void frame_ipv4(struct frame *f, const uint8_t *source, const uint8_t *destination, size_t options)
{
	uint8_t *ip;

	begin_ip(f, TYPE_IPV4, NEXT_IPIP);
	ip = frame_add(f, 20 + options);
	ip[0] = (uint8_t)(0x40 | (20 + options) / 4);
	ip[8] = 64;
	ip[9] = 255;
	memcpy(ip + 12, source, 4);
	memcpy(ip + 16, destination, 4);
	memset(ip + 20, 1, options); /* no-operation */
	f->next_at = (size_t)(ip - f->bytes) + 9;
}

void frame_ipv4_fragment(struct frame *f, uint16_t offset, bool more)
{
	uint8_t *ip = f->bytes + f->ip[f->ip_count - 1];

	put16(ip + 6, (more ? 0x2000U : 0) | offset);
}

void frame_ipv6(struct frame *f, const uint8_t *source, const uint8_t *destination)
{
	uint8_t *ip;

	begin_ip(f, TYPE_IPV6, NEXT_IPV6);
	ip = frame_add(f, 40);
	ip[0] = 0x60;
	ip[6] = NEXT_NONE;
	ip[7] = 64;
	memcpy(ip + 8, source, 16);
	memcpy(ip + 24, destination, 16);
	f->next_at = (size_t)(ip - f->bytes) + 6;
}

void frame_ext(struct frame *f, uint8_t number, size_t size)
{
	uint8_t *ext;

	frame_next(f, number);
	ext = frame_add(f, size);
	ext[0] = NEXT_NONE;
	ext[1] = (uint8_t)(number == NEXT_AH ? size / 4 - 2 : size / 8 - 1);
	/* One option that pads the rest. */
	if (number == NEXT_HOP_BY_HOP || number == NEXT_DEST) {
		ext[2] = 1;
		ext[3] = (uint8_t)(size - 4);
	}
	f->next_at = (size_t)(ext - f->bytes);
}

void frame_routing(struct frame *f, uint8_t segments_left)
{
	size_t at = f->length;

	frame_ext(f, NEXT_ROUTING, 24);
	f->bytes[at + 2] = 2;
	f->bytes[at + 3] = segments_left;
}

void frame_fragment(struct frame *f, uint16_t offset, bool more)
{
	size_t at = f->length;

	frame_ext(f, NEXT_FRAGMENT, 8);
	f->bytes[at + 1] = 0;
	put16(f->bytes + at + 2, (uint32_t)offset << 3 | more);
	f->bytes[at + 7] = 77;
}

static uint8_t *add_ports(struct frame *f, uint8_t number, size_t size, uint16_t sport,
			  uint16_t dport)
{
	uint8_t *at;

	frame_next(f, number);
	at = frame_add(f, size);
	put16(at, sport);
	put16(at + 2, dport);
	return at;
}

void frame_tcp(struct frame *f, uint16_t sport, uint16_t dport)
{
	uint8_t *tcp = add_ports(f, NEXT_TCP, 20, sport, dport);

	tcp[12] = 5 << 4;
	tcp[13] = 2; /* SYN */
}

void frame_udp(struct frame *f, uint16_t sport, uint16_t dport)
{
	put16(add_ports(f, NEXT_UDP, 8, sport, dport) + 4, 8);
}

void frame_sctp(struct frame *f, uint16_t sport, uint16_t dport)
{
	add_ports(f, NEXT_SCTP, 12, sport, dport);
}

void frame_icmp(struct frame *f, uint8_t type)
{
	frame_next(f, NEXT_ICMP);
	frame_add(f, 8)[0] = type;
}

void frame_icmpv6(struct frame *f, uint8_t type)
{
	frame_next(f, NEXT_ICMPV6);
	frame_add(f, 8)[0] = type;
}

void frame_finish(struct frame *f)
{
	uint8_t *ip;
	size_t i;

	for (i = 0; i < f->ip_count && f->ip[i] < f->length; i++) {
		ip = f->bytes + f->ip[i];
		if (ip[0] >> 4 == 4)
			put16(ip + 2, (uint32_t)(f->length - f->ip[i]));
		else if (f->length >= f->ip[i] + 40)
			put16(ip + 4, (uint32_t)(f->length - f->ip[i] - 40));
	}
}
