/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds frames, from functions (one a header) or from text:
 *
 *	"vlan v4 D>H opts=8 tcp=1000>443"
 *
 * Headers are put down in order; each writes its number into the one before.
 * Lengths are filled in by frame_finish(), and the text can lie about them.
 */
#ifndef APIMGATE_TESTS_PACKET_FRAME_H
#define APIMGATE_TESTS_PACKET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 70000
#define FRAME_MAX_IPS 4

/* The world of the tests: allowed, denied, the protected host, azure-platform. */
#define ALLOWED4 "20.1.2.3"
#define ALLOWED6 "2603:1030:1::5"
#define DENIED4 "203.0.113.9"
#define DENIED6 "2001:db8:dead::9"
#define HOST4 "10.9.8.7"
#define HOST6 "fd00:9::7"
#define PLATFORM4 "168.63.129.16"

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_QINQ = 0x88a8,
	TYPE_LLDP = 0x88cc,
};

enum {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ICMP = 1,
	NEXT_IPIP = 4,
	NEXT_TCP = 6,
	NEXT_UDP = 17,
	NEXT_IPV6 = 41,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_GRE = 47,
	NEXT_ESP = 50,
	NEXT_AH = 51,
	NEXT_ICMPV6 = 58,
	NEXT_NONE = 59,
	NEXT_DEST = 60,
	NEXT_SCTP = 132,
};

struct frame {
	size_t length;
	size_t type_at; /* where the next ethertype goes, 0: it is there */
	size_t next_at; /* where the next protocol's number goes, 0: nowhere */
	size_t ip[FRAME_MAX_IPS];
	size_t ip_count;
	uint8_t bytes[FRAME_MAX];
};

/* An Ethernet header that waits for its ethertype. */
void frame_start(struct frame *f);
/* Room for size bytes, zeroed. */
uint8_t *frame_add(struct frame *f, size_t size);
void frame_type(struct frame *f, uint16_t ethertype);
void frame_next(struct frame *f, uint8_t number);

void frame_vlan(struct frame *f, uint16_t ethertype, uint16_t id);
void frame_arp(struct frame *f);
void frame_ipv4(struct frame *f, const uint8_t *source, const uint8_t *destination, size_t options);
void frame_ipv6(struct frame *f, const uint8_t *source, const uint8_t *destination);
/* Any extension header but the two below; size as its kind allows. */
void frame_ext(struct frame *f, uint8_t number, size_t size);
void frame_routing(struct frame *f, uint8_t segments_left);
/* offset in units of 8 bytes */
void frame_fragment(struct frame *f, uint16_t offset, bool more);
void frame_tcp(struct frame *f, uint16_t sport, uint16_t dport);
void frame_udp(struct frame *f, uint16_t sport, uint16_t dport);
void frame_sctp(struct frame *f, uint16_t sport, uint16_t dport);
void frame_icmp(struct frame *f, uint8_t type);
void frame_icmpv6(struct frame *f, uint8_t type);
/* Writes the length of every IP header, as the frame is now. */
void frame_finish(struct frame *f);

/* The offset field of an IPv4 header. */
void frame_ipv4_fragment(struct frame *f, uint16_t offset, bool more);

/*
 * From text, words with blanks between:
 *	vlan qinq arp lldp type=N	links
 *	v4 v6 SOURCE>DESTINATION	A D H P are the addresses above
 *	opts=BYTES off=N mf		of the IPv4 header before
 *	total=N ihl=N ver=N proto=N	the same, as lies
 *	hop=N plen=N			of the IPv6 header before
 *	hbh dst ah[=BYTES] rh=SEGMENTS fh=OFFSET[+]
 *	tcp=S>D udp=S>D sctp=S>D icmp=TYPE icmp6=TYPE
 *	next=N				a protocol with no header of its own
 *	data=N				N bytes that look like nothing
 *	short=N				N bytes less, and the lengths say so
 *	cut=N				N bytes less, and the lengths do not say so
 *	pad				zeros up to 60 bytes, which no length counts
 */
void frame_parse(struct frame *f, const char *text);

/* An address in text, or one of the names above. */
void frame_address(const char *text, size_t length, uint8_t family, uint8_t out[16]);

void put16(uint8_t *at, uint32_t value);
uint32_t get16(const uint8_t *at);

#endif
